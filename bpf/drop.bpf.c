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
#include "kernel.h"

#include "tracer.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

/* Namespaces of this node; drops elsewhere (another machine in a test lab, a VM's) are not ours. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} scope SEC(".maps");

#define NETNS_FIRST                                                                                \
	0xf0000000u /* PROC_DYNAMIC_FIRST: namespace inodes start here (include/linux/proc_fs.h) */

static __always_inline __u32 device_netns(const struct net_device *dev)
{
	__u32 inode;

	if (!dev)
		return 0;
	inode = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	/* skb->dev shares its place with other fields in socket queues (dev_scratch, rbnode) */
	return inode >= NETNS_FIRST ? inode : 0;
}

/* Copies headers to the window, from the MAC header where it is set, and parses them. */
static __always_inline bool drop_parse(struct scratch *s, struct sk_buff *skb, __u32 len)
{
	unsigned char *head = BPF_CORE_READ(skb, head);
	__u32 network = BPF_CORE_READ(skb, network_header);
	__u32 mac = BPF_CORE_READ(skb, mac_header);
	__u32 tail = BPF_CORE_READ(skb, tail);
	__u32 data = BPF_CORE_READ(skb, data) - head;
	__u16 type = bpf_ntohs(BPF_CORE_READ(skb, protocol));
	__u32 n, l3 = 0, start, wire_len;
	bool multicast = false;

	if (!network || network == 0xffff)
		network = data;
	start = network;
	if (mac != 0xffff && mac < network && network - mac >= 14 && network - mac <= 22) {
		start = mac;
		l3 = network - mac;
	}
	if (tail <= start)
		return false;
	n = tail - start;
	if (n > WINDOW_FILL)
		n = WINDOW_FILL;
	if (bpf_probe_read_kernel(s->window.bytes, n, head + start))
		return false;
	s->filled = n;
	s->skb = (__u64)skb;
	s->l2 = 0;
	if (l3 && n > 14)
		multicast = s->window.bytes[0] & 1;
	/* skb->len counts from data, which may lie before or behind the network header */
	wire_len = len + data - network;
	if (wire_len > 1u << 20)
		wire_len = len;
	if (l3 > 22)
		return false;
	return scratch_parse(l3, wire_len, type, multicast ? PACKET_MULTICAST : 0);
}

static __always_inline void drop_fill(struct drop_info *d, struct sk_buff *skb, __u64 location,
				      __u32 reason, struct sock *sk, bool sk_given,
				      struct net_device *dev)
{
	struct dst_entry *dst;
	__u16 queue;

	__builtin_memset(d, 0, sizeof(*d));
	d->location = location;
	d->reason = reason;
	d->len = BPF_CORE_READ(skb, len);
	d->mark = BPF_CORE_READ(skb, mark);
	d->skb_iif = BPF_CORE_READ(skb, skb_iif);
	d->pkt_type = BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
	d->cpu = bpf_get_smp_processor_id();
	dst = (struct dst_entry *)(BPF_CORE_READ(skb, _skb_refdst) & ~1ul); /* SKB_DST_NOREF */
	if (dst) {
		struct net_device *to = BPF_CORE_READ(dst, dev);

		d->dst_error = BPF_CORE_READ(dst, error);
		d->dst_ifindex = BPF_CORE_READ(to, ifindex);
		d->dst_mtu = BPF_CORE_READ(to, mtu);
	}
	if (dev) {
		struct netdev_queue *tx = BPF_CORE_READ(dev, _tx);

		d->dev_mtu = BPF_CORE_READ(dev, mtu);
		d->dev_flags = BPF_CORE_READ(dev, flags);
		d->dev_state = BPF_CORE_READ(dev, state);
		bpf_core_read(&d->dev_name, sizeof(d->dev_name), &dev->name);
		queue = BPF_CORE_READ(skb, queue_mapping);
		/* one queue's discipline stands for all: only its kind is wanted */
		if (tx && queue < 4096) {
			struct Qdisc *q = BPF_CORE_READ(tx, qdisc);
			const struct Qdisc_ops *ops = BPF_CORE_READ(q, ops);

			if (ops)
				bpf_core_read(&d->qdisc, sizeof(d->qdisc), &ops->id);
		}
	}
	if (sk) {
		d->from_socket = sk_given ? 1 : 2;
		d->sk_state = BPF_CORE_READ(sk, __sk_common.skc_state);
		d->sk_lport = BPF_CORE_READ(sk, __sk_common.skc_num);
		d->sk_ack_backlog = BPF_CORE_READ(sk, sk_ack_backlog);
		d->sk_max_ack_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
		d->sk_rmem = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
		d->sk_rcvbuf = BPF_CORE_READ(sk, sk_rcvbuf);
	}
}

static __always_inline int drop(void *ctx, struct sk_buff *skb, __u64 location, __u32 reason,
				struct sock *rx_sk)
{
	struct hook_counters *count = counters_get(COUNTER_DROP);
	struct scratch *s = scratch_get();
	struct net_device *dev;
	__u32 netns, ifindex = 0, dev_netns;
	struct drop_info *d;
	struct sock *sk;
	long bytes;
	__u64 *stack;

	if (!count || !s)
		return 0;
	count->seen++;
	sk = rx_sk ? rx_sk : BPF_CORE_READ(skb, sk);
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
	record_begin(s, RECORD_DROP, netns, ifindex);
	record_packet_tails();
	d = record_tail(s, TAIL_DROP, sizeof(*d));
	if (!d) {
		count->lost++;
		return 0;
	}
	drop_fill(d, skb, location, reason, sk, rx_sk != NULL, dev);
	stack = record_tail(s, TAIL_STACK, RECORD_MAX_STACK * 8);
	if (stack) {
		bytes = bpf_get_stack(ctx, stack, RECORD_MAX_STACK * 8, 0);
		if (bytes <= 0) {
			((struct record *)s->out)->tails &= ~TAIL_STACK;
			s->size -= RECORD_MAX_STACK * 8;
		} else {
			d->stack_depth = bytes / 8;
			s->size -= RECORD_MAX_STACK * 8 - bytes;
		}
	}
	record_payload_tail();
	record_emit(s, count);
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
