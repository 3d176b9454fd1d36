/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The routers beyond the node, as mtr finds them: echo requests that live for a few hops only. Once a second
 * at most, for routers answer no more often; the packets are not part of the loss that is shown.
 */
#ifndef CNITRACE_COMMANDS_PROBE_HOPS_H
#define CNITRACE_COMMANDS_PROBE_HOPS_H

#include "commands/probe.h"

/* NULL when there is nothing beyond the node to ask, or no socket for it. */
struct probe_hops *probe_hops_new(struct probe *probe, const struct probe_target *target);
/* Sends what is due and reads what arrived. */
void probe_hops_run(struct probe *probe, struct probe_target *target, uint64_t now);
/* To be polled; -1 none. */
int probe_hops_fd(const struct probe_hops *hops);
/* Is it one of these packets, or about one? They are no traffic to be judged. */
bool probe_hops_made(const struct probe_hops *hops, const struct journey *journey);
void probe_hops_free(struct probe_hops *hops);

#endif
