// SPDX-License-Identifier: GPL-2.0-only
/*
 * One ruleset out of both back ends, and IPVS. Knows how chains are kept and how a jump finds its
 * chain; the back ends themselves are in rules_nft.c, rules_legacy.c and rules_ipvs.c.
 */
#include "node/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_build.h"

void filter_rules_free(struct filter_chain *chain)
{
	array_each(rule, &chain->rules) {
		free(rule->text);
		free(rule->comment);
		free(rule->ports);
	}
	array_free(&chain->rules);
}

static void chain_free(struct filter_chain *chain)
{
	filter_rules_free(chain);
	free(chain->long_name);
}

static void sets_free(struct ruleset *ruleset)
{
	array_each(set, &ruleset->sets) {
		array_each(element, &set->elements)
			free(element->comment);
		array_free(&set->elements);
	}
	array_free(&ruleset->sets);
}

static void sources_close(struct ruleset *ruleset)
{
	for (unsigned i = 0; i < 2; i++) {
		if (ruleset->sources[i].close)
			ruleset->sources[i].close(ruleset->sources[i].data);
	}
	memset(ruleset->sources, 0, sizeof(ruleset->sources));
}

/* Filling in what was left out is no change of the ruleset: hence from const. */
const struct filter_chain *ruleset_chain(const struct ruleset *ruleset,
					 const struct filter_chain *chain)
{
	const struct ruleset_source *source = &ruleset->sources[chain->backend];
	size_t index = (size_t)(chain - ruleset->chains.items);

	if (chain->unread && source->read_chain) {
		ruleset->chains.items[index].unread = false;
		source->read_chain((struct ruleset *)ruleset, source->data, index);
	}
	return chain;
}

const struct rule_set *ruleset_set(const struct ruleset *ruleset, const struct rule_set *set)
{
	const struct ruleset_source *source = &ruleset->sources[RULES_NFT];
	size_t index = (size_t)(set - ruleset->sets.items);

	if (set->unread && source->read_set) {
		ruleset->sets.items[index].unread = false;
		source->read_set((struct ruleset *)ruleset, source->data, index);
	}
	return set;
}

static bool may_drop(const struct ruleset *ruleset, const struct filter_rule *rule)
{
	uint32_t set = rule->lookups[0].set;

	if (!rule->verdict_map)
		return rule->verdict == RULE_DROP || rule->verdict == RULE_REJECT ||
		       rule->verdict == RULE_QUEUE || rule->verdict == RULE_OTHER;
	if (!set || set > ruleset->sets.count || ruleset->sets.items[set - 1].incomplete ||
	    ruleset->sets.items[set - 1].unread)
		return true;
	array_each(element, &ruleset->sets.items[set - 1].elements) {
		if (element->verdict == RULE_DROP || element->verdict == RULE_REJECT ||
		    element->verdict == RULE_QUEUE || element->verdict == RULE_OTHER)
			return true;
	}
	return false;
}

bool filter_chain_of_service(const struct filter_chain *chain)
{
	static const char *const iptables[] = {"KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-SEP-"};
	static const char *const nft[] = {"service-", "external-", "endpoint-"};
	bool proxy = chain->backend == RULES_NFT && !strcmp(chain->table, "kube-proxy");

	for (unsigned i = 0; proxy && i < sizeof(nft) / sizeof(*nft); i++) {
		if (!strncmp(chain->name, nft[i], strlen(nft[i])))
			return true;
	}
	for (unsigned i = 0; chain->iptables && i < sizeof(iptables) / sizeof(*iptables); i++) {
		if (!strncmp(chain->name, iptables[i], strlen(iptables[i])))
			return true;
	}
	return false;
}

bool filter_chain_never_drops(const struct filter_chain *chain)
{
	/* iptables itself refuses DROP in nat, and REJECT wants the filter table (net/ipv4/netfilter/ipt_REJECT.c). */
	return filter_chain_of_service(chain) || (chain->iptables && !strcmp(chain->table, "nat"));
}

static bool chain_may_drop(const struct ruleset *ruleset, const struct filter_chain *chain)
{
	array_each(rule, &ruleset_chain(ruleset, chain)->rules) {
		if (may_drop(ruleset, rule))
			return true;
	}
	return chain->base; /* its policy */
}

