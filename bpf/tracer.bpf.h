/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every tracing program shares: the maps (one set, which user space hands from
 * object to object), the scratch space, the question "is this packet asked for?" and
 * the one place where a record is reserved and counted.
 *
 * A program fills scratch->window, calls scratch_parse, asks packet_wanted (which also reads the
 * clock), then builds its record with record_begin, record_tail and record_emit.
 */
#ifndef CNITRACE_TRACER_BPF_H
#define CNITRACE_TRACER_BPF_H

#include "parse.bpf.h"
#include "track.bpf.h"

#define RECORD_ROOM 1536
#define WAKE_BAND 512 /* bytes beyond a mark of which a record still wakes the reader */

/* The packets that one skb may show. */
enum slot { OUTER, INNER, QUOTED, QUOTED_INNER, SLOTS };

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

/* Packets that matched once: NAT and encapsulation do not lose them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACK_BUCKETS);
	__type(key, __u32);
	__type(value, struct track_bucket);
} tracked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FOLLOW_BUCKETS);
	__type(key, __u32);
	__type(value, struct track_bucket);
} followed SEC(".maps");

/* By ifindex: devices where packets begin, for what comes in there was never on this node before. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} entrances SEC(".maps");

struct tracer_state state SEC(".data.state");

/*
 * One per CPU and program. A tc program runs with softirqs off and never nests in
 * itself; a tracing program's nested run is refused by the kernel's recursion guard
 * (and shows up as a miss), so nobody else writes here while a program runs.
 */
struct scratch {
	struct filter_window window;
	struct packet packets[SLOTS]; /* by enum slot */
	struct parsed where[SLOTS];
	struct encap encap, quoted_encap;
	__u64 skb; /* its address: a number once it has been in a map */
	__u64 place; /* device and direction of a hop, 0: the packet was freed */
	__u64 socket; /* that the skb belongs to, 0 none: an address, as `skb` */
	__u64 now; /* CLOCK_MONOTONIC, read once per record */
	__u32 asked; /* a look at the packet's first bytes found it asked for (quick.bpf.h) */
	__u64 stack; /* … and the program's place on the stack */
	__u32 filled; /* bytes of the window that are this packet's */
	__u32 l2, l3; /* offsets; l2 == l3 when there is no Ethernet header */
	__u32 inner_l3; /* 0: not encapsulated */
	__u32 inner_l2; /* 0: without an Ethernet header */
	__u32 quoted_l3; /* innermost quoted IP header, 0: not an ICMP error */
	__u32 quoted_slot; /* QUOTED or QUOTED_INNER */
	__u32 size; /* of the record so far */
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
	return &s->packets[s->inner_l3 ? INNER : OUTER];
}

/*
 * Parses the IP packet at `off` of the window into a slot. These functions are global, with
 * numbers for arguments only: the verifier then looks at each once, instead of once per call
 * and path, which keeps loading fast on every kernel since 5.6.
 */
__noinline int packet_parse(__u32 off, __u32 wire_len, __u32 slot, __u32 flags)
{
	struct scratch *s = scratch_get();
	struct packet *p;

	if (!s || slot >= SLOTS)
		return 0;
	p = &s->packets[slot];
	__builtin_memset(p, 0, sizeof(*p));
	p->flags = flags;
	return parse_ip(&s->window, off, s->filled, wire_len, p, &s->where[slot]);
}

