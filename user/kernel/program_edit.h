/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changing a program that libbpf has relocated and is about to load: what of an instruction
 * speaks of another one's position (linux/Documentation/bpf/standardization/instruction-set.rst),
 * and how it, and libbpf's tables, are told that the other one has moved. Pure but for program_put.
 */
#ifndef CNITRACE_KERNEL_PROGRAM_EDIT_H
#define CNITRACE_KERNEL_PROGRAM_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_insn; /* <linux/bpf.h> */
struct bpf_program; /* <bpf/libbpf.h> */
struct bpf_prog_load_opts; /* <bpf/bpf.h> */

/* A 64-bit immediate, which takes the next instruction's place, too. */
bool insn_is_wide(const struct bpf_insn *insn);
/* Does imm count instructions from here to a function's first? A call, or a callback's address. */
bool insn_is_reference(const struct bpf_insn *insn);
/* Jumps always or on a condition; neither a call nor the end. */
bool insn_is_jump(const struct bpf_insn *insn);
/* Where the jump or reference at `at` leads. -1: it is neither, or leads out of the program. */
int64_t insn_target(const struct bpf_insn *insn, size_t at, size_t count);

/*
 * `place` has count + 1 entries: where each old instruction is now, what is gone where the next is that
 * is left, and the end. Mends the jump or reference that was at `at`. -EINVAL: it led out of the
 * program; -E2BIG: now it leads too far.
 */
int insn_move(struct bpf_insn *insn, size_t at, size_t count, const uint32_t *place);

/* A program made anew from `count` instructions. */
struct edited {
	struct bpf_insn *insns; /* place[count] of them, malloc'ed */
	uint32_t *place; /* as above, malloc'ed */
};

void edited_free(struct edited *edited);

/*
 * In a libbpf prog_prepare_load_fn: the program shall be `insns` (copied), and the function and line
 * information in *opts, which is libbpf's own copy for this program, speak of it. `place` of its old
 * instructions, as above. A negative errno.
 */
int program_put(struct bpf_program *prog, struct bpf_prog_load_opts *opts,
		const struct bpf_insn *insns, const uint32_t *place);

#endif
