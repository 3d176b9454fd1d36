/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of a namespace (RTM_GETLINK): what they are, what they stand on, and the settings
 * of bridges, bridge ports and tunnels. Which device matters for what is judged elsewhere.
 */
#include "node/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "node/netlink.h"
#include "node/netns.h"

static void read_vxlan(struct link *link, const struct nlattr *data)
{
	const struct nlattr *at[IFLA_VXLAN_MAX + 1];

	netlink_nested(data, at, IFLA_VXLAN_MAX + 1);
	link->vni = netlink_u32(at[IFLA_VXLAN_ID]);
	link->port = ntohs(netlink_u16(at[IFLA_VXLAN_PORT]));
	link->local =
		netlink_address(at[at[IFLA_VXLAN_LOCAL] ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6]);
	link->remote =
		netlink_address(at[at[IFLA_VXLAN_GROUP] ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6]);
	link->learning = netlink_u8(at[IFLA_VXLAN_LEARNING]);
	link->udp_csum = netlink_u8(at[IFLA_VXLAN_UDP_CSUM]);
	if (!link->lower)
		link->lower = netlink_u32(at[IFLA_VXLAN_LINK]);
}

static void read_geneve(struct link *link, const struct nlattr *data)
{
	const struct nlattr *at[IFLA_GENEVE_MAX + 1];

	netlink_nested(data, at, IFLA_GENEVE_MAX + 1);
	link->vni = netlink_u32(at[IFLA_GENEVE_ID]);
	link->port = ntohs(netlink_u16(at[IFLA_GENEVE_PORT]));
	link->remote = netlink_address(
		at[at[IFLA_GENEVE_REMOTE] ? IFLA_GENEVE_REMOTE : IFLA_GENEVE_REMOTE6]);
	link->udp_csum = netlink_u8(at[IFLA_GENEVE_UDP_CSUM]);
}

static void read_ends(struct link *link, const struct nlattr *data, unsigned local, unsigned remote)
{
	const struct nlattr *at[32];

	netlink_nested(data, at, 32);
	link->local = netlink_address(at[local]);
	link->remote = netlink_address(at[remote]);
}

static void read_kind(struct link *link, const struct nlattr *data)
{
	if (!strcmp(link->kind, "vxlan")) {
		read_vxlan(link, data);
	} else if (!strcmp(link->kind, "geneve")) {
		read_geneve(link, data);
	} else if (!strcmp(link->kind, "ipip") || !strcmp(link->kind, "sit") ||
		   !strcmp(link->kind, "ip6tnl")) {
		read_ends(link, data, IFLA_IPTUN_LOCAL, IFLA_IPTUN_REMOTE);
	} else if (strstr(link->kind, "gre")) {
		read_ends(link, data, IFLA_GRE_LOCAL, IFLA_GRE_REMOTE);
	} else if (!strcmp(link->kind, "bridge")) {
		const struct nlattr *at[IFLA_BR_VLAN_FILTERING + 1];

		netlink_nested(data, at, IFLA_BR_VLAN_FILTERING + 1);
		link->vlan_filtering = netlink_u8(at[IFLA_BR_VLAN_FILTERING]);
	}
}

static void read_port(struct link *link, const struct nlattr *data)
{
	const struct nlattr *at[IFLA_BRPORT_MAX + 1];

	netlink_nested(data, at, IFLA_BRPORT_MAX + 1);
	link->is_port = true;
	link->port_state = netlink_u8(at[IFLA_BRPORT_STATE]);
	link->hairpin = netlink_u8(at[IFLA_BRPORT_MODE]);
	link->isolated = netlink_u8(at[IFLA_BRPORT_ISOLATED]);
}

static void read_info(struct link *link, const struct nlattr *info)
{
	const struct nlattr *at[IFLA_INFO_MAX + 1];
	char master_kind[16];

	netlink_nested(info, at, IFLA_INFO_MAX + 1);
	netlink_string(link->kind, sizeof(link->kind), at[IFLA_INFO_KIND]);
	if (at[IFLA_INFO_DATA])
		read_kind(link, at[IFLA_INFO_DATA]);
	netlink_string(master_kind, sizeof(master_kind), at[IFLA_INFO_SLAVE_KIND]);
	if (at[IFLA_INFO_SLAVE_DATA] && !strcmp(master_kind, "bridge"))
		read_port(link, at[IFLA_INFO_SLAVE_DATA]);
}

