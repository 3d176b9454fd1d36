// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk: base chains of a hook in priority order, jumps, gotos and returns, with the
 * packet's likelihood as a mass that undecided rules split. Nothing is lost on the way:
 * what is not dropped is accepted, so the masses add up to one.
 */
#include "diagnose/rule_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/rule_walk_match.h"

#define MAX_DEPTH 32 /* nftables allows 16 jumps; iptables has no fixed bound */
#define MAX_STEPS 2000000 /* rules looked at: bounds a ruleset made to explode */
#define TINY 1e-6
#define SURE 0.999

struct walk {
	const struct ruleset *ruleset;
	struct rule_subject subject;
	struct rule_walk_result *result;
	unsigned steps;
	double accepted; /* mass that left the present base chain by accept */
	double last_accept;
	/* The way here, for a Service's path. */
	const struct filter_chain *way[MAX_DEPTH];
	const char *comments[MAX_DEPTH];
	bool survives; /* the packet was seen to die elsewhere than in the present base chain */
};

static void add_candidate(struct walk *walk, const struct filter_chain *chain,
			  const struct filter_rule *rule, enum rule_verdict verdict, double mass)
{
	struct rule_walk_result *result = walk->result;
	struct rule_candidate *slot = NULL;

	if (mass < TINY)
		return;
	if (walk->survives) {
		walk->accepted += mass;
		return;
	}
	for (unsigned i = 0; i < result->candidate_count; i++) {
		struct rule_candidate *other = &result->candidates[i];

		if (other->chain == chain && other->rule == rule) {
			other->likelihood += mass; /* reached by two ways */
			return;
		}
		if (!slot || other->likelihood < slot->likelihood)
			slot = other;
	}
	if (result->candidate_count < RULE_WALK_CANDIDATES)
		slot = &result->candidates[result->candidate_count++];
	else if (slot->likelihood >= mass)
		return;
	*slot = (struct rule_candidate){chain, rule, verdict, mass};
}

static void accept(struct walk *walk, const struct filter_chain *chain,
		   const struct filter_rule *rule, double mass)
{
	walk->accepted += mass;
	if (mass < walk->last_accept)
		return;
	walk->last_accept = mass;
	walk->result->chain = chain;
	walk->result->rule = rule;
}

/* The chains entered, and the first comment on the way that names a Service ("ns/name:port"). */
static void keep_path(struct walk *walk, const struct filter_rule *rule, unsigned depth)
{
	struct rule_walk_result *result = walk->result;
	const char *comment = NULL;

	for (unsigned i = 0; i <= depth; i++) {
		if (result->path_len < RULE_WALK_PATH)
			text_copy(result->path[result->path_len++], sizeof(result->path[0]),
				  walk->way[i]->name);
		if (!comment && walk->comments[i] && strchr(walk->comments[i], '/'))
			comment = walk->comments[i];
	}
	text_copy(result->comment, sizeof(result->comment), comment ? comment : rule_comment(rule));
}

static void translate(struct walk *walk, const struct filter_rule *rule, double mass,
		      unsigned depth)
{
	struct rule_walk_result *result = walk->result;
	struct rule_endpoint *endpoint;

	if (!result->endpoint_count)
		keep_path(walk, rule, depth);
	result->dnat = true;
	result->dnat_likelihood += mass;
	for (unsigned i = 0; i < result->endpoint_count; i++) {
		endpoint = &result->endpoints[i];
		if (address_equal(endpoint->address, rule->to) && endpoint->port == rule->to_port) {
			endpoint->likelihood += mass;
			return;
		}
	}
	if (result->endpoint_count == SERVICE_ENDPOINTS)
		return;
	endpoint = &result->endpoints[result->endpoint_count++];
	*endpoint = (struct rule_endpoint){rule->to, rule->to_port, mass};
}

/* `sure`: every packet of the query comes by here. */
static void set_mark(struct walk *walk, const struct filter_rule *rule, bool sure)
{
	struct rule_subject *subject = &walk->subject;
	uint32_t mask = rule->set_mark_mask;

	if (rule->undecided || !sure) {
		subject->mark_unknown |= mask | rule->set_mark;
		return;
	}
	subject->mark = (subject->mark & ~mask) ^ rule->set_mark;
	subject->mark_unknown &= ~mask;
}

