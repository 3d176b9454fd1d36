// SPDX-License-Identifier: GPL-2.0-only
/*
 * One table of iptables-legacy, as the kernel hands it out: entries one after the other, chains
 * told by where a hook begins or by an ERROR entry with the chain's name, jumps by the offset they
 * lead to (linux/netfilter/x_tables.h). Outside bytes: any content, any size. Pure.
 */
#include "node/rules_legacy.h"

#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_build.h"

/* Where an entry ends, whatever its family. */
struct entry {
	const unsigned char *bytes; /* aligned as the kernel's */
	uint32_t target_offset, next_offset;
	bool is_goto;
	const struct xt_counters *counters;
};

static size_t entry_size(const struct legacy_table *table)
{
	return table->family == 6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
}

/* False at the end, and where the bytes are no entry. */
static bool entry_at(const struct legacy_table *table, size_t offset, struct entry *entry)
{
	size_t least = entry_size(table) + sizeof(struct xt_entry_target);

	if (offset % __alignof__(struct ipt_entry) || offset < table->base ||
	    offset > table->size || table->size - offset < least)
		return false;
	entry->bytes = table->bytes + (offset - table->base);
	if (table->family == 6) {
		const struct ip6t_entry *e = (const void *)entry->bytes;

		entry->target_offset = e->target_offset;
		entry->next_offset = e->next_offset;
		entry->is_goto = e->ipv6.flags & IP6T_F_GOTO;
		entry->counters = &e->counters;
	} else {
		const struct ipt_entry *e = (const void *)entry->bytes;

		entry->target_offset = e->target_offset;
		entry->next_offset = e->next_offset;
		entry->is_goto = e->ip.flags & IPT_F_GOTO;
		entry->counters = &e->counters;
	}
	return entry->next_offset >= least && entry->next_offset <= table->size - offset &&
	       entry->target_offset >= entry_size(table) &&
	       entry->target_offset <= entry->next_offset - sizeof(struct xt_entry_target) &&
	       entry->target_offset % __alignof__(struct xt_entry_target) == 0;
}

static const struct xt_entry_target *entry_target(const struct entry *entry)
{
	return (const void *)(entry->bytes + entry->target_offset);
}

/* Its data end with the entry, whatever it says of itself. */
static size_t target_room(const struct entry *entry)
{
	return entry->next_offset - entry->target_offset - sizeof(struct xt_entry_target);
}

/* The name after an ERROR target: of the chain that begins behind it. False for other targets. */
static bool error_name(const struct entry *entry, char name[XT_FUNCTION_MAXNAMELEN])
{
	const struct xt_entry_target *target = entry_target(entry);
	size_t room = target_room(entry);

	if (strncmp(target->u.user.name, XT_ERROR_TARGET, sizeof(target->u.user.name)))
		return false;
	memset(name, 0, XT_FUNCTION_MAXNAMELEN);
	memcpy(name, target->data,
	       room < XT_FUNCTION_MAXNAMELEN - 1 ? room : XT_FUNCTION_MAXNAMELEN - 1);
	return true;
}

/* A standard target's number; false for targets with a name. */
static bool standard_verdict(const struct entry *entry, int *verdict)
{
	const struct xt_entry_target *target = entry_target(entry);

	if (target->u.user.name[0] || target_room(entry) < sizeof(*verdict))
		return false;
	memcpy(verdict, target->data, sizeof(*verdict));
	return true;
}

static const char *verdict_name(int verdict)
{
	return verdict == -NF_ACCEPT - 1  ? "ACCEPT"
	       : verdict == -NF_DROP - 1  ? "DROP"
	       : verdict == -NF_QUEUE - 1 ? "QUEUE"
	       : verdict == XT_RETURN     ? "RETURN"
					  : "";
}

/* Where a table sits at each hook (include/uapi/linux/netfilter_ipv4.h); raw stands before all. */
static int32_t priority_of(const char *table, unsigned hook)
{
	if (!strcmp(table, "raw"))
		return -300;
	if (!strcmp(table, "mangle"))
		return -150;
	if (!strcmp(table, "security"))
		return 50;
	if (strcmp(table, "nat"))
		return 0;
	return hook == NF_INET_LOCAL_IN || hook == NF_INET_POST_ROUTING ? 100 : -100;
}

static struct filter_chain *add_chain(struct ruleset *ruleset, const struct legacy_table *table,
				      const char *name)
{
	struct filter_chain *chain = ruleset_add_chain(ruleset, name);

	if (!chain)
		return NULL;
	chain->backend = RULES_LEGACY;
	chain->family = table->family;
	chain->iptables = true;
	text_copy(chain->table, sizeof(chain->table), table->name);
	return chain;
}

