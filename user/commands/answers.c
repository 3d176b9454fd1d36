/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/answers.h"

#include <netinet/in.h>

#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define ECHO_REQUEST6 128
#define ECHO_REPLY6 129
#define ANSWER_LEN 512 /* bytes of payload: neither the least nor the most there is */

/* As a packet of one direction may look to the filter: with each of the flow's tuples, and in its tunnel. */
struct views {
	struct tuple tuples[FLOW_TUPLES + 1];
	unsigned count;
};

static bool any_taken(const struct filter *filter, const struct views *views, bool answer,
		      struct filter_sample sample)
{
	for (unsigned i = 0; i < views->count; i++) {
		sample.tuple = answer ? tuple_reverse(views->tuples[i]) : views->tuples[i];
		if (filter_takes(filter, &sample))
			return true;
	}
	return false;
}

static void views_take(struct views *views, const struct flow *flow)
{
	for (unsigned i = 0; i < flow->tuple_count; i++)
		views->tuples[views->count++] = flow->tuples[i];
	for (unsigned i = 0; i < flow->forward.sample_count; i++) {
		const struct journey *journey = flow->forward.samples[i];

		for (int k = 0; k < journey->hop_count; k++) {
			const struct encap *encap = &journey->hops[k].encap;

			if (!journey->hops[k].has_encap)
				continue;
			views->tuples[views->count++] = (struct tuple){
				.proto = IPPROTO_UDP,
				.src = address_make(encap->ip_version, encap->src),
				.dst = address_make(encap->ip_version, encap->dst),
				.sport = encap->sport,
				.dport = encap->dport,
			};
			return;
		}
	}
}

static uint32_t payload_of(const struct flow *flow)
{
	return flow->forward.sample_count ? packet_payload_len(&flow->forward.samples[0]->packet)
					  : 0;
}

/* Translated so that the filter did not match any longer: then its whole conversation is followed (bpf/follow.bpf.h). */
static bool is_followed(const struct filter *filter, const struct flow *flow,
			struct filter_sample sent)
{
	sent.tuple = flow->tuples[flow->tuple_count - 1];
	return flow->tuple_count > 1 && !filter_takes(filter, &sent);
}

static void flow_mark(struct flow *flow, const struct filter *filter)
{
	struct filter_sample sent = {.payload_len = payload_of(flow)}, answer = sent;
	struct filter_sample rest = {.tcp_flags = PACKET_TCP_ACK};
	struct views views = {};

	flow->hides_answers = flow->hides_rest = flow->hides_way = false;
	if (!flow->tuple_count)
		return;
	views_take(&views, flow);
	switch (flow->proto) {
	case IPPROTO_TCP:
		sent.tcp_flags = PACKET_TCP_SYN;
		answer.tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK;
		sent.payload_len = answer.payload_len = 0;
		break;
	case IPPROTO_ICMP:
		sent.icmp_type = ECHO_REQUEST;
		answer.icmp_type = ECHO_REPLY;
		break;
	case IPPROTO_ICMPV6:
		sent.icmp_type = ECHO_REQUEST6;
		answer.icmp_type = ECHO_REPLY6;
		break;
	default:
		answer.payload_len = ANSWER_LEN;
	}
	/* What matched for another reason than these say (its bytes, its MAC address) is judged as if it were whole. */
	if (!any_taken(filter, &views, false, sent)) {
		flow->hides_way = filter_is_ether(filter);
		return;
	}
	if (is_followed(filter, flow, sent))
		return;
	flow->hides_answers = !any_taken(filter, &views, true, answer);
	if (flow->proto == IPPROTO_TCP)
		flow->hides_rest = !any_taken(filter, &views, false, rest) ||
				   !any_taken(filter, &views, true, rest);
}

unsigned answers_mark(struct flow_table *flows, const struct filter *filter)
{
	unsigned hidden = 0;

	if (!filter)
		return 0;
	array_each(slot, &flows->flows) {
		flow_mark(*slot, filter);
		hidden += (*slot)->hides_answers && !(*slot)->reverse.packets &&
			  !address_is_multicast((*slot)->tuples[0].dst);
	}
	return hidden;
}
