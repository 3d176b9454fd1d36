/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is recorded when there is more than the reader takes. Records lost at random would leave halves
 * of journeys, which look like packets that vanished; so, once the ring fills, flows are left out,
 * and where a few flows alone fill it, packets of them. A packet's fate is decided where it is seen
 * first and kept until it is gone, through translation too.
 *
 * The share falls here, at once; user space lets it rise again, step by step, when it has been quiet
 * (user/kernel/tracer.c). While the ring is empty enough nothing here costs more than a load.
 */
#ifndef CNITRACE_SAMPLE_BPF_H
#define CNITRACE_SAMPLE_BPF_H

#include "emit.bpf.h"

#define FATE_FLOW                                                                                  \
	2 /* bits of track_slot.first beside the flow's key: the flow is in the sample … */
#define FATE_KEPT 1 /* … and so is this packet of it */

/* The fates of packets, by skb address, and of translated flows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACK_BUCKETS);
	__type(key, __u32);
	__type(value, struct track_bucket);
} fates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FOLLOW_BUCKETS);
	__type(key, __u32);
	__type(value, struct track_bucket);
} flow_fates SEC(".maps");

/* A conversation, both directions of it, as a key that leaves room for the bits above. */
static __always_inline __u64 flow_key(const struct packet *p)
{
	__u64 src = end_hash(p->src, p->sport), dst = end_hash(p->dst, p->dport);

	return (track_mix(src + dst, p->proto) | 4) & ~3ull;
}

static __always_inline bool one_of(__u64 hash, __u32 shift)
{
	return !(track_mix(1, hash) & ((1ull << (shift & 31)) - 1));
}

/* Is the flow in the sample? A translated one shares the fate of what it was, at the present share. */
static __always_inline bool flow_kept(__u64 flow)
{
	struct track_slot *known = track_find(&flow_fates, flow, FOLLOW_BUCKETS);
	__u32 shift = state.flow_shift;

	if (known && known->value >> 1 == shift)
		return known->value & 1;
	return one_of(flow, shift);
}

__noinline int sample_decide(void)
{
	struct scratch *s = scratch_get();
	const struct packet *p;
	struct track_slot *known;
	__u64 mark, flow, bit, fate;

	if (!s)
		return true;
	p = scratch_packet(s);
	mark = packet_mark(p);
	flow = flow_key(s->quoted_l3 ? scratch_quoted(s) : p);
	known = track_find(&fates, s->skb, TRACK_BUCKETS);
	if (known && known->value == mark) {
		fate = known->first;
		known->time_ns = s->now;
		if ((fate & ~3ull) != flow)
			track_put(&flow_fates, flow,
				  (__u64)state.flow_shift << 1 | !!(fate & FATE_FLOW), 0, s->now, 0,
				  FOLLOW_BUCKETS);
		return fate & FATE_KEPT;
	}
	bit = 1ull << (flow >> 58);
	if (!(state.flows_seen & bit))
		state.flows_seen |= bit;
	fate = flow;
	if (flow_kept(flow)) {
		fate |= FATE_FLOW;
		/* an ICMP error is worth more than its like: there are few, and they explain much */
		if (s->quoted_l3 || one_of(mark, state.packet_shift))
			fate |= FATE_KEPT;
	}
	track_put(&fates, s->skb, mark, fate, s->now, 0, TRACK_BUCKETS);
	return fate & FATE_KEPT;
}

/* Is this packet in the sample? Once per record, after packet_wanted. False: it counts as lost. */
static __always_inline bool sample_has(struct hook_counters *count)
{
	if (!state.crowded || sample_decide())
		return true;
	count->lost++;
	count->sampled_out++;
	return false;
}

#endif
