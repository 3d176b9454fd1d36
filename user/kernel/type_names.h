/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Types looked for by name. A kernel has a hundred thousand and more: one pass finds all that are wanted, and
 * looks at the first two letters and the length of a name before it compares any.
 */
#ifndef CNITRACE_KERNEL_TYPE_NAMES_H
#define CNITRACE_KERNEL_TYPE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

struct btf; /* <bpf/btf.h> */

#define TYPE_NAME_LENGTH 64 /* with the NUL; no longer one can be wanted */

struct type_wanted {
	char name[TYPE_NAME_LENGTH];
	unsigned kind; /* BTF_KIND_… */
};

/* Zeroed to begin with. */
struct type_names {
	ARRAY(struct type_wanted) wanted;
	uint8_t letters[128][16]; /* by the first letter: bits of the second */
	uint8_t lengths[TYPE_NAME_LENGTH][16]; /* by length: bits of the first letter */
};

/* Once or more often, it is wanted once. 0, also for a name that is empty or too long; -ENOMEM. */
int type_names_want(struct type_names *names, const char *name, size_t length, unsigned kind);
/*
 * Calls `found` for each type from `first` on whose name and kind are wanted: its place in `wanted` and its id.
 * Ends at the first call that does not return 0, with what it returned.
 */
int type_names_find(const struct type_names *names, const struct btf *btf, unsigned first,
		    int (*found)(void *context, size_t wanted, unsigned id), void *context);
void type_names_free(struct type_names *names);

#endif
