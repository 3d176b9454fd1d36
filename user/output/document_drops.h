/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's documents: what an interval brought, row by row; findings that begin, go on
 * and end; counters that move without a packet being seen. Each function returns a new object
 * that the caller owns.
 */
#ifndef CNITRACE_OUTPUT_DOCUMENT_DROPS_H
#define CNITRACE_OUTPUT_DOCUMENT_DROPS_H

#include <json-c/json.h>

#include "diagnose/watch.h"
#include "output/document.h"

struct drops_lost {
	uint64_t overflow; /* counted, but of no row: the map or the table was full */
	uint64_t missed; /* the program could not run */
	uint64_t
		samples; /* records of examples that did not fit the ring: counts are not concerned */
};

struct interval_info {
	uint64_t duration_ns;
	struct drops_lost lost; /* since the start */
	bool all; /* benign rows have lines of their own too */
};

struct counter_info { /* see diagnose/watch_counters.h */
	const char *name, *meaning, *netns, *pod, *containers, *device;
	uint32_t netns_inode;
	uint64_t gained, total;
};

struct monitor_summary {
	const struct watch *watch;
	uint64_t seen, filtered, counted;
	struct drops_lost lost;
	uint64_t findings_error, findings_warning, findings_info;
	uint64_t duration_ns;
	int exit_status;
};

/* One row. `interval`: what it gained since the last interval; else what it has in all. */
struct json_object *document_drops(const struct watch_row *row, const struct names *names,
				   uint64_t now_ns, bool interval);
struct json_object *document_interval(const struct watch *watch, const struct interval_info *info,
				      const struct names *names);
struct json_object *document_watch_finding(const struct watch_finding *finding,
					   const struct names *names);
struct json_object *document_counter(const struct counter_info *info, const struct names *names);
struct json_object *document_monitor_summary(const struct monitor_summary *summary,
					     const struct names *names);
/* One example packet of the look-back: type "sample". */
struct json_object *document_sample(const struct watch_row *row, const struct watch_sample *sample,
				    const struct names *names);

#endif
