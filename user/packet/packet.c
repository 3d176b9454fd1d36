/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading records and naming packets: the only place that trusts no byte of a record
 * before it has been checked. Knows the wire format, not what a packet's way means.
 */
#include "packet/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "packet/mix.h"

#define TAILS_HOP (TAIL_ENCAP | TAIL_QUOTED | TAIL_PAYLOAD)

/* Reads tails off the end of a record; `bad` sticks once something did not fit. */
struct tail_cursor {
	const uint8_t *at, *end;
	bool bad;
};

static const void *tail_take(struct tail_cursor *cursor, size_t size)
{
	const void *tail = cursor->at;

	size = (size + 7) & ~(size_t)7;
	if (cursor->bad || size > (size_t)(cursor->end - cursor->at)) {
		cursor->bad = true;
		return NULL;
	}
	cursor->at += size;
	return tail;
}

static bool ends_with_nul(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

/* Which tails a record of this type must and may have; false for a type that is none. */
static bool tails_fit_type(uint8_t type, uint8_t tails)
{
	static const uint8_t must[] = {
		[RECORD_DROP] = TAIL_DROP,
		[RECORD_REFUSED] = TAIL_REFUSED,
	};
	static const uint8_t may[] = {
		[RECORD_HOP_IN] = TAILS_HOP,
		[RECORD_HOP_OUT] = TAILS_HOP,
		[RECORD_DROP] = TAILS_HOP | TAIL_DROP | TAIL_STACK | TAIL_WITNESS,
		[RECORD_REFUSED] = TAILS_HOP | TAIL_REFUSED | TAIL_WITNESS,
	};

	if (type < RECORD_HOP_IN || type > RECORD_REFUSED)
		return false;
	return (tails & must[type]) == must[type] && !(tails & ~may[type]);
}

static bool version_is_known(uint8_t version)
{
	return version == 0 || version == 4 || version == 6;
}

static bool encap_is_sound(const struct encap *encap)
{
	return encap->kind >= ENCAP_VXLAN && encap->kind <= ENCAP_IPIP &&
	       (encap->ip_version == 4 || encap->ip_version == 6);
}

static bool drop_is_sound(const struct drop_info *drop)
{
	return drop->stack_depth <= RECORD_MAX_STACK &&
	       ends_with_nul(drop->dev_name, sizeof(drop->dev_name)) &&
	       ends_with_nul(drop->qdisc, sizeof(drop->qdisc));
}

static bool view_is_sound(const struct record_view *view)
{
	if (view->encap && !encap_is_sound(view->encap))
		return false;
	if (view->quoted &&
	    (!version_is_known(view->quoted->packet.ip_version) ||
	     !view->quoted->packet.ip_version || view->quoted->encap_kind > ENCAP_IPIP))
		return false;
	if (view->refused && !ends_with_nul(view->refused->comm, sizeof(view->refused->comm)))
		return false;
	for (uint32_t i = 0; i < view->witness_count; i++) {
		for (int k = 0; k < WITNESS_TEXTS; k++) {
			if (!ends_with_nul(view->witnesses[i].text[k], WITNESS_TEXT))
				return false;
		}
	}
	return true;
}

static void tail_find_witnesses(struct tail_cursor *cursor, struct record_view *view)
{
	const struct witness_list *list = tail_take(cursor, sizeof(*list));

	if (!list || !list->count || list->count > WITNESS_MAX) {
		cursor->bad = true;
		return;
	}
	view->witnesses = tail_take(cursor, list->count * sizeof(struct witness_info));
	view->witness_count = view->witnesses ? list->count : 0;
}

static void tails_find(struct tail_cursor *cursor, uint8_t tails, struct record_view *view)
{
	if (tails & TAIL_ENCAP)
		view->encap = tail_take(cursor, sizeof(struct encap));
	if (tails & TAIL_QUOTED)
		view->quoted = tail_take(cursor, sizeof(struct quoted));
	if (tails & TAIL_DROP)
		view->drop = tail_take(cursor, sizeof(struct drop_info));
	if (view->drop && !drop_is_sound(view->drop))
		cursor->bad = true;
	if ((tails & TAIL_STACK) && view->drop)
		view->stack = tail_take(cursor, view->drop->stack_depth * sizeof(uint64_t));
	if (tails & TAIL_REFUSED)
		view->refused = tail_take(cursor, sizeof(struct refused_info));
	if (tails & TAIL_WITNESS)
		tail_find_witnesses(cursor, view);
}

/* A length, then that many bytes; the two together are padded. */
static void tail_find_payload(struct tail_cursor *cursor, struct record_view *view)
{
	uint16_t length;

	if (cursor->bad || cursor->end - cursor->at < 8) {
		cursor->bad = true;
		return;
	}
	memcpy(&length, cursor->at, sizeof(length));
	if (length > RECORD_MAX_PAYLOAD) {
		cursor->bad = true;
		return;
	}
	view->payload = cursor->at + sizeof(length);
	view->payload_len = length;
	tail_take(cursor, sizeof(length) + length);
}

int record_parse(const void *bytes, size_t size, struct record_view *view)
{
	const struct record *record = bytes;
	struct tail_cursor cursor;

	memset(view, 0, sizeof(*view));
	if (((uintptr_t)bytes & 7) || size < sizeof(*record) || record->size < sizeof(*record) ||
	    record->size > size)
		return -EBADMSG;
	if (!tails_fit_type(record->type, record->tails) ||
	    !version_is_known(record->packet.ip_version))
		return -EBADMSG;
	cursor.at = (const uint8_t *)(record + 1);
	cursor.end = (const uint8_t *)bytes + record->size;
	cursor.bad = false;
	view->record = record;
	tails_find(&cursor, record->tails, view);
	if (record->tails & TAIL_PAYLOAD)
		tail_find_payload(&cursor, view);
	if (cursor.bad || cursor.at != cursor.end || !view_is_sound(view)) {
		memset(view, 0, sizeof(*view));
		return -EBADMSG;
	}
	return 0;
}

static bool is_echo(const struct packet *packet)
{
	return packet_is_echo_request(packet) || packet_is_echo_reply(packet);
}

struct tuple packet_tuple(const struct packet *packet)
{
	struct tuple tuple = {
		.proto = packet->proto, .sport = packet->sport, .dport = packet->dport};

	tuple.src = address_make(packet->ip_version, packet->src);
	tuple.dst = address_make(packet->ip_version, packet->dst);
	if (packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6)
		tuple.sport = tuple.dport = is_echo(packet) ? packet->seq >> 16 : 0;
	return tuple;
}

struct tuple tuple_reverse(struct tuple tuple)
{
	struct tuple reverse = {.src = tuple.dst,
				.dst = tuple.src,
				.sport = tuple.dport,
				.dport = tuple.sport,
				.proto = tuple.proto};

	return reverse;
}

bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
	       address_equal(a->src, b->src) && address_equal(a->dst, b->dst);
}

