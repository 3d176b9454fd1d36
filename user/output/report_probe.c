// SPDX-License-Identifier: GPL-2.0-only
/*
 * A probe as text: the table of hops in mtr's columns, one document a row, and below it what came of
 * the target.
 */
#include "output/report.h"

#include <string.h>

#include "output/json_read.h"

#define NAME_COLUMNS 34
#define COLUMN 8

static double number_of(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value ? json_object_get_double(value) : 0;
}

static void column_put(struct page *page, unsigned end, const char *text)
{
	unsigned width = page_width(page, text);

	page_tab(page, end > width ? end - width : 0, 1);
	page_put(page, text);
}

static void header_put(struct page *page, struct json_object *stats)
{
	static const char *const titles[] = {"Loss%", "Snt",  "Last",  "Avg",
					     "Best",  "Wrst", "StDev", "Step"};

	page_style(page, STYLE_BOLD);
	page_put(page, read_text(stats, "target"));
	for (unsigned i = 0; i < 8; i++)
		column_put(page, NAME_COLUMNS + COLUMN * (i + 1), titles[i]);
	page_style(page, STYLE_PLAIN);
	page_end_line(page);
}

static void name_put(struct page *page, struct json_object *stats)
{
	char number[16];

	snprintf(number, sizeof(number), "%3lld ", (long long)read_number(stats, "hop"));
	page_put(page, number);
	if (!strcmp(read_text(stats, "leg"), "beyond")) {
		page_put(page, read_has(stats, "router") ? read_text(stats, "router") : "???");
		return;
	}
	page_format(page, "%s %s", read_text(stats, "device"), read_text(stats, "direction"));
	if (read_has(stats, "next_node"))
		page_format(page, " → %s", read_text(stats, "next_node"));
	else if (!strcmp(read_text(stats, "role"), "pod") && *read_text(stats, "pod"))
		page_format(page, " %s", read_text(stats, "pod"));
}

/* One unit a row: what takes over a millisecond is told in milliseconds. */
static void times_put(struct page *page, struct json_object *stats)
{
	static const char *const keys[] = {"last_us",  "avg_us",   "best_us",
					   "worst_us", "stdev_us", "step_avg_us"};
	bool ms = number_of(stats, "worst_us") >= 1000;
	char text[32];

	if (!read_has(stats, "avg_us"))
		return;
	for (unsigned i = 0; i < 6; i++) {
		double value = number_of(stats, keys[i]);

		if (!read_has(stats, keys[i]))
			continue;
		snprintf(text, sizeof(text), ms ? "%.2f" : "%.1f", ms ? value / 1000 : value);
		column_put(page, NAME_COLUMNS + COLUMN * (i + 3), text);
	}
	page_put(page, ms ? " ms" : " µs");
}

static void marks_put(struct page *page, struct json_object *stats)
{
	if (read_has(stats, "loss_begins")) {
		page_style(page, STYLE_RED);
		page_format(page, "   ← loss begins %s", read_text(stats, "loss_begins"));
		page_style(page, STYLE_PLAIN);
	}
	if (read_flag(stats, "loss_not_passed_on"))
		page_put_styled(page, STYLE_DIM, "   answers seldom; later hops lose less");
}

/* Packets that got no further than this row. */
static void ends_put(struct page *page, struct json_object *object)
{
	for (size_t i = 0; i < read_count(object, "ended"); i++) {
		struct json_object *end = read_item(object, "ended", i);

		page_style(page, STYLE_RED);
		page_format(page, "    ✗ %s %s%s %s", read_text(end, "packets"),
			    read_flag(end, "answer") ? "answer" : "packet",
			    read_number(end, "packets") == 1 ? "" : "s", read_text(end, "kind"));
		if (read_has(end, "device"))
			page_format(page, " at %s", read_text(end, "device"));
		if (read_has(end, "reason"))
			page_format(page, ": %s", read_text(end, "reason"));
		if (read_has(end, "hook"))
			page_format(page, " in %s", read_text(end, "hook"));
		if (read_has(end, "function") && !read_has(end, "hook"))
			page_format(page, " in %s", read_text(end, "function"));
		page_style(page, STYLE_PLAIN);
		page_end_line(page);
	}
}

