// SPDX-License-Identifier: GPL-2.0-only
/*
 * iptables-legacy and ip6tables-legacy through libiptc. Asking libiptc for a table makes
 * the kernel load and register it, so only tables that /proc lists as in use are asked for.
 */
#include <errno.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_build.h"

/* Where a table sits at each hook (include/uapi/linux/netfilter_ipv4.h); raw stands before all. */
static int32_t priority_of(const char *table, const char *chain)
{
	if (!strcmp(table, "raw"))
		return -300;
	if (!strcmp(table, "mangle"))
		return -150;
	if (!strcmp(table, "security"))
		return 50;
	if (strcmp(table, "nat"))
		return 0;
	return !strcmp(chain, "INPUT") || !strcmp(chain, "POSTROUTING") ? 100 : -100;
}

/* Position of each rule's chain among those read so far, for jumps: names sorted. */
struct chain_name {
	const char *name;
	uint32_t index;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct chain_name *)a)->name, ((const struct chain_name *)b)->name);
}

static int resolve_jumps(struct ruleset *ruleset, size_t from)
{
	size_t count = ruleset->chains.count - from;
	struct chain_name *names = calloc(count ? count : 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		names[i].name = ruleset->chains.items[from + i].name;
		names[i].index = from + i + 1;
	}
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = from; i < ruleset->chains.count; i++) {
		array_each(rule, &ruleset->chains.items[i].rules) {
			struct chain_name key = {rule->target, 0}, *found;

			if (rule->verdict != RULE_JUMP && rule->verdict != RULE_GOTO)
				continue;
			found = bsearch(&key, names, count, sizeof(*names), by_name);
			rule->target_chain = found ? found->index : 0;
		}
	}
	free(names);
	return 0;
}

/* A name and its mask as the kernel compares them: a mask that ends early is "eth+". */
static void interface_name(char *dst, const char *name, const unsigned char *mask)
{
	size_t len = 0;

	dst[0] = '\0';
	if (!mask[0])
		return;
	while (len < 15 && mask[len] && name[len])
		len++;
	memcpy(dst, name, len);
	dst[len] = '\0';
	if (len < 15 && !mask[len])
		strcpy(dst + len, "+");
}

static void decode_match(struct rule_build *build, const struct xt_entry_match *match)
{
	char name[XT_EXTENSION_MAXNAMELEN];

	text_copy(name, sizeof(name), match->u.user.name);
	xt_decode_match(build, name, match->u.user.revision, match->data,
			match->u.match_size - sizeof(*match));
}

static void decode_target(struct rule_build *build, const struct xt_entry_target *target,
			  const char *name, bool is_goto)
{
	if (!name || !*name)
		return;
	if (!target->u.user.name[0]) /* the standard target: a verdict or a jump */
		rule_set_standard(build, name, is_goto);
	else
		xt_decode_target(build, name, target->u.user.revision, target->data,
				 target->u.target_size - sizeof(*target));
}

static void count(struct filter_rule *rule, const struct xt_counters *counters)
{
	rule->has_counter = true;
	rule->packets = counters->pcnt;
	rule->bytes = counters->bcnt;
}

static void set_interfaces(struct filter_rule *rule, const char *iif, const unsigned char *iif_mask,
			   const char *oif, const unsigned char *oif_mask)
{
	interface_name(rule->iif, iif, iif_mask);
	interface_name(rule->oif, oif, oif_mask);
}

