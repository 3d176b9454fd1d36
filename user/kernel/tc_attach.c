/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/tc_attach.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* include/uapi/linux/bpf.h of 6.6; older headers lack them */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define FLAG_BEFORE (1u << 3) /* BPF_F_BEFORE without a relative: first of all */

#define OUR_NAME "cnitrace_"

/*
 * Ingress first: we see what others drop. Egress last: we see what really leaves.
 */
static int tcx_attach(struct tc_attachment *at, int prog_in, int prog_out)
{
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = FLAG_BEFORE);

	at->link_in = bpf_link_create(prog_in, at->ifindex, ATTACH_TCX_INGRESS, &first);
	if (at->link_in < 0)
		return at->link_in;
	at->link_out = bpf_link_create(prog_out, at->ifindex, ATTACH_TCX_EGRESS, NULL);
	if (at->link_out < 0) {
		int err = at->link_out;

		close(at->link_in);
		return err;
	}
	at->way = TC_TCX;
	return 0;
}

static int filter_attach(uint32_t ifindex, enum bpf_tc_attach_point point, int prog,
			 uint32_t *handle, uint32_t *prio)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	int err = bpf_tc_attach(&hook, &opts);

	*handle = opts.handle;
	*prio = opts.priority;
	return err;
}

static void filter_detach(uint32_t ifindex, enum bpf_tc_attach_point point, uint32_t handle,
			  uint32_t prio)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = prio);

	bpf_tc_detach(&hook, &opts);
}

static void clsact_remove(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	bpf_tc_hook_destroy(&hook);
}

static int clsact_attach(struct tc_attachment *at, int prog_in, int prog_out)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = at->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	at->made_clsact = !err;
	err = filter_attach(at->ifindex, BPF_TC_INGRESS, prog_in, &at->handle_in, &at->prio_in);
	if (err)
		goto undo;
	err = filter_attach(at->ifindex, BPF_TC_EGRESS, prog_out, &at->handle_out, &at->prio_out);
	if (err) {
		filter_detach(at->ifindex, BPF_TC_INGRESS, at->handle_in, at->prio_in);
		goto undo;
	}
	at->way = TC_CLSACT;
	return 0;
undo:
	if (at->made_clsact)
		clsact_remove(at->ifindex);
	return err;
}

int tc_attach(struct tc_attachment *at, uint32_t ifindex, int prog_in, int prog_out,
	      enum tc_way way)
{
	int err = -EINVAL;

	memset(at, 0, sizeof(*at));
	at->ifindex = ifindex;
	if (way != TC_CLSACT) {
		err = tcx_attach(at, prog_in, prog_out);
		/* before 6.6 the attach type is unknown: EINVAL */
		if (!err || way == TC_TCX || err == -ENODEV || err == -EPERM)
			return err;
	}
	return clsact_attach(at, prog_in, prog_out);
}

void tc_detach(struct tc_attachment *at)
{
	if (at->way == TC_TCX) {
		close(at->link_in);
		close(at->link_out);
	} else if (at->way == TC_CLSACT) {
		filter_detach(at->ifindex, BPF_TC_INGRESS, at->handle_in, at->prio_in);
		filter_detach(at->ifindex, BPF_TC_EGRESS, at->handle_out, at->prio_out);
		if (at->made_clsact)
			clsact_remove(at->ifindex);
	}
	at->way = TC_NONE;
}

static bool program_is_ours(uint32_t id)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	bool ours = false;
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		ours = strncmp(info.name, OUR_NAME, strlen(OUR_NAME)) == 0;
	close(fd);
	return ours;
}

/* libbpf's tc API can look a filter up by handle and priority; those it hands out itself start at these. */
static int sweep_point(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	int removed = 0;

	for (uint32_t prio = 49152; prio > 49136; prio--) { /* the kernel counts down from 0xc000 */
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = prio);

		if (bpf_tc_query(&hook, &opts))
			continue;
		if (!program_is_ours(opts.prog_id))
			continue;
		filter_detach(ifindex, point, 1, prio);
		removed++;
	}
	return removed;
}

int tc_sweep(uint32_t ifindex)
{
	return sweep_point(ifindex, BPF_TC_INGRESS) + sweep_point(ifindex, BPF_TC_EGRESS);
}
