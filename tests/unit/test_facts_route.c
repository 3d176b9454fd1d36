/* SPDX-License-Identifier: GPL-2.0-only */
/* Look-ups over routes and policy rules that were read: what the kernel would have answered. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/facts.h"

static struct facts *facts;
static struct netns_facts *ns;

static int setup(void **state)
{
	(void)state;
	facts = facts_new();
	ns = facts_add_netns(facts, 1, "", "node");
	ns->known = FACT_ROUTES;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	facts_free(facts);
	return 0;
}

static struct route *add(const char *dst, uint8_t length, uint32_t table, uint32_t ifindex)
{
	struct route *route = array_push(&ns->routes);

	assert_true(address_parse(dst, &route->dst));
	route->prefix_len = length;
	route->table = table;
	route->ifindex = ifindex;
	route->type = RTN_UNICAST;
	return route;
}

static struct policy_rule *add_rule(uint32_t priority, uint32_t table)
{
	struct policy_rule *rule = array_push(&ns->policy_rules);

	rule->version = 4;
	rule->priority = priority;
	rule->table = table;
	rule->action = FR_ACT_TO_TBL;
	return rule;
}

static struct route_answer ask(const char *dst, uint32_t mark)
{
	struct route_query query = {.mark = mark};
	struct route_answer answer;

	assert_true(address_parse(dst, &query.dst));
	assert_true(facts_route(facts, ns, &query, &answer));
	return answer;
}

static void test_longest_prefix(void **state)
{
	(void)state;
	add("0.0.0.0", 0, 254, 1);
	add("10.244.0.0", 16, 254, 2)->metric = 5;
	add("10.244.0.0", 16, 254, 3)->metric = 4;
	add("10.244.2.0", 24, 0, 4); /* no table: main */
	add("10.244.2.9", 32, 254, 5)->flags = RTNH_F_DEAD;
	add("192.168.1.11", 32, 255, 6)->type = RTN_LOCAL;
	assert_int_equal(ask("8.8.8.8", 0).ifindex, 1);
	assert_int_equal(ask("10.244.9.9", 0).ifindex, 3);
	assert_int_equal(ask("10.244.2.9", 0).ifindex, 4);
	assert_int_equal(ask("10.244.2.9", 0).table, 254);
	assert_int_equal(ask("192.168.1.11", 0).type, RTN_LOCAL);
	/* An IPv4 default route is none for IPv6. */
	assert_int_equal(ask("fd00::1", 0).error, -ENETUNREACH);
}

static void test_refusing_routes(void **state)
{
	(void)state;
	add("10.1.0.0", 16, 254, 0)->type = RTN_UNREACHABLE;
	add("10.2.0.0", 16, 254, 0)->type = RTN_BLACKHOLE;
	add("10.3.0.0", 16, 254, 0)->type = RTN_PROHIBIT;
	add("10.4.0.0", 16, 254, 0)->type = RTN_THROW;
	add("10.4.0.0", 16, 253, 9);
	assert_int_equal(ask("10.1.1.1", 0).error, -EHOSTUNREACH);
	assert_int_equal(ask("10.1.1.1", 0).type, RTN_UNREACHABLE);
	assert_int_equal(ask("10.2.1.1", 0).error, -EINVAL);
	assert_int_equal(ask("10.3.1.1", 0).error, -EACCES);
	assert_int_equal(ask("10.4.1.1", 0).ifindex, 9); /* on to the next table */
	assert_int_equal(ask("10.5.1.1", 0).error, -ENETUNREACH);
}

static void test_policy_rules(void **state)
{
	struct policy_rule *rule;

	(void)state;
	add("0.0.0.0", 0, 254, 1);
	add("10.0.0.0", 8, 100, 2);
	add_rule(32766, 254);
	rule = add_rule(100, 100);
	rule->mark = 0x10;
	rule->mask = 0xff;
	assert_int_equal(ask("10.1.1.1", 0x10).ifindex, 2);
	assert_int_equal(ask("10.1.1.1", 0x310).ifindex, 2);
	assert_int_equal(ask("10.1.1.1", 0x11).ifindex, 1);
	assert_int_equal(ask("8.8.8.8", 0x10).ifindex, 1); /* table 100 has nothing for it */
	rule = add_rule(50, 0);
	rule->action = FR_ACT_PROHIBIT;
	assert_true(address_parse("10.9.0.0", &rule->dst));
	rule->dst_len = 16;
	assert_int_equal(ask("10.9.1.1", 0).error, -EACCES);
	assert_int_equal(ask("10.8.1.1", 0).error, 0);
}

static void test_undecided_rules(void **state)
{
	struct route_query query = {0};
	struct route_answer answer;
	struct policy_rule *rule;

	(void)state;
	add("0.0.0.0", 0, 254, 1);
	add_rule(32766, 254);
	rule = add_rule(32765, 100); /* by ports: who knows */
	rule->undecided = true;
	assert_true(address_parse("10.0.0.0", &rule->dst));
	rule->dst_len = 8;
	address_parse("10.1.1.1", &query.dst);
	assert_false(facts_route(facts, ns, &query, &answer));
	address_parse("8.8.8.8", &query.dst); /* it cannot match this one */
	assert_true(facts_route(facts, ns, &query, &answer));
	/* By source, when none was chosen yet. */
	rule->undecided = false;
	rule->dst_len = 0;
	rule->src = query.dst;
	rule->src_len = 32;
	assert_false(facts_route(facts, ns, &query, &answer));
	address_parse("1.2.3.4", &query.src);
	assert_true(facts_route(facts, ns, &query, &answer));
	assert_int_equal(answer.ifindex, 1);
}

static void test_input_device(void **state)
{
	struct route_query query = {.iif = "cni0"};
	struct route_answer answer;
	struct policy_rule *rule = add_rule(10, 100);

	(void)state;
	snprintf(rule->iif, sizeof(rule->iif), "cni0");
	add_rule(32766, 254);
	add("0.0.0.0", 0, 100, 2);
	add("0.0.0.0", 0, 254, 1);
	address_parse("8.8.8.8", &query.dst);
	assert_true(facts_route(facts, ns, &query, &answer));
	assert_int_equal(answer.ifindex, 2);
	query.iif[0] = '\0';
	assert_true(facts_route(facts, ns, &query, &answer));
	assert_int_equal(answer.ifindex, 1);
}

static void test_unknown(void **state)
{
	struct route_query query = {0};
	struct route_answer answer;

	(void)state;
	assert_false(facts_route(facts, ns, &query, &answer)); /* no destination */
	address_parse("8.8.8.8", &query.dst);
	ns->known = 0;
	assert_false(facts_route(facts, ns, &query, &answer)); /* routes were never read */
	assert_false(facts_route(facts, NULL, &query, &answer));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_longest_prefix),  TEST(test_refusing_routes), TEST(test_policy_rules),
		TEST(test_undecided_rules), TEST(test_input_device),    TEST(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
