/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Look-ups that several rules share. They read facts through facts_need, so a part is only
 * fetched when a rule asks for it; what is unknown comes back as NULL, "" or false.
 */
#include "diagnose/lookup.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/dns_message.h"
#include "diagnose/drop_class.h"

static bool drop_counts(const struct diagnosis *d, const struct drop *drop)
{
	return !drop->benign && !drop_is_benign(drop, NULL) && !lookup_is_foreign(d, drop->netns);
}

void lookup_each_drop(struct diagnosis *d, struct finding_list *list, drop_rule rule)
{
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		for (int i = 0; i < flow->drop_count; i++) {
			const struct flow_drop *dropped = &flow->drops[i];
			struct drop_case seen = {.flow = flow, .dropped = dropped};

			if (!drop_counts(d, &dropped->first))
				continue;
			seen.drop = &dropped->first;
			seen.kind = drop_kind(seen.drop);
			seen.of = dropped->forward ? flow->forward.packets : flow->reverse.packets;
			seen.ns = facts_netns(d->facts, seen.drop->netns);
			rule(d, list, &seen);
		}
	}
	array_each(dropped, &d->flows->orphans) {
		struct drop_case seen = {.dropped = dropped, .drop = &dropped->first};

		if (!drop_counts(d, &dropped->first))
			continue;
		seen.kind = drop_kind(seen.drop);
		seen.ns = facts_netns(d->facts, seen.drop->netns);
		rule(d, list, &seen);
	}
}

bool lookup_is_foreign(const struct diagnosis *d, uint32_t netns)
{
	if (!netns || lookup_is_node(d, netns) || facts_netns(d->facts, netns))
		return false;
	if (d->topology) {
		array_each(device, &d->topology->devices) {
			if (device->netns == netns)
				return false;
		}
	}
	return true;
}

const struct hop *journey_exit(const struct diagnosis *d, const struct journey *journey)
{
	const struct hop *last;
	const struct device *device;

	/* In one kernel with several nodes the packet is seen on the next one, too. */
	for (int i = journey->hop_count - 1; i >= 0; i--) {
		last = &journey->hops[i];
		if (lookup_is_foreign(d, last->netns))
			continue;
		device = d->topology ? topology_device(d->topology, last->netns, last->ifindex)
				     : NULL;
		return last->out && device && device->role == ROLE_UPLINK ? last : NULL;
	}
	return NULL;
}

struct netns_facts *lookup_node(const struct diagnosis *d)
{
	return facts_netns(d->facts, d->facts->node_netns);
}

bool lookup_is_node(const struct diagnosis *d, uint32_t netns)
{
	return netns == d->facts->node_netns;
}

const struct pod *lookup_pod(const struct diagnosis *d, uint32_t netns)
{
	if (!netns || lookup_is_node(d, netns))
		return NULL;
	return facts_pod_of_netns(d->facts, netns);
}

const char *lookup_netns_label(const struct diagnosis *d, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);

	if (lookup_is_node(d, netns))
		return "node";
	return ns ? ns->label : "";
}

const char *lookup_device_name(const struct diagnosis *d, uint32_t netns, uint32_t ifindex)
{
	const struct device *device =
		d->topology ? topology_device(d->topology, netns, ifindex) : NULL;
	const struct link *link;

	if (device)
		return device->name;
	link = lookup_link(d, netns, ifindex);
	return link ? link->name : "";
}

const char *lookup_enter(const struct diagnosis *d, uint32_t netns, char buffer[LOOKUP_TEXT])
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	const struct pod *pod = lookup_pod(d, netns);
	const char *path = ns && ns->path[0] ? ns->path : pod ? pod->netns_path : "";
	const char *base = strrchr(path, '/');

	buffer[0] = '\0';
	if (!netns || lookup_is_node(d, netns))
		return buffer;
	if (pod && pod->pid)
		snprintf(buffer, LOOKUP_TEXT, "nsenter -t %u -n ", pod->pid);
	else if (base && (strstr(path, "/run/netns/")))
		snprintf(buffer, LOOKUP_TEXT, "ip netns exec %s ", base + 1);
	else if (path[0])
		snprintf(buffer, LOOKUP_TEXT, "nsenter --net=%s ", path);
	return buffer;
}

const char *lookup_owner(const struct diagnosis *d, uint32_t netns, char buffer[LOOKUP_TEXT])
{
	const struct pod *pod = lookup_pod(d, netns);
	const char *label = lookup_netns_label(d, netns);

	if (pod)
		snprintf(buffer, LOOKUP_TEXT, "pod %s/%s", pod->namespace, pod->name);
	else if (lookup_is_node(d, netns))
		text_copy(buffer, LOOKUP_TEXT, "the node");
	else
		snprintf(buffer, LOOKUP_TEXT, "namespace %s", label[0] ? label : "unknown");
	return buffer;
}

const char *lookup_pod_of(const struct diagnosis *d, struct address address)
{
	const char *pod = d->topology ? topology_pod_of(d->topology, address) : NULL;

	return pod ? pod : "";
}

const char *lookup_holder(const struct diagnosis *d, struct address address,
			  char buffer[LOOKUP_TEXT])
{
	const struct pod *pod = facts_pod_of_address(d->facts, address);
	char text[ADDRESS_TEXT];

	address_text(address, text);
	if (pod && !pod->host_network)
		snprintf(buffer, LOOKUP_TEXT, "%s (%s/%s)", text, pod->namespace, pod->name);
	else
		text_copy(buffer, LOOKUP_TEXT, text);
	return buffer;
}

