/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet in several skbs: clones, copies, segments, merged segments and fragments. None of them
 * vanishes, and none counts twice.
 */
#include "journey_fixture.h"

static void flood(struct fixture *f, bool right_is_clone)
{
	struct packet p = ping(ADDR_A, ADDR_B);

	topology_put_device(&f->topology, NODE_NS, 12, "vethc", "veth", ROLE_POD, true,
			    "default/c");
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 2, right_is_clone ? DEV_VETH_B : 12, "out", p);
	hop(f, 1, right_is_clone ? 12 : DEV_VETH_B, "out", p);
}

/* The bridge does not know the MAC yet: every port gets a copy, one pod wants it. */
static void flooded_copies_do_not_count(void **state)
{
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	for (int right_is_clone = 0; right_is_clone < 2; right_is_clone++) {
		for (uint32_t reason = FAULT; reason <= BENIGN; reason++) {
			struct fixture *f = start();
			struct test_record r;

			flood(f, right_is_clone);
			r = record_make(RECORD_DROP, 0, right_is_clone ? 1 : 2, 203, POD_ETH0, p);
			r.drop.pkt_type = 3; /* PACKET_OTHERHOST */
			r.drop.reason = reason;
			put(f, &r);
			assert_int_equal(only(f, VERDICT_DELIVERED)->end_ifindex, DEV_VETH_B);
			stop(f);
		}
	}
}

/* The pod that has the address passes it over as well: it carries another MAC address than the pod's. */
static void flooded_to_the_wrong_mac_is_dropped(void **state)
{
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	for (int right_is_clone = 0; right_is_clone < 2; right_is_clone++) {
		struct fixture *f = start();
		const struct journey *journey;
		struct test_record r;

		flood(f, right_is_clone);
		for (uint32_t netns = POD_B_NS; netns <= 203; netns++) {
			r = record_make(RECORD_DROP, 0,
					(netns == POD_B_NS) == right_is_clone ? 2 : 1, netns,
					POD_ETH0, p);
			r.drop.pkt_type = 3; /* PACKET_OTHERHOST */
			r.drop.reason = FAULT;
			put(f, &r);
		}
		journey = only(f, VERDICT_DROPPED);
		assert_int_equal(journey->drop.netns, POD_B_NS);
		assert_true(journey->drop.misaddressed);
		stop(f);
	}
}

static void copy_goes_on_at_a_new_address(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 2, DEV_CNI0, "in", p); /* native XDP */
	hop(f, 2, DEV_VETH_B, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 3);
	stop(f);
}

static void segments_continue(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_tcp(ADDR_A, 1, "8.8.8.8", 80, PACKET_TCP_ACK, 1000, 5, 4200);
	struct packet q = p;

	(void)state;
	hop_gso(f, 1, DEV_VETH_A, "in", p, 1400);
	hop_gso(f, 1, DEV_CNI0, "in", p, 1400);
	for (uint32_t i = 0; i < 3; i++) {
		q.seq = p.seq + i * 1400;
		q.ip_id = (uint16_t)(p.ip_id + i);
		q.len = q.header_len + 1400;
		hop(f, 2 + i, DEV_ETH0, "out", q);
	}
	assert_int_equal(only(f, VERDICT_LEFT_NODE)->hop_count, 3);
	assert_int_equal(f->closed[0].hops[0].gso_size, 1400);
	stop(f);

	f = start(); /* the last segment is lost in the driver */
	hop_gso(f, 1, DEV_VETH_A, "in", p, 1400);
	drop(f, 4, NODE_NS, DEV_ETH0, FAULT, q);
	only(f, VERDICT_DROPPED);
	stop(f);
}

static void merged_packets_do_not_vanish(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_tcp(ADDR_REMOTE, 1, ADDR_A, 80, PACKET_TCP_ACK, 1000, 5, 1400);
	struct packet q = p;
	struct encap encap = encap_vxlan(ADDR_NODE2, ADDR_NODE, p.len, 5);

	(void)state;
	q.seq += 1400;
	q.ip_id++;
	hop_encap(f, 1, DEV_ETH0, "in", p, encap);
	hop_encap(f, 2, DEV_ETH0, "in", q, encap);
	p.len += 1400;
	hop_gso(f, 1, DEV_FLANNEL, "in", p, 1400);
	hop_gso(f, 1, DEV_CNI0, "out", p, 1400);
	hop_gso(f, 1, DEV_VETH_A, "out", p, 1400);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_DELIVERED], 2);
	stop(f);
}

