// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers: the ids come from cgroups only, so each has a process that lives. Their names come
 * from kubelet's links in /var/log/containers (one listing for all), then from the runtime's own
 * file. The sandbox (pause) runs nothing of the pod's and is left out.
 */
#include "node/containers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/files.h"
#include "node/pods_parse.h"

#define LINKS_DIR "/var/log/containers"
#define ID_SHOWN 12 /* digits, as crictl and docker have it */

int container_file_read(const struct facts *facts, const char *id, char **text, size_t *size)
{
	static const char *const places[] = {
		"/run/containerd/io.containerd.runtime.v2.task/k8s.io/%s/config.json",
		"/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/%s/config.json",
		"/run/containers/storage/overlay-containers/%s/userdata/config.json",
		"/var/lib/containers/storage/overlay-containers/%s/userdata/config.json",
		"/var/lib/docker/containers/%s/config.v2.json",
	};

	if (!container_id_valid(id))
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char path[256];

		snprintf(path, sizeof(path), places[i], id);
		if (!file_read(facts->root, path, FILE_MAX, text, size))
			return 0;
	}
	return -ENOENT;
}

static const struct pod *pod_of(const struct facts *facts, const struct container *container)
{
	array_each(pod, &facts->pods) {
		if (facts_container_of(container, pod))
			return pod;
	}
	return NULL;
}

/* A link that calls a container another pod's is not believed. */
static void take_link(struct facts *facts, const char *file)
{
	struct container_link link;

	if (!pods_parse_container_link(file, &link))
		return;
	array_each(container, &facts->containers) {
		const struct pod *pod;

		if (strcmp(container->id, link.id))
			continue;
		pod = pod_of(facts, container);
		if (pod && !strcmp(pod->name, link.pod) && !strcmp(pod->namespace, link.namespace))
			text_copy(container->name, sizeof(container->name), link.name);
	}
}

static void take_links(struct facts *facts)
{
	DIR *dir = facts->containers.count ? file_list(facts->root, LINKS_DIR) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		take_link(facts, entry->d_name);
	if (dir)
		closedir(dir);
}

/* False: it is the pod's sandbox. */
static bool take_file(const struct facts *facts, struct container *container)
{
	const struct pod *pod;
	bool sandbox = false;
	char *text;
	size_t size;

	if (container->name[0])
		return true;
	if (!container_file_read(facts, container->id, &text, &size)) {
		pods_parse_container_name(text, size, container->name, &sandbox);
		free(text);
	}
	if (sandbox || container->name[0])
		return !sandbox;
	/* What the network was made for, or the oldest process's: the sandbox, unless a file says otherwise. */
	pod = pod_of(facts, container);
	return !pod || strcmp(pod->container_id, container->id);
}

static int by_name(const void *left, const void *right)
{
	const struct container *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->id, b->id);
}

int containers_read(struct facts *facts, const struct pod_processes *processes)
{
	size_t kept = 0;

	facts->containers.count = 0;
	array_each(seen, &processes->containers) {
		struct container *container =
			pod_of(facts, seen) ? array_push(&facts->containers) : NULL;

		if (container)
			*container = *seen;
		else if (pod_of(facts, seen))
			return -ENOMEM;
	}
	take_links(facts);
	array_each(container, &facts->containers) {
		if (take_file(facts, container))
			facts->containers.items[kept++] = *container;
	}
	facts->containers.count = kept;
	if (kept)
		qsort(facts->containers.items, kept, sizeof(*facts->containers.items), by_name);
	return 0;
}

int container_of_process(struct facts *facts, uint32_t pid, char *name, size_t size)
{
	struct cgroup_pod cgroup;

	if (!pod_process_cgroup(pid, &cgroup) || !cgroup.container_id[0])
		return -ENOENT;
	array_each(container, &facts->containers) {
		if (strcmp(container->id, cgroup.container_id) || !container->name[0])
			continue;
		text_copy(name, size, container->name);
		return 0;
	}
	text_copy(name, size > ID_SHOWN ? ID_SHOWN + 1 : size, cgroup.container_id);
	return 0;
}
