/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the netfilter rules of the calling thread's network namespace: nftables (with
 * what iptables-nft wrote there) by netlink, iptables-legacy by its own socket options.
 * Read-only: a table that is not in use is never brought to life by looking at it.
 */
#ifndef CNITRACE_NODE_RULES_H
#define CNITRACE_NODE_RULES_H

#include "node/facts.h"

/*
 * Fills ns->rules, replacing what it held. Must run inside the target namespace. What
 * one back end does not give up is noted in ns->rules.unread; fails (negative errno,
 * sentence in error) only when nothing could be read or memory ran out.
 */
int rules_read(struct netns_facts *ns, struct error *error);

/*
 * Of a reading that is kept only to see later which counters moved: forgets chains in which nothing
 * can drop, and what only matters for matching. Thousands of Services are told by such chains.
 */
void ruleset_keep_counters(struct ruleset *ruleset);

/* Frees everything the ruleset owns and leaves it empty. */
void ruleset_free(struct ruleset *ruleset);

#endif
