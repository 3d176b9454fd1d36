/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Neighbour (ARP, ND) entries of a namespace with their states, and proxy entries, which
 * the kernel lists only when asked for them apart.
 */
#include "node/reader.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "node/netlink.h"

struct neighbour_context {
	struct netns_facts *ns;
	size_t first;
	bool proxy;
};

static int each_neighbour(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[NDA_MAX + 1];
	struct neighbour_context *context = data;
	struct neighbour *neighbour;

	if (message->nlmsg_type != RTM_NEWNEIGH ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6))
		return MNL_CB_OK;
	/* Multicast and broadcast mappings: made by the kernel, say nothing. */
	if (!context->proxy && header->ndm_state == NUD_NOARP && header->ndm_type != RTN_UNICAST)
		return MNL_CB_OK;
	if (context->ns->neighbours.count >= READER_MAX_NEIGHBOURS) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	neighbour = array_push(&context->ns->neighbours);
	if (!neighbour) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*header), at, NDA_MAX + 1);
	neighbour->ifindex = (uint32_t)header->ndm_ifindex;
	neighbour->state = header->ndm_state;
	neighbour->proxy = context->proxy;
	neighbour->address = netlink_address(at[NDA_DST]);
	neighbour->has_mac = netlink_bytes(neighbour->mac, sizeof(neighbour->mac), at[NDA_LLADDR]);
	return MNL_CB_OK;
}

static void restart(void *data)
{
	struct neighbour_context *context = data;

	context->ns->neighbours.count = context->first;
}

int neighbours_read(struct facts *facts, struct netns_facts *ns)
{
	struct neighbour_context context = {.ns = ns};
	int status = 0;

	(void)facts;
	for (int proxy = 0; proxy < 2 && !status; proxy++) {
		struct netlink_request request;
		struct ndmsg *header =
			netlink_begin(&request, NETLINK_ROUTE, RTM_GETNEIGH, 0, sizeof(*header));

		header->ndm_flags = proxy ? NTF_PROXY : 0;
		context.proxy = proxy;
		context.first = ns->neighbours.count;
		status = netlink_dump(&request, each_neighbour, restart, &context);
	}
	return status;
}
