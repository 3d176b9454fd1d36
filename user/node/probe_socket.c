// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test packets' sockets: raw ICMP, TCP and UDP, opened in the namespace asked for and nowhere else.
 */
#include "node/probe_socket.h"

#include <errno.h>
#include <time.h> /* before errqueue.h, which needs it */

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/netns.h"
#include "packet/target.h"

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t endpoint_make(union endpoint *end, struct address address, uint16_t port)
{
	memset(end, 0, sizeof(*end));
	if (address.version == 6) {
		end->v6.sin6_family = AF_INET6;
		end->v6.sin6_port = htons(port);
		memcpy(&end->v6.sin6_addr, address.bytes, 16);
		return sizeof(end->v6);
	}
	end->v4.sin_family = AF_INET;
	end->v4.sin_port = htons(port);
	memcpy(&end->v4.sin_addr, address.bytes, 4);
	return sizeof(end->v4);
}

static struct address endpoint_address(const union endpoint *end, uint16_t *port)
{
	if (end->any.sa_family == AF_INET6) {
		*port = ntohs(end->v6.sin6_port);
		return address_make(6, &end->v6.sin6_addr);
	}
	*port = ntohs(end->v4.sin_port);
	return address_make(end->any.sa_family == AF_INET ? 4 : 0, &end->v4.sin_addr);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* The kernel's own time of arrival, so that a busy reader does not make answers look late. */
static uint64_t arrival_ns(struct msghdr *message)
{
	struct timespec wall, now, stamp;
	int64_t age;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		clock_gettime(CLOCK_REALTIME, &wall);
		clock_gettime(CLOCK_MONOTONIC, &now);
		age = (wall.tv_sec - stamp.tv_sec) * 1000000000ll + wall.tv_nsec - stamp.tv_nsec;
		if (age >= 0 && age < 60000000000ll)
			return now.tv_sec * 1000000000ull + now.tv_nsec - age;
	}
	return now_ns();
}

static ssize_t receive(int fd, void *bytes, size_t room, int flags, struct probe_arrival *arrival)
{
	union {
		struct cmsghdr header;
		uint8_t room[256];
	} control;
	struct iovec vector = {bytes, room};
	union endpoint from = {};
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, flags | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	arrival->time_ns = arrival_ns(&message);
	arrival->from = endpoint_address(&from, &arrival->port);
	return n;
}

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int socket_in(const struct probe_where *where, int family, int type, int protocol)
{
	struct netns_visit visit;
	int fd, err;

	if (!where->path[0]) {
		fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
		return fd < 0 ? -errno : fd;
	}
	err = netns_enter(&visit, where->path, where->inode);
	if (err)
		return err;
	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		fd = -errno;
	netns_leave(&visit);
	return fd;
}

/* Echo replies only: other ICMP comes to every raw socket of the namespace. */
static void echo_filter(int fd, uint8_t version)
{
	struct icmp6_filter filter6;
	struct icmp_filter filter = {.data = ~(1u << ICMP_ECHOREPLY)};

	if (version == 4) {
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
		return;
	}
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6));
}

static int options_set(int fd, const struct probe_where *where, enum probe_proto proto,
		       uint8_t version)
{
	int level = version == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
	union endpoint source;
	int err;

	/* With PROBE the kernel sets DF and ignores what it learned of the path; with DONT neither. */
	if (proto != PROBE_TCP) {
		option_set(fd, level, version == 6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
			   where->df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);
	}
	err = option_set(fd, level, version == 6 ? IPV6_RECVERR : IP_RECVERR, 1);
	if (err)
		return err;
	if (where->tos) {
		err = option_set(fd, level, version == 6 ? IPV6_TCLASS : IP_TOS, where->tos);
		if (err)
			return err;
	}
	if (proto != PROBE_TCP)
		option_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (proto == PROBE_ECHO)
		echo_filter(fd, version);
	if (where->source.version) {
		socklen_t size = endpoint_make(&source, where->source, 0);

		if (bind(fd, &source.any, size))
			return -errno;
	}
	return 0;
}

int probe_socket_open(const struct probe_where *where, enum probe_proto proto, uint8_t version)
{
	int family = version == 6 ? AF_INET6 : AF_INET;
	int fd, err;

	switch (proto) {
	case PROBE_ECHO:
		fd = socket_in(where, family, SOCK_RAW,
			       version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
		break;
	case PROBE_TCP:
		fd = socket_in(where, family, SOCK_STREAM, IPPROTO_TCP);
		break;
	default:
		fd = socket_in(where, family, SOCK_DGRAM, IPPROTO_UDP);
		break;
	}
	if (fd < 0)
		return fd;
	err = options_set(fd, where, proto, version);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int probe_socket_connect(int fd, struct address to, uint16_t port)
{
	union endpoint end;
	socklen_t size = endpoint_make(&end, to, port);

	return connect(fd, &end.any, size) ? -errno : 0;
}

int probe_socket_listen(int fd, uint8_t version, uint16_t port, int backlog)
{
	union endpoint end;
	socklen_t size = endpoint_make(&end, (struct address){.version = version}, port);

	option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return bind(fd, &end.any, size) || listen(fd, backlog) ? -errno : 0;
}

uint16_t probe_socket_name(int fd, struct address *address)
{
	union endpoint end = {};
	socklen_t size = sizeof(end);
	uint16_t port = 0;

	*address = (struct address){0};
	if (!getsockname(fd, &end.any, &size))
		*address = endpoint_address(&end, &port);
	return port;
}

uint16_t probe_socket_port(int fd)
{
	struct address address;

	return probe_socket_name(fd, &address);
}

uint32_t probe_socket_mtu(int fd, uint8_t version)
{
	int mtu = 0;
	socklen_t size = sizeof(mtu);

	if (getsockopt(fd, version == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
		       version == 6 ? IPV6_MTU : IP_MTU, &mtu, &size))
		return 0;
	return mtu > 0 ? mtu : 0;
}

int probe_socket_outcome(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	return -error;
}

uint64_t probe_socket_rtt(int fd)
{
	struct tcp_info info = {};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) || info.tcpi_total_retrans)
		return 0;
	return info.tcpi_rtt * 1000ull;
}

