// SPDX-License-Identifier: GPL-2.0-only
/*
 * One packet seen at one device in one direction.
 *
 * Hook: tc ingress and egress, by a tcx link (6.6+) or a clsact filter. Context: softirq,
 * or process context with softirqs off. The packet is passed on untouched, whatever
 * happens here. Cost: one copy of up to 256 header bytes, then a few look-ups; see
 * scripts/bench.sh.
 *
 * Needs no kernel types: what it reads comes through struct __sk_buff.
 */
#include "tracer.bpf.h"

char _license[] SEC("license") = "GPL";

#define PASS_ON (-1) /* TCX_NEXT and TC_ACT_UNSPEC: the next program decides */

static __always_inline int hop(struct __sk_buff *ctx, __u32 counter, __u8 type, bool has_ether)
{
	struct hook_counters *count = counters_get(counter);
	struct scratch *s = scratch_get();
	bool multicast = false;
	struct record *r;
	__u16 ethertype;
	__u32 n, l3 = 0;

	if (!count || !s)
		return PASS_ON;
	count->seen++;
	n = ctx->len;
	if (n > WINDOW_FILL)
		n = WINDOW_FILL;
	/* Verifiers before 6.12 learn no lower bound from a test against 0. No IP packet is shorter. */
	asm volatile("" : "+r"(n));
	if (n < 14 || bpf_skb_load_bytes(ctx, 0, s->window.bytes, n)) {
		count->lost++;
		return PASS_ON;
	}
	s->filled = n;
	s->skb = (__u64)ctx;
	s->l2 = 0;
	if (has_ether) {
		l3 = parse_ether(&s->window, 0, n, &ethertype, &multicast);
		if (!l3) {
			count->filtered++;
			return PASS_ON;
		}
	} else {
		ethertype = bpf_ntohs(ctx->protocol);
	}
	if (!scratch_parse(l3, ctx->len - l3, ethertype, multicast ? PACKET_MULTICAST : 0) ||
	    !packet_wanted(config.node_netns, ctx->ifindex)) {
		count->filtered++;
		return PASS_ON;
	}
	r = record_begin(s, type, config.node_netns, ctx->ifindex);
	r->gso_size = ctx->gso_size;
	r->gso_segs = ctx->gso_segs;
	record_packet_tails();
	record_payload_tail();
	record_emit(s, count);
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
