/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the counters that move without a drop record: the node's often, the pods' in turn, so
 * that many pods cost no more at a time than a few.
 */
#include "commands/monitor.h"

#include <string.h>

#include "base/text.h"
#include "diagnose/watch_counters.h"
#include "output/document_drops.h"

#define NODE_EVERY_NS 5000000000ull
#define ROUND_TICKS 10 /* every namespace once in so many ticks */

/* Is a finding of this id on already, seen on drops themselves? Those say more. */
static bool finding_is_on(const struct watch *watch, const char *id)
{
	array_each(known, &watch->findings) {
		if (!strcmp(known->finding->id, id) &&
		    strncmp(known->finding->key, "counter ", 8) != 0)
			return true;
	}
	return false;
}

static void finding_tell(struct monitor_run *run, unsigned counter, const struct netns_facts *ns,
			 const struct pod *pod, uint64_t gained, uint64_t now_ns)
{
	const char *id = watched_counters[counter].finding;
	const char *place = ns->inode == run->session.facts->node_netns ? "the node" : ns->label;
	struct finding_list list = {};
	struct finding *finding;
	struct watch_finding *told;
	uint64_t ids[1] = {};

	if (!id || finding_is_on(run->watch, id))
		return;
	finding = watch_counter_finding(&list, counter, place, gained);
	if (finding) {
		text_copy(finding->netns, sizeof(finding->netns), ns->label);
		finding_pod(finding, run->session.facts, pod);
		watch_findings_take(run->watch, &list, now_ns, ids);
		told = watch_finding_of(run->watch, ids[0]);
		if (told)
			told->finding->count += gained;
	}
	finding_list_free(&list);
}

static void counter_told(struct monitor_run *run, unsigned counter, const struct netns_facts *ns,
			 const struct link *link, uint64_t value, uint64_t explained,
			 uint64_t now_ns)
{
	uint64_t gained = watch_counter_tell(run->counters, counter, ns->inode,
					     link ? link->ifindex : 0, value, explained);
	const struct pod *pod = facts_pod_of_netns(run->session.facts, ns->inode);
	char name[520] = "", containers[192] = "";
	struct counter_info info = {
		.name = watched_counters[counter].name,
		.meaning = watched_counters[counter].meaning,
		.netns = ns->label,
		.netns_inode = ns->inode,
		.pod = name,
		.containers = containers,
		.device = link ? link->name : "",
		.gained = gained,
		.total = value,
	};

	if (!gained)
		return;
	if (pod) {
		snprintf(name, sizeof(name), "%s/%s", pod->namespace, pod->name);
		facts_containers(run->session.facts, pod, containers, sizeof(containers));
	}
	if (!run->screen)
		printer_print(run->printer, document_counter(&info, &run->session.names));
	finding_tell(run, counter, ns, pod, gained, now_ns);
}

static bool is_conntrack(const struct netns_facts *ns, const char *name)
{
	return (ns->known & FACT_CONNTRACK) && !strncmp(name, "Conntrack.", strlen("Conntrack."));
}

/* A lost race is counted as a drop as well (nf_ct_resolve_clash()): what it explains is no full table. */
static void conntrack_read(struct monitor_run *run, struct netns_facts *ns, unsigned counter,
			   uint64_t now_ns)
{
	const struct conntrack_stats *stats = &ns->conntrack;

	if (!strcmp(watched_counters[counter].name, "Conntrack.insert_failed"))
		counter_told(run, counter, ns, NULL, stats->insert_failed, 0, now_ns);
	else
		counter_told(run, counter, ns, NULL, stats->drop, stats->insert_failed, now_ns);
}

static void links_read(struct monitor_run *run, struct netns_facts *ns, unsigned counter,
		       uint64_t now_ns)
{
	bool receive = !strcmp(watched_counters[counter].name, "Link.rx_errors");

	array_each(link, &ns->links)
		counter_told(run, counter, ns, link, receive ? link->rx_errors : link->tx_errors, 0,
			     now_ns);
}

static void namespace_read(struct monitor_run *run, struct netns_facts *ns, uint64_t now_ns)
{
	struct facts *facts = run->session.facts;
	bool node = ns->inode == facts->node_netns;

	if (!facts_need(facts, ns, FACT_COUNTERS))
		return;
	facts_need(facts, ns, FACT_CONNTRACK | (node ? FACT_LINKS : 0));
	for (unsigned i = 0; i < watched_counter_count; i++) {
		const struct watched_counter *watched = &watched_counters[i];
		uint64_t value = 0;

		if (watched->scope != COUNTER_OF_NETNS && !node)
			continue;
		if (watched->scope == COUNTER_OF_DEVICE) {
			links_read(run, ns, i, now_ns);
			continue;
		}
		if (is_conntrack(ns, watched->name))
			conntrack_read(run, ns, i, now_ns);
		else if (facts_counter(facts, ns, watched->name, &value))
			counter_told(run, i, ns, NULL, value, 0, now_ns);
	}
}

static bool namespace_asked(const struct monitor_run *run, const struct netns_facts *ns)
{
	return !run->session.subject_netns || run->session.subject_netns == ns->inode;
}

void monitor_counters_read(struct monitor_run *run, uint64_t now_ns)
{
	struct facts *facts = run->session.facts;
	struct netns_facts *node = facts_netns(facts, facts->node_netns);
	size_t count = facts->namespaces.count;
	size_t share = (count + ROUND_TICKS - 1) / ROUND_TICKS;

	facts_forget(facts, FACT_COUNTERS | FACT_CONNTRACK);
	if (node && namespace_asked(run, node) && now_ns >= run->counters_ns + NODE_EVERY_NS) {
		facts_forget(facts, FACT_LINKS);
		namespace_read(run, node, now_ns);
		run->counters_ns = now_ns;
	}
	for (size_t i = 0; i < share && i < count; i++) {
		struct netns_facts *ns = facts->namespaces.items[run->counters_next++ % count];

		if (ns != node && namespace_asked(run, ns))
			namespace_read(run, ns, now_ns);
	}
	facts_forget(facts, FACT_COUNTERS);
}
