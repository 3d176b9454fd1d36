/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of the traffic a capture holds: what was seen, recorded, lost, left out and forgotten.
 */
#ifndef CNITRACE_COMMANDS_ACCOUNT_H
#define CNITRACE_COMMANDS_ACCOUNT_H

#include "kernel/tracer.h"
#include "output/document.h"

/* Fills the summary's hooks (they stay the caller's: COUNTER_HOOKS of them), sampling and complete. */
void account_take(struct tracer *tracer, struct hook_totals *hooks, struct summary_info *summary);
/* For how many of the recorded sightings a packet was forgotten early, 0 to 0.5: so many may seem to vanish. */
double account_forgotten(const struct summary_info *summary);

#endif
