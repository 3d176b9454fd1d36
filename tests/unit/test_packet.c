/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records are validated byte by byte, and a packet keeps its name through NAT,
 * encapsulation and segmentation.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "records.h"

static _Alignas(8) uint8_t bytes[RECORD_ROOM];

static struct test_record everything(void)
{
	struct test_record r = record_make(RECORD_DROP, 1, 2, NODE_NS, DEV_CNI0,
					   packet_udp(ADDR_A, 1, ADDR_B, 53, 9, 100));

	r.head.tails = TAIL_ENCAP | TAIL_QUOTED | TAIL_DROP | TAIL_STACK | TAIL_PAYLOAD;
	r.encap = encap_vxlan(ADDR_NODE, ADDR_NODE2, 128, 77);
	r.quoted = quote(packet_udp(ADDR_B, 5, ADDR_A, 6, 3, 40));
	r.drop.reason = 4711;
	r.drop.stack_depth = 3;
	r.stack[2] = 0xabcd;
	r.payload_len = 11;
	memcpy(r.payload, "hello world", 11);
	return r;
}

static void finds_every_tail(void **state)
{
	struct test_record r = everything();
	size_t size = record_write(&r, bytes);
	struct record_view view;

	(void)state;
	assert_int_equal(record_parse(bytes, size, &view), 0);
	assert_int_equal(view.encap->ip_id, 77);
	assert_int_equal(view.quoted->packet.dport, 6);
	assert_int_equal(view.drop->reason, 4711);
	assert_int_equal(view.stack[2], 0xabcd);
	assert_int_equal(view.payload_len, 11);
	assert_memory_equal(view.payload, "hello world", 11);
	assert_int_equal(view.witness_count, 0);
	assert_null(view.refused);
	/* The ring may hand out more room than the record fills. */
	assert_int_equal(record_parse(bytes, size + 16, &view), 0);
}

static void finds_witnesses(void **state)
{
	struct test_record r = everything();
	struct record_view view;

	(void)state;
	r.head.tails |= TAIL_WITNESS;
	r.witness_list.count = 2;
	r.witnesses[0].what = WITNESS_NF_HOOK;
	strcpy(r.witnesses[1].text[1], "FORWARD");
	assert_int_equal(record_parse(bytes, record_write(&r, bytes), &view), 0);
	assert_int_equal(view.witness_count, 2);
	assert_int_equal(view.witnesses[0].what, WITNESS_NF_HOOK);
	assert_string_equal(view.witnesses[1].text[1], "FORWARD");
	assert_memory_equal(view.payload, "hello world", 11); /* what follows is still found */
}

static void every_cut_is_found(void **state)
{
	struct test_record r = everything();
	size_t size = record_write(&r, bytes);
	struct record_view view;

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		struct record *head = (struct record *)bytes;

		head->size = (uint16_t)size;
		assert_int_equal(record_parse(bytes, cut, &view), -EBADMSG);
		head->size = (uint16_t)cut;
		assert_int_equal(record_parse(bytes, cut, &view), -EBADMSG);
		assert_null(view.record);
	}
}

static void refused(struct test_record r)
{
	struct record_view view;
	size_t size = record_write(&r, bytes);

	assert_int_equal(record_parse(bytes, size, &view), -EBADMSG);
}

static void nonsense_is_refused(void **state)
{
	struct packet packet = packet_udp(ADDR_A, 1, ADDR_B, 2, 3, 4);
	struct test_record r;
	struct record_view view;
	size_t size;

	(void)state;
	r = everything();
	r.head.type = 0;
	refused(r);
	r.head.type = 6;
	refused(r);
	r = everything();
	r.head.type = RECORD_HOP_IN; /* a hop with a drop */
	refused(r);
	r = record_make(RECORD_DROP, 1, 2, 3, 4, packet);
	r.head.tails = 0;
	refused(r);
	r.head.tails = TAIL_STACK;
	refused(r);
	r = everything();
	r.head.packet.ip_version = 5;
	refused(r);
	r = everything();
	r.encap.kind = 9;
	refused(r);
	r = everything();
	memset(r.drop.dev_name, 'x', sizeof(r.drop.dev_name));
	refused(r);
	r = everything();
	memset(r.drop.qdisc, 'x', sizeof(r.drop.qdisc));
	refused(r);
	r = everything();
	r.quoted.packet.ip_version = 0;
	refused(r);
	r = record_make(RECORD_REFUSED, 1, 2, 3, 4, packet);
	r.head.tails |= TAIL_WITNESS;
	r.witness_list.count = 1;
	memset(r.witnesses[0].text[1], 'x', WITNESS_TEXT);
	refused(r);
	r = record_make(RECORD_REFUSED, 1, 2, 3, 4, packet);
	r.head.tails |= TAIL_WITNESS;
	r.witness_list.count = 0;
	refused(r);
	r = everything();
	r.head.tails |= TAIL_WITNESS;
	r.witness_list.count = WITNESS_MAX + 1;
	refused(r);
	r = record_make(RECORD_REFUSED, 1, 2, 3, 4, packet);
	memset(r.refused.comm, 'x', sizeof(r.refused.comm));
	refused(r);

	r = everything();
	size = record_write(&r, bytes);
	bytes[sizeof(struct record) + sizeof(struct encap) + sizeof(struct quoted) +
	      offsetof(struct drop_info, stack_depth)] = RECORD_MAX_STACK + 1;
	assert_int_equal(record_parse(bytes, size, &view), -EBADMSG);
	size = record_write(&r, bytes);
	memset(bytes + size - 16, 0xff, 2); /* payload length */
	assert_int_equal(record_parse(bytes, size, &view), -EBADMSG);
	assert_int_equal(record_parse(bytes + 1, size, &view), -EBADMSG);
}

