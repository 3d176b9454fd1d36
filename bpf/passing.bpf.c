// SPDX-License-Identifier: GPL-2.0-only
/*
 * One packet seen at one device in one direction, without anything attached to the device: what
 * hop.bpf.c is for the few devices of a small node, this is for the many of a large one, where each
 * attachment costs a grace period.
 *
 * Hook: tracepoints net:netif_receive_skb (in __netif_receive_skb_core, just before tc ingress) and
 * net:net_dev_queue (in __dev_queue_xmit, after tc egress and before the queue), by tp_btf or, where
 * BTF tracing is not to be had, as raw tracepoints. Context: softirqs are off, so the two never run
 * into each other. Cost: all devices of all namespaces pay for one run, which ends after a comparison
 * for other namespaces and after a look-up for devices that are not ours.
 *
 * It does not see what a VLAN, bond or macvlan device receives: there the kernel goes round inside
 * __netif_receive_skb_core, past the tracepoint (user/kernel/hop_plan.c knows which).
 */
#include "drop.bpf.h"
#include "quick.bpf.h"

char _license[] SEC("license") = "GPL";

#define FRAME_HEADER_MAX 22 /* Ethernet and two VLAN tags */

/*
 * By BTF the verifier knows what the pointer is and a field is one load; else it is read by a call. A field that is a
 * pointer itself costs the verifier milliseconds each time it comes by, for it looks through all types
 * (btf_nested_type_is_trusted): only skb->dev is read so.
 */
#define FIELD(typed, from, field) ((typed) ? (from)->field : BPF_CORE_READ(from, field))

/* Where a packet's frame lies, as the sk_buff has it. */
struct frame {
	const unsigned char *head;
	__u32 start; /* of the frame, from head on */
	__u32 linear; /* bytes from there that lie in one piece */
	__u32 len; /* of the whole frame */
};

/* 0 or the device's DEVICE_* bits: of ours, and taken here? */
static __always_inline __u32 device_bits(const struct net_device *dev, __u32 *ifindex, bool typed)
{
	__u32 netns = typed ? dev->nd_net.net->ns.inum : BPF_CORE_READ(dev, nd_net.net, ns.inum);
	const __u8 *bits;

	if (netns != config.node_netns)
		return 0;
	*ifindex = FIELD(typed, dev, ifindex);
	bits = bpf_map_lookup_elem(&devices, ifindex);
	return bits && *bits & DEVICE_TRACEPOINT ? *bits : 0;
}

/*
 * What is received lies behind its Ethernet header (eth_type_trans), what is sent begins with it
 * (__dev_queue_xmit resets mac_header). False: there is no telling where it is.
 */
static __always_inline bool frame_find(struct sk_buff *skb, struct frame *f, bool ahead, bool typed)
{
	__u32 data, back = 0;

	f->head = FIELD(typed, skb, head);
	data = FIELD(typed, skb, data) - f->head;
	if (ahead) {
		back = data - FIELD(typed, skb, mac_header);
		if (back < 14 || back > FRAME_HEADER_MAX)
			return false;
	}
	f->start = data - back;
	f->linear = FIELD(typed, skb, tail) - f->start;
	f->len = FIELD(typed, skb, len) + back;
	return true;
}

/* At most `max` bytes (a constant) of the frame into the window: how many, 0: they could not be read. */
static __always_inline __u32 frame_read(struct scratch *s, const struct frame *f, __u32 max)
{
	__u32 n = f->linear;

	if (n > max)
		n = max;
	/* the bound is tested on the very register that goes to the call: old verifiers follow no copy */
	asm volatile("" : "+r"(n));
	if (n > max || n < 14 || bpf_probe_read_kernel(s->window.bytes, n, f->head + f->start))
		return 0;
	return n;
}

