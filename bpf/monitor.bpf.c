// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts every packet the kernel frees without delivering it.
 *
 * Hook: tracepoint skb:kfree_skb, by tp_btf (fields are then plain loads) or as a raw
 * tracepoint. Context: any, hard interrupts included. Cost: nothing on packets that are not
 * dropped; on one that is, some loads, one read of its headers' first bytes and one look-up in a
 * per-CPU hash. The first few of each kind and second are also written out as records, which
 * costs what bpf/drop.bpf.c does.
 *
 * With a filter or a subject each packet is parsed before it is counted.
 */
#include "drop.bpf.h"
#include "drop_count.h"

char _license[] SEC("license") = "GPL";

const volatile struct monitor_config monitor_config = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MONITOR_KEYS);
	__type(key, struct drop_key);
	__type(value, struct drop_count);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_PLACES);
	__type(key, __u32);
	__type(value, struct drop_place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct monitor_totals);
} totals SEC(".maps");

/* Since 6.2; its program is loaded where the kernel has it. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/* What is read of the skb before its headers. */
struct drop_where {
	struct net_device *dev; /* NULL where skb->dev is something else */
	unsigned char *network; /* the network header */
	__u32 readable; /* bytes from there on */
	__u32 len;
};

static __always_inline bool netns_dying(const struct net *net)
{
	const struct net___count *before = (const void *)net;
	const struct ns_common___ref *after = (const void *)&net->ns;

	if (bpf_core_field_exists(net->ns.count))
		return net->ns.count.refs.counter == 0;
	if (bpf_core_field_exists(after->__ns_ref))
		return after->__ns_ref.refs.counter == 0;
	if (bpf_core_field_exists(before->count))
		return before->count.refs.counter == 0;
	return false;
}

static __always_inline bool netns_dying_read(const struct net *net)
{
	const struct net___count *before = (const void *)net;
	const struct ns_common___ref *after = (const void *)&net->ns;

	if (bpf_core_field_exists(net->ns.count))
		return BPF_CORE_READ(net, ns.count.refs.counter) == 0;
	if (bpf_core_field_exists(after->__ns_ref))
		return BPF_CORE_READ(after, __ns_ref.refs.counter) == 0;
	if (bpf_core_field_exists(before->count))
		return BPF_CORE_READ(before, count.refs.counter) == 0;
	return false;
}

static __always_inline void where_headers(struct drop_where *w, unsigned char *head,
					  unsigned char *data, __u32 tail, __u16 network)
{
	__u32 start = network;

	if (!network || network == 0xffff)
		start = data - head;
	w->network = head + start;
	w->readable = tail > start ? tail - start : 0;
}

/*
 * Values a stranger may choose freely must not fill the map: what is rare is one kind. The
 * samples show the packet as it was.
 */
static __always_inline __u16 ethertype_kind(__u16 type)
{
	return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 || type == ETHERTYPE_ARP || !type
		       ? type
		       : DROP_ETHERTYPE_OTHER;
}

static __always_inline __u8 proto_kind(__u8 proto)
{
	switch (proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_ICMP:
	case PROTO_ICMPV6:
	case PROTO_IPIP:
	case PROTO_IPV6:
	case PROTO_FRAGMENT:
	case 2: /* IGMP */
	case 47: /* GRE */
	case 50: /* ESP */
	case 132: /* SCTP */
		return proto;
	}
	return DROP_PROTO_OTHER;
}

/* Neither device nor socket: where the packet's route leads. */
static __always_inline struct net *route_net(struct sk_buff *skb)
{
	struct dst_entry *dst = (struct dst_entry *)(BPF_CORE_READ(skb, _skb_refdst) & ~1ul);

	return dst ? BPF_CORE_READ(dst, dev, nd_net.net) : NULL;
}

static __always_inline void key_net_read(struct drop_key *key, const struct net *net)
{
	key->netns = BPF_CORE_READ(net, ns.inum);
	if (key->netns < NETNS_FIRST) {
		key->netns = 0;
		return;
	}
	if (bpf_core_field_exists(net->net_cookie))
		key->cookie = BPF_CORE_READ(net, net_cookie);
	if (netns_dying_read(net))
		key->flags |= DROP_KEY_DYING;
}

/* By plain loads: the verifier lets a tp_btf program walk kernel structures, faults read as 0. */
static __always_inline void where_load(struct drop_where *w, struct drop_key *key,
				       struct sk_buff *skb, struct sock *receiver)
{
	struct net_device *dev = skb->dev;
	struct net *net = NULL;
	struct sock *sk;

