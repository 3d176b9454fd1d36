// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/ip_vs as the kernel writes it, what a Service look-up makes of it, and text that is nothing of the kind.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "diagnose/rule_walk.h"
#include "node/rules.h"
#include "node/rules_build.h"

static const char table[] =
	"IP Virtual Server version 1.2.1 (size=4096)\n"
	"Prot LocalAddress:Port Scheduler Flags\n"
	"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
	"TCP  0A600014:0050 rr \n"
	"  -> 0AF40202:0050      Masq    1      0          0         \n"
	"  -> 0AF40103:1F90      Masq    1      2          7         \n"
	"  -> 0AF40104:0050      Masq    0      0          0         \n"
	"UDP  0A60000A:0035 rr persistent 10800 FFFFFFFF\n"
	"TCP  [fd00:0010:0096:0000:0000:0000:0000:000a]:0035 rr\n"
	"  -> [fd00:0010:0244:0001:0000:0000:0000:0005]:0035      Masq    1      0          0\n"
	"FWM  00000001 rr\n"
	"  -> 0AF40109:0050      Masq    1      0          0\n";

static void parse(struct ruleset *ruleset, const char *text, size_t size)
{
	FILE *file = fmemopen((void *)text, size, "r");

	assert_non_null(file);
	assert_int_equal(ipvs_parse(ruleset, file), 0);
	fclose(file);
}

static struct address address(const char *text)
{
	struct address parsed = {0};

	assert_true(address_parse(text, &parsed));
	return parsed;
}

static void servers_and_endpoints(void **state)
{
	struct ruleset ruleset = {0};
	struct service_info info;

	(void)state;
	parse(&ruleset, table, sizeof(table) - 1);
	assert_int_equal(ruleset.ipvs.count, 3);
	assert_int_equal(service_any_rules(&ruleset), SERVICE_IPVS);
	assert_true(service_lookup(&ruleset, address("10.96.0.20"), IPPROTO_TCP, 80, &info));
	assert_int_equal(info.mode, SERVICE_IPVS);
	assert_false(info.no_endpoints);
	/* The one with weight 0 gets nothing new. */
	assert_int_equal(info.endpoint_count, 2);
	assert_true(address_equal(info.endpoints[1].address, address("10.244.1.3")));
	assert_int_equal(info.endpoints[1].port, 8080);
	assert_true(service_lookup(&ruleset, address("fd00:10:96::a"), IPPROTO_TCP, 53, &info));
	assert_int_equal(info.endpoint_count, 1);
	assert_true(address_equal(info.endpoints[0].address, address("fd00:10:244:1::5")));
	ruleset_free(&ruleset);
}

static void no_server_no_endpoint(void **state)
{
	struct ruleset ruleset = {0};
	struct service_info info;

	(void)state;
	parse(&ruleset, table, sizeof(table) - 1);
	assert_true(service_lookup(&ruleset, address("10.96.0.10"), IPPROTO_UDP, 53, &info));
	assert_true(info.no_endpoints);
	assert_false(service_lookup(&ruleset, address("10.96.0.10"), IPPROTO_TCP, 53, &info));
	assert_false(service_lookup(&ruleset, address("10.96.0.21"), IPPROTO_TCP, 80, &info));
	ruleset_free(&ruleset);
}

static void anything_else_is_passed_over(void **state)
{
	static const char text[] =
		"  -> 0AF40202:0050 Masq 1 0 0\nTCP\nTCP  zzz rr\n"
		"  -> 0AF40202:0050 Masq 1 0 0\nSCTP 0A600014:0050 rr\n  -> x\n\n";
	struct ruleset ruleset = {0};

	(void)state;
	parse(&ruleset, text, sizeof(text) - 1);
	assert_int_equal(ruleset.ipvs.count, 1);
	assert_int_equal(ruleset.ipvs_servers.count, 0);
	ruleset_free(&ruleset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_and_endpoints),
		cmocka_unit_test(no_server_no_endpoint),
		cmocka_unit_test(anything_else_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
