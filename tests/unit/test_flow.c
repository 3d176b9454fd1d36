/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conversations put together from journeys: directions, translations, what passed, what
 * was lost, who answered.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "packet/flow.h"
#include "records.h"

static struct topology topology;
static uint64_t now;

static int set_up(void **state)
{
	topology_example(&topology);
	now = 1000000000;
	*state = flow_table_new(&topology, 0);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	flow_table_free(*state);
	topology_free(&topology);
	return 0;
}

static struct journey ended(struct packet packet, enum verdict verdict)
{
	static uint64_t id;
	struct journey j;

	memset(&j, 0, sizeof(j));
	j.id = ++id;
	j.packet = packet;
	j.verdict = verdict;
	j.first_ns = j.last_ns = now += 1000000;
	j.hop_count = 1;
	j.hops[0].netns = NODE_NS;
	j.hops[0].ifindex = DEV_VETH_A;
	j.hops[0].packet = packet;
	return j;
}

static void then(struct journey *j, struct packet packet)
{
	struct hop *hop = &j->hops[j->hop_count++];

	hop->netns = NODE_NS;
	hop->ifindex = DEV_VETH_B;
	hop->packet = packet;
	hop->nat = true;
}

static uint64_t add(struct flow_table *table, const struct journey *j)
{
	uint64_t id;

	assert_int_equal(flow_table_add(table, j, &id), 0);
	return id;
}

static uint64_t went(struct flow_table *table, struct packet packet, enum verdict verdict)
{
	struct journey j = ended(packet, verdict);

	return add(table, &j);
}

static struct flow *first(struct flow_table *table)
{
	assert_int_equal(table->flows.count, 1);
	return table->flows.items[0];
}

static struct packet to_remote(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t payload)
{
	return packet_tcp(ADDR_A, 40000, ADDR_REMOTE, 80, flags, seq, ack, payload);
}

static struct packet from_remote(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t payload)
{
	return packet_tcp(ADDR_REMOTE, 80, ADDR_A, 40000, flags, seq, ack, payload);
}

static void directions_meet(void **state)
{
	struct flow_table *t = *state;
	struct flow *flow;

	assert_int_equal(went(t, to_remote(PACKET_TCP_SYN, 9, 0, 0), VERDICT_LEFT_NODE), 1);
	went(t, from_remote(PACKET_TCP_SYN | PACKET_TCP_ACK, 50, 10, 0), VERDICT_DELIVERED);
	flow = first(t);
	assert_false(flow->established);
	went(t, to_remote(PACKET_TCP_ACK, 10, 51, 0), VERDICT_LEFT_NODE);
	went(t, to_remote(PACKET_TCP_ACK, 10, 51, 100), VERDICT_LEFT_NODE);
	assert_false(flow->established);
	assert_int_equal(flow->forward.passed_max_len,
			 40); /* the SYN; the data is not acknowledged yet */
	went(t, from_remote(PACKET_TCP_ACK, 51, 110, 0), VERDICT_DELIVERED);
	assert_int_equal(flow->forward.passed_max_len, 140);
	assert_true(flow->established);
	went(t, to_remote(PACKET_TCP_FIN | PACKET_TCP_ACK, 110, 51, 0), VERDICT_LEFT_NODE);
	went(t, from_remote(PACKET_TCP_RST, 51, 0, 0), VERDICT_DELIVERED);
	assert_int_equal(flow->forward.packets, 4);
	assert_int_equal(flow->forward.syns, 1);
	assert_int_equal(flow->forward.fins, 1);
	assert_int_equal(flow->reverse.packets, 3);
	assert_int_equal(flow->reverse.rsts, 1);
	assert_int_equal(flow->reverse.verdicts[VERDICT_DELIVERED], 3);
	assert_int_equal(flow->answer_count, 0); /* an abort answers nothing */
	assert_int_equal(flow->forward.retransmits, 0);
	assert_int_equal(flow->forward.sample_count, 1);
}