	w->len = skb->len;
	key->ethertype = ethertype_kind(bpf_ntohs(skb->protocol));
	key->pkt_type = BPF_CORE_READ_BITFIELD(skb, pkt_type);
	where_headers(w, skb->head, skb->data, skb->tail, skb->network_header);
	if (dev) {
		net = dev->nd_net.net;
		key->netns = net->ns.inum;
	}
	/* skb->dev shares its place with other fields in socket queues (dev_scratch, rbnode) */
	if (key->netns >= NETNS_FIRST) {
		key->ifindex = dev->ifindex;
		w->dev = dev;
	} else {
		key->netns = 0;
		/* TCP takes the device off before it looks at the segment */
		sk = skb->sk;
		if (sk)
			net = sk->__sk_common.skc_net.net;
		else if (receiver)
			net = receiver->__sk_common.skc_net.net;
		else
			net = NULL;
		if (!net) {
			key_net_read(key, route_net(skb));
			return;
		}
		key->netns = net->ns.inum;
	}
	if (bpf_core_field_exists(net->net_cookie))
		key->cookie = net->net_cookie;
	if (netns_dying(net))
		key->flags |= DROP_KEY_DYING;
}

static __always_inline void where_read(struct drop_where *w, struct drop_key *key,
				       struct sk_buff *skb, struct sock *receiver)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	struct sock *sk;

	w->len = BPF_CORE_READ(skb, len);
	key->ethertype = ethertype_kind(bpf_ntohs(BPF_CORE_READ(skb, protocol)));
	key->pkt_type = BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
	where_headers(w, BPF_CORE_READ(skb, head), BPF_CORE_READ(skb, data),
		      BPF_CORE_READ(skb, tail), BPF_CORE_READ(skb, network_header));
	if (device_netns(dev)) {
		w->dev = dev;
		key->ifindex = BPF_CORE_READ(dev, ifindex);
		key_net_read(key, BPF_CORE_READ(dev, nd_net.net));
		return;
	}
	sk = BPF_CORE_READ(skb, sk);
	if (!sk)
		sk = receiver;
	key_net_read(key, sk ? BPF_CORE_READ(sk, __sk_common.skc_net.net) : route_net(skb));
}

static __always_inline __u8 icmp_detail(__u8 type)
{
	if (type == 8)
		return DROP_DETAIL_ICMP_ECHO;
	if (type == 0)
		return DROP_DETAIL_ICMP_REPLY;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12
		       ? DROP_DETAIL_ICMP_ERROR
		       : DROP_DETAIL_ICMP_OTHER;
}

static __always_inline __u8 icmpv6_detail(__u8 type)
{
	if (type < 128)
		return DROP_DETAIL_ICMP_ERROR;
	if (type == 128)
		return DROP_DETAIL_ICMP_ECHO;
	if (type == 129)
		return DROP_DETAIL_ICMP_REPLY;
	return type <= 137 || type == 143 ? DROP_DETAIL_ICMP_LOCAL : DROP_DETAIL_ICMP_OTHER;
}

/*
 * Headers are looked at in words of 8 bytes, for each load costs: it is checked at run time. The
 * first header's are at h, what follows it at next. They come by casting the packet to a structure
 * of the kernel (bpf_rdonly_cast, since 6.2: plain loads, which read 0 where there is nothing), or by
 * copying.
 */
static __always_inline __u8 word_byte(__u64 word, __u32 n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word >> n * 8;
#else
	return word >> (7 - n) * 8;
#endif
}

static __always_inline void key_headers4(struct drop_key *key, const __u64 *h, const __u64 *next,
					 __u32 readable)
{
	__u64 first = h[0], last = h[2];
	__u8 daddr = word_byte(last, 0);

	if (word_byte(first, 0) >> 4 != 4)
		return;
	key->proto = proto_kind(word_byte(h[1], 1));
	if (daddr >= 224 && (daddr < 240 || daddr == 255))
		key->flags |= DROP_KEY_MULTICAST;
	if (word_byte(first, 0) != 0x45 || (word_byte(first, 6) & 0x1f) || word_byte(first, 7) ||
	    readable < 28)
		return;
	if (key->proto == PROTO_TCP && readable >= 34)
		key->detail = word_byte(next[1], 5) & 6;
	else if (key->proto == PROTO_ICMP)
		key->detail = icmp_detail(word_byte(last, 4));
}