/* What an ICMP error in slot `of` quotes; through a tunnel's header where it quotes one. */
__noinline int quoted_parse(__u32 of)
{
	struct scratch *s = scratch_get();
	__u32 at, inner, l2;

	if (!s || of >= SLOTS)
		return 0;
	at = s->where[of].payload;
	__builtin_memset(&s->quoted_encap, 0, sizeof(s->quoted_encap));
	/* the quoted header's own length counts, not what was quoted of it */
	if (!packet_parse(at, 65535, QUOTED, 0))
		return 0;
	s->quoted_l3 = at;
	s->quoted_slot = QUOTED;
	s->quoted_encap.dport = s->packets[QUOTED].dport;
	inner = parse_tunnel(&config, &s->window, &s->packets[QUOTED], &s->where[QUOTED], s->filled,
			     &s->quoted_encap, &l2);
	if (!inner)
		return 1;
	if (!packet_parse(inner, 65535, QUOTED_INNER, 0)) {
		s->quoted_encap.kind = ENCAP_NONE;
		return 1;
	}
	s->quoted_slot = QUOTED_INNER;
	s->quoted_l3 = inner;
	return 1;
}

static __always_inline void encap_fill(struct scratch *s, __u32 l3)
{
	const struct packet *outer = &s->packets[OUTER];

	__builtin_memcpy(s->encap.src, outer->src, 16);
	__builtin_memcpy(s->encap.dst, outer->dst, 16);
	s->encap.len = outer->len;
	s->encap.sport = outer->sport;
	s->encap.dport = outer->dport;
	s->encap.ip_id = outer->ip_id;
	s->encap.frag = outer->frag;
	s->encap.ip_version = outer->ip_version;
	s->encap.ttl = outer->ttl;
	s->encap.flags = 0;
	if (outer->proto == PROTO_UDP) {
		const __u8 *h = window_at(&s->window, l3 + outer->header_len - 8, 8, s->filled);

		if (h)
			s->encap.udp_check = get16(h + 6);
	}
}

/*
 * Parses what the window holds: `l3` is the offset of the outer network header, of
 * `wire_len` bytes, `type` its EtherType, `flags` those of struct packet.
 */
__noinline int scratch_parse(__u32 l3, __u32 wire_len, __u32 type, __u32 flags)
{
	struct scratch *s = scratch_get();
	struct packet *p;
	__u32 slot = OUTER, payload;

	if (!s)
		return 0;
	s->l3 = l3;
	s->inner_l3 = s->quoted_l3 = s->payload_len = 0;
	p = &s->packets[OUTER];
	if ((type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6) ||
	    !packet_parse(l3, wire_len, OUTER, flags)) {
		__builtin_memset(p, 0, sizeof(*p));
		p->flags = flags;
		p->ethertype = type;
		p->len = wire_len;
		if (type == ETHERTYPE_ARP)
			parse_arp(&s->window, l3, s->filled, p);
		return 1;
	}
	__builtin_memset(&s->encap, 0, sizeof(s->encap));
	s->inner_l3 = parse_tunnel(&config, &s->window, p, &s->where[OUTER], s->filled, &s->encap,
				   &s->inner_l2);
	if (s->inner_l3) {
		__u32 ahead = s->inner_l3 - l3;

		if (packet_parse(s->inner_l3, p->len > ahead ? p->len - ahead : 0, INNER,
				 s->encap.flags & PACKET_MULTICAST)) {
			encap_fill(s, l3);
			slot = INNER;
			p = &s->packets[INNER];
		} else {
			s->inner_l3 = 0;
		}
	}
	payload = s->where[slot].payload;
	if (!payload)
		return 1;
	if ((p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) &&
	    icmp_is_error(p->ip_version, p->icmp_type))
		quoted_parse(slot);
	if (p->proto == PROTO_UDP && (p->sport == 53 || p->dport == 53) && payload < s->filled)
		s->payload_len = s->filled - payload;
	return 1;
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
		if (i < config.address_count &&
		    (address_is(p->src, p->ip_version, i) || address_is(p->dst, p->ip_version, i)))
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
	if (subject_has(&s->packets[OUTER]))
		return true;
	if (s->inner_l3 && subject_has(&s->packets[INNER]))
		return true;
	return s->quoted_l3 &&
	       (subject_has(&s->packets[QUOTED]) || subject_has(&s->packets[QUOTED_INNER]));
}