static void translation_is_one_flow(void **state)
{
	struct flow_table *t = *state;
	struct packet syn = packet_tcp(ADDR_A, 40000, ADDR_SERVICE, 80, PACKET_TCP_SYN, 9, 0, 0);
	struct packet ack =
		packet_tcp(ADDR_B, 8080, ADDR_A, 40000, PACKET_TCP_SYN | PACKET_TCP_ACK, 70, 10, 0);
	struct journey j = ended(syn, VERDICT_DELIVERED);
	struct flow *flow;

	then(&j, packet_translate(syn, ADDR_A, 40000, ADDR_B, 8080));
	add(t, &j);
	j = ended(ack, VERDICT_DELIVERED); /* not translated back: bridge-netfilter-off */
	add(t, &j);
	then(&j, packet_translate(ack, ADDR_SERVICE, 80, ADDR_A, 40000));
	add(t, &j);
	flow = first(t);
	assert_true(flow->translated);
	assert_int_equal(flow->tuple_count, 2);
	assert_int_equal(flow->tuples[0].dport, 80);
	assert_int_equal(flow->tuples[1].dport, 8080);
	assert_int_equal(flow->reverse.packets, 2);
}

/* Translated twice, and the source first. */
static void endpoint_is_second(void **state)
{
	struct flow_table *t = *state;
	struct packet syn =
		packet_tcp(ADDR_NODE2, 40000, ADDR_NODE, 30080, PACKET_TCP_SYN, 9, 0, 0);
	struct journey j = ended(syn, VERDICT_DELIVERED);

	then(&j, packet_translate(syn, ADDR_CNI0, 40000, ADDR_NODE, 30080));
	then(&j, packet_translate(syn, ADDR_CNI0, 40000, ADDR_B, 8080));
	add(t, &j);
	assert_int_equal(first(t)->tuple_count, 3);
	assert_int_equal(first(t)->tuples[1].dport, 8080);
	j = ended(packet_udp(ADDR_A, 7, "8.8.8.8", 9, 1, 1), VERDICT_LEFT_NODE);
	then(&j, packet_udp(ADDR_NODE, 7777, "8.8.8.8", 9, 1, 1));
	add(t, &j);
	assert_false(t->flows.items[1]->translated); /* masquerade only */
	assert_int_equal(t->flows.items[1]->tuple_count, 2);
}

/* The serving pod is traced: the request comes translated, and the answer alone has the Service's address. */
static void translation_seen_from_the_server(void **state)
{
	struct flow_table *t = *state;
	struct packet syn = packet_tcp(ADDR_A, 40000, ADDR_B, 8080, PACKET_TCP_SYN, 9, 0, 0);
	struct packet answer =
		packet_tcp(ADDR_B, 8080, ADDR_A, 40000, PACKET_TCP_SYN | PACKET_TCP_ACK, 70, 10, 0);
	struct journey j = ended(syn, VERDICT_DELIVERED);
	struct flow *flow;

	j.tracked_midway = true;
	add(t, &j);
	flow = first(t);
	assert_false(flow->translated);
	j = ended(answer, VERDICT_DELIVERED);
	then(&j, packet_translate(answer, ADDR_SERVICE, 80, ADDR_A, 40000));
	add(t, &j);
	assert_true(flow->translated);
	assert_int_equal(first(t)->tuple_count, 2);
	assert_int_equal(flow->tuples[0].dport, 80);
	assert_int_equal(flow->tuples[1].dport, 8080);
	assert_int_equal(flow->reverse.packets, 1);
}

