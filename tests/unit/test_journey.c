/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way a packet can go through the node of records.h, record by record as the tc
 * and kfree_skb programs would see it, and the one verdict it must get.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "packet/journey.h"
#include "records.h"

#define MS 1000000ull
#define MAX_CLOSED 64

struct fixture {
	struct topology topology;
	struct journey_table *table;
	struct journey closed[MAX_CLOSED];
	size_t count;
	uint64_t now;
};

static void keep(void *context, const struct journey *journey)
{
	struct fixture *f = context;

	if (f->count < MAX_CLOSED)
		f->closed[f->count] = *journey;
	f->count++;
}

/* In these tests a drop says by its reason what it is: odd numbers are benign. */
#define FAULT 2
#define BENIGN 3

static void name(void *context, struct drop *drop)
{
	(void)context;
	drop->benign = drop->info.reason & 1;
}

static struct fixture *start_with(struct journey_config config)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	topology_example(&f->topology);
	config.topology = &f->topology;
	config.closed = keep;
	config.name_drop = name;
	config.context = f;
	f->table = journey_table_new(&config);
	assert_non_null(f->table);
	f->now = 1000 * MS;
	return f;
}

static struct fixture *start(void)
{
	return start_with((struct journey_config){0});
}

static void stop(struct fixture *f)
{
	journey_table_flush(f->table);
	assert_int_equal(journey_table_open(f->table), 0);
	journey_table_free(f->table);
	topology_free(&f->topology);
	test_free(f);
}

static void put(struct fixture *f, struct test_record *r)
{
	static _Alignas(8) uint8_t bytes[RECORD_ROOM];

	f->now += 1000;
	r->head.time_ns = f->now;
	assert_int_equal(journey_table_add(f->table, bytes, record_write(r, bytes)), 0);
}

static void hop(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
		struct packet packet)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	put(f, &r);
}

static void hop_encap(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
		      struct packet packet, struct encap encap)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	r.head.tails = TAIL_ENCAP;
	r.encap = encap;
	put(f, &r);
}

static void hop_gso(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
		    struct packet packet, uint16_t gso_size)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	r.head.gso_size = gso_size;
	put(f, &r);
}

static void hop_quoting(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
			struct packet packet, struct packet quoted)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	r.head.tails = TAIL_QUOTED;
	r.quoted = quote(quoted);
	put(f, &r);
}

static void drop(struct fixture *f, uint64_t skb, uint32_t netns, uint32_t ifindex, uint32_t reason,
		 struct packet packet)
{
	struct test_record r = record_make(RECORD_DROP, 0, skb, netns, ifindex, packet);

	r.drop.reason = reason;
	put(f, &r);
}

static void later(struct fixture *f, uint64_t ns)
{
	f->now += ns;
	journey_table_expire(f->table, f->now);
}

static const struct journey *only(struct fixture *f, enum verdict verdict)
{
	later(f, 5000 * MS);
	assert_int_equal(f->count, 1);
	assert_string_equal(verdict_name(f->closed[0].verdict), verdict_name(verdict));
	assert_int_equal(journey_table_counts(f->table)->verdicts[verdict], 1);
	return &f->closed[0];
}

static struct packet ping(const char *src, const char *dst)
{
	return packet_ping(src, dst, false, 42, 1, 77, 56);
}

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

/* Drops. */

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

/* Clones, fragments, segments. */

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

/* Answers. */

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

static void syn_is_reset(void **state)
{
	struct packet syn = packet_tcp(ADDR_A, 40000, ADDR_SERVICE, 80, PACKET_TCP_SYN, 9, 0, 0);
	struct packet dnat = packet_translate(syn, ADDR_A, 40000, ADDR_B, 8080);
	struct packet rst =
		packet_tcp(ADDR_B, 8080, ADDR_A, 40000, PACKET_TCP_RST | PACKET_TCP_ACK, 0, 10, 0);

	(void)state;
	for (int drop_first = 0; drop_first < 3; drop_first++) {
		struct fixture *f = start();

		hop(f, 1, DEV_VETH_A, "in", syn);
		hop(f, 1, DEV_VETH_B, "out", dnat);
		if (drop_first == 1)
			drop(f, 1, POD_B_NS, POD_ETH0, FAULT, dnat); /* NO_SOCKET */
		hop(f, 2, DEV_VETH_B, "in", rst);
		hop(f, 2, DEV_VETH_A, "out",
		    packet_translate(rst, ADDR_SERVICE, 80, ADDR_A, 40000));
		if (drop_first == 0)
			drop(f, 1, POD_B_NS, POD_ETH0, FAULT, dnat);
		later(f, 5000 * MS);
		assert_int_equal(f->count, 2);
		for (int i = 0; i < 2; i++) {
			const struct journey *j = &f->closed[i];

			assert_int_equal(j->verdict,
					 j->id == 1 ? VERDICT_REJECTED : VERDICT_DELIVERED);
			assert_int_equal(j->answered_by, j->id == 1 ? 2 : 0);
			assert_int_equal(j->answers, j->id == 1 ? 0 : 1);
			if (j->id == 1) {
				assert_int_equal(j->has_drop, drop_first < 2);
				assert_memory_equal(j->answer.src, rst.src, 16);
			}
		}
		stop(f);
	}
}

