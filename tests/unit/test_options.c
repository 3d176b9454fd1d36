/* SPDX-License-Identifier: GPL-2.0-only */
/* Command-line tables: what parses, and the sentence for what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "commands/options.h"

struct values {
	bool json;
	const char *pod;
	struct text_list devices;
	uint64_t count, duration, ring;
};

static int parse(struct values *v, struct arguments *a, struct error *error, char **argv)
{
	const struct option_spec specs[] = {
		{"json", 'j', OPTION_FLAG, &v->json, NULL, ""},
		{"pod", 'p', OPTION_TEXT, &v->pod, "NS/NAME", ""},
		{"device", 0, OPTION_LIST, &v->devices, "NAME", ""},
		{"count", 'c', OPTION_NUMBER, &v->count, "N", ""},
		{"duration", 0, OPTION_DURATION, &v->duration, "TIME", ""},
		{"ring", 0, OPTION_SIZE, &v->ring, "SIZE", ""},
		{},
	};
	int argc = 0;

	memset(v, 0, sizeof(*v));
	memset(error, 0, sizeof(*error));
	while (argv[argc])
		argc++;
	return options_parse("trace", specs, argc, argv, a, error);
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void test_all_forms(void **state)
{
	struct values v;
	struct arguments a;
	struct error e;

	(void)state;
	assert_int_equal(parse(&v, &a, &e,
			       WORDS("--json", "tcp", "--pod=default/web", "--device", "eth0",
				     "port 80", "--device=cni*", "-c", "5", "--duration", "500ms",
				     "--ring", "64K", "--", "ping", "--count", "3")),
			 0);
	assert_true(v.json);
	assert_string_equal(v.pod, "default/web");
	assert_int_equal(v.devices.texts.count, 2);
	assert_string_equal(v.devices.texts.items[1], "cni*");
	assert_int_equal(v.count, 5);
	assert_int_equal(v.duration, 500000000);
	assert_int_equal(v.ring, 65536);
	assert_int_equal(a.words.count, 2);
	assert_string_equal(a.words.items[0], "tcp");
	assert_string_equal(a.words.items[1], "port 80");
	assert_string_equal(a.command[0], "ping");
	assert_string_equal(a.command[1], "--count"); /* not ours any more */
	arguments_free(&a);
	array_free(&v.devices.texts);
}

static void refuses(char **argv, const char *sentence)
{
	struct values v;
	struct arguments a;
	struct error e;

	assert_int_equal(parse(&v, &a, &e, argv), -22);
	assert_non_null(strstr(e.text, sentence));
	arguments_free(&a);
	array_free(&v.devices.texts);
}

static void test_refusals(void **state)
{
	(void)state;
	refuses(WORDS("--jsn"), "unknown option \"--jsn\"");
	refuses(WORDS("-x"), "unknown option \"-x\"");
	refuses(WORDS("--pod"), "--pod needs NS/NAME");
	refuses(WORDS("--json=yes"), "--json takes no value");
	refuses(WORDS("--count", "0"), "--count takes a whole number");
	refuses(WORDS("--count", "-3"), "not \"-3\"");
	refuses(WORDS("--count", "3x"), "not \"3x\"");
	refuses(WORDS("--duration", "5 minutes"), "takes a duration");
	refuses(WORDS("--duration", "0"), "takes a duration");
	refuses(WORDS("--ring", "4Q"), "takes a size");
	refuses(WORDS("--"), "no command follows");
	refuses(WORDS("--\033[31m"), "\\x1b[31m");
}

static void test_durations(void **state)
{
	uint64_t ns;

	(void)state;
	assert_true(duration_parse("30", &ns) && ns == 30000000000ull);
	assert_true(duration_parse("1.5s", &ns) && ns == 1500000000ull);
	assert_true(duration_parse("2m", &ns) && ns == 120000000000ull);
	assert_true(duration_parse("1h", &ns) && ns == 3600000000000ull);
	assert_false(duration_parse("", &ns));
	assert_false(duration_parse("s", &ns));
	assert_false(duration_parse("1d", &ns));
	assert_false(duration_parse("1e300h", &ns));
	assert_false(duration_parse("nan", &ns));
	assert_false(duration_parse("inf", &ns));
}

static void test_sizes(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(size_parse("4096", &n) && n == 4096);
	assert_true(size_parse("4M", &n) && n == 4u << 20);
	assert_true(size_parse("1GiB", &n) && n == 1u << 30);
	assert_false(size_parse("M", &n));
	assert_false(size_parse("4Mx", &n));
	assert_false(size_parse("99999999999999999999", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_forms),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