const struct link *lookup_link(const struct diagnosis *d, uint32_t netns, uint32_t ifindex)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);

	if (!ns || !ifindex || !facts_need(d->facts, ns, FACT_LINKS))
		return NULL;
	return facts_link(d->facts, ns, ifindex);
}

const struct link *lookup_link_named(const struct diagnosis *d, uint32_t netns, const char *name)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);

	if (!ns || !name[0] || !facts_need(d->facts, ns, FACT_LINKS))
		return NULL;
	return facts_link_named(d->facts, ns, name);
}

bool lookup_peer(const struct diagnosis *d, uint32_t netns, uint32_t ifindex, uint32_t *peer_netns,
		 uint32_t *peer_ifindex)
{
	const struct device *device =
		d->topology ? topology_device(d->topology, netns, ifindex) : NULL;
	const struct link *link = lookup_link(d, netns, ifindex);

	if (device && device->peer_ifindex) {
		*peer_netns = device->peer_netns;
		*peer_ifindex = device->peer_ifindex;
		return true;
	}
	if (!link || strcmp(link->kind, "veth") || !link->lower)
		return false;
	*peer_ifindex = link->lower;
	*peer_netns = link->lower_elsewhere ? link->lower_netns : netns;
	return *peer_netns != 0;
}

bool link_is_usable(const struct link *link)
{
	return (link->flags & IFF_UP) && link->carrier;
}

bool link_is_tunnel(const struct link *link)
{
	static const char *const kinds[] = {"vxlan", "geneve", "ipip",   "sit",
					    "gre",   "gretap", "ip6tnl", "wireguard"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(link->kind, kinds[i]))
			return true;
	}
	return false;
}

const char *link_state_text(const struct link *link)
{
	if (!(link->flags & IFF_UP))
		return "down";
	return link->carrier ? "up" : "no carrier";
}

struct tuple flow_final_tuple(const struct flow *flow)
{
	return flow->tuples[flow->tuple_count ? flow->tuple_count - 1 : 0];
}

const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	case IPPROTO_SCTP:
		return "SCTP";
	}
	return "IP";
}

const char *endpoint_text(struct address address, uint16_t port, char buffer[LOOKUP_TEXT])
{
	char text[ADDRESS_TEXT];

	address_text(address, text);
	if (!port)
		text_copy(buffer, LOOKUP_TEXT, text);
	else
		snprintf(buffer, LOOKUP_TEXT, address.version == 6 ? "[%s]:%u" : "%s:%u", text,
			 port);
	return buffer;
}

const char *flow_text(const struct flow *flow, char buffer[LOOKUP_TEXT])
{
	const struct tuple *first = &flow->tuples[0];
	struct tuple last = flow_final_tuple(flow);
	bool ports = first->proto == IPPROTO_TCP || first->proto == IPPROTO_UDP;
	char src[LOOKUP_TEXT], dst[LOOKUP_TEXT], end[LOOKUP_TEXT];

	snprintf(buffer, LOOKUP_TEXT, "%s %.100s → %.100s", proto_name(first->proto),
		 endpoint_text(first->src, ports ? first->sport : 0, src),
		 endpoint_text(first->dst, ports ? first->dport : 0, dst));
	if (flow->translated)
		text_append(buffer, LOOKUP_TEXT, " (as %.100s)",
			    endpoint_text(last.dst, ports ? last.dport : 0, end));
	return buffer;
}

bool flow_has_reply(const struct flow *flow)
{
	return flow->reverse.packets > 0;
}

bool flow_failed(const struct flow *flow)
{
	if (flow->hides_answers)
		return flow->answer_count;
	if (flow->proto != IPPROTO_TCP)
		return !flow_has_reply(flow) || flow->answer_count;
	if (flow->hides_rest)
		return !flow_has_reply(flow) || flow->answer_count;
	return !flow->established;
}

/* What is no query at all gets no answer from a server that is well: bytes that somebody sends to port 53 to try it. */
static bool asks_no_name(const struct flow *flow)
{
	bool seen = false;

	for (int i = 0; i < flow->forward.sample_count; i++) {
		const struct journey *journey = flow->forward.samples[i];

		if (!journey->payload_len)
			continue;
		if (dns_may_ask(journey->payload, journey->payload_len))
			return false;
		seen = true;
	}
	return seen;
}

bool flow_is_unanswered(const struct flow *flow)
{
	if (flow->reverse.packets || flow->answer_count || !flow->forward.packets ||
	    flow->hides_answers || address_is_multicast(flow->tuples[0].dst))
		return false;
	switch (flow->proto) {
	case IPPROTO_TCP:
		return flow->forward.syns > 0;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* neighbour discovery, router solicitations and reports owe nobody an answer */
		return flow->forward.sample_count &&
		       packet_is_echo_request(&flow->forward.samples[0]->packet);
	case IPPROTO_UDP:
		return flow->tuples[0].dport == 53 && !asks_no_name(flow);
	}
	return false;
}

enum severity loss_severity(const struct flow *flow, uint64_t lost, uint64_t of)
{
	/* Congestion drops a packet now and then, and the sender slows down: that is not a fault. */
	if (flow && of && lost * 50 < of)
		return SEVERITY_WARNING;
	return SEVERITY_ERROR;
}