void ruleset_keep_counters(struct ruleset *ruleset)
{
	size_t kept = 0;
	void *items;

	for (size_t i = 0; i < ruleset->chains.count; i++) {
		struct filter_chain *chain = &ruleset->chains.items[i];
		bool passed_over = chain->unread && filter_chain_never_drops(chain);

		ruleset->passed_over |= passed_over;
		if (!passed_over && chain_may_drop(ruleset, chain))
			ruleset->chains.items[kept++] = *chain;
		else
			chain_free(chain);
	}
	ruleset->chains.count = kept;
	sources_close(ruleset);
	sets_free(ruleset);
	array_free(&ruleset->ipvs);
	array_free(&ruleset->ipvs_servers);
	if (!kept) {
		array_free(&ruleset->chains);
		return;
	}
	items = realloc(ruleset->chains.items, kept * sizeof(*ruleset->chains.items));
	if (items) {
		ruleset->chains.items = items;
		ruleset->chains.room = kept;
	}
}

void ruleset_free(struct ruleset *ruleset)
{
	sources_close(ruleset);
	array_each(chain, &ruleset->chains)
		chain_free(chain);
	array_free(&ruleset->chains);
	sets_free(ruleset);
	array_free(&ruleset->ipvs);
	array_free(&ruleset->ipvs_servers);
	array_each(sentence, &ruleset->unread)
		free(*sentence);
	array_free(&ruleset->unread);
}

struct filter_chain *ruleset_add_chain(struct ruleset *ruleset, const char *name)
{
	struct filter_chain *chain = array_push(&ruleset->chains);

	if (!chain)
		return NULL;
	text_copy(chain->name, sizeof(chain->name), name);
	if (strlen(name) >= sizeof(chain->name)) {
		chain->long_name = strdup(name);
		if (!chain->long_name) {
			ruleset->chains.count--;
			return NULL;
		}
	}
	return chain;
}

const char *filter_chain_name(const struct filter_chain *chain)
{
	return chain->long_name ? chain->long_name : chain->name;
}

int ruleset_note(struct ruleset *ruleset, const char *format, ...)
{
	char text[256];
	char **sentence;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sentence = array_push(&ruleset->unread);
	if (!sentence)
		return -ENOMEM;
	*sentence = strdup(text);
	if (!*sentence) {
		ruleset->unread.count--;
		return -ENOMEM;
	}
	return 0;
}

void filter_chain_trim(struct filter_chain *chain)
{
	void *items;

	if (chain->rules.room == chain->rules.count)
		return;
	if (!chain->rules.count) {
		array_free(&chain->rules);
		return;
	}
	items = realloc(chain->rules.items, chain->rules.count * sizeof(*chain->rules.items));
	if (items) {
		chain->rules.items = items;
		chain->rules.room = chain->rules.count;
	}
}

const char *hook_name(unsigned hook)
{
	static const char *const names[] = {"PREROUTING", "INPUT",       "FORWARD",
					    "OUTPUT",     "POSTROUTING", "INGRESS"};

	return hook < sizeof(names) / sizeof(*names) ? names[hook] : "";
}

int rules_read(struct netns_facts *ns, struct error *error)
{
	struct ruleset *ruleset = &ns->rules;
	int nft, legacy, ipvs;

	ruleset_free(ruleset);
	nft = rules_read_nft(ruleset);
	if (nft == -ENOMEM)
		goto memory;
	if (nft && nft != -ENOENT &&
	    ruleset_note(ruleset, "nftables rules of %s: %s", ns->label, strerror(-nft)))
		goto memory;
	legacy = rules_read_legacy(ruleset);
	if (legacy == -ENOMEM)
		goto memory;
	if (legacy && legacy != -ENOENT &&
	    ruleset_note(ruleset, "iptables-legacy rules of %s: %s", ns->label, strerror(-legacy)))
		goto memory;
	ipvs = rules_read_ipvs(ruleset);
	if (ipvs == -ENOMEM)
		goto memory;
	if (ipvs && ipvs != -ENOENT &&
	    ruleset_note(ruleset, "IPVS services of %s: %s", ns->label, strerror(-ipvs)))
		goto memory;
	if (nft && nft != -ENOENT && legacy)
		return error_set(error, nft, "cannot read the netfilter rules of %s: %s", ns->label,
				 strerror(-nft));
	return 0;
memory:
	ruleset_free(ruleset);
	return error_set(error, -ENOMEM, "no memory for the netfilter rules of %s", ns->label);
}
