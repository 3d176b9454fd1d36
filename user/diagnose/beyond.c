/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What routers and hosts beyond this node answer with ICMP errors: no route there, a host nobody finds,
 * an administrator's no. It knows who says so and of what, not why: their state is not this node's.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/routing.h"

#define CLASS "unreachable"

enum refusal_kind { REFUSAL_NONE, REFUSAL_ROUTE, REFUSAL_HOST, REFUSAL_RULE };

/* RFC 792, RFC 1812 5.2.7.1; RFC 4443 3.1. Ports are port.c's, sizes mtu.c's. */
static enum refusal_kind refusal_kind(const struct packet *answer)
{
	if (answer->ip_version == 6) {
		if (answer->proto != IPPROTO_ICMPV6 || answer->icmp_type != 1)
			return REFUSAL_NONE;
		switch (answer->icmp_code) {
		case 0: /* no route */
		case 6: /* reject route */
			return REFUSAL_ROUTE;
		case 3:
			return REFUSAL_HOST;
		case 1: /* prohibited */
		case 5: /* failed source policy */
			return REFUSAL_RULE;
		}
		return REFUSAL_NONE;
	}
	if (answer->proto != IPPROTO_ICMP || answer->icmp_type != 3)
		return REFUSAL_NONE;
	switch (answer->icmp_code) {
	case 0:
	case 6:
	case 11:
		return REFUSAL_ROUTE;
	case 1:
	case 7:
	case 12:
		return REFUSAL_HOST;
	case 9:
	case 10:
	case 13:
		return REFUSAL_RULE;
	}
	return REFUSAL_NONE;
}

static void refusal_text(struct finding *finding, enum refusal_kind kind, const char *router,
			 const char *dst)
{
	switch (kind) {
	case REFUSAL_ROUTE:
		finding_summary(finding, "Router %s, beyond this node, has no route to %s.", router,
				dst);
		finding_remedy(finding, "# on %s:  ip route get %s", router, dst);
		break;
	case REFUSAL_HOST:
		finding_summary(finding,
				"Router %s, beyond this node, gets no answer from %s: nobody has "
				"that address there, or it is down.",
				router, dst);
		finding_remedy(finding, "# on %s:  ip neigh show %s", router, dst);
		break;
	default:
		finding_summary(finding,
				"%s, beyond this node, refuses packets for %s: administratively "
				"prohibited.",
				router, dst);
		finding_remedy(finding, "# on %s:  iptables-save -c | grep -E 'REJECT|DROP'",
			       router);
		break;
	}
}

void beyond_answer(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		   const struct flow_answer *answer)
{
	static const char *const ids[] = {"", "no-route", "neighbour-failed", "netfilter-reject"};
	enum refusal_kind kind = refusal_kind(&answer->packet);
	struct finding *finding;
	char router[ADDRESS_TEXT], dst[ADDRESS_TEXT], code[64];

	/*
	 * An answer to the reply is the other side's business; one that was mended meanwhile is past,
	 * and so is one to what was sent before the trace.
	 */
	if (kind == REFUSAL_NONE || !flow->forward.packets || answer->local || !answer->forward ||
	    flow_has_reply(flow) || answer->quoted.encap_kind != ENCAP_NONE ||
	    service_is_pinged(d, flow))
		return;
	address_text(address_make(answer->packet.ip_version, answer->packet.src), router);
	address_text(flow_final_tuple(flow).dst, dst);
	finding = finding_new(list, ids[kind], CLASS, SEVERITY_ERROR, BASIS_SEEN);
	finding_key(finding, "beyond %s %s", router, dst);
	finding_about(finding, flow, answer->count, flow->forward.packets);
	finding_where(finding, d, answer->from_netns, answer->from_ifindex);
	refusal_text(finding, kind, router, dst);
	snprintf(code, sizeof(code), "type %u code %u", answer->packet.icmp_type,
		 answer->packet.icmp_code);
	finding_evidence(finding, "seen %llu × ICMP unreachable (%s) from %s come in by %s",
			 (unsigned long long)answer->count, code, router,
			 lookup_device_name(d, answer->from_netns, answer->from_ifindex));
	finding_text(finding, "router", "%s", router);
	finding_text(finding, kind == REFUSAL_HOST ? "address" : "destination", "%s", dst);
}