static void decode_entry4(struct rule_build *build, const struct ipt_entry *e, const char *target)
{
	struct filter_rule *rule = build->rule;

	rule_set_address(build, true, e->ip.invflags & IPT_INV_SRCIP, (const uint8_t *)&e->ip.src,
			 (const uint8_t *)&e->ip.smsk);
	rule_set_address(build, false, e->ip.invflags & IPT_INV_DSTIP, (const uint8_t *)&e->ip.dst,
			 (const uint8_t *)&e->ip.dmsk);
	set_interfaces(rule, e->ip.iniface, e->ip.iniface_mask, e->ip.outiface,
		       e->ip.outiface_mask);
	rule->not_iif = e->ip.invflags & IPT_INV_VIA_IN;
	rule->not_oif = e->ip.invflags & IPT_INV_VIA_OUT;
	rule->proto = e->ip.proto;
	rule->not_proto = e->ip.invflags & IPT_INV_PROTO;
	if (e->ip.flags & IPT_F_FRAG) {
		rule->undecided = true;
		text_append(build->head, sizeof(build->head), "%s -f",
			    e->ip.invflags & IPT_INV_FRAG ? " !" : "");
	}
	for (size_t at = sizeof(*e); at + sizeof(struct xt_entry_match) <= e->target_offset;) {
		const struct xt_entry_match *match = (const void *)((const char *)e + at);

		if (match->u.match_size < sizeof(*match) ||
		    match->u.match_size > e->target_offset - at)
			break;
		decode_match(build, match);
		at += match->u.match_size;
	}
	decode_target(build, (const void *)((const char *)e + e->target_offset), target,
		      e->ip.flags & IPT_F_GOTO);
	count(rule, &e->counters);
}

static void decode_entry6(struct rule_build *build, const struct ip6t_entry *e, const char *target)
{
	struct filter_rule *rule = build->rule;

	rule_set_address(build, true, e->ipv6.invflags & IP6T_INV_SRCIP, e->ipv6.src.s6_addr,
			 e->ipv6.smsk.s6_addr);
	rule_set_address(build, false, e->ipv6.invflags & IP6T_INV_DSTIP, e->ipv6.dst.s6_addr,
			 e->ipv6.dmsk.s6_addr);
	set_interfaces(rule, e->ipv6.iniface, e->ipv6.iniface_mask, e->ipv6.outiface,
		       e->ipv6.outiface_mask);
	rule->not_iif = e->ipv6.invflags & IP6T_INV_VIA_IN;
	rule->not_oif = e->ipv6.invflags & IP6T_INV_VIA_OUT;
	rule->proto = e->ipv6.flags & IP6T_F_PROTO ? e->ipv6.proto : 0;
	rule->not_proto = e->ipv6.invflags & IP6T_INV_PROTO;
	for (size_t at = sizeof(*e); at + sizeof(struct xt_entry_match) <= e->target_offset;) {
		const struct xt_entry_match *match = (const void *)((const char *)e + at);

		if (match->u.match_size < sizeof(*match) ||
		    match->u.match_size > e->target_offset - at)
			break;
		decode_match(build, match);
		at += match->u.match_size;
	}
	decode_target(build, (const void *)((const char *)e + e->target_offset), target,
		      e->ipv6.flags & IP6T_F_GOTO);
	count(rule, &e->counters);
}

/* The part of libiptc's interface that differs by family only in its names. */
struct library {
	uint8_t family;
	struct xtc_handle *(*init)(const char *table);
	void (*free)(struct xtc_handle *h);
	const char *(*first_chain)(struct xtc_handle *h);
	const char *(*next_chain)(struct xtc_handle *h);
	int (*builtin)(const char *chain, struct xtc_handle *const h);
	const char *(*policy)(const char *chain, struct xt_counters *counter, struct xtc_handle *h);
	const void *(*first_rule)(const char *chain, struct xtc_handle *h);
	const void *(*next_rule)(const void *rule, struct xtc_handle *h);
	void (*decode)(struct rule_build *build, const void *rule, struct xtc_handle *h);
};

static const void *first_rule4(const char *chain, struct xtc_handle *h)
{
	return iptc_first_rule(chain, h);
}

static const void *next_rule4(const void *rule, struct xtc_handle *h)
{
	return iptc_next_rule(rule, h);
}

static void decode4(struct rule_build *build, const void *rule, struct xtc_handle *h)
{
	decode_entry4(build, rule, iptc_get_target(rule, h));
}

static const void *first_rule6(const char *chain, struct xtc_handle *h)
{
	return ip6tc_first_rule(chain, h);
}

static const void *next_rule6(const void *rule, struct xtc_handle *h)
{
	return ip6tc_next_rule(rule, h);
}

