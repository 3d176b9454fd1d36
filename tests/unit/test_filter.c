/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a user sees of the filter: which link type an expression is compiled for, and that a bad
 * one is explained with a caret under the right word.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/filter.h"

/* As long as any kernel takes; one host more is refused in words. */
static void too_long_is_said(void **state)
{
	char expression[1500 * 20] = "";
	size_t len = 0;
	struct filter *filter;
	struct error error;

	(void)state;
	for (int i = 0; i < 1050; i++)
		len += sprintf(expression + len, "%shost 10.9.%d.%d", i ? " or " : "", i / 250,
			       i % 250);
	assert_int_equal(filter_compile(expression, &filter, &error), 0);
	filter_free(filter);
	for (int i = 1050; i < 1150; i++)
		len += sprintf(expression + len, " or host 10.9.%d.%d", i / 250, i % 250);
	assert_int_equal(filter_compile(expression, &filter, &error), -EINVAL);
	assert_non_null(strstr(error.text, "too long"));
}

static void link_type_is_what_the_words_need(void **state)
{
	static const char *const ip[] = {
		"",     "  ",      "tcp port 80",       "host 10.1.2.3 and not icmp",
		"ip6",  "len > 9", "ip[0] & 0xf != 5",  "net 10.244.0.0/16 or udp portrange 53-60",
		"sctp", "less 64", "ip6 protochain 17", "tcp[tcpflags] & tcp-syn != 0",
	};
	static const char *const ether[] = {
		"arp",
		"arp or icmp",
		"vlan 5 and tcp port 80",
		"ether[0] & 1 = 1",
		"broadcast or tcp",
		"ether host 02:00:00:00:00:01",
		"ether proto 0x88cc",
		"rarp",
		"ip and (tcp or (not vlan))",
		"mpls and ip",
	};
	struct filter *filter;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(ip) / sizeof(*ip); i++) {
		if (filter_compile(ip[i], &filter, &error))
			fail_msg("%s: %s", ip[i], error.text);
		if (filter_is_ether(filter))
			fail_msg("%s was compiled for Ethernet", ip[i]);
		filter_free(filter);
	}
	for (size_t i = 0; i < sizeof(ether) / sizeof(*ether); i++) {
		if (filter_compile(ether[i], &filter, &error))
			fail_msg("%s: %s", ether[i], error.text);
		if (!filter_is_ether(filter))
			fail_msg("%s was compiled for IP", ether[i]);
		filter_free(filter);
	}
}

/* What a packet loses where it is routed, and what it keeps. */
static void what_fades_is_known(void **state)
{
	static const char *const fades[] = {
		"ether src 02:00:00:00:00:01",
		"ether host 02:00:00:00:00:01 and tcp",
		"broadcast",
		"ether[0] & 1 = 1",
		"ip6[7] = 64",
		"ip[8] < 5",
		"arp or ip[8] = 1",
		"vlan 5 and ip6[7] = 64",
	};
	static const char *const stays[] = {
		"",
		"tcp port 80",
		"host 10.1.2.3",
		"ip6 host fd00::1",
		"icmp",
		"ip6 and udp",
		"ip proto 6 or ip6 proto 17",
		"arp",
		"sctp",
		"ether proto 6",
		"greater 500",
	};
	struct filter *filter;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(fades) / sizeof(*fades); i++) {
		if (filter_compile(fades[i], &filter, &error))
			fail_msg("%s: %s", fades[i], error.text);
		if (!filter_fades(filter))
			fail_msg("%s asks for nothing that fades", fades[i]);
		filter_free(filter);
	}
	for (size_t i = 0; i < sizeof(stays) / sizeof(*stays); i++) {
		if (filter_compile(stays[i], &filter, &error))
			fail_msg("%s: %s", stays[i], error.text);
		if (filter_fades(filter))
			fail_msg("%s asks for what fades", stays[i]);
		filter_free(filter);
	}
}

/* The marked part of the expression as the caret line shows it, "" for a bare caret at the end. */
static void marked(const char *text, char *out, size_t size)
{
	char first[512];
	const char *line = strchr(text, '\n');
	size_t column, len;

	*out = '\0';
	if (!line)
		return;
	snprintf(first, sizeof(first), "cnitrace: %.*s", (int)(line - text), text);
	line++;
	column = strspn(line, " ");
	len = strlen(line + column);
	assert_true(len > 0 && strspn(line + column + 1, "~") == len - 1);
	assert_true(column + len <= strlen(first));
	snprintf(out, size, "%.*s", (int)len, first + column);
}