static void abort_rejects_nothing(void **state)
{
	struct fixture *f = start();
	struct packet data = packet_tcp(ADDR_A, 40000, ADDR_B, 80, PACKET_TCP_ACK, 9, 70, 100);
	struct packet rst =
		packet_tcp(ADDR_B, 80, ADDR_A, 40000, PACKET_TCP_RST | PACKET_TCP_ACK, 70, 109, 0);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", data);
	hop(f, 1, DEV_VETH_B, "out", data);
	hop(f, 2, DEV_VETH_B, "in", rst);
	hop(f, 2, DEV_VETH_A, "out", rst);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_DELIVERED], 2);
	assert_int_equal(f->closed[0].answered_by, 0);
	assert_int_equal(f->closed[1].answers, 0);
	stop(f);
}

/* A new REJECT rule hits a connection that stands: the packet is dropped and a RST sent. */
static void dropped_data_is_reset(void **state)
{
	struct packet data = packet_tcp(ADDR_A, 40000, ADDR_B, 80, PACKET_TCP_ACK, 9, 70, 100);
	struct packet rst = packet_tcp(ADDR_B, 80, ADDR_A, 40000, PACKET_TCP_RST, 70, 0, 0);

	(void)state;
	for (int drop_first = 0; drop_first < 2; drop_first++) {
		struct fixture *f = start();

		hop(f, 1, DEV_VETH_A, "in", data);
		if (drop_first)
			drop(f, 1, NODE_NS, DEV_CNI0, FAULT, data);
		hop(f, 2, DEV_VETH_A, "out", rst);
		if (!drop_first)
			drop(f, 1, NODE_NS, DEV_CNI0, FAULT, data);
		later(f, 5000 * MS);
		assert_int_equal(f->count, 2);
		assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_REJECTED], 1);
		for (int i = 0; i < 2; i++)
			assert_int_equal(f->closed[i].answers, f->closed[i].id == 2 ? 1 : 0);
		stop(f);
	}
}

/* order: 0 drop, then the ICMP error; 1 the other way round; 2 the error before anything is known of the packet */
static void icmp_error_rejects(void **state)
{
	struct packet p = packet_udp(ADDR_A, 5000, ADDR_SERVICE, 99, 31, 40);
	struct packet dnat = packet_translate(p, ADDR_A, 5000, ADDR_B, 99);
	struct packet other = packet_udp(ADDR_A, 5000, ADDR_SERVICE, 99, 32, 40);
	struct packet error = packet_error(ADDR_CNI0, ADDR_A, 3, 3, 0, 4);

	(void)state;
	for (int order = 0; order < 3; order++) {
		struct fixture *f = start();
		int rejected = 0;

		if (order == 2)
			hop_quoting(f, 7, DEV_VETH_A, "out", error, dnat);
		if (order < 2) {
			hop(f, 1, DEV_VETH_A, "in", p);
			hop(f, 1, DEV_CNI0, "out", dnat);
			hop(f, 2, DEV_VETH_A, "in", other);
			hop(f, 2, DEV_VETH_B, "out",
			    packet_translate(other, ADDR_A, 5000, ADDR_B, 99));
		}
		if (order == 1)
			hop_quoting(f, 7, DEV_VETH_A, "out", error, dnat);
		drop(f, 1, NODE_NS, DEV_CNI0, FAULT, dnat);
		if (order == 0)
			hop_quoting(f, 7, DEV_VETH_A, "out", error, dnat);
		later(f, 5000 * MS);
		assert_int_equal(f->count, order < 2 ? 3 : 2);
		for (size_t i = 0; i < f->count; i++) {
			const struct journey *j = &f->closed[i];

			if (j->verdict != VERDICT_REJECTED) {
				assert_int_equal(j->verdict, VERDICT_DELIVERED);
				continue;
			}
			rejected++;
			assert_int_equal(j->packet.ip_id, 31);
			assert_true(j->has_drop);
			assert_int_equal(j->answer.icmp_code, 3);
			assert_false(j->answer_quotes_encap);
		}
		assert_int_equal(rejected, 1);
		stop(f);
	}
}

