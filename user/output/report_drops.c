/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor as text: a block of lines per interval that had something to tell, findings
 * as they begin, go on and end.
 */
#include "output/report_drops.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output/json_read.h"
#include "output/report.h"

/* The pod, or where there is none the namespace. */
static void put_place(struct page *page, struct json_object *document, const char *lead,
		      const char *end)
{
	const char *place = read_text(document, "pod");
	char containers[256];

	if (!*place)
		place = read_text(document, "netns_name");
	if (*place)
		page_format(page, "%s%s%s%s", lead, place,
			    read_containers(document, "", containers, sizeof(containers)), end);
}

static const char *plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

static void put_clock(struct page *page, struct json_object *document, const char *key)
{
	time_t seconds = read_number(document, key) / 1000000000;
	struct tm when;
	char text[16] = "";

	if (localtime_r(&seconds, &when))
		strftime(text, sizeof(text), "%H:%M:%S", &when);
	page_put(page, text);
}

/* An address that stands for all of them is none to go to: this node's own is one of them. */
static void put_url(struct page *page, const char *listen)
{
	const char *port = strrchr(listen, ':');
	bool all4 = !strncmp(listen, "0.0.0.0:", 8), all6 = !strncmp(listen, "[::]:", 5);

	if (all4 || all6)
		page_format(page, " · http://%s%s/metrics (and at every other address)",
			    all4 ? "127.0.0.1" : "[::1]", port);
	else
		page_format(page, " · http://%s/metrics", listen);
}

void report_monitor_start(struct page *page, struct json_object *start)
{
	char containers[256];

	page_format(page, "monitoring drops of %s, kernel %s, %lld pod%s", read_text(start, "node"),
		    read_text(start, "kernel"), (long long)read_number(start, "pods"),
		    plural(read_number(start, "pods")));
	for (size_t i = 0; i < read_count(start, "probes"); i++)
		page_format(page, " · by %s", read_text(read_item(start, "probes", i), "way"));
	if (*read_text(start, "pod"))
		page_format(page, " · pod %s%s", read_text(start, "pod"),
			    read_containers(start, "", containers, sizeof(containers)));
	if (*read_text(start, "filter"))
		page_format(page, " · filter: %s", read_text(start, "filter"));
	if (*read_text(start, "listen"))
		put_url(page, read_text(start, "listen"));
	page_end_line(page);
}

static double per_second(int64_t packets, struct json_object *interval)
{
	double seconds = read_number(interval, "duration_ns") / 1e9;

	return seconds > 0 ? packets / seconds : 0;
}

static void put_rate(struct page *page, const char *title, double rate)
{
	page_format(page, rate < 10 && rate > 0 ? "   %s %.1f/s" : "   %s %.0f/s", title, rate);
}

static void put_reasons(struct page *page, struct json_object *class)
{
	struct json_object *reasons = read_child(class, "reasons");
	const char *lead = " (";

	if (!reasons || !json_object_object_length(reasons))
		return;
	json_object_object_foreach(reasons, name, count)
	{
		page_format(page, "%s%s %lld", lead, name, (long long)json_object_get_int64(count));
		lead = ", ";
	}
	page_put(page, ")");
}

void report_interval(struct page *page, struct json_object *interval)
{
	struct json_object *fault = read_child(interval, "fault");
	struct json_object *benign = read_child(interval, "benign");
	struct json_object *lost = read_child(interval, "lost");
	int64_t faults = read_number(fault, "packets"), harmless = read_number(benign, "packets");
	int64_t missing = read_number(lost, "overflow") + read_number(lost, "missed");

	if (!faults && !harmless)
		return;
	put_clock(page, interval, "time_ns");
	page_style(page, faults ? STYLE_BOLD : STYLE_DIM);
	put_rate(page, "faults", per_second(faults, interval));
	page_style(page, STYLE_PLAIN);
	page_style(page, STYLE_DIM);
	put_rate(page, "benign", per_second(harmless, interval));
	put_reasons(page, benign);
	page_style(page, STYLE_PLAIN);
	page_style(page, missing ? STYLE_YELLOW : STYLE_DIM);
	page_format(page, "   lost %lld", (long long)missing);
	page_style(page, STYLE_PLAIN);
	page_end_line(page);
}

