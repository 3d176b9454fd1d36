/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One trace while it runs: the tracer, the tables its records go through, and what ends
 * it. Shared by the files of the trace command.
 */
#ifndef CNITRACE_COMMANDS_TRACE_H
#define CNITRACE_COMMANDS_TRACE_H

#include <sys/types.h>

#include "commands/follow.h"
#include "commands/options.h"
#include "commands/session.h"
#include "diagnose/finding.h"
#include "kernel/names.h"
#include "kernel/tracer.h"
#include "output/printer.h"
#include "packet/flow.h"
#include "packet/journey.h"
#include "packet/select.h"

#define TRACE_MAX_FLOWS 1024 /* about 5 KiB each; what comes beyond is counted */

struct trace_options {
	char *expression; /* the FILTER words joined, allocated; NULL none */
	const char *pod, *netns, *root, *probes, *colour;
	struct text_list devices, reasons, verdicts;
	uint64_t duration_ns, count, ring_bytes, min_len;
	bool until_eof; /* standard input's end is the trace's */
	bool json;
	char **command;
};

/* Addresses that ARP or ND asks for and nobody has answered for yet: packets wait for them. */
struct unresolved {
	struct address targets[8];
	unsigned next;
};

struct trace {
	const struct trace_options *options;
	struct session session;
	struct filter *filter;
	struct selection selection; /* of the journeys that are shown */
	struct tracer *tracer;
	struct kernel_names *kernel_names;
	struct journey_table *journeys;
	struct flow_table *flows;
	struct printer *printer;
	char *command_line;
	pid_t child;
	int child_status; /* -1: none, or still running */
	int signal_fd, link_fd;
	struct follow follow;
	bool input_ended;
	bool stop;
	uint64_t started_ns, last_journey_ns;
	uint64_t subject_records, shown;
	struct unresolved unresolved;
};

void unresolved_note(struct unresolved *unresolved, const struct packet *packet);
bool unresolved_any(const struct unresolved *unresolved);
/* Attaches, prints the start line, runs until something ends it. 0 or a negative errno. */
int trace_run(struct trace *trace, struct error *error);
/* Diagnoses and prints findings and summary. Returns the exit status. */
int trace_report(struct trace *trace);

#endif
