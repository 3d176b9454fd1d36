/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracer: the BPF objects loaded, their programs attached, their ring read. Each
 * object stands alone: one that this kernel refuses costs only itself, and the reason
 * is kept in its probe_state. Only one way of seeing devices is indispensable.
 */
#ifndef CNITRACE_KERNEL_TRACER_H
#define CNITRACE_KERNEL_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config.h"
#include "kernel/filter.h"
#include "kernel/hop_plan.h"
#include "output/document.h"

#define TRACER_RING_DEFAULT (4u << 20)

struct tracer_options {
	struct tracer_config
		config; /* kfree_skb_args and has_expression are filled by tracer_open */
	const struct filter *filter; /* NULL: every packet */
	size_t ring_bytes; /* a power of two, at least a page; 0: default */
	bool refusals; /* also watch refused sends of config.subject_netns */
	bool no_ipv6, no_xdp; /* of this node: what serves them alone is left out */
	const char *probes; /* probe_list.h; NULL all */
	size_t devices; /* how many will be attached to at the start */
};

struct tracer;

/* Loads everything. -EPERM: privileges, -EOPNOTSUPP: this kernel cannot. */
int tracer_open(const struct tracer_options *options, struct tracer **out, struct error *error);
/* The kernel's types as load_types() gives them: until tracer_close. */
const char *tracer_types(const struct tracer *tracer);
/* Drops in this namespace are ours. */
int tracer_add_namespace(struct tracer *tracer, uint32_t netns);
/*
 * Both directions of a device of the current namespace, by tc programs on it or by the tracepoints (hop_plan.h).
 * -ENODEV when it is gone.
 */
int tracer_attach_device(struct tracer *tracer, const struct hop_device *device,
			 struct error *error);
/* Loads both ways of seeing devices though no device asks for them: then tracer_probes says which there are. */
void tracer_try_hops(struct tracer *tracer);
/* What comes in by this device has never been on this node before: a packet begins there. */
void tracer_add_entrance(struct tracer *tracer, uint32_t ifindex);
/* The device is gone, and its links with it. */
void tracer_forget_device(struct tracer *tracer, uint32_t ifindex);
/* Can it tell which of a device's tc programs drops? Then each is named before tracer_attach_probes. */
bool tracer_watches_programs(const struct tracer *tracer);
void tracer_watch_program(struct tracer *tracer, uint32_t id);
/*
 * What is not bound to a device, the tracepoints that see devices included: after those of the start. An error
 * when these fail; of the others some may be missing: see tracer_probes.
 */
int tracer_attach_probes(struct tracer *tracer, struct error *error);
void tracer_detach(struct tracer *tracer);

typedef int (*tracer_record)(void *context, const void *bytes, size_t size);
/* Waits for records up to timeout_ms and hands each to `record`. Number of records, or -EINTR. */
int tracer_poll(struct tracer *tracer, int timeout_ms, tracer_record record, void *context);
/* An epoll descriptor to wait on together with others. */
int tracer_fd(const struct tracer *tracer);

const struct probe_state *tracer_probes(const struct tracer *tracer, size_t *count);
/* What was left out of the sample, and forgotten, so far. */
void tracer_sampling(const struct tracer *tracer, struct sampling_info *info);
/* Totals of every hook that is in use; at most COUNTER_HOOKS. */
size_t tracer_totals(struct tracer *tracer, struct hook_totals totals[COUNTER_HOOKS]);
void tracer_close(struct tracer *tracer);

#endif
