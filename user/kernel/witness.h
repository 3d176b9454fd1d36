/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The witnesses of this kernel: which of the table it has, loaded and attached by the first way it
 * allows, each alone. What cannot be had is kept with the reason.
 */
#ifndef CNITRACE_KERNEL_WITNESS_H
#define CNITRACE_KERNEL_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output/document.h"
#include "witness.h"

struct btf; /* <bpf/btf.h> */
struct bpf_map; /* <bpf/libbpf.h> */
struct witness_resolved; /* kernel/witness_btf.h */
struct witnesses;

struct witness_options {
	const char *allowed; /* the list of --probes, NULL all; must live as long */
	bool sends; /* refused system calls are watched, too; without, nobody would hear what is about them */
	bool no_ipv6,
		no_xdp; /* this node has none: what serves it alone is left out, unless `allowed` names it */
};

/* NULL: no memory. */
struct witnesses *witnesses_new(const struct witness_options *options);
/* Finds out what this kernel has; `kernel` is not needed any more afterwards. */
void witnesses_learn(struct witnesses *witnesses, const struct btf *kernel);
/* Loads the templates. False: no witness can be had, and nothing was loaded. */
bool witnesses_load(struct witnesses *witnesses, int counters_fd);
/* For the drop program: the rows whose calls it looks at, and the maps that are shared. */
void witnesses_frames(const struct witnesses *witnesses,
		      struct witness_probe frames[WITNESS_FRAMES]);
const struct witness_layout *witnesses_layout(const struct witnesses *witnesses);
struct bpf_map *witnesses_hints(const struct witnesses *witnesses);
struct bpf_map *witnesses_calls(const struct witnesses *witnesses);
/*
 * Witnesses that write their own records (WITNESS_RECORD) have programs that the tracer loads: what they
 * are to know of the function; NULL: not possible by that way.
 */
const struct witness_resolved *witnesses_recorder(const struct witnesses *witnesses,
						  enum witness_what what, const char *way);
/*
 * They are loaded for that way, and are attached with the others: at the function's entry and at its return, once
 * where two witnesses have the same ones; or `entry` is why not, a negative errno.
 */
void witnesses_recorder_take(struct witnesses *witnesses, enum witness_what what, const char *way,
			     int entry, int at_return);
/* May a tc program of somebody else's be watched? Then each that is to be is named before witnesses_attach. */
bool witnesses_watch_programs(const struct witnesses *witnesses);
void witnesses_watch_program(struct witnesses *witnesses, uint32_t id);
/*
 * Attaching takes the kernel long, and what is loaded meanwhile does not have to wait for it: begin after
 * witnesses_load starts threads, and the second call does the rest and waits for them.
 */
void witnesses_attach_begin(struct witnesses *witnesses);
void witnesses_attach(struct witnesses *witnesses);
/* Instead of witnesses_attach: none is wanted after all; the states say `why`. */
void witnesses_give_up(struct witnesses *witnesses, const char *why);
/* Nothing is heard any more. */
void witnesses_detach(struct witnesses *witnesses);
/* One for each name of the table; NULL before witnesses_learn. */
const struct probe_state *witnesses_states(const struct witnesses *witnesses, size_t *count);
void witnesses_free(struct witnesses *witnesses);

#endif
