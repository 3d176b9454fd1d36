/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The document of type "node": a node's network side by side, for cnitrace check. Its text
 * is the tree of report_node. See output/document.h.
 */
#ifndef CNITRACE_OUTPUT_DOCUMENT_NODE_H
#define CNITRACE_OUTPUT_DOCUMENT_NODE_H

#include "diagnose/check.h"
#include "output/document.h"
#include "output/page.h"

/* Devices, pods, peers, counters; each with the ids of the findings about it. */
struct json_object *document_node(const struct check_view *view, const struct finding_list *list,
				  const struct names *names);

/* The last line of a check: a summary without packets. */
struct json_object *document_check_summary(const struct summary_info *info,
					   const struct names *names);

void report_check_summary(struct page *page, struct json_object *summary);
void report_node(struct page *page, struct json_object *node);

#endif
