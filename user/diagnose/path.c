/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "path": what nothing else explains. Packets that left intact and were never
 * answered, and packets that disappeared inside the node without a drop. Both are said only
 * of conversations that owe an answer.
 */
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/routing.h"

#define CLASS "path"

static const struct journey *sample_with(const struct flow_direction *way, enum verdict verdict)
{
	for (int i = 0; i < way->sample_count; i++) {
		if (way->samples[i]->verdict == verdict)
			return way->samples[i];
	}
	return NULL;
}

static const char *hop_text(const struct diagnosis *d, const struct hop *hop,
			    char buffer[LOOKUP_TEXT])
{
	const char *name = lookup_device_name(d, hop->netns, hop->ifindex);

	snprintf(buffer, LOOKUP_TEXT, "%s %s", name[0] ? name : "unknown device",
		 hop->out ? "out" : "in");
	return buffer;
}

/* The device the packet should have come to next, by the route of its namespace. */
static const char *next_device(const struct diagnosis *d, const struct hop *hop)
{
	struct address dst = address_make(hop->packet.ip_version, hop->packet.dst);
	const struct pod *pod = facts_pod_of_address(d->facts, dst);
	const struct route *route;

	if (pod && pod->host_name[0])
		return pod->host_name;
	route = lookup_route(d, facts_netns(d->facts, hop->netns), dst);
	return route ? lookup_device_name(d, hop->netns, route->ifindex) : "";
}

/* The bridge of the node whose own subnet holds `dst`, NULL none. */
static const struct link *bridge_of_subnet(const struct diagnosis *d, struct address dst)
{
	struct netns_facts *node = lookup_node(d);

	if (!node || !facts_need(d->facts, node, FACT_LINKS | FACT_ADDRESSES))
		return NULL;
	array_each(own, &node->addresses) {
		const struct link *link = lookup_link(d, node->inode, own->ifindex);

		if (link && !strcmp(link->kind, "bridge") && own->prefix_len < 31 &&
		    address_in(dst, own->address, own->prefix_len))
			return link;
	}
	return NULL;
}

/* An address of the node's own pod subnet that no pod holds: nobody can answer for it. */
static struct finding *absent_pod(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, struct address dst)
{
	const struct link *bridge = bridge_of_subnet(d, dst);
	struct netns_facts *node = lookup_node(d);
	struct finding *finding;
	char text[ADDRESS_TEXT];

	if (!bridge)
		return NULL;
	array_each(own, &node->addresses) {
		if (address_equal(own->address, dst))
			return NULL;
	}
	address_text(dst, text);
	finding =
		finding_new(list, "neighbour-failed", "unreachable", SEVERITY_ERROR, about->basis);
	finding_key(finding, "absent %s", text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, node->inode, bridge->ifindex);
	finding_summary(
		finding,
		"No pod of this node has %s, and nobody answers for it on %s: whoever sends "
		"to it uses a stale address.",
		text, bridge->name);
	finding_evidence(finding, "seen %llu of %llu packets reach no pod that holds %s",
			 (unsigned long long)about->count, (unsigned long long)about->of, text);
	finding_evidence(finding, "fact %s is in the subnet of %s; no pod's CNI result names it",
			 text, bridge->name);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "device", "%s", bridge->name);
	finding_text(finding, "state", "absent");
	finding_remedy(finding, "ip neigh show %s", text);
	finding_remedy(finding, "kubectl get pods -A -o wide | grep -F %s", text);
	return finding;
}

/* Lost without a drop, but the state of the destination's port says why. */
static bool explained_by_state(struct diagnosis *d, struct finding_list *list,
			       const struct flow *flow, uint64_t count, uint64_t of)
{
	struct address dst = flow_final_tuple(flow).dst;
	const struct pod *pod = facts_pod_of_address(d->facts, dst);
	struct concern about = {.flow = flow, .count = count, .of = of, .basis = BASIS_STATE};

	if (wrong_gateway_mac_explain(d, list, &about, dst))
		return true;
	if (pod)
		return port_explain(d, list, &about, pod) != NULL;
	return absent_pod(d, list, &about, dst) != NULL;
}

