/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading our BPF objects: the section names they use, the tracepoint's prototype from the
 * kernel's BTF, the user's filter put into each program. Between load_begin and load_end
 * libbpf knows our sections.
 */
#ifndef CNITRACE_KERNEL_LOAD_H
#define CNITRACE_KERNEL_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/filter.h"

#define LOAD_TYPES_PATH 32

struct bpf_program;
struct btf; /* <bpf/btf.h> */

/* A tracepoint's prototype, from the kernel's BTF: the typedef btf_trace_NAME. */
struct load_tracepoint {
	const char *name;
	int id; /* of the typedef, or a negative errno */
	int args; /* without the private first one, or a negative errno */
};

#define LOAD_HANDLERS 6
#define LOAD_TRACEPOINTS 3 /* kfree_skb, netif_receive_skb, net_dev_queue */

/* Must stay where it is until load_end: libbpf's section handlers carry a pointer to it. */
struct load {
	const struct filter *filter; /* NULL: every packet */
	struct load_tracepoint tracepoints[LOAD_TRACEPOINTS]; /* those that are asked for by BTF */
	/* Ids of bpf_rdonly_cast (6.2) and of the type that is cast to (kernel_call.h). 0: there is none. */
	int cast_function, cast_type;
	int function_id; /* of the function that "trace_fentry/" and "trace_fexit/" programs attach to; set by whoever loads one */
	int handlers[LOAD_HANDLERS];
	int types_fd; /* -1: none */
	char types[LOAD_TYPES_PATH]; /* "": none */
};

struct load_options {
	const struct filter *filter; /* NULL: every packet */
	/* Is shown the kernel's types once, while they are in memory anyway; may be NULL. */
	void (*learn)(void *context, const struct btf *kernel);
	void *context;
};

void load_begin(struct load *load, const struct load_options *options);
/*
 * The part of the kernel's types that the programs name, with the drop reasons, as a file for btf__parse() and btf_custom_path, until load_end. NULL: there is
 * none, and the kernel's own file is to be read.
 */
const char *load_types(const struct load *load);
void load_end(struct load *load);
/* libbpf's tables of types are gone: so shall be their pages. After the programs of the start are loaded. */
void load_trim(void);
/* May a program cast? Without, one that does is refused: -ENOENT. */
bool load_casts(const struct load *load);
/* Number of arguments of a tracepoint, or a negative errno (-ENOENT: not there, or no BTF). */
int load_tracepoint_args(const struct load *load, const char *name);
/* Runs the kernel refused because the program was already running on that CPU. */
uint64_t load_program_misses(const struct bpf_program *prog);

#endif