static void begun_midway(void **state)
{
	struct flow_table *t = *state;
	struct journey j;

	went(t, from_remote(PACKET_TCP_ACK, 51, 110, 0), VERDICT_DELIVERED);
	assert_int_equal(first(t)->tuples[0].dport, 80); /* the lower port serves */
	assert_int_equal(first(t)->reverse.packets, 1);
	/* Two high ports: first seen is taken for forward until a SYN says otherwise. */
	went(t, packet_tcp(ADDR_B, 9090, ADDR_A, 9999, PACKET_TCP_ACK, 5, 6, 7), VERDICT_DROPPED);
	assert_int_equal(t->flows.items[1]->forward.packets, 1);
	j = ended(packet_tcp(ADDR_A, 9999, ADDR_B, 9090, PACKET_TCP_SYN, 5, 0, 0),
		  VERDICT_DELIVERED);
	add(t, &j);
	assert_int_equal(t->flows.count, 2);
	assert_int_equal(t->flows.items[1]->forward.syns, 1);
	assert_int_equal(t->flows.items[1]->forward.packets, 1);
	assert_int_equal(t->flows.items[1]->reverse.packets, 1);
	assert_int_equal(t->flows.items[1]->tuples[0].dport, 9090);
	went(t, packet_tcp(ADDR_B, 9090, ADDR_A, 9999, PACKET_TCP_ACK, 12, 6, 7), VERDICT_DROPPED);
	assert_int_equal(t->flows.items[1]->reverse.packets, 2);
	/* The client's own tuple comes first even when the translated one was known before. */
	j = ended(packet_udp(ADDR_A, 7, ADDR_B, 90, 1, 1), VERDICT_DROPPED);
	j.tracked_midway = true;
	add(t, &j);
	j = ended(packet_udp(ADDR_A, 7, ADDR_SERVICE, 9, 2, 1), VERDICT_DELIVERED);
	then(&j, packet_udp(ADDR_A, 7, ADDR_B, 90, 2, 1));
	add(t, &j);
	assert_int_equal(t->flows.count, 3);
	assert_int_equal(t->flows.items[2]->tuples[0].dport, 9);
	assert_true(t->flows.items[2]->translated);
}

static struct packet echo(bool reply, uint16_t seq, uint32_t payload)
{
	return reply ? packet_ping(ADDR_REMOTE, ADDR_A, true, 7, seq, 99, payload)
		     : packet_ping(ADDR_A, ADDR_REMOTE, false, 7, seq, 98, payload);
}

static void pings_that_are_not_answered(void **state)
{
	struct flow_table *t = *state;
	struct flow *flow;

	went(t, echo(false, 1, 56), VERDICT_LEFT_NODE);
	went(t, echo(true, 1, 56), VERDICT_DELIVERED);
	went(t, echo(false, 2, 1400), VERDICT_LEFT_NODE);
	went(t, echo(false, 3, 1300), VERDICT_LEFT_NODE);
	went(t, echo(true, 3, 1300), VERDICT_DELIVERED);
	flow = first(t);
	assert_int_equal(flow->forward.passed_max_len, 1328);
	assert_int_equal(flow->forward.lost_min_len, 0); /* it may still come */
	flow_table_settle(t, now);
	assert_int_equal(flow->forward.lost_min_len, 0);
	flow_table_settle(t, UINT64_MAX);
	assert_int_equal(flow->forward.lost_min_len, 1428);
	assert_int_equal(flow->forward.lost_max_len, 1428);
	went(t, echo(true, 2, 1400), VERDICT_DELIVERED); /* late, but there it is */
	flow_table_settle(t, UINT64_MAX);
	assert_int_equal(flow->forward.lost_min_len, 0);
	assert_int_equal(flow->forward.passed_max_len, 1428);
}

static void large_segments_in_vain(void **state)
{
	struct flow_table *t = *state;
	struct journey j;
	struct flow *flow;

	went(t, to_remote(PACKET_TCP_ACK, 100, 51, 200), VERDICT_LEFT_NODE);
	went(t, from_remote(PACKET_TCP_ACK, 51, 300, 0), VERDICT_DELIVERED);
	j = ended(to_remote(PACKET_TCP_ACK, 300, 51, 2800), VERDICT_LEFT_NODE);
	j.hops[0].gso_size = 1400;
	add(t, &j);
	went(t, to_remote(PACKET_TCP_ACK, 3100, 51, 10), VERDICT_LEFT_NODE);
	flow = first(t);
	assert_int_equal(flow->forward.lost_min_len, 0);
	went(t, to_remote(PACKET_TCP_ACK, 3100, 51, 10), VERDICT_LEFT_NODE); /* tail loss probe */
	went(t, to_remote(PACKET_TCP_ACK, 300, 51, 1400), VERDICT_LEFT_NODE);
	went(t, to_remote(PACKET_TCP_ACK, 300, 51, 1400), VERDICT_LEFT_NODE);
	assert_int_equal(flow->forward.retransmits, 3);
	assert_int_equal(flow->forward.passed_max_len, 240);
	assert_int_equal(flow->forward.lost_min_len,
			 1440); /* one segment, not the GSO packet, not the probe */
	assert_int_equal(flow->forward.lost_max_len, 1440);
	/* The sender finds out and tries less: that passes, the large one stays lost. */
	went(t, to_remote(PACKET_TCP_ACK, 300, 51, 500), VERDICT_LEFT_NODE);
	went(t, from_remote(PACKET_TCP_ACK, 51, 800, 0), VERDICT_DELIVERED);
	assert_int_equal(flow->forward.passed_max_len, 540);
	assert_int_equal(flow->forward.lost_min_len, 1440);
}

