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

static bool is_told(const struct watch *watch, unsigned counter)
{
	array_each(known, &watch->findings) {
		if (watch_counter_is_told(counter, known->finding))
			return true;
	}
	return false;
}

static void gain_tell(struct monitor_run *run, const struct counter_gain *gain, uint64_t now_ns)
{
	struct facts *facts = run->session.facts;
	const struct netns_facts *ns = facts_netns(facts, gain->netns);
	struct finding_list list = {};
	struct finding *finding;
	struct watch_finding *told;
	uint64_t ids[1] = {};

	if (!ns || is_told(run->watch, gain->counter))
		return;
	finding = watch_counter_finding(&list, gain->counter,
					gain->netns == facts->node_netns ? "the node" : ns->label,
					gain->gained);
	if (finding) {
		text_copy(finding->netns, sizeof(finding->netns), ns->label);
		finding_pod(finding, facts, facts_pod_of_netns(facts, gain->netns));
		watch_findings_take(run->watch, &list, now_ns, ids);
		told = watch_finding_of(run->watch, ids[0]);
		if (told)
			told->finding->count += gain->gained;
	}
	finding_list_free(&list);
}

void monitor_counters_tell(struct monitor_run *run, uint64_t now_ns)
{
	if (run->judged_count)
		return;
	array_each(gain, &run->counters->gains)
		gain_tell(run, gain, now_ns);
	run->counters->gains.count = 0;
}

static void counter_told(struct monitor_run *run, unsigned counter, const struct netns_facts *ns,
			 const struct link *link, uint64_t value, uint64_t explained)
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
	if (watched_counters[counter].finding)
		watch_counter_hold(run->counters, counter, ns->inode, gained);
}

static bool value_read(struct facts *facts, struct netns_facts *ns, const char *name,
		       uint64_t *value)
{
	bool conntrack = ns->known & FACT_CONNTRACK;

	if (conntrack && !strcmp(name, "Conntrack.insert_failed"))
		*value = ns->conntrack.insert_failed;
	else if (conntrack && !strcmp(name, "Conntrack.drop"))
		*value = ns->conntrack.drop;
	else
		return facts_counter(facts, ns, name, value);
	return true;
}

static void links_read(struct monitor_run *run, struct netns_facts *ns, unsigned counter)
{
	bool receive = !strcmp(watched_counters[counter].name, "Link.rx_errors");

	array_each(link, &ns->links)
		counter_told(run, counter, ns, link, receive ? link->rx_errors : link->tx_errors,
			     0);
}

/* Rules compare with what it was when their samples were begun to be gathered. */
static void conntrack_begin(struct netns_facts *ns)
{
	if (!(ns->known & FACT_CONNTRACK) || ns->has_conntrack_before)
		return;
	ns->conntrack_before = ns->conntrack;
	ns->has_conntrack_before = true;
}

static void namespace_read(struct monitor_run *run, struct netns_facts *ns)
{
	struct facts *facts = run->session.facts;
	bool node = ns->inode == facts->node_netns;

	if (!facts_need(facts, ns, FACT_COUNTERS))
		return;
	facts_need(facts, ns, FACT_CONNTRACK | (node ? FACT_LINKS : 0));
	conntrack_begin(ns);
	for (unsigned i = 0; i < watched_counter_count; i++) {
		const struct watched_counter *watched = &watched_counters[i];
		uint64_t value = 0, within = 0;

		if (watched->scope != COUNTER_OF_NETNS && !node)
			continue;
		if (watched->scope == COUNTER_OF_DEVICE) {
			links_read(run, ns, i);
			continue;
		}
		if (!value_read(facts, ns, watched->name, &value))
			continue;
		if (watched->within)
			value_read(facts, ns, watched->within, &within);
		counter_told(run, i, ns, NULL, value, within);
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
		namespace_read(run, node);
		run->counters_ns = now_ns;
	}
	for (size_t i = 0; i < share && i < count; i++) {
		struct netns_facts *ns = facts->namespaces.items[run->counters_next++ % count];

		if (ns != node && namespace_asked(run, ns))
			namespace_read(run, ns);
	}
	facts_forget(facts, FACT_COUNTERS);
}

void monitor_counters_read_all(struct monitor_run *run)
{
	struct facts *facts = run->session.facts;

	facts_forget(facts, FACT_COUNTERS | FACT_CONNTRACK | FACT_LINKS);
	array_each(ns, &facts->namespaces) {
		if (namespace_asked(run, *ns))
			namespace_read(run, *ns);
	}
	facts_forget(facts, FACT_COUNTERS);
}
