/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the first bytes of a frame tell without parsing or copying it: most packets that are not
 * asked for are told here, straight from the packet, and cost a few nanoseconds. Knows the frames
 * a node mostly carries (TCP and UDP over IPv4 or IPv6 without options, the same inside
 * VXLAN); everything else has no shape and is left to the parser (parse.bpf.h), whose
 * answer this one never contradicts.
 */
#ifndef CNITRACE_QUICK_BPF_H
#define CNITRACE_QUICK_BPF_H

#include "sample.bpf.h"

#define QUICK_L3 14 /* behind an Ethernet header without VLAN tag */
#define QUICK_INNER_L3 64 /* … and 20 bytes of IPv4, UDP, VXLAN, Ethernet */

/* A packet's shape: none that is known, or the bytes that show all of its headers. */
#define SHAPE_NONE 0
#define SHAPE_PLAIN 80
#define SHAPE_TUNNEL 128

static __always_inline bool quick_subject4(const __u8 *ip)
{
#pragma unroll
	for (__u32 i = 0; i < CONFIG_ADDRESSES; i++) {
		if (i < config.address_count &&
		    (address_is(ip + 12, 4, i) || address_is(ip + 16, 4, i)))
			return true;
	}
	return false;
}

static __always_inline bool quick_subject6(const __u8 *ip)
{
#pragma unroll
	for (__u32 i = 0; i < CONFIG_ADDRESSES; i++) {
		if (i < config.address_count &&
		    (address_is(ip + 8, 6, i) || address_is(ip + 24, 6, i)))
			return true;
	}
	return false;
}

static __always_inline bool quick_is_vxlan(__u16 port)
{
	return port == config.vxlan_ports[0] || port == config.vxlan_ports[1] ||
	       port == config.vxlan_ports[2] || port == config.vxlan_ports[3];
}

/* An IPv4 header without options, in front of TCP or UDP, and no fragment? */
static __always_inline bool quick_is_plain4(const __u8 *ip)
{
	return ip[0] == 0x45 &&
	       !(*(const __u16 *)(ip + 6) & bpf_htons(PACKET_FRAG_MF | PACKET_FRAG_OFFSET)) &&
	       (ip[9] == PROTO_TCP || ip[9] == PROTO_UDP);
}

/* `*wanted`, as far as the subject goes, may become true. Records of DNS hold their payload: no shape. */
static __always_inline __u32 quick_look4(const __u8 *data, const __u8 *end, bool *wanted)
{
	const __u8 *ip = data + QUICK_L3, *inner = data + QUICK_INNER_L3;
	__u16 port;

	if (!quick_is_plain4(ip))
		return SHAPE_NONE;
	if (!*wanted)
		*wanted = quick_subject4(ip);
	if (ip[9] == PROTO_TCP)
		return SHAPE_PLAIN;
	port = bpf_ntohs(*(const __u16 *)(ip + 22));
	if (port == config.geneve_port)
		return SHAPE_NONE;
	if (port == 53 || *(const __u16 *)(ip + 20) == bpf_htons(53))
		return *wanted ? SHAPE_NONE : SHAPE_PLAIN;
	if (!quick_is_vxlan(port))
		return SHAPE_PLAIN;
	if (data + QUICK_INNER_L3 + 24 > end || !(ip[28] & 0x08) ||
	    *(const __u16 *)(inner - 2) != bpf_htons(ETHERTYPE_IPV4) || !quick_is_plain4(inner))
		return SHAPE_NONE;
	if (inner[9] == PROTO_UDP && (*(const __u16 *)(inner + 20) == bpf_htons(53) ||
				      *(const __u16 *)(inner + 22) == bpf_htons(53)))
		return SHAPE_NONE;
	if (!*wanted)
		*wanted = quick_subject4(inner);
	return SHAPE_TUNNEL;
}

static __always_inline __u32 quick_look6(const __u8 *data, const __u8 *end, bool *wanted)
{
	const __u8 *ip = data + QUICK_L3;

	if (data + QUICK_L3 + 44 > end || ip[0] >> 4 != 6)
		return SHAPE_NONE;
	if (ip[6] == PROTO_UDP) {
		__u16 port = bpf_ntohs(*(const __u16 *)(ip + 42));

		if (port == config.geneve_port || quick_is_vxlan(port) || port == 53 ||
		    *(const __u16 *)(ip + 40) == bpf_htons(53))
			return SHAPE_NONE;
	} else if (ip[6] != PROTO_TCP) {
		return SHAPE_NONE;
	}
	if (!*wanted)
		*wanted = quick_subject6(ip);
	return SHAPE_PLAIN;
}

/* A frame: its own bytes, or a copy of the first of them in a window. */
struct quick_frame {
	const __u8 *data, *end;
	__u32 len; /* of the whole frame */
	__u32 ifindex;
	bool tagged; /* a VLAN tag lies beside it */
};

/* Is every packet of this device wanted, as far as the subject goes? */
static __always_inline bool quick_all(__u32 ifindex)
{
	return !config.has_subject || config.subject_netns == config.node_netns ||
	       (config.subject_ifindex && config.subject_ifindex == ifindex);
}