static void decode6(struct rule_build *build, const void *rule, struct xtc_handle *h)
{
	decode_entry6(build, rule, ip6tc_get_target(rule, h));
}

static int read_chain(const struct library *library, struct xtc_handle *h,
		      struct filter_chain *chain)
{
	struct rule_build build;

	for (const void *entry = library->first_rule(chain->name, h); entry;
	     entry = library->next_rule(entry, h)) {
		struct filter_rule *rule = array_push(&chain->rules);

		if (!rule)
			return -ENOMEM;
		rule->index = chain->rules.count;
		rule_build_begin(&build, rule, library->family, true);
		library->decode(&build, entry, h);
		if (rule_build_end(&build, chain->name))
			return -ENOMEM;
	}
	filter_chain_trim(chain);
	return 0;
}

static int read_table(struct ruleset *ruleset, const struct library *library, const char *table)
{
	struct xtc_handle *h = library->init(table);
	size_t from = ruleset->chains.count;
	int err = 0;

	if (!h)
		return errno ? -errno : -EIO;
	for (const char *name = library->first_chain(h); name && !err;
	     name = library->next_chain(h)) {
		struct filter_chain *chain = ruleset_add_chain(ruleset, name);
		struct xt_counters counters;
		const char *policy;

		if (!chain) {
			err = -ENOMEM;
			break;
		}
		chain->backend = RULES_LEGACY;
		chain->family = library->family;
		chain->iptables = true;
		text_copy(chain->table, sizeof(chain->table), table);
		if (library->builtin(name, h)) {
			chain->base = true;
			text_copy(chain->hook, sizeof(chain->hook), name);
			text_copy(chain->type, sizeof(chain->type),
				  strcmp(table, "nat") ? "filter" : "nat");
			chain->priority = priority_of(table, name);
			policy = library->policy(name, &counters, h);
			if (policy) {
				chain->policy_drop = !strcmp(policy, "DROP");
				chain->has_policy_counter = true;
				chain->policy_packets = counters.pcnt;
				chain->policy_bytes = counters.bcnt;
			}
		}
		err = read_chain(library, h, chain);
	}
	library->free(h);
	return err ? err : resolve_jumps(ruleset, from);
}

static int read_family(struct ruleset *ruleset, const struct library *library, const char *list)
{
	FILE *file = fopen(list, "re");
	char table[64];
	int err = 0;

	if (!file)
		return -ENOENT; /* the module is not loaded: nothing can be in use */
	while (!err && fscanf(file, "%63s", table) == 1) {
		int failed = read_table(ruleset, library, table);

		if (failed == -ENOMEM)
			err = failed;
		else if (failed)
			err = ruleset_note(ruleset, "iptables-legacy table %s (IPv%u): %s", table,
					   library->family, strerror(-failed));
	}
	fclose(file);
	return err;
}

int rules_read_legacy(struct ruleset *ruleset)
{
	static const struct library v4 = {.family = 4,
					  .init = iptc_init,
					  .free = iptc_free,
					  .first_chain = iptc_first_chain,
					  .next_chain = iptc_next_chain,
					  .builtin = iptc_builtin,
					  .policy = iptc_get_policy,
					  .first_rule = first_rule4,
					  .next_rule = next_rule4,
					  .decode = decode4};
	static const struct library v6 = {.family = 6,
					  .init = ip6tc_init,
					  .free = ip6tc_free,
					  .first_chain = ip6tc_first_chain,
					  .next_chain = ip6tc_next_chain,
					  .builtin = ip6tc_builtin,
					  .policy = ip6tc_get_policy,
					  .first_rule = first_rule6,
					  .next_rule = next_rule6,
					  .decode = decode6};
	int err4 = read_family(ruleset, &v4, "/proc/thread-self/net/ip_tables_names");
	int err6 = err4 == -ENOMEM
			   ? err4
			   : read_family(ruleset, &v6, "/proc/thread-self/net/ip6_tables_names");

	if (err4 && err4 != -ENOENT)
		return err4;
	return err6 == -ENOENT ? err4 : err6;
}
