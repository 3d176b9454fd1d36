/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * world.h's node as `check` sees it: kube-proxy's rules, an address range, a resolv.conf, and
 * what is expected of it. For the tests of static rules.
 */
#ifndef CNITRACE_TESTS_CHECK_WORLD_H
#define CNITRACE_TESTS_CHECK_WORLD_H

#include "world.h"

#include "diagnose/check.h"

static struct resolv_conf resolver; /* of every pod */

static inline int read_resolver(struct facts *facts, const struct pod *pod,
				struct resolv_conf *conf)
{
	(void)facts;
	(void)pod;
	*conf = resolver;
	return 0;
}

static const struct facts_reader reader = {.resolv_conf = read_resolver};

static inline void resolver_set(const char *server, const char *search)
{
	memset(&resolver, 0, sizeof(resolver));
	resolver.known = true;
	resolver.nameservers[resolver.nameserver_count++] = ip(server);
	if (search[0])
		text_copy(resolver.search[resolver.search_count++], 256, search);
}

static inline struct filter_chain *add_chain(struct world *w, const char *table, const char *name,
					     const char *hook)
{
	struct filter_chain *chain = array_push(&world_ns(w, NODE)->rules.chains);

	memset(chain, 0, sizeof(*chain));
	chain->backend = RULES_NFT;
	chain->family = 4;
	chain->iptables = true;
	text_copy(chain->table, sizeof(chain->table), table);
	text_copy(chain->name, sizeof(chain->name), name);
	text_copy(chain->hook, sizeof(chain->hook), hook);
	text_copy(chain->type, sizeof(chain->type), strcmp(table, "nat") ? "filter" : "nat");
	chain->base = hook[0] != '\0';
	return chain;
}

static inline struct filter_rule *add_rule(struct filter_chain *chain, enum rule_verdict verdict,
					   const char *target, const char *comment)
{
	struct filter_rule *rule = array_push(&chain->rules);

	memset(rule, 0, sizeof(*rule));
	rule->index = (uint32_t)chain->rules.count;
	rule->verdict = verdict;
	text_copy(rule->target, sizeof(rule->target), target);
	rule->comment = strdup(comment);
	rule->text = strdup("-A CHAIN -j WHATEVER");
	return rule;
}

/* kube-proxy's rules for the Services default/web and kube-dns. */
static inline void add_services(struct world *w, const char *endpoint)
{
	struct filter_chain *services = add_chain(w, "nat", "KUBE-SERVICES", "");
	struct filter_rule *rule =
		add_rule(services, RULE_JUMP, "KUBE-SVC-WEB", "default/web cluster IP");

	rule->dst = ip(SERVICE_IP);
	rule->dst_len = 32;
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 80;
	rule = add_rule(services, RULE_JUMP, "KUBE-SVC-DNS", "kube-system/kube-dns:dns cluster IP");
	rule->dst = ip(DNS_IP);
	rule->dst_len = 32;
	rule->proto = IPPROTO_UDP;
	rule->dport_min = rule->dport_max = 53;
	rule = add_rule(add_chain(w, "nat", "KUBE-SEP-WEB", ""), RULE_DNAT, "DNAT", "default/web");
	rule->to = ip(endpoint);
	rule->to_port = 80;
}

static inline void add_range(struct world *w)
{
	struct node_config *config = &w->facts->config;
	struct cni_conf *conf = array_push(&config->confs);
	struct cni_range *range;

	memset(conf, 0, sizeof(*conf));
	text_copy(conf->file, sizeof(conf->file), "10-flannel.conflist");
	text_copy(conf->name, sizeof(conf->name), "cbr0");
	text_copy(conf->type, sizeof(conf->type), "flannel");
	range = array_push(&conf->ranges);
	memset(range, 0, sizeof(*range));
	range->subnet = ip("10.244.1.0");
	range->prefix_len = 24;
	range->first = range->gateway = ip("10.244.1.1");
	range->last = ip("10.244.1.254");
}

static inline void add_reservations(struct world *w, unsigned count, unsigned stale)
{
	for (unsigned i = 0; i < count; i++) {
		struct reservation *entry = array_push(&w->facts->config.reservations);
		char text[20];

		memset(entry, 0, sizeof(*entry));
		snprintf(text, sizeof(text), "10.244.1.%u", 2 + i);
		entry->address = ip(text);
		entry->stale = i < stale;
	}
}

static inline void check(struct world *w)
{
	finding_list_free(&w->list);
	memset(&w->list, 0, sizeof(w->list));
	w->diagnosis.check = true;
	assert_int_equal(diagnose(&w->diagnosis, &w->list), 0);
}

static inline void expect_silence(struct world *w)
{
	check(w);
	if (w->list.findings.count)
		fail_msg("%zu findings, first %s: %s", w->list.findings.count,
			 w->list.findings.items[0]->id, w->list.findings.items[0]->summary);
}

/* Exactly one finding, this one. */
static inline struct finding *expect(struct world *w, const char *id, enum severity severity)
{
	struct finding *first;

	check(w);
	if (!w->list.findings.count)
		fail_msg("nothing found, expected %s", id);
	first = w->list.findings.items[0];
	if (strcmp(first->id, id) || first->severity != severity || w->list.findings.count != 1)
		fail_msg("%zu findings, first %s severity %d: %s", w->list.findings.count,
			 first->id, first->severity, first->summary);
	assert_true(first->evidence.count > 0);
	assert_true(first->remedy.count > 0);
	return first;
}

/* As `check` finds the healthy node; what world_make made is there already. */
static inline void check_world_make(struct world *w)
{
	static const char *const on[] = {"eth0", "flannel.1", "vethb0", "vethb1"};
	char name[96];

	w->facts->reader = &reader;
	resolver_set(DNS_IP, "default.svc.cluster.local");
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "net.ipv4.conf.%s.forwarding", on[i]);
		world_sysctl(w, NODE, name, "1");
	}
	world_sysctl(w, NODE, "net.ipv4.conf.all.rp_filter", "0");
	world_sysctl(w, NODE, "net.ipv4.conf.flannel.1.rp_filter", "0");
	add_services(w, WEB_IP);
	add_range(w);
}

static inline void check_world_free(struct world *w)
{
	array_each(conf, &w->facts->config.confs)
		array_free(&conf->ranges);
	array_free(&w->facts->config.confs);
	w->facts->config.confs.items = NULL;
	world_free(w);
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_make(w);
	check_world_make(w);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	check_world_free(*state);
	free(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
