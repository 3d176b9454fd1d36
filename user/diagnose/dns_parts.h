/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rules of the class "dns" share. Private to diagnose/. */
#ifndef CNITRACE_DIAGNOSE_DNS_PARTS_H
#define CNITRACE_DIAGNOSE_DNS_PARTS_H

#include "diagnose/dns_message.h"
#include "diagnose/lookup.h"

bool dns_is_query_flow(const struct flow *flow);
bool dns_read(const struct journey *journey, const struct flow *flow, struct dns_message *message);
/* About `flow`, its server and the first name asked in it. */
struct finding *dns_finding(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			    const char *id, enum severity severity, enum basis basis,
			    uint64_t count);
/* dns_timing.c: answers that came late, and those that never came while others did. */
void dns_timing_rules(struct diagnosis *d, struct finding_list *list);

#endif
