/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child that holds nothing but the descriptors and ends once they are closed. Whoever waits for
 * our output, or for us, does not wait for it.
 */
#include "kernel/release.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct links {
	const int *fds;
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

/* In the child: everything but `kept` (in ascending order) is closed; nobody may wait for what we hold open. */
static void hold(const int *kept, size_t count, int gate, int ready)
{
	unsigned int from = 0;
	char byte;

	for (size_t i = 0; i < count; i++) {
		if ((unsigned int)kept[i] > from)
			fds_close(from, kept[i] - 1);
		from = kept[i] + 1;
	}
	fds_close(from, ~0u);
	close(ready);
	while (read(gate, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/*
 * The parent's descriptors must not be the last ones when they are closed: the child waits at the gate. And no
 * socket of ours may outlive us: we wait until the child has closed all that is not a link.
 */
static int child_make(const int *kept, size_t count, const int gate[2], const int ready[2])
{
	char byte;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (!child)
		hold(kept, count, gate[0], ready[1]);
	close(ready[1]);
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	return 0;
}

static int links_hand_over(const struct links *links)
{
	int gate[2], ready[2], err;
	int *kept;

	if (fds_close(~0u, ~0u) || pipe(gate)) /* close_range: Linux 5.9 */
		return -errno;
	if (pipe(ready)) {
		err = -errno;
		close(gate[0]);
		close(gate[1]);
		return err;
	}
	kept = calloc(links->count + 2, sizeof(*kept));
	err = kept ? 0 : -ENOMEM;
	if (kept) {
		memcpy(kept, links->fds, links->count * sizeof(*kept));
		kept[links->count] = gate[0];
		kept[links->count + 1] = ready[1];
		qsort(kept, links->count + 2, sizeof(*kept), fd_order);
		err = child_make(kept, links->count + 2, gate, ready);
		free(kept);
	}
	if (err)
		close(ready[1]);
	else
		links_close(links);
	close(ready[0]);
	close(gate[0]);
	close(gate[1]);
	return err;
}

void release_later(const int *fds, size_t count)
{
	struct links links = {fds, count};

	if (count && links_hand_over(&links))
		links_close(&links);
}
