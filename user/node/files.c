/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounded reading of files that others wrote. Knows how to open them safely, not what is
 * in them.
 */
#include "node/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A file or negative errno. */
static int open_under(const char *root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int dir, fd;

	if (!root[0]) {
		fd = open(path, flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(dir);
	return fd;
}

static int read_whole(int fd, char *text, size_t max, size_t *size)
{
	*size = 0;
	for (;;) {
		ssize_t got = read(fd, text + *size, max + 1 - *size);

		if (got < 0)
			return -errno;
		*size += (size_t)got;
		if (*size > max)
			return -EFBIG;
		if (!got)
			return 0;
	}
}

int file_read(const char *root, const char *path, size_t max, char **text, size_t *size)
{
	int status = 0, fd = open_under(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	size_t length = 0, room = max;
	struct stat st;
	char *bytes;

	*text = NULL;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		status = -errno;
	else if (!S_ISREG(st.st_mode))
		status = -EINVAL;
	if (status) {
		close(fd);
		return status;
	}
	/* Files of /proc say 0; others are as large as they say, or growing under our eyes. */
	if (st.st_size > 0 && (size_t)st.st_size < max)
		room = (size_t)st.st_size;
	bytes = malloc(room + 2);
	if (!bytes)
		status = -ENOMEM;
	else
		status = read_whole(fd, bytes, room, &length);
	close(fd);
	if (status) {
		free(bytes);
		return status;
	}
	bytes[length] = '\0';
	*text = bytes;
	if (size)
		*size = length;
	return 0;
}

DIR *file_list(const char *root, const char *path)
{
	int fd = open_under(root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

int64_t file_changed_ns(const char *root, const char *path)
{
	int fd = open_under(root, path, O_PATH);
	int64_t changed = 0;
	struct stat st;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st))
		changed = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
	close(fd);
	return changed;
}

int file_exists(const char *root, const char *path)
{
	int fd = open_under(root, path, O_PATH);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
