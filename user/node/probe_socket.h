/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets that send test packets from a network namespace. Only opening visits it; what is sent and
 * received later needs no visit. Non-blocking throughout; errors a router reports come from the error queue.
 */
#ifndef CNITRACE_NODE_PROBE_SOCKET_H
#define CNITRACE_NODE_PROBE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/address.h"

struct probe_where {
	const char *path; /* of the namespace, "" the one we are in */
	uint32_t inode;
	struct address source; /* version 0: the kernel chooses */
	uint8_t tos;
	bool df; /* never fragment, whatever a route's learned MTU says */
};

enum probe_proto { PROBE_ECHO, PROBE_TCP, PROBE_UDP };

/* A socket of the namespace, or negative errno. PROBE_ECHO is a raw ICMP socket. */
int probe_socket_open(const struct probe_where *where, enum probe_proto proto, uint8_t version);
/* 0, -EINPROGRESS, or the negative errno with which connect() refused. */
int probe_socket_connect(int fd, struct address to, uint16_t port);
/* 0 or negative errno. */
int probe_socket_listen(int fd, uint8_t version, uint16_t port, int backlog);
uint16_t probe_socket_port(int fd); /* its local port, 0 unknown */
/* The same, and its local address (version 0 unknown). */
uint16_t probe_socket_name(int fd, struct address *address);
/* What the kernel would send to where it is connected without fragmenting; 0 unknown. */
uint32_t probe_socket_mtu(int fd, uint8_t version);
/* The error a pending connect() ended with: 0 connected, negative errno. */
int probe_socket_outcome(int fd);
/* What the kernel measured from SYN to SYN-ACK in nanoseconds; 0 unknown, or a SYN was sent again. */
uint64_t probe_socket_rtt(int fd);
/* SYNs sent beyond the first. */
unsigned probe_socket_resent(int fd);

int probe_echo_send(int fd, struct address to, uint16_t id, uint16_t seq, uint32_t size,
		    uint8_t ttl);
int probe_datagram_send(int fd, struct address to, uint16_t port, const void *bytes, size_t size);

struct probe_arrival {
	struct address from;
	uint16_t port;
	uint64_t time_ns; /* CLOCK_MONOTONIC, when the kernel got it */
	uint16_t id, seq; /* echo replies */
	size_t size; /* of the payload */
	uint8_t *bytes; /* the caller's buffer; echo: NULL */
	size_t room;
};

/* One echo reply, datagram or answer. 1, 0 when there is none (now), or negative errno. */
int probe_echo_receive(int fd, uint8_t version, struct probe_arrival *arrival);
int probe_datagram_receive(int fd, struct probe_arrival *arrival);

struct probe_complaint {
	int error; /* positive errno as the kernel translates it */
	uint8_t type, code; /* of the ICMP error; 0/0 when local */
	bool local; /* the node's own kernel refused, no packet was sent */
	uint32_t mtu; /* EMSGSIZE: what fits */
	struct address from; /* who complains, version 0 local */
	uint16_t id, seq; /* of the echo request it quotes */
	bool quoted;
	uint64_t time_ns; /* CLOCK_MONOTONIC, when the kernel got it */
};

/* One entry of the error queue. 1, 0 none, negative errno. */
int probe_complaint_receive(int fd, bool echo, struct probe_complaint *complaint);

#endif