static void remote_refuses_the_tunnel(void **state)
{
	struct packet p = ping(ADDR_A, ADDR_REMOTE), outer, error;
	struct encap encap = encap_vxlan(ADDR_NODE, ADDR_NODE2, p.len, 555);

	(void)state;
	error = packet_error(ADDR_NODE2, ADDR_NODE, 3, 3, 0, 6);
	outer = packet_udp(ADDR_NODE, encap.sport, ADDR_NODE2, 8472, 555, p.len + 22);
	for (int whole = 0; whole < 2; whole++) { /* a router quotes 28 bytes, Linux far more */
		struct fixture *f = start();
		struct test_record r = record_make(RECORD_HOP_IN, 0, 2, NODE_NS, DEV_ETH0, error);

		hop(f, 1, DEV_VETH_A, "in", p);
		hop(f, 1, DEV_FLANNEL, "out", p);
		hop_encap(f, 1, DEV_ETH0, "out", p, encap);
		r.head.tails = TAIL_QUOTED;
		r.quoted = quote(whole ? p : outer);
		r.quoted.encap_dport = 8472;
		r.quoted.encap_kind = whole ? ENCAP_VXLAN : 0;
		put(f, &r);
		later(f, 5000 * MS);
		assert_int_equal(f->count, 2);
		assert_int_equal(f->closed[0].verdict, VERDICT_REJECTED);
		assert_true(f->closed[0].answer_quotes_encap);
		assert_int_equal(f->closed[0].answer_encap_dport, 8472);
		assert_memory_equal(f->closed[0].answer.src, error.src, 16);
		assert_int_equal(f->closed[1].answers, 1);
		assert_true(f->closed[1].has_quoted);
		assert_int_equal(f->closed[1].quoted.encap_kind, ENCAP_VXLAN);
		assert_memory_equal(f->closed[1].quoted.packet.dst, p.dst, 16);
		stop(f);
	}
}

static void redirect_rejects_nothing(void **state)
{
	struct fixture *f = start();
	struct packet p = ping(ADDR_A, ADDR_B);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	hop_quoting(f, 2, DEV_VETH_A, "out", packet_error(ADDR_CNI0, ADDR_A, 5, 1, 0, 6), p);
	later(f, 5000 * MS);
	assert_int_equal(journey_table_counts(f->table)->verdicts[VERDICT_REJECTED], 0);
	assert_int_equal(f->count, 2);
	stop(f);
}

/* The table. */

static void address_comes_back(void **state)
{
	struct fixture *f = start();

	(void)state;
	for (uint16_t i = 0; i < 3; i++) {
		struct packet p = packet_ping(ADDR_A, ADDR_B, false, 42, i, (uint16_t)(i + 1), 56);

		hop(f, 1, DEV_VETH_A, "in", p);
		hop(f, 1, DEV_VETH_B, "out", p);
	}
	later(f, 5000 * MS);
	assert_int_equal(f->count, 3);
	assert_int_equal(journey_table_counts(f->table)->reused, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->closed[i].hop_count, 2);
	stop(f);
}

/* Nothing in the packets tells them apart; that one begins its way does. */
static void twins_at_one_address(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp("fd00::1", 1, "fd00::2", 2, 0, 100);

	(void)state;
	for (int i = 0; i < 3; i++) {
		hop(f, 1, DEV_VETH_A, "in", p);
		hop(f, 1, DEV_VETH_B, "out", p);
	}
	later(f, 5000 * MS);
	assert_int_equal(f->count, 3);
	stop(f);
}

