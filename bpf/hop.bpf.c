// SPDX-License-Identifier: GPL-2.0-only
/*
 * One packet seen at one device in one direction.
 *
 * Hook: tc ingress and egress, by a tcx link (6.6+) or a clsact filter. Context: softirq,
 * or process context with softirqs off. The packet is passed on untouched, whatever
 * happens here. Cost: most packets that are not asked for are told by a look at their first
 * bytes (quick.bpf.h); others are copied, up to 256 bytes, and parsed. See scripts/bench.sh.
 *
 * Needs no kernel types: what it reads comes through struct __sk_buff.
 */
#include "quick.bpf.h"

char _license[] SEC("license") = "GPL";

#define PASS_ON (-1) /* TCX_NEXT and TC_ACT_UNSPEC: the next program decides */
#define NETWORK_HEADER 20 /* the least there is, and enough to know a packet by */

/* `bytes` (a constant, a multiple of 8) in words: the compiler would copy packet bytes one by one. */
static __always_inline void quick_copy(struct filter_window *window, const __u8 *data, __u32 bytes)
{
	const __u64 *from = (const __u64 *)data;
	__u64 *to = (__u64 *)window->bytes;

#pragma unroll
	for (__u32 i = 0; i < SHAPE_TUNNEL / 8; i++) {
		if (i < bytes / 8)
			to[i] = from[i];
	}
}

/* The bytes of a shape, or all the packet has, into the window: how many. 0: they could not be read. */
static __always_inline __u32 quick_fill(struct __sk_buff *ctx, struct filter_window *window,
					__u32 shape)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	__u32 n = ctx->len;

	/* the empty statements keep the compiler from making one slow copy of the two */
	if (shape == SHAPE_PLAIN && data + SHAPE_PLAIN <= end) {
		quick_copy(window, data, SHAPE_PLAIN);
		asm volatile("" : : "i"(SHAPE_PLAIN));
		return SHAPE_PLAIN;
	}
	if (shape == SHAPE_TUNNEL && data + SHAPE_TUNNEL <= end) {
		quick_copy(window, data, SHAPE_TUNNEL);
		asm volatile("" : : "i"(SHAPE_TUNNEL));
		return SHAPE_TUNNEL;
	}
	if (n > shape)
		n = shape;
	if (n > SHAPE_TUNNEL) /* never: a bound for the verifier */
		return 0;
	asm volatile("" : "+r"(n));
	if (n < QUICK_L3 + 24 || bpf_skb_load_bytes(ctx, 0, window->bytes, n))
		return 0;
	return n;
}

/* The packet's first bytes into the window: those that matter, where its shape tells which. How many, 0: none. */
static __always_inline __u32 window_fill(struct __sk_buff *ctx, struct scratch *s, __u32 shape)
{
	__u32 n = ctx->len;

	if (shape && quick_reaches()) {
		n = quick_fill(ctx, &s->window, shape);
		if (n)
			return n;
		n = ctx->len;
	}
	if (n > WINDOW_FILL)
		n = WINDOW_FILL;
	/* Verifiers before 6.12 learn no lower bound from a test against 0. No IP packet is shorter. */
	asm volatile("" : "+r"(n));
	if (n < 14 || bpf_skb_load_bytes(ctx, 0, s->window.bytes, n))
		return 0;
	return n;
}

/*
 * A VLAN tag that a device has taken off the frame lies beside it (skb->vlan_tci). Put back, as a
 * capture shows it, an expression about VLANs finds it. How many bytes, 0: they could not be read.
 */
static __always_inline __u32 window_fill_tagged(struct __sk_buff *ctx, struct scratch *s)
{
	__u32 n = ctx->len;

	if (n > WINDOW_FILL - VLAN_TAG)
		n = WINDOW_FILL - VLAN_TAG;
	asm volatile("" : "+r"(n));
	if (n < 14 || bpf_skb_load_bytes(ctx, 0, s->window.bytes, VLAN_AT))
		return 0;
	*(__u16 *)(s->window.bytes + VLAN_AT) = (__u16)ctx->vlan_proto; /* in network order */
	*(__u16 *)(s->window.bytes + VLAN_AT + 2) = bpf_htons(ctx->vlan_tci);
	if (bpf_skb_load_bytes(ctx, VLAN_AT, s->window.bytes + VLAN_AT + VLAN_TAG, n - VLAN_AT))
		return 0;
	return n + VLAN_TAG;
}

/*
 * Where the packet begins in what a program on ingress is shown. Up to 5.13 a tunnel without Ethernet header
 * leaves the MAC header where the outer frame began (5.14: "net: reset MAC header consistently across L3
 * virtual devices"), and cls_bpf shows everything from there. The network header is the inner one: what lies
 * before it is what the packet's own length leaves over, if its first bytes are found there.
 */
