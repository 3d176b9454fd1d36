/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading what a witness has to say, by the places its struct witness_probe names, and the maps
 * that witnesses and the drop program share. It knows no kernel type: every offset is data.
 */
#ifndef CNITRACE_WITNESS_BPF_H
#define CNITRACE_WITNESS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "witness.h"

#define WITNESS_STACK 32768 /* no kernel stack is larger */
#define WITNESS_FRESH_NS 5000000000ull /* a neighbour gives up after 3 s */
#define WITNESS_TASK_WORD 1 /* of a hint about a task */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct witness_hint_key);
	__type(value, struct witness_hint);
} witness_hints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WITNESS_FRAMES);
	__type(key, __u32);
	__type(value, struct witness_call);
} witness_calls SEC(".maps");

const volatile struct witness_layout witness_layout = {};

static __always_inline __u64 witness_load(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (const void *)address);
	return value;
}

/* The address of the last step's field. */
static __always_inline __u64 witness_place(const volatile struct witness_source *s, __u64 at)
{
#pragma unroll
	for (int i = 0; i < WITNESS_STEPS; i++) {
		if (i >= s->steps)
			break;
		if (i)
			at = witness_load(at);
		if (!at)
			return 0;
		at += s->offset[i];
	}
	return at;
}

static __always_inline __u64 witness_value(const volatile struct witness_source *s, __u64 arg)
{
	__u64 value;

	if (!s->steps)
		value = arg;
	else
		value = witness_load(witness_place(s, arg));
	if (s->size == 1)
		return (__u8)value;
	if (s->size == 2)
		return (__u16)value;
	if (s->size == 4)
		return (__u32)value;
	return value;
}

static __always_inline void witness_read(const volatile struct witness_probe *p, const __u64 *args,
					 struct witness_info *info)
{
	info->what = p->what;
	info->pad = 0;
#pragma unroll
	for (int i = 0; i < WITNESS_VALUES; i++) {
		__u8 arg = p->value[i].arg;

		info->value[i] = arg < WITNESS_ARGS ? witness_value(&p->value[i], args[arg]) : 0;
	}
#pragma unroll
	for (int i = 0; i < WITNESS_TEXTS; i++) {
		__u8 arg = p->text[i].arg;
		__u64 at = arg < WITNESS_ARGS ? witness_place(&p->text[i], args[arg]) : 0;

		__builtin_memset(info->text[i], 0, WITNESS_TEXT);
		if (at)
			bpf_probe_read_kernel_str(info->text[i], WITNESS_TEXT, (const void *)at);
	}
}

/*
 * Of the packet's bytes, what neither routing nor queueing changes: length, IP id and addresses;
 * 0 when they cannot be read.
 */
static __always_inline __u64 witness_word(__u64 skb)
{
	__u64 head = witness_load(skb + witness_layout.head);
	__u16 network = witness_load(skb + witness_layout.network_header);
	__u64 words[5] = {};

	if (bpf_probe_read_kernel(words, sizeof(words), (const void *)(head + network)))
		return 0;
	/* the hop limit of IPv6 is the last of the first eight bytes, the TTL of IPv4 lies behind them */
	if ((words[0] & 0xf0) == 0x60)
		return (words[0] & 0x00ffffffffffffffull) ^ (words[2] << 1) ^ (words[4] << 3) ^
		       words[3];
	return words[0] ^ (words[1] >> 32 << 16) ^ (__u32)words[2];
}

/* The key of hints about the task whose stack this is a place on. */
static __always_inline __u64 witness_task(__u64 stack)
{
	return stack & ~(WITNESS_TASK_STACK - 1ull);
}

/* Is `inner` a place on the same stack, further in than a call's? Stacks grow downwards. */
static __always_inline bool witness_within(__u64 inner, __u64 call)
{
	return inner < call && call - inner < WITNESS_STACK;
}

#endif