/* The filter expression on the inner packet, then the outer one, then what an ICMP error quotes. */
static __always_inline bool expression_wants(struct scratch *s)
{
	if (!config.has_expression)
		return true;
	if (config.expression_is_ether) {
		if (s->inner_l3 && s->inner_l2 && s->inner_l2 <= 192 && s->inner_l2 < s->filled &&
		    filter_match_ether(&s->window, s->inner_l2, s->filled - s->inner_l2,
				       s->packets[INNER].len + s->inner_l3 - s->inner_l2))
			return true;
		if (s->l2 == s->l3)
			return false;
		return filter_match_ether(&s->window, s->l2, s->filled - s->l2,
					  s->packets[OUTER].len + s->l3 - s->l2);
	}
	if (s->inner_l3 && s->inner_l3 <= 192 && s->inner_l3 < s->filled &&
	    filter_match_ip(&s->window, s->inner_l3, s->filled - s->inner_l3,
			    s->packets[INNER].len))
		return true;
	if (s->l3 <= 192 && s->l3 < s->filled &&
	    filter_match_ip(&s->window, s->l3, s->filled - s->l3, s->packets[OUTER].len))
		return true;
	return s->quoted_l3 && s->quoted_l3 <= 192 && s->quoted_l3 < s->filled &&
	       filter_match_ip(&s->window, s->quoted_l3, s->filled - s->quoted_l3,
			       s->packets[s->quoted_slot == QUOTED ? QUOTED : QUOTED_INNER].len);
}

static __always_inline bool is_fragment(const struct packet *p)
{
	return p->frag & (PACKET_FRAG_MF | PACKET_FRAG_OFFSET);
}

/* Of every fragment of a packet, and of what they are put together to: that has the last one's skb. */
static __always_inline __u64 fragment_mark(const struct packet *p)
{
	return ((__u64)p->ip_id << 32 ^ (__u64)p->proto << 48) | 3ull << 62;
}

/*
 * What neither NAT, routing nor encapsulation changes; never 0. NAT may give an echo
 * another id (masquerade --random-fully does), and a port that hides the DNS id.
 */
static __always_inline __u64 packet_mark(const struct packet *p)
{
	__u64 mark;

	if (is_fragment(p))
		return fragment_mark(p);
	mark = (__u64)p->ip_id << 32 ^ (__u64)p->proto << 48 ^ (__u64)(p->len - p->header_len) << 8;

	if (p->proto == PROTO_TCP)
		mark ^= p->seq;
	else if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6)
		mark ^= p->seq & 0xffff;
	return mark | 1ull << 63;
}

static __always_inline __u64 end_hash(const __u8 *address, __u16 port)
{
	return track_mix(track_mix(*(const __u64 *)address, *(const __u64 *)(address + 8)), port);
}

/* A direction of a conversation as a key; never 0. */
static __always_inline __u64 tuple_key(const struct packet *p, bool reverse)
{
	__u64 src = end_hash(p->src, p->sport), dst = end_hash(p->dst, p->dport);

	return track_mix(track_mix(reverse ? dst : src, reverse ? src : dst), p->proto) | 1;
}

static __always_inline const struct packet *scratch_quoted(const struct scratch *s)
{
	return &s->packets[s->quoted_slot == QUOTED ? QUOTED : QUOTED_INNER];
}

/* Is anything asked for, or is every packet wanted? */
static __always_inline bool config_asks(void)
{
	return config.has_subject || config.has_expression || config.min_len;
}

/* The packet's own length, whatever tunnel carries it, or that of what an ICMP error quotes. */
static __always_inline bool length_wants(struct scratch *s)
{
	return !config.min_len || scratch_packet(s)->len >= config.min_len ||
	       (s->quoted_l3 && scratch_quoted(s)->len >= config.min_len);
}

/*
 * The socket that the skb belongs to, in PACKET_SOCKET's bits; 0 none. On its way a packet may lose
 * its socket (skb_orphan in ip_rcv_core), and never gets another before it is delivered.
 */
