/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every tracing program shares: the maps (one set, which user space hands from
 * object to object), the scratch space, the question "is this packet asked for?" and
 * the one place where a record is reserved and counted.
 *
 * A program fills scratch->window, calls scratch_parse, asks packet_wanted, then
 * builds its record with record_begin, record_tail and record_emit.
 */
#ifndef CNITRACE_TRACER_BPF_H
#define CNITRACE_TRACER_BPF_H

#include "parse.bpf.h"

#define RECORD_ROOM 1024

const volatile struct tracer_config config = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* resized by the loader */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_HOOKS);
	__type(key, __u32);
	__type(value, struct hook_counters);
} counters SEC(".maps");

/* skb address -> signature of packets that matched once: NAT and encapsulation do not lose them. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct track_value);
} tracked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct follow_key);
	__type(value, __u8);
} followed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tracer_state);
} state SEC(".maps");

/*
 * One per CPU and program. A tc program runs with softirqs off and never nests in
 * itself; a tracing program's nested run is refused by the kernel's recursion guard
 * (and shows up as a miss), so nobody else writes here while a program runs.
 */
struct scratch {
	struct filter_window window;
	struct packet outer, inner, quoted, quoted_outer;
	struct encap encap, quoted_encap;
	struct parsed where, quoted_where;
	struct follow_key key;
	__u32 filled;	   /* bytes of the window that are this packet's */
	__u32 l2, l3;	   /* offsets; l2 == l3 when there is no Ethernet header */
	__u32 inner_l3;	   /* 0: not encapsulated */
	__u32 quoted_l3;   /* innermost quoted IP header, 0: not an ICMP error */
	__u32 size;	   /* of the record so far */
	__u32 payload_len;
	__u8 out[RECORD_ROOM];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

static __always_inline struct hook_counters *counters_get(__u32 hook)
{
	return bpf_map_lookup_elem(&counters, &hook);
}

/* The packet a record is about: the innermost. */
static __always_inline struct packet *scratch_packet(struct scratch *s)
{
	return s->inner_l3 ? &s->inner : &s->outer;
}

static __always_inline void parse_quoted(struct scratch *s, struct parsed *where)
{
	__u32 at = where->payload, inner;

	__builtin_memset(&s->quoted, 0, sizeof(s->quoted));
	__builtin_memset(&s->quoted_encap, 0, sizeof(s->quoted_encap));
	s->quoted_where.l4_len = 65535; /* the quoted header's own length counts, not what was quoted of it */
	if (!parse_ip(&s->window, at, s->filled, &s->quoted, &s->quoted_where))
		return;
	s->quoted_l3 = at;
	s->quoted_encap.dport = s->quoted.dport;
	inner = parse_tunnel(&config, &s->window, &s->quoted, &s->quoted_where, s->filled,
			     &s->quoted_encap);
	if (!inner)
		return;
	__builtin_memset(&s->quoted_outer, 0, sizeof(s->quoted_outer));
	s->quoted_where.l4_len = 65535;
	if (!parse_ip(&s->window, inner, s->filled, &s->quoted_outer, &s->quoted_where)) {
		s->quoted_encap.kind = ENCAP_NONE;
		return;
	}
	s->quoted = s->quoted_outer;
	s->quoted_l3 = inner;
}

/*
 * Parses what the window holds: `l3` is the offset of the outer network header, of
 * `wire_len` bytes, `type` its EtherType. False when there is nothing to tell of it.
 */
static __always_inline bool scratch_parse(struct scratch *s, __u32 l3, __u32 wire_len, __u16 type,
					  bool multicast)
{
	struct packet *p;

	s->l3 = l3;
	s->inner_l3 = s->quoted_l3 = s->payload_len = 0;
	__builtin_memset(&s->outer, 0, sizeof(s->outer));
	if (multicast)
		s->outer.flags |= PACKET_MULTICAST;
	if (type == ETHERTYPE_ARP) {
		parse_arp(&s->window, l3, s->filled, &s->outer);
		return true;
	}
	if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6) {
		s->outer.ethertype = type;
		s->outer.len = wire_len;
		return true;
	}
	s->where.l4_len = wire_len;
	if (!parse_ip(&s->window, l3, s->filled, &s->outer, &s->where)) {
		s->outer.ethertype = type;
		s->outer.len = wire_len;
		return true;
	}
	__builtin_memset(&s->encap, 0, sizeof(s->encap));
	s->inner_l3 = parse_tunnel(&config, &s->window, &s->outer, &s->where, s->filled, &s->encap);
	if (s->inner_l3) {
		__u32 ahead = s->inner_l3 - l3;

		__builtin_memset(&s->inner, 0, sizeof(s->inner));
		s->where.l4_len = s->outer.len > ahead ? s->outer.len - ahead : 0;
		if (!parse_ip(&s->window, s->inner_l3, s->filled, &s->inner, &s->where)) {
			s->inner_l3 = 0;
		} else {
			s->inner.flags |= s->encap.flags & PACKET_MULTICAST;
			__builtin_memcpy(s->encap.src, s->outer.src, 16);
			__builtin_memcpy(s->encap.dst, s->outer.dst, 16);
			s->encap.len = s->outer.len;
			s->encap.sport = s->outer.sport;
			s->encap.dport = s->outer.dport;
			s->encap.ip_id = s->outer.ip_id;
			s->encap.frag = s->outer.frag;
			s->encap.ip_version = s->outer.ip_version;
			s->encap.ttl = s->outer.ttl;
			s->encap.flags = 0;
			if (s->outer.proto == PROTO_UDP) {
				const __u8 *h = window_at(&s->window, l3 + s->outer.header_len - 8,
							  8, s->filled);

				if (h)
					s->encap.udp_check = get16(h + 6);
			}
		}
	}
	p = scratch_packet(s);
	if (((p->proto == PROTO_ICMP && p->ip_version == 4) ||
	     (p->proto == PROTO_ICMPV6 && p->ip_version == 6)) &&
	    s->where.payload && icmp_is_error(p->ip_version, p->icmp_type))
		parse_quoted(s, &s->where);
	if (p->proto == PROTO_UDP && (p->sport == 53 || p->dport == 53) && s->where.payload &&
	    s->where.payload < s->filled)
		s->payload_len = s->filled - s->where.payload;
	return true;
}

