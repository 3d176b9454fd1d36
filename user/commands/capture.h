/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace inside another command: the tracer attached for one subject and filter, its records made
 * journeys and flows, and at the end findings. The caller owns the loop and what is printed of a journey.
 */
#ifndef CNITRACE_COMMANDS_CAPTURE_H
#define CNITRACE_COMMANDS_CAPTURE_H

#include <poll.h>

#include "commands/follow.h"
#include "commands/options.h"
#include "commands/session.h"
#include "diagnose/finding.h"
#include "kernel/filter.h"
#include "kernel/names.h"
#include "kernel/tracer.h"
#include "output/printer.h"
#include "packet/flow.h"
#include "packet/journey.h"

struct capture_options {
	const char *expression; /* pcap-filter, NULL every packet of the subject */
	const char *probes;
	uint64_t ring_bytes;
	uint32_t max_flows;
};

struct capture {
	struct session *session;
	struct filter *filter;
	struct tracer *tracer;
	struct kernel_names *kernel_names;
	struct journey_table *journeys;
	struct flow_table *flows;
	int signal_fd, link_fd;
	struct follow follow;
	bool stop; /* a signal asks to end */
	uint64_t subject_records, started_ns;
	/* False: the journey is none of the user's business (a packet of ours that must not be judged). May be NULL. */
	bool (*wanted)(void *context, const struct journey *journey);
	/* Hears of every closed journey that is wanted; its flow_id is set. */
	void (*closed)(void *context, const struct journey *journey);
	void *context;
};

uint64_t capture_now(void); /* CLOCK_MONOTONIC */
/* Loads and attaches for session's subject. -EPERM, -EOPNOTSUPP, -ENODEV, -EINVAL with a sentence. */
int capture_start(struct capture *capture, struct session *session,
		  const struct capture_options *options, struct error *error);
/* Waits up to timeout_ms for records, one of `fds` (their revents are set) or a signal. */
void capture_wait(struct capture *capture, struct pollfd *fds, size_t count, int timeout_ms);
/* Takes the records that are there; journeys that have come to rest are closed. */
void capture_take(struct capture *capture);
/* Detaches and closes every journey. */
void capture_stop(struct capture *capture);
/* Prints refusals and runs the rules over flows and facts; then findings and the summary are printed. */
void capture_diagnose(struct capture *capture, struct printer *printer, struct finding_list *list);
void capture_findings(struct capture *capture, struct printer *printer,
		      const struct finding_list *list);
void capture_summary(struct capture *capture, struct printer *printer,
		     const struct finding_list *list, int exit_status);
void capture_free(struct capture *capture);

#endif