/* Is the traced pod one of its ends? Without a traced pod all are told. */
static bool is_of_subject(const struct diagnosis *d, const struct flow *flow)
{
	const struct pod *pod = d->subject_pod;

	for (unsigned i = 0; pod && i < pod->address_count; i++) {
		for (unsigned k = 0; k < flow->tuple_count; k++) {
			if (address_equal(pod->addresses[i], flow->tuples[k].src) ||
			    address_equal(pod->addresses[i], flow->tuples[k].dst))
				return true;
		}
	}
	return !pod;
}

static void explain_vanished(struct diagnosis *d, struct finding_list *list,
			     const struct flow *flow, const struct flow_direction *way)
{
	uint64_t count = way->verdicts[VERDICT_VANISHED];
	const struct journey *journey = sample_with(way, VERDICT_VANISHED);
	const struct hop *last;
	struct finding *finding;
	char text[LOOKUP_TEXT], flowing[LOOKUP_TEXT];
	const char *next;

	if (!count || !journey || !journey->hop_count || flow->drop_count)
		return;
	/* What others send to an address nobody holds, flooded to the traced pod's port: its kernel passed it over. */
	if (journey->has_drop && journey->drop.info.pkt_type == PACKET_OTHERHOST &&
	    !is_of_subject(d, flow))
		return;
	/* So many may have been lost sight of by us. */
	if (flow->hides_way || count <= d->forgotten * way->packets)
		return;
	/* TCP mends single losses; what matters is a conversation that does not get through. */
	if (flow->proto == IPPROTO_TCP && flow->established && way->retransmits == 0)
		return;
	if (flow->proto != IPPROTO_TCP && count * 2 < way->packets && flow_has_reply(flow))
		return;
	if (way == &flow->forward && explained_by_state(d, list, flow, count, way->packets))
		return;
	last = &journey->hops[journey->hop_count - 1];
	next = next_device(d, last);
	finding = finding_new(list, "vanished", CLASS, SEVERITY_ERROR, BASIS_ABSENCE);
	finding_key(finding, "%u %u %d", last->netns, last->ifindex, last->out);
	finding_about(finding, flow, count, way->packets);
	finding_where(finding, d, last->netns, last->ifindex);
	hop_text(d, last, text);
	finding_summary(finding,
			"%.200s: packets are lost inside the node after %s%s%s, and no drop was "
			"seen.",
			flow_text(flow, flowing), text, next[0] ? " and before " : "", next);
	finding_evidence(finding, "seen %llu of %llu packets last at %s", (unsigned long long)count,
			 (unsigned long long)way->packets, text);
	if (next[0])
		finding_evidence(finding, "fact the next device would be %s", next);
	finding_text(finding, "device", "%s", lookup_device_name(d, last->netns, last->ifindex));
	finding_text(finding, "last", "%s", text);
	finding_text(finding, "next", "%s", next);
	if (programs_explain(finding, d, facts_netns(d->facts, last->netns), last->ifindex,
			     last->out ? "egress" : "ingress", 0))
		return;
	finding_remedy(finding, "tc filter show dev %s ingress; tc filter show dev %s egress",
		       next[0] ? next : lookup_device_name(d, last->netns, last->ifindex),
		       next[0] ? next : lookup_device_name(d, last->netns, last->ifindex));
	finding_remedy(finding, "cnitrace doctor   # which probes were missing");
}

/* A pod of this node that was handed an echo request and whose kernel did not answer: it never arrived. */
static bool swallowed_before_pod(struct diagnosis *d, const struct flow *flow,
				 const struct journey *journey, const struct pod *pod)
{
	struct netns_facts *ns = pod ? facts_netns(d->facts, pod->netns) : NULL;
	long ignored = 0;

	if (!ns || flow->proto != IPPROTO_ICMP || journey->hop_count == 0)
		return false;
	if (facts_sysctl(d->facts, ns, "net.ipv4.icmp_echo_ignore_all", &ignored) && ignored)
		return false;
	return true;
}