/* Alike to the last bit and at one address; the second is dropped before it has left its pod. */
static void twin_dropped_in_its_pod(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 1, ADDR_B, 2, 0, 100);

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		hop(f, 1, DEV_VETH_A, "in", p);
		hop(f, 1, DEV_VETH_B, "out", p);
		drop(f, 1, POD_A_NS, 0, FAULT, p);
		p.ip_id = 7; /* its number alone would tell it, were it not the same */
	}
	hop(f, 1, DEV_VETH_A, "in", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	drop(f, 1, POD_B_NS, POD_ETH0, FAULT, p);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 5);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(f->closed[2 * twice].verdict, VERDICT_DELIVERED);
		assert_int_equal(f->closed[2 * twice].hop_count, 2);
		assert_int_equal(f->closed[2 * twice + 1].verdict, VERDICT_DROPPED);
		assert_int_equal(f->closed[2 * twice + 1].hop_count, 0);
	}
	assert_int_equal(f->closed[4].verdict, VERDICT_DROPPED);
	assert_int_equal(f->closed[4].hop_count, 2);
	stop(f);
}

/* The first has left the node; the second is the node's or a pod's own, and refused by a rule of theirs. */
static void twin_dropped_after_one_left(void **state)
{
	const uint32_t where[3][2] = {{NODE_NS, 0}, {POD_A_NS, POD_ETH0}, {NODE_NS, DEV_CNI0}};
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_NODE, 1, "8.8.8.8", 2, 0, 100);

	(void)state;
	for (int i = 0; i < 3; i++) {
		hop(f, 1, DEV_ETH0, "out", p);
		drop(f, 1, where[i][0], where[i][1], FAULT, p);
	}
	hop(f, 1, DEV_ETH0, "out", p);
	drop(f, 1, NODE_NS, DEV_ETH0, FAULT, p);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 7);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(f->closed[i].verdict, i % 2 ? VERDICT_DROPPED : VERDICT_LEFT_NODE);
		assert_int_equal(f->closed[i].hop_count, !(i % 2));
	}
	assert_int_equal(f->closed[6].verdict, VERDICT_DROPPED);
	assert_int_equal(f->closed[6].hop_count, 1);
	stop(f);
}

/* One is delivered to the node, and the node's answer, with the same numbers, gets its address. */
static void socket_tells_twins_apart(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 1, ADDR_CNI0, 2, 9, 100);
	struct packet answer = packet_translate(p, ADDR_CNI0, 2, ADDR_A, 1);

	(void)state;
	p.flags = 0x120;
	answer.flags = 0x340;
	hop(f, 1, DEV_VETH_A, "in", p);
	p.flags = 0; /* routed, it is nobody's */
	hop(f, 1, DEV_CNI0, "in", p);
	hop(f, 1, DEV_CNI0, "out", answer);
	hop(f, 1, DEV_VETH_A, "out", answer);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->closed[0].hop_count, 2);
	assert_int_equal(f->closed[1].hop_count, 2);
	stop(f);
}

/* No record was made of where the second began. */
static void twin_without_its_beginning(void **state)
{
	struct fixture *f = start();
	struct packet p = packet_udp(ADDR_A, 1, ADDR_REMOTE, 2, 5, 100);

	(void)state;
	hop(f, 1, DEV_VETH_A, "in", p);
	p.ttl--;
	for (int i = 0; i < 3; i++) {
		hop(f, 1, DEV_FLANNEL, "out", p);
		hop(f, 1, DEV_ETH0, "out", p);
	}
	later(f, 5000 * MS);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->closed[0].hop_count, 3);
	for (int i = 1; i < 3; i++)
		assert_int_equal(f->closed[i].hop_count, 2);
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

static void bounded(struct journey_config config, size_t most)
{
	struct fixture *f = start_with(config);

	for (uint32_t i = 0; i < 50000; i++) {
		struct packet p = packet_udp(ADDR_A, (uint16_t)i, ADDR_REMOTE, 2, (uint16_t)i, 9);

		hop(f, 64 * i, DEV_VETH_A, "in", p);
		if (i % 2)
			hop(f, 64 * i, DEV_ETH0, "out", p);
		assert_true(journey_table_open(f->table) <= most);
	}
	assert_int_equal(journey_table_counts(f->table)->evicted, f->count);
	for (size_t i = 0; i < MAX_CLOSED; i++)
		assert_true(f->closed[i].evicted);
	/* Those at their end went first. */
	assert_int_equal(f->closed[0].verdict, VERDICT_LEFT_NODE);
	journey_table_flush(f->table);
	assert_int_equal(f->count, 50000);
	stop(f);
}

static void memory_is_bounded(void **state)
{
	(void)state;
	bounded((struct journey_config){.max_open = 100}, 100);
	bounded((struct journey_config){.max_bytes = 1 << 20}, 4000);
}

/* A million packets through one slab of 256 addresses: never are two made one. */
static void counts_hops(void *context, const struct journey *journey)
{
	uint64_t *sums = context;
	bool right = journey->hop_count == 3 && journey->verdict == VERDICT_DELIVERED &&
		     journey->hops[0].packet.sport == journey->hops[2].packet.sport;

	sums[right]++;
}