static struct filter_chain *add_builtin(struct ruleset *ruleset, const struct legacy_table *table,
					unsigned hook)
{
	struct filter_chain *chain = add_chain(ruleset, table, hook_name(hook));

	if (!chain)
		return NULL;
	chain->base = true;
	text_copy(chain->hook, sizeof(chain->hook), hook_name(hook));
	text_copy(chain->type, sizeof(chain->type), strcmp(table->name, "nat") ? "filter" : "nat");
	chain->priority = priority_of(table->name, hook);
	return chain;
}

/* 1: a chain begins at the offset, with this hook; 0: none does. */
static bool begins_hook(const struct legacy_table *table, size_t offset, unsigned *hook)
{
	for (*hook = 0; *hook < NF_INET_NUMHOOKS; (*hook)++) {
		if (table->valid_hooks & 1u << *hook && table->hook_entry[*hook] == offset)
			return true;
	}
	return false;
}

static int start_add(struct legacy_chains *starts, size_t named, size_t offset)
{
	struct legacy_chain *start = array_push(&starts->items);

	if (!start)
		return -ENOMEM;
	start->named = (uint32_t)named;
	start->offset = start->end = start->stop = (uint32_t)offset;
	return 0;
}

/*
 * First walk: which chains there are and where they begin. Those of hooks come first, then those with
 * a name; the last ERROR entry ends the table.
 */
int legacy_chains_find(const struct legacy_table *table, struct legacy_chains *starts)
{
	char name[XT_FUNCTION_MAXNAMELEN];
	struct legacy_chain *last;
	struct entry entry;
	size_t offset = 0;
	bool ended = false;
	unsigned hook;
	int err = 0;

	for (; !err && entry_at(table, offset, &entry); offset += entry.next_offset) {
		size_t next = offset + entry.next_offset;

		ended = error_name(&entry, name);
		if (ended) {
			if (next < table->size)
				err = start_add(starts, offset, next);
			continue;
		}
		if (begins_hook(table, offset, &hook))
			err = start_add(starts, offset, offset);
		if (err || !starts->items.count)
			continue;
		/* Each entry may be the chain's last: the policy. */
		last = &starts->items.items[starts->items.count - 1];
		last->end = (uint32_t)offset;
		last->stop = (uint32_t)next;
	}
	return err ? err : ended && offset == table->size ? 0 : -EBADMSG;
}

static void read_policy(struct filter_chain *chain, const struct entry *entry)
{
	int verdict;

	chain->policy_drop = standard_verdict(entry, &verdict) && verdict == -NF_DROP - 1;
	chain->has_policy_counter = true;
	chain->policy_packets = entry->counters->pcnt;
	chain->policy_bytes = entry->counters->bcnt;
}

int legacy_chain_add(struct ruleset *ruleset, const struct legacy_table *table,
		     struct legacy_chain *start)
{
	char name[XT_FUNCTION_MAXNAMELEN] = "";
	struct filter_chain *chain;
	struct entry entry;
	unsigned hook;

	if (start->named == start->offset) {
		begins_hook(table, start->offset, &hook);
		chain = add_builtin(ruleset, table, hook);
	} else {
		if (entry_at(table, start->named, &entry))
			error_name(&entry, name);
		chain = add_chain(ruleset, table, name);
	}
	if (!chain)
		return -ENOMEM;
	start->chain = (uint32_t)(chain - ruleset->chains.items);
	if (chain->base && entry_at(table, start->end, &entry))
		read_policy(chain, &entry);
	return 0;
}

