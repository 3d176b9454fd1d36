/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "mtu": small packets pass, large ones do not. From the drop where one was seen,
 * else from the sizes that passed and those that did not. All numbers come from the node's
 * devices and the encapsulation's overhead; no MTU is taken for granted.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"

#define CLASS "mtu"
#define VETH_SLACK 18 /* Ethernet header and a VLAN tag: veth and bridge allow it above the MTU */

unsigned mtu_overhead(const struct link *tunnel)
{
	bool v6 = tunnel->remote.version == 6 || tunnel->local.version == 6;

	if (!strcmp(tunnel->kind, "vxlan") || !strcmp(tunnel->kind, "geneve"))
		return v6 ? 70 : 50;
	if (!strcmp(tunnel->kind, "wireguard"))
		return v6 ? 80 : 60;
	if (!strcmp(tunnel->kind, "gretap"))
		return v6 ? 58 : 38;
	if (!strcmp(tunnel->kind, "gre"))
		return v6 ? 44 : 24;
	return v6 ? 40 : 20;
}

unsigned mtu_needed(struct diagnosis *d, uint8_t version)
{
	const struct link *overlay = lookup_overlay(d, version), *uplink = lookup_uplink(d);
	unsigned need = uplink ? uplink->mtu : 0;

	if (!overlay)
		return need;
	if (need > mtu_overhead(overlay))
		need -= mtu_overhead(overlay);
	/* A tunnel device whose MTU is smaller yet is what packets meet. */
	return !need || overlay->mtu < need ? overlay->mtu : need;
}

static void device_evidence(char *line, size_t size, const char *what, const struct link *link)
{
	if (link)
		text_append(line, size, "%s%s %s%s%u", line[0] ? ", " : "", what, link->name,
			    link->name[0] ? " " : "", link->mtu);
}

/* "fact MTUs: default/web eth0 1400, vethb1 1450, cni0 1450, flannel.1 1450, eth0 1500" */
void mtu_evidence(struct finding *finding, struct diagnosis *d, const struct flow *flow)
{
	uint32_t node = d->facts->node_netns;
	const struct link *bridge = NULL;
	char line[600] = "", name[300];
	struct address ends[2];

	if (!flow)
		return;
	ends[0] = flow->tuples[0].src;
	ends[1] = flow_final_tuple(flow).dst;
	for (int i = 0; i < 2; i++) {
		const struct pod *pod = facts_pod_of_address(d->facts, ends[i]);
		const struct link *port;

		if (!pod || pod->host_network || (i && address_equal(ends[0], ends[1])))
			continue;
		snprintf(name, sizeof(name), "pod %.140s/%.140s", pod->namespace, pod->name);
		device_evidence(line, sizeof(line), name,
				lookup_link_named(d, pod->netns, pod->ifname));
		port = lookup_link(d, node, pod->host_ifindex);
		device_evidence(line, sizeof(line), "host end", port);
		if (port && port->master && !bridge) {
			bridge = lookup_link(d, node, port->master);
			device_evidence(line, sizeof(line), "bridge", bridge);
		}
	}
	if (lookup_is_remote_pod(d, ends[1]) || lookup_is_remote_pod(d, ends[0]))
		device_evidence(line, sizeof(line), "tunnel", lookup_overlay(d, ends[1].version));
	device_evidence(line, sizeof(line), "uplink", lookup_uplink(d));
	if (line[0])
		finding_evidence(finding, "fact MTUs: %s", line);
}

/* How to give a pod the right MTU: both ends of its veth. */
static void pod_remedy(struct finding *finding, const struct diagnosis *d, const struct pod *pod,
		       unsigned need)
{
	const struct link *inside = lookup_link_named(d, pod->netns, pod->ifname);
	const struct link *port = lookup_link(d, d->facts->node_netns, pod->host_ifindex);
	char enter[LOOKUP_TEXT];

	if (inside && inside->mtu != need)
		finding_remedy(finding, "%sip link set %s mtu %u",
			       lookup_enter(d, pod->netns, enter), inside->name, need);
	if (port && port->mtu != need)
		finding_remedy(finding, "ip link set %s mtu %u", port->name, need);
	finding_remedy(finding,
		       "# pods keep the MTU they were made with: set mtu %u in the CNI "
		       "configuration, then recreate them",
		       need);
}

static uint8_t flow_version(const struct flow *flow)
{
	return flow ? flow->tuples[0].dst.version : 0;
}

