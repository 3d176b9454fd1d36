// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel frees a packet it does not deliver.
 *
 * Hook: tracepoint skb:kfree_skb, by tp_btf or, where BTF tracing is not to be had, as
 * a raw tracepoint. Context: any, hard interrupts included. Cost: nothing on packets
 * that are not dropped; some hundred nanoseconds and a stack walk on one that is asked for.
 *
 * Arguments grew over time: (skb, location) 5.10, + reason 5.17, + rx_sk 6.11
 * (include/trace/events/skb.h); config.kfree_skb_args says how many this kernel gives,
 * and the verifier removes the reads beyond.
 */
#define DROP_WITNESSES /* records carry what the probes of witness.bpf.c said of the packet */
#include "drop.bpf.h"
#include "sample.bpf.h"

char _license[] SEC("license") = "GPL";

/* Namespaces of this node; drops elsewhere (another machine in a test lab, a VM's) are not ours. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} scope SEC(".maps");

static __always_inline int drop(void *ctx, struct sk_buff *skb, __u64 location, __u32 reason,
				struct sock *rx_sk)
{
	struct hook_counters *count = counters_get(COUNTER_DROP);
	struct scratch *s = scratch_get();
	struct net_device *dev;
	__u32 netns, ifindex = 0, dev_netns;
	struct sock *sk;

	if (!count || !s)
		return 0;
	count->seen++;
	sk = BPF_CORE_READ(skb, sk);
	s->socket = (__u64)sk;
	if (rx_sk)
		sk = rx_sk;
	dev = BPF_CORE_READ(skb, dev);
	dev_netns = netns = device_netns(dev);
	if (!netns) {
		dev = NULL;
		if (sk) {
			netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		} else {
			struct dst_entry *dst =
				(struct dst_entry *)(BPF_CORE_READ(skb, _skb_refdst) & ~1ul);

			netns = dst ? device_netns(BPF_CORE_READ(dst, dev)) : 0;
		}
	}
	if (netns < NETNS_FIRST || !bpf_map_lookup_elem(&scope, &netns) ||
	    !drop_parse(s, skb, BPF_CORE_READ(skb, len))) {
		count->filtered++;
		return 0;
	}
	if (dev_netns)
		ifindex = BPF_CORE_READ(dev, ifindex);
	if (!packet_wanted(netns, ifindex)) {
		count->filtered++;
		return 0;
	}
	if (!sample_has(count))
		return 0;
	s->stack = (__u64)ctx;
	if (drop_record(ctx, s, skb, location, reason, sk, rx_sk != NULL, dev, netns, ifindex))
		record_emit(s, count);
	else
		count->lost++;
	return 0;
}

static __always_inline int drop_args(unsigned long long *ctx)
{
	__u32 reason = config.kfree_skb_args >= 3 ? (__u32)ctx[2] : 0;
	struct sock *sk = config.kfree_skb_args >= 4 ? (struct sock *)ctx[3] : NULL;

	return drop(ctx, (struct sk_buff *)ctx[0], ctx[1], reason, sk);
}

SEC("trace_btf/kfree_skb")
int cnitrace_drop(unsigned long long *ctx)
{
	return drop_args(ctx);
}

SEC("trace_raw/kfree_skb")
int cnitrace_drop_raw(unsigned long long *ctx)
{
	return drop_args(ctx);
}
