/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the rule walk: the packet as rules see it on its way, and the likelihood
 * that a rule or a set's element matches it.
 */
#ifndef CNITRACE_DIAGNOSE_RULE_WALK_MATCH_H
#define CNITRACE_DIAGNOSE_RULE_WALK_MATCH_H

#include "diagnose/rule_walk.h"

#define MATCH_YES 1.0
#define MATCH_NO 0.0
#define MATCH_MAYBE 0.5

struct rule_subject {
	struct address src, dst;
	uint16_t sport, dport;
	uint8_t family, proto;
	bool has_ports, has_flags, has_icmp;
	bool dst_unknown; /* translated to one of several */
	uint8_t tcp_flags, icmp_type, icmp_code;
	const char *iif, *oif;
	bool no_iif, no_oif; /* this hook has none */
	uint8_t ct_state;
	uint32_t mark, mark_unknown; /* bits that are not sure */
	int8_t dst_local;
};

struct rule_subject rule_subject_of(const struct rule_walk_query *query);
double rule_subject_match(const struct ruleset *ruleset, const struct filter_chain *chain,
			  const struct filter_rule *rule, const struct rule_subject *subject);
double rule_element_match(const struct rule_set *set, const struct rule_lookup *lookup,
			  const struct rule_element *element, const struct rule_subject *subject);
bool rule_element_catches_all(const struct rule_set *set, const struct rule_element *element);
/* The chain a jump (of a rule or of an element) leads to, NULL unknown. */
const struct filter_chain *rule_target(const struct ruleset *ruleset,
				       const struct filter_chain *chain, uint32_t target_chain,
				       const char *name);
const struct rule_set *rule_set_of(const struct ruleset *ruleset, const struct rule_lookup *lookup);
const char *chain_whole_name(const struct filter_chain *chain);

#endif
