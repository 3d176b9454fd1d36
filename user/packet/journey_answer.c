/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers: which journey a RST or an ICMP error rejects. An ICMP error names its packet
 * by quoting it; a RST only by the reversed tuple and by sequence numbers, and most of
 * them merely end a connection, so a RST counts only when it answers a SYN or a packet
 * that was dropped (RFC 9293 3.5.2, 3.10.7.1).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "packet/journey_table.h"

#define ANSWER_WALK                                                                                \
	4096 /* keys looked at before giving up: a flow may have very many open journeys */

static uint64_t tuple_key(const struct tuple *tuple)
{
	return (uint64_t)1 << 32 | tuple_hash(tuple);
}

static bool is_rst(const struct packet *packet)
{
	return packet->ip_version && packet->proto == IPPROTO_TCP &&
	       (packet->tcp_flags & PACKET_TCP_RST);
}

/* Redirects and source quench complain about a packet that went on its way. */
static bool is_rejection(const struct packet *packet)
{
	if (!packet_is_icmp_error(packet))
		return false;
	return packet->ip_version == 6 || (packet->icmp_type != 4 && packet->icmp_type != 5);
}

static bool journey_has_tuple(const struct open_journey *journey, const struct tuple *tuple)
{
	struct tuple first = packet_tuple(&journey->packet);

	if (tuple_equal(&first, tuple))
		return true;
	for (const struct hop_cell *hop = journey->first_hop; hop; hop = hop->next) {
		struct tuple at_hop;

		if (!hop->packet)
			continue;
		at_hop = packet_tuple(hop->packet);
		if (tuple_equal(&at_hop, tuple))
			return true;
	}
	if (journey->drop) {
		struct tuple at_drop = packet_tuple(&journey->drop->packet);

		return tuple_equal(&at_drop, tuple);
	}
	return false;
}

static bool encap_matches(const struct encap *encap, const struct packet *quoted)
{
	return encap->ip_version == quoted->ip_version &&
	       (!quoted->ip_id || encap->ip_id == quoted->ip_id) && encap->sport == quoted->sport &&
	       encap->dport == quoted->dport && !memcmp(encap->src, quoted->src, 16) &&
	       !memcmp(encap->dst, quoted->dst, 16);
}

/* Was the journey's tunnel datagram, rather than the packet inside, quoted? */
static bool quotes_outer(const struct open_journey *journey, const struct packet *quoted)
{
	if (quoted->proto != IPPROTO_UDP)
		return false;
	for (const struct hop_cell *hop = journey->first_hop; hop; hop = hop->next) {
		if (hop->encap && encap_matches(hop->encap, quoted))
			return true;
	}
	return journey->drop && journey->drop->has_encap &&
	       encap_matches(&journey->drop->encap, quoted);
}

static bool quote_matches(const struct open_journey *journey, const struct packet *quoted,
			  const struct tuple *tuple)
{
	const struct packet *packet = &journey->packet;

	if (packet_is_icmp_error(packet) || packet->proto != quoted->proto)
		return false;
	if (quoted->ip_id && packet->ip_id != quoted->ip_id)
		return false;
	if (quoted->proto == IPPROTO_TCP && quoted->seq && packet->seq != quoted->seq)
		return false;
	if ((packet_is_echo_request(packet) || packet_is_echo_reply(packet)) &&
	    (packet->seq & 0xffff) != (quoted->seq & 0xffff))
		return false;
	return journey_has_tuple(journey, tuple);
}

/* Sequence space the packet takes (RFC 9293 3.4). */
static uint32_t sequence_end(const struct packet *packet)
{
	return packet->seq + packet_payload_len(packet) + !!(packet->tcp_flags & PACKET_TCP_SYN) +
	       !!(packet->tcp_flags & PACKET_TCP_FIN);
}

static bool rst_matches(const struct open_journey *journey, const struct packet *rst,
			const struct tuple *tuple)
{
	const struct packet *packet = &journey->packet;

	if (packet->proto != IPPROTO_TCP || is_rst(packet))
		return false;
	if (rst->tcp_flags & PACKET_TCP_ACK) {
		if (rst->ack != sequence_end(packet))
			return false;
	} else if (!(packet->tcp_flags & PACKET_TCP_ACK) || rst->seq != packet->ack) {
		return false;
	}
	return journey_has_tuple(journey, tuple);
}

static bool answers_syn(const struct open_journey *journey)
{
	uint8_t flags = journey->packet.tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK);

	return journey->packet.proto == IPPROTO_TCP && flags == PACKET_TCP_SYN;
}

