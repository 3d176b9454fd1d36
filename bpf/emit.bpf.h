/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A record from what was parsed, and the one place where it enters the ring or is counted as lost.
 *
 * A program fills scratch->window, calls scratch_parse, asks packet_wanted (which also reads the
 * clock), then builds its record with record_begin, record_tail and record_emit.
 */
#ifndef CNITRACE_EMIT_BPF_H
#define CNITRACE_EMIT_BPF_H

#include "follow.bpf.h"

#define WAKE_BAND 512 /* bytes beyond a mark of which a record still wakes the reader */

static __always_inline struct record *record_begin(struct scratch *s, __u8 type, __u32 netns,
						   __u32 ifindex)
{
	struct record *r = (struct record *)s->out;

	r->time_ns = s->now;
	r->skb = s->skb;
	r->netns = netns;
	r->ifindex = ifindex;
	r->type = type;
	r->tails = 0;
	r->gso_size = r->gso_segs = 0;
	r->packet = *scratch_packet(s);
	r->packet.flags |= packet_socket(s);
	s->size = sizeof(*r);
	return r;
}

/* Room for a tail of `size` bytes (a multiple of 8, a constant), or NULL. */
static __always_inline void *record_tail(struct scratch *s, __u8 bit, __u32 size)
{
	__u32 at = s->size;

	if (at > RECORD_ROOM - 512 || size > 512)
		return NULL;
	((struct record *)s->out)->tails |= bit;
	s->size = at + size;
	return s->out + at;
}

/* What every record says beyond its packet: the tunnel's header, what an ICMP error quotes. */
__noinline int record_packet_tails(void)
{
	struct scratch *s = scratch_get();

	if (!s)
		return 0;
	if (s->inner_l3) {
		struct encap *e = record_tail(s, TAIL_ENCAP, sizeof(*e));

		if (e)
			*e = s->encap;
	}
	if (s->quoted_l3) {
		struct quoted *q = record_tail(s, TAIL_QUOTED, sizeof(*q));

		if (q) {
			q->packet = *scratch_quoted(s);
			q->encap_kind = s->quoted_encap.kind;
			q->pad = 0;
			q->encap_dport = s->quoted_encap.dport;
			q->vni = s->quoted_encap.vni;
		}
	}
	return 1;
}

__noinline int record_payload_tail(void)
{
	struct scratch *s = scratch_get();
	__u32 n, from, at;

	if (!s)
		return 0;
	n = s->payload_len;
	from = s->where[s->inner_l3 ? INNER : OUTER].payload;
	at = s->size;
	if (!n || n > RECORD_MAX_PAYLOAD || from > WINDOW_FILL || at > RECORD_ROOM - 512)
		return 0;
	((struct record *)s->out)->tails |= TAIL_PAYLOAD;
	*(__u16 *)(s->out + at) = n;
	bpf_probe_read_kernel(s->out + at + 2, n, s->window.bytes + from);
	s->size = at + ((n + 2 + 7) & ~7u);
	return 1;
}

/* How many flows may be told apart by now, as a power of two that leaves some of them in the sample. */
static __always_inline __u32 flow_shift_room(void)
{
	__u64 bits = state.flows_seen;

	bits -= bits >> 1 & 0x5555555555555555ull;
	bits = (bits & 0x3333333333333333ull) + (bits >> 2 & 0x3333333333333333ull);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0full;
	bits = bits * 0x0101010101010101ull >> 56;
	return bits < 8 ? 0 : bits < 16 ? 1 : bits < 32 ? 2 : bits < 56 ? 3 : 6;
}

/*
 * The ring holds `held` bytes, a quarter of it or more: from now on fates are remembered. From a half
 * on the share falls by a step each time the ring has filled by another part; while the reader has
 * not come yet nothing more is learnt from how full it is. Two CPUs may do so at once: a step more.
 */
__noinline int sample_lessen(__u32 held)
{
	struct scratch *s = scratch_get();
	__u32 shift = state.flow_shift + state.packet_shift;

	if (!s)
		return 0;
	if (!state.crowded)
		state.crowded = 1;
	if (held < config.wake_bytes * 4) {
		state.lessened_at = 0;
		return 0;
	}
	if (shift >= SAMPLE_SHIFT_MAX || held < state.lessened_at + config.wake_bytes / 2)
		return 0;
	state.lessened_at = held;
	state.lessened_ns = s->now;
	/* what a few flows have too much of first: only of those is anything left out (sample.bpf.h) */
	if (state.packet_shift >= PACKET_SHIFT_FIRST && state.flow_shift < flow_shift_room())
		state.flow_shift++;
	else
		state.packet_shift++;
	if (shift >= state.shift_max)
		state.shift_max = shift + 1;
	return 0;
}

/*
 * The one place where a record enters the ring: recorded or lost, never neither. `extra`: bytes
 * behind the record that are not part of it, for whoever reads this ring.
 */
static __always_inline void record_emit_with(struct scratch *s, struct hook_counters *count,
					     __u32 extra)
{
	struct record *r = (struct record *)s->out;
	__u32 size = s->size;
	__u64 flags = BPF_RB_NO_WAKEUP, held;

	if (size > RECORD_ROOM - extra)
		size = 0;
	/* The compiler would make one test of the two, of which verifiers before 7.x learn no bound. */
	asm volatile("" : "+r"(size));
	if (size < sizeof(*r)) {
		count->lost++;
		return;
	}
	r->size = size;
	/*
	 * Wake the reader when the ring has filled another part of wake_bytes, and for the next few
	 * records (two CPUs may step over the mark together), not for every record beyond it: a
	 * wake-up is an interrupt to ourselves and costs a microsecond.
	 */
	held = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (held >= config.wake_bytes && (held & (config.wake_bytes - 1)) < WAKE_BAND)
		flags = BPF_RB_FORCE_WAKEUP;
	if (held >= config.wake_bytes * 2)
		sample_lessen(held);
	if (bpf_ringbuf_output(&ring, s->out, size + extra, flags))
		count->lost++;
	else
		count->recorded++;
}

static __always_inline void record_emit(struct scratch *s, struct hook_counters *count)
{
	record_emit_with(s, count, 0);
}

#endif
