// SPDX-License-Identifier: GPL-2.0-only
/*
 * base/text.h: escaping never lets a control byte or broken UTF-8 through, never cuts a
 * character in two, and never writes past the buffer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"

static void test_escape(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", ""},
		{"default/web-1", "default/web-1"},
		{"käse→✓", "käse→✓"},
		{"a\033[2Jb", "a\\x1b[2Jb"},
		{"a\nb\tc\r\x7f", "a\\x0ab\\x09c\\x0d\\x7f"},
		{"back\\slash", "back\\x5cslash"},
		{"\xff\xfe", "\\xff\\xfe"},
		{"\xc3", "\\xc3"}, /* cut sequence */
		{"\xc0\xaf", "\\xc0\\xaf"}, /* overlong */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
		{"\xc2\x9b", "\\xc2\\x9b"}, /* C1 CSI */
	};
	char text[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(text_escape(text, sizeof(text), cases[i].in), cases[i].out);
}

static void test_escape_is_cut_whole(void **state)
{
	char text[8];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_string_equal(text_escape(text, 6, "ab✓✓"), "ab✓");
	assert_string_equal(text_escape(text, 5, "ab✓"), "ab");
	assert_string_equal(text_escape(text, 6, "ab\033"), "ab");
	assert_int_equal(text[7], 'x');
	assert_string_equal(text_escape(text, 1, "ab"), "");
}

static void test_copy_and_append(void **state)
{
	char text[8] = "xxxxxxx";

	(void)state;
	text_copy(text, 4, "abcdef");
	assert_string_equal(text, "abc");
	text_append(text, sizeof(text), "%d", 12);
	assert_string_equal(text, "abc12");
	text_append(text, sizeof(text), "%s", "3456789");
	assert_string_equal(text, "abc1234");
	text_append(text, sizeof(text), "more");
	assert_string_equal(text, "abc1234");
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(text_glob("veth*", "veth12"));
	assert_true(text_glob("eth[01]", "eth1"));
	assert_false(text_glob("veth*", "cni0"));
	assert_false(text_glob("eth0", "eth01"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_is_cut_whole),
		cmocka_unit_test(test_copy_and_append),
		cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
