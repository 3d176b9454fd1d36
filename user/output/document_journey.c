// SPDX-License-Identifier: GPL-2.0-only
/*
 * A journey as JSON: flow, packet, hops with what changed at each, the drop, the verdict.
 * Lengths of hops are what the device carried, from the outer IP header on: the number
 * an MTU is compared with.
 */
#include "output/document_parts.h"

#include <string.h>

static bool packet_same_src(const struct packet *a, const struct packet *b)
{
	return !memcmp(a->src, b->src, 16) && a->sport == b->sport;
}

static bool packet_same_dst(const struct packet *a, const struct packet *b)
{
	return !memcmp(a->dst, b->dst, 16) && a->dport == b->dport;
}

/* The addresses as they are now, and which side changed since the hop before. */
static struct json_object *document_nat(const struct packet *now, const struct packet *before,
					const struct names *names)
{
	struct json_object *nat = document_packet_flow(now, names);
	bool src = !packet_same_src(now, before), dst = !packet_same_dst(now, before);

	json_object_object_del(nat, "proto");
	put_text(nat, "kind", src && dst ? "snat+dnat" : src ? "snat" : dst ? "dnat" : "");
	return nat;
}

static struct json_object *document_hop(const struct hop *hop, const struct hop *before,
					const struct names *names)
{
	struct json_object *object = json_object_new_object();

	put_signed(object, "time_ns", document_time(names, hop->time_ns));
	put_place(object, names, hop->netns, hop->ifindex);
	put_text(object, "direction", hop->out ? "out" : "in");
	put_number(object, "len", hop->has_encap ? hop->encap.len : hop->packet.len);
	put_nonzero(object, "gso_segs", hop->gso_segs);
	put_nonzero(object, "gso_size", hop->gso_size);
	if (hop->packet.ip_version)
		put_number(object, "ttl", hop->packet.ttl);
	if (hop->has_encap) {
		put_number(object, "inner_len", hop->packet.len);
		put_object(object, "encap", document_encap(&hop->encap));
	}
	if (hop->nat && before)
		put_object(object, "nat", document_nat(&hop->packet, &before->packet, names));
	return object;
}

static struct json_object *document_socket(const struct drop_info *info)
{
	static const char *const states[] = {
		"",           "established", "syn-sent",    "syn-recv",   "fin-wait-1",
		"fin-wait-2", "time-wait",   "close",       "close-wait", "last-ack",
		"listen",     "closing",     "new-syn-recv"};
	struct json_object *socket = json_object_new_object();

	if (info->sk_state < sizeof(states) / sizeof(*states))
		put_text(socket, "state", states[info->sk_state]);
	put_nonzero(socket, "port", info->sk_lport);
	put_number(socket, "accept_queue", info->sk_ack_backlog);
	put_number(socket, "accept_queue_max", info->sk_max_ack_backlog);
	put_number(socket, "receive_memory", info->sk_rmem);
	put_number(socket, "receive_buffer", info->sk_rcvbuf);
	return socket;
}

static void put_drop_info(struct json_object *object, const struct drop_info *info)
{
	static const char *const types[] = {"host", "broadcast", "multicast", "otherhost"};

	put_nonzero(object, "reason_value", info->reason);
	put_number(object, "skb_len", info->len);
	put_nonzero(object, "device_mtu", info->dev_mtu);
	put_nonzero(object, "route_ifindex", info->dst_ifindex);
	put_nonzero(object, "route_mtu", info->dst_mtu);
	if (info->dst_error)
		put_signed(object, "route_error", info->dst_error);
	put_nonzero(object, "mark", info->mark);
	put_nonzero(object, "input_ifindex", info->skb_iif);
	put_text(object, "qdisc", info->qdisc);
	put_number(object, "cpu", info->cpu);
	if (info->pkt_type < 4)
		put_text(object, "packet_type", types[info->pkt_type]);
	if (info->sk_state)
		put_object(object, "socket", document_socket(info));
}

/* A device that is gone by now still has the name the kernel saw. */
static void put_drop_place(struct json_object *object, const struct drop *drop,
			   const struct names *names)
{
	char name[sizeof(drop->info.dev_name) + 1] = "";

	put_place(object, names, drop->netns, drop->ifindex);
	if (names_device(names, drop->netns, drop->ifindex))
		return;
	memcpy(name, drop->info.dev_name, sizeof(drop->info.dev_name));
	put_text(object, "device", name);
}

static struct json_object *document_drop(const struct drop *drop, const struct journey *journey,
					 const struct names *names)
{
	struct json_object *object = json_object_new_object();
	struct json_object *callers = json_object_new_array();
	const struct packet *before = journey->hop_count
					      ? &journey->hops[journey->hop_count - 1].packet
					      : &journey->packet;

	put_signed(object, "time_ns", document_time(names, drop->time_ns));
	put_drop_place(object, drop, names);
	put_text(object, "reason", drop->reason);
	put_text(object, "function", drop->function);
	put_text(object, "hook", drop->hook);
	for (unsigned i = 0; i < 4; i++) {
		if (drop->callers[i][0])
			json_object_array_add(callers, document_string(drop->callers[i]));
	}
	put_object(object, "callers", callers);
	put_flag(object, "derived", drop->derived);
	if (drop->witness_count)
		put_object(object, "witnesses",
			   document_witnesses(drop->witnesses, drop->witness_count,
					      drop->has_encap ? drop->encap.ip_version
							      : drop->packet.ip_version));
	put_object(object, "benign", json_object_new_boolean(drop->benign));
	put_number(object, "len", drop->has_encap ? drop->encap.len : drop->packet.len);
	put_nonzero(object, "gso_segs", drop->gso_segs);
	put_nonzero(object, "gso_size", drop->gso_size);
	if (drop->has_encap)
		put_object(object, "encap", document_encap(&drop->encap));
	if (drop->packet.ip_version &&
	    (!packet_same_src(&drop->packet, before) || !packet_same_dst(&drop->packet, before)))
		put_object(object, "nat", document_nat(&drop->packet, before, names));
	put_drop_info(object, &drop->info);
	return object;
}

