/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pod and container a process belongs to, read from the text of /proc/PID/cgroup.
 * Knows the names kubelet's two drivers and the runtimes give; pure, for outside text.
 */
#ifndef CNITRACE_NODE_CGROUP_PATH_H
#define CNITRACE_NODE_CGROUP_PATH_H

#include <stdbool.h>

struct cgroup_pod {
	char uid[40]; /* "0f3c…" with dashes; 32 hex digits for a static pod; "" none */
	char container_id[72]; /* 64 hex digits, "" none */
	bool monitor; /* the runtime's own process beside the container (crio-conmon-…) */
};

/* True when the text names a pod. `text` is one or more lines of cgroup v1 or v2. */
bool cgroup_parse(const char *text, struct cgroup_pod *pod);

#endif
