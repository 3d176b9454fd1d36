/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drops and the journeys they end: found by address, by signature or by what is left of the packet;
 * faults before benign ones, and none that happened on another node.
 */
#include "journey_fixture.h"

static void dropped_on_the_way(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);
	const struct journey *j;

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	drop(f, 1, NODE_NS, DEV_CNI0, FAULT, p);
	j = only(f, VERDICT_DROPPED);
	assert_true(j->has_drop);
	assert_int_equal(j->end_ifindex, DEV_CNI0);
	stop(f);
}

static void dropped_before_any_hop(void **state)
{
	struct fixture *f = start();

	(void)state;
	drop(f, 1, POD_A_NS, POD_ETH0, FAULT, ping(ADDR_A, ADDR_B));
	assert_int_equal(only(f, VERDICT_DROPPED)->hop_count, 0);
	assert_int_equal(f->closed[0].end_netns, POD_A_NS);
	stop(f);
}

/* IPVS takes a Service's packet as the node's own; seconds later nobody has the endpoint's address. */
static void served_and_dropped_late(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_tcp(ADDR_A, 4000, "10.96.0.20", 80, PACKET_TCP_SYN, 7, 1, 0);

	(void)state;
	topology_put_address(&f->topology, NODE_NS, "10.96.0.20");
	f->topology.addresses.items[f->topology.addresses.count - 1].served = true;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_CNI0, "in", p);
	later(f, 3000 * MS);
	assert_int_equal(f->count, 0);
	drop(f, 1, NODE_NS, DEV_CNI0, FAULT, packet_translate(p, ADDR_A, 4000, "10.244.1.99", 80));
	assert_int_equal(only(f, VERDICT_DROPPED)->hop_count, 2);
	/* What the node itself answers for goes no further, and is not missed. */
	f->count = 0;
	p.ip_id++;
	hop(f, 2, DEV_VETH_A, "in", p);
	hop(f, 2, DEV_CNI0, "in", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 2);
	stop(f);
}

static void drop_in_the_pod_wins(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	drop(f, 1, POD_B_NS, POD_ETH0, FAULT, p);
	assert_int_equal(only(f, VERDICT_DROPPED)->end_netns, POD_B_NS);
	stop(f);
}

static void drop_after_leaving_wins(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, "8.8.8.8");

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_ETH0, "out", packet_translate(p, ADDR_NODE, 0, "8.8.8.8", 0));
	drop(f, 1, NODE_NS, DEV_ETH0, FAULT, packet_translate(p, ADDR_NODE, 0, "8.8.8.8", 0));
	only(f, VERDICT_DROPPED);
	stop(f);
}

static void drop_on_the_other_node_is_not_ours(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_REMOTE);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop_encap(f, 1, DEV_ETH0, "out", p, encap_vxlan(ADDR_NODE, ADDR_NODE2, p.len, 5));
	drop(f, 1, 999, 2, FAULT, p);
	assert_false(only(f, VERDICT_LEFT_NODE)->has_drop);
	stop(f);
}

static void fault_wins_over_benign(void **state)
{
	(void)state;
	for (uint32_t reason = FAULT; reason <= BENIGN; reason++) {
		struct fixture *f = start();
		struct packet p = ping(ADDR_A, ADDR_B);

		hop(f, 1, DEV_VETH_A, "in", p);
		hop(f, 2, DEV_VETH_B, "out", p);
		drop(f, 1, NODE_NS, DEV_CNI0, reason, p);
		drop(f, 2, POD_B_NS, POD_ETH0, FAULT + BENIGN - reason, p);
		assert_int_equal(only(f, VERDICT_DROPPED)->drop.info.reason, FAULT);
		stop(f);
	}
}

static void benign_drop_changes_nothing(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_ping(ADDR_A, ADDR_B, true, 42, 1, 77, 56);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	drop(f, 1, POD_B_NS, POD_ETH0, BENIGN, p);
	only(f, VERDICT_DELIVERED);
	assert_true(f->closed[0].drop.benign);
	assert_int_equal(journey_table_counts(f->table)->benign, 0);
	stop(f);
}

static void benign_drop_alone_is_only_counted(void **state)
{
	struct fixture *f = start();

	(void)state;
	drop(f, 1, POD_B_NS, POD_ETH0, BENIGN, ping(ADDR_A, ADDR_B));
	hop(f, 2, DEV_VETH_A, "in", ping(ADDR_A, ADDR_REMOTE));
	drop(f, 2, NODE_NS, DEV_CNI0, BENIGN, ping(ADDR_A, ADDR_REMOTE));
	later(f, 5000 * MS);
	assert_int_equal(f->count, 0);
	assert_int_equal(journey_table_counts(f->table)->benign, 2);
	stop(f);
}

static void unreadable_drop_belongs_by_address(void **state)
{
	struct fixture *f = start();
	struct packet nothing;

	(void)state;
	memset(&nothing, 0, sizeof(nothing));
	hop(f, 1, DEV_VETH_A, "in", ping(ADDR_A, ADDR_REMOTE));
	drop(f, 1, NODE_NS, DEV_FLANNEL, FAULT, nothing);
	assert_int_equal(only(f, VERDICT_DROPPED)->hop_count, 1);
	stop(f);
}

static void drop_of_a_copy_by_signature(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	drop(f, 9, POD_B_NS, POD_ETH0, BENIGN, p); /* a tap's clone */
	drop(f, 8, POD_B_NS, POD_ETH0, FAULT, p); /* native XDP copied the packet */
	assert_int_equal(only(f, VERDICT_DROPPED)->end_netns, POD_B_NS);
	assert_int_equal(journey_table_counts(f->table)->benign, 0);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dropped_on_the_way),
		cmocka_unit_test(dropped_before_any_hop),
		cmocka_unit_test(served_and_dropped_late),
		cmocka_unit_test(drop_in_the_pod_wins),
		cmocka_unit_test(drop_after_leaving_wins),
		cmocka_unit_test(drop_on_the_other_node_is_not_ours),
		cmocka_unit_test(fault_wins_over_benign),
		cmocka_unit_test(benign_drop_changes_nothing),
		cmocka_unit_test(benign_drop_alone_is_only_counted),
		cmocka_unit_test(unreadable_drop_belongs_by_address),
		cmocka_unit_test(drop_of_a_copy_by_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
