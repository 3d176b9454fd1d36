// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the receiver of a TCP segment still have the connection it belongs to? A monitor sees no packet that passes, but a
 * pod's sockets can be asked.
 */
#include <netinet/in.h>

#include "diagnose/causes.h"

#define TCP_STATE_ESTABLISHED 1
#define TCP_STATE_SYN_SENT 2
#define TCP_STATE_LISTEN 10

static bool is_end(const struct socket_fact *socket, const struct tuple *segment)
{
	return socket->proto == IPPROTO_TCP && socket->state != TCP_STATE_LISTEN &&
	       socket->local_port == segment->dport && address_equal(socket->local, segment->dst);
}

static enum connection_end end_of(const struct socket_fact *socket, const struct tuple *segment)
{
	/* to a Service's address, or another connection from the same port */
	if (socket->remote_port != segment->sport || !address_equal(socket->remote, segment->src))
		return CONNECTION_UNKNOWN;
	if (socket->state == TCP_STATE_SYN_SENT)
		return CONNECTION_WAITS;
	return socket->state == TCP_STATE_ESTABLISHED ? CONNECTION_LIVES : CONNECTION_UNKNOWN;
}

/* Only of a pod's own address: what comes to a node's may be masqueraded for somebody else. */
enum connection_end connection_end(struct diagnosis *d, const struct tuple *segment)
{
	const struct pod *pod = facts_pod_of_address(d->facts, segment->dst);
	enum connection_end end = CONNECTION_GONE;
	struct netns_facts *ns;

	if (segment->proto != IPPROTO_TCP || !pod || pod->host_network || !pod->netns)
		return CONNECTION_UNKNOWN;
	ns = facts_netns(d->facts, pod->netns);
	if (!ns || !facts_need(d->facts, ns, FACT_SOCKETS) || ns->sockets_cut)
		return CONNECTION_UNKNOWN;
	array_each(socket, &ns->sockets) {
		if (!is_end(socket, segment))
			continue;
		end = end_of(socket, segment);
		if (end != CONNECTION_UNKNOWN)
			return end;
	}
	return end;
}