static double walk_chain(struct walk *walk, const struct filter_chain *chain, double mass,
			 unsigned depth);

/*
 * Does what the verdict says with `hit`; what comes back to the chain's next rule is
 * returned, what goes back to the chain's caller is added to *back.
 */
static double take_verdict(struct walk *walk, const struct filter_chain *chain,
			   const struct filter_rule *rule, enum rule_verdict verdict,
			   const struct filter_chain *target, double hit, unsigned depth,
			   double *back)
{
	double rest;

	switch (verdict) {
	case RULE_ACCEPT:
	case RULE_SNAT:
	case RULE_MASQUERADE:
	case RULE_QUEUE: /* a program decides; most let pass */
		accept(walk, chain, rule, hit);
		return 0;
	case RULE_DNAT:
	case RULE_REDIRECT:
		translate(walk, rule, hit, depth);
		accept(walk, chain, rule, hit);
		return 0;
	case RULE_DROP:
	case RULE_REJECT:
		add_candidate(walk, chain, rule, verdict, hit);
		return 0;
	case RULE_RETURN:
		*back += hit;
		return 0;
	case RULE_JUMP:
	case RULE_GOTO:
		if (!target || depth + 1 >= MAX_DEPTH)
			return hit;
		walk->comments[depth + 1] = rule->comment;
		rest = walk_chain(walk, target, hit, depth + 1);
		if (verdict == RULE_JUMP)
			return rest;
		*back += rest; /* goto does not come back here */
		return 0;
	default:
		return hit;
	}
}

/* A verdict map: every element that may match is a way of its own. */
static double take_map(struct walk *walk, const struct filter_chain *chain,
		       const struct filter_rule *rule, double hit, unsigned depth, double *back)
{
	const struct rule_lookup *lookup = &rule->lookups[0];
	const struct rule_set *set = rule_set_of(walk->ruleset, lookup);
	bool any = lookup->field_count == 1 && lookup->fields[0] == RULE_FIELD_ANY;
	const struct rule_element *fallback = NULL;
	double left = hit, rest = 0;

	if (!set)
		return hit;
	array_each(element, &set->elements) {
		const struct filter_chain *target =
			rule_target(walk->ruleset, chain, element->target_chain, "");
		double match = any ? 1.0 / set->elements.count
				   : rule_element_match(set, lookup, element, &walk->subject);
		double part = any ? hit * match : left * match;

		if (!any && rule_element_catches_all(set, element)) {
			fallback = element;
			continue;
		}
		if (part < TINY)
			continue;
		left -= part;
		rest += take_verdict(walk, chain, rule, element->verdict, target, part, depth,
				     back);
	}
	if (fallback && left > TINY) {
		rest += take_verdict(walk, chain, rule, fallback->verdict,
				     rule_target(walk->ruleset, chain, fallback->target_chain, ""),
				     left, depth, back);
		left = 0;
	}
	return rest + (left > TINY ? left : 0);
}

static double walk_chain(struct walk *walk, const struct filter_chain *chain, double mass,
			 unsigned depth)
{
	double back = 0;

	walk->way[depth] = chain;
	array_each(rule, &ruleset_chain(walk->ruleset, chain)->rules) {
		const struct filter_chain *target = NULL;
		double hit;

		if (mass < TINY || ++walk->steps > MAX_STEPS)
			break;
		hit = mass * rule_subject_match(walk->ruleset, chain, rule, &walk->subject);
		if (hit < TINY)
			continue;
		mass -= hit;
		if (rule->set_mark_mask || rule->set_mark)
			set_mark(walk, rule, mass < TINY && hit > SURE);
		if (rule->verdict_map) {
			mass += take_map(walk, chain, rule, hit, depth, &back);
			continue;
		}
		if (rule->verdict == RULE_JUMP || rule->verdict == RULE_GOTO)
			target =
				rule_target(walk->ruleset, chain, rule->target_chain, rule->target);
		mass += take_verdict(walk, chain, rule, rule->verdict, target, hit, depth, &back);
		walk->way[depth] = chain;
	}
	return mass + back;
}

