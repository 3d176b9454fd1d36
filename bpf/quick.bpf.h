/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the first bytes of a frame tell without parsing it: most packets that are not asked
 * for are told here, straight from the packet, and cost a few nanoseconds. Knows the frames
 * a node mostly carries (TCP and UDP over IPv4 or IPv6 without options, the same inside
 * VXLAN); everything else is QUICK_UNSURE and left to the parser (parse.bpf.h), whose
 * answer this one never contradicts.
 */
#ifndef CNITRACE_QUICK_BPF_H
#define CNITRACE_QUICK_BPF_H

#include "tracer.bpf.h"

#define QUICK_L3 14 /* behind an Ethernet header without VLAN tag */
#define QUICK_INNER_L3 64 /* … and 20 bytes of IPv4, UDP, VXLAN, Ethernet */

/* What a look tells: nothing, not the subject's, or the bytes that show all headers of a packet that is. */
#define QUICK_UNSURE 0
#define QUICK_MISS 1
#define QUICK_PLAIN 80
#define QUICK_TUNNEL 128

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

/* An IPv4 header without options, in front of TCP or UDP, and no later fragment? */
static __always_inline bool quick_is_plain4(const __u8 *ip)
{
	return ip[0] == 0x45 && !(*(const __u16 *)(ip + 6) & bpf_htons(PACKET_FRAG_OFFSET)) &&
	       (ip[9] == PROTO_TCP || ip[9] == PROTO_UDP);
}

static __always_inline __u32 quick_look4(const __u8 *data, const __u8 *end, bool wanted)
{
	const __u8 *ip = data + QUICK_L3, *inner = data + QUICK_INNER_L3;
	__u16 port;

	if (!quick_is_plain4(ip))
		return QUICK_UNSURE;
	wanted = wanted || quick_subject4(ip);
	if (ip[9] == PROTO_TCP)
		return wanted ? QUICK_PLAIN : QUICK_MISS;
	port = bpf_ntohs(*(const __u16 *)(ip + 22));
	if (port == config.geneve_port)
		return QUICK_UNSURE;
	if (port == 53 || *(const __u16 *)(ip + 20) == bpf_htons(53))
		return wanted ? QUICK_UNSURE : QUICK_MISS; /* records of DNS hold their payload */
	if (!quick_is_vxlan(port))
		return wanted ? QUICK_PLAIN : QUICK_MISS;
	if (data + QUICK_INNER_L3 + 24 > end || !(ip[28] & 0x08) ||
	    *(const __u16 *)(inner - 2) != bpf_htons(ETHERTYPE_IPV4) || !quick_is_plain4(inner))
		return QUICK_UNSURE;
	if (inner[9] == PROTO_UDP && (*(const __u16 *)(inner + 20) == bpf_htons(53) ||
				      *(const __u16 *)(inner + 22) == bpf_htons(53)))
		return QUICK_UNSURE;
	return wanted || quick_subject4(inner) ? QUICK_TUNNEL : QUICK_MISS;
}

static __always_inline __u32 quick_look6(const __u8 *data, const __u8 *end, bool wanted)
{
	const __u8 *ip = data + QUICK_L3;

	if (data + QUICK_L3 + 44 > end || ip[0] >> 4 != 6)
		return QUICK_UNSURE;
	if (ip[6] == PROTO_UDP) {
		__u16 port = bpf_ntohs(*(const __u16 *)(ip + 42));

		if (port == config.geneve_port || quick_is_vxlan(port) || port == 53 ||
		    *(const __u16 *)(ip + 40) == bpf_htons(53))
			return QUICK_UNSURE;
	} else if (ip[6] != PROTO_TCP) {
		return QUICK_UNSURE;
	}
	return wanted || quick_subject6(ip) ? QUICK_PLAIN : QUICK_MISS;
}

/* Is every packet of this device wanted, as far as the subject goes? */
static __always_inline bool quick_all(struct __sk_buff *ctx)
{
	return !config.has_subject || config.subject_netns == config.node_netns ||
	       (config.subject_ifindex && config.subject_ifindex == ctx->ifindex);
}

