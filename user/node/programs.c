/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BPF programs and classifiers that sit on a namespace's devices: XDP, tcx, and tc filters
 * under clsact. Ours are left out. What a program does is not known, only that it is there.
 */
#include "node/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "node/netlink.h"

#define OUR_PREFIX "cnitrace_"
#define MAX_PER_HOOK 16
/* include/uapi/linux/bpf.h of 6.6 */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47

bool program_name(uint32_t id, char name[32])
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	name[0] = '\0';
	if (fd < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		snprintf(name, 32, "%.*s", (int)sizeof(info.name), info.name);
	close(fd);
	return name[0] != '\0';
}

uint64_t program_types_loaded(uint64_t types)
{
	uint64_t loaded = 0;
	uint32_t id = 0;
	int err;

	while (loaded != types && !(err = bpf_prog_get_next_id(id, &id))) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd == -ENOENT)
			continue; /* gone meanwhile */
		if (fd < 0)
			return types;
		err = bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
		if (err)
			return types;
		if (info.type < 64)
			loaded |= types & 1ull << info.type;
	}
	return loaded == types || err == -ENOENT ? loaded : types;
}

static int program_add(struct netns_facts *ns, const struct program_fact *found)
{
	char name[32] = "";
	struct program_fact *program;

	if (found->id && program_name(found->id, name) &&
	    !strncmp(name, OUR_PREFIX, strlen(OUR_PREFIX)))
		return 0;
	if (ns->programs.count >= READER_MAX_LINKS)
		return -E2BIG;
	program = array_push(&ns->programs);
	if (!program)
		return -ENOMEM;
	*program = *found;
	memcpy(program->name, name, sizeof(program->name));
	return 0;
}

static int bpf_add(struct netns_facts *ns, uint32_t ifindex, const char *hook, uint32_t id)
{
	struct program_fact program = {.ifindex = ifindex, .id = id, .kind = "bpf"};

	snprintf(program.hook, sizeof(program.hook), "%s", hook);
	return program_add(ns, &program);
}

static int read_tcx(struct netns_facts *ns, uint32_t ifindex, int type, const char *hook)
{
	uint32_t ids[MAX_PER_HOOK], count = MAX_PER_HOOK;
	int status;

	/* fails before 6.6, where there is no tcx */
	if (bpf_prog_query(ifindex, type, 0, NULL, ids, &count))
		return 0;
	for (uint32_t i = 0; i < count && i < MAX_PER_HOOK; i++) {
		status = bpf_add(ns, ifindex, hook, ids[i]);
		if (status)
			return status;
	}
	return 0;
}

struct filter_dump {
	struct netns_facts *ns;
	const char *hook;
};

static int each_filter(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[TCA_MAX + 1], *bpf[TCA_BPF_MAX + 1];
	struct filter_dump *dump = context;
	/* tcm_info: priority above, protocol below (TC_H_MAKE in net/sched/cls_api.c) */
	struct program_fact program = {.ifindex = header->tcm_ifindex,
				       .handle = header->tcm_handle,
				       .priority = header->tcm_info >> 16,
				       .protocol = ntohs(header->tcm_info & 0xffff)};
	int status;

	/* a filter without a handle only announces its chain */
	if (message->nlmsg_type != RTM_NEWTFILTER || !header->tcm_handle)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), at, TCA_MAX + 1);
	netlink_string(program.kind, sizeof(program.kind), at[TCA_KIND]);
	if (!strcmp(program.kind, "bpf") && at[TCA_OPTIONS]) {
		netlink_nested(at[TCA_OPTIONS], bpf, TCA_BPF_MAX + 1);
		program.id = netlink_u32(bpf[TCA_BPF_ID]);
	}
	snprintf(program.hook, sizeof(program.hook), "%s", dump->hook);
	status = program_add(dump->ns, &program);
	if (status) {
		errno = -status;
		return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

static int read_filters(struct netns_facts *ns, uint32_t ifindex, uint32_t parent, const char *hook)
{
	struct filter_dump dump = {.ns = ns, .hook = hook};
	struct netlink_request request;
	struct tcmsg *header =
		netlink_begin(&request, NETLINK_ROUTE, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*header));
	int status;

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = ifindex;
	header->tcm_parent = parent;
	status = netlink_dump(&request, each_filter, NULL, &dump);
	/* no clsact there, or a kernel without classifiers */
	return status == -ENOENT || status == -EINVAL || status == -EOPNOTSUPP ? 0 : status;
}

int programs_read(struct facts *facts, struct netns_facts *ns)
{
	int status = 0;

	(void)facts;
	array_each(link, &ns->links) {
		uint32_t at = link->ifindex;

		if (link->xdp_prog)
			status = bpf_add(ns, at, "xdp", link->xdp_prog);
		if (!status)
			status = read_tcx(ns, at, ATTACH_TCX_INGRESS, "tcx ingress");
		if (!status)
			status = read_tcx(ns, at, ATTACH_TCX_EGRESS, "tcx egress");
		if (!status)
			status = read_filters(ns, at, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
					      "tc ingress");
		if (!status)
			status = read_filters(ns, at, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
					      "tc egress");
		if (status)
			return status;
	}
	return 0;
}
