/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to attach a witness: raw tracepoint, fentry and fexit, kprobe and kretprobe. Which programs a
 * witness needs follows from its style.
 */
#ifndef CNITRACE_KERNEL_WITNESS_WAY_H
#define CNITRACE_KERNEL_WITNESS_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/witness_btf.h"
#include "kernel/witness_program.h"

/* What this kernel allows at all; found out by one try each. */
struct witness_ways {
	int fentry; /* 0 or the negative errno of a try */
	int kprobe_type; /* of the perf PMU, or a negative errno */
	uint8_t return_bit; /* of a kprobe's configuration: it is a return probe */
};

#define WITNESS_LINKS 2

/* Descriptors of one attached witness, in the order in which they are to be closed. */
struct witness_links {
	int fds[WITNESS_LINKS];
	int count;
};

/* btf_id: a function of the kernel proper to try with, 0 none. */
void witness_ways_try(struct witness_ways *ways, int btf_id);
/* Each: 0, or a negative errno and nothing attached. */
int witness_attach_raw_tp(const struct witness_programs *programs, const struct witness_row *row,
			  uint32_t index, struct witness_links *links);
int witness_attach_fentry(const struct witness_programs *programs,
			  const struct witness_resolved *resolved, uint32_t index, int btf_fd,
			  struct witness_links *links);
int witness_attach_kprobe(const struct witness_programs *programs, const struct witness_ways *ways,
			  const struct witness_row *row, uint32_t index,
			  struct witness_links *links);
/* A program that is loaded already, by "fentry" (or fexit) or "kprobe". */
int witness_attach_loaded(const struct witness_ways *ways, const struct witness_row *row,
			  const char *way, bool at_return, int prog, struct witness_links *links);
/*
 * fexit on a tc program of somebody else's. A link's descriptor, or a negative errno: -ENODATA: its types are not
 * known.
 */
int witness_attach_program(const struct witness_programs *programs, uint32_t index, uint32_t id);
void witness_links_close(struct witness_links *links);

#endif