static bool concerns(const struct filter_chain *chain, const struct rule_walk_query *query,
		     uint8_t family)
{
	if (!chain->base || strcmp(chain->hook, query->hook))
		return false;
	if (chain->device[0] &&
	    strcmp(chain->device, strcmp(query->hook, "EGRESS") ? query->iif : query->oif))
		return false;
	/* Only the first packet of a connection sees the nat chains. */
	if (!strcmp(chain->type, "nat") && query->ct_state && !(query->ct_state & RULE_CT_NEW))
		return false;
	return chain->family == family || (chain->family == 1 && (family == 4 || family == 6)) ||
	       chain->family == 5;
}

/* After destination NAT later chains see the endpoint. */
static void apply_translation(struct walk *walk)
{
	const struct rule_walk_result *result = walk->result;

	if (!result->dnat || walk->subject.dst_unknown)
		return;
	if (result->dnat_likelihood < SURE || result->endpoint_count != 1) {
		walk->subject.dst_unknown = true;
		return;
	}
	if (result->endpoints[0].address.version)
		walk->subject.dst = result->endpoints[0].address;
	if (result->endpoints[0].port)
		walk->subject.dport = result->endpoints[0].port;
}

/* Probes cut names to WITNESS_TEXT. */
static bool seen_is(const char *seen, const char *name)
{
	return !seen || !strncmp(seen, name, WITNESS_TEXT - 1);
}

static bool died_elsewhere(const struct rule_walk_query *query, const struct filter_chain *chain)
{
	if (!query->seen_table)
		return false;
	return (chain->backend == RULES_LEGACY) != query->seen_legacy ||
	       !seen_is(query->seen_table, chain->table) ||
	       !seen_is(query->seen_chain, chain_whole_name(chain));
}

static void walk_base(struct walk *walk, const struct rule_walk_query *query,
		      const struct filter_chain *chain, double *mass)
{
	double rest;

	walk->survives = died_elsewhere(query, chain);
	walk->accepted = 0;
	walk->last_accept = 0;
	walk->comments[0] = NULL;
	rest = walk_chain(walk, chain, *mass, 0);
	if (chain->policy_drop)
		add_candidate(walk, chain, NULL, RULE_DROP, rest);
	else if (rest > TINY)
		accept(walk, chain, NULL, rest);
	*mass = walk->accepted;
	apply_translation(walk);
}

static int by_likelihood(const void *a, const void *b)
{
	double left = ((const struct rule_candidate *)a)->likelihood;
	double right = ((const struct rule_candidate *)b)->likelihood;

	return left < right ? 1 : left > right ? -1 : 0;
}

static void conclude(struct rule_walk_result *result, double passed)
{
	const struct rule_candidate *worst = result->candidates;
	double dropped = 1 - passed;

	qsort(result->candidates, result->candidate_count, sizeof(*result->candidates),
	      by_likelihood);
	result->verdict = RULE_ACCEPT;
	result->likelihood = passed;
	if (result->candidate_count && dropped > passed) {
		result->verdict = worst->verdict;
		result->chain = worst->chain;
		result->rule = worst->rule;
		result->likelihood = worst->likelihood;
	}
	result->definite = result->likelihood > SURE;
}

void rule_walk(const struct ruleset *ruleset, const struct rule_walk_query *query,
	       struct rule_walk_result *result)
{
	struct walk walk = {
		.ruleset = ruleset, .subject = rule_subject_of(query), .result = result};
	uint8_t family = walk.subject.family;
	double mass = 1;
	int64_t done = INT64_MIN;

	memset(result, 0, sizeof(*result));
	/* Priority by priority; chains of one priority run in the order they were made. */
	while (mass > TINY) {
		int64_t next = INT64_MAX;

		array_each(chain, &ruleset->chains) {
			if (concerns(chain, query, family) && chain->priority > done &&
			    chain->priority < next)
				next = chain->priority;
		}
		if (next == INT64_MAX)
			break;
		array_each(chain, &ruleset->chains) {
			if (chain->priority == next && concerns(chain, query, family))
				walk_base(&walk, query, chain, &mass);
		}
		done = next;
	}
	conclude(result, mass);
}
