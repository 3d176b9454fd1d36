/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the class "unreachable", each told of one drop or answer. Private to diagnose/. */
#ifndef CNITRACE_DIAGNOSE_ROUTING_H
#define CNITRACE_DIAGNOSE_ROUTING_H

#include "diagnose/lookup.h"

void routing_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);
/* beyond.c: an ICMP error that a router or host beyond this node answered with. */
void beyond_answer(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		   const struct flow_answer *answer);
/* hop_limit.c: a packet dropped for its TTL, one whose TTL a router says it used up, and a loop that nobody answers, which the
 * packets themselves show (false when it is none). */
void hop_limit_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);
void hop_limit_answer(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		      const struct flow_answer *answer);
bool hop_limit_loop(struct diagnosis *d, struct finding_list *list, const struct flow *flow);
void link_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);
void program_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);

#endif