static __always_inline __u64 packet_socket(const struct scratch *s)
{
	if (!s->socket)
		return 0;
	return (track_mix(0, s->socket) & PACKET_SOCKET) | 1u << PACKET_SOCKET_SHIFT;
}

/* Of a packet: its place, the TTL there and its socket; 0: it was freed. */
#define FIRST_SOCKET 44

static __always_inline __u64 packet_first(const struct scratch *s, const struct packet *p)
{
	if (!s->place)
		return 0;
	return s->place << 8 | p->ttl | packet_socket(s) >> PACKET_SOCKET_SHIFT << FIRST_SOCKET;
}

/*
 * Is this the packet that `slot` remembers of its address, or its like at an address that was used
 * again? Seen once more where it began, or of another socket, it is another.
 */
static __always_inline bool goes_on(struct track_slot *slot, __u64 mark, __u64 first)
{
	__u64 socket = first >> FIRST_SOCKET;

	if (slot->value != mark)
		return false;
	if (!first)
		return true;
	if (!((slot->first ^ first) << (64 - FIRST_SOCKET)))
		return false;
	if (socket && socket != slot->first >> FIRST_SOCKET)
		return false;
	if (!socket)
		slot->first &= (1ull << FIRST_SOCKET) - 1;
	return true;
}

/* What comes in by one of these has not been here before, whatever it looks like. */
static __always_inline bool is_entering(const struct scratch *s)
{
	__u32 ifindex = s->place >> 2;

	return (s->place & 3) == RECORD_HOP_IN && bpf_map_lookup_elem(&entrances, &ifindex);
}

/*
 * A fragment, by its packet's identification and one of the two addresses, of which NAT leaves one: it
 * puts fragments together, and those it makes again have other skbs. Never an skb's address. Those of IPv6
 * get another identification, too, and are lost here.
 */
static __always_inline __u64 fragment_key(const struct packet *p, const __u8 *address)
{
	return track_mix(end_hash(address, p->ip_id), p->proto) >> 1;
}

static __always_inline void remember_fragment(struct scratch *s, const struct packet *p)
{
	bool early = track_put(&tracked, fragment_key(p, p->src), 1, 0, s->now, TRACK_YOUNG_NS,
			       TRACK_BUCKETS);

	early |= track_put(&tracked, fragment_key(p, p->dst), 1, 0, s->now, TRACK_YOUNG_NS,
			   TRACK_BUCKETS);
	if (early)
		__sync_fetch_and_add(&state.tracked_evicted, 1);
}

/* A fragment of a packet that was asked for before it was translated. */
static __always_inline bool is_known_fragment(struct scratch *s, const struct packet *p)
{
	struct track_slot *known;

	if (!p->ip_id || !is_fragment(p))
		return false;
	known = track_find(&tracked, fragment_key(p, p->src), TRACK_BUCKETS);
	if (!known)
		known = track_find(&tracked, fragment_key(p, p->dst), TRACK_BUCKETS);
	if (!known)
		return false;
	s->now = bpf_ktime_get_ns();
	return s->now - known->time_ns < FRAGMENT_NS;
}

/* A freed packet is not remembered: its address may be another's by the next sighting. */
static __always_inline void remember_packet(struct scratch *s, const struct packet *p, __u64 mark)
{
	__u64 first = packet_first(s, p);
	struct track_slot *slot;
	bool early;

	if (!first) {
		slot = track_find(&tracked, s->skb, TRACK_BUCKETS);
		if (slot)
			track_drop(slot);
		return;
	}
	if (p->ip_id && is_fragment(p))
		remember_fragment(s, p);
	slot = track_claim(&tracked, s->skb, s->now, TRACK_YOUNG_NS, TRACK_BUCKETS, &early);
	if (!slot)
		return;
	if (!goes_on(slot, mark, first))
		slot->first = first;
	slot->value = mark;
	if (early)
		__sync_fetch_and_add(&state.tracked_evicted, 1);
	if (!state.tracking)
		state.tracking = 1;
}

