/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A freed packet made into the key it is counted by: what the skb, its device, its namespace and the
 * first bytes of its headers say. By plain loads where the program may walk kernel structures, else by
 * copies. Counts nothing.
 *
 * This is what a drop costs most, so it is written for the processor: what is read stays in registers, and the
 * key is put together as the words that it is compared by. A load of eight bytes that several smaller
 * stores have just written would wait until all of them are in the cache.
 */
#ifndef CNITRACE_DROP_KEY_BPF_H
#define CNITRACE_DROP_KEY_BPF_H

#include "drop.bpf.h"
#include "drop_count.h"
#include "kernel_call.h"

/* Since 6.2; its program is loaded where the kernel has it. */
static void *(*bpf_rdonly_cast)(const void *object, __u32 btf_id) = (void *)CALL_RDONLY_CAST;

struct drop_facts {
	struct net_device *dev; /* NULL where skb->dev is something else */
	const unsigned char *network; /* the network header */
	__s32 readable; /* bytes from there on */
	__u32 len;
	/* Tells devices apart, or namespaces where there is no device: read earlier than the key's own words for it. */
	__u64 whose;
	__u64 location, cookie; /* from here on as in struct drop_key */
	__u32 netns, ifindex, reason;
	__u16 ethertype;
	__u8 proto, detail, pkt_type, flags;
};

#define KEY_WORDS (sizeof(struct drop_key) / 8)

struct key_words {
	__u64 word[KEY_WORDS];
};

/* A member of `size` bytes at `at` of its word, as it lies in memory. */
static __always_inline __u64 member(__u64 value, __u32 at, __u32 size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return value << at * 8;
#else
	return value << (8 - at - size) * 8;
#endif
}

#define MEMBER(value, name)                                                                        \
	member(value, __builtin_offsetof(struct drop_key, name) % 8,                               \
	       sizeof(((struct drop_key *)0)->name))

static __always_inline void facts_words(const struct drop_facts *f, struct key_words *k)
{
	__u64 what = f->detail | (__u64)f->pkt_type << DROP_KEY_PKT_TYPE_SHIFT | f->flags;

	_Static_assert(KEY_WORDS == 4 && __builtin_offsetof(struct drop_key, location) == 0 &&
			       __builtin_offsetof(struct drop_key, cookie) == 8 &&
			       __builtin_offsetof(struct drop_key, netns) == 16 &&
			       __builtin_offsetof(struct drop_key, reason) == 24,
		       "the words of the key");
	k->word[0] = f->location;
	k->word[1] = f->cookie;
	k->word[2] = MEMBER(f->netns, netns) | MEMBER(f->ifindex, ifindex);
	k->word[3] = MEMBER(f->reason, reason) | MEMBER(f->ethertype, ethertype) |
		     MEMBER(f->proto, proto) | MEMBER(what, what);
}

/* The socket that was to get it, where the kernel tells. */
static __always_inline struct sock *receiver(const unsigned long long *ctx)
{
	return config.kfree_skb_args >= 4 ? (struct sock *)ctx[3] : NULL;
}

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

static __always_inline void facts_headers_at(struct drop_facts *f, const unsigned char *head,
					     const unsigned char *data, __u32 tail, __u16 network)
{
	__u32 start = network;

	if (!network || network == 0xffff)
		start = data - head;
	f->network = head + start;
	f->readable = tail - start;
}

/*
 * Values a stranger may choose freely must not fill the map: what is rare is one kind. The
 * samples show the packet as it was.
 */
