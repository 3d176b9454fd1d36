/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Targets that are Services: the endpoints that the node's rules name, so that packets which the node
 * translates before any device are known again there.
 */
#ifndef CNITRACE_COMMANDS_PROBE_SERVICE_H
#define CNITRACE_COMMANDS_PROBE_SERVICE_H

#include "commands/probe.h"

/* Before the trace: the target's endpoints, if it is a Service of this node's rules. */
void probe_service_take(struct probe *probe, struct probe_target *target);
/*
 * The local port of what was just sent from the node's own namespace, as devices see it: masquerading gives
 * a connection to a Service another one.
 */
uint16_t probe_service_port(struct probe *probe, const struct probe_target *target, int fd,
			    struct address to);

#endif
