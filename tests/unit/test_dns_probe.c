// SPDX-License-Identifier: GPL-2.0-only
/*
 * packet/dns.h: queries as resolvers write them, answers read whole or refused, and the walk through
 * the search list.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "packet/dns.h"

/* id 0x1234, NOERROR, web.example A: CNAME w2.example, then A 10.1.2.3 with a compressed name. */
static const uint8_t answer[] = {
	0x12, 0x34, 0x81, 0x80, 0,   1,   0,   2, 0, 0,  0, 0, 3,  'W', 'e', 'b',  7,
	'e',  'x',  'a',  'm',  'p', 'l', 'e', 0, 0, 1,  0, 1, /* question ends at 29 */
	0xc0, 12,   0,    5,    0,   1,   0,   0, 0, 60, 0, 5, 2,  'w', '2', 0xc0, 16, /* CNAME */
	0xc0, 41,   0,    1,    0,   1,   0,   0, 0, 30, 0, 4, 10, 1,   2,   3,
};

static void test_query(void **state)
{
	static const uint8_t wanted[] = {0xab, 0xcd, 1,   0, 0,   1,   0, 0, 0,  0, 0,
					 0,    1,    'a', 2, 'b', 'c', 0, 0, 28, 0, 1};
	uint8_t bytes[DNS_QUERY_MAX];

	(void)state;
	assert_int_equal(dns_query_write(bytes, 0xabcd, "a.bc", DNS_TYPE_AAAA), sizeof(wanted));
	assert_memory_equal(bytes, wanted, sizeof(wanted));
	assert_int_equal(dns_query_write(bytes, 0xabcd, "a.bc.", DNS_TYPE_AAAA), sizeof(wanted));
	assert_int_equal(dns_query_write(bytes, 1, "a..b", 1), 0);
	assert_int_equal(dns_query_write(bytes, 1, "", 1), 0);
}

static void test_names(void **state)
{
	char label[80], longest[300] = "";

	(void)state;
	memset(label, 'x', 64);
	label[64] = '\0';
	assert_false(dns_name_valid(label));
	label[63] = '\0';
	assert_true(dns_name_valid(label));
	for (int i = 0; i < 4; i++) {
		strcat(longest, label);
		strcat(longest, ".");
	}
	assert_false(dns_name_valid(longest)); /* 257 bytes on the wire */
	assert_true(dns_name_valid("_http._tcp.web-1"));
	assert_false(dns_name_valid("a b"));
	assert_false(dns_name_valid(".a"));
}

static void test_reply(void **state)
{
	static const uint8_t address[] = {10, 1, 2, 3};
	struct dns_reply reply;

	(void)state;
	assert_true(dns_reply_read(answer, sizeof(answer), &reply));
	assert_int_equal(reply.id, 0x1234);
	assert_int_equal(reply.rcode, DNS_NOERROR);
	assert_int_equal(reply.type, DNS_TYPE_A);
	assert_string_equal(reply.name, "web.example");
	assert_int_equal(reply.answers, 2);
	assert_int_equal(reply.kept, 1);
	assert_int_equal(reply.ttl, 30);
	assert_memory_equal(reply.addresses[0].bytes, address, 4);
}

static void test_cut_anywhere(void **state)
{
	struct dns_reply reply;

	(void)state;
	for (size_t size = 0; size < sizeof(answer); size++)
		assert_false(dns_reply_read(answer, size, &reply));
}

static void test_truncated_flag(void **state)
{
	uint8_t bytes[sizeof(answer)];
	struct dns_reply reply;

	(void)state;
	memcpy(bytes, answer, sizeof(bytes));
	bytes[2] |= 0x02;
	assert_true(dns_reply_read(bytes, 29, &reply)); /* no record fitted */
	assert_true(reply.truncated);
	assert_int_equal(reply.kept, 0);
}

static void test_queries_and_loops_are_refused(void **state)
{
	uint8_t bytes[sizeof(answer)];
	struct dns_reply reply;

	(void)state;
	memcpy(bytes, answer, sizeof(bytes));
	bytes[2] = 0x01;
	assert_false(dns_reply_read(bytes, sizeof(bytes), &reply));
	memcpy(bytes, answer, sizeof(bytes));
	bytes[30] = 29; /* a pointer to itself */
	assert_false(dns_reply_read(bytes, sizeof(bytes), &reply));
	bytes[30] = 60; /* forwards */
	assert_false(dns_reply_read(bytes, sizeof(bytes), &reply));
}

static void test_types(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(dns_type_parse("aaaa"), 28);
	assert_int_equal(dns_type_parse("SRV"), 33);
	assert_int_equal(dns_type_parse("TYPE64"), 64);
	assert_int_equal(dns_type_parse("TYPE70000"), 0);
	assert_int_equal(dns_type_parse("B"), 0);
	assert_string_equal(dns_type_text(28, text), "AAAA");
	assert_string_equal(dns_type_text(64, text), "TYPE64");
}

static const char search[3][256] = {"default.svc.cluster.local", "svc.cluster.local",
				    "cluster.local"};

static void test_walk(void **state)
{
	struct dns_walk walk;

	(void)state;
	dns_walk_make(&walk, "www.example.org", search, 3, 5);
	assert_int_equal(walk.count, 4);
	assert_string_equal(walk.names[0], "www.example.org.default.svc.cluster.local");
	assert_string_equal(walk.names[3], "www.example.org");
	dns_walk_make(&walk, "www.example.org", search, 3, 2);
	assert_string_equal(walk.names[0], "www.example.org");
	assert_string_equal(walk.names[1], "www.example.org.default.svc.cluster.local");
	dns_walk_make(&walk, "www.example.org.", search, 3, 5);
	assert_int_equal(walk.count, 1);
	assert_string_equal(walk.names[0], "www.example.org");
	dns_walk_make(&walk, "web", NULL, 0, 1);
	assert_int_equal(walk.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_truncated_flag),
		cmocka_unit_test(test_queries_and_loops_are_refused),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
