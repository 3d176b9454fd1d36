// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metrics page: every family once, labels escaped, classes apart, nothing but ASCII.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "output/metrics.h"

static struct watch_row *row_add(struct watch *watch, uint32_t n, bool benign, const char *reason,
				 const char *pod, uint64_t packets)
{
	struct drop_key key = {.location = n, .netns = 0xf0000001, .reason = n};
	struct drop_sum sum = {
		.packets = packets, .bytes = packets * 10, .first_ns = 1, .last_ns = 2};
	struct watch_row *row = watch_row_get(watch, &key);

	row->named = true;
	row->benign = benign;
	row->kind = "bridge";
	text_copy(row->reason, sizeof(row->reason), reason);
	text_copy(row->proto, sizeof(row->proto), "TCP");
	row->pod = pod ? strdup(pod) : NULL;
	watch_reading_begin(watch);
	watch_reading_add(watch, &key, &sum, false);
	watch_reading_end(watch, 2);
	watch_settle(watch);
	return row;
}

static char *page_of(const struct watch *watch)
{
	const struct metric_counter counters[] = {{"TcpExt.ListenDrops", 3}};
	const struct metrics_info info = {
		.watch = watch,
		.lost = {.overflow = 1, .missed = 2, .samples = 3},
		.counters = counters,
		.counter_count = 1,
		.version = "1.2.3",
		.kernel = "6.1",
		.way = "tp_btf",
	};
	size_t length = 0;
	char *page = metrics_text(&info, &length);

	assert_non_null(page);
	assert_int_equal(length, strlen(page));
	return page;
}

static unsigned times(const char *page, const char *what)
{
	unsigned count = 0;

	for (const char *at = page; (at = strstr(at, what)); at += strlen(what))
		count++;
	return count;
}

static void test_values_and_classes(void **state)
{
	struct watch *watch = watch_new(8);
	char *page;

	(void)state;
	row_add(watch, 1, false, "NO_SOCKET", "shop/web", 7);
	row_add(watch, 2, true, "TCP_OLD_DATA", "shop/web", 9);
	page = page_of(watch);
	assert_non_null(strstr(page, "\ncnitrace_drop_packets_total{reason=\"NO_SOCKET\","
				     "device_kind=\"bridge\",protocol=\"TCP\"} 7\n"));
	assert_non_null(strstr(page,
			       "\ncnitrace_benign_drop_packets_total{reason="
			       "\"TCP_OLD_DATA\",device_kind=\"bridge\",protocol=\"TCP\"} 9\n"));
	assert_null(strstr(page, "\ncnitrace_drop_packets_total{reason=\"TCP_OLD_DATA\""));
	assert_non_null(strstr(page, "\ncnitrace_pod_drop_packets_total{namespace=\"shop\","
				     "pod=\"web\"} 7\n"));
	assert_non_null(strstr(page, "\ncnitrace_lost_total{what=\"missed\"} 2\n"));
	assert_non_null(strstr(page, "counter=\"TcpExt.ListenDrops\"} 3\n"));
	assert_non_null(
		strstr(page, "version=\"1.2.3\",kernel=\"6.1\",drop_probe=\"tp_btf\"} 1\n"));
	free(page);
	watch_free(watch);
}

static void test_each_family_once(void **state)
{
	struct watch *watch = watch_new(8);
	char *page;

	(void)state;
	row_add(watch, 1, false, "NO_SOCKET", "a/b", 1);
	row_add(watch, 2, false, "OTHER", "a/c", 1);
	page = page_of(watch);
	for (char *at = strstr(page, "# TYPE "); at; at = strstr(at + 1, "# TYPE ")) {
		char line[160];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		assert_int_equal(times(page, line), 1);
	}
	assert_int_equal(page[strlen(page) - 1], '\n');
	free(page);
	watch_free(watch);
}

static void test_labels_are_safe(void **state)
{
	struct watch *watch = watch_new(8);
	char *page;

	(void)state;
	row_add(watch, 1, false, "NO_SOCKET", "a\"b/c\\d\ne\x1b\xff", 5);
	page = page_of(watch);
	assert_non_null(strstr(page, "{namespace=\"a\\\"b\",pod=\"c\\\\d\\ne??\"} 5\n"));
	for (const char *c = page; *c; c++)
		assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
	free(page);
	watch_free(watch);
}

static void test_findings_of_one_id_are_one_series(void **state)
{
	struct watch *watch = watch_new(8);
	struct finding_list list = {};
	uint64_t ids[3];
	char *page;

	(void)state;
	finding_key(finding_new(&list, "port-closed", "port", SEVERITY_ERROR, BASIS_SEEN), "1");
	finding_key(finding_new(&list, "rp-filter", "unreachable", SEVERITY_ERROR, BASIS_SEEN),
		    "1");
	finding_key(finding_new(&list, "port-closed", "port", SEVERITY_ERROR, BASIS_SEEN), "2");
	watch_findings_take(watch, &list, 1, ids);
	page = page_of(watch);
	assert_non_null(
		strstr(page, "\ncnitrace_findings{id=\"port-closed\",severity=\"error\"} 2\n"));
	assert_non_null(
		strstr(page, "\ncnitrace_findings{id=\"rp-filter\",severity=\"error\"} 1\n"));
	assert_int_equal(times(page, "cnitrace_findings{"), 2);
	free(page);
	finding_list_free(&list);
	watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_and_classes),
		cmocka_unit_test(test_each_family_once),
		cmocka_unit_test(test_labels_are_safe),
		cmocka_unit_test(test_findings_of_one_id_are_one_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
