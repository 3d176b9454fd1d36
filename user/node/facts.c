/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store of facts: what is known of each namespace, what still has to be read and what
 * could not be. Pure; how things are read is the reader's business, and no fact is judged.
 */
#include "node/facts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/route_lookup.h"
#include "node/rules.h"

#define MAX_GAPS 64
#define MAX_SYSCTLS 16384

static const struct {
	enum fact_part part;
	const char *name;
} part_names[] = {
	{FACT_LINKS, "devices"},
	{FACT_ADDRESSES, "addresses"},
	{FACT_ROUTES, "routes"},
	{FACT_NEIGHBOURS, "neighbours"},
	{FACT_FDB, "forwarding entries"},
	{FACT_SOCKETS, "sockets"},
	{FACT_RULES, "netfilter rules"},
	{FACT_QDISCS, "queue disciplines"},
	{FACT_CONNTRACK, "connection tracking statistics"},
	{FACT_COUNTERS, "protocol counters"},
	{FACT_PROGRAMS, "BPF programs on devices"},
};
#define PART_COUNT (sizeof(part_names) / sizeof(part_names[0]))

struct facts *facts_new(void)
{
	return calloc(1, sizeof(struct facts));
}

static void config_free(struct node_config *config)
{
	array_each(conf, &config->confs)
		array_free(&conf->ranges);
	array_free(&config->confs);
	array_free(&config->reservations);
	memset(config, 0, sizeof(*config));
}

static void forget_parts(struct netns_facts *ns, uint32_t parts)
{
	if (parts & FACT_LINKS)
		array_free(&ns->links);
	if (parts & FACT_ADDRESSES)
		array_free(&ns->addresses);
	if (parts & FACT_ROUTES) {
		array_free(&ns->routes);
		array_free(&ns->policy_rules);
	}
	if (parts & FACT_NEIGHBOURS)
		array_free(&ns->neighbours);
	if (parts & FACT_FDB)
		array_free(&ns->fdb);
	if (parts & FACT_SOCKETS) {
		array_free(&ns->sockets);
		ns->processes_known = false;
	}
	if (parts & FACT_RULES)
		ruleset_free(&ns->rules);
	if (parts & FACT_QDISCS)
		array_free(&ns->qdiscs);
	if (parts & FACT_CONNTRACK)
		memset(&ns->conntrack, 0, sizeof(ns->conntrack));
	if (parts & FACT_COUNTERS)
		array_free(&ns->counters);
	if (parts & FACT_PROGRAMS)
		array_free(&ns->programs);
	ns->known &= ~parts;
	ns->failed &= ~parts;
}

void facts_forget(struct facts *facts, uint32_t parts)
{
	for (size_t i = 0; i < facts->namespaces.count; i++)
		forget_parts(facts->namespaces.items[i], parts);
	if (parts & FACT_SYSCTLS)
		array_free(&facts->sysctls);
	if (parts & FACT_CONFIG) {
		config_free(&facts->config);
		facts->config_known = facts->config_failed = false;
	}
}

static void netns_free(struct netns_facts *ns)
{
	forget_parts(ns, ~0u);
	ruleset_free(&ns->rules_before);
	free(ns);
}

void facts_remove_netns(struct facts *facts, uint32_t inode)
{
	for (size_t i = 0; i < facts->namespaces.count; i++) {
		if (facts->namespaces.items[i]->inode != inode)
			continue;
		netns_free(facts->namespaces.items[i]);
		facts->namespaces.count--;
		memmove(facts->namespaces.items + i, facts->namespaces.items + i + 1,
			(facts->namespaces.count - i) * sizeof(*facts->namespaces.items));
		return;
	}
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	facts_forget(facts, FACT_SYSCTLS | FACT_CONFIG);
	for (size_t i = 0; i < facts->namespaces.count; i++)
		netns_free(facts->namespaces.items[i]);
	array_free(&facts->namespaces);
	array_free(&facts->pods);
	array_free(&facts->containers);
	for (size_t i = 0; i < facts->gaps.count; i++)
		free(facts->gaps.items[i]);
	array_free(&facts->gaps);
	free(facts);
}

struct netns_facts *facts_netns(struct facts *facts, uint32_t inode)
{
	for (size_t i = 0; inode && i < facts->namespaces.count; i++) {
		if (facts->namespaces.items[i]->inode == inode)
			return facts->namespaces.items[i];
	}
	return NULL;
}

struct netns_facts *facts_add_netns(struct facts *facts, uint32_t inode, const char *path,
				    const char *label)
{
	struct netns_facts *ns = facts_netns(facts, inode), **slot;

	if (!ns) {
		ns = calloc(1, sizeof(*ns));
		slot = ns ? array_push(&facts->namespaces) : NULL;
		if (!slot) {
			free(ns);
			return NULL;
		}
		*slot = ns;
		ns->inode = inode;
	}
	if (path && path[0])
		text_copy(ns->path, sizeof(ns->path), path);
	if (label && label[0])
		text_copy(ns->label, sizeof(ns->label), label);
	return ns;
}

