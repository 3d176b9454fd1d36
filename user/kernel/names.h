/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names the running kernel gives: drop reasons from its BTF, functions from
 * /proc/kallsyms. Both are read when first asked for, never before; kallsyms is
 * scanned once, kept from the second time on, and what was looked up is remembered.
 */
#ifndef CNITRACE_KERNEL_NAMES_H
#define CNITRACE_KERNEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/journey.h"

struct kernel_names;

struct kernel_names *kernel_names_new(void);
void kernel_names_free(struct kernel_names *names);
/* A BTF file that has the reasons, smaller than the kernel's; must live as long, NULL: none. */
void kernel_names_types(struct kernel_names *names, const char *types);

/*
 * From now on kallsyms is kept in memory (about 3 MiB), also for the first address: for whoever meets
 * many of them. Symbols of modules loaded later are found by reading it anew, at most
 * once a minute.
 */
void kernel_names_keep(struct kernel_names *names);
/* Gives that memory back, when few more drops are to come; it is read anew if need be. */
void kernel_names_rest(struct kernel_names *names);

/* "NETFILTER_DROP" of a reason number; "" when the kernel has no reasons, or for NOT_SPECIFIED and 0. */
const char *kernel_reason(struct kernel_names *names, uint32_t reason);
/* Has this kernel a reason of such a name (a shell pattern)? NOT_SPECIFIED always. */
bool kernel_reason_known(struct kernel_names *names, const char *pattern);
/* Bits of the reasons below `count` that `wanted` says yes to. NOT_SPECIFIED is "". */
void kernel_reasons_mark(struct kernel_names *names,
			 bool (*wanted)(const void *context, const char *name), const void *context,
			 uint32_t *bits, uint32_t count);
/* Function an address lies in, "" unknown (kallsyms hidden). One scan serves all `count` addresses. */
void kernel_symbols(struct kernel_names *names, const uint64_t *addresses, size_t count,
		    const char **symbols);
/* Fills reason, function, hook and callers of a drop from its numbers and its stack. */
void kernel_name_drop(struct kernel_names *names, struct drop *drop);
/* What could not be read: a sentence, or NULL. */
const char *kernel_names_gap(const struct kernel_names *names);

#endif