struct mtu_case {
	const struct flow *flow;
	uint64_t count, of;
	uint32_t netns, ifindex; /* the device that is too small */
	const char *device;
	unsigned mtu, packet_len;
	bool forward;
	const struct drop_case *seen;
};

/* The same where packets meet another tunnel than the first: with two address families there are two. */
static unsigned needed_through(struct diagnosis *d, const struct mtu_case *about)
{
	const struct link *link = lookup_link(d, about->netns, about->ifindex);
	const struct link *uplink = lookup_uplink(d);
	unsigned need = mtu_needed(d, flow_version(about->flow)), room;

	if (!link || !uplink || !link_is_tunnel(link) || !lookup_is_node(d, about->netns))
		return need;
	room = uplink->mtu - mtu_overhead(link);
	return room < need ? room : need;
}

static struct finding *mtu_finding(struct diagnosis *d, struct finding_list *list,
				   const struct mtu_case *about, const char *id, enum basis basis)
{
	struct finding *finding = finding_new(list, id, CLASS, SEVERITY_ERROR, basis);
	unsigned need = needed_through(d, about);

	finding_key(finding, "%u %s", about->netns, about->device);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, about->netns, about->ifindex);
	finding_text(finding, "device", "%s", about->device);
	if (about->mtu)
		finding_number(finding, "mtu", about->mtu);
	if (need)
		finding_number(finding, "need_mtu", need);
	finding_number(finding, "packet_len", about->packet_len);
	if (about->flow) {
		const struct flow_direction *way =
			about->forward ? &about->flow->forward : &about->flow->reverse;

		if (way->passed_max_len)
			finding_number(finding, "largest_passed", way->passed_max_len);
		finding_number(finding, "smallest_lost",
			       way->lost_min_len ? way->lost_min_len : about->packet_len);
	}
	if (about->seen)
		evidence_drop(finding, d, about->seen);
	mtu_evidence(finding, d, about->flow);
	return finding;
}

static const struct pod *sender_pod(const struct diagnosis *d, const struct mtu_case *about)
{
	if (!about->flow)
		return NULL;
	return facts_pod_of_address(d->facts, about->forward ? about->flow->tuples[0].src
							     : flow_final_tuple(about->flow).dst);
}

/* What to change: the one device that is smaller than it need be, else the sender's pod. */
static void mtu_remedy(struct finding *finding, struct diagnosis *d, const struct mtu_case *about)
{
	unsigned need = needed_through(d, about);
	const struct pod *pod = sender_pod(d, about);
	char enter[LOOKUP_TEXT];

	if (need && about->mtu && about->mtu < need) {
		finding_remedy(finding, "%sip link set %s mtu %u",
			       lookup_enter(d, about->netns, enter), about->device, need);
		finding_remedy(finding,
			       "# if its CNI configuration says %u, correct that, then recreate "
			       "the pod",
			       about->mtu);
		return;
	}
	if (pod && !pod->host_network && need)
		pod_remedy(finding, d, pod, need);
	else if (need)
		finding_remedy(finding, "# lower the sender's MTU to %u", need);
}

/*
 * The tunnel's own MTU comes first: it is what a sender is told, and by it a packet is cut that br_netfilter has put
 * together, however small the pod's fragments were.
 */
static void tunnel_remedy(struct finding *finding, struct diagnosis *d,
			  const struct mtu_case *about)
{
	unsigned need = needed_through(d, about);
	const struct link *tunnel = lookup_overlay(d, about->seen->drop->packet.ip_version);

	if (tunnel && need && tunnel->mtu > need)
		finding_remedy(finding, "ip link set %s mtu %u", tunnel->name, need);
}

/* The ICMP error that was made for too large a packet, NULL none; *lost when it died on the way. */
static const struct flow_answer *too_big_answer(const struct flow *flow, bool *lost)
{
	*lost = false;
	for (int i = 0; flow && i < flow->answer_count; i++) {
		const struct packet *packet = &flow->answers[i].packet;
		bool matches = packet->ip_version == 6
				       ? packet->icmp_type == 2
				       : packet->icmp_type == 3 && packet->icmp_code == 4;

		if (!matches || (packet->proto != IPPROTO_ICMP && packet->proto != IPPROTO_ICMPV6))
			continue;
		*lost = flow->answers[i].drop.time_ns != 0;
		return &flow->answers[i];
	}
	return NULL;
}

