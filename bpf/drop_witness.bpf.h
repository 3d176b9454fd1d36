/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What witnesses have said of the packet that is being freed, put into its record: the hints
 * they left, and the calls it is freed in. Takes both only when they are surely this packet's.
 */
#ifndef CNITRACE_DROP_WITNESS_BPF_H
#define CNITRACE_DROP_WITNESS_BPF_H

#include "witness.bpf.h"

/* Rows of the calls that last, by frame; `what` 0: not watched. */
const volatile struct witness_probe witness_frames[WITNESS_FRAMES] = {};
const volatile __u32 witness_active = 0;

static __always_inline struct witness_info *witness_room(struct scratch *s, __u64 at, __u64 count)
{
	/* 64-bit, and tested here each time: before 5.11 no bound is learnt of the half of a register */
	asm volatile("" : "+r"(at));
	asm volatile("" : "+r"(count));
	if (at > RECORD_ROOM - 512 || count >= WITNESS_MAX)
		return NULL;
	return (struct witness_info *)(s->out + at + sizeof(struct witness_list) +
				       count * sizeof(struct witness_info));
}

/* The hint of that number, if there is one and it speaks of this packet. False: there is none. */
static __always_inline bool hint_take(struct scratch *s, __u64 number, __u64 word, __u64 now,
				      struct witness_info *to)
{
	struct witness_hint_key key = {.skb = s->skb, .number = number};
	struct witness_hint *h = bpf_map_lookup_elem(&witness_hints, &key);
	bool fits;

	if (!h)
		return false;
	fits = h->word == word && now - h->time_ns < WITNESS_FRESH_NS;
	if (fits)
		*to = h->info;
	bpf_map_delete_elem(&witness_hints, &key);
	return fits;
}

/* The call of that frame, if it is still running below us and about this packet. */
static __always_inline bool call_take(struct scratch *s, __u32 frame, struct witness_info *to)
{
	struct witness_call *call;
	__u32 key = frame;

	if (!witness_frames[frame].what)
		return false;
	call = bpf_map_lookup_elem(&witness_calls, &key);
	/* The compiler would take the number back from where the helper has seen it. */
	asm volatile("" : "+r"(frame));
	if (frame >= WITNESS_FRAMES)
		return false;
	if (!call || call->skb != s->skb || !witness_within(s->stack, call->stack))
		return false;
	witness_read(&witness_frames[frame], call->args, to);
	to->ret = 0;
	return true;
}

__noinline int record_witness_tail(void)
{
	__u64 count = 0, calls = 0, at, word, now;
	struct scratch *s = scratch_get();
	struct hook_counters *counter = counters_get(COUNTER_WITNESS);
	struct witness_info *room;
	struct witness_list *list;

	if (!witness_active || !s || !counter)
		return 0;
	at = s->size;
	if (at > RECORD_ROOM - 512)
		return 0;
	word = witness_word(s->skb);
	now = bpf_ktime_get_ns();
	for (__u32 i = 0; i < WITNESS_MAX; i++) {
		room = witness_room(s, at, count);
		if (room && hint_take(s, i, word, now, room))
			count++;
	}
	for (__u32 frame = 0; frame < WITNESS_FRAMES; frame++) {
		room = witness_room(s, at, count);
		if (room && call_take(s, frame, room)) {
			count++;
			calls++;
		}
	}
	if (!count)
		return 0;
	/* a hint was counted where it was left */
	counter->seen += calls;
	counter->filtered -= count - calls;
	counter->recorded += count;
	asm volatile("" : "+r"(at));
	if (at > RECORD_ROOM - 512)
		return 0;
	list = (struct witness_list *)(s->out + at);
	list->count = count;
	list->pad = 0;
	((struct record *)s->out)->tails |= TAIL_WITNESS;
	s->size = at + sizeof(*list) + count * sizeof(*room);
	return 1;
}

#endif