static void read_statistics(struct link *link, const struct nlattr *statistics)
{
	struct rtnl_link_stats64 numbers; /* a copy: the attribute is not aligned for 64 bits */

	netlink_bytes(&numbers, sizeof(numbers), statistics);
	link->rx_packets = numbers.rx_packets;
	link->tx_packets = numbers.tx_packets;
	link->rx_dropped = numbers.rx_dropped;
	link->tx_dropped = numbers.tx_dropped;
	link->rx_errors = numbers.rx_errors;
	link->tx_errors = numbers.tx_errors;
}

static void read_link(struct link *link, const struct ifinfomsg *header, const struct nlattr **at)
{
	const struct nlattr *xdp[IFLA_XDP_MAX + 1];

	link->ifindex = (uint32_t)header->ifi_index;
	link->flags = header->ifi_flags;
	netlink_string(link->name, sizeof(link->name), at[IFLA_IFNAME]);
	netlink_string(link->qdisc, sizeof(link->qdisc), at[IFLA_QDISC]);
	netlink_bytes(link->mac, sizeof(link->mac), at[IFLA_ADDRESS]);
	link->mtu = netlink_u32(at[IFLA_MTU]);
	link->operstate = netlink_u8(at[IFLA_OPERSTATE]);
	link->carrier = netlink_u8(at[IFLA_CARRIER]);
	link->master = netlink_u32(at[IFLA_MASTER]);
	link->lower = netlink_u32(at[IFLA_LINK]);
	link->lower_elsewhere = at[IFLA_LINK_NETNSID] != NULL;
	link->lower_nsid = at[IFLA_LINK_NETNSID] ? (int32_t)netlink_u32(at[IFLA_LINK_NETNSID]) : -1;
	netlink_nested(at[IFLA_XDP], xdp, IFLA_XDP_MAX + 1);
	link->xdp_prog = netlink_u32(xdp[IFLA_XDP_PROG_ID]);
	link->xdp_generic = netlink_u8(xdp[IFLA_XDP_ATTACHED]) == XDP_ATTACHED_SKB;
	read_statistics(link, at[IFLA_STATS64]);
	if (at[IFLA_LINKINFO])
		read_info(link, at[IFLA_LINKINFO]);
}

static int each_link(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *at[IFLA_XDP + 1];
	struct netns_facts *ns = context;
	struct link *link;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	if (ns->links.count >= READER_MAX_LINKS) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	link = array_push(&ns->links);
	if (!link) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(struct ifinfomsg), at, IFLA_XDP + 1);
	read_link(link, mnl_nlmsg_get_payload(message), at);
	return MNL_CB_OK;
}

static void restart(void *context)
{
	((struct netns_facts *)context)->links.count = 0;
}

int links_read(struct facts *facts, struct netns_facts *ns)
{
	struct netlink_request request;

	(void)facts;
	netlink_begin(&request, NETLINK_ROUTE, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	return netlink_dump(&request, each_link, restart, ns);
}

static int each_id(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *at[NETNSA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWNSID)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(struct rtgenmsg), at, NETNSA_MAX + 1);
	if (at[NETNSA_NSID])
		*(int32_t *)context = (int32_t)netlink_u32(at[NETNSA_NSID]);
	return MNL_CB_OK;
}

/* How the namespace visited numbers that of `fd`, -1 when it does not. */
static int ask_id(int fd)
{
	struct netlink_request request;
	int32_t id = -1;

	netlink_begin(&request, NETLINK_ROUTE, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(netlink_message(&request), NETNSA_FD, (uint32_t)fd);
	return netlink_ask(&request, each_id, &id) ? -1 : id;
}

int links_nsid(const struct netns_facts *ns, const char *path, uint32_t inode)
{
	/* Opened at home: /proc/self/ns/net means another place during a visit. */
	int id = -1, fd = netns_open(path, inode);
	struct netns_visit visit;

	if (fd < 0)
		return -1;
	if (!netns_enter(&visit, ns->path, ns->inode)) {
		id = ask_id(fd);
		netns_leave(&visit);
	}
	close(fd);
	return id;
}

static bool resolve_id(struct netns_facts *ns, int id, uint32_t inode)
{
	bool open = false;

	array_each(link, &ns->links) {
		if (!link->lower_elsewhere || link->lower_netns)
			continue;
		if (id >= 0 && link->lower_nsid == id)
			link->lower_netns = inode;
		else
			open = true;
	}
	return open;
}

void links_resolve(struct facts *facts, struct netns_facts *ns)
{
	bool open = resolve_id(ns, -1, 0);

	for (size_t i = 0; open && i < facts->namespaces.count; i++) {
		const struct netns_facts *other = facts->namespaces.items[i];

		if (other != ns)
			open = resolve_id(ns, links_nsid(ns, other->path, other->inode),
					  other->inode);
	}
}
