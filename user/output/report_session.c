// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first and the last line of a run as text, the lines of probe
 * statistics, and a way out for documents of types this version does not know.
 */
#include "output/report.h"

#include <string.h>

#include "output/json_read.h"

static unsigned count_pods(struct json_object *start)
{
	size_t devices = read_count(start, "devices");
	unsigned pods = 0;

	for (size_t i = 0; i < devices; i++) {
		const char *pod = read_text(read_item(start, "devices", i), "pod");
		bool known = !*pod;

		for (size_t j = 0; j < i && !known; j++)
			known = !strcmp(pod, read_text(read_item(start, "devices", j), "pod"));
		pods += !known;
	}
	return pods;
}

static const char *plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

/* How many witnesses are attached; *why: the reason of the first that is missing, "" none is. */
static unsigned witnesses_count(struct json_object *start, const char **why)
{
	unsigned count = 0;

	*why = "";
	for (size_t i = 0; i < read_count(start, "probes"); i++) {
		struct json_object *probe = read_item(start, "probes", i);

		if (!*read_text(probe, "explains"))
			continue;
		count += !strcmp(read_text(probe, "state"), "attached");
		if (!**why && !strcmp(read_text(probe, "state"), "missing"))
			*why = read_text(probe, "why");
	}
	return count;
}

static void missing_put(struct page *page, const char *name, const char *why)
{
	page_style(page, STYLE_DIM);
	page_format(page, "  without %s", name);
	if (*why) {
		page_put(page, ": ");
		page_wrap(page, why, 4);
	}
	page_style(page, STYLE_PLAIN);
	page_end_line(page);
}

static void missing_probes(struct page *page, struct json_object *start)
{
	for (size_t i = 0; i < read_count(start, "probes"); i++) {
		struct json_object *probe = read_item(start, "probes", i);

		if (strcmp(read_text(probe, "state"), "missing") || *read_text(probe, "explains"))
			continue;
		missing_put(page, read_text(probe, "name"), read_text(probe, "why"));
	}
}

static const char *drop_probe_way(struct json_object *start)
{
	for (size_t i = 0; i < read_count(start, "probes"); i++) {
		struct json_object *probe = read_item(start, "probes", i);

		if (!strcmp(read_text(probe, "name"), "kfree_skb"))
			return read_text(probe, "way");
	}
	return "";
}

void report_start(struct page *page, struct json_object *start)
{
	static const struct {
		const char *key, *title;
	} extras[] = {{"pod", "pod "},
		      {"filter", "filter: "},
		      {"min_len", "bytes ≥ "},
		      {"shown", "shown: "},
		      {"command", "running: "}};
	size_t devices = read_count(start, "devices");
	unsigned pods = count_pods(start);
	const char *way = drop_probe_way(start), *why;
	unsigned witnesses = witnesses_count(start, &why);
	char containers[256];

	page_format(page, "tracing %zu device%s", devices, plural(devices));
	if (*read_text(start, "node"))
		page_format(page, " of %s", read_text(start, "node"));
	page_format(page, ", %u pod%s", pods, plural(pods));
	if (*way)
		page_format(page, " · drops by %s", way);
	if (witnesses)
		page_format(page, ", %u witness%s", witnesses, witnesses == 1 ? "" : "es");
	for (unsigned i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
		if (*read_text(start, extras[i].key))
			page_format(page, " · %s%s%s", extras[i].title,
				    read_text(start, extras[i].key),
				    i ? ""
				      : read_containers(start, "", containers, sizeof(containers)));
	}
	page_end_line(page);
	missing_probes(page, start);
	if (!witnesses && *why)
		missing_put(page, "witnesses", why);
	page_end_line(page);
}

static void verdicts_put(struct page *page, struct json_object *summary)
{
	static const char *const kinds[] = {"delivered", "left-node", "dropped", "rejected",
					    "vanished"};
	static const char *const titles[] = {"delivered", "left the node", "dropped", "rejected",
					     "vanished"};
	struct json_object *journeys = read_child(summary, "journeys");
	int64_t total = read_number(journeys, "total");
	const char *comma = ":";

	page_format(page, "%lld journey%s", (long long)total, plural(total));
	for (unsigned i = 0; i < 5; i++) {
		if (!read_number(journeys, kinds[i]))
			continue;
		page_format(page, "%s %s %s", comma, read_text(journeys, kinds[i]), titles[i]);
		comma = ",";
	}
	if (read_number(journeys, "benign"))
		page_format(page, "%s %s harmless drops", comma, read_text(journeys, "benign"));
	if (read_has(journeys, "shown"))
		page_format(page, " · %s shown", read_text(journeys, "shown"));
}

static void findings_put(struct page *page, struct json_object *summary)
{
	static const char *const kinds[] = {"error", "warning", "info"};
	struct json_object *findings = read_child(summary, "findings");
	const char *lead = " · ";

	for (unsigned i = 0; i < 3; i++) {
		int64_t count = read_number(findings, kinds[i]);

		if (!count)
			continue;
		page_format(page, "%s%lld %s%s", lead, (long long)count, kinds[i],
			    i == 2 ? "" : plural(count));
		lead = ", ";
	}
}

static double percent_of(struct json_object *records, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(records, key, &value) ? json_object_get_double(value) : 0;
}

static void sampling_put(struct page *page, struct json_object *records)
{
	if (!read_number(records, "sampled_out"))
		return;
	page_format(page,
		    "sampled: more packets than the ring takes (--ring makes it larger): %.3g %% "
		    "of what "
		    "was asked for, %.3g %% at the least; the journeys shown are whole",
		    percent_of(records, "share_percent"),
		    percent_of(records, "least_share_percent"));
	page_end_line(page);
	page_style(page, STYLE_YELLOW);
}

static void evicted_put(struct page *page, struct json_object *records)
{
	int64_t count =
		read_number(records, "tracked_evicted") + read_number(records, "followed_evicted");

	if (!count)
		return;
	page_style(page, STYLE_DIM);
	page_format(
		page,
		"%lld of the packets and flows that are followed were forgotten early, for want of "
		"room: translated ones among them may lack hops",
		(long long)count);
	page_style(page, STYLE_PLAIN);
	page_end_line(page);
}

void report_summary(struct page *page, struct json_object *summary)
{
	struct json_object *records = read_child(summary, "records");

	verdicts_put(page, summary);
	findings_put(page, summary);
	page_format(page, " · %lld records, %lld lost", (long long)read_number(records, "recorded"),
		    (long long)read_number(records, "lost"));
	if (read_has(summary, "command_status"))
		page_format(page, " · command exit %s", read_text(summary, "command_status"));
	page_format(page, " · exit %lld", (long long)read_number(summary, "exit_status"));
	page_end_line(page);
	evicted_put(page, records);
	if (read_flag(summary, "complete"))
		return;
	page_style(page, STYLE_YELLOW);
	sampling_put(page, records);
	page_format(
		page, "incomplete: of %lld packets seen, %lld could not be recorded",
		(long long)read_number(records, "seen"),
		(long long)(read_number(records, "lost") - read_number(records, "sampled_out")));
	if (read_number(records, "evicted"))
		page_format(page, ", %s journeys were closed early", read_text(records, "evicted"));
	page_style(page, STYLE_PLAIN);
	page_end_line(page);
}

void report_other(struct page *page, struct json_object *document)
{
	page_put(page, json_object_to_json_string_ext(
			       document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	page_end_line(page);
}