static void put_peer(struct json_object *verdict, const struct journey *journey,
		     const struct names *names)
{
	struct address peer = address_make(journey->answer.ip_version, journey->answer.src);
	char text[64];

	put_address(verdict, "peer", peer);
	put_text(verdict, "peer_pod", names_pod_of(names, peer));
	answer_text(&journey->answer, text);
	put_text(verdict, "answer", text);
	put_flag(verdict, "answer_quotes_encap", journey->answer_quotes_encap);
	if (journey->answer_quotes_encap)
		put_number(verdict, "encap_dport", journey->answer_encap_dport);
	if (journey->answer.icmp_type == (journey->answer.ip_version == 6 ? 2 : 3) &&
	    packet_is_icmp_error(&journey->answer))
		put_nonzero(verdict, "answer_mtu", journey->answer.ack);
	put_nonzero(verdict, "answered_by", journey->answered_by);
}

static bool is_pods_device(const struct journey *journey, const struct names *names)
{
	const struct device *device = names_device(names, journey->end_netns, journey->end_ifindex);

	return device && device->role == ROLE_POD;
}

static struct json_object *document_verdict(const struct journey *journey,
					    const struct names *names)
{
	static const char *const of_pod[] = {"pod", "container", "containers"};
	struct json_object *verdict = json_object_new_object();

	put_text(verdict, "kind", verdict_name(journey->verdict));
	if (journey->has_drop && journey->verdict == VERDICT_DROPPED)
		put_drop_place(verdict, &journey->drop, names);
	else
		put_place(verdict, names, journey->end_netns, journey->end_ifindex);
	/* What comes in by a pod's device and goes no further was for the node. */
	if (journey->verdict == VERDICT_DELIVERED && journey->hop_count &&
	    !journey->hops[journey->hop_count - 1].out && is_pods_device(journey, names))
		for (unsigned i = 0; i < sizeof(of_pod) / sizeof(*of_pod); i++)
			json_object_object_del(verdict, of_pod[i]);
	if (journey->has_drop && journey->verdict != VERDICT_DELIVERED &&
	    journey->verdict != VERDICT_LEFT_NODE) {
		put_text(verdict, "reason", journey->drop.reason);
		put_text(verdict, "function", journey->drop.function);
		put_text(verdict, "hook", journey->drop.hook);
	}
	if (journey->verdict == VERDICT_REJECTED)
		put_peer(verdict, journey, names);
	return verdict;
}

/* The nodes at the two ends, as far as the tunnel headers that were seen name them. */
static void put_flow_nodes(struct json_object *flow, const struct journey *journey)
{
	for (unsigned i = 0; i < journey->hop_count; i++) {
		const struct hop *hop = &journey->hops[i];

		/* Behind a translation it is the endpoint's node, not that of the address shown. */
		if (!hop->has_encap ||
		    memcmp(hop->out ? hop->packet.dst : hop->packet.src,
			   hop->out ? journey->packet.dst : journey->packet.src, 16))
			continue;
		if (hop->out)
			put_address(flow, "dst_node",
				    address_make(hop->encap.ip_version, hop->encap.dst));
		else
			put_address(flow, "src_node",
				    address_make(hop->encap.ip_version, hop->encap.src));
	}
}

static struct json_object *document_quoted(const struct quoted *quoted, const struct names *names)
{
	struct json_object *object = json_object_new_object();

	put_object(object, "flow", document_packet_flow(&quoted->packet, names));
	put_object(object, "packet", document_packet(&quoted->packet));
	if (quoted->encap_kind) {
		put_text(object, "encap_kind", encap_name(quoted->encap_kind));
		put_number(object, "vni", quoted->vni);
	}
	put_nonzero(object, "encap_dport", quoted->encap_dport);
	return object;
}

static struct json_object *journey_object(const struct journey *journey, const struct names *names)
{
	struct json_object *document =
		document_new("journey", document_time(names, journey->first_ns));
	struct json_object *flow = document_packet_flow(&journey->packet, names);
	struct json_object *hops = json_object_new_array_ext(journey->hop_count ?: 1);

	put_text(document, "node", names->node);
	put_number(document, "id", journey->id);
	put_nonzero(document, "flow_id", journey->flow_id);
	put_flow_nodes(flow, journey);
	put_object(document, "flow", flow);
	put_object(document, "packet", document_packet(&journey->packet));
	for (unsigned i = 0; i < journey->hop_count; i++)
		json_object_array_add(hops, document_hop(&journey->hops[i],
							 i ? &journey->hops[i - 1] : NULL, names));
	put_object(document, "hops", hops);
	put_flag(document, "hops_cut", journey->hops_cut);
	put_flag(document, "tracked_midway", journey->tracked_midway);
	put_flag(document, "evicted", journey->evicted);
	if (journey->has_drop)
		put_object(document, "drop", document_drop(&journey->drop, journey, names));
	if (journey->has_quoted)
		put_object(document, "quoted", document_quoted(&journey->quoted, names));
	put_nonzero(document, "answers", journey->answers);
	put_object(document, "verdict", document_verdict(journey, names));
	return document;
}

struct json_object *document_journey(const struct journey *journey, const struct names *names)
{
	struct names then = *names;

	then.time_ns = journey->first_ns;
	return journey_object(journey, &then);
}