/* IPv6: put together the packet has no identification, and what is cut from it has a new one. */
static void fragments6_do_not_vanish(void **state)
{
	struct fixture *f = start();
	struct packet whole = packet_udp("fd00:10:244:1::2", 1, "fd00:10:244:2::2", 2, 0, 2000),
		      first = whole, second = whole, other = whole;

	(void)state;
	first.frag = PACKET_FRAG_MF;
	first.ip_id = 77;
	first.len = 1420;
	second.frag = 175;
	second.ip_id = 77;
	second.sport = second.dport = 0;
	second.len = 680;
	other.sport = 3; /* of another flow, lost for good */
	hop(f, 1, DEV_CNI0, "in", whole);
	hop(f, 5, DEV_CNI0, "in", other);
	hop(f, 3, DEV_ETH0, "out", first);
	hop(f, 4, DEV_ETH0, "out", second);
	later(f, 5000 * MS);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_LEFT_NODE], 2);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_VANISHED], 1);
	stop(f);
}

static void fragments_do_not_vanish(void **state)
{
	struct fixture *f = start();
	struct packet whole = packet_udp(ADDR_A, 1, ADDR_REMOTE, 2, 33, 2000), first = whole,
		      second = whole;

	(void)state;
	first.frag = PACKET_FRAG_MF;
	first.len = 1420;
	second.frag = 175;
	second.sport = second.dport = 0;
	second.header_len = 20;
	second.len = 628;
	hop(f, 1, DEV_VETH_A, "in", first);
	hop(f, 2, DEV_VETH_A, "in", second);
	hop(f, 2, DEV_CNI0, "out", whole); /* conntrack put it together */
	hop(f, 3, DEV_ETH0, "out", first);
	hop(f, 4, DEV_ETH0, "out", second);
	later(f, 5000 * MS);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_VANISHED], 0);
	stop(f);

	f = start(); /* too big for what follows: cut up on the way, the original is gone */
	hop(f, 1, DEV_VETH_A, "in", whole);
	hop(f, 3, DEV_ETH0, "out", first);
	hop(f, 4, DEV_ETH0, "out", second);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->closed[0].hop_count, 2);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_LEFT_NODE], 2);
	stop(f);
}

/* Put together for a Service's translation and cut again: other skbs, or the same in another order. */
static void fragments_go_on_translated(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 1, ADDR_SERVICE, 53, 77, 1416);

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		p.frag = i ? 177 : PACKET_FRAG_MF;
		p.sport = p.dport = 0;
		hop(f, 1 + i, DEV_VETH_A, "in", p);
	}
	for (uint64_t i = 0; i < 2; i++) {
		p.frag = i ? 177 : PACKET_FRAG_MF;
		hop(f, i ? 9 : 2, DEV_VETH_B, "out", packet_translate(p, ADDR_A, 0, ADDR_B, 0));
	}
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(f->closed[i].verdict, VERDICT_DELIVERED);
		assert_int_equal(f->closed[i].hop_count, 2);
		assert_int_equal(f->closed[i].hops[0].packet.frag,
				 f->closed[i].hops[1].packet.frag);
	}
	stop(f);
}

/*
 * The same of IPv6: the last fragment's skb becomes the whole, without an identification, and then the
 * first of the new fragments; the others keep their skbs or get new ones, and all have another identification.
 */
