/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which conversations a trace's filter shows one half of ("src host A", "tcp dst port 80"): that nothing
 * answers there is the filter's doing, and no finding.
 */
#ifndef CNITRACE_COMMANDS_ANSWERS_H
#define CNITRACE_COMMANDS_ANSWERS_H

#include "kernel/filter.h"
#include "packet/flow.h"

/* Sets hides_answers and hides_rest of each flow. Returns of how many unanswered ones the answers are hidden. */
unsigned answers_mark(struct flow_table *flows, const struct filter *filter);

#endif
