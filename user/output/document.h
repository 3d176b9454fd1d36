/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The document: every line of output is one JSON object (json-c), made here and
 * nowhere else. The JSON printer prints it as it is; the text printer renders the
 * same object. So the two cannot say different things, and merge can render what
 * another node wrote. Schema: user/output/schema.json, tested on real output.
 *
 * Every function returns a new object that the caller owns (json_object_put).
 */
#ifndef CNITRACE_OUTPUT_DOCUMENT_H
#define CNITRACE_OUTPUT_DOCUMENT_H

#include <json-c/json.h>

#include "diagnose/finding.h"
#include "packet/journey.h"

/* What turns numbers into names. Any pointer may be NULL. */
struct names {
	const struct topology *topology;
	const struct facts *facts;
	const char *node; /* host name */
	uint64_t time_ns; /* whose names: those of this moment (CLOCK_MONOTONIC), 0 now's */
	int64_t wall_offset_ns; /* add to CLOCK_MONOTONIC to get CLOCK_REALTIME */
};

struct probe_state {
	char name[48]; /* "kfree_skb", "tc" */
	char way[24]; /* "tp_btf", "raw_tp", "tcx", "clsact", "kprobe", "fentry", "" none */
	char state[16]; /* "attached", "missing", "off" */
	char why[200]; /* when missing: the reason */
	const char *
		witness; /* of a probe that explains drops: what for; NULL: one of the tracer's own */
};

struct start_info {
	const char *version, *kernel, *filter, *command, *pod;
	const char *containers; /* of that pod, "web,sidecar"; NULL or "" unknown */
	const char *shown; /* which journeys are, NULL or "" all */
	uint64_t min_len;
	const struct probe_state *probes;
	size_t probe_count;
};

struct hook_totals {
	char hook[24]; /* "tc-in", "tc-out", "kfree_skb", … */
	uint64_t seen, filtered, recorded, lost;
	uint64_t sampled_out; /* of those lost: with all of their journey */
};

struct sampling_info {
	unsigned shift_max; /* one of 2^shift_max packets, at the worst */
	uint64_t tracked_evicted,
		followed_evicted; /* put out of full sets while they may have been needed */
};

struct summary_info {
	const struct journey_counts *journeys;
	uint64_t findings_error, findings_warning, findings_info;
	const struct hook_totals *hooks;
	size_t hook_count;
	struct sampling_info sampling;
	bool complete;
	int exit_status;
	int command_status; /* -1: no command */
	uint64_t duration_ns;
	uint64_t flows, flows_dropped;
	bool selected; /* not every journey was shown: */
	uint64_t shown;
};

struct json_object *document_start(const struct start_info *info, const struct names *names);
struct json_object *document_journey(const struct journey *journey, const struct names *names);
struct json_object *document_finding(const struct finding *finding, const struct names *names);
struct json_object *document_refusal(const struct refusal *refusal,
				     const struct names *names); /* type "refusal" */
struct json_object *document_summary(const struct summary_info *info, const struct names *names);

#endif