static __always_inline __u16 ethertype_kind(__be16 type)
{
	if (type == bpf_htons(ETHERTYPE_IPV4))
		return ETHERTYPE_IPV4;
	if (type == bpf_htons(ETHERTYPE_IPV6))
		return ETHERTYPE_IPV6;
	if (type == bpf_htons(ETHERTYPE_ARP))
		return ETHERTYPE_ARP;
	return type ? DROP_ETHERTYPE_OTHER : 0;
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

static __always_inline void net_read(struct drop_facts *f, const struct net *net)
{
	f->whose = f->netns = BPF_CORE_READ(net, ns.inum);
	if (f->netns < NETNS_FIRST) {
		f->netns = 0;
		return;
	}
	if (bpf_core_field_exists(net->net_cookie))
		f->cookie = BPF_CORE_READ(net, net_cookie);
	if (netns_dying_read(net))
		f->flags |= DROP_KEY_DYING;
}

/* By plain loads: the verifier lets a tp_btf program walk kernel structures, faults read as 0. */
static __always_inline void facts_load(struct drop_facts *f, struct sk_buff *skb,
				       const unsigned long long *ctx)
{
	struct net_device *dev = skb->dev;
	struct net *net = NULL;
	struct sock *sk;

	f->len = skb->len;
	f->ethertype = ethertype_kind(skb->protocol);
	f->pkt_type = BPF_CORE_READ_BITFIELD(skb, pkt_type);
	facts_headers_at(f, skb->head, skb->data, skb->tail, skb->network_header);
	if (dev) {
		net = dev->nd_net.net;
		f->netns = net->ns.inum;
	}
	/* skb->dev shares its place with other fields in socket queues (dev_scratch, rbnode) */
	if (f->netns >= NETNS_FIRST) {
		f->ifindex = dev->ifindex;
		f->dev = dev;
	} else {
		f->netns = 0;
		/* TCP takes the device off before it looks at the segment */
		sk = skb->sk;
		net = NULL;
		if (sk) {
			net = sk->__sk_common.skc_net.net;
		} else {
			sk = receiver(ctx);
			if (sk)
				net = sk->__sk_common.skc_net.net;
		}
		if (!net) {
			net_read(f, route_net(skb));
			return;
		}
		f->whose = f->netns = net->ns.inum;
	}
	if (bpf_core_field_exists(net->net_cookie))
		f->cookie = net->net_cookie;
	if (netns_dying(net))
		f->flags |= DROP_KEY_DYING;
}

static __always_inline void facts_read(struct drop_facts *f, struct sk_buff *skb,
				       const unsigned long long *ctx)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	struct sock *sk;

	f->len = BPF_CORE_READ(skb, len);
	f->ethertype = ethertype_kind(BPF_CORE_READ(skb, protocol));
	f->pkt_type = BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
	facts_headers_at(f, BPF_CORE_READ(skb, head), BPF_CORE_READ(skb, data),
			 BPF_CORE_READ(skb, tail), BPF_CORE_READ(skb, network_header));
	if (device_netns(dev)) {
		f->dev = dev;
		f->ifindex = BPF_CORE_READ(dev, ifindex);
		net_read(f, BPF_CORE_READ(dev, nd_net.net));
		return;
	}
	sk = BPF_CORE_READ(skb, sk);
	if (!sk)
		sk = receiver(ctx);
	net_read(f, sk ? BPF_CORE_READ(sk, __sk_common.skc_net.net) : route_net(skb));
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
 * Headers are looked at in words of 8 bytes, for each load costs: it is checked at run time. They
 * come by casting the packet to a structure of the kernel (bpf_rdonly_cast: plain loads, which read
 * 0 where there is nothing), or by copying. Reading past the packet's end is harmless
 * (skb_shared_info follows), and what is not `readable` is not used.
 */
static __always_inline __u8 word_byte(__u64 word, __u32 n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word >> n * 8;
#else
	return word >> (7 - n) * 8;
#endif
}

/*
 * The verifier allows any load within one member, and the addresses of struct ipv6hdr are the
 * bytes 8 to 39 of it. So it is laid 8 bytes before what is read.
 */
static __always_inline __u64 packet_word(const unsigned char *at, bool cast)
{
	const unsigned char *as;
	__u64 word = 0;

	if (!cast) {
		bpf_probe_read_kernel(&word, sizeof(word), at);
		return word;
	}
	as = bpf_rdonly_cast(at - 8, TYPE_IPV6HDR);
	return *(const __u64 *)(as + 8);
}

static __always_inline bool is_multicast4(__u8 destination)
{
	return destination >= 224 && (destination < 240 || destination == 255);
}

/* The first fragment, or the only one, of a packet without options? `first`: bytes 0 to 7 of its header. */
static __always_inline bool is_plain4(__u64 first)
{
	return word_byte(first, 0) == 0x45 && !(word_byte(first, 6) & 0x1f) && !word_byte(first, 7);
}

/* skb->protocol is trusted for the version: only what looks further asks for the first word, too. */
static __always_inline void facts_headers4(struct drop_facts *f, bool cast)
{
	const unsigned char *h = f->network;
	/* the protocol, and at the end the first byte of the destination */
	__u64 word = packet_word(h + 9, cast);
	__u8 proto = word_byte(word, 0);

	f->proto = proto_kind(proto);
	if (is_multicast4(word_byte(word, 7)))
		f->flags |= DROP_KEY_MULTICAST;
	if ((proto != PROTO_TCP && proto != PROTO_ICMP) || f->readable < 28 ||
	    !is_plain4(packet_word(h, cast)))
		return;
	if (proto == PROTO_ICMP)
		f->detail = icmp_detail(word_byte(packet_word(h + 20, cast), 0));
	else if (f->readable >= 34)
		f->detail = word_byte(packet_word(h + 33, cast), 0) & 6;
}

static __always_inline void facts_headers6(struct drop_facts *f, bool cast)
{
	const unsigned char *h = f->network;
	__u8 proto = word_byte(packet_word(h, cast), 6);
	__u64 l4;

	f->proto = proto_kind(proto);
	if (word_byte(packet_word(h + 24, cast), 0) == 0xff)
		f->flags |= DROP_KEY_MULTICAST;
	if (proto == PROTO_TCP && f->readable >= 54)
		f->detail = word_byte(packet_word(h + 53, cast), 0) & 6;
	if ((proto != PROTO_ICMPV6 && proto != 0) || f->readable < 41)
		return;
	l4 = packet_word(h + 40, cast);
	if (proto == PROTO_ICMPV6) {
		f->detail = icmpv6_detail(word_byte(l4, 0));
	} else if (word_byte(l4, 0) == PROTO_ICMPV6 && word_byte(l4, 1) == 0 && f->readable >= 49) {
		/* discovery of multicast listeners comes behind a hop-by-hop header of 8 bytes */
		f->proto = PROTO_ICMPV6;
		f->detail = icmpv6_detail(word_byte(packet_word(h + 48, cast), 0));
	}
}

/*
 * Protocol and what of it decides between noise and loss, at fixed places: options and extension
 * headers leave detail at 0.
 */
static __always_inline void facts_headers(struct drop_facts *f, bool cast)
{
	if (f->readable < 20)
		return;
	if (f->ethertype == ETHERTYPE_IPV4)
		facts_headers4(f, cast);
	else if (f->ethertype == ETHERTYPE_IPV6)
		facts_headers6(f, cast);
}

#endif
