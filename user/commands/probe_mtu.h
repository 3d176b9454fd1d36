/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An mtu target: echo requests of the sizes the search asks for, then a few datagrams to a closed port, whose
 * short ICMP answer shows which of the two ways is the narrow one.
 */
#ifndef CNITRACE_COMMANDS_PROBE_MTU_H
#define CNITRACE_COMMANDS_PROBE_MTU_H

#include "commands/probe.h"
#include "diagnose/probe_mtu.h"

void probe_search_begin(struct probe *probe, struct probe_target *target, uint64_t now);
void probe_search_receive(struct probe *probe, struct probe_target *target);
void probe_search_expire(struct probe *probe, struct probe_target *target, uint64_t now);
bool probe_search_done(const struct probe_search *search);
void probe_search_free(struct probe_search *search);
/* Is it an answer to a datagram that the search sent to a closed port? */
bool probe_search_made(const struct probe_target *target, const struct journey *journey);
/* After the trace: what it saw of the search's packets, and the verdict. */
void probe_search_judge(struct probe *probe, struct probe_target *target);

#endif
