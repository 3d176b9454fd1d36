// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which rule did it: the walk says which rules may have dropped the packets, the growth
 * of their counters between two readings says which of them did. Either can stand alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/rule_walk.h"
#include "diagnose/rule_walk_match.h"

static const struct filter_chain *same_chain(const struct ruleset *before,
					     const struct filter_chain *chain)
{
	array_each(other, &before->chains) {
		if (other->backend == chain->backend && other->family == chain->family &&
		    !strcmp(other->table, chain->table) &&
		    !strcmp(chain_whole_name(other), chain_whole_name(chain)))
			return other;
	}
	return NULL;
}

/* The counters inside nft's text move: it tells a rule by what stands before them. */
static bool same_text(const char *a, const char *b)
{
	const char *end;
	size_t len;

	if (!a || !b)
		return a == b;
	end = strstr(a, "counter packets ");
	len = end ? (size_t)(end - a) : strlen(a) + 1;
	return !strncmp(a, b, len);
}

static const struct filter_rule *same_rule(const struct filter_chain *chain,
					   const struct filter_rule *rule)
{
	size_t at = rule->index - 1;

	if (rule->handle) {
		array_each(other, &chain->rules) {
			if (other->handle == rule->handle)
				return other;
		}
		return NULL;
	}
	if (at < chain->rules.count && same_text(chain->rules.items[at].text, rule->text))
		return &chain->rules.items[at];
	/* Rules were put in or taken out before it. */
	array_each(other, &chain->rules) {
		if (same_text(other->text, rule->text))
			return other;
	}
	return NULL;
}

bool rule_growth(const struct ruleset *before, const struct filter_chain *chain,
		 const struct filter_rule *rule, uint64_t *growth)
{
	uint64_t now = rule ? rule->packets : chain->policy_packets, then = 0;
	const struct filter_chain *old_chain;
	const struct filter_rule *old_rule;

	if (rule ? !rule->has_counter : !chain->has_policy_counter)
		return false;
	if (!before)
		return false;
	old_chain = same_chain(before, chain);
	if (!old_chain && before->passed_over && filter_chain_never_drops(chain))
		return false;
	if (old_chain && !rule)
		then = old_chain->policy_packets;
	if (old_chain && rule) {
		old_rule = same_rule(old_chain, rule);
		then = old_rule ? old_rule->packets : 0; /* a new rule began at 0 */
	}
	*growth = now >= then ? now - then : now; /* someone set it to zero */
	return true;
}

/* How much speaks for a candidate; negative: it cannot have been. */
static double weigh(const struct ruleset *before, const struct rule_candidate *candidate,
		    uint64_t drops, struct rule_blame *blame)
{
	const struct filter_rule *rule = candidate->rule;
	double weight = candidate->likelihood;

	*blame = (struct rule_blame){candidate->chain, rule, candidate->verdict,
				     BLAME_ONLY_CANDIDATE};
	blame->has_growth = rule_growth(before, candidate->chain, rule, &blame->growth);
	if (candidate->likelihood > 0.99)
		blame->basis = BLAME_WALK;
	if (!blame->has_growth) {
		/* Never hit since it exists, so not this time either. */
		if (rule && rule->has_counter && !rule->packets && drops)
			return -1;
		return weight;
	}
	if (drops && !blame->growth)
		return -1;
	if (blame->growth >= drops && drops) {
		blame->basis = BLAME_COUNTER;
		blame->exact = blame->growth == drops;
		return weight + (blame->exact ? 4 : 2);
	}
	return weight * 0.5; /* it dropped something, but not all of these */
}

static bool choose(const struct ruleset *before, const struct rule_walk_result *walk,
		   uint64_t drops, bool need_counter, struct rule_blame *blame)
{
	double best = -1;
	unsigned count = 0;

	for (unsigned i = 0; i < walk->candidate_count; i++) {
		struct rule_blame one;
		double weight = weigh(before, &walk->candidates[i], drops, &one);

		if (weight < 0 || (need_counter && one.basis != BLAME_COUNTER))
			continue;
		count++;
		if (weight > best) {
			best = weight;
			*blame = one;
		}
	}
	blame->others = count > 1 ? count - 1 : 0;
	return count > 0;
}

bool rule_blame(const struct ruleset *before, const struct ruleset *now,
		const struct rule_walk_query *query, uint64_t drops, struct rule_blame *blame)
{
	struct rule_walk_query loose = *query;
	struct rule_walk_result walk;

	memset(blame, 0, sizeof(*blame));
	rule_walk(now, query, &walk);
	if (choose(before, &walk, drops, false, blame)) {
		/* the one rule that can drop where the packet was seen to be dropped */
		if (query->seen_table && !blame->others && blame->basis < BLAME_WALK)
			blame->basis = BLAME_WALK;
		return true;
	}
	/*
	 * The guess at the connection's state, mark or devices was wrong, or the packet was
	 * translated meanwhile: whatever may match it, provided that a counter moved.
	 */
	loose.ct_state = 0;
	loose.has_mark = false;
	loose.dst_local = 0;
	loose.iif[0] = loose.oif[0] = '\0';
	rule_walk(now, &loose, &walk);
	if (before && choose(before, &walk, drops, true, blame))
		return true;
	memset(blame, 0, sizeof(*blame));
	return false;
}

void rule_describe(char *dst, size_t size, const struct filter_chain *chain,
		   const struct filter_rule *rule)
{
	static const char *const families[] = {[1] = "inet ",   [3] = "arp ", [4] = "ip ",
					       [5] = "netdev ", [6] = "ip6 ", [7] = "bridge "};
	const char *family =
		chain->family < 8 && families[chain->family] ? families[chain->family] : "";

	dst[0] = '\0';
	if (chain->iptables) /* an iptables user knows tables by -t */
		text_append(dst, size, "%s%s/%s", chain->family == 6 ? "ip6tables " : "",
			    chain->table, chain_whole_name(chain));
	else
		text_append(dst, size, "%s%s %s", family, chain->table, chain_whole_name(chain));
	if (rule)
		text_append(dst, size, " rule %" PRIu32 ": %s", rule->index,
			    rule->text ? rule->text : rule->target);
	else
		text_append(dst, size, " policy %s", chain->policy_drop ? "DROP" : "ACCEPT");
}