static void a_million_never_joined(void **state)
{
	static _Alignas(8) uint8_t bytes[RECORD_ROOM];
	uint64_t sums[2] = {0}, now = 1000 * MS, random = 88172645463325252ull;
	struct journey_config config = {.closed = counts_hops, .context = sums};
	struct packet tcp = packet_tcp(ADDR_A, 1, ADDR_B, 80, PACKET_TCP_ACK, 1, 5, 100);
	struct packet udp = packet_udp(ADDR_A, 1, ADDR_SERVICE, 53, 1, 40);
	struct packet v6 = packet_udp("fd00::1", 1, "fd00::2", 99, 0, 40);
	struct journey_table *table;
	struct topology topology;
	const uint32_t ways[3][2] = {{DEV_VETH_A, RECORD_HOP_IN},
				     {DEV_CNI0, RECORD_HOP_IN},
				     {DEV_VETH_B, RECORD_HOP_OUT}};

	(void)state;
	topology_example(&topology);
	config.topology = &topology;
	table = journey_table_new(&config);
	for (uint32_t i = 0; i < 1000000; i++) {
		struct packet p = i % 3 == 0 ? tcp : i % 3 == 1 ? udp : v6;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		p.sport = (uint16_t)(random >> 20);
		p.len += random & 3;
		if (p.ip_version == 4)
			p.ip_id = (uint16_t)(random >> 50); /* often the same ones */
		p.seq = i % 3 ? 0 : (uint32_t)(random >> 60);
		for (int h = 0; h < 3; h++) {
			struct test_record r = record_make(ways[h][1], now += 300,
							   0xff110000 + 256 * (random & 255),
							   NODE_NS, ways[h][0], p);

			if (h == 2 && i % 3 == 1)
				r.head.packet = packet_translate(p, ADDR_A, p.sport, ADDR_B, 53);
			assert_int_equal(journey_table_add(table, bytes, record_write(&r, bytes)),
					 0);
		}
		if (i % 1000 == 0)
			journey_table_expire(table, now);
	}
	journey_table_flush(table);
	assert_int_equal(sums[0], 0);
	assert_int_equal(sums[1], 1000000);
	journey_table_free(table);
	topology_free(&topology);
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
		cmocka_unit_test(dropped_on_the_way),
		cmocka_unit_test(dropped_before_any_hop),
		cmocka_unit_test(served_and_dropped_late),
		cmocka_unit_test(drop_in_the_pod_wins),
		cmocka_unit_test(drop_after_leaving_wins),
		cmocka_unit_test(drop_on_the_other_node_is_not_ours),
		cmocka_unit_test(fault_wins_over_benign),
		cmocka_unit_test(topology_may_change),
		cmocka_unit_test(benign_drop_changes_nothing),
		cmocka_unit_test(benign_drop_alone_is_only_counted),
		cmocka_unit_test(unreadable_drop_belongs_by_address),
		cmocka_unit_test(drop_of_a_copy_by_signature),
		cmocka_unit_test(flooded_copies_do_not_count),
		cmocka_unit_test(copy_goes_on_at_a_new_address),
		cmocka_unit_test(segments_continue),
		cmocka_unit_test(merged_packets_do_not_vanish),
		cmocka_unit_test(fragments_do_not_vanish),
		cmocka_unit_test(fragments6_do_not_vanish),
		cmocka_unit_test(fragments_go_on_translated),
		cmocka_unit_test(syn_is_reset),
		cmocka_unit_test(abort_rejects_nothing),
		cmocka_unit_test(dropped_data_is_reset),
		cmocka_unit_test(icmp_error_rejects),
		cmocka_unit_test(remote_refuses_the_tunnel),
		cmocka_unit_test(redirect_rejects_nothing),
		cmocka_unit_test(address_comes_back),
		cmocka_unit_test(twins_at_one_address),
		cmocka_unit_test(twin_dropped_in_its_pod),
		cmocka_unit_test(twin_dropped_after_one_left),
		cmocka_unit_test(socket_tells_twins_apart),
		cmocka_unit_test(twin_without_its_beginning),
		cmocka_unit_test(midway_is_said),
		cmocka_unit_test(loop_keeps_its_end),
		cmocka_unit_test(payload_is_kept),
		cmocka_unit_test(malformed_is_counted),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(a_million_never_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
