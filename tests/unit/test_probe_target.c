// SPDX-License-Identifier: GPL-2.0-only
/*
 * packet/target.h: what a person may write, what it means, and what is refused with which words.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "packet/target.h"

static struct target parsed(const char *text)
{
	struct error error = {0};
	struct target target;

	if (target_parse(text, &target, &error))
		fail_msg("%s: %s", text, error.text);
	return target;
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(parsed("10.0.0.1").kind, TARGET_ICMP);
	assert_int_equal(parsed("10.0.0.1").size, 56);
	assert_int_equal(parsed("web:80").kind, TARGET_TCP);
	assert_int_equal(parsed("web:80").port, 80);
	assert_int_equal(parsed("udp://web:53?size=0").size, 0);
	assert_int_equal(parsed("mtu://web").kind, TARGET_MTU);
	assert_string_equal(parsed("tcp://web.default:443").host, "web.default");
}

static void test_addresses(void **state)
{
	(void)state;
	assert_string_equal(parsed("fd00::1").host, "fd00::1");
	assert_int_equal(parsed("fd00::1").kind, TARGET_ICMP);
	assert_string_equal(parsed("[fd00::1]:80").host, "fd00::1");
	assert_int_equal(parsed("[fd00::1]:80").kind, TARGET_TCP);
	assert_string_equal(parsed("icmp://[fd00::1]").host, "fd00::1");
}

static void test_parameters(void **state)
{
	struct target t = parsed("icmp://web?size=1400&df=1");

	(void)state;
	assert_int_equal(t.size, 1400);
	assert_true(t.df);
	assert_false(parsed("icmp://web?df=0").df);
}

static void test_dns(void **state)
{
	struct target t = parsed("dns:///web.default?type=SRV");

	(void)state;
	assert_int_equal(t.kind, TARGET_DNS);
	assert_string_equal(t.host, "");
	assert_string_equal(t.name, "web.default");
	assert_int_equal(t.type, 33);
	assert_int_equal(t.port, 53);
	t = parsed("dns://10.0.0.10:5353/web");
	assert_string_equal(t.host, "10.0.0.10");
	assert_int_equal(t.port, 5353);
	assert_int_equal(t.type, 0);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"http://x",
		"tcp://web",
		"tcp://web:0",
		"tcp://web:65536",
		"tcp://:80",
		"icmp://web:1",
		"icmp://web/x",
		"icmp://web?size=-1",
		"icmp://web?size=65001",
		"icmp://web?df=2",
		"icmp://web?colour=red",
		"icmp://web?size",
		"tcp://web:80?size=3",
		"dns://1.2.3.4",
		"dns:///",
		"dns:///a..b",
		"dns:///web?type=B",
		"[fd00::1",
		"we b",
		"web;reboot",
		"udp://web",
		"mtu://web:80",
	};
	struct error error;
	struct target target;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&error, 0, sizeof(error));
		if (target_parse(bad[i], &target, &error) >= 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(strstr(error.text, bad[i]));
	}
}

static void test_long_and_odd(void **state)
{
	char text[1000];
	struct error error;
	struct target target;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[999] = '\0';
	assert_true(target_parse(text, &target, &error) < 0);
	text[300] = '\0';
	assert_true(target_parse(text, &target, &error) < 0);
	assert_true(target_parse("a\033[2Jb", &target, &error) < 0);
	assert_null(strchr(error.text, '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),      cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_parameters), cmocka_unit_test(test_dns),
		cmocka_unit_test(test_refused),    cmocka_unit_test(test_long_and_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