static __always_inline __u32 network_start(struct __sk_buff *ctx)
{
	__u64 packet[3] = {}, shown[3] = {};
	const __u8 *ip = (const __u8 *)packet;
	__u32 len, start;

	if (bpf_skb_load_bytes_relative(ctx, 0, packet, NETWORK_HEADER, BPF_HDR_START_NET) ||
	    bpf_skb_load_bytes(ctx, 0, shown, NETWORK_HEADER))
		return 0;
	if (packet[0] == shown[0] && packet[1] == shown[1] && packet[2] == shown[2])
		return 0;
	len = ip[0] >> 4 == 6 ? get16(ip + 4) + 40 : get16(ip + 2);
	if (len > ctx->len)
		return 0;
	start = ctx->len - len;
	if (bpf_skb_load_bytes(ctx, start, shown, NETWORK_HEADER) || packet[0] != shown[0] ||
	    packet[1] != shown[1] || packet[2] != shown[2])
		return 0;
	return start;
}

/* The first bytes of a packet without Ethernet header, from `start` on. How many, 0: they could not be read. */
static __always_inline __u32 window_fill_bare(struct __sk_buff *ctx, struct scratch *s, __u32 start)
{
	__u32 n = ctx->len - start;

	if (n > WINDOW_FILL)
		n = WINDOW_FILL;
	asm volatile("" : "+r"(n));
	if (n < NETWORK_HEADER || bpf_skb_load_bytes(ctx, start, s->window.bytes, n))
		return 0;
	return n;
}

static __always_inline void hop_record(struct __sk_buff *ctx, struct scratch *s,
				       struct hook_counters *count, __u8 type)
{
	struct record *r = record_begin(s, type, config.node_netns, ctx->ifindex);

	r->gso_size = ctx->gso_size;
	r->gso_segs = ctx->gso_segs;
	hop_tails(s);
	record_emit(s, count);
}

static __always_inline int hop(struct __sk_buff *ctx, __u32 counter, __u8 type, bool has_ether)
{
	struct hook_counters *count = counters_get(counter);
	__u32 answer = FILTER_SHORT, shape = SHAPE_NONE, wire_len = ctx->len, start;
	struct scratch *s;

	if (!count)
		return PASS_ON;
	count->seen++;
	if (has_ether)
		shape = quick_look(
			(struct quick_frame){(const __u8 *)(long)ctx->data,
					     (const __u8 *)(long)ctx->data_end, ctx->len,
					     /* not loaded where nobody asks */
					     config.subject_ifindex ? ctx->ifindex : 0,
					     config.expression_is_ether && ctx->vlan_present},
			&answer);
	if (answer == FILTER_MISS && !state.tracking)
		goto filtered;
	s = scratch_get();
	if (!s)
		return PASS_ON;
	s->skb = (__u64)ctx;
	s->socket = (__u64)ctx->sk;
	asm volatile("" : : : "memory"); /* from here on the number that lies there */
	if (answer == FILTER_MISS && quick_unknown(s))
		goto filtered;
	s->place = (__u64)ctx->ifindex << 2 | type;
	s->asked = answer > FILTER_SHORT;
	if (has_ether && config.expression_is_ether && ctx->vlan_present) {
		s->filled = window_fill_tagged(ctx, s);
		wire_len += VLAN_TAG;
	} else if (has_ether) {
		s->filled = window_fill(ctx, s, shape);
	} else {
		start = type == RECORD_HOP_IN ? network_start(ctx) : 0;
		wire_len -= start;
		s->filled = window_fill_bare(ctx, s, start);
	}
	if (!s->filled) {
		count->lost++;
		return PASS_ON;
	}
	if (!frame_wanted(s, wire_len, has_ether, has_ether ? 0 : bpf_ntohs(ctx->protocol),
			  ctx->ifindex))
		goto filtered;
	if (sample_has(count))
		hop_record(ctx, s, count, type);
	return PASS_ON;
filtered:
	count->filtered++;
	return PASS_ON;
}

SEC("hop/in")
int cnitrace_in(struct __sk_buff *ctx)
{
	return hop(ctx, COUNTER_TC_IN, RECORD_HOP_IN, true);
}

SEC("hop/out")
int cnitrace_out(struct __sk_buff *ctx)
{
	return hop(ctx, COUNTER_TC_OUT, RECORD_HOP_OUT, true);
}

/* Devices without an Ethernet header: ipip, sit, gre, wireguard, tun. */
SEC("hop/in")
int cnitrace_in_l3(struct __sk_buff *ctx)
{
	return hop(ctx, COUNTER_TC_IN, RECORD_HOP_IN, false);
}

SEC("hop/out")
int cnitrace_out_l3(struct __sk_buff *ctx)
{
	return hop(ctx, COUNTER_TC_OUT, RECORD_HOP_OUT, false);
}
