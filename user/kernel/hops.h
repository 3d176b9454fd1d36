/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeing packets at devices, by tc programs or by tracepoints (hop_plan.h says which). Owns the maps that
 * all programs of a trace share. A way's programs are loaded when the first device needs them.
 */
#ifndef CNITRACE_KERNEL_HOPS_H
#define CNITRACE_KERNEL_HOPS_H

#include "base/error.h"
#include "config.h"
#include "kernel/hop_plan.h"
#include "kernel/load.h"
#include "output/document.h"

struct bpf_map; /* <bpf/libbpf.h> */
struct bpf_object;

/* Pointers are to live as long as the hops. */
struct hops_options {
	const struct tracer_config *config;
	const char *allowed; /* probe_list.h */
	size_t ring_bytes;
	const char *types; /* load_types(); must live as long */
	bool many; /* more devices are asked for than tc should be used for */
	struct probe_state *tc, *in, *out; /* filled here */
};

struct hops;

/* Makes the maps. -EPERM: privileges. */
int hops_open(const struct hops_options *options, struct hops **out, struct error *error);
struct bpf_map *hops_map(const struct hops *hops, const char *name);
struct tracer_state *hops_state(const struct hops *hops);
/* Lets `object`, not yet loaded, use the maps that all share. */
void hops_share(const struct hops *hops, struct bpf_object *object);

/* A device of the current namespace. 0, -ENODEV when it is gone, or another errno with a sentence. */
int hops_add_device(struct hops *hops, const struct hop_device *device, struct error *error);
/* What comes in by this device has never been on this node before: a packet begins there. */
void hops_add_entrance(struct hops *hops, uint32_t ifindex);
void hops_forget_device(struct hops *hops, uint32_t ifindex);
/* All devices of the start have been added: from now on the tracepoints are heard, if any is seen by them. */
int hops_begin(struct hops *hops, struct error *error);
/* Loads both ways, as if there were devices for each: what doctor shows. */
void hops_try(struct hops *hops);
/* Which of the two is in use? */
bool hops_has_tc(const struct hops *hops);
bool hops_has_tracepoints(const struct hops *hops);
/* Runs of a tracepoint's program the kernel refused: packets never seen. COUNTER_NET_IN or _OUT. */
uint64_t hops_misses(const struct hops *hops, uint32_t counter);
void hops_detach(struct hops *hops);
void hops_free(struct hops *hops);

#endif