static void explain_routed(struct diagnosis *d, struct finding_list *list, struct mtu_case *about)
{
	const struct drop *drop = about->seen->drop;
	const struct flow_answer *answer;
	struct finding *finding;
	bool lost, told, unknown;

	about->ifindex = drop->info.dst_ifindex ? drop->info.dst_ifindex : drop->ifindex;
	about->device = lookup_device_name(d, drop->netns, about->ifindex);
	about->mtu = drop->info.dst_mtu;
	answer = too_big_answer(about->flow, &lost);
	if (answer && answer->packet.ack && !about->mtu)
		about->mtu = answer->packet.ack;
	told = (answer || about->seen->dropped->answered) && !lost;
	/* A monitor sees the error that the kernel sends only when that is dropped, too. */
	unknown = d->drops_only && !told && !lost;
	finding = mtu_finding(d, list, about, told || unknown ? "mtu-exceeded" : "mtu-blackhole",
			      BASIS_SEEN);
	if (unknown) {
		finding_summary(finding, "Packets of %u bytes do not fit %s (MTU %u).",
				about->packet_len, about->device, about->mtu);
		finding_evidence(finding, "fact the kernel tells the sender by ICMP; whether that "
					  "reaches it was not seen");
	} else if (told) {
		finding_summary(finding,
				"Packets of %u bytes do not fit %s (MTU %u); the sender is told "
				"by ICMP.",
				about->packet_len, about->device, about->mtu);
		if (answer)
			finding_evidence(finding,
					 "seen %llu × ICMP \"fragmentation needed\", next-hop "
					 "MTU %u",
					 (unsigned long long)answer->count, answer->packet.ack);
	} else {
		finding_summary(
			finding,
			"Packets of %u bytes do not fit %s (MTU %u), and the ICMP error %s: the "
			"sender never learns.",
			about->packet_len, about->device, about->mtu,
			lost ? "is dropped on its way" : "does not reach the sender");
		if (lost)
			finding_evidence(finding, "seen the ICMP error dropped in %s%s%s",
					 answer->drop.function, answer->drop.hook[0] ? " at " : "",
					 answer->drop.hook);
		else
			finding_evidence(finding, "seen no ICMP \"fragmentation needed\" for it");
	}
	mtu_remedy(finding, d, about);
	if (lost)
		finding_remedy(finding,
			       "# and let ICMP fragmentation-needed pass:  iptables -I OUTPUT -p "
			       "icmp --icmp-type fragmentation-needed -j ACCEPT");
}

static void explain_silent(struct diagnosis *d, struct finding_list *list, struct mtu_case *about,
			   const char *why)
{
	struct finding *finding = mtu_finding(d, list, about, "mtu-blackhole", BASIS_SEEN);
	char owner[LOOKUP_TEXT];

	lookup_owner(d, about->netns, owner);
	finding_summary(finding,
			"Packets over %u bytes vanish at %s of %.150s (%s), and no ICMP tells the "
			"sender.",
			about->mtu, about->device, owner, why);
	if (about->seen->kind == DROP_TOO_BIG_OUTPUT)
		tunnel_remedy(finding, d, about);
	mtu_remedy(finding, d, about);
}

/* The peer of a veth is in a namespace that is not this node's: a NIC of a node that is a container. */
static void explain_other_end(struct diagnosis *d, struct finding_list *list,
			      struct mtu_case *about)
{
	const struct drop *drop = about->seen->drop;
	const struct flow *flow = about->flow;
	struct finding *finding;
	uint32_t passed = 0;

	if (flow)
		passed = about->forward ? flow->forward.passed_max_len
					: flow->reverse.passed_max_len;
	about->netns = drop->netns;
	about->ifindex = drop->ifindex;
	about->device = lookup_device_name(d, drop->netns, drop->ifindex);
	finding = mtu_finding(d, list, about, "mtu-blackhole", BASIS_SEEN);
	finding_summary(finding,
			"Packets over %u bytes vanish at the other end of %s, which is not in this "
			"node's namespaces, and no ICMP tells the sender.",
			passed, about->device);
	finding_remedy(finding,
		       "# give the device at the other end of %s the MTU of %s, or lower "
		       "both and the pods'",
		       about->device, about->device);
}

