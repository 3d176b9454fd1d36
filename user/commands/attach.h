/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a session to an attached tracer: which devices, whose packets, and the counters
 * as they stand before the first packet. Shared by trace and probe.
 */
#ifndef CNITRACE_COMMANDS_ATTACH_H
#define CNITRACE_COMMANDS_ATTACH_H

#include "commands/options.h"
#include "commands/session.h"
#include "kernel/tracer.h"

/*
 * Opens the tracer with options->config filled from the session (namespace, subject, tunnel ports)
 * and attaches it to the node's devices and probes. `patterns` (NULL or empty: all) are shell patterns of
 * device names. -ENODEV with a sentence that says what exists when none matches; else as tracer_open.
 */
int attach_start(struct session *session, struct tracer_options *options,
		 const struct text_list *patterns, struct tracer **tracer, struct error *error);
/* Attaches to devices that have come since. Number attached, or negative errno. */
int attach_devices(struct session *session, struct tracer *tracer, const struct text_list *patterns,
		   struct error *error);
/* Devices have changed: reads the node anew and attaches to what is new; says on standard error what failed. */
void attach_refresh(struct session *session, struct tracer *tracer,
		    const struct text_list *patterns);
/* Rule and conntrack counters of the node and the subject: what grows later tells which rule dropped. */
void attach_facts_before(struct session *session);

#endif
