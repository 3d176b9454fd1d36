/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generated filter expressions and packets with real headers, the same in every run (own
 * pseudo-random numbers from a seed). Small pools of addresses and ports make matches common.
 */
#ifndef CNITRACE_FILTER_CASES_H
#define CNITRACE_FILTER_CASES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct dice {
	uint64_t state;
};

static inline uint32_t roll(struct dice *d, uint32_t sides)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return (d->state >> 20) % sides;
}

#define PICK(d, list) ((list)[roll(d, sizeof(list) / sizeof(*(list)))])

static inline void __attribute__((format(printf, 3, 4)))
say(char *out, size_t size, const char *format, ...)
{
	size_t len = strlen(out);
	va_list args;

	va_start(args, format);
	if (len < size)
		vsnprintf(out + len, size - len, format, args);
	va_end(args);
}

static const uint16_t case_ports[] = {53, 80, 443, 8080, 8472, 30080};
static const char *const case_v4[] = {"10.244.1.10", "10.244.2.10", "10.96.0.10", "192.168.1.11"};
static const char *const case_v6[] = {"fd00::1", "fd00::2", "fe80::1234"};
static const char *const case_macs[] = {"02:00:00:00:00:01", "02:00:00:00:00:02",
					"ff:ff:ff:ff:ff:ff"};

static inline void say_arithmetic(struct dice *d, char *out, size_t size)
{
	static const char *const bases[] = {"ip", "ip6", "tcp", "udp", "icmp"};
	static const char *const ops[] = {"&", "|", "^", "+", "-", "*", "/", "%", "<<", ">>"};
	static const char *const tests[] = {"=", "!=", ">", "<", ">=", "<="};
	static const uint32_t masks[] = {0xf, 0xff, 0x1fff, 0xffff,    0xf0f0f0f0,
					 1,   2,    7,      0x80000000};
	uint32_t sizes[] = {1, 2, 4};

	say(out, size, "%s[%u:%u]", PICK(d, bases), roll(d, 24), PICK(d, sizes));
	if (roll(d, 2))
		say(out, size, " %s %u", PICK(d, ops), roll(d, 3) ? PICK(d, masks) & 31 : 1);
	else
		say(out, size, " & %u", PICK(d, masks));
	if (!roll(d, 3))
		say(out, size, " %s (%s[%u] & 7)", PICK(d, ops), PICK(d, bases), roll(d, 20));
	if (!roll(d, 6))
		say(out, size, " + ip[ip[%u] & 31]", roll(d, 20));
	if (!roll(d, 8))
		say(out, size, " - len");
	say(out, size, " %s ", PICK(d, tests));
	if (roll(d, 4))
		say(out, size, "%u", roll(d, 2) ? roll(d, 256) : PICK(d, masks));
	else
		say(out, size, "%s[%u]", PICK(d, bases), roll(d, 20));
}

static inline void say_term(struct dice *d, char *out, size_t size)
{
	static const char *const direction[] = {"", "src ", "dst ", "src or dst ", "src and dst "};
	static const char *const protocol[] = {"", "tcp ", "udp ", "sctp "};
	static const char *const words[] = {
		"ip",
		"ip6",
		"tcp",
		"udp",
		"icmp",
		"icmp6",
		"sctp",
		"igmp",
		"ah",
		"esp",
		"ip proto 47",
		"ip6 proto 58",
		"proto 17",
		"ip multicast",
		"ip6 multicast",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
		"tcp[tcpflags] & tcp-rst != 0",
		"icmp[icmptype] = icmp-echo",
		"icmp6[icmp6type] = icmp6-echo",
		"ip[6:2] & 0x1fff != 0",
		"ip[0] & 0xf != 5",
		"((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0",
		"ip6[6] = 44",
		"ip protochain 6",
		"ip6 protochain 17",
		"ip[8] < 2",
		"-ip[1] != 0",
		"net 10.244.0.0/16",
		"src net 10.244.1.0/24",
		"dst net 192.168.0.0/16",
		"ip6 net fd00::/64",
		"net 10",
		"udp[8:4] = 0x08000000",
		"ip[4:2] > 0x7fff",
	};

	switch (roll(d, 9)) {
	case 0:
		say(out, size, "%s%sport %u", PICK(d, protocol), PICK(d, direction),
		    PICK(d, case_ports));
		break;
	case 1:
		say(out, size, "%shost %s", PICK(d, direction), PICK(d, case_v4));
		break;
	case 2:
		say(out, size, "ip6 %shost %s", PICK(d, direction), PICK(d, case_v6));
		break;
	case 3:
		say(out, size, "%s%sportrange %u-%u", PICK(d, protocol), PICK(d, direction),
		    roll(d, 500), 500 + roll(d, 32000));
		break;
	case 4:
		say(out, size, roll(d, 2) ? "less %u" : "greater %u", roll(d, 200));
		break;
	case 5:
	case 6:
		say_arithmetic(d, out, size);
		break;
	default:
		say(out, size, "%s", PICK(d, words));
		break;
	}
}

static inline void say_link_term(struct dice *d, char *out, size_t size)
{
	static const char *const words[] = {"arp",
					    "vlan",
					    "vlan 5 and ip",
					    "ether broadcast",
					    "ether multicast",
					    "ether proto 0x0806",
					    "rarp",
					    "ether[0] & 1 = 0",
					    "arp[6:2] = 1",
					    "vlan and tcp port 80",
					    "stp",
					    "mpls",
					    "pppoes",
					    "ether proto \\ip"};

	if (roll(d, 2))
		say(out, size, "ether %shost %s", roll(d, 2) ? "src " : "", PICK(d, case_macs));
	else
		say(out, size, "%s", PICK(d, words));
}

