/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this packet asked for? By itself (tracer.bpf.h says so), or because it was before NAT, a tunnel or a
 * new head changed it, or because it answers one that was. Remembers what it must for that.
 *
 * The functions are global, as packet_parse is: looked at in every state of those that call them, they
 * were three quarters of what the verifier did, and it is most of the time that a start takes.
 */
#ifndef CNITRACE_FOLLOW_BPF_H
#define CNITRACE_FOLLOW_BPF_H

#include "tracer.bpf.h"

static __always_inline bool is_fragment(const struct packet *p)
{
	return p->frag & (PACKET_FRAG_MF | PACKET_FRAG_OFFSET);
}

/* Of every fragment of a packet, and of what they are put together to: that has the last one's skb. */
static __always_inline __u64 fragment_mark(const struct packet *p)
{
	return ((__u64)p->ip_id << 32 ^ (__u64)p->proto << 48) | 3ull << 62;
}

/* The identification in such a mark, if it is one of that protocol; 0 otherwise. */
static __always_inline __u16 fragment_mark_id(__u64 mark, __u8 proto)
{
	return mark >> 62 == 3 && (__u8)(mark >> 48) == proto ? (__u16)(mark >> 32) : 0;
}

static __always_inline __u64 end_hash(const __u8 *address, __u16 port)
{
	return track_mix(track_mix(*(const __u64 *)address, *(const __u64 *)(address + 8)), port);
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
	if (!p->ip_version)
		return (end_hash(p->src, p->seq) ^ end_hash(p->dst, 0)) >> 2 | 1ull << 63;
	mark = (__u64)p->ip_id << 32 ^ (__u64)p->proto << 48 ^ (__u64)(p->len - p->header_len) << 8;

	if (p->proto == PROTO_TCP)
		mark ^= p->seq;
	else if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6)
		mark ^= p->seq & 0xffff;
	return mark | 1ull << 63;
}

/* A conversation as a key, the same for both its directions; never 0. An echo has no ports, but an id. */
static __always_inline __u64 conversation_key(const struct packet *p)
{
	bool icmp = p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6;
	__u64 ends = end_hash(p->src, p->sport) ^ end_hash(p->dst, p->dport);

	return track_mix(track_mix(icmp ? p->seq >> 16 : 0, ends), p->proto) | 1;
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
	const __u8 *device;

	if ((s->place & 3) != RECORD_HOP_IN)
		return false;
	device = bpf_map_lookup_elem(&devices, &ifindex);
	return device && *device & DEVICE_ENTRANCE;
}

/*
 * A fragment, by its packet's identification and one of the two addresses, of which NAT leaves one: it
 * puts fragments together, and those it makes again have other skbs. Never an skb's address.
 */
static __always_inline __u64 fragment_key(__u16 id, __u8 proto, const __u8 *address)
{
	return track_mix(end_hash(address, id), proto) >> 1;
}

__noinline int remember_fragment(__u32 by_dst)
{
	struct scratch *s = scratch_get();
	const struct packet *p;

	if (!s)
		return 0;
	p = scratch_packet(s);
	if (track_put(&tracked, fragment_key(p->ip_id, p->proto, by_dst ? p->dst : p->src), 1, 0,
		      s->now, TRACK_YOUNG_NS, TRACK_BUCKETS))
		__sync_fetch_and_add(&state.tracked_evicted, 1);
	return 0;
}

/* Was a fragment with that identification, and one of this packet's addresses, asked for? */
__noinline int fragment_known(__u32 id)
{
	struct scratch *s = scratch_get();
	struct track_slot *known;
	const struct packet *p;

	if (!s || !id)
		return false;
	p = scratch_packet(s);
	known = track_find(&tracked, fragment_key(id, p->proto, p->src), TRACK_BUCKETS);
	if (!known)
		known = track_find(&tracked, fragment_key(id, p->proto, p->dst), TRACK_BUCKETS);
	if (!known)
		return false;
	s->now = bpf_ktime_get_ns();
	return s->now - known->time_ns < FRAGMENT_NS;
}

/*
 * A packet by one of its ends: where the filter asks for what it loses when it is routed (MAC addresses, hop
 * limit), and it gets another skb there (IPv6 takes more room for a tunnel's header so), nothing else is
 * left. Never an skb's address.
 */
static __always_inline __u64 fading_key(const struct packet *p, bool by_dst)
{
	__u16 port = by_dst ? p->dport : p->sport;

	if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6)
		port = p->seq >> 16;
	return track_mix(end_hash(by_dst ? p->dst : p->src, port), packet_mark(p)) >> 1;
}

static __always_inline void remember_end(struct scratch *s, bool by_dst)
{
	if (track_put(&tracked, fading_key(scratch_packet(s), by_dst), 1, 0, s->now, TRACK_YOUNG_NS,
		      TRACK_BUCKETS))
		__sync_fetch_and_add(&state.tracked_evicted, 1);
}

/* A source is its packets' own; a destination is others', too, of whom TCP's numbers alone tell it. */
__noinline int remember_fading(void)
{
	struct scratch *s = scratch_get();
	const struct packet *p;

	if (!s)
		return 0;
	p = scratch_packet(s);
	if (!s->place || !p->ip_version || is_fragment(p))
		return 0;
	remember_end(s, false);
	if (p->proto == PROTO_TCP)
		remember_end(s, true);
	return 0;
}

