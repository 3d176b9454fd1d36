// SPDX-License-Identifier: GPL-2.0-only
/*
 * A namespace counts for all its servers at once: what grew may be another's connections, so the finding
 * says "while it was probed", and the queue of the very socket is the diagnosis' own business.
 */
#include "commands/probe_server.h"

static void counters_read(struct probe *p, struct probe_syn *syn)
{
	struct facts *facts = p->session.facts;
	struct netns_facts *ns = facts_netns(facts, syn->netns);

	if (!ns)
		return;
	facts_counter(facts, ns, "TcpExt.SyncookiesSent", &syn->cookies);
	facts_counter(facts, ns, "TcpExt.ListenOverflows", &syn->overflows);
	facts_counter(facts, ns, "TcpExt.TCPReqQFullDrop", &syn->queue_drops);
}

static void server_add(struct probe *p, struct address address, uint16_t port)
{
	const struct pod *pod = facts_pod_of_address(p->session.facts, address);
	struct probe_server *server;

	if (!pod || !pod->netns || pod->host_network)
		return;
	array_each(known, &p->servers) {
		if (address_equal(known->address, address) && known->syn.port == port)
			return;
	}
	server = array_push(&p->servers);
	if (!server)
		return;
	server->address = address;
	server->syn.netns = pod->netns;
	server->syn.port = port;
	counters_read(p, &server->syn);
}

void probe_servers_add(struct probe *p, const struct probe_target *t)
{
	if (t->result.target.kind != TARGET_TCP)
		return;
	server_add(p, t->result.address, t->result.target.port);
	array_each(end, &t->ends)
		server_add(p, end->address, end->port);
}

static bool is_server_of(const struct probe_target *t, const struct probe_server *server)
{
	if (address_equal(server->address, t->result.address) &&
	    server->syn.port == t->result.target.port)
		return true;
	array_each(end, &t->ends) {
		if (address_equal(end->address, server->address) && end->port == server->syn.port)
			return true;
	}
	return false;
}

void probe_servers_findings(struct probe *p, struct probe_target *t,
			    const struct diagnosis *diagnosis, struct tuple flow,
			    struct finding_list *list)
{
	array_each(server, &p->servers) {
		struct probe_syn now = {.netns = server->syn.netns, .port = server->syn.port};

		if (!is_server_of(t, server))
			continue;
		counters_read(p, &now);
		now.cookies -= server->syn.cookies;
		now.overflows -= server->syn.overflows;
		now.queue_drops -= server->syn.queue_drops;
		if (probe_syn_any(&now))
			probe_syn_finding(&now, diagnosis, flow,
					  t->result.sent - t->result.answered, t->result.sent,
					  list);
	}
}
