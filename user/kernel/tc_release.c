// SPDX-License-Identifier: GPL-2.0-only
/*
 * Letting go of many tcx links at once. The kernel waits for a grace period under its
 * network lock for every link that is closed, some 10 ms each and never two at a time; a
 * node of 250 pods would keep us for five seconds. So every link first gets a program that
 * does nothing, which takes no wait, then one link is closed, after which none of our
 * programs runs any more, and the rest is left to a child that holds nothing but the
 * links and ends once they are gone.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kernel/tc_attach.h"

#define AT_ONCE 6 /* links that are closed without further ado */

struct links {
	int *fds; /* in ascending order */
	size_t count;
};

static int pass_program_load(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "cnitrace_pass", "GPL", pass,
			     sizeof(pass) / sizeof(pass[0]), NULL);
}

static void link_release(struct links *links, int fd, int pass)
{
	/* a link whose device is gone takes no program and no wait */
	if (pass < 0 || bpf_link_update(fd, pass, NULL))
		close(fd);
	else
		links->fds[links->count++] = fd;
}

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

void tc_detach_all(struct tc_attachment *attachments, size_t count)
{
	struct links links = {.fds = calloc(2 * count + 1, sizeof(*links.fds))};
	int pass = links.fds && 2 * count > AT_ONCE ? pass_program_load() : -1;

	for (size_t i = 0; i < count; i++) {
		struct tc_attachment *at = &attachments[i];

		if (at->way == TC_TCX) {
			link_release(&links, at->link_in, pass);
			link_release(&links, at->link_out, pass);
			at->way = TC_NONE;
		} else {
			tc_detach(at);
		}
	}
	if (pass >= 0)
		close(pass);
	if (links.count) {
		close(links.fds[--links.count]);
		qsort(links.fds, links.count, sizeof(*links.fds), fd_order);
		if (links.count && links_hand_over(&links))
			links_close(&links);
	}
	free(links.fds);
}
