// SPDX-License-Identifier: GPL-2.0-only
/*
 * Findings and refusals as text: the headline with its confidence, the sentence, what
 * proves it, and commands that can be copied as they stand.
 */
#include "output/report.h"

#include <string.h>

#include "base/text.h"
#include "output/json_read.h"
#include "output/shape.h"

#define LABEL 2 /* column of "seen", "fix" */
#define BODY 9 /* column of what follows */

static void label_put(struct page *page, const char *label)
{
	page_tab(page, LABEL, 0);
	page_put_styled(page, STYLE_DIM, label);
	page_tab(page, BODY, 1);
}

static void flow_end(struct page *page, struct json_object *flow, const char *side)
{
	bool src = side[0] == 's';
	char text[96], containers[256];

	shape_endpoint(text, sizeof(text), read_text(flow, side),
		       read_number(flow, src ? "sport" : "dport"));
	page_put(page, *text ? text : "-");
	if (*read_text(flow, src ? "src_pod" : "dst_pod"))
		page_format(page, " (%s%s)", read_text(flow, src ? "src_pod" : "dst_pod"),
			    read_containers(flow, src ? "src_" : "dst_", containers,
					    sizeof(containers)));
}

static void flow_put(struct page *page, struct json_object *flow)
{
	page_format(page, "%s ", read_text(flow, "proto"));
	flow_end(page, flow, "src");
	page_put(page, " → ");
	flow_end(page, flow, "dst");
}

static void headline(struct page *page, struct json_object *finding)
{
	const char *severity = read_text(finding, "severity");
	bool error = !strcmp(severity, "error"), warning = !strcmp(severity, "warning");

	page_style(page, error ? STYLE_RED : warning ? STYLE_YELLOW : STYLE_BOLD);
	page_put(page, error ? "ERROR" : warning ? "WARNING" : "INFO");
	page_style(page, STYLE_PLAIN);
	page_tab(page, 7, 1);
	page_put_styled(page, STYLE_BOLD, read_text(finding, "id"));
	page_format(page, "   %s · confidence %s", read_text(finding, "class"),
		    read_text(finding, "confidence"));
	if (read_number(finding, "of"))
		page_format(page, " · %s of %s packets", read_text(finding, "count"),
			    read_text(finding, "of"));
	else if (read_number(finding, "count"))
		page_format(page, " · ×%s", read_text(finding, "count"));
	page_end_line(page);
}

static void where_put(struct page *page, struct json_object *finding)
{
	static const char *const keys[] = {"device", "pod", "netns", "node"};
	struct json_object *where = read_child(finding, "where");
	char containers[256];
	const char *last = "";
	bool any = false;

	for (unsigned i = 0; i < 4; i++) {
		const char *text = read_text(where, keys[i]);

		if (!*text || !strcmp(text, last))
			continue;
		if (!any)
			label_put(page, "at");
		page_format(page, "%s%s%s", any ? " · " : "", i == 3 ? "node " : "",
			    i == 2 && !strcmp(text, "node") ? "node's namespace" : text);
		if (i == 0 && *read_text(where, "peer_device"))
			page_format(page, " ↔ %s", read_text(where, "peer_device"));
		if (i == 1)
			page_put(page, read_containers(where, "", containers, sizeof(containers)));
		last = text;
		any = true;
	}
	if (any)
		page_end_line(page);
	if (read_child(finding, "flow")) {
		label_put(page, "flow");
		flow_put(page, read_child(finding, "flow"));
		page_end_line(page);
	}
}

/* "seen 3 packets …": the first word becomes the label when it is a short one. */
static void evidence_put(struct page *page, const char *text)
{
	size_t word = strcspn(text, " ");
	char label[8] = "seen";

	if (word < sizeof(label) && text[word]) {
		memcpy(label, text, word);
		label[word] = '\0';
		text += word + 1;
	}
	label_put(page, label);
	page_wrap(page, text, BODY);
	page_end_line(page);
}