/* The bytes that matter of a frame whose first SHAPE_TUNNEL bytes are there already. False: not to be read. */
static __always_inline bool frame_fill(struct scratch *s, struct sk_buff *skb, struct frame *f,
				       __u32 shape, bool tagged)
{
	if (tagged) {
		__u32 n = f->linear;

		if (n > WINDOW_FILL)
			n = WINDOW_FILL;
		if (!drop_read_tagged(s, skb, f->head + f->start, n))
			return false;
		f->len += VLAN_TAG;
		return true;
	}
	if (shape && quick_reaches()) {
		if (s->filled > shape)
			s->filled = shape;
		return true;
	}
	if (s->filled == SHAPE_TUNNEL)
		s->filled = frame_read(s, f, WINDOW_FILL);
	return s->filled;
}

static __always_inline void passing_record(struct scratch *s, struct sk_buff *skb,
					   const struct frame *f, struct hook_counters *count,
					   __u32 ifindex, __u8 type, bool typed)
{
	const struct skb_shared_info *shared = (const void *)f->head + FIELD(typed, skb, end);
	struct record *r = record_begin(s, type, config.node_netns, ifindex);

	r->gso_size = BPF_CORE_READ(shared, gso_size);
	r->gso_segs = BPF_CORE_READ(shared, gso_segs);
	hop_tails(s);
	record_emit(s, count);
}

static __always_inline int passing(struct sk_buff *skb, __u32 counter, __u8 type, bool typed)
{
	__u32 answer = FILTER_SHORT, shape = SHAPE_NONE, ifindex = 0;
	__u32 bits = device_bits(FIELD(typed, skb, dev), &ifindex, typed);
	struct hook_counters *count;
	bool bare = bits & DEVICE_BARE, tagged = false;
	struct frame f = {};
	struct scratch *s;

	if (!bits)
		return 0;
	count = counters_get(counter);
	s = scratch_get();
	if (!count || !s)
		return 0;
	count->seen++;
	if (!frame_find(skb, &f, type == RECORD_HOP_IN && !bare, typed) ||
	    !(s->filled = frame_read(s, &f, SHAPE_TUNNEL))) {
		count->lost++;
		return 0;
	}
	if (!bare) {
		tagged = config.expression_is_ether && drop_is_tagged(skb);
		shape = quick_look((struct quick_frame){s->window.bytes,
							s->window.bytes + s->filled, f.len, ifindex,
							tagged},
				   &answer);
	}
	if (answer == FILTER_MISS && !state.tracking)
		goto filtered;
	s->skb = (__u64)skb;
	s->socket = (__u64)BPF_CORE_READ(skb, sk);
	asm volatile("" : : : "memory"); /* from here on the number that lies there */
	if (answer == FILTER_MISS && quick_unknown(s))
		goto filtered;
	s->place = (__u64)ifindex << 2 | type;
	s->asked = answer > FILTER_SHORT;
	if (!frame_fill(s, skb, &f, shape, tagged)) {
		count->lost++;
		return 0;
	}
	if (!frame_wanted(s, f.len, !bare, bpf_ntohs(FIELD(typed, skb, protocol)), ifindex))
		goto filtered;
	if (sample_has(count))
		passing_record(s, skb, &f, count, ifindex, type, typed);
	return 0;
filtered:
	count->filtered++;
	return 0;
}

SEC("trace_btf/netif_receive_skb")
int cnitrace_net_in(unsigned long long *ctx)
{
	return passing((struct sk_buff *)ctx[0], COUNTER_NET_IN, RECORD_HOP_IN, true);
}

SEC("trace_btf/net_dev_queue")
int cnitrace_net_out(unsigned long long *ctx)
{
	return passing((struct sk_buff *)ctx[0], COUNTER_NET_OUT, RECORD_HOP_OUT, true);
}

SEC("trace_raw/netif_receive_skb")
int cnitrace_net_in_raw(unsigned long long *ctx)
{
	return passing((struct sk_buff *)ctx[0], COUNTER_NET_IN, RECORD_HOP_IN, false);
}

SEC("trace_raw/net_dev_queue")
int cnitrace_net_out_raw(unsigned long long *ctx)
{
	return passing((struct sk_buff *)ctx[0], COUNTER_NET_OUT, RECORD_HOP_OUT, false);
}
