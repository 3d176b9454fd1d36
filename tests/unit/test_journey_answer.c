/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that are answered by a reset or an ICMP error, in either order of the two records, and
 * what looks like such an answer and is none.
 */
#include "journey_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_is_reset),
		cmocka_unit_test(abort_rejects_nothing),
		cmocka_unit_test(dropped_data_is_reset),
		cmocka_unit_test(icmp_error_rejects),
		cmocka_unit_test(remote_refuses_the_tunnel),
		cmocka_unit_test(redirect_rejects_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
