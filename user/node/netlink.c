/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Netlink questions over libmnl. Knows how to ask and when to give up, not what the
 * answers mean.
 */
#include "node/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/text.h"

#define READ_LIMIT_US 500000
#define TOTAL_LIMIT_MS 3000
#define TORN_TRIES 5
#define BUFFER_SIZE 32768 /* what the kernel fills at most per read of a dump */

void *netlink_begin(struct netlink_request *request, int bus, uint16_t type, uint16_t flags,
		    size_t extra)
{
	struct nlmsghdr *message;

	memset(request, 0, sizeof(*request));
	request->bus = bus;
	message = mnl_nlmsg_put_header(request->buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = 1;
	return mnl_nlmsg_put_extra_header(message, extra);
}

struct nlmsghdr *netlink_message(struct netlink_request *request)
{
	return (struct nlmsghdr *)request->buffer;
}

static struct mnl_socket *open_socket(int bus)
{
	struct timeval limit = {.tv_usec = READ_LIMIT_US};
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int one = 1;

	if (!socket)
		return NULL;
	/* Strict checking makes the kernel honour filters; older ones lack it for some buses. */
	mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID)) {
		int saved = errno;

		mnl_socket_close(socket);
		errno = saved;
		return NULL;
	}
	return socket;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int receive(struct mnl_socket *socket, void *buffer, mnl_cb_t each, void *context)
{
	unsigned port = mnl_socket_get_portid(socket);
	uint64_t deadline = now_ms() + TOTAL_LIMIT_MS;

	for (;;) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, BUFFER_SIZE);
		int more;

		if (length < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		more = mnl_cb_run(buffer, (size_t)length, 1, port, each, context);
		if (more == MNL_CB_ERROR)
			return errno ? -errno : -EIO;
		if (more == MNL_CB_STOP)
			return 0;
		if (now_ms() > deadline)
			return -ETIMEDOUT;
	}
}

static int ignore(const struct nlmsghdr *message, void *context)
{
	(void)message;
	(void)context;
	return MNL_CB_OK;
}

static int exchange(struct netlink_request *request, mnl_cb_t each, void *context)
{
	struct nlmsghdr *message = netlink_message(request);
	struct mnl_socket *socket = open_socket(request->bus);
	void *buffer;
	int status = 0;

	if (!socket)
		return -errno;
	buffer = malloc(BUFFER_SIZE);
	if (!buffer)
		status = -ENOMEM;
	else if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		status = -errno;
	else
		status = receive(socket, buffer, each ? each : ignore, context);
	free(buffer);
	mnl_socket_close(socket);
	return status;
}

int netlink_dump(struct netlink_request *request, mnl_cb_t each, void (*restart)(void *),
		 void *context)
{
	int status = -EINTR;

	netlink_message(request)->nlmsg_flags |= NLM_F_DUMP;
	/* libmnl reports NLM_F_DUMP_INTR as EINTR. */
	for (int i = 0; i < TORN_TRIES && status == -EINTR; i++) {
		if (i && restart)
			restart(context);
		status = exchange(request, each, context);
	}
	return status;
}

int netlink_ask(struct netlink_request *request, mnl_cb_t each, void *context)
{
	/* The acknowledgement ends the answer, whether or not a message came before it. */
	netlink_message(request)->nlmsg_flags |= NLM_F_ACK;
	return exchange(request, each, context);
}

void netlink_attributes(const struct nlmsghdr *message, size_t extra, const struct nlattr **table,
			size_t count)
{
	const struct nlattr *attribute;

	memset(table, 0, count * sizeof(*table));
	mnl_attr_for_each(attribute, message, extra)
	{
		if (mnl_attr_get_type(attribute) < count)
			table[mnl_attr_get_type(attribute)] = attribute;
	}
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **table, size_t count)
{
	const struct nlattr *attribute;

	memset(table, 0, count * sizeof(*table));
	if (!nest)
		return;
	mnl_attr_for_each_nested(attribute, nest)
	{
		if (mnl_attr_get_type(attribute) < count)
			table[mnl_attr_get_type(attribute)] = attribute;
	}
}

bool netlink_bytes(void *dst, size_t size, const struct nlattr *attribute)
{
	size_t have = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	memset(dst, 0, size);
	if (!attribute)
		return false;
	memcpy(dst, mnl_attr_get_payload(attribute), have < size ? have : size);
	return true;
}

uint8_t netlink_u8(const struct nlattr *attribute)
{
	uint8_t value;

	netlink_bytes(&value, sizeof(value), attribute);
	return value;
}

uint16_t netlink_u16(const struct nlattr *attribute)
{
	uint16_t value;

	netlink_bytes(&value, sizeof(value), attribute);
	return value;
}

uint32_t netlink_u32(const struct nlattr *attribute)
{
	uint32_t value;

	netlink_bytes(&value, sizeof(value), attribute);
	return value;
}

struct address netlink_address(const struct nlattr *attribute)
{
	struct address address = {0};
	size_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	if (length == 4 || length == 16)
		address = address_make(length == 4 ? 4 : 6, mnl_attr_get_payload(attribute));
	return address;
}

void netlink_string(char *dst, size_t size, const struct nlattr *attribute)
{
	netlink_bytes(dst, size, attribute);
	dst[size - 1] = '\0';
}

void netlink_put_address(struct netlink_request *request, uint16_t type,
			 const struct address *address)
{
	if (address->version)
		mnl_attr_put(netlink_message(request), type, address->version == 4 ? 4 : 16,
			     address->bytes);
}