/* Was a packet like this one, seen a moment ago, asked for? NAT may have changed one of its ends. */
__noinline int fading_known(void)
{
	struct scratch *s = scratch_get();
	struct track_slot *known;
	const struct packet *p;

	if (!s)
		return false;
	p = scratch_packet(s);
	if (!p->ip_version || is_fragment(p) || is_entering(s))
		return false;
	known = track_find(&tracked, fading_key(p, false), TRACK_BUCKETS);
	if (!known && p->proto == PROTO_TCP)
		known = track_find(&tracked, fading_key(p, true), TRACK_BUCKETS);
	if (!known)
		return false;
	s->now = bpf_ktime_get_ns();
	return s->now - known->time_ns < FADE_NS;
}

/* A freed packet is not remembered: its address may be another's by the next sighting. */
__noinline int remember_packet(void)
{
	struct scratch *s = scratch_get();
	const struct packet *p;
	struct track_slot *slot;
	__u64 first, mark, replaced;

	if (!s)
		return 0;
	p = scratch_packet(s);
	first = packet_first(s, p);
	if (!first) {
		slot = track_find(&tracked, s->skb, TRACK_BUCKETS);
		if (slot)
			track_drop(slot);
		return 0;
	}
	if (p->ip_id && is_fragment(p)) {
		remember_fragment(false);
		remember_fragment(true);
	}
	mark = packet_mark(p);
	slot = track_claim(&tracked, s->skb, s->now, TRACK_BUCKETS, &replaced);
	if (!slot)
		return 0;
	if (!goes_on(slot, mark, first))
		slot->first = first;
	slot->value = mark;
	if (track_early(replaced, s->now, TRACK_YOUNG_NS))
		__sync_fetch_and_add(&state.tracked_evicted, 1);
	if (!state.tracking)
		state.tracking = 1;
	return 0;
}

/*
 * A translated packet's conversation: its answers will match as little, nor will copies made of it behind the
 * translation, which have other addresses.
 */
__noinline int remember_conversation(void)
{
	struct scratch *s = scratch_get();

	if (!s)
		return 0;
	if (track_put(&followed, conversation_key(scratch_packet(s)), 1, 0, s->now, FOLLOW_YOUNG_NS,
		      FOLLOW_BUCKETS))
		__sync_fetch_and_add(&state.followed_evicted, 1);
	if (!state.following)
		state.following = 1;
	return 0;
}

/*
 * Fragments of IPv6 that are put together have no identification any more, and those that are cut
 * from the whole get a new one (ip6_fragment), at the addresses of the old or at others. So what is at
 * a fragment's address is asked whether it has an address of that fragment; and of the next ones the first
 * is known by its ports, the others by that one's identification.
 */
static __always_inline bool is_made_anew(const struct packet *p, __u64 mark,
					 const struct track_slot *known)
{
	if (p->ip_version != 6 || known->value == mark ||
	    !fragment_known(fragment_mark_id(known->value, p->proto)))
		return false;
	if (is_fragment(p)) {
		remember_fragment(false);
		remember_fragment(true);
	} else {
		remember_conversation();
	}
	return true;
}

/* This skb was asked for before it was translated. One that has been freed is forgotten. */
__noinline int is_known(void)
{
	struct scratch *s = scratch_get();
	struct track_slot *known;
	const struct packet *p;
	__u64 mark;

	if (!s)
		return false;
	known = track_find(&tracked, s->skb, TRACK_BUCKETS);
	if (!known)
		return false;
	p = scratch_packet(s);
	mark = packet_mark(p);
	if ((p->ip_id && known->value == fragment_mark(p)) || is_made_anew(p, mark, known))
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

/* Is it, or what it `quoted`, of such a conversation? */
__noinline int is_followed(__u32 quoted)
{
	struct scratch *s = scratch_get();
	struct track_slot *slot;

	if (!s)
		return false;
	slot = track_find(&followed,
			  conversation_key(quoted ? scratch_quoted(s) : scratch_packet(s)),
			  FOLLOW_BUCKETS);
	if (!slot)
		return false;
	slot->time_ns = s->now;
	return true;
}

/*
 * Is this packet asked for: by itself, because the same skb was before it was translated,
 * or because it is of a translated packet's conversation? Remembers it when it is.
 */
__noinline int packet_wanted(__u32 netns, __u32 ifindex)
{
	struct scratch *s = scratch_get();
	struct packet *p;

	if (!s)
		return false;
	if (!config_asks()) {
		s->now = bpf_ktime_get_ns();
		return true;
	}
	if (s->asked ||
	    (length_wants(s) && subject_wants(s, netns, ifindex) && expression_wants(s))) {
		s->now = bpf_ktime_get_ns();
		remember_packet();
		if (config.filter_fades)
			remember_fading();
		return true;
	}
	if (!state.tracking)
		return false;
	p = scratch_packet(s);
	if (is_known()) {
		/* matched before, not now: it was translated */
		if (p->ip_version)
			remember_conversation();
		return true;
	}
	if ((is_fragment(p) && fragment_known(p->ip_id)) ||
	    (config.filter_fades && fading_known())) {
		remember_packet();
		remember_conversation();
		return true;
	}
	if (!state.following || !p->ip_version)
		return false;
	s->now = bpf_ktime_get_ns();
	if (!is_followed(false) && !(s->quoted_l3 && is_followed(true)))
		return false;
	remember_packet();
	return true;
}

#endif
