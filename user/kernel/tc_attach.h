/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our two tc programs on one device: through tcx links, which the kernel removes with
 * the process, or, before 6.6, as clsact filters, which carry our name. Foreign filters
 * are never touched.
 *
 * A link costs a grace period under the kernel's network lock, some 10 ms, and no two share one;
 * filters on 250 devices take less than a tenth of a second. Links are used all the same: to make or
 * remove a clsact qdisc the kernel stops the device's queues for a moment (qdisc_graft), and packets
 * on their way are lost.
 */
#ifndef CNITRACE_KERNEL_TC_ATTACH_H
#define CNITRACE_KERNEL_TC_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tc_way { TC_NONE, TC_TCX, TC_CLSACT };

struct tc_attachment {
	uint32_t ifindex;
	enum tc_way way;
	int link_in, link_out; /* tcx */
	uint32_t handle_in, prio_in, handle_out, prio_out; /* clsact */
	bool made_clsact;
};

/* 0 or negative errno; on failure nothing stays attached. `way` TC_NONE: the best this kernel has. */
int tc_attach(struct tc_attachment *at, uint32_t ifindex, int prog_in, int prog_out,
	      enum tc_way way);
void tc_detach(struct tc_attachment *at);
/*
 * All of them. When it returns none of our programs runs any more; what costs the kernel a wait
 * per link is left to a process that outlives us for as long as it takes.
 */
void tc_detach_all(struct tc_attachment *attachments, size_t count);
/* Removes filters named cnitrace_* from a device; the clsact qdisc stays when others use it. How many. */
int tc_sweep(uint32_t ifindex);

#endif