void report_hop_stats(struct page *page, struct json_object *stats)
{
	char text[32];

	if (read_number(stats, "hop") <= 1)
		header_put(page, stats);
	if (read_number(stats, "leg_hop") == 1) {
		page_put_styled(page, STYLE_DIM, read_text(stats, "leg"));
		page_end_line(page);
	}
	name_put(page, stats);
	snprintf(text, sizeof(text), "%.1f%%", number_of(stats, "loss_percent"));
	column_put(page, NAME_COLUMNS + COLUMN, text);
	column_put(page, NAME_COLUMNS + COLUMN * 2, read_text(stats, "packets"));
	times_put(page, stats);
	marks_put(page, stats);
	page_end_line(page);
	ends_put(page, stats);
}

static void query_put(struct page *page, struct json_object *query)
{
	page_format(page, "  %s", read_text(query, "name"));
	page_tab(page, 48, 1);
	page_put(page, read_text(query, "type"));
	page_tab(page, 54, 1);
	page_format(page, "%s %s", read_text(query, "server"), read_text(query, "transport"));
	page_tab(page, 76, 1);
	if (read_has(query, "took_us"))
		page_format(page, "%s", read_text(query, "rcode"));
	if (read_has(query, "took_us") && !strcmp(read_text(query, "rcode"), "NOERROR") &&
	    !read_number(query, "answers"))
		page_put(page, " no such record");
	if (read_flag(query, "truncated"))
		page_put(page, " cut, asked again by TCP");
	for (size_t i = 0; i < read_count(query, "addresses"); i++) {
		struct json_object *list = read_child(query, "addresses");

		page_format(page, " %s",
			    json_object_get_string(json_object_array_get_idx(list, i)));
	}
	if (read_has(query, "took_us"))
		page_format(page, " %.2f ms", number_of(query, "took_us") / 1000);
	if (read_has(query, "error"))
		page_put_styled(page, STYLE_RED, read_text(query, "error"));
	if (read_flag(query, "wasted"))
		page_put_styled(page, STYLE_DIM, "  wasted");
	page_end_line(page);
}

static void mtu_put(struct page *page, struct json_object *mtu)
{
	page_put(page, "  ");
	page_wrap(page, read_text(mtu, "summary"), 2);
	page_end_line(page);
	page_put(page, "  devices");
	for (size_t i = 0; i < read_count(mtu, "devices"); i++) {
		struct json_object *link = read_item(mtu, "devices", i);

		page_format(page, "%s %s %s", i ? " ·" : "", read_text(link, "name"),
			    read_text(link, "mtu"));
	}
	page_format(page, " · %s packets sent", read_text(mtu, "packets"));
	page_end_line(page);
	if (!read_has(mtu, "remedy"))
		return;
	page_format(page, "  fix    %s", read_text(mtu, "remedy"));
	page_end_line(page);
}

static void counts_put(struct page *page, struct json_object *probe)
{
	static const struct {
		const char *key, *word;
	} counts[] = {{"refused", "refused"},
		      {"unreachable", "ended by ICMP errors"},
		      {"silent", "without an answer"},
		      {"failed", "could not be sent"},
		      {"retransmitted", "retransmitted"}};
	bool tcp = !strcmp(read_text(probe, "kind"), "tcp");

	page_style(page, STYLE_BOLD);
	page_put(page, read_text(probe, "target"));
	page_style(page, STYLE_PLAIN);
	page_format(page, "   %s of %s %s", read_text(probe, "answered"), read_text(probe, "sent"),
		    tcp ? "connected" : "answered");
	if (read_has(probe, "avg_us"))
		page_format(page, "   %.2f ms average, %.2f to %.2f",
			    number_of(probe, "avg_us") / 1000, number_of(probe, "best_us") / 1000,
			    number_of(probe, "worst_us") / 1000);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (read_has(probe, counts[i].key))
			page_format(page, "   %s %s", read_text(probe, counts[i].key),
				    counts[i].word);
	}
	page_end_line(page);
}

void report_probe(struct page *page, struct json_object *probe)
{
	ends_put(page, probe);
	for (size_t i = 0; i < read_count(probe, "queries"); i++)
		query_put(page, read_item(probe, "queries", i));
	if (read_number(probe, "wasted_queries")) {
		page_format(page, "  %s of %zu queries wasted on the search list",
			    read_text(probe, "wasted_queries"), read_count(probe, "queries"));
		page_end_line(page);
	}
	counts_put(page, probe);
	for (size_t i = 0; i < read_count(probe, "notes"); i++) {
		struct json_object *note = read_item(probe, "notes", i);

		page_format(page, "  %s", read_text(note, "text"));
		if (read_number(note, "count") > 1)
			page_format(page, " ×%s", read_text(note, "count"));
		page_end_line(page);
	}
	if (read_child(probe, "mtu"))
		mtu_put(page, read_child(probe, "mtu"));
	page_end_line(page);
}
