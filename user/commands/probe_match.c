// SPDX-License-Identifier: GPL-2.0-only
/*
 * Joins journeys to test packets: by the echo id and sequence number, or by the local port. Addresses
 * of a Service are translated on the way, so every hop of an answer is looked at.
 */
#include <netinet/in.h>
#include <string.h>

#include "commands/probe.h"

static struct address packet_dst(const struct packet *packet)
{
	return address_make(packet->ip_version, packet->dst);
}

static bool is_end(const struct probe_target *t, struct address address, uint16_t port)
{
	if (address_equal(address, t->result.address))
		return true;
	array_each(end, &t->ends) {
		if (address_equal(end->address, address) && (!port || end->port == port))
			return true;
	}
	return false;
}

void probe_end_add(struct probe_target *t, struct address address, uint16_t port)
{
	struct probe_end *end;

	if (t->ends.count >= PROBE_ENDS)
		return;
	array_each(known, &t->ends) {
		if (address_equal(known->address, address) && known->port == port)
			return;
	}
	end = array_push(&t->ends);
	if (!end)
		return;
	end->address = address;
	end->port = port;
}

/* Where the last hop of a request shows it going to, after translation. */
static void end_learn(struct probe_target *t, const struct journey *journey)
{
	const struct packet *last;

	if (!journey->hop_count)
		return;
	last = &journey->hops[journey->hop_count - 1].packet;
	if (!address_equal(packet_dst(last), t->result.address))
		probe_end_add(t, packet_dst(last), last->dport);
}

uint8_t probe_target_proto(const struct probe_target *t)
{
	switch (t->result.target.kind) {
	case TARGET_TCP:
		return IPPROTO_TCP;
	case TARGET_UDP:
	case TARGET_DNS:
		return IPPROTO_UDP;
	default:
		return t->result.address.version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	}
}

uint64_t probe_query_key(const struct probe_target *t, uint16_t port, uint16_t id)
{
	return (uint64_t)port << 16 | (t->result.target.port == 53 ? id : 0);
}

static uint64_t datagram_key(const struct probe_target *t, const struct packet *p, uint64_t port)
{
	return t->result.target.kind == TARGET_DNS ? probe_query_key(t, port, p->seq) : port;
}

/* Is it, as seen here, one of our requests? */
static bool request_key(const struct probe_target *t, const struct packet *p, uint64_t *key)
{
	if (p->proto != probe_target_proto(t))
		return false;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		*key = p->seq & 0xffff;
		return packet_is_echo_request(p) && p->seq >> 16 == t->id;
	}
	*key = p->sport;
	if (p->proto == IPPROTO_TCP &&
	    (p->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) != PACKET_TCP_SYN)
		return false;
	*key = datagram_key(t, p, *key);
	return hop_table_has(&t->table, *key);
}

static bool reply_key(const struct probe_target *t, const struct packet *p, uint64_t *key)
{
	if (p->proto != probe_target_proto(t))
		return false;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		*key = p->seq & 0xffff;
		return packet_is_echo_reply(p) && p->seq >> 16 == t->id;
	}
	*key = p->dport;
	if (p->proto == IPPROTO_TCP && !(p->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_RST)))
		return false;
	*key = datagram_key(t, p, *key);
	return is_end(t, address_make(p->ip_version, p->src), 0) && hop_table_has(&t->table, *key);
}

void probe_match(struct probe_target *t, const struct journey *journey, bool from_pod)
{
	const struct packet *first = &journey->packet;
	struct hop_track track;
	uint64_t key;

	if (request_key(t, first, &key) &&
	    (!from_pod || address_equal(packet_dst(first), t->result.address))) {
		if (!address_equal(t->result.source, address_make(first->ip_version, first->src)))
			t->result.source = address_make(first->ip_version, first->src);
		end_learn(t, journey);
		hop_track_make(&track, journey, key, false);
		hop_table_track(&t->table, &track);
		return;
	}
	/* A router's ICMP error is no answer of the target; that of the target itself (port unreachable) is. */
	if (journey->has_quoted && packet_is_icmp_error(first) &&
	    is_end(t, address_make(first->ip_version, first->src), 0) &&
	    request_key(t, &journey->quoted.packet, &key)) {
		hop_track_make(&track, journey, key, true);
		hop_table_track(&t->table, &track);
		return;
	}
	for (unsigned i = 0; i <= journey->hop_count; i++) {
		const struct packet *seen = i ? &journey->hops[i - 1].packet : first;

		if (!reply_key(t, seen, &key))
			continue;
		hop_track_make(&track, journey, key, true);
		hop_table_track(&t->table, &track);
		return;
	}
}
