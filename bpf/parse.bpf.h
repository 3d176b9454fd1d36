/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From header bytes to struct packet. The bytes lie in a map value (the window), so
 * the same code serves tc programs and tracing programs, and no verifier state is
 * spent on packet pointers. Knows IPv4, IPv6 with extension headers, TCP, UDP, ICMP,
 * ICMPv6, ARP and the encapsulations of enum encap_kind; knows no map and no policy.
 *
 * Offsets count from the start of the window. `filled` is how many bytes of it belong
 * to this packet: what lies beyond is left from an earlier one and is never used.
 */
#ifndef CNITRACE_PARSE_BPF_H
#define CNITRACE_PARSE_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "filter.bpf.h"
#include "record.h"

#define WINDOW_FILL 256 /* bytes copied from a packet; the window's slack lies beyond */

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_IPV6 0x86dd
#define VLAN_AT 12 /* of a frame: where its VLAN tag stands … */
#define VLAN_TAG 4 /* … and its bytes */
#define ETHERTYPE_TEB 0x6558 /* Ethernet inside GENEVE */

#define PROTO_ICMP 1
#define PROTO_IPIP 4
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_IPV6 41
#define PROTO_FRAGMENT 44
#define PROTO_ICMPV6 58

/* Where a parse ended; offsets are 0 where there is nothing. */
struct parsed {
	__u32 l4; /* offset of the L4 header */
	__u32 payload; /* offset of what L4 carries */
	__u32 l4_len; /* bytes from the L4 header to the packet's end */
};

/* N header bytes at `off`, or NULL. The constant check is for the verifier, the other for the truth. */
static __always_inline const __u8 *window_at(const struct filter_window *window, __u32 off, __u32 n,
					     __u32 filled)
{
	if (off > WINDOW_FILL - 4 || off + n > filled)
		return NULL;
	/* the compiler may form the pointer before the check: bound it where it is used */
	asm volatile("%0 &= 255" : "+r"(off));
	return window->bytes + off;
}

/* Words, not bytes: every architecture that the kernel has a BPF compiler for reads them unaligned. */
static __always_inline __u16 get16(const __u8 *p)
{
	return bpf_ntohs(*(const __u16 *)p);
}

static __always_inline __u32 get32(const __u8 *p)
{
	return bpf_ntohl(*(const __u32 *)p);
}

static __always_inline void copy4(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
}

