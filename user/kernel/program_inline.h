/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puts small functions where they are called: a call and its return cost more than a filter, most of
 * all where the CPU must not predict returns (Documentation/admin-guide/hw-vuln/srso.rst).
 */
#ifndef CNITRACE_KERNEL_PROGRAM_INLINE_H
#define CNITRACE_KERNEL_PROGRAM_INLINE_H

#include <stddef.h>

#include "kernel/program_edit.h"

struct bpf_program; /* <bpf/libbpf.h> */
struct bpf_prog_load_opts; /* <bpf/bpf.h> */

#define INLINE_MAX 128 /* instructions of a function, with its last */

/*
 * Pure. Of a main program and its functions in one array those functions that call nothing, use
 * nothing but r0 to r5 and are short enough take the places of all their calls, and are gone. One
 * whose address is taken stays. -EOPNOTSUPP: cannot be read, is to be left as it is; -E2BIG: a jump would
 * lead too far; -ENOMEM.
 */
int program_inline(const struct bpf_insn *insns, size_t count, struct edited *edited);

/* In a libbpf prog_prepare_load_fn, last. What cannot be changed so is loaded as it is. */
int program_inline_prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts);

#endif
