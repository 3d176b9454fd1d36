/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From names to places: what a row of the witness table reads, as argument numbers and offsets
 * of one kernel's types. Pure: types come in as struct btf, from the kernel or made by a test.
 */
#ifndef CNITRACE_KERNEL_WITNESS_BTF_H
#define CNITRACE_KERNEL_WITNESS_BTF_H

#include "kernel/witness_table.h"

struct btf; /* <bpf/btf.h> */
struct witness_types;

/*
 * Types of the kernel proper and of modules. Every name the table uses is looked for in one pass over each;
 * keeps a reference to the struct btf, which the caller frees after it.
 */
struct witness_types *witness_types_new(const struct btf *kernel);
/* Types of one module, which builds on the kernel's. 0 or -ENOMEM. */
int witness_types_module(struct witness_types *types, const char *module, const struct btf *btf);
void witness_types_free(struct witness_types *types);

struct witness_resolved {
	struct witness_probe probe;
	int btf_id; /* of the function, in `module`; 0: its types are not known */
	const char *module; /* whose types hold it, NULL the kernel's */
};

/*
 * Fills `out` from `row`. 0; -ENOENT: no such tracepoint, or its types are not known and it is of no use
 * without; -ESRCH: it has no such parameter or member; -E2BIG: more parameters than can be read; -EALREADY: not
 * needed, a drop reason says as much (only when `needed_only`).
 */
int witness_resolve(const struct witness_types *types, const struct witness_row *row,
		    bool needed_only, struct witness_resolved *out);
/* Offsets in struct sk_buff. 0 or -ESRCH. */
int witness_layout_resolve(const struct witness_types *types, struct witness_layout *layout);

#endif
