/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading records: validated access to a record's tails, and the tuple that names
 * one direction of a conversation. Pure.
 */
#ifndef CNITRACE_PACKET_PACKET_H
#define CNITRACE_PACKET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/address.h"
#include "record.h"

/* A record with its tails found; pointers lead into the record's own bytes, NULL where absent. */
struct record_view {
	const struct record *record;
	const struct encap *encap;
	const struct quoted *quoted;
	const struct drop_info *drop;
	const uint64_t *stack; /* drop->stack_depth entries */
	const struct refused_info *refused;
	const struct witness_info *witnesses;
	uint32_t witness_count; /* at most WITNESS_MAX */
	const uint8_t *payload;
	uint16_t payload_len;
};

/* 0, or -EBADMSG when `size` bytes are not a whole well-formed record (outside bytes: fuzzed). */
int record_parse(const void *bytes, size_t size, struct record_view *view);

/* One direction of a conversation. ICMP echo: sport = dport = the echo id. */
struct tuple {
	struct address src, dst;
	uint16_t sport, dport;
	uint8_t proto; /* IPPROTO_* */
};

struct tuple packet_tuple(const struct packet *packet);
struct tuple tuple_reverse(struct tuple tuple);
bool tuple_equal(const struct tuple *a, const struct tuple *b);
uint32_t tuple_hash(const struct tuple *tuple);

/*
 * What NAT, routing, encapsulation and GSO leave alone (struct packet's ip_id, proto, TCP seq and ack / ICMP type and
 * seq / DNS id where there is no ip_id, payload length except TCP's): the same value for every sighting of one packet.
 * 0 when the packet has nothing to tell it by.
 */
uint64_t packet_signature(const struct packet *packet);

bool packet_is_arp(const struct packet *packet);
bool packet_is_icmp_error(const struct packet *packet); /* ICMP 3,4,5,11,12; ICMPv6 1..4 */
bool packet_is_echo_request(const struct packet *packet);
bool packet_is_echo_reply(const struct packet *packet);
uint32_t packet_payload_len(const struct packet *packet);
/* "TCP", "UDP", "ICMP", "ICMPv6", "ARP", or a number in the caller's buffer. */
const char *packet_proto_name(const struct packet *packet, char buffer[16]);

#define PACKET_TCP_FIN 1
#define PACKET_TCP_SYN 2
#define PACKET_TCP_RST 4
#define PACKET_TCP_PSH 8
#define PACKET_TCP_ACK 16

#endif