static void tuples(void **state)
{
	struct packet ping = packet_ping(ADDR_A, ADDR_B, false, 77, 3, 1, 56);
	struct packet pong = packet_ping(ADDR_B, ADDR_A, true, 77, 3, 2, 56);
	struct packet error = packet_error(ADDR_NODE, ADDR_A, 3, 4, 1400, 5);
	struct packet tcp = packet_tcp(ADDR_A, 4000, ADDR_B, 80, PACKET_TCP_SYN, 1, 0, 0);
	struct tuple a = packet_tuple(&ping), b = packet_tuple(&pong), c, d;

	(void)state;
	assert_int_equal(a.sport, 77);
	assert_int_equal(a.dport, 77);
	c = tuple_reverse(b);
	assert_true(tuple_equal(&a, &c));
	assert_int_equal(tuple_hash(&a), tuple_hash(&c));
	a = packet_tuple(&error);
	assert_int_equal(a.sport, 0);
	c = packet_tuple(&tcp);
	d = tuple_reverse(c);
	assert_int_equal(d.sport, 80);
	assert_false(tuple_equal(&c, &d));
	assert_int_not_equal(tuple_hash(&c), tuple_hash(&d));
}

static void signature_survives(struct packet before, struct packet after)
{
	assert_true(packet_signature(&before) == packet_signature(&after));
	assert_true(packet_signature(&before) != 0);
}

static void signature_differs(struct packet a, struct packet b)
{
	assert_true(packet_signature(&a) != packet_signature(&b));
}

static void signatures(void **state)
{
	struct packet p = packet_tcp(ADDR_A, 4000, ADDR_SERVICE, 80, PACKET_TCP_ACK, 1000, 5, 1400);
	struct packet q = packet_translate(p, ADDR_NODE, 61000, ADDR_B, 8080);

	(void)state;
	q.ttl--;
	signature_survives(p, q);
	q.len += 1400; /* GRO */
	signature_survives(p, q);
	q.seq++;
	signature_differs(p, q);
	p = packet_ping(ADDR_A, ADDR_B, false, 7, 3, 11, 56);
	q = p;
	q.seq = 9u << 16 | 3; /* NAT changed the id */
	signature_survives(p, q);
	q.seq++;
	signature_differs(p, q);
	q = packet_ping(ADDR_B, ADDR_A, true, 7, 3, 11, 56);
	signature_differs(p, q);
	p = packet_udp(ADDR_A, 4000, ADDR_SERVICE, 53, 12, 40);
	p.seq = 0x1234;
	q = packet_translate(p, ADDR_A, 4000, ADDR_B, 5353);
	q.seq = 0; /* not port 53: not read as DNS */
	signature_survives(p, q);
	q.ip_id++;
	signature_differs(p, q);
	p.ip_id = q.ip_id = 0;
	q.seq = 0x1235;
	signature_differs(p, q);
	p = packet_udp(ADDR_A, 1, ADDR_B, 2, 9, 1000);
	q = p;
	p.frag = PACKET_FRAG_MF;
	q.frag = 125;
	signature_differs(p, q);
	memset(&p, 0, sizeof(p));
	assert_true(packet_signature(&p) == 0);
	p.ethertype = 0x0806;
	assert_true(packet_signature(&p) != 0);
}

static void kinds_and_names(void **state)
{
	struct packet p = packet_error(ADDR_NODE, ADDR_A, 3, 4, 1400, 5);
	char buffer[16];

	(void)state;
	assert_true(packet_is_icmp_error(&p));
	assert_false(packet_is_echo_request(&p));
	p = packet_ping(ADDR_A, ADDR_B, true, 7, 3, 11, 56);
	assert_false(packet_is_icmp_error(&p));
	assert_true(packet_is_echo_reply(&p));
	assert_string_equal(packet_proto_name(&p, buffer), "ICMP");
	p = packet_ping("fd00::1", "fd00::2", false, 7, 3, 0, 56);
	assert_true(packet_is_echo_request(&p));
	p.icmp_type = 2;
	assert_true(packet_is_icmp_error(&p));
	assert_string_equal(packet_proto_name(&p, buffer), "ICMPv6");
	p = packet_make(ADDR_A, ADDR_B, 132);
	assert_string_equal(packet_proto_name(&p, buffer), "132");
	p.ip_version = 0;
	p.ethertype = 0x0806;
	assert_string_equal(packet_proto_name(&p, buffer), "ARP");
	p.ethertype = 0x88cc;
	assert_string_equal(packet_proto_name(&p, buffer), "0x88cc");
	p.len = 10;
	p.header_len = 20;
	assert_int_equal(packet_payload_len(&p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_tail),
		cmocka_unit_test(finds_witnesses),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(tuples),
		cmocka_unit_test(signatures),
		cmocka_unit_test(kinds_and_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
