// SPDX-License-Identifier: GPL-2.0-only
/*
 * output/page.h: text for who draws it himself is safe, fits its columns and its buffer, is cut
 * between characters, and says that it was cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "output/page.h"

static void test_fit(void **state)
{
	static const struct {
		const char *in;
		unsigned columns, width;
		const char *out, *ascii;
	} cases[] = {
		{"", 5, 0, "", ""},
		{"abcde", 5, 5, "abcde", "abcde"},
		{"abcdef", 5, 5, "abcd…", "ab..."},
		{"a \\\"b\\\"", 20, 7, "a \\\"b\\\"", "a \\\"b\\\""}, /* can be pasted */
		{"a\033[2J\n", 20, 12, "a\\x1b[2J\\x0a", "a\\x1b[2J\\x0a"},
		{"a\033b", 4, 2, "a…", "a..."}, /* an escape is not cut in two */
		{"日本語", 5, 5, "日本…", NULL},
		{"日本語", 4, 3, "日…", NULL},
		{"abc", 0, 0, "", ""},
	};
	struct page utf8 = {}, ascii = {.ascii = true};
	char text[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *in = cases[i].in;

		assert_int_equal(page_fit(&utf8, text, sizeof(text), in, cases[i].columns),
				 cases[i].width);
		assert_string_equal(text, cases[i].out);
		if (!cases[i].ascii)
			continue;
		page_fit(&ascii, text, sizeof(text), in, cases[i].columns);
		assert_string_equal(text, cases[i].ascii);
	}
}

static void test_fit_stays_in_its_buffer(void **state)
{
	struct page page = {};
	char text[12];

	(void)state;
	for (unsigned size = 1; size < 11; size++) {
		memset(text, 'x', sizeof(text));
		page_fit(&page, text, size, "aé✓\001efghijk", 100);
		assert_true(strlen(text) < size);
		assert_int_equal(text[size], 'x');
	}
	assert_string_equal(text, "aé✓…");
	assert_int_equal(page_fit(&page, text, sizeof(text), "a", 100), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_fit_stays_in_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