static void retransmit_that_arrives_is_not_lost(void **state)
{
	struct flow_table *t = *state;

	went(t, to_remote(PACKET_TCP_ACK, 0xfffffff0, 51, 1400), VERDICT_LEFT_NODE); /* wraps */
	went(t, to_remote(PACKET_TCP_ACK, 0xfffffff0, 51, 1400), VERDICT_LEFT_NODE);
	assert_int_equal(first(t)->forward.lost_min_len, 1440);
	went(t, from_remote(PACKET_TCP_ACK, 51, 0xfffffff0 + 1400, 0), VERDICT_DELIVERED);
	assert_int_equal(first(t)->forward.lost_min_len, 0);
	assert_int_equal(first(t)->forward.passed_max_len, 1440);
	assert_int_equal(first(t)->forward.retransmits, 1);
}

static struct journey dropped(struct packet packet, const char *reason)
{
	struct journey j = ended(packet, VERDICT_DROPPED);

	j.has_drop = true;
	j.drop.time_ns = now;
	j.drop.netns = NODE_NS;
	j.drop.ifindex = DEV_CNI0;
	j.drop.packet = packet;
	snprintf(j.drop.reason, sizeof(j.drop.reason), "%s", reason);
	return j;
}

static void drops_are_counted_by_kind(void **state)
{
	struct flow_table *t = *state;
	struct packet p = packet_udp(ADDR_A, 1, ADDR_B, 99, 1, 1400);
	struct journey j = dropped(p, "NETFILTER_DROP");
	struct flow *flow;

	add(t, &j);
	p.len = 100;
	j = dropped(p, "NETFILTER_DROP");
	j.verdict = VERDICT_REJECTED;
	j.answered_by = 5;
	j.answer = packet_error(ADDR_CNI0, ADDR_A, 3, 13, 0, 9);
	add(t, &j);
	j = dropped(p, "NO_SOCKET");
	add(t, &j);
	j = dropped(p, "RAW");
	j.verdict = VERDICT_DELIVERED;
	j.drop.benign = true;
	add(t, &j);
	flow = first(t);
	assert_int_equal(flow->drop_count, 2);
	assert_int_equal(flow->drops[0].count, 2);
	assert_int_equal(flow->drops[0].min_len, 100);
	assert_int_equal(flow->drops[0].max_len, 1428);
	assert_true(flow->drops[0].answered);
	assert_int_equal(flow->drops[0].answer.icmp_code, 13);
	assert_true(flow->drops[0].forward);
	assert_false(flow->drops[1].answered);
	assert_int_equal(flow->forward.benign, 1);
	assert_int_equal(flow->forward.lost_min_len, 100);
	assert_int_equal(flow->forward.passed_max_len, 100); /* the one whose drop was benign */
	for (int i = 0; i < FLOW_DROPS; i++) {
		char reason[16];

		snprintf(reason, sizeof(reason), "R%d", i);
		j = dropped(p, reason);
		add(t, &j);
	}
	assert_int_equal(flow->drop_count, FLOW_DROPS);
	assert_int_equal(flow->drops_more, 2);
}

static struct journey complaint(struct packet about, uint32_t mtu, enum verdict verdict)
{
	struct journey j = ended(packet_error(ADDR_NODE2, ADDR_A, 3, 4, mtu, 1), verdict);

