// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endpoints come from kube-proxy's rules, ports from conntrack. What other engines translate (IPVS, eBPF)
 * is not known here; then the
 * hops of a node's own packets to a Service stay unseen, and the report says so.
 */
#include "commands/probe_service.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "diagnose/rule_walk.h"

#define ENDPOINTS_MAX 16 /* of one target: each is a term of the filter */

static struct netns_facts *node_of(struct probe *p)
{
	return facts_netns(p->session.facts, p->session.facts->node_netns);
}

void probe_service_take(struct probe *p, struct probe_target *t)
{
	const struct target *target = &t->result.target;
	uint8_t proto = target->kind == TARGET_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	struct netns_facts *node = node_of(p);
	struct service_info *info;

	if (target->kind == TARGET_ICMP || target->kind == TARGET_MTU || !node ||
	    !t->result.address.version || !facts_need(p->session.facts, node, FACT_RULES))
		return;
	info = calloc(1, sizeof(*info));
	if (!info)
		return;
	if (service_lookup(&node->rules, t->result.address, proto, target->port, info)) {
		for (unsigned i = 0; i < info->endpoint_count && i < ENDPOINTS_MAX; i++)
			probe_end_add(t, info->endpoints[i].address, info->endpoints[i].port);
		t->is_service = info->endpoint_count != 0;
	}
	free(info);
}

/* The address the node sends from: that of a socket which is connected, for only then it is chosen. */
static struct address source_of(struct probe *p, struct address to, uint16_t port)
{
	int fd = probe_socket_open(&p->where, PROBE_UDP, to.version);
	struct address source = {0};

	if (fd < 0)
		return source;
	if (!probe_socket_connect(fd, to, port))
		probe_socket_name(fd, &source);
	close(fd);
	return source;
}

uint16_t probe_service_port(struct probe *p, const struct probe_target *t, int fd,
			    struct address to)
{
	const struct facts_reader *reader = p->session.facts->reader;
	struct netns_facts *node = node_of(p);
	struct conntrack_entry entry;
	struct tuple tuple = {.dst = to,
			      .dport = t->result.target.port,
			      .proto = t->result.target.kind == TARGET_TCP ? IPPROTO_TCP
									   : IPPROTO_UDP};

	tuple.sport = probe_socket_name(fd, &tuple.src);
	if (!t->is_service || p->session.subject_netns || !node || !reader || !reader->conntrack)
		return tuple.sport;
	tuple.src = source_of(p, to, tuple.dport);
	if (reader->conntrack(p->session.facts, node, &tuple, &entry))
		return tuple.sport;
	return entry.reply.dport ? entry.reply.dport : tuple.sport;
}
