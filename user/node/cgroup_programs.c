/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BPF programs that decide on the packets of a cgroup's sockets, its parents' programs included. The
 * cgroup is known by the number that the kernel gave it, or it is those that the processes of a
 * namespace are in. It does not know which of several programs refused, nor cgroups of version 1,
 * which have none.
 */
#include "node/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/text.h"
#include "node/files.h"

#define CGROUP2_MAGIC 0x63677270 /* CGROUP2_SUPER_MAGIC, include/uapi/linux/magic.h */
#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h, since 5.5 */
#define MAX_CGROUPS 8 /* of one namespace's processes */
#define MAX_PROGRAMS 32 /* of one cgroup */

struct found {
	struct program_fact *programs;
	size_t count, max;
	bool egress;
};

/* The node's hierarchy of version 2; beside version 1 it has a place of its own. A descriptor or a negative errno. */
static int hierarchy_open(const struct facts *facts)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[sizeof(facts->root) + 32];
		struct statfs about;
		int fd;

		snprintf(path, sizeof(path), "%s%s", facts->root, places[i]);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!fstatfs(fd, &about) && about.f_type == CGROUP2_MAGIC)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static int open_by_id(int hierarchy, uint64_t id)
{
	struct {
		struct file_handle handle;
		uint64_t id;
	} wanted = {.handle = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	int fd;

	memcpy(wanted.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(hierarchy, &wanted.handle, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool is_known(const struct found *found, uint32_t id)
{
	for (size_t i = 0; i < found->count; i++) {
		if (found->programs[i].id == id)
			return true;
	}
	return false;
}

/* Takes the descriptor. */
static void programs_add(struct found *found, int cgroup)
{
	uint32_t ids[MAX_PROGRAMS], count = MAX_PROGRAMS;

	if (bpf_prog_query(cgroup, found->egress ? BPF_CGROUP_INET_EGRESS : BPF_CGROUP_INET_INGRESS,
			   BPF_F_QUERY_EFFECTIVE, NULL, ids, &count))
		count = 0;
	close(cgroup);
	for (uint32_t i = 0; i < count && i < MAX_PROGRAMS && found->count < found->max; i++) {
		struct program_fact *program = &found->programs[found->count];

		if (is_known(found, ids[i]))
			continue;
		*program = (struct program_fact){.id = ids[i], .kind = "bpf"};
		snprintf(program->hook, sizeof(program->hook), "cgroup %s",
			 found->egress ? "egress" : "ingress");
		program_name(ids[i], program->name);
		found->count++;
	}
}

/* "0::/kubepods/…" of /proc/PID/cgroup: where the process is in version 2. */
static bool process_cgroup(const char *process, char path[512])
{
	char file[300], *text, *line;
	bool found = false;

	snprintf(file, sizeof(file), "/proc/%.32s/cgroup", process);
	if (file_read("", file, 64 * 1024, &text, NULL))
		return false;
	line = strncmp(text, "0::/", 4) ? strstr(text, "\n0::/") : text;
	if (line) {
		line = strstr(line, "::/") + 3;
		line[strcspn(line, "\n")] = '\0';
		text_copy(path, 512, line);
		found = strlen(line) < 512;
	}
	free(text);
	return found;
}

static bool is_in(const char *process, uint32_t netns)
{
	char path[300], target[40], wanted[40];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%.32s/ns/net", process);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	snprintf(wanted, sizeof(wanted), "net:[%u]", netns);
	return !strcmp(target, wanted);
}

/* Of each cgroup that a process of the namespace is in. */
static void namespace_programs(struct found *found, int hierarchy, uint32_t netns)
{
	char seen[MAX_CGROUPS][512], path[512];
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (dir && count < MAX_CGROUPS && (entry = readdir(dir))) {
		bool known = false;
		int fd;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !is_in(entry->d_name, netns) || !process_cgroup(entry->d_name, path))
			continue;
		for (size_t i = 0; i < count; i++)
			known |= !strcmp(seen[i], path);
		if (known)
			continue;
		text_copy(seen[count++], sizeof(seen[0]), path);
		fd = openat(hierarchy, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			programs_add(found, fd);
	}
	if (dir)
		closedir(dir);
}

int cgroup_programs_read(struct facts *facts, struct netns_facts *ns, uint64_t cgroup, bool egress,
			 struct program_fact *programs, size_t max)
{
	struct found found = {.programs = programs, .max = max, .egress = egress};
	int hierarchy = hierarchy_open(facts), fd = -ENOENT;

	if (hierarchy < 0)
		return hierarchy;
	if (cgroup)
		fd = open_by_id(hierarchy, cgroup);
	if (fd >= 0)
		programs_add(&found, fd);
	else if (ns->inode != facts->node_netns) /* the node's own processes are in every cgroup */
		namespace_programs(&found, hierarchy, ns->inode);
	close(hierarchy);
	return (int)found.count;
}
