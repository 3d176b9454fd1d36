/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Look-ups as a C library in the pod makes them: the names of the search list one after the other, A and
 * AAAA from one socket at once, the next server when one is silent, TCP when an answer was cut.
 */
#ifndef CNITRACE_COMMANDS_PROBE_DNS_H
#define CNITRACE_COMMANDS_PROBE_DNS_H

#include "commands/probe.h"

/* Starts a round for target->result.target.name. */
void probe_lookup_begin(struct probe *probe, struct probe_target *target, uint64_t now);
void probe_lookup_receive(struct probe *probe, struct probe_target *target);
void probe_lookup_expire(struct probe *probe, struct probe_target *target, uint64_t now);
bool probe_lookup_done(const struct probe_lookup *lookup);
size_t probe_lookup_fds(const struct probe_lookup *lookup, struct pollfd *fds, size_t room);
void probe_lookup_free(struct probe_lookup *lookup);

/*
 * Gives every target its address, before the trace. A host whose name has none becomes a look-up of
 * that name, so that the trace shows why.
 */
int probe_resolve(struct probe *probe, struct error *error);

#endif