/* This skb was asked for before it was translated. One that has been freed is forgotten. */
static __always_inline bool is_known(struct scratch *s, const struct packet *p, __u64 mark)
{
	struct track_slot *known = track_find(&tracked, s->skb, TRACK_BUCKETS);

	if (!known)
		return false;
	if (p->ip_id && known->value == fragment_mark(p))
		known->value = mark;
	if (!goes_on(known, mark, packet_first(s, p)) || is_entering(s)) {
		track_drop(known);
		return false;
	}
	s->now = bpf_ktime_get_ns();
	if (s->place)
		known->time_ns = s->now;
	else
		track_drop(known);
	return true;
}

static __always_inline void remember_reply(struct scratch *s, const struct packet *p)
{
	if (track_put(&followed, tuple_key(p, true), 1, 0, s->now, FOLLOW_YOUNG_NS, FOLLOW_BUCKETS))
		__sync_fetch_and_add(&state.followed_evicted, 1);
	if (!state.following)
		state.following = 1;
}

static __always_inline bool is_reply(struct scratch *s, const struct packet *p, bool reverse)
{
	struct track_slot *slot = track_find(&followed, tuple_key(p, reverse), FOLLOW_BUCKETS);

	if (slot)
		slot->time_ns = s->now;
	return slot;
}

/*
 * Is this packet asked for: by itself, because the same skb was before it was translated,
 * or because it answers a translated packet? Remembers it when it is.
 */
__noinline int packet_wanted(__u32 netns, __u32 ifindex)
{
	struct scratch *s = scratch_get();
	struct packet *p;
	__u64 mark;

	if (!s)
		return false;
	if (!config_asks()) {
		s->now = bpf_ktime_get_ns();
		return true;
	}
	p = scratch_packet(s);
	mark = packet_mark(p);
	if (s->asked ||
	    (length_wants(s) && subject_wants(s, netns, ifindex) && expression_wants(s))) {
		s->now = bpf_ktime_get_ns();
		remember_packet(s, p, mark);
		return true;
	}
	if (!state.tracking)
		return false;
	if (is_known(s, p, mark)) {
		/* matched before, not now: it was translated; its reply will not match either */
		if (p->ip_version)
			remember_reply(s, p);
		return true;
	}
	if (is_known_fragment(s, p)) {
		remember_packet(s, p, mark);
		remember_reply(s, p);
		return true;
	}
	if (!state.following || !p->ip_version)
		return false;
	s->now = bpf_ktime_get_ns();
	if (!is_reply(s, p, false) && !(s->quoted_l3 && is_reply(s, scratch_quoted(s), true)))
		return false;
	remember_packet(s, p, mark);
	return true;
}

