/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's numbers as Prometheus reads them (text format 0.0.4). Names and labels are a
 * contract: scripts/grafana-dashboard.json and scripts/alerts.yml use exactly these. No address
 * and no port is a label; the number of series is bounded by struct watch.
 */
#ifndef CNITRACE_OUTPUT_METRICS_H
#define CNITRACE_OUTPUT_METRICS_H

#include <stddef.h>

#include "diagnose/watch.h"
#include "output/document_drops.h"

struct metric_counter { /* a kernel counter that moves without a drop record */
	const char *name;
	uint64_t gained; /* since the start, on the whole node */
};

struct metrics_info {
	const struct watch *watch;
	struct drops_lost lost;
	uint64_t seen;
	const struct metric_counter *counters;
	size_t counter_count;
	const char *version, *kernel, *way; /* how drops are seen: tp_btf, raw_tp */
	uint64_t pods, uptime_ns, resident_bytes;
	double started; /* seconds since 1970 */
};

/* A NUL-ended text the caller frees, its length in *length; NULL: out of memory. */
char *metrics_text(const struct metrics_info *info, size_t *length);

#endif