static __always_inline void key_headers6(struct drop_key *key, const __u64 *h, const __u64 *next,
					 __u32 readable)
{
	__u64 first = h[0], l4 = next[0];
	__u8 proto = word_byte(first, 6);

	if (word_byte(first, 0) >> 4 != 6)
		return;
	key->proto = proto_kind(proto);
	if (word_byte(h[3], 0) == 0xff)
		key->flags |= DROP_KEY_MULTICAST;
	/* discovery of multicast listeners comes behind a hop-by-hop header of 8 bytes */
	if (proto == 0 && word_byte(l4, 0) == PROTO_ICMPV6 && word_byte(l4, 1) == 0 &&
	    readable >= 49) {
		key->proto = PROTO_ICMPV6;
		key->detail = icmpv6_detail(word_byte(next[1], 0));
	} else if (key->proto == PROTO_TCP && readable >= 54) {
		key->detail = word_byte(next[1], 5) & 6;
	} else if (key->proto == PROTO_ICMPV6 && readable >= 41) {
		key->detail = icmpv6_detail(word_byte(l4, 0));
	}
}

/*
 * As words: the verifier allows any load within one member, and the addresses of struct ipv6hdr
 * are the bytes 8 to 39 of it. So it is laid 8 bytes before what is read.
 */
static __always_inline const __u64 *header_words(const unsigned char *header)
{
	const unsigned char *at =
		bpf_rdonly_cast(header - 8, bpf_core_type_id_kernel(struct ipv6hdr));

	return (const __u64 *)(at + 8);
}

/*
 * Protocol and what of it decides between noise and loss, at fixed places: options and extension
 * headers leave detail at 0. Reading past the packet's end is harmless (skb_shared_info follows).
 */
static __always_inline void key_headers_cast(struct drop_key *key, const struct drop_where *w)
{
	if (w->readable < 20)
		return;
	if (key->ethertype == ETHERTYPE_IPV4)
		key_headers4(key, header_words(w->network), header_words(w->network + 20),
			     w->readable);
	else if (key->ethertype == ETHERTYPE_IPV6)
		key_headers6(key, header_words(w->network), header_words(w->network + 40),
			     w->readable);
}

static __always_inline void key_headers_copy(struct drop_key *key, const struct drop_where *w)
{
	__u64 h[5], next[2] = {};

	if (w->readable < 20)
		return;
	if (key->ethertype == ETHERTYPE_IPV4) {
		if (bpf_probe_read_kernel(h, 24, w->network))
			return;
		if (word_byte(h[1], 1) == PROTO_TCP &&
		    bpf_probe_read_kernel(next, sizeof(next), w->network + 20))
			return;
		key_headers4(key, h, next, w->readable);
	} else if (key->ethertype == ETHERTYPE_IPV6) {
		if (!bpf_probe_read_kernel(h, sizeof(h), w->network) &&
		    !bpf_probe_read_kernel(next, sizeof(next), w->network + 40))
			key_headers6(key, h, next, w->readable);
	}
}

/* Is another sample of this key due? Each CPU has its own allowance. */
static __always_inline bool sample_due(struct drop_count *c, __u64 now)
{
	__u32 window = now >> monitor_config.window_shift;

	if (c->window != window) {
		c->window = window;
		c->samples = 0;
	}
	if (c->samples >= monitor_config.samples_per_second)
		return false;
	c->samples++;
	return true;
}