static __always_inline bool address_is(const __u8 *a, __u8 version, __u32 i)
{
	const volatile __u8 *b = config.address[i];

	if (config.address_version[i] != version)
		return false;
	if (version == 4)
		return *(const __u32 *)a == *(const volatile __u32 *)b;
	return *(const __u64 *)a == *(const volatile __u64 *)b &&
	       *(const __u64 *)(a + 8) == *(const volatile __u64 *)(b + 8);
}

static __always_inline bool subject_has(const struct packet *p)
{
#pragma unroll
	for (__u32 i = 0; i < CONFIG_ADDRESSES; i++) {
		if (i < config.address_count && (address_is(p->src, p->ip_version, i) ||
						 address_is(p->dst, p->ip_version, i)))
			return true;
	}
	return false;
}

/* Does the packet belong to the pod or namespace that was asked for? */
static __always_inline bool subject_wants(struct scratch *s, __u32 netns, __u32 ifindex)
{
	if (!config.has_subject)
		return true;
	if (netns && netns == config.subject_netns)
		return true;
	if (ifindex && ifindex == config.subject_ifindex && netns == config.node_netns)
		return true;
	if (subject_has(&s->outer))
		return true;
	if (s->inner_l3 && subject_has(&s->inner))
		return true;
	return s->quoted_l3 && subject_has(&s->quoted);
}

/* The filter expression on the inner packet, then the outer one, then what an ICMP error quotes. */
static __always_inline bool expression_wants(struct scratch *s)
{
	if (!config.has_expression)
		return true;
	if (config.expression_is_ether) {
		if (s->l2 == s->l3)
			return false;
		return filter_match_ether(&s->window, s->l2, s->filled - s->l2,
					  s->outer.len + s->l3 - s->l2);
	}
	if (s->inner_l3 && s->inner_l3 <= 192 && s->inner_l3 < s->filled &&
	    filter_match_ip(&s->window, s->inner_l3, s->filled - s->inner_l3, s->inner.len))
		return true;
	if (s->l3 <= 192 && s->l3 < s->filled &&
	    filter_match_ip(&s->window, s->l3, s->filled - s->l3, s->outer.len))
		return true;
	return s->quoted_l3 && s->quoted_l3 <= 192 && s->quoted_l3 < s->filled &&
	       filter_match_ip(&s->window, s->quoted_l3, s->filled - s->quoted_l3, s->quoted.len);
}

/* What neither NAT, routing nor encapsulation changes; never 0. */
static __always_inline __u64 packet_mark(const struct packet *p)
{
	__u64 mark = (__u64)p->ip_id << 32 ^ (__u64)p->seq ^ (__u64)p->proto << 48 ^
		     (__u64)(p->len - p->header_len) << 8;

	return mark | 1ull << 63;
}

static __always_inline void follow_tuple(struct scratch *s, const struct packet *p, bool reverse)
{
	__builtin_memset(&s->key, 0, sizeof(s->key));
	__builtin_memcpy(s->key.src, reverse ? p->dst : p->src, 16);
	__builtin_memcpy(s->key.dst, reverse ? p->src : p->dst, 16);
	s->key.sport = reverse ? p->dport : p->sport;
	s->key.dport = reverse ? p->sport : p->dport;
	s->key.proto = p->proto;
}

