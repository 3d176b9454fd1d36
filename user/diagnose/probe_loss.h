/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Findings that need a probe's own count of its packets: loss in part, where the others are answered, and
 * connections that a server of this node refused for want of room. Pure.
 */
#ifndef CNITRACE_DIAGNOSE_PROBE_LOSS_H
#define CNITRACE_DIAGNOSE_PROBE_LOSS_H

#include "diagnose/finding.h"
#include "packet/hop_stats.h"

/* For what a table lost without a drop that a rule could tell: "no-reply" or "vanished". */
void probe_loss_findings(const struct hop_table *table, const struct diagnosis *d,
			 struct tuple flow, struct finding_list *list);

/* What a server's namespace counted while it was probed (TcpExt of /proc/net/netstat). */
struct probe_syn {
	uint32_t netns;
	uint16_t port;
	uint64_t cookies; /* SYN cookies sent: the SYN queue was full */
	uint64_t overflows; /* the accept queue was full */
	uint64_t queue_drops; /* SYNs dropped because the SYN queue was full */
};

bool probe_syn_any(const struct probe_syn *syn);
/* "listen-overflow": an error when connections failed, else a warning. */
void probe_syn_finding(const struct probe_syn *syn, const struct diagnosis *d, struct tuple flow,
		       uint64_t failed, uint64_t sent, struct finding_list *list);

#endif
