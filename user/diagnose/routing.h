/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the class "unreachable", each told of one drop or answer. Private to diagnose/. */
#ifndef CNITRACE_DIAGNOSE_ROUTING_H
#define CNITRACE_DIAGNOSE_ROUTING_H

#include "diagnose/lookup.h"

void routing_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);
/* beyond.c: an ICMP error that a router or host beyond this node answered with. */
void beyond_answer(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		   const struct flow_answer *answer);
void routing_answer(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		    const struct flow_answer *answer);
/* A loop that nobody answers: the packets themselves show it. False when it is none. */
bool routing_loop(struct diagnosis *d, struct finding_list *list, const struct flow *flow);
void link_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);
void program_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);

#endif
