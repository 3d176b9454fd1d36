// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scans /proc once. Of a pod's namespace the oldest process that has a pod's cgroup is kept
 * (most often the sandbox's pause): a younger one, whose number may be lower, can be gone when
 * somebody types the command that names it. In the node's own namespace only processes of
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

#include "base/text.h"

#define MAX_PROCESSES 4096
#define MAX_CONTAINERS 4096

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

/* Field 22 of /proc/PID/stat (proc_pid_stat(5)), clock ticks since boot; the name before may hold anything. */
static uint64_t started_at(int proc, unsigned pid)
{
	char path[32], text[1024];
	const char *at;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "%u/stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return UINT64_MAX;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : UINT64_MAX;
}

static bool is_older(int proc, const char *pid, struct pod_process *known)
{
	if (!known->started)
		known->started = started_at(proc, known->pid);
	return started_at(proc, (unsigned)strtoul(pid, NULL, 10)) < known->started;
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

/* A process of a container that visits another namespace (or made one) does not take the container along. */
static int container_add(struct pod_processes *processes, uint32_t netns,
			 const struct cgroup_pod *cgroup)
{
	struct container *container;

	if (!cgroup->container_id[0] || processes->containers.count >= MAX_CONTAINERS)
		return 0;
	array_each(known, &processes->containers) {
		if (known->netns == netns && !strcmp(known->id, cgroup->container_id))
			return 0;
	}
	container = array_push(&processes->containers);
	if (!container)
		return -ENOMEM;
	container->netns = netns;
	text_copy(container->pod_uid, sizeof(container->pod_uid), cgroup->uid);
	text_copy(container->id, sizeof(container->id), cgroup->container_id);
	return 0;
}

static int node_process_visit(struct pod_processes *processes, const char *pid, uint32_t netns,
			      const struct cgroup_pod *cgroup)
{
	if (!cgroup->uid[0] || uid_known(processes, netns, cgroup->uid))
		return 0;
	return process_add(processes, netns, pid, cgroup);
}

static int process_visit(struct pod_processes *processes, int proc, const char *pid,
			 uint32_t node_netns)
{
	uint32_t netns = netns_of(proc, pid);
	struct pod_process *known;
	struct cgroup_pod cgroup;
	int status;

	if (!netns)
		return 0;
	/* Namespaces made inside our own pod (a test, a cluster in a pod) are not that pod's network. */
	if (!cgroup_of(proc, pid, &cgroup) ||
	    (netns != node_netns && !strcmp(cgroup.uid, processes->own_uid)))
		cgroup = (struct cgroup_pod){0};
	status = container_add(processes, netns, &cgroup);
	if (status)
		return status;
	if (netns == node_netns)
		return node_process_visit(processes, pid, netns, &cgroup);
	known = pod_process_in(processes, netns);
	if (!known)
		return process_add(processes, netns, pid, &cgroup);
	/* One that tells the pod is better than an older one that does not. */
	if (!strcmp(known->cgroup.uid, cgroup.uid) ? is_older(proc, pid, known)
						   : !known->cgroup.uid[0]) {
		known->pid = (uint32_t)strtoul(pid, NULL, 10);
		known->cgroup = cgroup;
		known->started = 0;
	}
	return 0;
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

void pod_processes_free(struct pod_processes *processes)
{
	array_free(&processes->items);
	array_free(&processes->containers);
}

bool pod_process_cgroup(uint32_t pid, struct cgroup_pod *cgroup)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char number[16];
	bool found;

	if (proc < 0)
		return false;
	snprintf(number, sizeof(number), "%u", pid);
	found = cgroup_of(proc, number, cgroup);
	close(proc);
	return found;
}
