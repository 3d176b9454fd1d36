// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines of `cnitrace merge` as text: the nodes with their clocks, and what went from one
 * to another. Whole journeys are printed as all journeys are.
 */
#include "output/report.h"

#include <stdio.h>
#include <string.h>

#include "output/json_read.h"

/* 1480 ns "1.5 µs", 41000 "41 µs", 3200000 "3.2 ms", 7 s "7.0 s". */
static void span_put(struct page *page, int64_t ns)
{
	double us = (double)ns / 1e3, size = us < 0 ? -us : us;

	if (size >= 1e6)
		page_format(page, "%.3f s", us / 1e6);
	else if (size >= 1e3)
		page_format(page, "%.1f ms", us / 1e3);
	else
		page_format(page, size < 10 ? "%.1f µs" : "%.0f µs", us);
}

static void clock_put(struct page *page, struct json_object *node, bool reference)
{
	int64_t offset = read_number(node, "clock_offset_ns");

	if (reference) {
		page_put(page, "its clock is the one used here");
		return;
	}
	if (!read_flag(node, "clock_known")) {
		page_put_styled(page, STYLE_YELLOW,
				"clock not compared: no packet was seen at both ends");
		return;
	}
	/* offset is added to its times, so its clock is behind by that much */
	page_put(page, offset > 0 ? "clock behind by " : "clock ahead by ");
	span_put(page, offset > 0 ? offset : -offset);
	if (read_has(node, "clock_error_ns")) {
		page_put(page, " ± ");
		span_put(page, read_number(node, "clock_error_ns"));
	} else {
		page_put(page, " or less (packets were seen in one direction only)");
	}
	page_format(page, ", by %lld packets", (long long)read_number(node, "clock_packets"));
	if (read_flag(node, "clock_drifted"))
		page_put_styled(page, STYLE_YELLOW, " · a clock was set meanwhile");
}

void report_merge(struct page *page, struct json_object *merge)
{
	size_t nodes = read_count(merge, "nodes");

	page_format(page, "merged %zu node%s", nodes, nodes == 1 ? "" : "s");
	if (read_number(merge, "repeated"))
		page_format(page, " · %s lines were there twice", read_text(merge, "repeated"));
	page_end_line(page);
	for (size_t i = 0; i < nodes; i++) {
		struct json_object *node = read_item(merge, "nodes", i);

		page_format(page, "  %s", read_text(node, "node"));
		page_tab(page, 20, 2);
		page_format(page, "%lld journeys", (long long)read_number(node, "journeys"));
		page_tab(page, 38, 2);
		clock_put(page, node, i == 0);
		if (!read_flag(node, "complete"))
			page_put_styled(page, STYLE_YELLOW, " · its trace is incomplete");
		page_end_line(page);
	}
	page_end_line(page);
}

static void encap_put(struct page *page, struct json_object *encap)
{
	const char *kind = read_text(encap, "kind");

	if (!encap)
		return;
	page_format(page, " in %s",
		    !strcmp(kind, "vxlan")    ? "VXLAN"
		    : !strcmp(kind, "geneve") ? "GENEVE"
		    : !strcmp(kind, "ipip")   ? "IPIP"
					      : kind);
	if (read_has(encap, "vni"))
		page_format(page, " %s", read_text(encap, "vni"));
	page_format(page, " %s → %s", read_text(encap, "src"), read_text(encap, "dst"));
	if (read_number(encap, "dport"))
		page_format(page, " UDP %s", read_text(encap, "dport"));
}

static void transit_put(struct page *page, struct json_object *between)
{
	if (!read_has(between, "transit_min_ns"))
		return;
	page_put(page, ", on the way ");
	span_put(page, read_number(between, "transit_min_ns"));
	page_put(page, " least, ");
	span_put(page, read_number(between, "transit_avg_ns"));
	page_put(page, " average, ");
	span_put(page, read_number(between, "transit_max_ns"));
	page_put(page, " most");
	if (read_has(between, "transit_error_ns")) {
		page_put(page, ", all ± ");
		span_put(page, read_number(between, "transit_error_ns"));
	}
}

void report_between(struct page *page, struct json_object *between)
{
	page_format(page, "%s → %s  %lld left, %lld arrived", read_text(between, "from"),
		    read_text(between, "to"), (long long)read_number(between, "left"),
		    (long long)read_number(between, "arrived"));
	transit_put(page, between);
	if (read_number(between, "duplicates"))
		page_format(page, ", %s came twice", read_text(between, "duplicates"));
	if (read_number(between, "unseen"))
		page_format(page, ", %s while %s was not traced", read_text(between, "unseen"),
			    read_text(between, "to"));
	page_end_line(page);
	if (!read_number(between, "lost"))
		return;
	page_style(page, STYLE_RED);
	page_format(page, "  ✗ %s lost between them", read_text(between, "lost"));
	encap_put(page, read_child(between, "lost_encap"));
	page_style(page, STYLE_PLAIN);
	if (*read_text(between, "doubt"))
		page_format(page, " – if not: %s", read_text(between, "doubt"));
	page_end_line(page);
}
