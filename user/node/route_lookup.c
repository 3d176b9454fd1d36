/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Longest-prefix look-up over routes read earlier, in the tables that the policy rules
 * name. Knows neither caches nor next-hop exceptions; a rule with selectors it cannot
 * judge ends the look-up without an answer.
 */
#include "node/route_lookup.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* Tests and very small kernels give routes without a table: the main one. */
static uint32_t route_table(const struct route *route)
{
	return route->table ? route->table : RT_TABLE_MAIN;
}

const struct route *route_in_table(const struct netns_facts *ns, uint32_t table, struct address dst)
{
	const struct route *best = NULL;

	array_each(route, &ns->routes) {
		if (route_table(route) != table || (route->flags & RTNH_F_DEAD) ||
		    !address_in(dst, route->dst, route->prefix_len))
			continue;
		if (best &&
		    (route->prefix_len < best->prefix_len ||
		     (route->prefix_len == best->prefix_len && route->metric >= best->metric)))
			continue;
		best = route;
	}
	return best;
}

static bool selector_matches(struct address address, struct address base, uint8_t length)
{
	return !length || address_in(address, base, length);
}

/* 1 matches, 0 does not, -1 cannot be decided. */
static int rule_matches(const struct policy_rule *rule, const struct route_query *query)
{
	bool matches = selector_matches(query->dst, rule->dst, rule->dst_len) &&
		       (!rule->mask || (query->mark & rule->mask) == rule->mark) &&
		       (!rule->iif[0] || !strcmp(rule->iif, query->iif[0] ? query->iif : "lo"));
	bool open = rule->undecided || rule->oif[0];

	if (rule->src_len && !query->src.version)
		open = true; /* the source is chosen later: it may match */
	else
		matches = matches && selector_matches(query->src, rule->src, rule->src_len);
	if (rule->invert && open)
		return -1;
	if (rule->invert)
		return !matches;
	if (!matches)
		return 0;
	return open ? -1 : 1;
}

static int type_error(uint8_t type)
{
	switch (type) {
	case RTN_BLACKHOLE:
		return -EINVAL;
	case RTN_UNREACHABLE:
		return -EHOSTUNREACH;
	case RTN_PROHIBIT:
		return -EACCES;
	default:
		return 0;
	}
}

static int action_error(uint8_t action)
{
	switch (action) {
	case FR_ACT_BLACKHOLE:
		return -EINVAL;
	case FR_ACT_UNREACHABLE:
		return -ENETUNREACH;
	case FR_ACT_PROHIBIT:
		return -EACCES;
	default:
		return 0;
	}
}

/* The route of that table, NULL when it leaves the answer to the next one. */
static const struct route *ask_table(const struct netns_facts *ns, uint32_t table,
				     const struct route_query *query)
{
	const struct route *route = route_in_table(ns, table, query->dst);

	return route && route->type != RTN_THROW ? route : NULL;
}

static void answer_with(struct route_answer *answer, const struct route *route)
{
	answer->error = type_error(route->type);
	answer->type = route->type ? route->type : RTN_UNICAST;
	answer->ifindex = route->ifindex;
	answer->table = route_table(route);
	answer->mtu = route->mtu;
	answer->gateway = route->gateway;
	answer->prefsrc = route->prefsrc;
}

/* The rule with the lowest priority above `last`, in the order read among equals. */
static const struct policy_rule *next_rule(const struct netns_facts *ns, uint8_t version,
					   const struct policy_rule *last)
{
	const struct policy_rule *next = NULL;

	array_each(rule, &ns->policy_rules) {
		if (rule->version != version)
			continue;
		if (last && (rule->priority < last->priority ||
			     (rule->priority == last->priority && rule <= last)))
			continue;
		if (!next || rule->priority < next->priority)
			next = rule;
	}
	return next;
}

/* Follows the rules. False: undecided. *route NULL: *error says what a rule, or no route at all, answers. */
static bool find(const struct netns_facts *ns, const struct route_query *query,
		 const struct route **route, int *error)
{
	static const uint32_t usual[] = {RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT};
	const struct policy_rule *rule = next_rule(ns, query->dst.version, NULL);

	*route = NULL;
	*error = 0;
	if (!query->dst.version)
		return false;
	for (size_t i = 0; !rule && !*route && i < sizeof(usual) / sizeof(usual[0]); i++)
		*route = ask_table(ns, usual[i], query);
	for (; rule && !*route && !*error; rule = next_rule(ns, query->dst.version, rule)) {
		int matches = rule_matches(rule, query);

		if (matches < 0 || (matches && rule->action == FR_ACT_GOTO))
			return false;
		if (!matches || rule->action == FR_ACT_NOP)
			continue;
		*error = action_error(rule->action);
		if (!*error)
			*route = ask_table(ns, rule->table, query);
	}
	if (!*route && !*error)
		*error = -ENETUNREACH;
	return true;
}

bool route_find(const struct netns_facts *ns, const struct route_query *query,
		const struct route **route)
{
	int error;

	return find(ns, query, route, &error);
}

bool route_lookup(const struct netns_facts *ns, const struct route_query *query,
		  struct route_answer *answer)
{
	const struct route *route;

	memset(answer, 0, sizeof(*answer));
	if (!find(ns, query, &route, &answer->error))
		return false;
	if (route)
		answer_with(answer, route);
	return true;
}
