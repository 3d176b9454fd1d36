/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The production reader: visits the namespace asked about, calls the reader of that kind
 * of fact and words what failed. Everything it does only looks.
 */
#include "node/containers.h"
#include "node/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/netns.h"
#include "node/rules.h"

/* Memory is counted per pod here: give back what doubling took too much. */
#define trim(array)                                                                                \
	trim_array((void **)&(array)->items, (array)->count, &(array)->room,                       \
		   sizeof(*(array)->items))

static void trim_array(void **items, size_t count, size_t *room, size_t size)
{
	void *smaller;

	if (!count || count == *room)
		return;
	smaller = reallocarray(*items, count, size);
	if (smaller) {
		*items = smaller;
		*room = count;
	}
}

static int read_rules(struct netns_facts *ns)
{
	struct error error = {0};
	int status = rules_read(ns, &error);

	if (status)
		snprintf(ns->error, sizeof(ns->error), "%.*s", (int)sizeof(ns->error) - 1,
			 error.text);
	return status;
}

static int read_visited(struct facts *facts, struct netns_facts *ns, enum fact_part part)
{
	switch (part) {
	case FACT_LINKS:
		return links_read(facts, ns);
	case FACT_ADDRESSES:
		return addresses_read(facts, ns);
	case FACT_ROUTES:
		return routes_read(facts, ns);
	case FACT_NEIGHBOURS:
		return neighbours_read(facts, ns);
	case FACT_FDB:
		return fdb_read(facts, ns);
	case FACT_SOCKETS:
		return sockets_read(facts, ns);
	case FACT_RULES:
		return read_rules(ns);
	case FACT_QDISCS:
		return qdiscs_read(facts, ns);
	case FACT_CONNTRACK:
		return conntrack_read(facts, ns);
	case FACT_COUNTERS:
		return counters_read(facts, ns);
	case FACT_PROGRAMS:
		return programs_read(facts, ns);
	default:
		return -EINVAL;
	}
}

static void word_error(struct netns_facts *ns, int status)
{
	const char *why = strerror(-status);

	if (ns->error[0])
		return;
	if (status == -ETIMEDOUT)
		why = "the kernel did not answer in time";
	else if (status == -EINTR)
		why = "they changed faster than they could be read";
	else if (status == -E2BIG)
		why = "there are more than this tool keeps";
	else if (status == -EPERM)
		why = "permission denied (CAP_SYS_ADMIN and CAP_NET_ADMIN are needed)";
	else if (status == -ENOENT || status == -ESTALE)
		why = "the namespace is gone";
	snprintf(ns->error, sizeof(ns->error), "%s", why);
}

static int reader_read(struct facts *facts, struct netns_facts *ns, enum fact_part part)
{
	struct netns_visit visit;
	int status = netns_enter(&visit, ns->path, ns->inode);

	if (!status) {
		status = read_visited(facts, ns, part);
		if (part == FACT_LINKS)
			ns->cookie = netns_own_cookie() ?: ns->cookie;
		netns_leave(&visit);
	}
	ns->barred = status == -EPERM || status == -EACCES;
	if (status) {
		word_error(ns, status);
		return status;
	}
	if (part == FACT_LINKS)
		links_resolve(facts, ns);
	trim(&ns->links);
	trim(&ns->addresses);
	trim(&ns->routes);
	trim(&ns->policy_rules);
	trim(&ns->neighbours);
	trim(&ns->fdb);
	trim(&ns->sockets);
	trim(&ns->qdiscs);
	trim(&ns->counters);
	trim(&ns->programs);
	return 0;
}

static int reader_route(struct facts *facts, struct netns_facts *ns,
			const struct route_query *query, struct route_answer *answer)
{
	struct netns_visit visit;
	int status = netns_enter(&visit, ns->path, ns->inode);

	(void)facts;
	if (status)
		return status;
	status = route_ask(query, answer);
	netns_leave(&visit);
	return status;
}

static int sysctl_visit(const char *path, uint32_t inode, const char *name, char *value,
			size_t size)
{
	struct netns_visit visit;
	int status = netns_enter(&visit, path, inode);

	if (status)
		return status;
	status = sysctl_read(name, value, size);
	if (!status && !sysctl_is_own(name))
		status = 1;
	netns_leave(&visit);
	return status;
}

static int reader_sysctl(struct facts *facts, struct netns_facts *ns, const char *name, char *value,
			 size_t size)
{
	int status = sysctl_visit(ns->path, ns->inode, name, value, size);

	(void)facts;
	/* Most of net.core is for all and shown to the first alone: net_core_table in net/core/sysctl_net_core.c. */
	if (status != -ENOENT || strncmp(name, "net.core.", 9))
		return status;
	return sysctl_visit("/proc/1/ns/net", 0, name, value, size) < 0 ? status : 1;
}

static int reader_conntrack(struct facts *facts, struct netns_facts *ns, const struct tuple *tuple,
			    struct conntrack_entry *entry)
{
	struct netns_visit visit;
	int status = netns_enter(&visit, ns->path, ns->inode);

	(void)facts;
	if (status)
		return status;
	status = conntrack_find(tuple, entry);
	netns_leave(&visit);
	return status;
}

const struct facts_reader node_reader = {
	.read = reader_read,
	.route = reader_route,
	.sysctl = reader_sysctl,
	.conntrack = reader_conntrack,
	.config = cni_read_config,
	.resolv_conf = resolv_read,
	.processes = processes_find,
	.container = container_of_process,
	.cgroup_programs = cgroup_programs_read,
};
