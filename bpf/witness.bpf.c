// SPDX-License-Identifier: GPL-2.0-only
/*
 * Witnesses: templates that the loader copies, one copy for each function it attaches to, with
 * that function's row put in. A copy leaves a hint for the packet it saw; the drop program takes
 * the hints of the packet it records. Nothing is written to the ring here.
 *
 * Hooks: fentry and fexit, kprobe and kretprobe, raw tracepoints. Context: any. Cost: a call
 * that says nothing costs a comparison by fexit, a map update and look-up by kretprobe, a few
 * stores where calls are remembered while they last (WITNESS_FRAME).
 *
 * What a call leaves for its return is keyed by the stack pointer, which is that call's alone
 * while it lasts, whatever task, softirq or nested call shares its CPU.
 */
#include <stdbool.h>

#include "witness.bpf.h"

#include "arguments.bpf.h"
#include "record.h"

char _license[] SEC("license") = "GPL";

#define NF_ACCEPT 1
#define TC_ACT_SHOT 2

const volatile struct witness_probe witness_probes[WITNESS_ROWS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_HOOKS);
	__type(key, __u32);
	__type(value, struct hook_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct witness_state_key);
	__type(value, struct witness_state);
} witness_states SEC(".maps");

static __always_inline __u32 row(void)
{
	__u32 value;

	asm volatile("%0 = %1" : "=r"(value) : "i"(WITNESS_ROW_MAGIC));
	return value;
}

static __always_inline __u32 tag(void)
{
	__u32 value;

	asm volatile("%0 = %1" : "=r"(value) : "i"(WITNESS_TAG_MAGIC));
	return value;
}

static __always_inline struct hook_counters *count_get(void)
{
	__u32 key = COUNTER_WITNESS;

	return bpf_map_lookup_elem(&counters, &key);
}

static __always_inline struct witness_call *call_get(__u32 frame)
{
	return bpf_map_lookup_elem(&witness_calls, &frame);
}

/* Leaves what was seen for whoever frees the packet. */
static __always_inline void hint(const volatile struct witness_probe *p, const __u64 *args,
				 __u64 skb, __s64 ret)
{
	struct hook_counters *count = count_get();
	struct witness_hint_key key = {.skb = skb};
	struct witness_hint h = {.time_ns = bpf_ktime_get_ns()};

	if (!count)
		return;
	count->seen++;
	h.word = !skb ? 0 : p->by_task ? WITNESS_TASK_WORD : witness_word(skb);
	if (!h.word) {
		count->filtered++;
		return;
	}
	witness_read(p, args, &h.info);
	h.info.ret = ret;
	if (p->what == WITNESS_TC_PROGRAM)
		h.info.value[0] = tag() & ~WITNESS_TAG_WORDS;
#pragma unroll
	for (int i = 0; i < WITNESS_MAX; i++) {
		struct witness_hint *known;

		key.number = i;
		known = bpf_map_lookup_elem(&witness_hints, &key);
		/* the first place that is free, of another packet, or of the same witness */
		if (!known || known->word != h.word || known->info.what == h.info.what)
			break;
	}
	if (bpf_map_update_elem(&witness_hints, &key, &h, BPF_ANY))
		count->lost++;
	else
		count->filtered++; /* the drop's record will hold it, if there is one */
}

/* The packet a call is about: its own argument, or that of the call it is made in. */
static __always_inline __u64 packet_of(const volatile struct witness_probe *p, const __u64 *args,
				       __u64 stack)
{
	struct witness_call *call;

	if (p->by_task)
		return witness_task(stack);
	if (p->in_frame) {
		call = call_get(p->in_frame - 1);
		return call && witness_within(stack, call->stack) ? call->skb : 0;
	}
	return p->skb.arg < WITNESS_ARGS ? witness_value(&p->skb, args[p->skb.arg]) : 0;
}