static __always_inline bool key_equal(const struct drop_key *a, const struct drop_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

static __always_inline __u32 key_place(const struct drop_key *key)
{
	const __u64 *x = (const __u64 *)key;
	__u64 hash = (x[0] ^ x[1] << 20 ^ x[2] << 7 ^ x[3] ^ x[4]) * 0x9e3779b97f4a7c15ull;

	return (hash >> 40) & (DROP_PLACES - 1);
}

/* In the map of all keys; NULL: it is full. */
static __always_inline struct drop_count *map_count(struct drop_key *key)
{
	struct drop_count zero = {};
	struct drop_count *c = bpf_map_lookup_elem(&drops, key);

	if (c)
		return c;
	/* another CPU may have made it meanwhile: then it is there all the same */
	bpf_map_update_elem(&drops, key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&drops, key);
}

/* The place's owner has been quiet: it moves to the map, unless that is full. */
static __noinline bool place_vacate(struct drop_place *p)
{
	struct drop_key key = p->key;
	struct drop_count *c = map_count(&key);

	if (!c)
		return false;
	if (!c->packets)
		c->first = p->count.first;
	c->packets += p->count.packets;
	c->bytes += p->count.bytes;
	c->last = p->count.last;
	__builtin_memset(&p->count, 0, sizeof(p->count));
	return true;
}

static __always_inline struct drop_count *key_count(struct drop_key *key, __u64 now)
{
	__u32 at = key_place(key), idle;
	struct drop_place *p = bpf_map_lookup_elem(&places, &at);

	if (!p)
		return NULL;
	if (key_equal(&p->key, key))
		return &p->count;
	if (p->count.packets) {
		idle = (now - p->count.last) >> monitor_config.window_shift;
		if (idle < DROP_PLACE_IDLE_WINDOWS || !place_vacate(p))
			return map_count(key);
	}
	p->key = *key;
	return &p->count;
}

/* A record of this drop, and its key behind it. */
static __always_inline void sample(void *ctx, struct sk_buff *skb, struct drop_where *w,
				   struct drop_key *key, struct sock *rx_sk, bool parsed,
				   struct monitor_totals *t)
{
	struct hook_counters *count = counters_get(COUNTER_DROP);
	struct scratch *s = scratch_get();
	__u32 at;

	if (!count || !s)
		return;
	count->seen++;
	t->clock_ns = s->now = bpf_ktime_get_ns();
	t->clock_jiffies = bpf_jiffies64();
	if (!parsed && !drop_parse(s, skb, w->len)) {
		count->filtered++; /* nothing of it can be shown */
		return;
	}
	if (!drop_record(ctx, s, skb, key->location, key->reason,
			 rx_sk ? rx_sk : BPF_CORE_READ(skb, sk), rx_sk != NULL, w->dev, key->netns,
			 key->ifindex)) {
		count->lost++;
		return;
	}
	at = s->size;
	if (at > RECORD_ROOM - sizeof(*key)) {
		count->lost++;
		return;
	}
	__builtin_memcpy(s->out + at, key, sizeof(*key));
	record_emit_with(s, count, sizeof(*key));
}

static __always_inline bool reason_wanted(__u32 reason)
{
	if (!config.has_reasons)
		return true;
	return reason < CONFIG_REASONS && config.reasons[reason / 32] >> reason % 32 & 1;
}

static __always_inline int count(void *ctx, struct sk_buff *skb, struct drop_where *w,
				 struct drop_key *key, struct sock *rx_sk, bool cast)
{
	bool asks = config_asks();
	struct drop_count *c;
	struct monitor_totals *t;
	__u32 zero = 0;
	__u64 now;

	t = bpf_map_lookup_elem(&totals, &zero);
	if (!t)
		return 0;
	t->seen++;
	if (!reason_wanted(key->reason)) {
		t->filtered++;
		return 0;
	}
	if (asks) {
		struct scratch *s = scratch_get();

		if (!s || !drop_parse(s, skb, w->len) || !packet_wanted(key->netns, key->ifindex)) {
			t->filtered++;
			return 0;
		}
	}
	if (cast)
		key_headers_cast(key, w);
	else
		key_headers_copy(key, w);
	now = bpf_jiffies64();
	c = key_count(key, now);
	if (!c) {
		t->overflow++;
		return 0;
	}
	if (!c->packets++)
		c->first = now; /* a key has one value per CPU: this one's first */
	c->bytes += w->len;
	c->last = now;
	if (sample_due(c, now))
		sample(ctx, skb, w, key, rx_sk, asks, t);
	return 0;
}

static __always_inline void key_args(struct drop_key *key, const unsigned long long *ctx)
{
	key->location = ctx[1];
	if (config.kfree_skb_args >= 3)
		key->reason = (__u32)ctx[2];
}

static __always_inline struct sock *receiver(const unsigned long long *ctx)
{
	return config.kfree_skb_args >= 4 ? (struct sock *)ctx[3] : NULL;
}

SEC("trace_btf/kfree_skb")
int cnitrace_count_cast(unsigned long long *ctx)
{
	struct drop_where where = {};
	struct drop_key key = {};

	key_args(&key, ctx);
	where_load(&where, &key, (struct sk_buff *)ctx[0], receiver(ctx));
	return count(ctx, (struct sk_buff *)ctx[0], &where, &key, receiver(ctx), true);
}

SEC("trace_btf/kfree_skb")
int cnitrace_count(unsigned long long *ctx)
{
	struct drop_where where = {};
	struct drop_key key = {};

	key_args(&key, ctx);
	where_load(&where, &key, (struct sk_buff *)ctx[0], receiver(ctx));
	return count(ctx, (struct sk_buff *)ctx[0], &where, &key, receiver(ctx), false);
}

SEC("trace_raw/kfree_skb")
int cnitrace_count_raw(unsigned long long *ctx)
{
	struct drop_where where = {};
	struct drop_key key = {};

	key_args(&key, ctx);
	where_read(&where, &key, (struct sk_buff *)ctx[0], receiver(ctx));
	return count(ctx, (struct sk_buff *)ctx[0], &where, &key, receiver(ctx), false);
}
