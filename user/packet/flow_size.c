/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packet sizes of a flow passed and which were lost: the numbers an MTU diagnosis
 * rests on. A packet that left the node has passed once it was acknowledged or answered;
 * it is lost when it was sent again and again in vain. Lengths are those of one packet on
 * the wire: a GSO packet counts as one of its segments.
 */
#include <netinet/in.h>

#include "packet/flow_table.h"

#define UNANSWERED_NS 1000000000ull

uint32_t wire_length(const struct packet *packet, uint16_t gso_size)
{
	uint32_t segment = (uint32_t)packet->header_len + gso_size;

	return gso_size && segment < packet->len ? segment : packet->len;
}

static uint32_t journey_wire(const struct journey *journey)
{
	if (journey->has_drop && !journey->drop.benign)
		return wire_length(&journey->drop.packet, journey->drop.gso_size);
	return wire_length(&journey->packet, journey->hop_count ? journey->hops[0].gso_size : 0);
}

static uint32_t sequence_end(const struct packet *packet)
{
	return packet->seq + packet_payload_len(packet) + !!(packet->tcp_flags & PACKET_TCP_SYN) +
	       !!(packet->tcp_flags & PACKET_TCP_FIN);
}

/* RFC 9293 3.4: sequence numbers wrap. */
static bool sequence_reached(uint32_t ack, uint32_t end)
{
	return (int32_t)(ack - end) >= 0;
}

static void mark_lost(struct flow_sizes *sizes, uint32_t wire)
{
	if (!sizes->lost_min || wire < sizes->lost_min)
		sizes->lost_min = wire;
	if (wire > sizes->lost_max)
		sizes->lost_max = wire;
}

static void mark_passed(struct flow_direction *direction, uint32_t wire)
{
	if (wire > direction->passed_max_len)
		direction->passed_max_len = wire;
}

static struct outstanding *outstanding_add(struct flow_sizes *sizes, uint64_t time_ns, uint32_t seq,
					   uint32_t end, uint32_t wire)
{
	struct outstanding *sent = &sizes->sent[sizes->next];

	sizes->next = (uint8_t)((sizes->next + 1) % FLOW_OUTSTANDING);
	if (sent->used && sent->again && sent->wire >= sizes->full)
		mark_lost(sizes, sent->wire);
	sent->seq = seq;
	sent->end = end;
	sent->wire = wire;
	sent->time_ns = time_ns;
	sent->used = true;
	sent->again = false;
	return sent;
}

/* The same bytes once more? The size that was tried before is lost when a smaller one is tried now. */
static bool tcp_is_repeated(struct flow_sizes *sizes, uint32_t seq, uint32_t end, uint32_t wire)
{
	for (int i = 0; i < FLOW_OUTSTANDING; i++) {
		struct outstanding *sent = &sizes->sent[i];

		if (!sent->used || sequence_reached(seq, sent->end) ||
		    !sequence_reached(seq, sent->seq))
			continue;
		if (seq != sent->seq) {
			outstanding_add(sizes, sent->time_ns, seq, end, wire)->again = true;
			return true;
		}
		if (wire < sent->wire)
			mark_lost(sizes, sent->wire);
		sent->end = end;
		sent->wire = wire;
		sent->again = true;
		return true;
	}
	return false;
}

static void tcp_sent(struct flow_sizes *sizes, struct flow_direction *direction,
		     const struct journey *journey, uint32_t wire)
{
	const struct packet *packet = &journey->packet;
	uint32_t end = sequence_end(packet);

	if (end == packet->seq || (packet->tcp_flags & PACKET_TCP_RST))
		return;
	if (tcp_is_repeated(sizes, packet->seq, end, wire))
		direction->retransmits++;
	else
		outstanding_add(sizes, journey->last_ns, packet->seq, end, wire);
}

static void tcp_acknowledged(struct flow_sizes *sizes, struct flow_direction *direction,
			     uint32_t ack)
{
	for (int i = 0; i < FLOW_OUTSTANDING; i++) {
		struct outstanding *sent = &sizes->sent[i];

		if (!sent->used || !sequence_reached(ack, sent->end))
			continue;
		sent->used = false;
		mark_passed(direction, sent->wire);
	}
}