void facts_gap(struct facts *facts, const char *format, ...)
{
	char text[512], *copy, **slot;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 0; i < facts->gaps.count; i++) {
		if (!strcmp(facts->gaps.items[i], text))
			return;
	}
	if (facts->gaps.count >= MAX_GAPS)
		return;
	copy = strdup(text);
	slot = copy ? array_push(&facts->gaps) : NULL;
	if (slot)
		*slot = copy;
	else
		free(copy);
}

void facts_rules_gaps(struct facts *facts)
{
	array_each(slot, &facts->namespaces) {
		const struct netns_facts *ns = *slot;

		array_each(sentence, &ns->rules.unread)
			facts_gap(facts, "not all netfilter rules of %s could be read: %s",
				  ns->inode == facts->node_netns ? "the node" : ns->label,
				  *sentence);
	}
}

static void need_part(struct facts *facts, struct netns_facts *ns, enum fact_part part,
		      const char *name)
{
	int status = -ENOSYS;

	if ((ns->known | ns->failed) & part)
		return;
	forget_parts(ns, part); /* nothing half-read is left behind */
	ns->error[0] = '\0';
	if (facts->reader && facts->reader->read)
		status = facts->reader->read(facts, ns, part);
	if (!status) {
		ns->known |= part;
		return;
	}
	forget_parts(ns, part);
	ns->failed |= part;
	if (!ns->error[0])
		snprintf(ns->error, sizeof(ns->error), "%s",
			 status == -ENOSYS ? "there is no reader for them" : strerror(-status));
	facts_gap(facts, "%s of %s could not be read: %s", name,
		  ns->label[0] ? ns->label : "a namespace", ns->error);
}

bool facts_need(struct facts *facts, struct netns_facts *ns, uint32_t parts)
{
	if (!ns)
		return false;
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (parts & part_names[i].part)
			need_part(facts, ns, part_names[i].part, part_names[i].name);
	}
	return (ns->known & parts) == parts;
}

const struct node_config *facts_config(struct facts *facts)
{
	int status = -ENOSYS;

	if (facts->config_known)
		return &facts->config;
	if (facts->config_failed)
		return NULL;
	if (facts->reader && facts->reader->config)
		status = facts->reader->config(facts, &facts->config);
	facts->config_known = status == 0;
	facts->config_failed = !facts->config_known;
	if (facts->config_known)
		return &facts->config;
	config_free(&facts->config);
	facts_gap(facts, "the node's CNI files could not be read: %s", strerror(-status));
	return NULL;
}

static struct sysctl_fact *sysctl_fact(struct facts *facts, uint32_t netns, const char *name)
{
	array_each(sysctl, &facts->sysctls) {
		if (sysctl->netns == netns && !strcmp(sysctl->name, name))
			return sysctl;
	}
	return NULL;
}

static struct sysctl_fact *sysctl_ask(struct facts *facts, struct netns_facts *ns, const char *name)
{
	struct sysctl_fact *sysctl;

	if (!facts->reader || !facts->reader->sysctl || strlen(name) >= sizeof(sysctl->name) ||
	    facts->sysctls.count >= MAX_SYSCTLS)
		return NULL;
	sysctl = array_push(&facts->sysctls);
	if (!sysctl)
		return NULL;
	sysctl->netns = ns->inode;
	text_copy(sysctl->name, sizeof(sysctl->name), name);
	sysctl->error =
		facts->reader->sysctl(facts, ns, name, sysctl->value, sizeof(sysctl->value));
	if (sysctl->error > 0) {
		sysctl->of_machine = true;
		sysctl->error = 0;
	}
	/* That a setting does not exist is a fact; that it may not be read is a gap. */
	if (sysctl->error && sysctl->error != -ENOENT)
		facts_gap(facts, "sysctl %s of %s could not be read: %s", name, ns->label,
			  strerror(-sysctl->error));
	return sysctl;
}

bool facts_sysctl(struct facts *facts, struct netns_facts *ns, const char *name, long *value)
{
	struct sysctl_fact *sysctl;
	char *end;

	if (!ns)
		return false;
	sysctl = sysctl_fact(facts, ns->inode, name);
	if (!sysctl)
		sysctl = sysctl_ask(facts, ns, name);
	if (!sysctl || sysctl->error)
		return false;
	errno = 0;
	*value = strtol(sysctl->value, &end, 0);
	return end != sysctl->value && !errno;
}

const char *facts_sysctl_enter(struct facts *facts, struct netns_facts *ns, const char *name)
{
	const struct sysctl_fact *sysctl;
	long ignored;

	facts_sysctl(facts, ns, name, &ignored);
	sysctl = ns ? sysctl_fact(facts, ns->inode, name) : NULL;
	return sysctl && sysctl->of_machine ? "nsenter -t 1 -n " : "";
}

