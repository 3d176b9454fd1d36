/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ARP, where the filter asks for it: one journey for each frame, however many ports a bridge gave a copy,
 * with the way to whom it is for.
 */
#include "journey_fixture.h"

#define DEV_VETH_C 12
#define REQUEST 1
#define REPLY 2

static struct fixture *start_arp(bool tells)
{
	struct fixture *f = start_with((struct journey_config){.tells_arp = tells});

	topology_put_device(&f->topology, NODE_NS, DEV_VETH_C, "vethc", "veth", ROLE_POD, true,
			    "default/c");
	array_each(device, &f->topology.devices) {
		if (device->role == ROLE_POD)
			device->master_ifindex = DEV_CNI0;
	}
	return f;
}

static struct packet arp(uint32_t opcode, const char *src, const char *dst)
{
	struct packet ends = packet_make(src, dst, 0), p = {.ethertype = PACKET_ETHERTYPE_ARP,
							    .seq = opcode,
							    .len = 28,
							    .header_len = 28};

	memcpy(p.src, ends.src, 4);
	memcpy(p.dst, ends.dst, 4);
	p.src[PACKET_ARP_MAC] = p.src[3];
	if (opcode == REQUEST)
		p.flags = PACKET_MULTICAST;
	return p;
}

/* As a bridge does it: a clone for each port, the frame itself up to its own device. */
static void flood(struct fixture *f, uint64_t skb, struct packet p)
{
	hop(f, skb, DEV_VETH_A, "in", p);
	hop(f, skb + 1, DEV_VETH_C, "out", p);
	hop(f, skb + 2, DEV_VETH_B, "out", p);
	hop(f, skb, DEV_CNI0, "in", p);
}

static void a_request_goes_to_whom_it_asks_for(void **state)
{
	static const struct {
		const char *asked;
		uint8_t hops;
		uint32_t end;
	} cases[] = {
		{ADDR_B, 2, DEV_VETH_B},
		{ADDR_CNI0, 2, DEV_CNI0},
		{"10.244.1.77", 4, DEV_CNI0}, /* nobody's: all that got it */
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fixture *f = start_arp(true);

		flood(f, 1, arp(REQUEST, ADDR_A, cases[i].asked));
		assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, cases[i].hops);
		assert_int_equal(f->closed[0].end_ifindex, cases[i].end);
		stop(f);
	}
}

static void the_node_asks(void **state)
{
	struct fixture *f = start_arp(true);
	struct packet p = arp(REQUEST, ADDR_CNI0, ADDR_B);

	(void)state;
	hop(f, 1, DEV_CNI0, "out", p);
	hop(f, 2, DEV_VETH_A, "out", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 2);
	assert_int_equal(f->closed[0].end_ifindex, DEV_VETH_B);
	stop(f);

	f = start_arp(true); /* for nobody: no pod got it more than another */
	p = arp(REQUEST, ADDR_CNI0, "10.244.1.77");
	hop(f, 1, DEV_CNI0, "out", p);
	hop(f, 2, DEV_VETH_A, "out", p);
	hop(f, 1, DEV_VETH_B, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->hop_count, 3);
	assert_int_equal(f->closed[0].end_ifindex, DEV_CNI0);
	stop(f);

	f = start_arp(true);
	hop(f, 1, DEV_ETH0, "out", arp(REQUEST, ADDR_NODE, ADDR_NODE2));
	only(f, VERDICT_LEFT_NODE);
	stop(f);
}

static void an_answer_arrives_or_is_missed(void **state)
{
	struct fixture *f = start_arp(true);
	struct packet p = arp(REPLY, ADDR_B, ADDR_A);

	(void)state;
	hop(f, 1, DEV_VETH_B, "in", p);
	hop(f, 1, DEV_VETH_A, "out", p);
	assert_int_equal(only(f, VERDICT_DELIVERED)->end_ifindex, DEV_VETH_A);
	stop(f);

	f = start_arp(true);
	hop(f, 1, DEV_VETH_B, "in", p);
	only(f, VERDICT_VANISHED);
	stop(f);

	f = start_arp(true); /* to the node itself */
	p = arp(REPLY, ADDR_B, ADDR_CNI0);
	hop(f, 1, DEV_VETH_B, "in", p);
	hop(f, 1, DEV_CNI0, "in", p);
	only(f, VERDICT_DELIVERED);
	stop(f);
}

/* Who asks again, at the same address or another, asks by another frame; so does who asks for another. */
static void every_frame_is_its_own(void **state)
{
	struct fixture *f = start_arp(true);

	(void)state;
	for (int i = 0; i < 3; i++)
		flood(f, i == 2 ? 11 : 1, arp(REQUEST, ADDR_A, ADDR_B));
	flood(f, 1, arp(REQUEST, ADDR_A, ADDR_CNI0));
	later(f, 5000 * MS);
	assert_int_equal(f->count, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(f->closed[i].hop_count, 2);
	stop(f);
}

static void who_did_not_ask_for_it_sees_none(void **state)
{
	struct fixture *f = start_arp(false);

	(void)state;
	flood(f, 1, arp(REQUEST, ADDR_A, ADDR_B));
	later(f, 5000 * MS);
	assert_int_equal(f->count, 0);
	drop(f, 3, NODE_NS, DEV_CNI0, FAULT, arp(REQUEST, ADDR_A, ADDR_B));
	only(f, VERDICT_DROPPED);
	stop(f);

	f = start_arp(
		true); /* what is no fault hides nothing, and other frames are not asked for */
	flood(f, 1, arp(REQUEST, ADDR_A, ADDR_B));
	drop(f, 2, NODE_NS, DEV_VETH_C, BENIGN, arp(REQUEST, ADDR_A, ADDR_B));
	hop(f, 7, DEV_VETH_A, "in", (struct packet){.ethertype = 0x88cc, .len = 60});
	only(f, VERDICT_DELIVERED);
	stop(f);

	f = start_arp(true);
	flood(f, 1, arp(REQUEST, ADDR_A, ADDR_B));
	drop(f, 3, NODE_NS, DEV_VETH_B, FAULT, arp(REQUEST, ADDR_A, ADDR_B));
	only(f, VERDICT_DROPPED);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_goes_to_whom_it_asks_for),
		cmocka_unit_test(the_node_asks),
		cmocka_unit_test(an_answer_arrives_or_is_missed),
		cmocka_unit_test(every_frame_is_its_own),
		cmocka_unit_test(who_did_not_ask_for_it_sees_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