/* An echo reply or a DNS answer names its question; any other datagram answers the latest. */
static void datagram_answered(struct flow_sizes *sizes, struct flow_direction *direction,
			      const struct packet *packet)
{
	bool named = packet_is_echo_reply(packet) || packet->seq;
	struct outstanding *latest = NULL;

	for (int i = 0; i < FLOW_OUTSTANDING; i++) {
		struct outstanding *sent = &sizes->sent[i];

		if (!sent->used || (named && (sent->seq & 0xffff) != (packet->seq & 0xffff)))
			continue;
		if (!latest || sent->time_ns >= latest->time_ns)
			latest = sent;
	}
	if (!latest)
		return;
	latest->used = false;
	mark_passed(direction, latest->wire);
}

static bool is_too_big(const struct packet *answer)
{
	if (answer->proto == IPPROTO_ICMPV6)
		return answer->icmp_type == 2;
	return answer->proto == IPPROTO_ICMP && answer->icmp_type == 3 && answer->icmp_code == 4;
}

static bool is_lost(const struct journey *journey)
{
	switch (journey->verdict) {
	case VERDICT_DROPPED:
		return true;
	case VERDICT_VANISHED:
		return !journey->evicted;
	case VERDICT_REJECTED:
		return (journey->has_drop && !journey->drop.benign) || is_too_big(&journey->answer);
	default:
		return false;
	}
}

void flow_sizes_add(struct flow_entry *entry, bool forward, const struct journey *journey)
{
	struct flow *flow = &entry->flow;
	struct flow_direction *direction = forward ? &flow->forward : &flow->reverse;
	struct flow_direction *opposite = forward ? &flow->reverse : &flow->forward;
	struct flow_sizes *sizes = &entry->sizes[forward], *theirs = &entry->sizes[!forward];
	const struct packet *packet = &journey->packet;
	uint32_t wire = journey_wire(journey);

	if (wire > sizes->full)
		sizes->full = wire;
	if (packet->proto == IPPROTO_TCP) {
		tcp_sent(sizes, direction, journey, wire);
		if ((packet->tcp_flags & PACKET_TCP_ACK) && !(packet->tcp_flags & PACKET_TCP_RST)) {
			tcp_acknowledged(theirs, opposite, packet->ack);
			sizes->acked |= !(packet->tcp_flags & PACKET_TCP_SYN);
		}
	} else if (packet_is_echo_reply(packet) || packet->proto == IPPROTO_UDP) {
		datagram_answered(theirs, opposite, packet);
	}
	if (is_lost(journey))
		mark_lost(sizes, wire);
	else if (journey->verdict == VERDICT_DELIVERED)
		mark_passed(direction, wire);
	else if (journey->verdict == VERDICT_LEFT_NODE &&
		 (packet_is_echo_request(packet) || packet->proto == IPPROTO_UDP))
		outstanding_add(sizes, journey->last_ns, packet->seq, packet->seq, wire);
	flow->established = flow->proto == IPPROTO_TCP && sizes->acked && theirs->acked;
	flow_sizes_judge(entry, journey->last_ns);
}

/* Has it been waited for in vain? A short TCP segment may be held up behind a long one that is lost. */
static bool outstanding_is_lost(const struct flow_sizes *sizes, const struct outstanding *sent,
				uint8_t proto, uint64_t now_ns)
{
	if (!sent->used)
		return false;
	if (proto == IPPROTO_TCP)
		return sent->again && (sent->wire >= sizes->full || sent->end == sent->seq + 1);
	return (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) && now_ns > sent->time_ns &&
	       now_ns - sent->time_ns > UNANSWERED_NS;
}

static void judge_direction(const struct flow_sizes *sizes, struct flow_direction *direction,
			    uint8_t proto, uint64_t now_ns)
{
	struct flow_sizes lost = {.lost_min = sizes->lost_min, .lost_max = sizes->lost_max};

	for (int i = 0; i < FLOW_OUTSTANDING; i++) {
		if (outstanding_is_lost(sizes, &sizes->sent[i], proto, now_ns))
			mark_lost(&lost, sizes->sent[i].wire);
	}
	direction->lost_min_len = lost.lost_min;
	direction->lost_max_len = lost.lost_max;
}

void flow_sizes_judge(struct flow_entry *entry, uint64_t now_ns)
{
	judge_direction(&entry->sizes[1], &entry->flow.forward, entry->flow.proto, now_ns);
	judge_direction(&entry->sizes[0], &entry->flow.reverse, entry->flow.proto, now_ns);
}
