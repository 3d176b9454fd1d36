/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of --probes: names of probes, ways to attach them, or both. A list that names only
 * witnesses or their ways leaves the tracer's own probes (tc, netif_receive_skb, net_dev_queue,
 * kfree_skb, sys_exit) alone; one that names only those, or only their ways, leaves the witnesses
 * out. tc and the two tracepoints of devices do the same work: one that names neither leaves both. Pure.
 */
#ifndef CNITRACE_KERNEL_PROBE_LIST_H
#define CNITRACE_KERNEL_PROBE_LIST_H

#include <stdbool.h>

#include "base/error.h"

/* 0, or -EINVAL with a sentence that lists what is known. NULL and "" are no list: everything. */
int probe_list_check(const char *list, struct error *error);
/* One of the tracer's own probes, by this way. */
bool probe_list_allows(const char *list, const char *name, const char *way);
/* A witness, by this way: "raw_tp", "fentry" or "kprobe". */
bool probe_list_allows_witness(const char *list, const char *name, const char *way);
/* Does the list speak of witnesses? Then also those are used that this kernel would not need. */
bool probe_list_names_witnesses(const char *list);

#endif