static __always_inline void entered(const volatile struct witness_probe *p, const __u64 *args,
				    __u64 stack)
{
	struct witness_call *call;

	if (p->style == WITNESS_ENTRY) {
		hint(p, args, packet_of(p, args, stack), 0);
		return;
	}
	call = call_get(p->frame);
	if (!call)
		return;
#pragma unroll
	for (int i = 0; i < WITNESS_ARGS; i++) {
		if (p->args & 1 << i)
			call->args[i] = args[i];
	}
	call->stack = stack;
	call->skb = packet_of(p, args, stack);
}

static __always_inline bool is_invalid(__u64 skb)
{
	/* the low bits are the direction and state; UNTRACKED (7) is not invalid */
	return skb && !(witness_load(skb + witness_layout.nfct));
}

static __always_inline bool says_drop(const volatile struct witness_probe *p, __s64 ret, __u64 skb)
{
	switch (p->rule) {
	case WITNESS_RULE_NEGATIVE:
		return (__s32)ret < 0;
	case WITNESS_RULE_NONZERO:
		return (__s32)ret != 0;
	case WITNESS_RULE_TRUE:
		return (ret & 0xff) != 0;
	case WITNESS_RULE_NF_DROP:
		return (ret & 0xff) == 0;
	case WITNESS_RULE_ERROR_POINTER:
		return ret < 0 && ret >= -4095;
	case WITNESS_RULE_SHOT:
		return (__s32)ret == TC_ACT_SHOT;
	case WITNESS_RULE_CONNTRACK:
		return (ret & 0xff) == 0 || ((__u32)ret == NF_ACCEPT && is_invalid(skb));
	}
	return false;
}

static __always_inline void returned(const volatile struct witness_probe *p, const __u64 *args,
				     __u64 stack, __s64 ret)
{
	__u64 skb = 0;

	if (p->rule == WITNESS_RULE_CONNTRACK)
		skb = packet_of(p, args, stack);
	if (!says_drop(p, ret, skb))
		return;
	hint(p, args, p->rule == WITNESS_RULE_CONNTRACK ? skb : packet_of(p, args, stack), ret);
}

/* A call that was remembered is over; one that was overwritten by another on this CPU is not ours to end. */
static __always_inline void frame_ended(const volatile struct witness_probe *p, __u64 stack,
					__s64 ret)
{
	struct witness_call *call = call_get(p->frame);
	__u64 skb;

	if (!call || call->stack != stack)
		return;
	skb = call->skb;
	call->skb = 0;
	if (p->rule && says_drop(p, ret, skb))
		hint(p, call->args, skb, ret);
}

/*
 * A context's address, which lies on the stack below everything the call uses; 0 where nobody
 * asks. Only what a helper has copied is a number to the verifier.
 */
static __always_inline __u64 stack_of(void *ctx, const volatile struct witness_probe *p)
{
	void *at = ctx;
	__u64 stack = 0;

	if (p->style == WITNESS_FRAME || p->in_frame || p->by_task)
		bpf_probe_read_kernel(&stack, sizeof(stack), &at);
	return stack;
}

/* Only arguments that are read are touched: the verifier knows the bits, and some it refuses. */
static __always_inline void args_take(const unsigned long long *ctx, __u32 bits, __u64 *args)
{
	args[0] = args[1] = args[2] = args[3] = args[4] = args[5] = 0;
	if (bits & 1)
		CONTEXT_WORD(args[0], ctx, 0);
	if (bits & 2)
		CONTEXT_WORD(args[1], ctx, 1);
	if (bits & 4)
		CONTEXT_WORD(args[2], ctx, 2);
	if (bits & 8)
		CONTEXT_WORD(args[3], ctx, 3);
	if (bits & 16)
		CONTEXT_WORD(args[4], ctx, 4);
	if (bits & 32)
		CONTEXT_WORD(args[5], ctx, 5);
}

