/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an expression says of a packet that nobody has sent yet: it is made up, and libpcap's own interpreter is asked.
 * Pure.
 */
#include "kernel/filter.h"

#include <netinet/in.h>
#include <pcap/pcap.h>
#include <string.h>

#define ETHERNET_LEN 14
#define TTL 64

static void put16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* The header of TCP, UDP or an echo; returns its length. Ports lie at the same place in all that have them. */
static unsigned put_transport(uint8_t *at, const struct filter_sample *sample)
{
	const struct tuple *tuple = &sample->tuple;

	switch (tuple->proto) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		at[0] = sample->icmp_type;
		put16(at + 4, tuple->sport);
		put16(at + 6, 1);
		return 8;
	case IPPROTO_TCP:
		at[12] = 5 << 4;
		at[13] = sample->tcp_flags;
		put16(at, tuple->sport);
		put16(at + 2, tuple->dport);
		return 20;
	}
	put16(at, tuple->sport);
	put16(at + 2, tuple->dport);
	put16(at + 4, 8 + sample->payload_len);
	return 8;
}

static unsigned put_packet(uint8_t *at, const struct filter_sample *sample)
{
	const struct tuple *tuple = &sample->tuple;
	bool v6 = tuple->src.version == 6;
	unsigned header = v6 ? 40 : 20;
	unsigned transport = put_transport(at + header, sample);

	if (v6) {
		at[0] = 6 << 4;
		put16(at + 4, transport + sample->payload_len);
		at[6] = tuple->proto;
		at[7] = TTL;
		memcpy(at + 8, tuple->src.bytes, 16);
		memcpy(at + 24, tuple->dst.bytes, 16);
	} else {
		at[0] = 0x45;
		put16(at + 2, header + transport + sample->payload_len);
		at[8] = TTL;
		at[9] = tuple->proto;
		memcpy(at + 12, tuple->src.bytes, 4);
		memcpy(at + 16, tuple->dst.bytes, 4);
	}
	return header + transport;
}

bool filter_takes(const struct filter *filter, const struct filter_sample *sample)
{
	uint8_t bytes[256] = {}; /* what lies behind the headers is zeros */
	unsigned link = filter_is_ether(filter) ? ETHERNET_LEN : 0;
	size_t count;
	const void *program = filter_program(filter, &count);
	unsigned wire = link + sample->payload_len + put_packet(bytes + link, sample);

	if (link)
		put16(bytes + 12, sample->tuple.src.version == 6 ? 0x86dd : 0x0800);
	return bpf_filter(program, bytes, wire, wire < sizeof(bytes) ? wire : sizeof(bytes)) != 0;
}
