/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process for every network namespace, and for every host-network pod: who lives
 * there, by its cgroup. A single pass over /proc; private to pods.c.
 */
#ifndef CNITRACE_NODE_PODS_PROCESS_H
#define CNITRACE_NODE_PODS_PROCESS_H

#include <stdint.h>

#include "base/array.h"
#include "node/cgroup_path.h"

struct pod_process {
	uint32_t netns, pid;
	uint64_t started; /* clock ticks since boot, 0 not read yet */
	struct cgroup_pod cgroup; /* uid "" where the cgroup names no pod */
};

struct pod_processes {
	ARRAY(struct pod_process) items;
	char own_uid[40]; /* of the pod we run in, "" none */
};

/* 0, -ENOMEM, or the negative errno of opening /proc. Processes that end meanwhile are passed over. */
int pod_processes_read(struct pod_processes *processes, uint32_t node_netns);
/* The process kept for a namespace, NULL none. */
struct pod_process *pod_process_in(struct pod_processes *processes, uint32_t netns);

#endif
