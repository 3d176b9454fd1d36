/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP and UDP sockets of a namespace (inet_diag): who listens where, how full the queues
 * are, what was lost in them. Listeners are read first, so that they are known even on a
 * node with more connections than are kept.
 */
#include "node/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "node/netlink.h"

struct socket_context {
	struct netns_facts *ns;
	uint8_t proto;
	size_t first;
};

static void read_memory(struct socket_fact *socket, const struct nlattr *memory)
{
	uint32_t words[SK_MEMINFO_VARS];

	netlink_bytes(words, sizeof(words), memory);
	socket->receive_buffer = words[SK_MEMINFO_RCVBUF];
	socket->drops = words[SK_MEMINFO_DROPS];
}

/* A connection over IPv4 by a socket of IPv6, as servers for both have it, is one over IPv4. */
static void ends_read(struct socket_fact *socket, const uint32_t *local, const uint32_t *remote)
{
	if (socket->version == 6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)local)) {
		socket->version = 4;
		local += 3;
		remote += 3;
	}
	socket->local = address_make(socket->version, local);
	socket->remote = address_make(socket->version, remote);
}

static int each_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[INET_DIAG_SKV6ONLY + 1];
	struct socket_context *context = data;
	struct socket_fact *socket;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return MNL_CB_OK;
	if (context->ns->sockets.count >= READER_MAX_SOCKETS) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	socket = array_push(&context->ns->sockets);
	if (!socket) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*diag), at, INET_DIAG_SKV6ONLY + 1);
	socket->version = diag->idiag_family == AF_INET6 ? 6 : 4;
	socket->proto = context->proto;
	socket->state = diag->idiag_state;
	ends_read(socket, diag->id.idiag_src, diag->id.idiag_dst);
	socket->local_port = ntohs(diag->id.idiag_sport);
	socket->remote_port = ntohs(diag->id.idiag_dport);
	socket->v6only = netlink_u8(at[INET_DIAG_SKV6ONLY]);
	socket->receive_queue = diag->idiag_rqueue;
	socket->send_queue = diag->idiag_wqueue;
	socket->inode = diag->idiag_inode;
	socket->uid = diag->idiag_uid;
	read_memory(socket, at[INET_DIAG_SKMEMINFO]);
	return MNL_CB_OK;
}

static void restart(void *data)
{
	struct socket_context *context = data;

	context->ns->sockets.count = context->first;
}

static int dump(struct socket_context *context, uint8_t family, uint32_t states)
{
	struct netlink_request request;
	struct inet_diag_req_v2 *query;

	query = netlink_begin(&request, NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, sizeof(*query));
	query->sdiag_family = family;
	query->sdiag_protocol = context->proto;
	query->idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
	query->idiag_states = states;
	context->first = context->ns->sockets.count;
	return netlink_dump(&request, each_socket, restart, context);
}

int sockets_read(struct facts *facts, struct netns_facts *ns)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_TCP, IPPROTO_TCP};
	static const uint32_t states[] = {~0u, 1u << TCP_LISTEN, ~(1u << TCP_LISTEN)};
	struct socket_context context = {.ns = ns};
	int status = 0;

	ns->sockets_cut = false;
	for (size_t i = 0; i < 6 && !status; i++) {
		context.proto = protos[i / 2];
		status = dump(&context, i % 2 ? AF_INET6 : AF_INET, states[i / 2]);
		if (status == -ENOENT && i % 2)
			status = 0; /* no IPv6 in this kernel */
	}
	if (status == -E2BIG) {
		ns->sockets_cut = true;
		facts_gap(facts, "%s has more than %d sockets: the rest was not read", ns->label,
			  READER_MAX_SOCKETS);
		return 0;
	}
	return status;
}
