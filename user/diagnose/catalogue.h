/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fault catalogue as data: every id, its class, what it means in a line, and what the
 * running kernel must offer for it to be told. Pure; doctor and the documentation read it.
 */
#ifndef CNITRACE_DIAGNOSE_CATALOGUE_H
#define CNITRACE_DIAGNOSE_CATALOGUE_H

#include <stddef.h>

/* What a node can offer; bits. */
enum ability {
	ABLE_HOPS = 1 << 0, /* tc programs, or the tracepoints of devices: hops, journeys */
	ABLE_DROPS = 1 << 1, /* the kfree_skb tracepoint */
	ABLE_REASONS = 1 << 2, /* it carries a reason */
	ABLE_SYMBOLS = 1 << 3, /* function names (kallsyms) */
	ABLE_REFUSALS = 1 << 4, /* refused system calls (raw tracepoint sys_exit) */
	ABLE_FACTS = 1 << 5, /* other namespaces may be entered: CAP_SYS_ADMIN */
	ABLE_WITNESS = 1 << 6, /* one of the fault's witnesses is attached */
};

struct fault_entry {
	const char *id, *class, *meaning;
	unsigned least; /* without these it cannot be told at all */
	unsigned full; /* without these the place or the detail is weaker */
	const char
		*witnesses; /* comma list: any of them says what a drop reason would, NULL none */
};

extern const struct fault_entry fault_catalogue[];
extern const size_t fault_catalogue_size;

enum fault_telling { TELL_NOT, TELL_WEAKER, TELL_FULL };
/* `abilities` with ABLE_WITNESS when one of entry->witnesses is there: it makes up for ABLE_REASONS. */
enum fault_telling fault_told(const struct fault_entry *entry, unsigned abilities);
const struct fault_entry *fault_find(const char *id);

#endif
