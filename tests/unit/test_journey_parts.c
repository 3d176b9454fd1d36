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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flooded_copies_do_not_count),
		cmocka_unit_test(copy_goes_on_at_a_new_address),
		cmocka_unit_test(segments_continue),
		cmocka_unit_test(merged_packets_do_not_vanish),
		cmocka_unit_test(fragments_do_not_vanish),
		cmocka_unit_test(fragments6_do_not_vanish),
		cmocka_unit_test(fragments_go_on_translated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