static __always_inline void copy6(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

static __always_inline void copy16(__u8 *to, const __u8 *from)
{
	*(__u64 *)to = *(const __u64 *)from;
	*(__u64 *)(to + 8) = *(const __u64 *)(from + 8);
}

static __always_inline void parse_tcp(struct packet *p, const __u8 *h)
{
	p->sport = get16(h);
	p->dport = get16(h + 2);
	p->seq = get32(h + 4);
	p->ack = get32(h + 8);
	p->tcp_flags = h[13] & 0x3f;
	p->header_len += (h[12] >> 4) * 4;
}

static __always_inline bool icmp_is_error(__u8 version, __u8 type)
{
	if (version == 4)
		return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

/* The L4 header of a first (or only) fragment. */
static __always_inline void parse_l4(const struct filter_window *w, __u32 l4, __u32 filled,
				     struct packet *p, struct parsed *where)
{
	const __u8 *h;

	if (p->proto == PROTO_TCP) {
		h = window_at(w, l4, 20, filled);
		if (!h) {
			/* ICMP errors quote as little as 8 bytes: ports and seq (RFC 792) */
			h = window_at(w, l4, 8, filled);
			if (h) {
				p->sport = get16(h);
				p->dport = get16(h + 2);
				p->seq = get32(h + 4);
			}
			p->flags |= PACKET_TRUNCATED;
			return;
		}
		parse_tcp(p, h);
		where->payload = l4 + (h[12] >> 4) * 4;
	} else if (p->proto == PROTO_UDP) {
		h = window_at(w, l4, 8, filled);
		if (!h)
			goto truncated;
		p->sport = get16(h);
		p->dport = get16(h + 2);
		p->header_len += 8;
		where->payload = l4 + 8;
		if (p->sport == 53 || p->dport == 53) {
			h = window_at(w, l4 + 8, 2, filled);
			if (h)
				p->seq = get16(h);
		}
	} else if ((p->proto == PROTO_ICMP && p->ip_version == 4) ||
		   (p->proto == PROTO_ICMPV6 && p->ip_version == 6)) {
		h = window_at(w, l4, 8, filled);
		if (!h)
			goto truncated;
		p->icmp_type = h[0];
		p->icmp_code = h[1];
		p->header_len += 8;
		where->payload = l4 + 8;
		if ((p->ip_version == 4 && p->icmp_type == 3 && p->icmp_code == 4))
			p->ack = get16(h + 6); /* RFC 1191 */
		else if (p->ip_version == 6 && p->icmp_type == 2)
			p->ack = get32(h + 4); /* RFC 4443 */
		else if (!icmp_is_error(p->ip_version, p->icmp_type))
			p->seq = get32(h + 4); /* id, seq */
	}
	return;
truncated:
	p->flags |= PACKET_TRUNCATED;
}

static __always_inline __u32 parse_ipv4(const struct filter_window *w, __u32 off, __u32 filled,
					__u32 wire_len, struct packet *p)
{
	const __u8 *h = window_at(w, off, 20, filled);
	__u32 ihl, total;

	if (!h || h[0] >> 4 != 4)
		return 0;
	ihl = (h[0] & 15) * 4;
	if (ihl < 20)
		return 0;
	p->ip_version = 4;
	p->ethertype = ETHERTYPE_IPV4;
	copy4(p->src, h + 12);
	copy4(p->dst, h + 16);
	p->proto = h[9];
	p->ttl = h[8];
	p->ip_id = get16(h + 4);
	p->frag = get16(h + 6);
	total = get16(h + 2);
	/* 0: BIG TCP. Otherwise the header is right and wire_len may hold padding or be a GSO packet's. */
	p->len = total && total <= wire_len ? total : wire_len;
	p->header_len = ihl;
	return off + ihl;
}

static __always_inline __u32 parse_ipv6(const struct filter_window *w, __u32 off, __u32 filled,
					__u32 wire_len, struct packet *p)
{
	const __u8 *h = window_at(w, off, 40, filled);
	__u32 l4 = off + 40, total;
	__u8 next;

	if (!h || h[0] >> 4 != 6)
		return 0;
	p->ip_version = 6;
	p->ethertype = ETHERTYPE_IPV6;
	copy16(p->src, h + 8);
	copy16(p->dst, h + 24);
	p->ttl = h[7];
	total = get16(h + 4);
	p->len = total && total + 40 <= wire_len ? total + 40 : wire_len;
	next = h[6];
#pragma unroll
	for (int i = 0; i < 4;
	     i++) { /* hop-by-hop, routing, destination options, fragment (RFC 8200) */
		if (next == PROTO_FRAGMENT) {
			h = window_at(w, l4, 8, filled);
			if (!h)
				break;
			p->frag = get16(h + 2) >> 3 | (h[3] & 1 ? PACKET_FRAG_MF : 0);
			p->ip_id = get16(h + 6);
			next = h[0];
			l4 += 8;
		} else if (next == 0 || next == 43 || next == 60) {
			h = window_at(w, l4, 8, filled);
			if (!h)
				break;
			next = h[0];
			l4 += (h[1] + 1) * 8;
		} else {
			break;
		}
	}
	p->proto = next;
	p->header_len = l4 - off;
	return l4;
}

/*
 * One IP packet at `off`, of which `wire_len` bytes follow. False when it is not IP. `p` must be
 * zero. Called through packet_parse (tracer.bpf.h), which the verifier looks at once.
 */
static __always_inline bool parse_ip(const struct filter_window *w, __u32 off, __u32 filled,
				     __u32 wire_len, struct packet *p, struct parsed *where)
{
	const __u8 *h;
	__u32 l4;

	where->l4 = where->payload = where->l4_len = 0;
	h = window_at(w, off, 1, filled);
	if (!h)
		return false;
	l4 = h[0] >> 4 == 4 ? parse_ipv4(w, off, filled, wire_len, p)
			    : parse_ipv6(w, off, filled, wire_len, p);
	if (!l4) {
		p->flags |= PACKET_TRUNCATED;
		return false;
	}
	if (l4 > WINDOW_FILL) {
		p->flags |= PACKET_TRUNCATED;
		return true;
	}
	where->l4 = l4;
	where->l4_len = p->len > l4 - off ? p->len - (l4 - off) : 0;
	if (!(p->frag & PACKET_FRAG_OFFSET))
		parse_l4(w, l4, filled, p, where);
	return true;
}

/* Ethernet header with up to two VLAN tags: offset of what follows, and its type. */
static __always_inline __u32 parse_ether(const struct filter_window *w, __u32 off, __u32 filled,
					 __u16 *type, bool *multicast)
{
	const __u8 *h = window_at(w, off, 14, filled);

	if (!h)
		return 0;
	*multicast = h[0] & 1;
	*type = get16(h + 12);
	off += 14;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		if (*type != ETHERTYPE_VLAN && *type != ETHERTYPE_QINQ)
			break;
		h = window_at(w, off, 4, filled);
		if (!h)
			return 0;
		*type = get16(h + 2);
		off += 4;
	}
	return off;
}

static __always_inline void parse_arp(const struct filter_window *w, __u32 off, __u32 filled,
				      struct packet *p)
{
	const __u8 *h = window_at(w, off, 28, filled);

	p->ethertype = ETHERTYPE_ARP;
	if (!h || get16(h + 2) != ETHERTYPE_IPV4) {
		p->flags |= PACKET_TRUNCATED;
		return;
	}
	copy4(p->src, h + 14);
	copy6(p->src + PACKET_ARP_MAC, h + 8);
	copy4(p->dst, h + 24);
	copy6(p->dst + PACKET_ARP_MAC, h + 18);
	p->seq = get16(h + 6);
	p->len = 28;
	p->header_len = 28;
}

/*
 * Does the packet just parsed carry another? Returns the inner IP header's offset, 0 if
 * it does not, and says what kind; *l2 is its Ethernet header's offset, 0 without one. VXLAN ports
 * come from the node's own devices.
 */
static __always_inline __u32 parse_tunnel(const volatile struct tracer_config *config,
					  const struct filter_window *w, const struct packet *p,
					  const struct parsed *where, __u32 filled,
					  struct encap *encap, __u32 *l2)
{
	__u32 at = where->payload;
	bool multicast = false;
	const __u8 *h;
	__u16 type;

	*l2 = 0;
	if (p->frag & PACKET_FRAG_OFFSET)
		return 0;
	if (p->proto == PROTO_IPIP || p->proto == PROTO_IPV6) {
		encap->kind = ENCAP_IPIP;
		return where->l4;
	}
	if (p->proto != PROTO_UDP || !at)
		return 0;
	h = window_at(w, at, 8, filled);
	if (!h)
		return 0;
	if (p->dport == config->vxlan_ports[0] || p->dport == config->vxlan_ports[1] ||
	    p->dport == config->vxlan_ports[2] || p->dport == config->vxlan_ports[3]) {
		if (!(h[0] & 0x08)) /* I flag, RFC 7348 */
			return 0;
		encap->kind = ENCAP_VXLAN;
		encap->vni = get32(h + 4) >> 8;
		*l2 = at + 8;
		at = parse_ether(w, *l2, filled, &type, &multicast);
	} else if (p->dport == config->geneve_port) {
		if (h[0] >> 6) /* version 0, RFC 8926 */
			return 0;
		encap->kind = ENCAP_GENEVE;
		encap->vni = get32(h + 4) >> 8;
		type = get16(h + 2);
		at += 8 + (h[0] & 0x3f) * 4;
		if (type == ETHERTYPE_TEB) {
			*l2 = at;
			at = parse_ether(w, at, filled, &type, &multicast);
		}
	} else {
		return 0;
	}
	if (!at || (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)) {
		encap->kind = ENCAP_NONE;
		return 0;
	}
	if (multicast)
		encap->flags |= PACKET_MULTICAST;
	return at;
}

#endif
