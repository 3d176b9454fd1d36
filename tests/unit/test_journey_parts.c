/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet in several skbs: clones, copies, segments, merged segments and fragments. None of them
 * vanishes, and none counts twice.
 */
#include <netinet/in.h>

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

/* A fragment of a datagram of 4008 bytes behind its header: `len` with the header, from `from` on. */
static struct packet cut(struct packet whole, uint32_t from, uint32_t len)
{
	whole.frag = (uint16_t)(from / 8 | (from + len - 20 < 4008 ? PACKET_FRAG_MF : 0));
	whole.len = len;
	if (from) {
		whole.sport = whole.dport = 0;
		whole.header_len = 20;
	}
	return whole;
}

#define CUT_SKB 40 /* what is cut anew has addresses of its own, from this one on */

static void cut_all(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
		    struct packet whole, const uint32_t *lengths)
{
	for (uint32_t from = 0; *lengths; from += *lengths++ - 20)
		hop(f, skb++, ifindex, direction, cut(whole, from, *lengths));
}

/* Put together for a translation and cut anew to other sizes, as the next device takes them. */
static void fragments_of_other_sizes(void **state)
{
	static const uint32_t sizes[][2][5] = {
		{{1500, 1500, 1068}, {1396, 1396, 1276}},
		{{1500, 1500, 1068}, {1020, 1020, 1020, 1008}},
		{{1020, 1020, 1020, 1008}, {1500, 1500, 1068}}, /* by hand, or offloaded */
	};
	struct packet p = packet_udp(ADDR_A, 1, "8.8.8.8", 2, 77, 4000),
		      q = packet_translate(p, ADDR_NODE, 1, "8.8.8.8", 2);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fixture *f = start();
		size_t begun = 0, gone = 0;

		/* the new ones lie in the second case where old ones were freed */
		cut_all(f, 1, DEV_VETH_A, "in", p, sizes[i][0]);
		cut_all(f, i == 1 ? 2 : CUT_SKB, DEV_ETH0, "out", q, sizes[i][1]);
		later(f, 5000 * MS);
		for (size_t k = 0; k < f->count; k++) {
			const struct journey *j = &f->closed[k];
			bool is_in = !j->hops[0].out;

			assert_int_equal(j->verdict, VERDICT_LEFT_NODE);
			assert_int_equal(j->hop_count, is_in ? 2 : 1);
			begun += is_in;
			gone += !is_in;
			if (is_in) /* the first in the first, which has the ports */
				assert_int_equal(!j->packet.sport, !j->hops[1].packet.sport);
		}
		assert_int_equal(begun, i == 2 ? 4 : 3);
		assert_int_equal(gone, i == 1); /* one more than came in: of its own, as ever */
		stop(f);
	}
}

/* A bridge's filter puts together and cuts behind the bridge's own device. Clones go on as what they are now. */
static void fragments_of_other_sizes_behind_a_bridge(void **state)
{
	static const uint32_t before[] = {1500, 1500, 1068, 0}, after[] = {1396, 1396, 1276, 0};
	struct packet p = packet_udp(ADDR_A, 1, ADDR_REMOTE, 2, 77, 4000), whole = p;
	struct fixture *f = start();

	(void)state;
	whole.len = 4028;
	cut_all(f, 1, DEV_VETH_A, "in", p, before);
	hop(f, 3, DEV_CNI0, "in", whole);
	cut_all(f, CUT_SKB, DEV_FLANNEL, "out", p, after);
	cut_all(f, CUT_SKB + 5, DEV_ETH0, "out", p, after);
	later(f, 5000 * MS);
	assert_int_equal(f->count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f->closed[i].verdict, VERDICT_LEFT_NODE);
		assert_int_equal(f->closed[i].hop_count,
				 f->closed[i].packet.frag & PACKET_FRAG_MF ? 3 : 4);
	}
	stop(f);
}

/* What only looks like a fragment cut anew is none of the journey. */
static void fragments_of_others(void **state)
{
	static const uint32_t before[] = {1500, 1500, 1068, 0}, after[] = {1396, 1396, 1276, 0};
	struct packet p = packet_udp(ADDR_A, 1, "8.8.8.8", 2, 77, 4000), others[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		others[i] = packet_translate(p, ADDR_NODE, 1, "8.8.8.8", 2);
	others[0].ip_id = 78;
	others[1].proto = IPPROTO_ICMP;
	others[2] = packet_udp(ADDR_NODE, 1, "9.9.9.9", 2, 77, 4000);
	others[4].dport = 3; /* the node's own */
	others[5] = packet_udp(ADDR_A, 3, "9.9.9.9", 2, 77, 4000);
	for (int i = 0; i < 6; i++) {
		struct fixture *f = start();

		cut_all(f, 1, DEV_VETH_A, "in", p, before);
		if (i == 3) /* behind a masquerade nobody can tell two senders' from each other */
			cut_all(f, 11, DEV_VETH_B, "in",
				packet_udp(ADDR_B, 1, "8.8.8.8", 2, 77, 4000), before);
		cut_all(f, CUT_SKB, DEV_ETH0, "out", others[i], after);
		later(f, 5000 * MS);
		assert_int_equal(f->count, i == 3 ? 9 : 6);
		for (size_t k = 0; k < f->count; k++)
			assert_int_equal(f->closed[k].hop_count, 1);
		stop(f);
	}
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
		cmocka_unit_test(fragments_of_other_sizes),
		cmocka_unit_test(fragments_of_other_sizes_behind_a_bridge),
		cmocka_unit_test(fragments_of_others),
		cmocka_unit_test(fragments6_go_on_translated),
		cmocka_unit_test(fragment6_at_the_address_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
