/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of open journeys: an skb's address that comes back with another packet, twins that nothing
 * but their way tells apart, and the bound of its memory.
 */
#include "journey_fixture.h"

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
		cmocka_unit_test(address_comes_back),
		cmocka_unit_test(twins_at_one_address),
		cmocka_unit_test(twin_dropped_in_its_pod),
		cmocka_unit_test(twin_dropped_after_one_left),
		cmocka_unit_test(socket_tells_twins_apart),
		cmocka_unit_test(twin_without_its_beginning),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(a_million_never_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
