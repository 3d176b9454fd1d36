/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "unreachable": hands every drop, ICMP answer and refused send to the part that
 * knows it (netfilter.c, routing.c, link.c, program.c), and explains a command that sent
 * nothing at all.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/routing.h"

static void explain_drop(struct diagnosis *d, struct finding_list *list,
			 const struct drop_case *seen)
{
	if (seen->kind == DROP_NETFILTER) {
		netfilter_explain(d, list, seen);
		return;
	}
	routing_drop(d, list, seen);
	link_drop(d, list, seen);
	program_drop(d, list, seen);
}

/* The flow a refused send belongs to, when packets of it exist: the flow tells more. */
static const struct flow *flow_of_refusal(const struct diagnosis *d, const struct refusal *refusal)
{
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;
		const struct tuple *tuple = &flow->tuples[0];

		if (!address_equal(tuple->dst, refusal->tuple.dst))
			continue;
		if (tuple->proto == IPPROTO_ICMP || tuple->proto == IPPROTO_ICMPV6 ||
		    !refusal->tuple.dport || tuple->dport == refusal->tuple.dport)
			return flow;
	}
	return NULL;
}

/* Resolvers try an IPv6 socket first, and a pod without IPv6 refuses it: no fault while anything else works. */
static bool is_probe_of_a_resolver(struct diagnosis *d, const struct refusal *refusal)
{
	if (refusal->tuple.dst.version != 6 || !d->flows->flows.count)
		return false;
	return refusal->error == -ENETUNREACH || refusal->error == -EADDRNOTAVAIL ||
	       refusal->error == -EHOSTUNREACH;
}

static void refusal_evidence(struct finding *finding, const struct refusal *refusal)
{
	char end[LOOKUP_TEXT];

	finding_evidence(
		finding, "seen %llu × send to %s refused by the sender's own kernel: %s%s%.15s%s%s",
		(unsigned long long)refusal->count,
		endpoint_text(refusal->tuple.dst, refusal->tuple.dport, end),
		strerror(-refusal->error), refusal->comm[0] ? ", process " : "", refusal->comm,
		refusal->container[0] ? ", container " : "", refusal->container);
	finding_number(finding, "errno", -refusal->error);
	evidence_refusal(finding, refusal);
}

static struct finding *unreachable_here(struct diagnosis *d, struct finding_list *list,
					const struct concern *about, uint32_t netns,
					struct address dst, bool by_route)
{
	const struct pod *pod = lookup_pod(d, netns);
	struct finding *finding = namespace_link_explain(d, list, about, netns);

	if (!finding && pod && !by_route)
		finding = pod_config_explain(d, list, about, pod);
	if (!finding)
		finding = route_explain(d, list, about, netns, dst, by_route);
	return finding;
}

static void explain_refusal(struct diagnosis *d, struct finding_list *list,
			    const struct refusal *refusal)
{
	struct concern about = {.count = refusal->count, .of = refusal->count, .basis = BASIS_SEEN};
	struct netns_facts *ns = facts_netns(d->facts, refusal->netns);
	const struct route *route;
	struct finding *finding = NULL;

	if (is_probe_of_a_resolver(d, refusal))
		return;
	switch (-refusal->error) {
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
		/* An ICMP error reaches the socket as the same errno: then the flow is the story. */
		if (!flow_of_refusal(d, refusal))
			finding = unreachable_here(d, list, &about, refusal->netns,
						   refusal->tuple.dst, false);
		break;
	case EACCES:
	case EINVAL:
		route = lookup_route(d, ns, refusal->tuple.dst);
		if (route && route->type > 3)
			finding = route_explain(d, list, &about, refusal->netns, refusal->tuple.dst,
						true);
		break;
	case EPERM:
		if (!flow_of_refusal(d, refusal))
			netfilter_refusal(d, list, refusal);
		break;
	case EMSGSIZE:
		mtu_refusal(d, list, refusal);
		break;
	case EADDRNOTAVAIL:
		ports_refusal(d, list, refusal);
		break;
	default:
		break;
	}
	if (finding) {
		refusal_evidence(finding, refusal);
		finding->flow.dst = refusal->tuple.dst;
		finding->flow.dport = refusal->tuple.dport;
		finding->flow.proto = refusal->tuple.proto;
	}
}

/* Neighbour discovery and the like: what has no ports and is no echo (an error is its packet's flow's). */
static bool is_housekeeping(const struct flow *flow)
{
	const struct tuple *tuple = &flow->tuples[0];

	return address_is_multicast(tuple->dst) || address_is_link_local(tuple->src) ||
	       (flow->proto == IPPROTO_ICMPV6 && !tuple->sport && !tuple->dport);
}

/* Did a packet of the subject to one address get anywhere we look? Its housekeeping does not count. */
static bool subject_was_seen(struct diagnosis *d, struct netns_facts *ns)
{
	if (!facts_need(d->facts, ns, FACT_ADDRESSES))
		return d->subject_records != 0;
	array_each(slot, &d->flows->flows) {
		if (is_housekeeping(*slot))
			continue;
		array_each(entry, &ns->addresses) {
			if (address_equal(entry->address, (*slot)->tuples[0].src))
				return true;
		}
	}
	return false;
}