	j.has_quoted = true;
	j.quoted = quote(about);
	return j;
}

static void errors_belong_to_what_they_quote(void **state)
{
	struct flow_table *t = *state;
	struct packet p = packet_udp(ADDR_A, 1, ADDR_REMOTE, 99, 1, 1400);
	struct packet nat = packet_translate(p, ADDR_NODE, 5555, ADDR_REMOTE, 99);
	struct journey j = ended(p, VERDICT_LEFT_NODE);
	struct flow *flow;
	uint64_t id;

	then(&j, nat);
	id = add(t, &j);
	j = complaint(nat, 1400, VERDICT_DELIVERED);
	j.hops[0].ifindex = DEV_ETH0;
	assert_int_equal(add(t, &j), id);
	j = complaint(p, 1400, VERDICT_DROPPED); /* the answer itself is filtered */
	j.has_drop = true;
	j.drop.time_ns = 77;
	assert_int_equal(add(t, &j), id);
	flow = first(t);
	assert_int_equal(flow->forward.packets, 1);
	assert_int_equal(flow->answer_count, 1);
	assert_int_equal(flow->answers[0].count, 2);
	assert_true(flow->answers[0].forward);
	assert_true(flow->answers[0].delivered);
	assert_false(flow->answers[0].local); /* it came in by eth0 */
	assert_int_equal(flow->answers[0].from_ifindex, DEV_ETH0);
	assert_int_equal(flow->answers[0].drop.time_ns, 77);
	assert_int_equal(flow->answers[0].packet.ack, 1400);
	/* About a packet never seen: the flow is made for it. */
	j = complaint(packet_udp(ADDR_B, 3, ADDR_REMOTE, 4, 5, 6), 1400, VERDICT_DELIVERED);
	assert_int_equal(add(t, &j), 2);
	assert_int_equal(t->flows.items[1]->forward.packets, 0);
	assert_true(t->flows.items[1]->answers[0].local);
}

static void reset_of_a_syn_is_an_answer(void **state)
{
	struct flow_table *t = *state;
	struct journey j;

	went(t, to_remote(PACKET_TCP_SYN, 9, 0, 0), VERDICT_REJECTED);
	j = ended(from_remote(PACKET_TCP_RST | PACKET_TCP_ACK, 0, 10, 0), VERDICT_DELIVERED);
	j.answers = 1;
	add(t, &j);
	assert_int_equal(first(t)->answer_count, 1);
	assert_true(first(t)->answers[0].forward);
	assert_int_equal(first(t)->answers[0].quoted.packet.ip_version, 0);
	assert_int_equal(first(t)->reverse.rsts, 1);
	assert_false(first(t)->established);
	assert_int_equal(first(t)->forward.lost_min_len, 0); /* refused, whatever its size */
}

static void dns_is_sampled_with_its_payload(void **state)
{
	struct flow_table *t = *state;
	struct packet p = packet_udp(ADDR_A, 4000, ADDR_B, 53, 3, 30);

	for (uint16_t i = 0; i < 4; i++) {
		struct journey j;

		p.seq = i;
		j = ended(p, VERDICT_DELIVERED);
		j.payload_len = 12;
		j.payload[1] = (uint8_t)i;
		add(t, &j);
	}
	assert_int_equal(first(t)->forward.sample_count, 4);
	assert_int_equal(first(t)->forward.samples[3]->payload[1], 3);
	assert_int_equal(first(t)->forward.samples[3]->flow_id, 1);
}

static void fragments_follow_the_first(void **state)
{
	struct flow_table *t = *state;
	struct packet p = packet_udp(ADDR_A, 4000, ADDR_B, 99, 3, 1000);

	p.frag = PACKET_FRAG_MF;
	went(t, p, VERDICT_DELIVERED);
	p.frag = 125;
	p.sport = p.dport = 0;
	went(t, p, VERDICT_DELIVERED);
	assert_int_equal(first(t)->forward.packets, 2);
	assert_int_equal(first(t)->tuple_count, 1);
}

