/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connection tracking: the entry that a tuple belongs to, how full the table is, and the
 * per-CPU statistics summed. Never asks where conntrack is not in use already, because the
 * question alone would load its module.
 */
#include "node/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "node/netlink.h"

#define SUBSYSTEM(message) ((NFNL_SUBSYS_CTNETLINK << 8) | (message))

static int read_number(const char *name, uint64_t *number)
{
	char text[64];
	int status = sysctl_read(name, text, sizeof(text));

	if (!status)
		*number = strtoull(text, NULL, 10);
	return status;
}

static uint64_t be32_of(const struct nlattr *attribute)
{
	return ntohl(netlink_u32(attribute));
}

static int each_cpu(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *at[CTA_STATS_MAX + 1];
	struct conntrack_stats *stats = context;

	netlink_attributes(message, sizeof(struct nfgenmsg), at, CTA_STATS_MAX + 1);
	stats->found += be32_of(at[CTA_STATS_FOUND]);
	stats->invalid += be32_of(at[CTA_STATS_INVALID]);
	stats->insert += be32_of(at[CTA_STATS_INSERT]);
	stats->insert_failed += be32_of(at[CTA_STATS_INSERT_FAILED]);
	stats->drop += be32_of(at[CTA_STATS_DROP]);
	stats->early_drop += be32_of(at[CTA_STATS_EARLY_DROP]);
	stats->search_restart += be32_of(at[CTA_STATS_SEARCH_RESTART]);
	return MNL_CB_OK;
}

static void restart(void *context)
{
	struct conntrack_stats *stats = context;

	*stats = (struct conntrack_stats){.count = stats->count, .max = stats->max};
}

int conntrack_read(struct facts *facts, struct netns_facts *ns)
{
	struct conntrack_stats *stats = &ns->conntrack;
	struct netlink_request request;
	int status;

	(void)facts;
	memset(stats, 0, sizeof(*stats));
	status = read_number("net.netfilter.nf_conntrack_count", &stats->count);
	if (status == -ENOENT)
		return 0; /* not loaded: nothing is tracked, max stays 0 */
	if (!status)
		status = read_number("net.netfilter.nf_conntrack_max", &stats->max);
	if (status)
		return status;
	netlink_begin(&request, NETLINK_NETFILTER, SUBSYSTEM(IPCTNL_MSG_CT_GET_STATS_CPU), 0,
		      sizeof(struct nfgenmsg));
	return netlink_dump(&request, each_cpu, restart, stats);
}

static void put_tuple(struct netlink_request *request, const struct tuple *tuple, uint8_t icmp_type)
{
	struct nlmsghdr *message = netlink_message(request);
	struct nlattr *whole = mnl_attr_nest_start(message, CTA_TUPLE_ORIG), *part;
	bool six = tuple->src.version == 6;

	part = mnl_attr_nest_start(message, CTA_TUPLE_IP);
	netlink_put_address(request, six ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, &tuple->src);
	netlink_put_address(request, six ? CTA_IP_V6_DST : CTA_IP_V4_DST, &tuple->dst);
	mnl_attr_nest_end(message, part);
	part = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(message, CTA_PROTO_NUM, tuple->proto);
	if (tuple->proto == IPPROTO_ICMP) {
		mnl_attr_put_u16(message, CTA_PROTO_ICMP_ID, htons(tuple->sport));
		mnl_attr_put_u8(message, CTA_PROTO_ICMP_TYPE, icmp_type);
		mnl_attr_put_u8(message, CTA_PROTO_ICMP_CODE, 0);
	} else if (tuple->proto == IPPROTO_ICMPV6) {
		mnl_attr_put_u16(message, CTA_PROTO_ICMPV6_ID, htons(tuple->sport));
		mnl_attr_put_u8(message, CTA_PROTO_ICMPV6_TYPE, icmp_type);
		mnl_attr_put_u8(message, CTA_PROTO_ICMPV6_CODE, 0);
	} else {
		mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(tuple->sport));
		mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(tuple->dport));
	}
	mnl_attr_nest_end(message, part);
	mnl_attr_nest_end(message, whole);
}

static void read_tuple(struct tuple *tuple, const struct nlattr *nest)
{
	const struct nlattr *at[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	const struct nlattr *id;

	netlink_nested(nest, at, CTA_TUPLE_MAX + 1);
	netlink_nested(at[CTA_TUPLE_IP], ip, CTA_IP_MAX + 1);
	netlink_nested(at[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX + 1);
	tuple->src = netlink_address(ip[ip[CTA_IP_V4_SRC] ? CTA_IP_V4_SRC : CTA_IP_V6_SRC]);
	tuple->dst = netlink_address(ip[ip[CTA_IP_V4_DST] ? CTA_IP_V4_DST : CTA_IP_V6_DST]);
	tuple->proto = netlink_u8(proto[CTA_PROTO_NUM]);
	id = proto[proto[CTA_PROTO_ICMP_ID] ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID];
	tuple->sport = ntohs(netlink_u16(id ? id : proto[CTA_PROTO_SRC_PORT]));
	tuple->dport = ntohs(netlink_u16(id ? id : proto[CTA_PROTO_DST_PORT]));
}

static int each_entry(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *at[CTA_MAX + 1], *info[CTA_PROTOINFO_MAX + 1];
	const struct nlattr *tcp[CTA_PROTOINFO_TCP_MAX + 1];
	struct conntrack_entry *entry = context;

	netlink_attributes(message, sizeof(struct nfgenmsg), at, CTA_MAX + 1);
	read_tuple(&entry->original, at[CTA_TUPLE_ORIG]);
	read_tuple(&entry->reply, at[CTA_TUPLE_REPLY]);
	entry->mark = ntohl(netlink_u32(at[CTA_MARK]));
	entry->status = ntohl(netlink_u32(at[CTA_STATUS]));
	netlink_nested(at[CTA_PROTOINFO], info, CTA_PROTOINFO_MAX + 1);
	netlink_nested(info[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX + 1);
	entry->tcp_state = netlink_u8(tcp[CTA_PROTOINFO_TCP_STATE]);
	return MNL_CB_OK;
}

static int ask(const struct tuple *tuple, uint8_t icmp_type, struct conntrack_entry *entry)
{
	struct netlink_request request;
	struct nfgenmsg *header;

	memset(entry, 0, sizeof(*entry));
	header = netlink_begin(&request, NETLINK_NETFILTER, SUBSYSTEM(IPCTNL_MSG_CT_GET), 0,
			       sizeof(*header));
	header->nfgen_family = tuple->src.version == 6 ? AF_INET6 : AF_INET;
	put_tuple(&request, tuple, icmp_type);
	return netlink_ask(&request, each_entry, entry);
}

int conntrack_find(const struct tuple *tuple, struct conntrack_entry *entry)
{
	bool six = tuple->src.version == 6;
	uint64_t count;
	int status;

	if (!tuple->src.version || tuple->src.version != tuple->dst.version)
		return -EINVAL;
	if (read_number("net.netfilter.nf_conntrack_count", &count) || !count)
		return -ENOENT;
	/* The kernel finds an entry by either direction; for pings the type tells which. */
	status = ask(tuple, six ? 128 : 8, entry);
	if (status == -ENOENT && (tuple->proto == IPPROTO_ICMP || tuple->proto == IPPROTO_ICMPV6))
		status = ask(tuple, six ? 129 : 0, entry);
	return status;
}
