// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does one rule match one packet: no, yes, or with some likelihood where the rule or the
 * packet is not fully known. Knows nothing of chains.
 */
#include "diagnose/rule_walk_match.h"

#include <netinet/in.h>
#include <string.h>

struct rule_subject rule_subject_of(const struct rule_walk_query *query)
{
	const struct packet *packet = &query->packet;
	struct rule_subject subject = {.family = query->family,
				       .iif = query->iif,
				       .oif = query->oif,
				       .ct_state = query->ct_state,
				       .mark = query->mark,
				       .mark_unknown = query->has_mark ? 0 : 0xffffffff,
				       .dst_local = query->dst_local};

	if (packet->ip_version) {
		bool later = packet->frag & PACKET_FRAG_OFFSET;

		subject.src = address_make(packet->ip_version, packet->src);
		subject.dst = address_make(packet->ip_version, packet->dst);
		subject.proto = packet->proto;
		subject.sport = packet->sport;
		subject.dport = packet->dport;
		subject.tcp_flags = packet->tcp_flags;
		subject.icmp_type = packet->icmp_type;
		subject.icmp_code = packet->icmp_code;
		subject.has_ports = subject.has_flags = subject.has_icmp = !later;
	} else {
		subject.src = query->tuple.src;
		subject.dst = query->tuple.dst;
		subject.proto = query->tuple.proto;
		subject.sport = query->tuple.sport;
		subject.dport = query->tuple.dport;
		subject.has_ports = subject.proto == IPPROTO_TCP || subject.proto == IPPROTO_UDP ||
				    subject.proto == IPPROTO_SCTP;
	}
	if (!subject.family)
		subject.family = subject.dst.version ? subject.dst.version : 4;
	subject.no_iif = !query->iif[0] && !strcmp(query->hook, "OUTPUT");
	subject.no_oif = !query->oif[0] &&
			 (!strcmp(query->hook, "INPUT") || !strcmp(query->hook, "PREROUTING"));
	return subject;
}

static double maybe_not(double match, bool invert)
{
	return invert ? 1 - match : match;
}

static double match_address(struct address have, struct address base, uint8_t len, bool invert)
{
	if (!base.version)
		return MATCH_YES;
	if (!have.version)
		return MATCH_MAYBE;
	if (have.version != base.version)
		return MATCH_NO;
	return maybe_not(address_in(have, base, len), invert);
}

static double match_name(const char *pattern, const char *name, bool none, bool invert)
{
	size_t len = strlen(pattern);

	if (!len)
		return MATCH_YES;
	if (!name[0] && !none)
		return MATCH_MAYBE;
	if (pattern[len - 1] == '+')
		return maybe_not(!strncmp(pattern, name, len - 1), invert);
	return maybe_not(!strcmp(pattern, name), invert);
}

static double match_port(bool has, uint16_t port, uint16_t min, uint16_t max, bool invert)
{
	if (!max)
		return MATCH_YES;
	if (!has)
		return MATCH_MAYBE;
	return maybe_not(port >= min && port <= max, invert);
}

static double match_ports(const struct rule_ports *ports, const struct rule_subject *subject)
{
	bool found = false;

	if (!ports)
		return MATCH_YES;
	if (!subject->has_ports)
		return MATCH_MAYBE;
	for (unsigned i = 0; i < ports->count && !found; i++) {
		found = (ports->source && subject->sport >= ports->min[i] &&
			 subject->sport <= ports->max[i]) ||
			(ports->destination && subject->dport >= ports->min[i] &&
			 subject->dport <= ports->max[i]);
	}
	return maybe_not(found, ports->invert);
}

static double match_icmp(const struct filter_rule *rule, const struct rule_subject *subject)
{
	if (!rule->has_icmp_type && !rule->has_icmp_code)
		return MATCH_YES;
	if (subject->proto != IPPROTO_ICMP && subject->proto != IPPROTO_ICMPV6)
		return MATCH_NO;
	if (!subject->has_icmp)
		return MATCH_MAYBE;
	if (rule->has_icmp_code && rule->icmp_code != subject->icmp_code)
		return MATCH_NO;
	return maybe_not(!rule->has_icmp_type || rule->icmp_type == subject->icmp_type,
			 rule->not_icmp_type);
}

static double match_state(uint8_t wanted, uint8_t have)
{
	if (!wanted)
		return MATCH_YES;
	if (!have)
		return MATCH_MAYBE;
	if (!(wanted & have))
		return MATCH_NO;
	return have & ~wanted ? MATCH_MAYBE : MATCH_YES;
}

