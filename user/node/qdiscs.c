/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue disciplines of a namespace's devices: what they dropped, what waits in them, and
 * the limit of those kinds where it is one number.
 */
#include "node/reader.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "node/netlink.h"

/* tbf counts bytes, fq_codel, fq and the fifos packets (bfifo bytes): as `tc` shows it. */
static uint32_t read_limit(const char *kind, const struct nlattr *options)
{
	const struct nlattr *at[16];

	if (!options)
		return 0;
	if (!strcmp(kind, "pfifo") || !strcmp(kind, "bfifo") || !strcmp(kind, "netem")) {
		/* A bare struct: tc_fifo_qopt is the limit; tc_netem_qopt has latency before it. */
		uint32_t words[2];

		netlink_bytes(words, sizeof(words), options);
		return words[kind[0] == 'n'];
	}
	netlink_nested(options, at, 16);
	if (!strcmp(kind, "tbf")) {
		struct tc_tbf_qopt parameters;

		netlink_bytes(&parameters, sizeof(parameters), at[TCA_TBF_PARMS]);
		return parameters.limit;
	}
	if (!strcmp(kind, "fq_codel"))
		return netlink_u32(at[TCA_FQ_CODEL_LIMIT]);
	if (!strcmp(kind, "fq"))
		return netlink_u32(at[TCA_FQ_PLIMIT]);
	if (!strcmp(kind, "codel"))
		return netlink_u32(at[TCA_CODEL_LIMIT]);
	return 0;
}

static void read_statistics(struct qdisc_fact *qdisc, const struct nlattr *statistics)
{
	const struct nlattr *at[TCA_STATS_MAX + 1];
	struct gnet_stats_basic basic;
	struct gnet_stats_queue queue;

	netlink_nested(statistics, at, TCA_STATS_MAX + 1);
	netlink_bytes(&basic, sizeof(basic), at[TCA_STATS_BASIC]);
	netlink_bytes(&queue, sizeof(queue), at[TCA_STATS_QUEUE]);
	qdisc->bytes = basic.bytes;
	qdisc->packets = basic.packets;
	qdisc->drops = queue.drops;
	qdisc->overlimits = queue.overlimits;
	qdisc->backlog = queue.backlog;
	qdisc->qlen = queue.qlen;
	/* Added in 4.20: the count of packets in full width. */
	if (at[TCA_STATS_PKT64])
		netlink_bytes(&qdisc->packets, sizeof(qdisc->packets), at[TCA_STATS_PKT64]);
}

static int each_qdisc(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[TCA_MAX + 1];
	struct netns_facts *ns = context;
	struct qdisc_fact *qdisc;

	if (message->nlmsg_type != RTM_NEWQDISC)
		return MNL_CB_OK;
	if (ns->qdiscs.count >= READER_MAX_LINKS) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	qdisc = array_push(&ns->qdiscs);
	if (!qdisc) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*header), at, TCA_MAX + 1);
	qdisc->ifindex = (uint32_t)header->tcm_ifindex;
	qdisc->handle = header->tcm_handle;
	qdisc->parent = header->tcm_parent;
	netlink_string(qdisc->kind, sizeof(qdisc->kind), at[TCA_KIND]);
	qdisc->limit = read_limit(qdisc->kind, at[TCA_OPTIONS]);
	if (at[TCA_STATS2])
		read_statistics(qdisc, at[TCA_STATS2]);
	return MNL_CB_OK;
}

static void restart(void *context)
{
	((struct netns_facts *)context)->qdiscs.count = 0;
}

int qdiscs_read(struct facts *facts, struct netns_facts *ns)
{
	struct netlink_request request;

	(void)facts;
	netlink_begin(&request, NETLINK_ROUTE, RTM_GETQDISC, 0, sizeof(struct tcmsg));
	return netlink_dump(&request, each_qdisc, restart, ns);
}
