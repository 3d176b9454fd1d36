/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The route that a packet takes, by the policy rules and routes that were read. Pure; used
 * where the kernel cannot be asked, such as for a namespace that is gone.
 */
#ifndef CNITRACE_NODE_ROUTE_LOOKUP_H
#define CNITRACE_NODE_ROUTE_LOOKUP_H

#include "node/facts.h"

/* False when a rule that cannot be decided comes before an answer. */
bool route_lookup(const struct netns_facts *ns, const struct route_query *query,
		  struct route_answer *answer);
/* The same as the route itself; *route is NULL when a rule refuses or nothing leads there. */
bool route_find(const struct netns_facts *ns, const struct route_query *query,
		const struct route **route);
/* Longest prefix, then lowest metric, among the usable routes of one table; NULL none. */
const struct route *route_in_table(const struct netns_facts *ns, uint32_t table,
				   struct address dst);

#endif
