/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A freed packet made into a record: headers from its buffer, then what the skb, its route,
 * device and socket say, then the call stack. For every program on the kfree_skb tracepoint;
 * which drops are recorded is theirs to decide.
 */
#ifndef CNITRACE_DROP_BPF_H
#define CNITRACE_DROP_BPF_H

#include "kernel.h"

#include "emit.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/*
 * Namespace inodes start here: PROC_DYNAMIC_FIRST 0xf0000000 (include/linux/proc_fs.h), and since
 * 6.18 the first namespaces have fixed ones a little below (NET_NS_INIT_INO, uapi/linux/nsfs.h).
 */
#define NETNS_FIRST 0xeffffff0u

static __always_inline __u32 device_netns(const struct net_device *dev)
{
	__u32 inode;

	if (!dev)
		return 0;
	inode = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	/* skb->dev shares its place with other fields in socket queues (dev_scratch, rbnode) */
	return inode >= NETNS_FIRST ? inode : 0;
}

static __always_inline bool drop_is_tagged(struct sk_buff *skb)
{
	const struct sk_buff___flag *old = (const void *)skb;

	if (bpf_core_field_exists(old->vlan_present))
		return BPF_CORE_READ_BITFIELD_PROBED(old, vlan_present);
	return BPF_CORE_READ(skb, vlan_proto);
}

/* `n` bytes, at most what the window has from the constant offset `at` on. */
static __always_inline bool window_read(struct scratch *s, __u32 at, __u32 n,
					const unsigned char *from)
{
	/* the bound is tested on the very register that goes to the call: old verifiers follow no copy */
	asm volatile("" : "+r"(n));
	if (n > WINDOW_FILL - at)
		return false;
	return !bpf_probe_read_kernel(s->window.bytes + at, n, from);
}

/* `n` bytes of a frame whose VLAN tag lies beside it, with the tag put back. False: they could not be read. */
static __always_inline bool drop_read_tagged(struct scratch *s, struct sk_buff *skb,
					     const unsigned char *frame, __u32 n)
{
	__u16 *tag = (__u16 *)(s->window.bytes + VLAN_AT);

	if (n > WINDOW_FILL - VLAN_TAG)
		n = WINDOW_FILL - VLAN_TAG;
	if (n < VLAN_AT + 2 || bpf_probe_read_kernel(s->window.bytes, VLAN_AT, frame))
		return false;
	tag[0] = BPF_CORE_READ(skb, vlan_proto);
	tag[1] = bpf_htons(BPF_CORE_READ(skb, vlan_tci));
	if (!window_read(s, VLAN_AT + VLAN_TAG, n - VLAN_AT, frame + VLAN_AT))
		return false;
	s->filled = n + VLAN_TAG;
	return true;
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
	s->filled = n;
	if (config.expression_is_ether && l3 && drop_is_tagged(skb)) {
		if (!drop_read_tagged(s, skb, head + start, n))
			return false;
		l3 += VLAN_TAG;
	} else if (!window_read(s, 0, n, head + start)) {
		return false;
	}
	s->skb = (__u64)skb;
	s->l2 = 0;
	if (l3 && n > 14)
		multicast = s->window.bytes[0] & 1;
	/* skb->len counts from data, which may lie before or behind the network header */
	wire_len = len + data - network;
	if (wire_len > 1u << 20)
		wire_len = len;
	if (l3 > 22 + VLAN_TAG)
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
		/* A timewait or request socket ends after struct sock_common: behind it is other memory. */
		if (d->sk_state != SK_TIME_WAIT && d->sk_state != SK_NEW_SYN_RECV) {
			d->sk_ack_backlog = BPF_CORE_READ(sk, sk_ack_backlog);
			d->sk_max_ack_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
			d->sk_rmem = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
			d->sk_rcvbuf = BPF_CORE_READ(sk, sk_rcvbuf);
		}
	}
}

#ifdef DROP_WITNESSES
#include "drop_witness.bpf.h"
#endif

/* The packet has been parsed into the scratch space: makes its record, ready to be emitted. False: no room. */
static __always_inline bool drop_record(void *ctx, struct scratch *s, struct sk_buff *skb,
					__u64 location, __u32 reason, struct sock *sk,
					bool sk_given, struct net_device *dev, __u32 netns,
					__u32 ifindex)
{
	struct drop_info *d;
	__u64 *stack;
	long bytes;

	record_begin(s, RECORD_DROP, netns, ifindex);
	record_packet_tails();
	d = record_tail(s, TAIL_DROP, sizeof(*d));
	if (!d)
		return false;
	drop_fill(d, skb, location, reason, sk, sk_given, dev);
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
#ifdef DROP_WITNESSES
	record_witness_tail();
#endif
	record_payload_tail();
	return true;
}

#endif
