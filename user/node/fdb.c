/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Forwarding entries of bridges and VXLAN devices: which MAC is behind which port or VTEP.
 */
#include "node/reader.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "node/netlink.h"

static int each_entry(const struct nlmsghdr *message, void *context)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[NDA_MAX + 1];
	struct netns_facts *ns = context;
	struct fdb_entry *entry;

	if (message->nlmsg_type != RTM_NEWNEIGH || header->ndm_family != AF_BRIDGE)
		return MNL_CB_OK;
	if (ns->fdb.count >= READER_MAX_NEIGHBOURS) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	entry = array_push(&ns->fdb);
	if (!entry) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*header), at, NDA_MAX + 1);
	entry->ifindex = (uint32_t)header->ndm_ifindex;
	entry->state = header->ndm_state;
	netlink_bytes(entry->mac, sizeof(entry->mac), at[NDA_LLADDR]);
	entry->dst = netlink_address(at[NDA_DST]);
	entry->master = netlink_u32(at[NDA_MASTER]);
	/* A VTEP's entry is permanent too; it is one's own only without a far end. */
	entry->local = (header->ndm_state & NUD_PERMANENT) && !entry->dst.version;
	return MNL_CB_OK;
}

static void restart(void *context)
{
	((struct netns_facts *)context)->fdb.count = 0;
}

int fdb_read(struct facts *facts, struct netns_facts *ns)
{
	struct netlink_request request;
	struct ndmsg *header;

	(void)facts;
	header = netlink_begin(&request, NETLINK_ROUTE, RTM_GETNEIGH, 0, sizeof(*header));
	header->ndm_family = AF_BRIDGE;
	return netlink_dump(&request, each_entry, restart, ns);
}
