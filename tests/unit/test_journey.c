/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way a packet can go through the node of records.h, record by record as the tc programs
 * would see it, and the one verdict it must get: delivered, left, or vanished where it must not.
 */
#include <errno.h>

#include "journey_fixture.h"

/* Ways that end well. */

static void same_bridge(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);
	const struct journey *j;

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	later(f, 100 * MS);
	assert_int_equal(f->count, 0); /* a drop or an answer may still come */
	assert_int_equal(journey_table_pending(f->table), 0);
	j = only(f, VERDICT_DELIVERED);
	assert_int_equal(j->hop_count, 2);
	assert_int_equal(j->end_ifindex, DEV_VETH_B);
	assert_false(j->tracked_midway);
	assert_false(j->hops[1].nat);
	assert_int_equal(j->id, 1);
	stop(f);
}

static void over_the_tunnel(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_REMOTE), q = p;
	const struct journey *j;

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_CNI0, "in", p);
	q.ttl--;
	hop(f, 1, DEV_FLANNEL, "out", q);
	hop_encap(f, 1, DEV_ETH0, "out", q, encap_vxlan(ADDR_NODE, ADDR_NODE2, q.len, 5));
	j = only(f, VERDICT_LEFT_NODE);
	assert_int_equal(j->hop_count, 4);
	assert_int_equal(j->hops[2].packet.ttl, 63);
	assert_true(j->hops[3].has_encap);
	assert_int_equal(j->hops[3].encap.vni, 1);
	assert_int_equal(j->end_ifindex, DEV_ETH0);
	stop(f);
}

static void from_the_tunnel(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_REMOTE, ADDR_A);

	(void)state;
	hop_encap(f, 1, DEV_ETH0, "in", p, encap_vxlan(ADDR_NODE2, ADDR_NODE, p.len, 5));
	hop(f, 1, DEV_FLANNEL, "in", p);
	hop(f, 1, DEV_CNI0, "out", p);
	hop(f, 1, DEV_VETH_A, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 4);
	stop(f);
}

static void to_the_node_itself(void **state)
{
	struct fixture *f = start();

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", ping(ADDR_A, ADDR_CNI0));
	hop(f, 1, DEV_CNI0, "in", ping(ADDR_A, ADDR_CNI0));
	assert_int_equal(only(f, VERDICT_DELIVERED)->end_ifindex, DEV_CNI0);
	stop(f);
}

static void from_the_node(void **state)
{
	struct fixture *f = start();

	(void)state;
	hop(f, 1, DEV_CNI0, "out", ping(ADDR_CNI0, ADDR_A));
	hop(f, 1, DEV_VETH_A, "out", ping(ADDR_CNI0, ADDR_A));
	assert_false(only(f, VERDICT_DELIVERED)->tracked_midway);
	stop(f);
}

static void service_is_translated(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_tcp(ADDR_A, 40000, ADDR_SERVICE, 80, PACKET_TCP_SYN, 9, 0, 0);
	struct packet q = packet_translate(p, ADDR_A, 40000, ADDR_B, 8080);
	const struct journey *j;

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_CNI0, "in", p);
	hop(f, 1, DEV_VETH_B, "out", q);
	j = only(f, VERDICT_DELIVERED);
	assert_int_equal(j->packet.dport, 80);
	assert_false(j->hops[1].nat);
	assert_true(j->hops[2].nat);
	assert_int_equal(j->hops[2].packet.dport, 8080);
	stop(f);
}

static void hairpin_changes_both(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_tcp(ADDR_A, 40000, ADDR_SERVICE, 80, PACKET_TCP_SYN, 9, 0, 0);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_CNI0, "in", p);
	hop(f, 1, DEV_VETH_A, "out", packet_translate(p, ADDR_CNI0, 50000, ADDR_A, 8080));
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 3);
	stop(f);
}

static void inside_a_pod(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);
	struct test_record r;

	(void)state;
	r = record_make(RECORD_HOP_OUT, 0, 1, POD_A_NS, POD_ETH0, p);
	put(f, &r);
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	r = record_make(RECORD_HOP_IN, 0, 1, POD_B_NS, POD_ETH0, p);
	put(f, &r);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 4);
	assert_int_equal(f->closed[0].end_netns, POD_B_NS);
	assert_false(f->closed[0].tracked_midway);
	stop(f);
}

/* Ways that end in the middle. */

static void vanishes_on_the_bridge(void **state)
{
	struct fixture *f = start();

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", ping(ADDR_A, ADDR_REMOTE));
	hop(f, 1, DEV_CNI0, "in", ping(ADDR_A, ADDR_REMOTE));
	later(f, 3900 * MS);
	assert_int_equal(f->count, 0);
	assert_int_equal(journey_table_pending(f->table), 1);
	later(f, 200 * MS);
	assert_int_equal(f->count, 1);
	assert_int_equal(only(f, VERDICT_VANISHED)->end_ifindex, DEV_CNI0);
	stop(f);
}

