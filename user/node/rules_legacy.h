/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the rule readers: a table of iptables-legacy as the kernel hands it out by
 * IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES (linux/netfilter_ipv4/ip_tables.h, and its like for IPv6).
 */
#ifndef CNITRACE_NODE_RULES_LEGACY_H
#define CNITRACE_NODE_RULES_LEGACY_H

#include "node/facts.h"

struct legacy_table {
	const char *name; /* "filter", "nat", … */
	uint8_t family; /* 4 or 6 */
	unsigned valid_hooks; /* bit mask of NF_INET_* */
	const unsigned *hook_entry; /* offset of each hook's first entry */
	const unsigned char *bytes; /* the entries from offset `base` on, aligned for 8 bytes */
	size_t base, size; /* `size` counts from 0 */
	/* When set: what lies before `offset` is not read again. */
	void (*passed)(void *context, size_t offset);
	void *context;
};

/* Where a chain is in its table: from its first rule, where jumps to it lead, over its policy at `end`, to `stop`. */
struct legacy_chain {
	uint32_t offset, end, stop;
	uint32_t named; /* where an ERROR entry has its name; `offset`: it is a hook's */
	uint32_t chain; /* index into ruleset.chains, once it is there */
	size_t kept; /* where its entries are among those kept */
};

struct legacy_chains { /* in order of offsets, and of chains */
	ARRAY(struct legacy_chain) items;
};

/* Which chains there are. 0, -ENOMEM, or -EBADMSG: not such a table. */
int legacy_chains_find(const struct legacy_table *table, struct legacy_chains *chains);
/* Appends one of them to the ruleset, without its rules, with its policy. 0 or -ENOMEM. */
int legacy_chain_add(struct ruleset *ruleset, const struct legacy_table *table,
		     struct legacy_chain *chain);
/* Appends the rules of one of them, all of which have been added. 0 or -ENOMEM. */
int legacy_chain_read(struct ruleset *ruleset, const struct legacy_table *table,
		      const struct legacy_chains *chains, const struct legacy_chain *chain);

/*
 * Appends the table's chains. Of many the rules are left unread: the ruleset gets a source for them. 0, -ENOMEM, or
 * -EBADMSG: not such a table.
 */
int legacy_table_read(struct ruleset *ruleset, const struct legacy_table *table);

#endif
