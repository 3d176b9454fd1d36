/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is recorded when there is more than the reader takes. Records lost at random would leave halves
 * of journeys, which look like packets that vanished; so, once the ring fills, packets of the flows that
 * have many are left out, and where there are too many flows, whole ones. A flow that has few packets is
 * kept whole, both ways: what comes of a lookup or an echo is told by a single packet. A packet's fate is
 * decided where it is seen first and kept until it is gone, through translation too.
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

/* How many packets of a flow there were, both ways, in the window of about a quarter of a second. */
#define PACE_WINDOW_SHIFT 28
#define PACE_PACKETS 32 /* so many of them are kept, however small the share is */
#define TOLD_DROPS 256 /* in a window, of packets and flows that are left out */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FOLLOW_BUCKETS);
	__type(key, __u32);
	__type(value, struct track_bucket);
} paces SEC(".maps");

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

/*
 * Is it one of the first packets of its flow in this window? What is freed, copies of a packet among it, has a
 * count of its own.
 */
static __always_inline bool is_sparse(const struct scratch *s, __u64 flow)
{
	__u64 window = s->now >> PACE_WINDOW_SHIFT, replaced;
	struct track_slot *pace =
		track_claim(&paces, flow | (s->place ? 1 : 2), s->now, FOLLOW_BUCKETS, &replaced);

	if (!pace)
		return false;
	if (pace->first != window) {
		pace->first = window;
		pace->value = 0;
	}
	return pace->value++ < PACE_PACKETS;
}

/* The last quarter of the ring is for packets that are on their way already, and for flows that have few. */
static __always_inline bool ring_has_room(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < config.wake_bytes * 6;
}

/*
 * A drop explains more than anything else, and alone: those of what is left out are recorded too, without the hops
 * before, unless there is a flood of them.
 */
static __always_inline bool is_telling_drop(const struct scratch *s, __u64 flow)
{
	__u64 window = s->now >> PACE_WINDOW_SHIFT;

	if (s->place || !is_sparse(s, flow))
		return false;
	if (state.drops_window != window) {
		state.drops_window = window;
		state.drops_told = 0;
	}
	return state.drops_told++ < TOLD_DROPS;
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
		return fate & FATE_KEPT || is_telling_drop(s, flow);
	}
	bit = 1ull << (flow >> 58);
	if (!(state.flows_seen & bit))
		state.flows_seen |= bit;
	fate = flow;
	if (flow_kept(flow)) {
		fate |= FATE_FLOW;
		/* an ICMP error is worth more than its like: there are few, and they explain much */
		if (is_sparse(s, flow) || s->quoted_l3 ||
		    (one_of(mark, state.packet_shift) && ring_has_room()))
			fate |= FATE_KEPT;
	}
	if (track_put(&fates, s->skb, mark, fate, s->now, TRACK_YOUNG_NS, TRACK_BUCKETS))
		__sync_fetch_and_add(&state.tracked_evicted, 1);
	return fate & FATE_KEPT || is_telling_drop(s, flow);
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
