// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scans /proc once. Of a pod's namespace the first process that has a pod's cgroup is
 * enough (most often the sandbox's pause); in the node's own namespace only processes of
 * host-network pods are kept, one per pod.
 */
#include "node/pods_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PROCESSES 4096

struct pod_process *pod_process_in(struct pod_processes *processes, uint32_t netns)
{
	array_each(process, &processes->items) {
		if (process->netns == netns)
			return process;
	}
	return NULL;
}

static uint32_t netns_of(int proc, const char *pid)
{
	char path[32], link[32];
	unsigned inode;
	ssize_t length;

	snprintf(path, sizeof(path), "%.10s/ns/net", pid);
	length = readlinkat(proc, path, link, sizeof(link) - 1);
	if (length <= 0)
		return 0;
	link[length] = '\0';
	return sscanf(link, "net:[%u]", &inode) == 1 ? inode : 0;
}

static bool cgroup_of(int proc, const char *pid, struct cgroup_pod *pod)
{
	char path[32], text[8192];
	ssize_t length;
	int fd;

	*pod = (struct cgroup_pod){0};
	snprintf(path, sizeof(path), "%.10s/cgroup", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	return cgroup_parse(text, pod) && !pod->monitor;
}

static bool uid_known(struct pod_processes *processes, uint32_t netns, const char *uid)
{
	array_each(process, &processes->items) {
		if (process->netns == netns && !strcmp(process->cgroup.uid, uid))
			return true;
	}
	return false;
}

static int process_add(struct pod_processes *processes, uint32_t netns, const char *pid,
		       const struct cgroup_pod *cgroup)
{
	struct pod_process *process;

	if (processes->items.count >= MAX_PROCESSES)
		return 0;
	process = array_push(&processes->items);
	if (!process)
		return -ENOMEM;
	process->netns = netns;
	process->pid = (uint32_t)strtoul(pid, NULL, 10);
	process->cgroup = *cgroup;
	return 0;
}

static int process_visit(struct pod_processes *processes, int proc, const char *pid,
			 uint32_t node_netns)
{
	uint32_t netns = netns_of(proc, pid);
	struct pod_process *known;
	struct cgroup_pod cgroup;

	if (!netns)
		return 0;
	if (netns == node_netns) {
		if (!cgroup_of(proc, pid, &cgroup) || uid_known(processes, netns, cgroup.uid))
			return 0;
		return process_add(processes, netns, pid, &cgroup);
	}
	known = pod_process_in(processes, netns);
	if (known && known->cgroup.uid[0])
		return 0;
	/* Namespaces made inside our own pod (a test, a cluster in a pod) are not that pod's network. */
	if (!cgroup_of(proc, pid, &cgroup) || !strcmp(cgroup.uid, processes->own_uid))
		cgroup = (struct cgroup_pod){0};
	if (cgroup.uid[0] && known) {
		known->pid = (uint32_t)strtoul(pid, NULL, 10);
		known->cgroup = cgroup;
	}
	return known ? 0 : process_add(processes, netns, pid, &cgroup);
}

int pod_processes_read(struct pod_processes *processes, uint32_t node_netns)
{
	DIR *dir = opendir("/proc");
	struct cgroup_pod own;
	struct dirent *entry;
	int status = 0;

	if (!dir)
		return -errno;
	if (cgroup_of(dirfd(dir), "self", &own))
		strcpy(processes->own_uid, own.uid);
	while (!status && (entry = readdir(dir))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			status = process_visit(processes, dirfd(dir), entry->d_name, node_netns);
	}
	closedir(dir);
	return status;
}
