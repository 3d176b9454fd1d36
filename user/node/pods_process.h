/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process for every network namespace, and for every host-network pod: who lives
 * there, by its cgroup; and the containers of all processes. A single pass over /proc; private to pods.c.
 */
#ifndef CNITRACE_NODE_PODS_PROCESS_H
#define CNITRACE_NODE_PODS_PROCESS_H

#include <stdint.h>

#include "base/array.h"
#include "node/cgroup_path.h"
#include "node/facts.h"

struct pod_process {
	uint32_t netns, pid;
	uint64_t started; /* clock ticks since boot, 0 not read yet */
	struct cgroup_pod cgroup; /* uid "" where the cgroup names no pod */
};

struct pod_processes {
	ARRAY(struct pod_process) items;
	ARRAY(struct container)
	containers; /* one for each namespace it has processes in; without names */
	char own_uid[40]; /* of the pod we run in, "" none */
};

/* 0, -ENOMEM, or the negative errno of opening /proc. Processes that end meanwhile are passed over. */
int pod_processes_read(struct pod_processes *processes, uint32_t node_netns);
void pod_processes_free(struct pod_processes *processes);
/* The cgroup of one process. False when it is no pod's. */
bool pod_process_cgroup(uint32_t pid, struct cgroup_pod *cgroup);
/* The process kept for a namespace, NULL none. */
struct pod_process *pod_process_in(struct pod_processes *processes, uint32_t netns);

#endif