static __always_inline struct record *record_begin(struct scratch *s, __u8 type, __u32 netns,
						   __u32 ifindex)
{
	struct record *r = (struct record *)s->out;

	r->time_ns = s->now;
	r->skb = s->skb;
	r->netns = netns;
	r->ifindex = ifindex;
	r->type = type;
	r->tails = 0;
	r->gso_size = r->gso_segs = 0;
	r->packet = *scratch_packet(s);
	r->packet.flags |= packet_socket(s);
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

/* What every record says beyond its packet: the tunnel's header, what an ICMP error quotes. */
__noinline int record_packet_tails(void)
{
	struct scratch *s = scratch_get();

	if (!s)
		return 0;
	if (s->inner_l3) {
		struct encap *e = record_tail(s, TAIL_ENCAP, sizeof(*e));

		if (e)
			*e = s->encap;
	}
	if (s->quoted_l3) {
		struct quoted *q = record_tail(s, TAIL_QUOTED, sizeof(*q));

		if (q) {
			q->packet = *scratch_quoted(s);
			q->encap_kind = s->quoted_encap.kind;
			q->pad = 0;
			q->encap_dport = s->quoted_encap.dport;
			q->vni = s->quoted_encap.vni;
		}
	}
	return 1;
}

__noinline int record_payload_tail(void)
{
	struct scratch *s = scratch_get();
	__u32 n, from, at;

	if (!s)
		return 0;
	n = s->payload_len;
	from = s->where[s->inner_l3 ? INNER : OUTER].payload;
	at = s->size;
	if (!n || n > RECORD_MAX_PAYLOAD || from > WINDOW_FILL || at > RECORD_ROOM - 512)
		return 0;
	((struct record *)s->out)->tails |= TAIL_PAYLOAD;
	*(__u16 *)(s->out + at) = n;
	bpf_probe_read_kernel(s->out + at + 2, n, s->window.bytes + from);
	s->size = at + ((n + 2 + 7) & ~7u);
	return 1;
}

/* How many flows may be told apart by now, as a power of two that leaves some of them in the sample. */
static __always_inline __u32 flow_shift_room(void)
{
	__u64 bits = state.flows_seen;

	bits -= bits >> 1 & 0x5555555555555555ull;
	bits = (bits & 0x3333333333333333ull) + (bits >> 2 & 0x3333333333333333ull);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0full;
	bits = bits * 0x0101010101010101ull >> 56;
	return bits < 8 ? 0 : bits < 16 ? 1 : bits < 32 ? 2 : bits < 56 ? 3 : 6;
}

/*
 * The ring holds `held` bytes, a quarter of it or more: from now on fates are remembered. From a half
 * on the share falls by a step each time the ring has filled by another part; while the reader has
 * not come yet nothing more is learnt from how full it is. Two CPUs may do so at once: a step more.
 */
__noinline int sample_lessen(__u32 held)
{
	struct scratch *s = scratch_get();
	__u32 shift = state.flow_shift + state.packet_shift;

	if (!s)
		return 0;
	if (!state.crowded)
		state.crowded = 1;
	if (held < config.wake_bytes * 4) {
		state.lessened_at = 0;
		return 0;
	}
	if (shift >= SAMPLE_SHIFT_MAX || held < state.lessened_at + config.wake_bytes / 2)
		return 0;
	state.lessened_at = held;
	state.lessened_ns = s->now;
	if (state.flow_shift < flow_shift_room())
		state.flow_shift++;
	else
		state.packet_shift++;
	if (shift >= state.shift_max)
		state.shift_max = shift + 1;
	return 0;
}

/*
 * The one place where a record enters the ring: recorded or lost, never neither. `extra`: bytes
 * behind the record that are not part of it, for whoever reads this ring.
 */
static __always_inline void record_emit_with(struct scratch *s, struct hook_counters *count,
					     __u32 extra)
{
	struct record *r = (struct record *)s->out;
	__u32 size = s->size;
	__u64 flags = BPF_RB_NO_WAKEUP, held;

	if (size > RECORD_ROOM - extra)
		size = 0;
	/* The compiler would make one test of the two, of which verifiers before 7.x learn no bound. */
	asm volatile("" : "+r"(size));
	if (size < sizeof(*r)) {
		count->lost++;
		return;
	}
	r->size = size;
	/*
	 * Wake the reader when the ring has filled another part of wake_bytes, and for the next few
	 * records (two CPUs may step over the mark together), not for every record beyond it: a
	 * wake-up is an interrupt to ourselves and costs a microsecond.
	 */
	held = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (held >= config.wake_bytes && (held & (config.wake_bytes - 1)) < WAKE_BAND)
		flags = BPF_RB_FORCE_WAKEUP;
	if (held >= config.wake_bytes * 2)
		sample_lessen(held);
	if (bpf_ringbuf_output(&ring, s->out, size + extra, flags))
		count->lost++;
	else
		count->recorded++;
}

static __always_inline void record_emit(struct scratch *s, struct hook_counters *count)
{
	record_emit_with(s, count, 0);
}

#endif
