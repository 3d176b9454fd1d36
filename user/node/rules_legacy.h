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
	const unsigned char *bytes; /* the entries, aligned for 8 bytes */
	size_t size;
	/* When set: what lies before `offset` is not read again. */
	void (*passed)(void *context, size_t offset);
	void *context;
};

/* Appends the table's chains. 0, -ENOMEM, or -EBADMSG: not such a table (some of it may be there). */
int legacy_table_read(struct ruleset *ruleset, const struct legacy_table *table);

#endif
