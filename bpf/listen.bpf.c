// SPDX-License-Identifier: GPL-2.0-only
/*
 * A SYN for a listener whose accept queue is full. The kernel drops it and frees it as if it had been
 * served (consume_skb in tcp_rcv_state_process), so that no tracepoint tells; but tcp_conn_request
 * asks sk_acceptq_is_full() and does nothing else with such a SYN. It knows no queue of half-open
 * connections: there SYN cookies decide.
 *
 * Hook: fentry or kprobe of tcp_conn_request, once per SYN that reaches a listener. Context: softirq.
 * Cost: two loads and a comparison where the queue has room.
 */
#include "drop.bpf.h"
#include "arguments.bpf.h"
#include "sample.bpf.h"
#include "witness.h"

char _license[] SEC("license") = "GPL";

/* Which parameters the socket and the packet are, by the kernel's types. */
const volatile __u32 listen_sk = 0;
const volatile __u32 listen_skb = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} scope SEC(".maps");

/*
 * The record is a drop's, with what this probe saw of the queue; without a place and a stack, for those
 * are of kfree_skb.
 */
static __always_inline bool listen_record(struct scratch *s, struct sk_buff *skb, struct sock *sk,
					  __u32 netns, __u32 queue, __u32 limit)
{
	struct witness_list *list;
	struct witness_info *info;
	struct drop_info *d;

	record_begin(s, RECORD_DROP, netns, 0);
	record_packet_tails();
	d = record_tail(s, TAIL_DROP, sizeof(*d));
	if (!d)
		return false;
	drop_fill(d, skb, 0, 0, sk, true, NULL);
	list = record_tail(s, TAIL_WITNESS, sizeof(*list) + sizeof(*info));
	if (!list)
		return false;
	__builtin_memset(list, 0, sizeof(*list) + sizeof(*info));
	list->count = 1;
	info = (struct witness_info *)(list + 1);
	info->what = WITNESS_LISTEN;
	info->value[0] = queue;
	info->value[1] = limit;
	return true;
}

static __always_inline int request(struct sock *sk, struct sk_buff *skb)
{
	__u32 queue = BPF_CORE_READ(sk, sk_ack_backlog);
	__u32 limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	struct hook_counters *count;
	struct scratch *s;
	__u32 netns;

	if (queue <= limit) /* sk_acceptq_is_full(), include/net/sock.h */
		return 0;
	count = counters_get(COUNTER_LISTEN);
	s = scratch_get();
	if (!count || !s)
		return 0;
	count->seen++;
	netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (!bpf_map_lookup_elem(&scope, &netns) || !drop_parse(s, skb, BPF_CORE_READ(skb, len)) ||
	    !packet_wanted(netns, 0)) {
		count->filtered++;
		return 0;
	}
	if (!sample_has(count))
		return 0;
	if (listen_record(s, skb, sk, netns, queue, limit))
		record_emit(s, count);
	else
		count->lost++;
	return 0;
}

/* Of the ways all but one are dead to the verifier. */
static __always_inline __u64 context_arg(const unsigned long long *ctx, __u32 number)
{
	__u64 value = 0;

	if (number == 0)
		CONTEXT_WORD(value, ctx, 0);
	else if (number == 1)
		CONTEXT_WORD(value, ctx, 1);
	else if (number == 2)
		CONTEXT_WORD(value, ctx, 2);
	else if (number == 3)
		CONTEXT_WORD(value, ctx, 3);
	return value;
}

SEC("trace_fentry/tcp_conn_request")
int cnitrace_listen(unsigned long long *ctx)
{
	return request((struct sock *)context_arg(ctx, listen_sk),
		       (struct sk_buff *)context_arg(ctx, listen_skb));
}

SEC("trace_kprobe/tcp_conn_request")
int cnitrace_listen_kprobe(struct registers *ctx)
{
	__u64 args[WITNESS_ARGS];

	registers_args(ctx, args);
	return request((struct sock *)args[listen_sk & 3], (struct sk_buff *)args[listen_skb & 3]);
}
