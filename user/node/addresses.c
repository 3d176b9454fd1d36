/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses of a namespace's devices (RTM_GETADDR), IPv4 and IPv6.
 */
#include "node/reader.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "node/netlink.h"

static int each_address(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[IFA_MAX + 1];
	struct netns_facts *ns = context;
	struct link_address *address;

	if (message->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	if (ns->addresses.count >= READER_MAX_LINKS) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	address = array_push(&ns->addresses);
	if (!address) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*header), at, IFA_MAX + 1);
	address->ifindex = header->ifa_index;
	address->prefix_len = header->ifa_prefixlen;
	address->scope = header->ifa_scope;
	address->flags = at[IFA_FLAGS] ? netlink_u32(at[IFA_FLAGS]) : header->ifa_flags;
	/* On a point-to-point device IFA_ADDRESS is the peer's; IFA_LOCAL is ours where given. */
	address->address = netlink_address(at[at[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS]);
	return MNL_CB_OK;
}

static void restart(void *context)
{
	((struct netns_facts *)context)->addresses.count = 0;
}

int addresses_read(struct facts *facts, struct netns_facts *ns)
{
	struct netlink_request request;

	(void)facts;
	netlink_begin(&request, NETLINK_ROUTE, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
	return netlink_dump(&request, each_address, restart, ns);
}
