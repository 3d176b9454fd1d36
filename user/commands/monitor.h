/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The drop monitor while it runs: what it counts, remembers and serves. Shared by the files
 * of the monitor command.
 */
#ifndef CNITRACE_COMMANDS_MONITOR_H
#define CNITRACE_COMMANDS_MONITOR_H

#include "commands/follow.h"
#include "commands/options.h"
#include "commands/session.h"
#include "diagnose/watch.h"
#include "kernel/monitor.h"
#include "kernel/names.h"
#include "output/printer.h"
#include "packet/flow.h"
#include "packet/select.h"

struct http;
struct screen;
struct watch_counters;

#define MONITOR_MAX_JUDGED 256 /* samples that wait to be diagnosed */

struct monitor_run_options {
	char *expression; /* the FILTER words joined, allocated; NULL none */
	const char *pod, *netns, *root, *probes, *colour, *listen;
	struct text_list reasons;
	uint64_t duration_ns, interval_ns, hold_ns, ring_bytes, samples, max_pods, rows, min_len;
	bool json, all, plain;
};

/* A sample on its way to a diagnosis. */
struct judged_sample {
	uint64_t time_ns;
	struct drop_key key; /* its row may go meanwhile */
	uint64_t flow_id;
};

/* A sample of a namespace that is not known yet: it waits for the next look at the node. */
struct held_sample {
	struct drop_key key;
	size_t size;
	void *record; /* allocated */
};

/* A namespace that drops were seen in, so that a reused inode is noticed. */
struct seen_netns {
	uint64_t cookie;
	uint32_t inode;
	uint64_t seen_ns;
	bool resolved; /* facts were read after it was first seen */
	bool dying; /* it was being taken apart when it was first seen */
	bool ours, gone;
	char label[64], pod[320];
};

/* A namespace as the last look at the node named it; kept after its end for drops that are read later. */
struct named_netns {
	uint64_t cookie; /* 0 where the kernel tells none, or it ended before it was asked */
	uint32_t inode;
	bool barred; /* as of netns_facts: nothing told it from another with its inode */
	uint64_t gone_ns; /* 0 while it is there */
	char label[64], pod[320];
};

#define MONITOR_MAX_PAST 256

struct monitor_run {
	const struct monitor_run_options *options;
	struct session session;
	struct filter *filter;
	struct selection selection; /* by reason only */
	struct monitor *kernel;
	struct kernel_names *kernel_names;
	struct watch *watch;
	struct watch_counters *counters;
	struct printer *printer;
	struct http *http;
	struct screen *screen;
	struct journey_table *journeys;
	struct flow_table *flows;
	struct judged_sample judged[MONITOR_MAX_JUDGED];
	size_t judged_count;
	ARRAY(struct seen_netns) namespaces;
	ARRAY(struct held_sample) held;
	ARRAY(struct named_netns) present;
	ARRAY(struct named_netns) past; /* oldest first */
	struct monitor_exactness exactness;
	char kernel_release[65];
	bool colour;
	int signal_fd, link_fd;
	struct follow follow;
	bool stop, look_back, names_gap_said;
	size_t gaps_said; /* of facts->gaps */
	size_t counters_next; /* of facts->namespaces: where the next round of counters begins */
	uint64_t started_ns, read_ns, interval_ns, refreshed_ns, judged_ns, counters_ns, swept_ns;
	uint64_t findings_error, findings_warning, findings_info;
};

/* Attaches, prints the start line, runs until something ends it, says the summary. Exit status. */
int monitor_run(struct monitor_run *run, struct error *error);

/* monitor_rows.c: samples and counts become named rows. */
void monitor_rows_read(struct monitor_run *run, uint64_t now_ns);
void monitor_rows_held_free(struct monitor_run *run);
void monitor_rows_sweep(struct monitor_run *run, uint64_t now_ns);
/* Devices, namespaces and pods anew; rows of those that have gone are marked. */
void monitor_rows_refresh(struct monitor_run *run, uint64_t now_ns);

/* monitor_findings.c: samples become findings, findings are told. */
int monitor_findings_open(struct monitor_run *run, struct error *error);
void monitor_findings_close(struct monitor_run *run);
void monitor_judge_sample(struct monitor_run *run, struct watch_row *row, const void *record,
			  size_t size);
void monitor_findings_judge(struct monitor_run *run, uint64_t now_ns);
void monitor_findings_tell(struct monitor_run *run, uint64_t now_ns, bool interval);

/* monitor_counters.c: counters that move without a drop record. */
void monitor_counters_read(struct monitor_run *run, uint64_t now_ns);
/* All namespaces' at once: when the run ends. */
void monitor_counters_read_all(struct monitor_run *run);
/* Makes findings of what moved, once no sample of a drop waits that may explain it better. */
void monitor_counters_tell(struct monitor_run *run, uint64_t now_ns);

/* monitor_serve.c: HTTP and the look-back. */
int monitor_serve_open(struct monitor_run *run, struct error *error);
void monitor_look_back(struct monitor_run *run);

#endif