static void bad_expressions_are_explained(void **state)
{
	static const struct {
		const char *expression, *says, *marks;
	} cases[] = {
		{"tcp prot 80", "syntax error at \"prot\"", "prot"},
		{"tcp port", "more is expected at the end", ")"},
		{"not", "more is expected at the end", ")"},
		{"(tcp port 80", "more is expected at the end", ")"},
		{"tcp port 80)", "syntax error at \")\"", ")"},
		{"port 80 or or port 90", "syntax error at \"or\"", "or"},
		{"dst dst 1.2.3.4", "syntax error at \"dst\"", "dst"},
		{"host 1.2.3.4 port", "syntax error at \"port\"", "port"},
		{"tcp[13 & 2 != 0", "syntax error at \"!=\"", "!="},
		{"tcp port 80 and @", "syntax error at \"@\"", "@"},
		{"udp and foo", "syntax error at \"foo\"", "foo"},
		{"port 99999 and ip", "illegal port number 99999 > 65535", "99999"},
		{"tcp port foo", "unknown port 'foo'", "foo"},
		{"ip or host 1.2.3.400", "invalid IPv4 address '1.2.3.400'", "1.2.3.400"},
		{"net 10.0.0.0/33", "mask length must be <= 32", "33"},
		{"len / 0 = 1", "division by zero", "0"},
		{"tcp[0:3] = 1", "data size must be 1, 2, or 4", "3"},
		{"vlan 5000", "VLAN tag 5000 greater than maximum 4095", "5000"},
		{"ether host 1.2.3.4", "illegal link layer address", "1.2.3.4"},
		{"ip6 host 10.0.0.1", "'ip6' modifier applied to ip host", "ip6"},
		{"tcp or outbound", "do not work here", "outbound"},
		{"tcp and udp", "expression rejects all packets (tcp and udp)", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct filter *filter;
		struct error error;
		char part[512];

		assert_int_equal(filter_compile(cases[i].expression, &filter, &error), -EINVAL);
		assert_int_equal(error.code, -EINVAL);
		assert_int_equal(strncmp(error.text, "filter: ", 8), 0);
		if (!strstr(error.text, cases[i].says))
			fail_msg("%s: %s", cases[i].expression, error.text);
		marked(error.text, part, sizeof(part));
		if (strcmp(part, cases[i].marks))
			fail_msg("%s: marks \"%s\"\n%s", cases[i].expression, part, error.text);
	}
}

static void long_expressions_are_cut_around_the_place(void **state)
{
	char expression[2000] = "tcp port 1", part[512];
	struct filter *filter;
	struct error error;

	(void)state;
	for (int port = 2; port < 40; port++)
		snprintf(expression + strlen(expression), sizeof(expression) - strlen(expression),
			 port == 20 ? " or udp prt %d" : " or tcp port %d", port);
	assert_int_equal(filter_compile(expression, &filter, &error), -EINVAL);
	marked(error.text, part, sizeof(part));
	assert_string_equal(part, "prt");
	assert_true(strlen(error.text) < 300);
}

static void odd_bytes_are_shown_safely(void **state)
{
	struct filter *filter;
	struct error error;

	(void)state;
	assert_int_equal(filter_compile("tcp \033[31m", &filter, &error), -EINVAL);
	assert_null(strchr(error.text, '\033'));
	assert_non_null(strstr(error.text, "syntax error at \"\\x1b\""));
}

/* The quick look at a packet's first bytes must not answer for bytes that it has not. */
static void reach_is_never_too_short(void **state)
{
	static const struct {
		const char *expression;
		unsigned int reach;
	} cases[] = {
		{"host 10.1.2.3", 40}, /* the end of an IPv6 or ARP address */
		{"ip host 10.1.2.3", 20},     {"ip and tcp port 80", 60 + 4},
		{"udp[100:2] = 7", 60 + 102}, {"ip[ip[0]] = 7", 255}, /* computed */
		{"ip[300] = 7", 255},
	};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter *filter;

		assert_int_equal(filter_compile(cases[i].expression, &filter, &error), 0);
		if (cases[i].expression[0] == 'h')
			assert_true(filter_reach(filter) <= cases[i].reach);
		else
			assert_int_equal(filter_reach(filter), cases[i].reach);
		filter_free(filter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_long_is_said),
		cmocka_unit_test(link_type_is_what_the_words_need),
		cmocka_unit_test(what_fades_is_known),
		cmocka_unit_test(bad_expressions_are_explained),
		cmocka_unit_test(long_expressions_are_cut_around_the_place),
		cmocka_unit_test(odd_bytes_are_shown_safely),
		cmocka_unit_test(reach_is_never_too_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