/* An unknown mark is 0 more often than not. */
static double match_mark(const struct filter_rule *rule, const struct rule_subject *subject)
{
	bool equal;

	if (!rule->mark_mask)
		return maybe_not(MATCH_YES, rule->not_mark);
	equal = (subject->mark & rule->mark_mask) == rule->mark;
	if (rule->mark_mask & subject->mark_unknown)
		return maybe_not(equal ? 0.75 : 0.25, rule->not_mark);
	return maybe_not(equal, rule->not_mark);
}

static double match_protocol(const struct filter_rule *rule, const struct rule_subject *subject)
{
	if (!rule->proto)
		return MATCH_YES;
	if (!subject->proto)
		return MATCH_MAYBE;
	return maybe_not(rule->proto == subject->proto, rule->not_proto);
}

static double match_transport(const struct filter_rule *rule, const struct rule_subject *subject)
{
	double match = match_port(subject->has_ports, subject->sport, rule->sport_min,
				  rule->sport_max, rule->not_sport);

	match *= match_port(subject->has_ports, subject->dport, rule->dport_min, rule->dport_max,
			    rule->not_dport);
	match *= match_ports(rule->ports, subject);
	match *= match_icmp(rule, subject);
	if (rule->tcp_mask) {
		if (subject->proto != IPPROTO_TCP)
			return MATCH_NO;
		match *= !subject->has_flags ? MATCH_MAYBE
					     : (double)((subject->tcp_flags & rule->tcp_mask) ==
							rule->tcp_flags);
	}
	return match;
}

/* The subject's bytes for one component of a key; 0 when they are not known. */
static size_t field_bytes(enum rule_field field, const struct rule_subject *subject, uint8_t *bytes)
{
	struct address address;
	uint16_t port;

	memset(bytes, 0, 16);
	switch (field) {
	case RULE_FIELD_SRC:
	case RULE_FIELD_DST:
		if (field == RULE_FIELD_DST && subject->dst_unknown)
			return 0;
		address = field == RULE_FIELD_SRC ? subject->src : subject->dst;
		memcpy(bytes, address.bytes, 16);
		return address.version == 6 ? 16 : address.version == 4 ? 4 : 0;
	case RULE_FIELD_PROTO:
		bytes[0] = subject->proto;
		return subject->proto ? 1 : 0;
	case RULE_FIELD_SPORT:
	case RULE_FIELD_DPORT:
		port = field == RULE_FIELD_SPORT ? subject->sport : subject->dport;
		bytes[0] = port >> 8;
		bytes[1] = port & 0xff;
		return subject->has_ports ? 2 : 0;
	case RULE_FIELD_IIF:
	case RULE_FIELD_OIF:
		strncpy((char *)bytes, field == RULE_FIELD_IIF ? subject->iif : subject->oif, 15);
		return bytes[0] || (field == RULE_FIELD_IIF ? subject->no_iif : subject->no_oif)
			       ? 16
			       : 0;
	case RULE_FIELD_MARK:
		memcpy(bytes, &subject->mark, 4);
		return subject->mark_unknown ? 0 : 4;
	case RULE_FIELD_ICMP_TYPE:
		bytes[0] = subject->icmp_type;
		return subject->has_icmp ? 1 : 0;
	default:
		return 0;
	}
}

/* Width of a component in the key where the packet does not tell it. */
static size_t field_width(enum rule_field field, const struct rule_subject *subject, size_t left)
{
	if (field == RULE_FIELD_SRC || field == RULE_FIELD_DST)
		return subject->family == 6 && left >= 16 ? 16 : 4;
	if (field == RULE_FIELD_IIF || field == RULE_FIELD_OIF)
		return 16;
	return 4;
}

static double match_component(enum rule_field field, const struct rule_subject *subject,
			      const uint8_t *key, const uint8_t *end, size_t left)
{
	uint8_t bytes[16];
	size_t len;
	uint32_t bits;

	if (field == RULE_FIELD_CT_STATE) {
		memcpy(&bits, key, 4);
		return match_state((bits & 15) | (bits & 64 ? RULE_CT_UNTRACKED : 0),
				   subject->ct_state);
	}
	len = field_bytes(field, subject, bytes);
	if (!len)
		return MATCH_MAYBE;
	if (len > left)
		return MATCH_NO; /* a set of the other family */
	return memcmp(bytes, key, len) >= 0 && memcmp(bytes, end, len) <= 0;
}

