/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Documents other than journeys as text: each function renders one document. Private to
 * the text printer.
 */
#ifndef CNITRACE_OUTPUT_REPORT_H
#define CNITRACE_OUTPUT_REPORT_H

#include <json-c/json.h>

#include "output/page.h"

void report_start(struct page *page, struct json_object *start);
void report_finding(struct page *page, struct json_object *finding);
void report_refusal(struct page *page, struct json_object *refusal);
void report_summary(struct page *page, struct json_object *summary);
void report_drops(struct page *page, struct json_object *drops);
/* report_probe.c */
void report_hop_stats(struct page *page, struct json_object *stats);
void report_probe(struct page *page, struct json_object *probe);
/* Lines of merge: the nodes and their clocks; what went from one node to another. */
void report_merge(struct page *page, struct json_object *merge);
void report_between(struct page *page, struct json_object *between);
/* A type this version does not know: its JSON, so that nothing is hidden. */
void report_other(struct page *page, struct json_object *document);

#endif
