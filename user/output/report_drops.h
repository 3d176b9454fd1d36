/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's documents as text. Private to the text printer.
 */
#ifndef CNITRACE_OUTPUT_REPORT_DROPS_H
#define CNITRACE_OUTPUT_REPORT_DROPS_H

#include <json-c/json.h>

#include "output/page.h"

void report_monitor_start(struct page *page, struct json_object *start);
void report_interval(struct page *page, struct json_object *interval);
/* A finding that goes on, or is over; the first time it is told whole (report_finding). */
void report_finding_again(struct page *page, struct json_object *finding);
void report_counter(struct page *page, struct json_object *counter);
void report_sample(struct page *page, struct json_object *sample);
void report_monitor_summary(struct page *page, struct json_object *summary);

#endif
