/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies of the witness templates (bpf/witness.bpf.c): libbpf relocates them once, each function
 * then gets a copy with its own row put in, loaded by itself, so that one the kernel refuses costs
 * only itself.
 */
#ifndef CNITRACE_KERNEL_WITNESS_PROGRAM_H
#define CNITRACE_KERNEL_WITNESS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "witness.h"

struct bpf_insn; /* <linux/bpf.h> */
struct bpf_map; /* <bpf/libbpf.h> */
struct witness_bpf;

enum witness_template {
	TEMPLATE_FENTRY,
	TEMPLATE_FEXIT,
	TEMPLATE_RAW_TP,
	TEMPLATE_KPROBE,
	TEMPLATE_KRETPROBE,
	TEMPLATES,
};

/* Must stay where it is while it is opened. */
struct witness_programs {
	struct witness_bpf *bpf;
	struct bpf_insn *insns[TEMPLATES];
	size_t counts[TEMPLATES];
};

/* `probes` by row, WITNESS_ROWS of them. The counters' map is the tracer's. 0 or a negative errno. */
int witness_programs_open(struct witness_programs *programs, const struct witness_probe *probes,
			  const struct witness_layout *layout, int counters_fd);
/* The maps hints and calls are left in, for the drop program. */
struct bpf_map *witness_hints_map(const struct witness_programs *programs);
struct bpf_map *witness_calls_map(const struct witness_programs *programs);
/* What a copy for fentry or fexit is attached to; all 0 for the other ways. */
struct witness_target {
	int btf_id; /* of the function */
	int btf_fd; /* of its module's types, 0: the kernel proper */
	int program_fd; /* the function is a BPF program, 0: it is the kernel's */
	uint32_t tag; /* that program's id */
};

/* A program's descriptor, or a negative errno. */
int witness_program_load(const struct witness_programs *programs, enum witness_template which,
			 uint32_t row, const struct witness_target *target);
void witness_programs_close(struct witness_programs *programs);

/* Puts `value` in the place of `mark` (WITNESS_ROW_MAGIC, WITNESS_TAG_MAGIC); how often. Pure. */
size_t witness_mark_put(struct bpf_insn *insns, size_t count, int32_t mark, uint32_t value);

#endif
