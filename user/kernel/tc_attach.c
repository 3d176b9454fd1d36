/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/tc_attach.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/array.h"

/* include/uapi/linux/bpf.h of 6.6; older headers lack them */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define FLAG_BEFORE (1u << 3) /* BPF_F_BEFORE without a relative: first of all */

#define OUR_NAME "cnitrace_"
#define FILTER_DUMP_SIZE 32768 /* what the kernel makes a part of a dump at most */

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

/* A filter as a dump shows it; program 0: not one of BPF. */
struct filter_entry {
	uint32_t handle, prio, program;
};

struct filter_list {
	ARRAY(struct filter_entry) filters;
};

static int attribute_keep(const struct nlattr *attribute, void *table)
{
	const struct nlattr **slots = table;

	if (mnl_attr_get_type(attribute) <= TCA_MAX)
		slots[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

static int bpf_id_keep(const struct nlattr *attribute, void *id)
{
	if (mnl_attr_get_type(attribute) == TCA_BPF_ID &&
	    !mnl_attr_validate(attribute, MNL_TYPE_U32))
		*(uint32_t *)id = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int filter_keep(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[TCA_MAX + 1] = {};
	struct filter_list *list = context;
	struct filter_entry *entry;

	/* a priority's own line has no handle; those of the filters in it follow */
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*tc)) || !tc->tcm_handle)
		return MNL_CB_OK;
	entry = array_push(&list->filters);
	if (!entry)
		return MNL_CB_ERROR;
	*entry = (struct filter_entry){.handle = tc->tcm_handle, .prio = tc->tcm_info >> 16};
	mnl_attr_parse(message, sizeof(*tc), attribute_keep, table);
	if (table[TCA_KIND] && table[TCA_OPTIONS] &&
	    !strcmp(mnl_attr_get_str(table[TCA_KIND]), "bpf"))
		mnl_attr_parse_nested(table[TCA_OPTIONS], bpf_id_keep, &entry->program);
	return MNL_CB_OK;
}

/* The filters on a hook. False: they could not be read. */
static bool filters_read(uint32_t ifindex, enum bpf_tc_attach_point point, struct filter_list *list)
{
	char buffer[FILTER_DUMP_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));
	int more = MNL_CB_ERROR;

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT,
				   point == BPF_TC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
	if (socket && !mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(socket, request, request->nlmsg_len) > 0) {
		do {
			ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

			more = n < 0 ? MNL_CB_ERROR
				     : mnl_cb_run(buffer, n, 0, 0, filter_keep, list);
		} while (more > MNL_CB_STOP);
	}
	if (socket)
		mnl_socket_close(socket);
	return more == MNL_CB_STOP;
}

/* When that cannot be read, it is said that there are some. */
static bool filters_left(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	struct filter_list list = {};
	bool left = !filters_read(ifindex, point, &list) || list.filters.count;

	array_free(&list.filters);
	return left;
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

/* The qdisc goes, too, when it was made here and nobody has put a filter of his own there since. */
static void filters_remove(const struct tc_attachment *at)
{
	filter_detach(at->ifindex, BPF_TC_INGRESS, at->handle_in, at->prio_in);
	filter_detach(at->ifindex, BPF_TC_EGRESS, at->handle_out, at->prio_out);
	if (at->made_clsact && !filters_left(at->ifindex, BPF_TC_INGRESS) &&
	    !filters_left(at->ifindex, BPF_TC_EGRESS))
		clsact_remove(at->ifindex);
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
		filters_remove(at);
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

static int sweep_point(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	struct filter_list list = {};
	int removed = 0;

	filters_read(ifindex, point, &list);
	array_each(filter, &list.filters) {
		if (!filter->program || !program_is_ours(filter->program))
			continue;
		filter_detach(ifindex, point, filter->handle, filter->prio);
		removed++;
	}
	array_free(&list.filters);
	return removed;
}

int tc_sweep(uint32_t ifindex)
{
	return sweep_point(ifindex, BPF_TC_INGRESS) + sweep_point(ifindex, BPF_TC_EGRESS);
}
