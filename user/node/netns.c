/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network namespaces as the kernel shows them: as files that can be opened, compared by
 * inode and entered. Knows nothing of what is inside; node_topology.c judges whose they are.
 */
#include "node/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"

#define OWN_PATH "/proc/thread-self/ns/net"
#define MAX_PLACES 4096
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* include/uapi/asm-generic/socket.h of 5.14 */
#endif

/* Never waits: a path from a file may name a FIFO. */
static int open_netns(const char *path, uint32_t *inode)
{
	struct statfs fs;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) || fs.f_type != NSFS_MAGIC || fstat(fd, &st)) {
		close(fd);
		return -EINVAL;
	}
	*inode = (uint32_t)st.st_ino;
	return fd;
}

uint32_t netns_inode(const char *path)
{
	uint32_t inode;
	int fd = open_netns(path, &inode);

	if (fd < 0)
		return 0;
	close(fd);
	return inode;
}

uint32_t netns_own(void)
{
	return netns_inode(OWN_PATH);
}

int netns_open(const char *path, uint32_t inode)
{
	uint32_t found;
	int fd = open_netns(path, &found);

	if (fd >= 0 && inode && found != inode) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int netns_enter(struct netns_visit *visit, const char *path, uint32_t inode)
{
	uint32_t own;
	int fd, status = 0;

	visit->home = -1;
	if (inode && inode == netns_own())
		return 0; /* already here: works without privileges */
	fd = netns_open(path, inode);
	if (fd < 0)
		return fd;
	visit->home = open_netns(OWN_PATH, &own);
	if (visit->home < 0) {
		status = visit->home;
	} else if (setns(fd, CLONE_NEWNET)) {
		status = -errno;
		close(visit->home);
		visit->home = -1;
	}
	close(fd);
	return status;
}

void netns_leave(struct netns_visit *visit)
{
	if (visit->home < 0)
		return;
	/* In a foreign namespace everything said from now on would be false. */
	if (setns(visit->home, CLONE_NEWNET)) {
		perror("cnitrace: cannot return to its own network namespace");
		abort();
	}
	close(visit->home);
	visit->home = -1;
}

uint64_t netns_own_cookie(void)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size))
		cookie = 0;
	if (fd >= 0)
		close(fd);
	return cookie;
}

static struct netns_place *place_find(struct netns_places *places, uint32_t inode)
{
	array_each(place, &places->items) {
		if (place->inode == inode)
			return place;
	}
	return NULL;
}

static int place_add(struct netns_places *places, uint32_t inode, uint32_t pid, const char *path)
{
	struct netns_place *place = place_find(places, inode);

	if (place) {
		if (!place->pid)
			place->pid = pid;
		return 0;
	}
	if (places->items.count >= MAX_PLACES)
		return -E2BIG;
	place = array_push(&places->items);
	if (!place)
		return -ENOMEM;
	place->inode = inode;
	place->pid = pid;
	text_copy(place->path, sizeof(place->path), path);
	return 0;
}

/* Names that `ip netns` or a container runtime pinned. */
static int find_pinned(const char *dir_path, struct netns_places *places)
{
	DIR *dir = opendir(dir_path);
	struct dirent *entry;
	int status = 0;

	if (!dir)
		return 0;
	while (!status && (entry = readdir(dir))) {
		char path[512];
		uint32_t inode;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir_path, entry->d_name);
		inode = netns_inode(path);
		if (inode)
			status = place_add(places, inode, 0, path);
	}
	closedir(dir);
	return status;
}

static int find_processes(struct netns_places *places)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int status = 0;

	if (!dir)
		return -errno;
	while (!status && (entry = readdir(dir))) {
		char path[300], target[64];
		unsigned inode;
		ssize_t length;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length <= 0)
			continue;
		target[length] = '\0';
		if (sscanf(target, "net:[%u]", &inode) == 1)
			status = place_add(places, inode,
					   (uint32_t)strtoul(entry->d_name, NULL, 10), path);
	}
	closedir(dir);
	return status;
}

int netns_places_find(const char *root, struct netns_places *places)
{
	char path[300];
	int status;

	snprintf(path, sizeof(path), "%s/run/netns", root);
	status = find_pinned(path, places);
	if (!status && root[0])
		status = find_pinned("/run/netns", places);
	if (!status)
		status = find_processes(places);
	return status == -E2BIG ? 0 : status;
}

void netns_places_free(struct netns_places *places)
{
	array_free(&places->items);
}
