/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which process holds a socket open: looked for among the open files of those processes
 * that are in the socket's namespace. Slow on a busy node, hence only on demand.
 */
#include "node/reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "node/files.h"

static bool link_is(const char *path, const char *target)
{
	char found[64];
	ssize_t length = readlink(path, found, sizeof(found) - 1);

	if (length < 0)
		return false;
	found[length] = '\0';
	return !strcmp(found, target);
}

static bool holds_file(const char *process, const char *target)
{
	char path[600];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", process);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", process, entry->d_name);
		found = link_is(path, target);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void read_name(struct socket_fact *socket, const char *process)
{
	char path[300], *text;

	socket->pid = (uint32_t)strtoul(process, NULL, 10);
	snprintf(path, sizeof(path), "/proc/%s/comm", process);
	if (file_read("", path, 256, &text, NULL))
		return;
	text[strcspn(text, "\n")] = '\0';
	text_copy(socket->comm, sizeof(socket->comm), text);
	free(text);
}

int process_find(struct netns_facts *ns, struct socket_fact *socket)
{
	char namespace[32], file[40], path[300];
	struct dirent *entry;
	DIR *dir;

	if (!socket->inode)
		return -ENOENT; /* waits in TIME_WAIT, or is the kernel's own */
	snprintf(namespace, sizeof(namespace), "net:[%u]", ns->inode);
	snprintf(file, sizeof(file), "socket:[%llu]", (unsigned long long)socket->inode);
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while (!socket->pid && (entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (link_is(path, namespace) && holds_file(entry->d_name, file))
			read_name(socket, entry->d_name);
	}
	closedir(dir);
	return socket->pid ? 0 : -ENOENT;
}