static void explain_swallowed(struct diagnosis *d, struct finding_list *list,
			      const struct flow *flow, const struct journey *journey,
			      const struct pod *pod)
{
	const struct hop *last = &journey->hops[journey->hop_count - 1];
	struct finding *finding =
		finding_new(list, "vanished", CLASS, SEVERITY_ERROR, BASIS_ABSENCE);
	const char *device = lookup_device_name(d, last->netns, last->ifindex);

	finding_key(finding, "%u %u", last->netns, last->ifindex);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, last->netns, last->ifindex);
	finding_summary(
		finding,
		"Echo requests are lost between %s and pod %.120s/%.120s: no drop was seen and "
		"the pod's kernel, which answers by itself, did not.",
		device, pod->namespace, pod->name);
	finding_evidence(finding, "seen %llu requests out on %s, no reply, no drop",
			 (unsigned long long)flow->forward.packets, device);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "last", "%s out", device);
	finding_text(finding, "next", "%s", pod->ifname);
	if (programs_explain(finding, d, facts_netns(d->facts, last->netns), last->ifindex,
			     "egress", 0))
		return;
	finding_remedy(finding, "tc filter show dev %s egress", device);
	finding_remedy(finding, "bpftool net show");
}

static void no_reply(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		     const struct journey *journey)
{
	const struct hop *last = &journey->hops[journey->hop_count - 1];
	const struct hop *out = journey_exit(d, journey);
	struct tuple end = flow_final_tuple(flow);
	struct finding *finding =
		finding_new(list, "no-reply", CLASS, SEVERITY_ERROR, BASIS_ABSENCE);
	const struct pod *pod = facts_pod_of_address(d->facts, end.dst);
	char peer[LOOKUP_TEXT], text[ADDRESS_TEXT], enter[LOOKUP_TEXT];
	const char *device;

	if (out)
		last = out;
	device = lookup_device_name(d, last->netns, last->ifindex);
	lookup_holder(d, end.dst, peer);
	finding_key(finding, "%s", address_text(end.dst, text));
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, last->netns, last->ifindex);
	finding_summary(finding, "Packets for %.200s %s %s intact and nothing came back.", peer,
			out ? "leave by" : "are handed over at", device);
	finding_evidence(finding, "seen %llu %s packets %s %s, 0 replies",
			 (unsigned long long)flow->forward.packets, proto_name(flow->proto),
			 out ? "out on" : "at", device);
	if (out && out->has_encap) {
		address_text(address_make(out->encap.ip_version, out->encap.dst), text);
		finding_evidence(finding, "seen them encapsulated for %s", text);
		finding_text(finding, "node", "%s", text);
	}
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "peer", "%s", address_text(end.dst, text));
	if (out && out->has_encap)
		finding_remedy(
			finding, "# on node %s:  cnitrace trace host %s",
			address_text(address_make(out->encap.ip_version, out->encap.dst), text),
			address_text(flow->tuples[0].src, enter));
	else if (pod)
		finding_remedy(finding, "%sss -lntup", lookup_enter(d, pod->netns, enter));
	else
		finding_remedy(
			finding, "# on %s or the router before it:  tcpdump -ni any host %s", text,
			address_text(out ? address_make(out->packet.ip_version, out->packet.src)
					 : flow->tuples[0].src,
				     enter));
}

static void explain_no_reply(struct diagnosis *d, struct finding_list *list,
			     const struct flow *flow)
{
	const struct journey *journey;
	const struct pod *pod;

	/* what vanished on the way has been told already */
	if (!flow_is_unanswered(flow) || flow->drop_count ||
	    flow->forward.verdicts[VERDICT_VANISHED] || service_is_pinged(d, flow))
		return;
	journey = sample_with(&flow->forward, VERDICT_LEFT_NODE);
	if (journey && journey->hop_count) {
		no_reply(d, list, flow, journey);
		return;
	}
	journey = sample_with(&flow->forward, VERDICT_DELIVERED);
	if (!journey || !journey->hop_count)
		return;
	pod = facts_pod_of_address(d->facts, flow_final_tuple(flow).dst);
	if (explained_by_state(d, list, flow, flow->forward.packets, flow->forward.packets))
		return;
	if (swallowed_before_pod(d, flow, journey, pod))
		explain_swallowed(d, list, flow, journey, pod);
	else
		no_reply(d, list, flow, journey);
}

void path_rules(struct diagnosis *d, struct finding_list *list)
{
	array_each(slot, &d->flows->flows) {
		explain_vanished(d, list, *slot, &(*slot)->forward);
		/* An answer alone belongs to a conversation from before the trace: who asked may be long gone. */
		if ((*slot)->forward.packets)
			explain_vanished(d, list, *slot, &(*slot)->reverse);
		if (!hop_limit_loop(d, list, *slot))
			explain_no_reply(d, list, *slot);
	}
}