static const char *jump_target(const struct ruleset *ruleset, const struct legacy_chains *starts,
			       uint32_t offset, uint32_t *chain)
{
	size_t low = 0, high = starts->items.count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct legacy_chain *start = &starts->items.items[middle];

		if (start->offset == offset) {
			*chain = start->chain + 1;
			return filter_chain_name(&ruleset->chains.items[start->chain]);
		}
		if (start->offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return "";
}

static void decode_target(const struct ruleset *ruleset, const struct legacy_chains *starts,
			  struct rule_build *build, const struct entry *entry, size_t offset)
{
	const struct xt_entry_target *target = entry_target(entry);
	char name[XT_EXTENSION_MAXNAMELEN];
	const char *to;
	int verdict;

	if (!standard_verdict(entry, &verdict)) {
		text_copy(name, sizeof(name), target->u.user.name);
		xt_decode_target(build, name, target->u.user.revision, target->data,
				 target_room(entry));
		return;
	}
	if (verdict >= 0 && (uint32_t)verdict == offset + entry->next_offset)
		return; /* on to the next rule: it only counts */
	to = verdict < 0
		     ? verdict_name(verdict)
		     : jump_target(ruleset, starts, (uint32_t)verdict, &build->rule->target_chain);
	if (*to)
		rule_set_standard(build, to, entry->is_goto);
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

static void set_interfaces(struct filter_rule *rule, const char *iif, const unsigned char *iif_mask,
			   const char *oif, const unsigned char *oif_mask)
{
	interface_name(rule->iif, iif, iif_mask);
	interface_name(rule->oif, oif, oif_mask);
}

static void decode_head4(struct rule_build *build, const struct ipt_ip *ip)
{
	struct filter_rule *rule = build->rule;

	rule_set_address(build, true, ip->invflags & IPT_INV_SRCIP, (const uint8_t *)&ip->src,
			 (const uint8_t *)&ip->smsk);
	rule_set_address(build, false, ip->invflags & IPT_INV_DSTIP, (const uint8_t *)&ip->dst,
			 (const uint8_t *)&ip->dmsk);
	set_interfaces(rule, ip->iniface, ip->iniface_mask, ip->outiface, ip->outiface_mask);
	rule->not_iif = ip->invflags & IPT_INV_VIA_IN;
	rule->not_oif = ip->invflags & IPT_INV_VIA_OUT;
	rule->proto = ip->proto;
	rule->not_proto = ip->invflags & IPT_INV_PROTO;
	if (ip->flags & IPT_F_FRAG) {
		rule->undecided = true;
		text_append(build->head, sizeof(build->head), "%s -f",
			    ip->invflags & IPT_INV_FRAG ? " !" : "");
	}
}

static void decode_head6(struct rule_build *build, const struct ip6t_ip6 *ip)
{
	struct filter_rule *rule = build->rule;

	rule_set_address(build, true, ip->invflags & IP6T_INV_SRCIP, ip->src.s6_addr,
			 ip->smsk.s6_addr);
	rule_set_address(build, false, ip->invflags & IP6T_INV_DSTIP, ip->dst.s6_addr,
			 ip->dmsk.s6_addr);
	set_interfaces(rule, ip->iniface, ip->iniface_mask, ip->outiface, ip->outiface_mask);
	rule->not_iif = ip->invflags & IP6T_INV_VIA_IN;
	rule->not_oif = ip->invflags & IP6T_INV_VIA_OUT;
	rule->proto = ip->flags & IP6T_F_PROTO ? ip->proto : 0;
	rule->not_proto = ip->invflags & IP6T_INV_PROTO;
}

static void decode_matches(struct rule_build *build, const struct legacy_table *table,
			   const struct entry *entry)
{
	char name[XT_EXTENSION_MAXNAMELEN];

	for (size_t at = entry_size(table);
	     at + sizeof(struct xt_entry_match) <= entry->target_offset;) {
		const struct xt_entry_match *match = (const void *)(entry->bytes + at);

		if (match->u.match_size < sizeof(*match) ||
		    match->u.match_size > entry->target_offset - at ||
		    match->u.match_size % __alignof__(struct xt_entry_match))
			break;
		text_copy(name, sizeof(name), match->u.user.name);
		xt_decode_match(build, name, match->u.user.revision, match->data,
				match->u.match_size - sizeof(*match));
		at += match->u.match_size;
	}
}

static int read_rule(struct ruleset *ruleset, const struct legacy_table *table,
		     const struct legacy_chains *starts, struct filter_chain *chain,
		     const struct entry *entry, size_t offset)
{
	struct filter_rule *rule = array_push(&chain->rules);
	struct rule_build build;

	if (!rule)
		return -ENOMEM;
	rule->index = (uint32_t)chain->rules.count;
	rule->has_counter = true;
	rule->packets = entry->counters->pcnt;
	rule->bytes = entry->counters->bcnt;
	rule_build_begin(&build, rule, table->family, true);
	if (table->family == 6)
		decode_head6(&build,
			     &((const struct ip6t_entry *)(const void *)entry->bytes)->ipv6);
	else
		decode_head4(&build, &((const struct ipt_entry *)(const void *)entry->bytes)->ip);
	decode_matches(&build, table, entry);
	decode_target(ruleset, starts, &build, entry, offset);
	return rule_build_end(&build, filter_chain_name(chain));
}

/* Second walk: the rules of one chain. */
int legacy_chain_read(struct ruleset *ruleset, const struct legacy_table *table,
		      const struct legacy_chains *starts, const struct legacy_chain *start)
{
	struct filter_chain *chain = &ruleset->chains.items[start->chain];
	size_t offset = start->offset;
	struct entry entry;
	int err = 0;

	for (; !err && offset < start->end && entry_at(table, offset, &entry);
	     offset += entry.next_offset)
		err = read_rule(ruleset, table, starts, chain, &entry, offset);
	filter_chain_trim(chain);
	return err;
}