static uint64_t mix_address(uint64_t hash, const uint8_t bytes[16])
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	return mix64(mix64(hash, words[0]), words[1]);
}

uint32_t tuple_hash(const struct tuple *tuple)
{
	uint64_t hash = mix64(tuple->proto, (uint64_t)tuple->sport << 16 | tuple->dport);

	hash = mix_address(mix_address(hash, tuple->src.bytes), tuple->dst.bytes);
	return (uint32_t)hash;
}

/* The transport's own numbers. TCP leaves the length out: GSO and GRO change it under way. */
static uint64_t mix_transport(uint64_t hash, const struct packet *packet)
{
	uint64_t length = packet_payload_len(packet);

	switch (packet->proto) {
	case IPPROTO_TCP:
		hash = mix64(hash, (uint64_t)packet->seq << 32 | packet->ack);
		return mix64(hash, (packet->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_RST)) |
					   (length ? 0x100 : 0));
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* NAT may change an echo's id, never its sequence number. */
		hash = mix64(hash, (uint64_t)packet->icmp_type << 8 | packet->icmp_code);
		hash = mix64(hash, is_echo(packet) ? packet->seq & 0xffff : packet->ack);
		break;
	case IPPROTO_UDP:
		/* Only where there is no IP id: a DNAT to another port than 53 hides the DNS id. */
		if (!packet->ip_id)
			hash = mix64(hash, packet->seq);
		break;
	}
	return mix64(hash, length);
}

uint64_t packet_signature(const struct packet *packet)
{
	uint16_t frag = packet->frag & (PACKET_FRAG_MF | PACKET_FRAG_OFFSET);
	uint64_t hash;

	if (!packet->ip_version) {
		if (!packet->ethertype)
			return 0;
		hash = mix64(packet->ethertype, packet->seq);
		return mix_address(mix_address(hash, packet->src), packet->dst) | 1;
	}
	hash = mix64(packet->ip_version,
		     (uint64_t)packet->proto << 32 | (uint32_t)packet->ip_id << 16 | frag);
	if (packet->frag & PACKET_FRAG_OFFSET)
		return mix64(hash, packet->len) | 1;
	return mix_transport(hash, packet) | 1;
}

bool packet_is_arp(const struct packet *packet)
{
	return !packet->ip_version && packet->ethertype == PACKET_ETHERTYPE_ARP;
}

bool packet_is_icmp_error(const struct packet *packet)
{
	uint8_t type = packet->icmp_type;

	if (packet->ip_version == 4 && packet->proto == IPPROTO_ICMP)
		return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
	return packet->ip_version == 6 && packet->proto == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

bool packet_is_echo_request(const struct packet *packet)
{
	return (packet->proto == IPPROTO_ICMP && packet->icmp_type == 8) ||
	       (packet->proto == IPPROTO_ICMPV6 && packet->icmp_type == 128);
}

bool packet_is_echo_reply(const struct packet *packet)
{
	return (packet->proto == IPPROTO_ICMP && packet->ip_version == 4 &&
		packet->icmp_type == 0 && !(packet->frag & PACKET_FRAG_OFFSET)) ||
	       (packet->proto == IPPROTO_ICMPV6 && packet->icmp_type == 129);
}

uint32_t packet_payload_len(const struct packet *packet)
{
	return packet->len > packet->header_len ? packet->len - packet->header_len : 0;
}

const char *packet_proto_name(const struct packet *packet, char buffer[16])
{
	if (!packet->ip_version) {
		if (packet->ethertype == PACKET_ETHERTYPE_ARP)
			return "ARP";
		snprintf(buffer, 16, "0x%04x", packet->ethertype);
		return buffer;
	}
	switch (packet->proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	}
	snprintf(buffer, 16, "%u", packet->proto);
	return buffer;
}