double rule_element_match(const struct rule_set *set, const struct rule_lookup *lookup,
			  const struct rule_element *element, const struct rule_subject *subject)
{
	double match = MATCH_YES;
	size_t at = 0;

	for (unsigned i = 0; i < lookup->field_count && match > 0; i++) {
		size_t left = set->key_len > at ? set->key_len - at : 0;
		size_t width = field_width(lookup->fields[i], subject, left);

		if (!left || at + width > sizeof(element->key))
			return match * MATCH_MAYBE;
		match *= match_component(lookup->fields[i], subject, element->key + at,
					 element->key_end + at, left);
		at += width;
	}
	return match;
}

bool rule_element_catches_all(const struct rule_set *set, const struct rule_element *element)
{
	for (unsigned i = 0; i < sizeof(element->key) && i < set->key_len; i++) {
		if (element->key[i] || element->key_end[i] != 0xff)
			return false;
	}
	return true;
}

const struct rule_set *rule_set_of(const struct ruleset *ruleset, const struct rule_lookup *lookup)
{
	return lookup->set && lookup->set <= ruleset->sets.count
		       ? ruleset_set(ruleset, &ruleset->sets.items[lookup->set - 1])
		       : NULL;
}

static double match_lookup(const struct ruleset *ruleset, const struct rule_lookup *lookup,
			   const struct rule_subject *subject)
{
	const struct rule_set *set = rule_set_of(ruleset, lookup);
	double best = MATCH_NO;

	if (!set)
		return lookup->set ? MATCH_MAYBE : MATCH_YES;
	array_each(element, &set->elements) {
		double match = rule_element_match(set, lookup, element, subject);

		if (match > best)
			best = match;
		if (best >= MATCH_YES)
			break;
	}
	if (best <= 0 && set->incomplete)
		best = MATCH_MAYBE;
	return maybe_not(best, lookup->invert);
}

double rule_subject_match(const struct ruleset *ruleset, const struct filter_chain *chain,
			  const struct filter_rule *rule, const struct rule_subject *subject)
{
	double match = match_protocol(rule, subject);

	(void)chain;
	if (rule->nfproto && rule->nfproto != subject->family)
		return MATCH_NO;
	match *= match_address(subject->src, rule->src, rule->src_len, rule->not_src);
	match *= subject->dst_unknown && rule->dst.version
			 ? MATCH_MAYBE
			 : match_address(subject->dst, rule->dst, rule->dst_len, rule->not_dst);
	if (match <= 0)
		return MATCH_NO;
	match *= match_transport(rule, subject);
	match *= match_name(rule->iif, subject->iif, subject->no_iif, rule->not_iif);
	match *= match_name(rule->oif, subject->oif, subject->no_oif, rule->not_oif);
	match *= match_state(rule->ct_state, subject->ct_state);
	match *= match_mark(rule, subject);
	if (rule->dst_local)
		match *= subject->dst_local ? (double)(subject->dst_local > 0) : MATCH_MAYBE;
	/* A verdict map's own look-up is the walk's business: each element is a way of its own. */
	for (unsigned i = rule->verdict_map ? 1 : 0; i < 2 && match > 0; i++)
		match *= match_lookup(ruleset, &rule->lookups[i], subject);
	if (rule->undecided)
		match *= rule->chance > 0 ? rule->chance : MATCH_MAYBE;
	return match;
}

double rule_match(const struct ruleset *ruleset, const struct filter_chain *chain,
		  const struct filter_rule *rule, const struct rule_walk_query *query)
{
	struct rule_subject subject = rule_subject_of(query);

	return rule_subject_match(ruleset, chain, rule, &subject);
}

const char *chain_whole_name(const struct filter_chain *chain)
{
	return chain->long_name ? chain->long_name : chain->name;
}

const struct filter_chain *rule_target(const struct ruleset *ruleset,
				       const struct filter_chain *chain, uint32_t target_chain,
				       const char *name)
{
	if (target_chain && target_chain <= ruleset->chains.count)
		return &ruleset->chains.items[target_chain - 1];
	array_each(other, &ruleset->chains) {
		if (other->backend == chain->backend && other->family == chain->family &&
		    !strcmp(other->table, chain->table) && !strcmp(chain_whole_name(other), name))
			return other;
	}
	return NULL;
}
