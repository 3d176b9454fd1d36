/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drops that the connection table is to blame for: it is full, or two packets wanted the
 * same entry. The kernel calls both a netfilter drop; the table's numbers tell them apart.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "diagnose/causes.h"
#include "diagnose/rule_walk.h"
#include "packet/witness_text.h"

#define CLASS "overload"
#define FULL_PERCENT 98

static struct finding *table_full(struct diagnosis *d, struct finding_list *list,
				  const struct drop_case *seen, const struct conntrack_stats *stats,
				  uint64_t dropped)
{
	struct finding *finding =
		finding_new(list, "conntrack-full", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	char owner[LOOKUP_TEXT];
	const char *enter;

	finding_key(finding, "%u", seen->drop->netns);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
	finding_summary(finding, "The connection table of %.200s is full: %llu of %llu entries.",
			lookup_owner(d, seen->drop->netns, owner), (unsigned long long)stats->count,
			(unsigned long long)stats->max);
	evidence_drop(finding, d, seen);
	finding_evidence(finding, "fact nf_conntrack_count %llu, nf_conntrack_max %llu",
			 (unsigned long long)stats->count, (unsigned long long)stats->max);
	if (dropped)
		finding_evidence(finding, "count conntrack dropped %llu packets %s",
				 (unsigned long long)dropped, evidence_since(d));
	finding_number(finding, "found", (int64_t)stats->count);
	finding_number(finding, "count", (int64_t)stats->count);
	finding_number(finding, "max", (int64_t)stats->max);
	enter = facts_sysctl_enter(d->facts, seen->ns, "net.netfilter.nf_conntrack_max");
	if (!enter[0])
		enter = lookup_enter(d, seen->drop->netns, owner);
	finding_remedy(finding, "%ssysctl -w net.netfilter.nf_conntrack_max=%llu", enter,
		       (unsigned long long)(stats->max ? stats->max * 2 : 262144));
	finding_remedy(
		finding,
		"conntrack -L -o extended | awk '{print $4}' | sort | uniq -c | sort -rn | head");
	return finding;
}

/* The rule that masquerades the packet and keeps its port where it can. NULL none. */
static const struct filter_rule *port_keeper(struct diagnosis *d, const struct drop_case *seen,
					     const struct filter_chain **in)
{
	struct rule_walk_query query = {.hook = "POSTROUTING"};

	if (!seen->flow || !seen->ns || !facts_need(d->facts, seen->ns, FACT_RULES))
		return NULL;
	query.tuple = seen->flow->tuples[0];
	array_each(chain, &seen->ns->rules.chains) {
		if (filter_chain_of_service(chain))
			continue;
		array_each(rule, &ruleset_chain(&seen->ns->rules, chain)->rules) {
			if (rule->verdict != RULE_MASQUERADE || !rule->text || rule->mark_mask ||
			    strstr(rule->text, "fully") ||
			    !rule_match(&seen->ns->rules, chain, rule, &query))
				continue;
			*in = chain;
			return rule;
		}
	}
	return NULL;
}

/* What tells two packets apart that want one entry: a port of its own for each, or for DNS a socket. */
static void clash_remedy(struct finding *finding, struct diagnosis *d, const struct drop_case *seen)
{
	const struct filter_chain *chain = NULL;
	const struct filter_rule *rule = port_keeper(d, seen, &chain);
	const char *rest = rule ? strchr(rule->text + 3, ' ') : NULL;

	if (rule) {
		finding_evidence(finding, "fact a rule masquerades and keeps the port: %.250s",
				 rule->text);
		finding_text(finding, "table", "%s", chain->table);
		finding_text(finding, "chain", "%s", chain->name);
		finding_text(finding, "rule", "%s", rule->text);
	}
	if (rule && chain->iptables && rest)
		finding_remedy(finding, "%s -t %s -R %s %u%s --random-fully", rule_tool(chain),
			       chain->table, chain->name, rule->index, rest);
	else
		finding_remedy(finding, "# masquerade with --random-fully (nft: fully-random)");
	if (seen->drop->packet.dport == 53)
		finding_remedy(finding, "# or, in the pod's spec: dnsConfig.options: "
					"single-request-reopen; or run NodeLocal DNSCache");
}

static struct finding *insert_clash(struct diagnosis *d, struct finding_list *list,
				    const struct drop_case *seen, uint64_t failed)
{
	const struct drop *drop = seen->drop;
	bool source = !strcmp(drop->hook, "POSTROUTING");
	/* A clash of two queries that share a socket, or no free port left for masquerading. */
	bool exhausted = source && drop->packet.proto == IPPROTO_TCP;
	struct finding *finding = finding_new(
		list, exhausted ? "ports-exhausted" : "conntrack-race", CLASS, SEVERITY_ERROR,
		drop_witness(drop, WITNESS_CONFIRM) ? BASIS_SEEN : BASIS_COUNTER);
	char owner[LOOKUP_TEXT], end[LOOKUP_TEXT];

	endpoint_text(address_make(drop->packet.ip_version, drop->packet.dst), drop->packet.dport,
		      end);
	finding_key(finding, "%u", drop->netns);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, drop->ifindex);
	lookup_owner(d, drop->netns, owner);
	if (exhausted)
		finding_summary(finding,
				"No free source port is left in %.200s to masquerade "
				"connections to %s.",
				owner, end);
	else
		finding_summary(finding,
				"Two packets for %s wanted one conntrack entry in %.200s: one "
				"was dropped.",
				end, owner);
	evidence_drop(finding, d, seen);
	if (failed)
		finding_evidence(finding, "count insert_failed grew by %llu %s",
				 (unsigned long long)failed, evidence_since(d));
	finding_number(finding, "insert_failed", (int64_t)failed);
	finding_text(finding, "tuple", "%s %s", proto_name(drop->packet.proto), end);
	if (exhausted)
		finding_remedy(finding, "# masquerade with --random-fully, or give the node more "
					"addresses to masquerade to");
	else
		clash_remedy(finding, d, seen);
	return finding;
}

static uint64_t grew(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* Entries are made as a packet leaves or is delivered (nf_conntrack_confirm()): nowhere else do two clash. */
static bool may_clash(const struct drop *drop)
{
	return !drop->hook[0] || !strcmp(drop->hook, "POSTROUTING") || !strcmp(drop->hook, "INPUT");
}

struct finding *conntrack_explain(struct diagnosis *d, struct finding_list *list,
				  const struct drop_case *seen)
{
	struct netns_facts *ns = seen->ns;
	const struct conntrack_stats *now, *before;
	bool full = witness_conntrack_full(drop_witness(seen->drop, WITNESS_CONNTRACK));
	uint64_t dropped, failed;

	if (!ns || !facts_need(d->facts, ns, FACT_CONNTRACK))
		return NULL;
	now = &ns->conntrack;
	before = &ns->conntrack_before;
	dropped = ns->has_conntrack_before ? grew(now->drop, before->drop) : 0;
	failed = ns->has_conntrack_before ? grew(now->insert_failed, before->insert_failed) : 0;
	if (now->max && now->count * 100 >= now->max * FULL_PERCENT)
		return table_full(d, list, seen, now, dropped);
	/* The peak may be over by the time the numbers are read: the drop counter remains. */
	if (now->max && (dropped || full) && !failed && now->count * 100 >= now->max * 90)
		return table_full(d, list, seen, now, dropped);
	if ((failed && may_clash(seen->drop)) || drop_witness(seen->drop, WITNESS_CONFIRM))
		return insert_clash(d, list, seen, failed);
	return NULL;
}