/* An expression of a few terms; with `link`, one of them speaks of Ethernet. */
static inline void case_expression(struct dice *d, bool link, char *out, size_t size)
{
	uint32_t terms = 1 + roll(d, 4);

	*out = '\0';
	for (uint32_t t = 0; t < terms; t++) {
		if (t)
			say(out, size, roll(d, 3) ? " and " : " or ");
		if (!roll(d, 5))
			say(out, size, "not ");
		say(out, size, "(");
		if (link && !t)
			say_link_term(d, out, size);
		else
			say_term(d, out, size);
		say(out, size, ")");
	}
}

struct case_packet {
	uint8_t bytes[256];
	uint32_t len, wire_len;
};

static inline void put16(struct case_packet *p, uint32_t at, uint16_t value)
{
	p->bytes[at] = value >> 8;
	p->bytes[at + 1] = value;
}

static inline uint8_t *take(struct case_packet *p, uint32_t len)
{
	uint8_t *at = p->bytes + p->len;

	memset(at, 0, len);
	p->len += len;
	return at;
}

static inline void put_random(struct dice *d, struct case_packet *p, uint32_t len)
{
	uint8_t *at = take(p, len);

	for (uint32_t i = 0; i < len; i++)
		at[i] = roll(d, 256);
}

static inline void put_l4(struct dice *d, struct case_packet *p, uint8_t proto)
{
	uint32_t at = p->len;

	put_random(d, p, proto == 6 ? 20 + 4 * roll(d, 4) : 8);
	if (proto == 6 || proto == 17 || proto == 132) {
		put16(p, at, roll(d, 4) ? PICK(d, case_ports) : roll(d, 65536));
		put16(p, at + 2, roll(d, 4) ? PICK(d, case_ports) : roll(d, 65536));
	}
	if (proto == 6) {
		p->bytes[at + 12] = (p->len - at) / 4 << 4;
		p->bytes[at + 13] = 1u << roll(d, 6) | (roll(d, 2) ? 0x10 : 0);
	}
	if (proto == 1)
		p->bytes[at] = roll(d, 2) ? 8 : roll(d, 12);
	put_random(d, p, roll(d, 40));
}

static inline void put_ipv4(struct dice *d, struct case_packet *p)
{
	static const uint8_t protos[] = {6, 6, 17, 17, 1, 132, 47, 2, 51, 4};
	static const uint8_t hosts[][4] = {{10, 244, 1, 10},
					   {10, 244, 2, 10},
					   {10, 96, 0, 10},
					   {192, 168, 1, 11},
					   {224, 0, 0, 1}};
	uint32_t at = p->len, options = roll(d, 5) ? 0 : 4 * (1 + roll(d, 10));
	uint8_t proto = PICK(d, protos);

	put_random(d, p, 20 + options);
	p->bytes[at] = 0x45 + options / 4;
	put16(p, at + 6, roll(d, 5) ? 0x4000 : roll(d, 65536));
	p->bytes[at + 9] = proto;
	memcpy(p->bytes + at + 12, PICK(d, hosts), 4);
	memcpy(p->bytes + at + 16, PICK(d, hosts), 4);
	put_l4(d, p, proto);
	put16(p, at + 2, p->len - at);
}

static inline void put_ipv6(struct dice *d, struct case_packet *p)
{
	static const uint8_t protos[] = {6, 6, 17, 17, 58, 132, 0, 44, 60, 43};
	uint32_t at = p->len, next = p->len + 6;
	uint8_t proto = PICK(d, protos);

	put_random(d, p, 40);
	p->bytes[at] = 0x60;
	for (uint32_t side = 8; side <= 24; side += 16) {
		memset(p->bytes + at + side, 0, 16);
		p->bytes[at + side] = 0xfd;
		p->bytes[at + side + 15] = roll(d, 3);
	}
	p->bytes[next] = proto;
	while (proto == 0 || proto == 44 || proto == 60 || proto == 43) {
		uint32_t units = proto == 44 ? 0 : roll(d, 2);

		next = p->len;
		put_random(d, p, 8 + 8 * units);
		proto = roll(d, 3) ? 17 : 60;
		p->bytes[next] = proto;
		p->bytes[next + 1] = units;
		if (p->len > 160)
			break;
	}
	put_l4(d, p, proto == 17 || proto == 58 ? proto : 6);
	put16(p, at + 4, p->len - at - 40);
}

static inline void put_ether(struct dice *d, struct case_packet *p, uint16_t type)
{
	uint8_t *at = take(p, 12);

	for (int side = 0; side < 2; side++, at += 6) {
		memset(at, roll(d, 4) ? 0 : 0xff, 6);
		if (!at[0]) {
			at[0] = 2;
			at[5] = roll(d, 3);
		}
	}
	if (!roll(d, 4)) {
		put16(p, p->len, roll(d, 4) ? 0x8100 : 0x88a8);
		put16(p, p->len + 2, roll(d, 3) ? 5 : roll(d, 65536));
		p->len += 4;
	}
	put16(p, p->len, type);
	p->len += 2;
}

/* A packet, sometimes cut short or of noise. It never exceeds 256 bytes. */
static inline void case_packet_make(struct dice *d, bool link, struct case_packet *p)
{
	uint32_t kind = roll(d, 12);

	memset(p, 0, sizeof(*p));
	if (link)
		put_ether(d, p, kind < 7 ? 0x0800 : kind < 10 ? 0x86dd : 0x0806);
	if (kind < 7)
		put_ipv4(d, p);
	else if (kind < 10)
		put_ipv6(d, p);
	else
		put_random(d, p, roll(d, 100));
	p->wire_len = p->len;
	if (!roll(d, 4))
		p->len = roll(d, p->len + 1);
	if (!roll(d, 8))
		p->wire_len += roll(d, 1400);
}

#endif