static void fragments6_go_on_translated(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp("fd00:10:244:1::2", 1, "fd00:10:96::10", 53, 77, 1424), whole,
		      q;
	const uint64_t skbs[] = {1, 2, 3}, again[] = {3, 2, 9};
	static const uint16_t frags[] = {PACKET_FRAG_MF, PACKET_FRAG_MF | 172, 344};
	const uint64_t *verdicts = journey_table_counts(f->table)->verdicts;

	(void)state;
	for (int i = 0; i < 3; i++) {
		q = p;
		q.frag = frags[i];
		if (i)
			q.sport = q.dport = 0;
		hop(f, skbs[i], DEV_VETH_A, "in", q);
	}
	whole = packet_translate(p, "fd00:10:244:1::2", 1, "fd00:10:244:1::5", 53);
	whole.ip_id = 0;
	whole.len = 4048;
	hop(f, 3, DEV_CNI0, "out", whole);
	for (int i = 0; i < 3; i++) {
		q = whole;
		q.ip_id = 99;
		q.len = 1424;
		q.frag = frags[i];
		if (i)
			q.sport = q.dport = 0;
		hop(f, again[i], DEV_VETH_B, "out", q);
	}
	later(f, 5000 * MS);
	assert_int_equal(f->count, 4);
	assert_int_equal(verdicts[VERDICT_DELIVERED], 4);
	for (size_t i = 0; i < 4; i++) {
		const struct journey *j = &f->closed[i];

		if (j->hops[0].packet.ip_id != 77) { /* at an address of its own */
			assert_int_equal(j->hop_count, 1);
			assert_int_equal(j->packet.frag, frags[2]);
		} else if (j->packet.frag == frags[2]) {
			assert_int_equal(j->hop_count, 3);
			assert_true(j->hops[1].nat);
			assert_false(j->hops[2].nat);
			assert_int_equal(j->hops[2].packet.frag, frags[0]);
		} else {
			assert_int_equal(j->hop_count, j->packet.frag == frags[0] ? 1 : 2);
		}
	}
	stop(f);

	f = start(); /* the address is used again, for a fragment of others and for the next one of the same place */
	q = p;
	q.frag = PACKET_FRAG_MF;
	hop(f, 1, DEV_VETH_A, "in", q);
	whole = packet_udp("fd00:10:244:1::7", 1, "fd00:10:244:1::5", 53, 0, 4048);
	hop(f, 1, DEV_CNI0, "out", whole);
	q.ip_id = 78;
	hop(f, 2, DEV_VETH_A, "in", q);
	q.ip_id = 79;
	hop(f, 2, DEV_VETH_A, "in", q);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f->closed[i].hop_count, 1);
	stop(f);
}

/* The first fragment's skb was freed when they were put together, and the first of the new ones gets its address. */
static void fragment6_at_the_address_of_another(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp("fd00:10:244:1::2", 1, "fd00:10:244:2::2", 2, 77, 1424),
		      whole = p, q;

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		q = p;
		q.frag = i ? 172 : PACKET_FRAG_MF;
		if (i)
			q.sport = q.dport = 0;
		hop(f, 1 + i, DEV_VETH_A, "in", q);
	}
	whole.ip_id = 0;
	whole.len = 2700;
	hop(f, 2, DEV_CNI0, "in", whole);
	q = p;
	q.frag = PACKET_FRAG_MF;
	q.ip_id = 99;
	hop(f, 1, DEV_ETH0, "out", q);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_VANISHED], 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(f->closed[i].hop_count, f->closed[i].packet.sport ? 1 : 3);
	stop(f);

	f = start(); /* where nobody saw the whole: the last one's skb becomes the first */
	q = p;
	q.frag = 172;
	q.sport = q.dport = 0;
	hop(f, 2, DEV_VETH_A, "in", q);
	q = packet_translate(p, "fd00:10:244:1::2", 1, "fd00:10:244:1::5", 53);
	q.frag = PACKET_FRAG_MF;
	q.ip_id = 99;
	hop(f, 2, DEV_VETH_B, "out", q);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 2);
	assert_true(f->closed[0].hops[1].nat);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flooded_copies_do_not_count),
		cmocka_unit_test(flooded_to_the_wrong_mac_is_dropped),
		cmocka_unit_test(copy_goes_on_at_a_new_address),
		cmocka_unit_test(segments_continue),
		cmocka_unit_test(merged_packets_do_not_vanish),
		cmocka_unit_test(fragments_do_not_vanish),
		cmocka_unit_test(fragments6_do_not_vanish),
		cmocka_unit_test(fragments_go_on_translated),
		cmocka_unit_test(fragments6_go_on_translated),
		cmocka_unit_test(fragment6_at_the_address_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