unsigned probe_socket_resent(int fd)
{
	struct tcp_info info = {};
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) ? 0 : info.tcpi_total_retrans;
}

static uint16_t checksum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	if (size & 1)
		sum += bytes[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

int probe_echo_send(int fd, struct address to, uint16_t id, uint16_t seq, uint32_t size,
		    uint8_t ttl)
{
	static const char text[] = "cnitrace probe ";
	uint8_t bytes[TARGET_SIZE_MAX + 8];
	union endpoint end;
	socklen_t end_size = endpoint_make(&end, to, 0);
	uint16_t sum;

	if (size > TARGET_SIZE_MAX)
		return -EMSGSIZE;
	memset(bytes, 0, 8);
	bytes[0] = to.version == 6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	bytes[4] = id >> 8;
	bytes[5] = id;
	bytes[6] = seq >> 8;
	bytes[7] = seq;
	for (size_t i = 0; i < size; i++)
		bytes[8 + i] = text[i % (sizeof(text) - 1)];
	if (to.version == 4) { /* the kernel sums ICMPv6 */
		sum = checksum(bytes, size + 8);
		bytes[2] = sum >> 8;
		bytes[3] = sum;
	}
	if (ttl)
		option_set(fd, to.version == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
			   to.version == 6 ? IPV6_UNICAST_HOPS : IP_TTL, ttl);
	return sendto(fd, bytes, size + 8, 0, &end.any, end_size) < 0 ? -errno : 0;
}

int probe_datagram_send(int fd, struct address to, uint16_t port, const void *bytes, size_t size)
{
	union endpoint end;
	socklen_t end_size = endpoint_make(&end, to, port);

	return sendto(fd, bytes, size, 0, &end.any, end_size) < 0 ? -errno : 0;
}

int probe_datagram_receive(int fd, struct probe_arrival *arrival)
{
	ssize_t n = receive(fd, arrival->bytes, arrival->room, 0, arrival);

	if (n < 0)
		return n == -EAGAIN ? 0 : n;
	arrival->size = n;
	return 1;
}

int probe_echo_receive(int fd, uint8_t version, struct probe_arrival *arrival)
{
	uint8_t bytes[60 + 8];
	size_t at = 0, have;
	ssize_t n;

	memset(arrival, 0, sizeof(*arrival));
	n = receive(fd, bytes, sizeof(bytes), MSG_TRUNC, arrival);
	if (n < 0)
		return n == -EAGAIN ? 0 : n;
	have = (size_t)n < sizeof(bytes) ? (size_t)n : sizeof(bytes);
	if (version == 4) /* a raw IPv4 socket sees the IP header */
		at = have ? (bytes[0] & 15) * 4 : 0;
	if (at + 8 > have)
		return 1; /* id 0 and seq 0 are never ours */
	arrival->id = bytes[at + 4] << 8 | bytes[at + 5];
	arrival->seq = bytes[at + 6] << 8 | bytes[at + 7];
	arrival->size = n - at - 8;
	return 1;
}

static void complaint_read(struct probe_complaint *complaint, const struct sock_extended_err *error)
{
	union endpoint from;
	uint16_t port;

	complaint->error = error->ee_errno;
	complaint->local = error->ee_origin == SO_EE_ORIGIN_LOCAL;
	if (!complaint->local) {
		complaint->type = error->ee_type;
		complaint->code = error->ee_code;
		memcpy(&from, SO_EE_OFFENDER(error), sizeof(struct sockaddr_in6));
		if (from.any.sa_family != AF_UNSPEC)
			complaint->from = endpoint_address(&from, &port);
	}
	if (error->ee_errno == EMSGSIZE)
		complaint->mtu = error->ee_info;
}

int probe_complaint_receive(int fd, bool echo, struct probe_complaint *complaint)
{
	union {
		struct cmsghdr header;
		uint8_t room[512];
	} control;
	uint8_t bytes[64] = {};
	struct iovec vector = {bytes, sizeof(bytes)};
	union endpoint to;
	struct msghdr message = {.msg_name = &to,
				 .msg_namelen = sizeof(to),
				 .msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);

	memset(complaint, 0, sizeof(*complaint));
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	complaint->time_ns = arrival_ns(&message);
	if (echo && n >= 8) {
		complaint->quoted = true;
		complaint->id = bytes[4] << 8 | bytes[5];
		complaint->seq = bytes[6] << 8 | bytes[7];
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			complaint_read(complaint, (const void *)CMSG_DATA(c));
	}
	return 1;
}