/* The trace ends: what was seen a moment ago was on its way, what was seen long ago is lost. */
static void young_is_not_missed(void **state)
{
	struct fixture *f = start();
	const struct journey_counts *counts = journey_table_counts(f->table);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", ping(ADDR_A, ADDR_REMOTE));
	later(f, 1000 * MS);
	hop(f, 2, DEV_VETH_A, "in", packet_udp(ADDR_A, 4000, ADDR_REMOTE, 9, 77, 100));
	journey_table_finish(f->table, f->now + 10 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->closed[0].verdict, VERDICT_VANISHED);
	assert_false(f->closed[0].evicted);
	assert_int_equal(f->closed[1].verdict, VERDICT_VANISHED);
	assert_true(f->closed[1].evicted);
	assert_int_equal(counts->verdicts[VERDICT_VANISHED], 2);
	stop(f);
}

/* A device came that nobody looked at yet: what was on its way then may have left by it. */
static void unseen_device_is_no_loss(void **state)
{
	struct fixture *f = start();

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", ping(ADDR_A, ADDR_REMOTE));
	later(f, 1000 * MS);
	journey_table_unseen(f->table, f->now - 100 * MS, f->now + 100 * MS);
	hop(f, 2, DEV_VETH_A, "in", packet_udp(ADDR_A, 4000, ADDR_REMOTE, 9, 77, 100));
	hop(f, 4, DEV_VETH_A, "in", packet_udp(ADDR_A, 4002, ADDR_REMOTE, 9, 79, 100));
	drop(f, 4, NODE_NS, DEV_CNI0, FAULT, packet_udp(ADDR_A, 4002, ADDR_REMOTE, 9, 79, 100));
	later(f, 1000 * MS);
	journey_table_unseen(f->table, f->now, f->now); /* another one, later */
	later(f, 10 * MS);
	hop(f, 3, DEV_VETH_A, "in", packet_udp(ADDR_A, 4001, ADDR_REMOTE, 9, 78, 100));
	journey_table_finish(f->table, f->now + 1000 * MS);
	assert_int_equal(f->count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct journey *journey = &f->closed[i];
		bool dropped = journey->packet.sport == 4002,
		     unseen = journey->packet.sport == 4000;

		assert_int_equal(journey->verdict, dropped ? VERDICT_DROPPED : VERDICT_VANISHED);
		assert_int_equal(journey->evicted, unseen);
	}
	stop(f);
}

static void vanishes_behind_the_tunnel(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_REMOTE);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_FLANNEL, "out", p);
	only(f, VERDICT_VANISHED);
	stop(f);

	f = start();
	f->topology.devices.items[1].traced = false; /* eth0: we would not have seen it leave */
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_FLANNEL, "out", p);
	only(f, VERDICT_LEFT_NODE);
	stop(f);
}

static void vanishes_before_the_tunnel(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_REMOTE, ADDR_A);
	struct encap encap = encap_vxlan(ADDR_NODE2, ADDR_NODE, p.len, 5);

	(void)state;
	hop_encap(f, 1, DEV_ETH0, "in", p, encap);
	only(f, VERDICT_VANISHED);
	stop(f);

	f = start();
	f->topology.devices.items[3].traced = false; /* flannel.1 */
	hop_encap(f, 1, DEV_ETH0, "in", p, encap);
	only(f, VERDICT_DELIVERED);
	stop(f);
}

/* --device cni0: what follows is not looked at, so it is not missed. */
static void nothing_vanishes_unseen(void **state)
{
	struct fixture *f = start();

	(void)state;
	for (size_t i = 0; i < f->topology.devices.count; i++) {
		struct device *device = &f->topology.devices.items[i];

		device->traced = device->role == ROLE_BRIDGE;
	}
	hop(f, 1, DEV_CNI0, "in", ping(ADDR_A, ADDR_REMOTE));
	hop(f, 2, DEV_CNI0, "in", ping(ADDR_A, ADDR_B));
	hop(f, 3, DEV_CNI0, "out", ping(ADDR_REMOTE, ADDR_B));
	later(f, 5000 * MS);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->closed[0].verdict, VERDICT_LEFT_NODE);
	assert_false(f->closed[0].tracked_midway);
	assert_int_equal(f->closed[1].verdict, VERDICT_DELIVERED);
	assert_int_equal(f->closed[2].verdict, VERDICT_DELIVERED);
	stop(f);
}

static void late_record_after_a_rest(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	later(f, 2000 * MS); /* waits for a neighbour */
	hop(f, 1, DEV_VETH_B, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 2);
	stop(f);
}