bool facts_route(struct facts *facts, struct netns_facts *ns, const struct route_query *query,
		 struct route_answer *answer)
{
	if (!ns)
		return false;
	if (facts->reader && facts->reader->route &&
	    facts->reader->route(facts, ns, query, answer) == 0)
		return true;
	return facts_need(facts, ns, FACT_ROUTES) && route_lookup(ns, query, answer);
}

const struct link *facts_link(struct facts *facts, struct netns_facts *ns, uint32_t ifindex)
{
	if (!ifindex || !facts_need(facts, ns, FACT_LINKS))
		return NULL;
	array_each(link, &ns->links) {
		if (link->ifindex == ifindex)
			return link;
	}
	return NULL;
}

const struct link *facts_link_named(struct facts *facts, struct netns_facts *ns, const char *name)
{
	if (!facts_need(facts, ns, FACT_LINKS))
		return NULL;
	array_each(link, &ns->links) {
		if (!strcmp(link->name, name))
			return link;
	}
	return NULL;
}

const struct pod *facts_pod_of_address(struct facts *facts, struct address address)
{
	if (!address.version)
		return NULL;
	array_each(pod, &facts->pods) {
		/* The node's own address belongs to no single host-network pod. */
		for (unsigned i = 0; !pod->host_network && i < pod->address_count; i++) {
			if (address_equal(pod->addresses[i], address))
				return pod;
		}
	}
	return NULL;
}

const struct pod *facts_pod_of_netns(struct facts *facts, uint32_t inode)
{
	array_each(pod, &facts->pods) {
		if (inode && pod->netns == inode && !pod->host_network)
			return pod;
	}
	return NULL;
}

const struct pod *facts_pod_named(struct facts *facts, const char *name)
{
	const char *slash = strchr(name, '/');
	const struct pod *found = NULL;

	array_each(pod, &facts->pods) {
		size_t length = strlen(pod->namespace);

		if (slash) {
			if ((size_t)(slash - name) == length &&
			    !strncmp(pod->namespace, name, length) && !strcmp(pod->name, slash + 1))
				return pod;
		} else if (!strcmp(pod->name, name)) {
			if (found)
				return NULL; /* in two namespaces: ambiguous */
			found = pod;
		}
	}
	return found;
}

bool facts_counter(struct facts *facts, struct netns_facts *ns, const char *name, uint64_t *value)
{
	if (!facts_need(facts, ns, FACT_COUNTERS))
		return false;
	array_each(counter, &ns->counters) {
		if (!strcmp(counter->name, name)) {
			*value = counter->value;
			return true;
		}
	}
	return false;
}

bool facts_socket_process(struct facts *facts, struct netns_facts *ns,
			  const struct socket_fact *socket)
{
	if (ns && !ns->processes_known && facts->reader && facts->reader->processes) {
		ns->processes_known = true;
		facts->reader->processes(facts, ns);
	}
	return socket->pid != 0;
}

bool facts_container_of(const struct container *container, const struct pod *pod)
{
	if (pod->host_network)
		return pod->uid[0] && !strcmp(container->pod_uid, pod->uid);
	/* A static pod's cgroup has the hash of its manifest, where others have the UID. */
	return container->netns == pod->netns &&
	       (!pod->uid[0] || strlen(container->pod_uid) != strlen(pod->uid) ||
		!strcmp(container->pod_uid, pod->uid));
}

const char *facts_containers(const struct facts *facts, const struct pod *pod, char *text,
			     size_t size)
{
	char name[64];

	text[0] = '\0';
	array_each(container, &facts->containers) {
		if (!facts_container_of(container, pod))
			continue;
		if (container->name[0])
			text_copy(name, sizeof(name), container->name);
		else
			text_copy(name, 13, container->id);
		if (strlen(text) + strlen(name) + sizeof(",…") + 1 > size) {
			text_append(text, size, ",…");
			break;
		}
		text_append(text, size, "%s%s", text[0] ? "," : "", name);
	}
	return text;
}

bool facts_process_container(struct facts *facts, uint32_t pid, char *name, size_t size)
{
	name[0] = '\0';
	return pid && facts->reader && facts->reader->container &&
	       !facts->reader->container(facts, pid, name, size);
}

int facts_cgroup_programs(struct facts *facts, struct netns_facts *ns, uint64_t cgroup, bool egress,
			  struct program_fact *programs, size_t max)
{
	if (!ns || !facts->reader || !facts->reader->cgroup_programs)
		return -ENOENT;
	return facts->reader->cgroup_programs(facts, ns, cgroup, egress, programs, max);
}

bool facts_resolv_conf(struct facts *facts, const struct pod *pod, struct resolv_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	if (!facts->reader || !facts->reader->resolv_conf)
		return false;
	return facts->reader->resolv_conf(facts, pod, conf) == 0 && conf->known;
}
