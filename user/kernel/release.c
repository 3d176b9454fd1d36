/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child that holds nothing but the descriptors and ends once they are closed. Whoever waits for
 * our output, or for us, does not wait for it.
 */
#include "kernel/release.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct links {
	int *fds; /* in ascending order */
	size_t count;
};

static int fd_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void links_close(const struct links *links)
{
	for (size_t i = 0; i < links->count; i++)
		close(links->fds[i]);
}

static int fds_close(unsigned int first, unsigned int last)
{
#ifdef SYS_close_range
	return first > last ? 0 : syscall(SYS_close_range, first, last, 0);
#else
	errno = ENOSYS;
	return -1;
#endif
}

/* In the child: everything but the links and `gate` is closed; nobody may wait for output that we hold open. */
static void hold(const struct links *links, int gate)
{
	unsigned int from = 0;
	char byte;

	for (size_t i = 0; i < links->count; i++) {
		unsigned int fd = links->fds[i];

		if ((unsigned int)gate > from && (unsigned int)gate < fd) {
			fds_close(from, gate - 1);
			from = gate + 1;
		}
		if (fd > from)
			fds_close(from, fd - 1);
		from = fd + 1;
	}
	if ((unsigned int)gate > from) {
		fds_close(from, gate - 1);
		from = gate + 1;
	}
	fds_close(from, ~0u);
	while (read(gate, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* The parent's descriptors must not be the last ones when they are closed: the child waits at the gate. */
static int links_hand_over(const struct links *links)
{
	int gate[2];
	pid_t child;

	if (fds_close(~0u, ~0u) || pipe(gate)) /* close_range: Linux 5.9 */
		return -errno;
	child = fork();
	if (child < 0) {
		int err = -errno;

		close(gate[0]);
		close(gate[1]);
		return err;
	}
	if (!child)
		hold(links, gate[0]);
	close(gate[0]);
	links_close(links);
	close(gate[1]);
	return 0;
}

void release_later(int *fds, size_t count)
{
	struct links links = {fds, count};

	if (!count)
		return;
	qsort(fds, count, sizeof(*fds), fd_order);
	if (links_hand_over(&links))
		links_close(&links);
}