static void mtu_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct mtu_case about = {.flow = seen->flow,
				 .count = seen->dropped->count,
				 .of = seen->of,
				 .netns = drop->netns,
				 .ifindex = drop->ifindex,
				 .packet_len = drop->packet.len,
				 .forward = seen->dropped->forward,
				 .seen = seen};
	const struct link *link;

	switch (seen->kind) {
	case DROP_TOO_BIG:
		explain_routed(d, list, &about);
		return;
	case DROP_TOO_BIG_OUTPUT:
		about.ifindex = drop->info.dst_ifindex ? drop->info.dst_ifindex : drop->ifindex;
		about.device = lookup_device_name(d, drop->netns, about.ifindex);
		about.mtu = drop->info.dst_mtu ? drop->info.dst_mtu : drop->info.dev_mtu;
		if (drop->has_encap)
			about.packet_len = drop->encap.len;
		explain_silent(d, list, &about, "the encapsulated packet may not be fragmented");
		return;
	case DROP_VETH_FORWARD:
		if (!lookup_peer(d, drop->netns, drop->ifindex, &about.netns, &about.ifindex))
			return;
		link = lookup_link(d, about.netns, about.ifindex);
		if (link && !(link->flags & IFF_UP))
			return; /* link.c */
		if (!link) {
			explain_other_end(d, list, &about);
			return;
		}
		break;
	case DROP_BRIDGE_MTU:
		link = lookup_link(d, drop->netns, drop->ifindex);
		break;
	default:
		return;
	}
	about.device = lookup_device_name(d, about.netns, about.ifindex);
	about.mtu = link ? link->mtu : drop->info.dev_mtu;
	/* It fits by now: whatever it was, it was not this. */
	if (link && drop->info.len && drop->info.len <= link->mtu + VETH_SLACK)
		return;
	explain_silent(d, list, &about, "larger than its MTU");
}

void mtu_refusal(struct diagnosis *d, struct finding_list *list, const struct refusal *refusal)
{
	struct finding *finding = finding_new(list, "mtu-local", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	struct netns_facts *ns = facts_netns(d->facts, refusal->netns);
	const struct route *route = lookup_route(d, ns, refusal->tuple.dst);
	const struct link *link = route ? lookup_link(d, refusal->netns, route->ifindex) : NULL;
	/* what the kernel compared with knows of a path MTU that was learnt, too */
	unsigned seen = refusal->witness.what == WITNESS_LOCAL_SIZE
				? (unsigned)refusal->witness.value[0]
				: 0;
	unsigned mtu = seen ? seen : route && route->mtu ? route->mtu : link ? link->mtu : 0;
	unsigned need = mtu_needed(d, refusal->tuple.dst.version);
	char end[LOOKUP_TEXT], owner[LOOKUP_TEXT];

	endpoint_text(refusal->tuple.dst, refusal->tuple.dport, end);
	lookup_owner(d, refusal->netns, owner);
	finding_key(finding, "%u %s", refusal->netns, end);
	finding_about(finding, NULL, refusal->count, refusal->count);
	if (finding)
		finding->flow = refusal->tuple;
	finding_where(finding, d, refusal->netns, link ? link->ifindex : 0);
	if (!mtu)
		finding_summary(
			finding,
			"The kernel of %.150s itself refuses packets to %s as too long: nothing "
			"reaches the wire.",
			owner, end);
	else
		finding_summary(
			finding,
			"The kernel of %.150s itself refuses packets to %s that are longer than "
			"%u bytes: nothing reaches the wire.",
			owner, end, mtu);
	finding_evidence(finding, "seen %llu × send refused with EMSGSIZE%s%.15s%s%s",
			 (unsigned long long)refusal->count, refusal->comm[0] ? ", process " : "",
			 refusal->comm, refusal->container[0] ? ", container " : "",
			 refusal->container);
	evidence_refusal(finding, refusal);
	if (link)
		finding_evidence(finding, "fact the route leaves by %s, MTU %u", link->name,
				 link->mtu);
	else
		finding_gap(finding);
	finding_text(finding, "socket", "%s %s", proto_name(refusal->tuple.proto), end);
	if (link)
		finding_text(finding, "device", "%s", link->name);
	if (mtu)
		finding_number(finding, "mtu", mtu);
	if (need && mtu < need) {
		finding_number(finding, "need_mtu", need);
		finding_remedy(finding, "%sip link set %s mtu %u",
			       lookup_enter(d, refusal->netns, owner), link ? link->name : "eth0",
			       need);
	}
	finding_remedy(finding,
		       "# send at most %u bytes of payload, or let the kernel fragment (no "
		       "IP_PMTUDISC_DO)",
		       mtu > 28 ? mtu - 28 : 0);
}

void mtu_rules(struct diagnosis *d, struct finding_list *list)
{
	lookup_each_drop(d, list, mtu_drop);
	mtu_silence_rules(d, list);
	mtu_state_rules(d, list);
}