static void put_flow(struct page *page, struct json_object *flow)
{
	if (!flow || !*read_text(flow, "src"))
		return;
	page_format(page, "  %s", read_text(flow, "src"));
	if (read_has(flow, "sport"))
		page_format(page, ":%s", read_text(flow, "sport"));
	page_format(page, " → %s", read_text(flow, "dst"));
	if (read_has(flow, "dport"))
		page_format(page, ":%s", read_text(flow, "dport"));
}

void report_drops(struct page *page, struct json_object *drops)
{
	bool fault = !strcmp(read_text(drops, "class"), "fault");
	const char *reason = read_text(drops, "reason"), *pod = read_text(drops, "pod");
	int64_t packets = read_number(drops, "packets");
	char containers[256];

	page_put(page, "  ");
	page_put_styled(page, fault ? STYLE_RED : STYLE_DIM, *reason ? reason : "no reason");
	if (read_flag(drops, "derived"))
		page_put(page, " (inferred)");
	page_tab(page, 26, 1);
	page_format(page, "%lld packet%s", (long long)packets, plural(packets));
	page_tab(page, 40, 1);
	page_format(page, "%s %s", read_text(drops, "proto"), read_text(drops, "device"));
	if (*read_text(drops, "peer_device"))
		page_format(page, " ↔ %s", read_text(drops, "peer_device"));
	if (*read_text(drops, "hook"))
		page_format(page, " %s", read_text(drops, "hook"));
	if (*pod)
		page_format(page, " (%s%s)", pod,
			    read_containers(drops, "", containers, sizeof(containers)));
	page_format(page, " @ %s", read_text(drops, "function"));
	put_flow(page, read_child(drops, "flow"));
	if (*read_text(drops, "why"))
		page_format(page, "  benign: %s", read_text(drops, "why"));
	page_end_line(page);
}

void report_finding_again(struct page *page, struct json_object *finding)
{
	bool over = !strcmp(read_text(finding, "state"), "over");

	put_clock(page, finding, "time_ns");
	page_style(page, over ? STYLE_GREEN : STYLE_DIM);
	page_format(page, "  %s %s", over ? "over " : "still", read_text(finding, "id"));
	page_style(page, STYLE_PLAIN);
	page_format(page, "  %s%lld×  %s", read_flag(finding, "count_exact") ? "" : "about ",
		    (long long)read_number(finding, "count"), read_text(finding, "summary"));
	if (over) {
		page_put(page, "  last drop ");
		put_clock(page, finding, "last_ns");
	}
	page_end_line(page);
}

void report_counter(struct page *page, struct json_object *counter)
{
	put_clock(page, counter, "time_ns");
	page_put_styled(page, STYLE_YELLOW, "  counter ");
	page_format(page, "%s +%lld", read_text(counter, "name"),
		    (long long)read_number(counter, "gained"));
	put_place(page, counter, " in ", "");
	if (*read_text(counter, "device"))
		page_format(page, " on %s", read_text(counter, "device"));
	page_format(page, ": %s", read_text(counter, "meaning"));
	page_end_line(page);
}

void report_sample(struct page *page, struct json_object *sample)
{
	put_clock(page, sample, "time_ns");
	page_format(page, "  %s  %s %s", read_text(sample, "reason"), read_text(sample, "proto"),
		    read_text(sample, "device"));
	put_place(page, sample, " (", ")");
	put_flow(page, read_child(sample, "flow"));
	page_format(page, "  %lld B", (long long)read_number(read_child(sample, "packet"), "len"));
	if (*read_text(sample, "why"))
		page_format(page, "  benign: %s", read_text(sample, "why"));
	page_end_line(page);
}

void report_monitor_summary(struct page *page, struct json_object *summary)
{
	struct json_object *drops = read_child(summary, "drops"), *lost = read_child(drops, "lost");
	struct json_object *findings = read_child(summary, "findings");
	int64_t missing = read_number(lost, "overflow") + read_number(lost, "missed");

	page_format(page, "%lld fault drop%s, %lld benign", (long long)read_number(drops, "fault"),
		    plural(read_number(drops, "fault")), (long long)read_number(drops, "benign"));
	if (read_number(drops, "elsewhere"))
		page_format(page, ", %lld in namespaces that are not this node's",
			    (long long)read_number(drops, "elsewhere"));
	page_format(page, " · findings: %lld error%s, %lld warning%s · lost %lld · exit %lld",
		    (long long)read_number(findings, "error"),
		    plural(read_number(findings, "error")),
		    (long long)read_number(findings, "warning"),
		    plural(read_number(findings, "warning")), (long long)missing,
		    (long long)read_number(summary, "exit_status"));
	page_end_line(page);
}
