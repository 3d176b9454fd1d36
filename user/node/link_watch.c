/* SPDX-License-Identifier: GPL-2.0-only */
#include "node/link_watch.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

int link_watch_open(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

bool link_watch_read(int fd, void (*change)(void *context, uint32_t ifindex, bool gone),
		     void *context)
{
	char buffer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool lost = false;
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0 || (n < 0 && errno == ENOBUFS)) {
		size_t left = n < 0 ? 0 : n;

		lost |= n < 0;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			const struct ifinfomsg *link = NLMSG_DATA(h);

			if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*link)) ||
			    (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK))
				continue;
			/* a port leaving its bridge is announced as AF_BRIDGE RTM_DELLINK */
			if (link->ifi_family != AF_UNSPEC)
				continue;
			change(context, link->ifi_index, h->nlmsg_type == RTM_DELLINK);
		}
	}
	return lost;
}
