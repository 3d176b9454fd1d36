// SPDX-License-Identifier: GPL-2.0-only
/*
 * A SYN that its listener does not take. The kernel frees it as if it had been served (consume_skb in
 * tcp_rcv_state_process), so that no tracepoint tells. Two reasons, both asked in tcp_conn_request: the accept
 * queue is full (sk_acceptq_is_full(), and such a SYN is always dropped), or too many connections are half
 * open and SYN cookies are off: then only the listener's counter tells that this one was dropped. What is asked
 * of the queues is asked when the function begins, and the record is written when it has ended.
 *
 * Hook: fentry and fexit, or kprobe and kretprobe, of tcp_conn_request, once per SYN that reaches a listener.
 * Context: softirq. Cost: some loads and comparisons where the queues have room.
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

/* Which of the two are asked. */
const volatile __u8 listen_accept = 0;
const volatile __u8 listen_syn = 0;

/* A call under way that may drop, by CPU: softirqs do not interrupt each other. */
struct listen_call {
	__u64 stack; /* its place on the stack, 0: none */
	__u64 sk, skb;
	__u32 what; /* enum witness_what */
	__u32 queue,
		limit; /* accept queue: of it; else connections that are half open, and the backlog */
	__u32 drops; /* of the listener, before */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct listen_call);
} listen_calls SEC(".maps");

/*
 * The record is a drop's, with what this probe saw of the queue; without a place and a stack, for those
 * are of kfree_skb.
 */
static __always_inline bool listen_record(struct scratch *s, struct sk_buff *skb, struct sock *sk,
					  __u32 netns, const struct witness_info *said)
{
	struct witness_list *list;
	struct drop_info *d;

	record_begin(s, RECORD_DROP, netns, 0);
	record_packet_tails();
	d = record_tail(s, TAIL_DROP, sizeof(*d));
	if (!d)
		return false;
	drop_fill(d, skb, 0, 0, sk, true, NULL);
	list = record_tail(s, TAIL_WITNESS, sizeof(*list) + sizeof(*said));
	if (!list)
		return false;
	list->count = 1;
	list->pad = 0;
	*(struct witness_info *)(list + 1) = *said;
	return true;
}

static __always_inline void listen_tell(struct sock *sk, struct sk_buff *skb,
					const struct witness_info *said)
{
	struct hook_counters *count = counters_get(COUNTER_LISTEN);
	struct scratch *s = scratch_get();
	__u32 netns;

	if (!count || !s)
		return;
	count->seen++;
	netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (!bpf_map_lookup_elem(&scope, &netns) || !drop_parse(s, skb, BPF_CORE_READ(skb, len)) ||
	    !packet_wanted(netns, 0)) {
		count->filtered++;
		return;
	}
	if (!sample_has(count))
		return;
	if (listen_record(s, skb, sk, netns, said))
		record_emit(s, count);
	else
		count->lost++;
}

/* sk_acceptq_is_full(), include/net/sock.h */
static __always_inline bool accept_queue_full(struct sock *sk, __u32 *queue, __u32 *limit)
{
	*queue = BPF_CORE_READ(sk, sk_ack_backlog);
	*limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	return *queue > *limit;
}

static __always_inline struct listen_call *call_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&listen_calls, &key);
}

/*
 * May it be dropped for the connections that are half open? inet_csk_reqsk_queue_is_full(), whose limit itself is
 * room for one more since 6.14; and of three quarters of tcp_max_syn_backlog on for peers that have not been seen
 * before (net/ipv4/tcp_input.c). With SYN cookies neither drops.
 */
static __always_inline bool syn_queue_full(struct sock *sk, __u32 limit, __u32 *half_open)
{
	struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
	__s32 open, most;

	if (BPF_CORE_READ_BITFIELD_PROBED(net, ipv4.sysctl_tcp_syncookies))
		return false;
	open = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	most = BPF_CORE_READ(net, ipv4.sysctl_max_syn_backlog);
	*half_open = open;
	return open >= (__s32)limit || most - open < most >> 2;
}

static __always_inline int request_began(struct sock *sk, struct sk_buff *skb, __u64 stack)
{
	__u32 queue, limit, what = 0;
	struct listen_call *call;

	if (accept_queue_full(sk, &queue, &limit))
		what = listen_accept ? WITNESS_LISTEN : 0;
	else if (listen_syn && syn_queue_full(sk, limit, &queue))
		what = WITNESS_SYN_QUEUE;
	if (!what)
		return 0;
	call = call_get();
	if (!call)
		return 0;
	call->stack = stack;
	call->sk = (__u64)sk;
	call->skb = (__u64)skb;
	call->what = what;
	call->queue = queue;
	call->limit = limit;
	call->drops = BPF_CORE_READ(sk, sk_drops.counter);
	return 0;
}

static __always_inline int request_ended(__u64 stack)
{
	struct listen_call *call = call_get();
	struct witness_info said = {};
	struct sock *sk;

	if (!call || call->stack != stack)
		return 0;
	call->stack = 0;
	sk = (struct sock *)call->sk;
	said.what = call->what;
	said.value[0] = call->queue;
	said.value[1] = call->limit;
	if (call->what == WITNESS_SYN_QUEUE) {
		if (BPF_CORE_READ(sk, sk_drops.counter) == (int)call->drops)
			return 0;
		said.value[2] =
			BPF_CORE_READ(sk, __sk_common.skc_net.net, ipv4.sysctl_max_syn_backlog);
	}
	listen_tell(sk, (struct sk_buff *)call->skb, &said);
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

/* A context's address, which both programs of one call are given; a number once a helper has copied it. */
static __always_inline __u64 stack_of(void *ctx)
{
	void *at = ctx;
	__u64 stack = 0;

	bpf_probe_read_kernel(&stack, sizeof(stack), &at);
	return stack;
}

SEC("trace_fentry/tcp_conn_request")
int cnitrace_listen(unsigned long long *ctx)
{
	return request_began((struct sock *)context_arg(ctx, listen_sk),
			     (struct sk_buff *)context_arg(ctx, listen_skb), stack_of(ctx));
}

SEC("trace_fexit/tcp_conn_request")
int cnitrace_listen_end(unsigned long long *ctx)
{
	return request_ended(stack_of(ctx));
}

SEC("trace_kprobe/tcp_conn_request")
int cnitrace_listen_kprobe(struct registers *ctx)
{
	__u64 args[WITNESS_ARGS];

	registers_args(ctx, args);
	return request_began((struct sock *)args[listen_sk & 3],
			     (struct sk_buff *)args[listen_skb & 3], ctx->sp);
}

SEC("trace_kprobe/tcp_conn_request")
int cnitrace_listen_kretprobe(struct registers *ctx)
{
	return request_ended(ctx->sp - RETURN_SLOT);
}