/* Notes in `journey` that `by` answers it. */
static int answer_note(struct journey_table *table, struct open_journey *journey,
		       struct open_journey *by)
{
	struct answer_cell *answer = journey->answer;

	if (answer && answer->certain)
		return 0;
	if (!answer)
		answer = journey->answer = pool_take(&table->answers);
	if (!answer)
		return -ENOMEM;
	memset(answer, 0, sizeof(*answer));
	answer->id = by->id;
	answer->packet = by->packet;
	answer->certain = by->quoted || answers_syn(journey);
	journey_rouse(table, journey);
	if (by->quoted) {
		bool outer = !by->quoted->encap_kind && journey->packet.proto &&
			     quotes_outer(journey, &by->quoted->packet);

		answer->quotes_encap = by->quoted->encap_kind || outer;
		answer->encap_dport = by->quoted->encap_dport;
		if (outer)
			answer->encap_dport = by->quoted->packet.dport;
		/* Those who read the answer want the packet inside. */
		if (outer && journey->last_hop) {
			const struct encap *encap = NULL;

			for (struct hop_cell *hop = journey->first_hop; hop; hop = hop->next)
				encap = hop->encap ? hop->encap : encap;
			by->quoted->encap_dport = answer->encap_dport;
			by->quoted->encap_kind = encap ? encap->kind : ENCAP_VXLAN;
			by->quoted->vni = encap ? encap->vni : 0;
			by->quoted->packet = journey->packet;
		}
	}
	if (answer->certain || journey_is_dropped(journey))
		by->answers = journey->id;
	return 0;
}

/* The packet this answer is about, in the sender's direction. */
static struct tuple question_tuple(const struct open_journey *by)
{
	if (by->quoted)
		return packet_tuple(&by->quoted->packet);
	return tuple_reverse(packet_tuple(&by->packet));
}

static bool answer_fits(const struct open_journey *by, const struct open_journey *journey,
			const struct tuple *tuple)
{
	if (journey == by || journey->stray)
		return false;
	if (by->quoted)
		return quote_matches(journey, &by->quoted->packet, tuple) ||
		       (!by->quoted->encap_kind && quotes_outer(journey, &by->quoted->packet));
	return rst_matches(journey, &by->packet, tuple);
}

static struct open_journey *question_find(struct journey_table *table,
					  const struct open_journey *by, const struct tuple *tuple)
{
	uint64_t hash = tuple_key(tuple);
	unsigned int walked = 0;

	for (struct key *key = key_find(&table->by_tuple, hash); key && walked++ < ANSWER_WALK;
	     key = key_match(key->next, hash)) {
		if (answer_fits(by, key->owner, tuple))
			return key->owner;
	}
	return NULL;
}

static int answer_find_question(struct journey_table *table, struct open_journey *by)
{
	struct tuple tuple = question_tuple(by);
	struct open_journey *question = question_find(table, by, &tuple);

	if (question)
		return answer_note(table, question, by);
	key_insert(&table->by_quote, &by->waiting, tuple_key(&tuple), by);
	return 0;
}

/* The answer may have been recorded first: it is sent before the packet is freed. */
static int question_find_answer(struct journey_table *table, struct open_journey *journey)
{
	struct tuple tuple = packet_tuple(&journey->packet);
	uint64_t hash = tuple_key(&tuple);

	for (struct key *key = key_find(&table->by_quote, hash); key;
	     key = key_match(key->next, hash)) {
		struct open_journey *by = key->owner;

		if (!answer_fits(by, journey, &tuple))
			continue;
		key_remove(&table->by_quote, key);
		return answer_note(table, journey, by);
	}
	return 0;
}

int journey_answer(struct journey_table *table, struct open_journey *journey)
{
	if (!journey->packet.ip_version)
		return 0;
	if ((journey->quoted && is_rejection(&journey->packet)) || is_rst(&journey->packet))
		return answer_find_question(table, journey);
	if (table->by_quote.count)
		return question_find_answer(table, journey);
	return 0;
}

void journey_answer_confirm(struct journey_table *table, struct open_journey *journey)
{
	const struct answer_cell *answer = journey->answer;
	struct tuple tuple;
	uint64_t hash;
	unsigned int walked = 0;

	if (!answer || answer->certain || !journey_is_dropped(journey))
		return;
	tuple = packet_tuple(&answer->packet);
	hash = tuple_key(&tuple);
	for (struct key *key = key_find(&table->by_tuple, hash); key && walked++ < ANSWER_WALK;
	     key = key_match(key->next, hash)) {
		if (key->owner->id == answer->id)
			key->owner->answers = journey->id;
	}
}
