/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every tracing program shares: the maps (one set, which user space hands from object to object),
 * the scratch space, what is parsed into it, and whether a packet is asked for by itself.
 */
#ifndef CNITRACE_TRACER_BPF_H
#define CNITRACE_TRACER_BPF_H

#include "parse.bpf.h"
#include "track.bpf.h"

#define RECORD_ROOM 1536

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

/* By ifindex: DEVICE_* bits. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEVICES_MAX);
	__type(key, __u32);
	__type(value, __u8);
} devices SEC(".maps");

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

/* ARP speaks of IPv4 addresses; without a filter for Ethernet nobody asked for it, and it is not looked for. */
static __always_inline bool subject_has(const struct packet *p)
{
	__u8 version = p->ip_version;

	if (config.expression_is_ether && p->ethertype == ETHERTYPE_ARP)
		version = 4;
#pragma unroll
	for (__u32 i = 0; i < CONFIG_ADDRESSES; i++) {
		if (i < config.address_count &&
		    (address_is(p->src, version, i) || address_is(p->dst, version, i)))
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

#endif