static void evidence_all(struct page *page, struct json_object *finding)
{
	for (size_t i = 0; i < read_count(finding, "evidence"); i++) {
		const char *text = json_object_get_string(read_item(finding, "evidence", i));

		evidence_put(page, text ?: "");
	}
	for (size_t i = 0; i < read_count(finding, "consequences"); i++) {
		const char *text = json_object_get_string(read_item(finding, "consequences", i));

		label_put(page, "also");
		page_wrap(page, text ?: "", BODY);
		page_end_line(page);
	}
}

static bool list_says(struct json_object *finding, const char *key, const char *value)
{
	for (size_t i = 0; i < read_count(finding, key); i++) {
		const char *text = json_object_get_string(read_item(finding, key, i));

		if (text && strstr(text, value))
			return true;
	}
	return false;
}

/* A short value may be there by chance: only a longer one counts as said. */
static bool is_said(struct json_object *finding, const char *value)
{
	static const char *const places[] = {"device", "pod", "netns", "node"};
	struct json_object *where = read_child(finding, "where");

	for (unsigned i = 0; i < 4; i++) {
		if (!strcmp(read_text(where, places[i]), value))
			return true;
	}
	return strlen(value) > 2 && (strstr(read_text(finding, "summary"), value) ||
				     list_says(finding, "evidence", value));
}

/* The machine's facts that the sentences above have not told already. */
static void facts_put(struct page *page, struct json_object *finding)
{
	struct json_object *facts = read_child(finding, "facts");
	char all[2048] = "";

	if (!facts || !json_object_is_type(facts, json_type_object))
		return;
	json_object_object_foreach(facts, key, value)
	{
		const char *text = json_object_get_string(value) ?: "";

		if (!*text || is_said(finding, text))
			continue;
		text_append(all, sizeof(all), "%s%s %s", *all ? " · " : "", key, text);
	}
	if (!*all)
		return;
	label_put(page, "facts");
	page_wrap(page, all, BODY);
	page_end_line(page);
}

/* Commands are never broken: they are there to be copied. */
static void remedy_put(struct page *page, struct json_object *finding)
{
	for (size_t i = 0; i < read_count(finding, "remedy"); i++) {
		const char *text = json_object_get_string(read_item(finding, "remedy", i)) ?: "";

		label_put(page, i ? "" : "fix");
		if (*text == '#') {
			page_style(page, STYLE_DIM);
			page_wrap(page, text, BODY + 2);
			page_style(page, STYLE_PLAIN);
		} else {
			page_put(page, text);
		}
		page_end_line(page);
	}
}

void report_finding(struct page *page, struct json_object *finding)
{
	headline(page, finding);
	page_tab(page, LABEL, 0);
	page_wrap(page, read_text(finding, "summary"), LABEL);
	page_end_line(page);
	where_put(page, finding);
	evidence_all(page, finding);
	facts_put(page, finding);
	remedy_put(page, finding);
	page_end_line(page);
}

void report_refusal(struct page *page, struct json_object *refusal)
{
	struct json_object *flow = read_child(refusal, "flow");
	const char *call = read_text(refusal, "syscall");
	char containers[256];
	struct json_object *witnesses = read_child(refusal, "witnesses");

	page_put_styled(page, STYLE_RED, "✗");
	page_format(page, " %s (pid %s", read_text(refusal, "comm"), read_text(refusal, "pid"));
	if (*read_text(refusal, "netns_name"))
		page_format(page, ", %s%s", read_text(refusal, "netns_name"),
			    read_containers(refusal, "", containers, sizeof(containers)));
	page_format(page, "): the kernel refused %s to ", *call ? call : "a system call");
	flow_end(page, flow, "dst");
	page_format(page, ": %s, %s", read_text(refusal, "error_name"),
		    read_text(refusal, "error_text"));
	if (read_number(refusal, "count") > 1)
		page_format(page, "  ×%s", read_text(refusal, "count"));
	page_end_line(page);
	page_put(page, "  no packet was made");
	if (witnesses)
		page_format(page, ": %s",
			    read_text(json_object_array_get_idx(witnesses, 0), "says"));
	page_end_line(page);
	page_end_line(page);
}
