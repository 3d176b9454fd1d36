/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers on this node that a TCP target leads to: what their namespaces count of full queues while they
 * are probed.
 */
#ifndef CNITRACE_COMMANDS_PROBE_SERVER_H
#define CNITRACE_COMMANDS_PROBE_SERVER_H

#include "commands/probe.h"
#include "diagnose/probe_loss.h"

struct probe_server {
	struct probe_syn syn; /* its counters: at the start */
	struct address address;
};

/* Before the trace: the pods of this node behind the target. */
void probe_servers_add(struct probe *probe, const struct probe_target *target);
/* After it: what grew. */
void probe_servers_findings(struct probe *probe, struct probe_target *target,
			    const struct diagnosis *diagnosis, struct tuple flow,
			    struct finding_list *list);

#endif