/* A command ran in the pod and not one packet or refusal of it was seen: its namespace must say why. */
static void explain_nothing(struct diagnosis *d, struct finding_list *list)
{
	struct concern about = {.basis = BASIS_STATE};
	struct netns_facts *ns = facts_netns(d->facts, d->subject_netns);
	const struct pod *pod = d->subject_pod;
	struct finding *finding;
	char owner[LOOKUP_TEXT];
	bool has_default = false;

	if (!d->has_command || !d->subject_netns || d->command_status == 0 || !ns ||
	    d->flows->refusals.count || subject_was_seen(d, ns))
		return;
	finding = namespace_link_explain(d, list, &about, d->subject_netns);
	if (!finding && pod)
		finding = pod_config_explain(d, list, &about, pod);
	if (!finding)
		finding = neighbour_explain(d, list, &about, d->subject_netns);
	if (!finding)
		finding = ports_explain(d, list, &about, d->subject_netns);
	if (!finding && facts_need(d->facts, ns, FACT_ROUTES)) {
		struct address anywhere = {.version = 4, .bytes = {192, 0, 2, 1}};

		array_each(route, &ns->routes)
			has_default |= route_is_default(route) && route->type == 1;
		if (!has_default)
			finding = route_explain(d, list, &about, d->subject_netns, anywhere, false);
		if (finding) {
			finding_text(finding, "destination", "default");
			finding_summary(finding, "No default route in %.200s.",
					lookup_owner(d, d->subject_netns, owner));
		}
	}
	finding_evidence(finding, "seen no packet of %s while the command ran",
			 lookup_owner(d, d->subject_netns, owner));
}

/* Who of this node and its pods holds an address: "default/web and default/local". Returns how many. */
static unsigned address_owners(struct diagnosis *d, struct address address, char *text, size_t size)
{
	unsigned count = 0;

	text[0] = '\0';
	array_each(slot, &d->facts->namespaces) {
		struct netns_facts *ns = *slot;

		if (!(ns->known & FACT_ADDRESSES) ||
		    (!lookup_is_node(d, ns->inode) && !lookup_pod(d, ns->inode)))
			continue;
		array_each(entry, &ns->addresses) {
			if (!address_equal(entry->address, address))
				continue;
			text_append(text, size, "%s%s", count++ ? " and " : "", ns->label);
			break;
		}
	}
	return count;
}

void conflict_remedy(struct finding *finding, const struct diagnosis *d, struct address address)
{
	char text[ADDRESS_TEXT];

	array_each(slot, &d->facts->namespaces) {
		const struct pod *pod = lookup_pod(d, (*slot)->inode);

		if (!pod || !pod->address_count || !((*slot)->known & FACT_ADDRESSES) ||
		    lookup_is_node(d, (*slot)->inode))
			continue;
		for (int i = 0; i < pod->address_count; i++) {
			if (address_equal(pod->addresses[i], address))
				pod = NULL; /* it was given that address */
			if (!pod)
				break;
		}
		array_each(entry, &(*slot)->addresses) {
			if (!pod || !address_equal(entry->address, address))
				continue;
			finding_remedy(finding,
				       "# %.120s/%.120s has it without having been given it; made "
				       "anew, it has its own again:",
				       pod->namespace, pod->name);
			finding_remedy(finding, "kubectl -n %s delete pod %s", pod->namespace,
				       pod->name);
			return;
		}
	}
	finding_remedy(finding,
		       "# delete the pod that got the address last; it comes back with another:");
	finding_remedy(finding, "kubectl get pods -A -o wide --field-selector status.podIP=%s",
		       address_text(address, text));
}

/* Two namespaces of this node hold one of the flow's addresses. */
static void explain_conflict(struct diagnosis *d, struct finding_list *list,
			     const struct flow *flow, struct address address)
{
	struct finding *finding;
	char owners[300], text[ADDRESS_TEXT];
	unsigned count;

	if (!address.version || address_is_loopback(address) || address_is_link_local(address) ||
	    !facts_pod_of_address(d->facts, address))
		return;
	array_each(pod, &d->facts->pods) {
		struct netns_facts *ns =
			pod->host_network ? NULL : facts_netns(d->facts, pod->netns);

		if (ns)
			facts_need(d->facts, ns, FACT_ADDRESSES);
	}
	count = address_owners(d, address, owners, sizeof(owners));
	if (count < 2)
		return;
	address_text(address, text);
	finding = finding_new(list, "ip-conflict", "unreachable", SEVERITY_ERROR, BASIS_STATE);
	finding_key(finding, "%s", text);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding, "%s is held twice: by %s.", text, owners);
	array_each(slot, &d->facts->namespaces) {
		array_each(entry, &(*slot)->addresses) {
			const struct link *link;
			char mac[MAC_TEXT];

			if (!address_equal(entry->address, address))
				continue;
			link = facts_link(d->facts, *slot, entry->ifindex);
			if (!link)
				continue;
			finding_evidence(finding, "fact %s on %s of %s, MAC %s", text, link->name,
					 (*slot)->label, mac_text(link->mac, mac));
		}
	}
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "found", "%s", owners);
	finding_number(finding, "count", count);
	conflict_remedy(finding, d, address);
}

void unreachable_rules(struct diagnosis *d, struct finding_list *list)
{
	lookup_each_drop(d, list, explain_drop);
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		for (int i = 0; i < flow->answer_count; i++)
			hop_limit_answer(d, list, flow, &flow->answers[i]);
		for (int i = 0; i < flow->answer_count; i++)
			beyond_answer(d, list, flow, &flow->answers[i]);
		explain_conflict(d, list, flow, flow_final_tuple(flow).dst);
		explain_conflict(d, list, flow, flow->tuples[0].src);
	}
	array_each(refusal, &d->flows->refusals)
		explain_refusal(d, list, refusal);
	explain_nothing(d, list);
}
