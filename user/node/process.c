/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processes hold a namespace's sockets open: looked for among the open files of those
 * that are in the namespace, all sockets in one pass. Slow on a busy node, hence only on demand.
 */
#include "node/reader.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "node/containers.h"
#include "node/files.h"

typedef ARRAY(struct socket_fact *) socket_list;

static bool read_link(const char *path, char text[64])
{
	ssize_t length = readlink(path, text, 63);

	text[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static int by_inode(const void *left, const void *right)
{
	const struct socket_fact *a = *(struct socket_fact *const *)left;
	const struct socket_fact *b = *(struct socket_fact *const *)right;

	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static struct socket_fact *socket_find(const socket_list *sockets, uint64_t inode)
{
	struct socket_fact wanted = {.inode = inode}, *key = &wanted, **found;

	found = bsearch(&key, sockets->items, sockets->count, sizeof(*sockets->items), by_inode);
	return found ? *found : NULL;
}

static void read_name(struct facts *facts, struct socket_fact *socket, const char *process)
{
	char path[300], *text;

	socket->pid = (uint32_t)strtoul(process, NULL, 10);
	container_of_process(facts, socket->pid, socket->container, sizeof(socket->container));
	snprintf(path, sizeof(path), "/proc/%s/comm", process);
	if (file_read("", path, 256, &text, NULL))
		return;
	text[strcspn(text, "\n")] = '\0';
	text_copy(socket->comm, sizeof(socket->comm), text);
	free(text);
}

/*
 * Of several processes that share a socket the one with the lowest number is told: most often the parent. False when the
 * process may not be looked into.
 */
static bool read_files(struct facts *facts, const socket_list *sockets, const char *process)
{
	char path[600], target[64];
	struct socket_fact *socket;
	struct dirent *entry;
	uint64_t inode;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", process);
	dir = opendir(path);
	if (!dir)
		return errno != EACCES;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", process, entry->d_name);
		if (!read_link(path, target) || sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
			continue;
		socket = socket_find(sockets, inode);
		if (socket && !socket->pid)
			read_name(facts, socket, process);
	}
	closedir(dir);
	return true;
}

int processes_find(struct facts *facts, struct netns_facts *ns)
{
	char namespace[32], path[300], target[64];
	socket_list sockets = {0};
	struct dirent *entry;
	bool all = true;
	DIR *dir;

	array_each(socket, &ns->sockets) {
		struct socket_fact **slot;

		if (!socket->inode)
			continue; /* waits in TIME_WAIT, or is the kernel's own */
		slot = array_push(&sockets);
		if (slot)
			*slot = socket;
	}
	if (!sockets.count)
		return -ENOENT;
	qsort(sockets.items, sockets.count, sizeof(*sockets.items), by_inode);
	snprintf(namespace, sizeof(namespace), "net:[%u]", ns->inode);
	dir = opendir("/proc");
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (read_link(path, target) && !strcmp(target, namespace))
			all &= read_files(facts, &sockets, entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (!all)
		facts_gap(facts,
			  "processes of other users in %s cannot be looked into: their sockets are "
			  "told without their names (CAP_DAC_READ_SEARCH is needed)",
			  ns->label);
	array_free(&sockets);
	return dir ? 0 : -EACCES;
}