/* Asks the frame's own bytes; what is said holds for a frame with an Ethernet header. */
static __always_inline __u32 quick_look(struct __sk_buff *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	__u16 type;

	if (data + QUICK_L3 + 24 > end)
		return QUICK_UNSURE;
	type = *(const __u16 *)(data + 12);
	if (type == bpf_htons(ETHERTYPE_IPV4))
		return quick_look4(data, end, quick_all(ctx));
	if (type == bpf_htons(ETHERTYPE_IPV6))
		return quick_look6(data, end, quick_all(ctx));
	return QUICK_UNSURE;
}

/* `bytes` (a constant, a multiple of 8) in words: the compiler would copy packet bytes one by one. */
static __always_inline void quick_copy(struct filter_window *window, const __u8 *data, __u32 bytes)
{
	const __u64 *from = (const __u64 *)data;
	__u64 *to = (__u64 *)window->bytes;

#pragma unroll
	for (__u32 i = 0; i < QUICK_TUNNEL / 8; i++) {
		if (i < bytes / 8)
			to[i] = from[i];
	}
}

/* The first `bytes` of the packet, or all it has, into the window: how many. 0: they could not be read. */
static __always_inline __u32 quick_fill(struct __sk_buff *ctx, struct filter_window *window,
					__u32 bytes)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	__u32 n = ctx->len;

	if (bytes == QUICK_PLAIN && data + QUICK_PLAIN <= end) {
		quick_copy(window, data, QUICK_PLAIN);
		return QUICK_PLAIN;
	}
	if (bytes == QUICK_TUNNEL && data + QUICK_TUNNEL <= end) {
		quick_copy(window, data, QUICK_TUNNEL);
		return QUICK_TUNNEL;
	}
	if (n > bytes)
		n = bytes;
	if (n > QUICK_TUNNEL) /* never: a bound for the verifier */
		return 0;
	asm volatile("" : "+r"(n));
	if (n < QUICK_L3 + 24 || bpf_skb_load_bytes(ctx, 0, window->bytes, n))
		return 0;
	return n;
}

/* May the expression be asked of the bytes a quick_fill gives? */
static __always_inline bool quick_reaches(void)
{
	return config.filter_reach <= QUICK_TUNNEL - QUICK_INNER_L3;
}

/* As in struct packet, of the IP header at a constant offset that is in the window. */
static __always_inline __u32 quick_len(const __u8 *ip, __u32 wire_len)
{
	__u32 total = ip[0] >> 4 == 4 ? get16(ip + 2) : get16(ip + 4);

	if (total && ip[0] >> 4 == 6)
		total += 40;
	return total && total <= wire_len ? total : wire_len;
}

/* The expression on a window filled for a `look`: same answer as expression_wants. */
static __always_inline bool quick_expression(struct filter_window *window, __u32 look, __u32 filled,
					     __u32 wire_len)
{
	__u32 len = quick_len(window->bytes + QUICK_L3, wire_len - QUICK_L3);

	if (config.expression_is_ether)
		return filter_match_ether(window, 0, filled, len + QUICK_L3);
	if (look == QUICK_TUNNEL && filled > QUICK_INNER_L3 &&
	    filter_match_ip(
		    window, QUICK_INNER_L3, filled - QUICK_INNER_L3,
		    quick_len(window->bytes + QUICK_INNER_L3, len - (QUICK_INNER_L3 - QUICK_L3))))
		return true;
	return filter_match_ip(window, QUICK_L3, filled - QUICK_L3, len);
}

/* Nothing was asked for before it was translated: no packet, no flow. */
static __always_inline bool quick_untracked(void)
{
	struct tracer_state *st = state_get();

	return st && !st->tracking;
}

/* … or at least not this skb. */
static __always_inline bool quick_unknown(struct scratch *s)
{
	struct tracer_state *st = state_get();

	return st && (!st->tracking || (!st->following && !bpf_map_lookup_elem(&tracked, &s->skb)));
}

#endif