static void tunnel_carries_on_as_another_packet(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 1, ADDR_REMOTE, 2, 3, 100);
	struct packet carrier = packet_udp(ADDR_NODE, 51820, ADDR_NODE2, 51820, 99, 160);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_FLANNEL, "out", p);
	hop(f, 1, DEV_ETH0, "out", carrier);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_LEFT_NODE], 2);
	stop(f);
}

static void nobody_misses_multicast(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 5353, "224.0.0.251", 5353, 3, 100), arp;

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	p = packet_udp(ADDR_A, 67, "10.244.1.255", 68, 4, 100);
	p.flags = PACKET_MULTICAST;
	hop(f, 2, DEV_VETH_A, "in", p);
	memset(&arp, 0, sizeof(arp));
	arp.ethertype = 0x0806;
	hop(f, 3, DEV_VETH_A, "in", arp);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2); /* ARP is not told */
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_VANISHED], 0);
	drop(f, 3, NODE_NS, DEV_CNI0, FAULT, arp);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 3); /* but when a fault drops it */
	assert_int_equal(f->closed[2].verdict, VERDICT_DROPPED);
	stop(f);
}

/* Devices and addresses come and go while the trace runs. */
static void topology_may_change(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, "10.244.1.20");

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, 20, "in", p); /* unknown yet */
	topology_put_device(&f->topology, NODE_NS, 20, "vethn", "veth", ROLE_POD, true,
			    "default/n");
	hop(f, 1, 20, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 3);
	hop(f, 2, DEV_VETH_A, "in", p);
	topology_put_address(&f->topology, NODE_NS, "10.244.1.20");
	later(f, 5000 * MS);
	assert_int_equal(f->closed[1].verdict, VERDICT_DELIVERED);
	stop(f);
}

static void midway_is_said(void **state)
{
	struct fixture *f = start();

	(void)state;
	hop(f, 1, DEV_VETH_B, "out", ping(ADDR_A, ADDR_B));
	assert_true(only(f, VERDICT_DELIVERED)->tracked_midway);
	stop(f);
}

static void loop_keeps_its_end(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, "8.8.8.8");

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	for (int i = 0; i < 40; i++) {
		p.ttl--;
		hop(f, 1, DEV_ETH0, i & 1 ? "in" : "out", p);
	}
	drop(f, 1, NODE_NS, DEV_ETH0, FAULT, p);
	assert_int_equal(only(f, VERDICT_DROPPED)->hop_count, JOURNEY_MAX_HOPS);
	assert_true(f->closed[0].hops_cut);
	assert_int_equal(f->closed[0].hops[JOURNEY_MAX_HOPS - 1].packet.ttl, 24);
	stop(f);
}

static void payload_is_kept(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 4000, ADDR_B, 53, 3, 30);
	struct test_record r = record_make(RECORD_HOP_IN, 0, 1, NODE_NS, DEV_VETH_A, p);

	(void)state;
	r.head.tails = TAIL_PAYLOAD;
	r.payload_len = 30;
	memset(r.payload, 'q', 30);
	put(f, &r);
	memset(r.payload, 'x', 30);
	r.head.type = RECORD_HOP_OUT;
	r.head.ifindex = DEV_VETH_B;
	put(f, &r);
	assert_int_equal(only(f, VERDICT_DELIVERED)->payload_len, 30);
	assert_int_equal(f->closed[0].payload[29], 'q');
	stop(f);
}

static void malformed_is_counted(void **state)
{
	struct fixture *f = start();
	uint64_t bytes[4] = {0};

	(void)state;
	assert_int_equal(journey_table_add(f->table, bytes, sizeof(bytes)), -EBADMSG);
	assert_int_equal(journey_table_counts(f->table)->malformed, 1);
	assert_int_equal(journey_table_counts(f->table)->records, 1);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bridge),
		cmocka_unit_test(over_the_tunnel),
		cmocka_unit_test(from_the_tunnel),
		cmocka_unit_test(to_the_node_itself),
		cmocka_unit_test(from_the_node),
		cmocka_unit_test(service_is_translated),
		cmocka_unit_test(hairpin_changes_both),
		cmocka_unit_test(inside_a_pod),
		cmocka_unit_test(vanishes_on_the_bridge),
		cmocka_unit_test(young_is_not_missed),
		cmocka_unit_test(unseen_device_is_no_loss),
		cmocka_unit_test(vanishes_behind_the_tunnel),
		cmocka_unit_test(vanishes_before_the_tunnel),
		cmocka_unit_test(nothing_vanishes_unseen),
		cmocka_unit_test(late_record_after_a_rest),
		cmocka_unit_test(tunnel_carries_on_as_another_packet),
		cmocka_unit_test(nobody_misses_multicast),
		cmocka_unit_test(topology_may_change),
		cmocka_unit_test(midway_is_said),
		cmocka_unit_test(loop_keeps_its_end),
		cmocka_unit_test(payload_is_kept),
		cmocka_unit_test(malformed_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