static void evicted_is_not_lost(void **state)
{
	struct flow_table *t = *state;
	struct journey j = ended(packet_udp(ADDR_A, 1, ADDR_B, 99, 1, 10), VERDICT_VANISHED);

	j.evicted = true;
	add(t, &j);
	assert_int_equal(first(t)->forward.packets, 1);
	assert_int_equal(first(t)->forward.verdicts[VERDICT_VANISHED], 0);
	assert_int_equal(first(t)->forward.lost_min_len, 0);
}

static void not_ip(void **state)
{
	struct flow_table *t = *state;
	struct packet arp;
	struct journey j;

	memset(&arp, 0, sizeof(arp));
	arp.ethertype = 0x0806;
	j = dropped(arp, "NEIGH");
	assert_int_equal(add(t, &j), 0);
	add(t, &j);
	j.drop.benign = true;
	add(t, &j);
	assert_int_equal(t->flows.count, 0);
	assert_int_equal(t->orphans.count, 1);
	assert_int_equal(t->orphans.items[0].count, 2);
}

static void flows_are_bounded(void **state)
{
	struct flow_table *t = flow_table_new(&topology, 3);

	(void)state;
	for (uint16_t port = 1; port <= 10; port++)
		went(t, packet_udp(ADDR_A, port, ADDR_B, 99, 1, 10), VERDICT_DELIVERED);
	assert_int_equal(t->flows.count, 3);
	assert_int_equal(t->flows_dropped, 7);
	assert_int_equal(went(t, packet_udp(ADDR_A, 9, ADDR_B, 99, 1, 10), VERDICT_DELIVERED), 0);
	assert_int_equal(went(t, packet_udp(ADDR_A, 2, ADDR_B, 99, 1, 10), VERDICT_DELIVERED), 2);
	flow_table_free(t);
}

static void refusals_are_counted(void **state)
{
	static _Alignas(8) uint8_t bytes[RECORD_ROOM];
	struct flow_table *t = *state;
	struct test_record r = record_make(RECORD_REFUSED, 1, 0, POD_A_NS, 0,
					   packet_udp("0.0.0.0", 0, ADDR_REMOTE, 99, 0, 0));

	r.refused.error = -EMSGSIZE;
	r.refused.pid = 4;
	memcpy(r.refused.comm, "ping", 5);
	for (int i = 0; i < 3; i++) {
		struct record_view view;

		r.refused.pid = i == 2 ? 5 : 4;
		if (i == 2) { /* a probe was heard */
			r.head.tails |= TAIL_WITNESS;
			r.witness_list.count = 1;
			r.witnesses[0].what = WITNESS_LOCAL_SIZE;
			r.witnesses[0].value[0] = 1400;
		}
		assert_int_equal(record_parse(bytes, record_write(&r, bytes), &view), 0);
		assert_int_equal(flow_table_refuse(t, &view), 0);
	}
	assert_int_equal(t->refusals.count, 2);
	assert_int_equal(t->refusals.items[0].count, 2);
	assert_int_equal(t->refusals.items[0].tuple.dport, 99);
	assert_string_equal(t->refusals.items[1].comm, "ping");
	assert_int_equal(t->refusals.items[0].witness.what, WITNESS_NONE);
	assert_int_equal(t->refusals.items[1].witness.what, WITNESS_LOCAL_SIZE);
	assert_int_equal(t->refusals.items[1].witness.value[0], 1400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directions_meet),
		TEST(translation_is_one_flow),
		TEST(endpoint_is_second),
		TEST(translation_seen_from_the_server),
		TEST(begun_midway),
		TEST(pings_that_are_not_answered),
		TEST(large_segments_in_vain),
		TEST(retransmit_that_arrives_is_not_lost),
		TEST(drops_are_counted_by_kind),
		TEST(errors_belong_to_what_they_quote),
		TEST(reset_of_a_syn_is_an_answer),
		TEST(dns_is_sampled_with_its_payload),
		TEST(fragments_follow_the_first),
		TEST(evicted_is_not_lost),
		TEST(not_ip),
		TEST(flows_are_bounded),
		TEST(refusals_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