/* The return value lies behind the arguments. */
static __always_inline __s64 result_take(const unsigned long long *ctx, __u32 count)
{
	__s64 ret = 0;

	if (count == 0)
		CONTEXT_WORD(ret, ctx, 0);
	else if (count == 1)
		CONTEXT_WORD(ret, ctx, 1);
	else if (count == 2)
		CONTEXT_WORD(ret, ctx, 2);
	else if (count == 3)
		CONTEXT_WORD(ret, ctx, 3);
	else if (count == 4)
		CONTEXT_WORD(ret, ctx, 4);
	else if (count == 5)
		CONTEXT_WORD(ret, ctx, 5);
	else if (count == 6)
		CONTEXT_WORD(ret, ctx, 6);
	else if (count == 7)
		CONTEXT_WORD(ret, ctx, 7);
	else if (count == 8)
		CONTEXT_WORD(ret, ctx, 8);
	return ret;
}

/* An error in place of a pointer, as a number: to the verifier it is one once a helper has copied it. */
static __always_inline __s64 number_of(__s64 pointer)
{
	__s64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

SEC("witness/fentry")
int cnitrace_fentry(unsigned long long *ctx)
{
	const volatile struct witness_probe *p = &witness_probes[row()];
	__u64 args[WITNESS_ARGS];

	args_take(ctx, p->args, args);
	entered(p, args, stack_of(ctx, p));
	return 0;
}

SEC("witness/fexit")
int cnitrace_fexit(unsigned long long *ctx)
{
	const volatile struct witness_probe *p = &witness_probes[row()];
	__u64 args[WITNESS_ARGS];
	__u32 count = tag() & WITNESS_TAG_WORDS ? 5 : p->arg_count;
	/* a function that returns nothing has no such word */
	__s64 ret = p->rule ? result_take(ctx, count) : 0;

	if (p->rule == WITNESS_RULE_ERROR_POINTER)
		ret = number_of(ret);
	if (p->style == WITNESS_FRAME) {
		frame_ended(p, stack_of(ctx, p), ret);
		return 0;
	}
	args_take(ctx, p->args, args);
	returned(p, args, stack_of(ctx, p), ret);
	return 0;
}

SEC("witness/raw_tp")
int cnitrace_raw_tp(unsigned long long *ctx)
{
	const volatile struct witness_probe *p = &witness_probes[row()];
	__u64 args[WITNESS_ARGS];

	args_take(ctx, p->args, args);
	entered(p, args, stack_of(ctx, p));
	return 0;
}

SEC("witness/kprobe")
int cnitrace_kprobe(struct registers *ctx)
{
	__u32 id = row();
	const volatile struct witness_probe *p = &witness_probes[id];
	struct witness_state_key key = {.stack = ctx->sp, .row = id};
	struct witness_state state;
	struct hook_counters *count;

	registers_args(ctx, state.args);
	if (p->style != WITNESS_EXIT) {
		entered(p, state.args, key.stack);
		return 0;
	}
	if (bpf_map_update_elem(&witness_states, &key, &state, BPF_ANY)) {
		count = count_get();
		if (count) {
			count->seen++;
			count->lost++;
		}
	}
	return 0;
}

SEC("witness/kretprobe")
int cnitrace_kretprobe(struct registers *ctx)
{
	__u32 id = row();
	const volatile struct witness_probe *p = &witness_probes[id];
	struct witness_state_key key = {.stack = ctx->sp - RETURN_SLOT, .row = id};
	struct witness_state *state;
	struct hook_counters *count;

	if (p->style == WITNESS_FRAME) {
		frame_ended(p, key.stack, RESULT(ctx));
		return 0;
	}
	state = bpf_map_lookup_elem(&witness_states, &key);
	if (!state) {
		count = count_get();
		if (count) { /* a return without its entry */
			count->seen++;
			count->lost++;
		}
		return 0;
	}
	returned(p, state->args, key.stack, RESULT(ctx));
	bpf_map_delete_elem(&witness_states, &key);
	return 0;
}
