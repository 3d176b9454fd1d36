// SPDX-License-Identifier: GPL-2.0-only
/*
 * Letting go of many tcx links at once. The kernel waits for a grace period under its
 * network lock for every link that is closed, some 10 ms each and never two at a time; a
 * node of 250 pods would keep us for five seconds. So every link first gets a program that
 * does nothing, which takes no wait, then one link is closed, after which none of our
 * programs runs any more, and the rest is left to a child that holds nothing but the
 * links and ends once they are gone.
 */
#include <linux/bpf.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kernel/release.h"
#include "kernel/tc_attach.h"

#define AT_ONCE 6 /* links that are closed without further ado */

struct links {
	int *fds;
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
		release_later(links.fds, links.count);
	}
	free(links.fds);
}