/* May the expression be asked of the bytes that a shape shows? */
static __always_inline bool quick_reaches(void)
{
	return config.filter_reach <= SHAPE_TUNNEL - QUICK_INNER_L3;
}

/* As in struct packet, of the IP header there. */
static __always_inline __u32 quick_len(const __u8 *ip, __u32 wire_len)
{
	__u32 total = ip[0] >> 4 == 4 ? get16(ip + 2) : get16(ip + 4);

	if (total && ip[0] >> 4 == 6)
		total += 40;
	return total && total <= wire_len ? total : wire_len;
}

/* The expression on the IP packet at a constant offset, or the frame around it: as filter_match_direct. */
static __always_inline __u32 quick_ask(const __u8 *data, const __u8 *end, __u32 l3, __u32 len)
{
	if (config.expression_is_ether)
		return filter_match_direct(data + l3 - QUICK_L3, 0, end, len + QUICK_L3);
	return filter_match_direct(data + l3, 0, end, len);
}

/* The expression on a packet of a shape: same answer as expression_wants. */
static __always_inline __u32 quick_expression(const __u8 *data, const __u8 *end, __u32 shape,
					      __u32 len, __u32 inner_len)
{
	__u32 inner = FILTER_MISS, outer;

	if (shape == SHAPE_TUNNEL) {
		inner = quick_ask(data, end, QUICK_INNER_L3, inner_len);
		if (inner > FILTER_SHORT)
			return inner;
	}
	outer = quick_ask(data, end, QUICK_L3, len);
	return outer > FILTER_SHORT ? outer : inner | outer;
}

/* What is asked beyond the subject: FILTER_MISS, FILTER_SHORT (unsure) or a match. */
static __always_inline __u32 quick_asks(struct quick_frame f, __u32 shape)
{
	__u32 len = 0, inner_len = 0, answer;

	if (config.min_len || config.filter_asks_len) {
		len = quick_len(f.data + QUICK_L3, f.len - QUICK_L3);
		if (shape == SHAPE_TUNNEL)
			inner_len = quick_len(f.data + QUICK_INNER_L3,
					      len - (QUICK_INNER_L3 - QUICK_L3));
	}
	if (config.min_len && (shape == SHAPE_TUNNEL ? inner_len : len) < config.min_len)
		return FILTER_MISS;
	if (!config.has_expression)
		return FILTER_SHORT + 1;
	if (!quick_reaches())
		return FILTER_SHORT;
	answer = quick_expression(f.data, f.end, shape, len, inner_len);
	/* what lies behind `end` is either in another page or not there at all */
	if (answer == FILTER_SHORT && (__u32)(f.end - f.data) >= f.len)
		return FILTER_MISS;
	return answer;
}

/*
 * Asks the frame's own bytes for its shape and, when it has one, whether it is asked for: as
 * quick_asks. What is said holds for a frame with an Ethernet header.
 */
static __always_inline __u32 quick_look(struct quick_frame f, __u32 *answer)
{
	bool wanted = quick_all(f.ifindex);
	__u32 shape = SHAPE_NONE;
	__u16 type;

	*answer = FILTER_SHORT;
	if (f.data + QUICK_L3 + 24 > f.end)
		return SHAPE_NONE;
	if (config.expression_is_ether && f.tagged)
		return SHAPE_NONE; /* the tag is not among the bytes */
	type = *(const __u16 *)(f.data + 12);
	if (type == bpf_htons(ETHERTYPE_IPV4))
		shape = quick_look4(f.data, f.end, &wanted);
	else if (type == bpf_htons(ETHERTYPE_IPV6))
		shape = quick_look6(f.data, f.end, &wanted);
	if (!shape)
		return SHAPE_NONE;
	if (!wanted) {
		*answer = FILTER_MISS;
		return shape;
	}
	if (shape == SHAPE_TUNNEL && f.data + QUICK_INNER_L3 + 24 > f.end)
		return SHAPE_NONE; /* never: for the verifier */
	*answer = quick_asks(f, shape);
	return shape;
}

/* This skb was not asked for before it was translated, and it answers nothing that was. */
static __always_inline bool quick_unknown(struct scratch *s)
{
	return !state.tracking || (!state.following && !config.filter_fades &&
				   !track_find(&tracked, s->skb, TRACK_BUCKETS));
}

/*
 * The frame in the window, of `wire_len` bytes: is it asked for? Without an Ethernet header it is a
 * packet of this EtherType.
 */
static __always_inline bool frame_wanted(struct scratch *s, __u32 wire_len, bool has_ether,
					 __u16 type, __u32 ifindex)
{
	bool multicast = false;
	__u32 l3 = 0;

	s->l2 = 0;
	if (has_ether) {
		l3 = parse_ether(&s->window, 0, s->filled, &type, &multicast);
		if (!l3)
			return false;
	}
	return scratch_parse(l3, wire_len - l3, type, multicast ? PACKET_MULTICAST : 0) &&
	       packet_wanted(config.node_netns, ifindex);
}

/* What a hop's record says beyond its packet. */
static __always_inline void hop_tails(struct scratch *s)
{
	if (s->inner_l3 || s->quoted_l3)
		record_packet_tails();
	if (s->payload_len)
		record_payload_tail();
}

#endif