static __always_inline struct tracer_state *state_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&state, &zero);
}

/*
 * Is this packet asked for: by itself, because the same skb was before it was translated,
 * or because it answers a translated packet? Remembers it when it is.
 */
static __always_inline bool packet_wanted(struct scratch *s, __u64 skb, __u32 netns, __u32 ifindex)
{
	struct packet *p = scratch_packet(s);
	struct tracer_state *st;
	struct track_value *known, value;
	__u8 one = 1;

	if (!config.has_subject && !config.has_expression)
		return true;
	st = state_get();
	if (!st)
		return false;
	value.signature = packet_mark(p);
	if (subject_wants(s, netns, ifindex) && expression_wants(s)) {
		known = bpf_map_lookup_elem(&tracked, &skb);
		if (!known || known->signature != value.signature)
			bpf_map_update_elem(&tracked, &skb, &value, BPF_ANY);
		if (!st->tracking)
			st->tracking = 1;
		return true;
	}
	if (!st->tracking)
		return false;
	known = bpf_map_lookup_elem(&tracked, &skb);
	if (known && known->signature == value.signature) {
		/* matched before, not now: it was translated; its reply will not match either */
		if (p->ip_version) {
			follow_tuple(s, p, true);
			if (!bpf_map_lookup_elem(&followed, &s->key))
				bpf_map_update_elem(&followed, &s->key, &one, BPF_ANY);
			if (!st->following)
				st->following = 1;
		}
		return true;
	}
	if (!st->following || !p->ip_version)
		return false;
	follow_tuple(s, p, false);
	if (!bpf_map_lookup_elem(&followed, &s->key)) {
		if (!s->quoted_l3)
			return false;
		follow_tuple(s, &s->quoted, true);
		if (!bpf_map_lookup_elem(&followed, &s->key))
			return false;
	}
	bpf_map_update_elem(&tracked, &skb, &value, BPF_ANY);
	return true;
}

static __always_inline struct record *record_begin(struct scratch *s, __u8 type, __u64 skb,
						   __u32 netns, __u32 ifindex)
{
	struct record *r = (struct record *)s->out;

	r->time_ns = bpf_ktime_get_ns();
	r->skb = skb;
	r->netns = netns;
	r->ifindex = ifindex;
	r->type = type;
	r->tails = 0;
	r->gso_size = r->gso_segs = 0;
	r->packet = *scratch_packet(s);
	s->size = sizeof(*r);
	return r;
}

/* Room for a tail of `size` bytes (a multiple of 8, a constant), or NULL. */
static __always_inline void *record_tail(struct scratch *s, __u8 bit, __u32 size)
{
	__u32 at = s->size;

	if (at > RECORD_ROOM - 512 || size > 512)
		return NULL;
	((struct record *)s->out)->tails |= bit;
	s->size = at + size;
	return s->out + at;
}

static __always_inline void record_packet_tails(struct scratch *s)
{
	if (s->inner_l3) {
		struct encap *e = record_tail(s, TAIL_ENCAP, sizeof(*e));

		if (e)
			*e = s->encap;
	}
	if (s->quoted_l3) {
		struct quoted *q = record_tail(s, TAIL_QUOTED, sizeof(*q));

		if (q) {
			q->packet = s->quoted;
			q->encap_kind = s->quoted_encap.kind;
			q->pad = 0;
			q->encap_dport = s->quoted_encap.dport;
			q->vni = s->quoted_encap.vni;
		}
	}
}

static __always_inline void record_payload_tail(struct scratch *s)
{
	__u32 n = s->payload_len, from = s->where.payload, at = s->size;

	if (!n || n > RECORD_MAX_PAYLOAD || from > WINDOW_FILL || at > RECORD_ROOM - 512)
		return;
	((struct record *)s->out)->tails |= TAIL_PAYLOAD;
	*(__u16 *)(s->out + at) = n;
	bpf_probe_read_kernel(s->out + at + 2, n, s->window.bytes + from);
	s->size = at + ((n + 2 + 7) & ~7u);
}

/* The one place where a record enters the ring: recorded or lost, never neither. */
static __always_inline void record_emit(struct scratch *s, struct hook_counters *count)
{
	struct record *r = (struct record *)s->out;
	__u32 size = s->size;
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (size < sizeof(*r) || size > RECORD_ROOM) {
		count->lost++;
		return;
	}
	r->size = size;
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= config.wake_bytes)
		flags = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&ring, s->out, size, flags))
		count->lost++;
	else
		count->recorded++;
}

#endif
