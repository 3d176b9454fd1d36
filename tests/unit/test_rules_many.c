// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many Services, as kube-proxy writes them by nft and by both iptables, in a network namespace of this
 * process alone: only the chains that a packet meets are read, and what they say is what a whole
 * reading would. Skipped without root or without a tool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "diagnose/rule_walk.h"
#include "node/rules.h"

#define SERVICES 300

static bool fresh_namespace(const char *tool)
{
	char command[128];

	if (geteuid() != 0 || unshare(CLONE_NEWNET))
		return false;
	snprintf(command, sizeof(command), "exec >/dev/null 2>&1; command -v %s", tool);
	return system(command) == 0;
}

/* 300 chains more than are read at once, and 300 anonymous maps. */
static void write_nft(const char *tool)
{
	FILE *nft = popen("nft -f - >/dev/null 2>&1", "w");

	(void)tool;
	assert_non_null(nft);
	fprintf(nft, "table ip kube-proxy {\n"
		     "map service-ips { type ipv4_addr . inet_proto . inet_service : verdict\n }\n"
		     "chain mark-for-masquerade {\n meta mark set meta mark or 0x4000\n }\n"
		     "chain services {\n ip daddr . meta l4proto . th dport vmap @service-ips\n }\n"
		     "chain nat-prerouting {\n type nat hook prerouting priority dstnat\n"
		     " jump services\n }\n"
		     "chain cluster-ips-check {\n ip daddr 10.96.255.254 counter drop\n }\n"
		     "chain filter-forward {\n type filter hook forward priority filter\n"
		     " jump cluster-ips-check\n }\n");
	for (int i = 0; i < SERVICES; i++)
		fprintf(nft,
			"chain endpoint-A-shop/s%d/tcp/http__10.244.3.%d/8080 {\n"
			" meta l4proto tcp dnat to 10.244.3.%d:8080\n }\n"
			"chain service-A-shop/s%d/tcp/http {\n"
			" ip daddr 10.96.1.%d ip saddr != 10.244.0.0/16 jump mark-for-masquerade\n"
			" numgen random mod 1 vmap { 0 : goto "
			"endpoint-A-shop/s%d/tcp/http__10.244.3.%d/8080 }\n }\n",
			i, i % 250, i % 250, i, i % 250, i, i % 250);
	fprintf(nft, "}\n");
	for (int i = 0; i < SERVICES; i++)
		fprintf(nft,
			"add element ip kube-proxy service-ips { 10.96.%d.%d . tcp . 80 : goto "
			"service-A-shop/s%d/tcp/http }\n",
			1 + i / 250, i % 250, i);
	assert_int_equal(pclose(nft), 0);
}

static void write_iptables(const char *tool)
{
	char command[64];
	FILE *save;

	snprintf(command, sizeof(command), "%s-restore >/dev/null 2>&1", tool);
	save = popen(command, "w");
	assert_non_null(save);
	fprintf(save, "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
		      ":KUBE-MARK-MASQ - [0:0]\n-A PREROUTING -j KUBE-SERVICES\n");
	for (int i = 0; i < SERVICES; i++)
		fprintf(save,
			":KUBE-SVC-%05d - [0:0]\n:KUBE-SEP-%05d - [0:0]\n"
			"-A KUBE-SERVICES -d 10.96.%d.%d/32 -p tcp -m comment --comment "
			"\"shop/s%d:http cluster IP\" -m tcp --dport 80 -j KUBE-SVC-%05d\n"
			"-A KUBE-SVC-%05d ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ\n"
			"-A KUBE-SVC-%05d -j KUBE-SEP-%05d\n"
			"-A KUBE-SEP-%05d -p tcp -m tcp -j DNAT --to-destination "
			"10.244.3.%d:8080\n",
			i, i, 1 + i / 250, i % 250, i, i, i, i, i, i, i % 250);
	fprintf(save, "COMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n"
		      "-A FORWARD -d 10.96.255.254/32 -j DROP\nCOMMIT\n");
	assert_int_equal(pclose(save), 0);
}

static void read_rules(struct netns_facts *ns)
{
	struct error error = {0};

	memset(ns, 0, sizeof(*ns));
	assert_int_equal(rules_read(ns, &error), 0);
	assert_int_equal(ns->rules.unread.count, 0);
}

static size_t unread_chains(const struct netns_facts *ns)
{
	size_t count = 0;

	array_each(chain, &ns->rules.chains)
		count += chain->unread;
	return count;
}

static struct rule_walk_query query_of(const char *hook, const char *dst)
{
	struct rule_walk_query query = {.ct_state = RULE_CT_NEW};

	text_copy(query.hook, sizeof(query.hook), hook);
	assert_true(address_parse("10.244.1.5", &query.tuple.src));
	assert_true(address_parse(dst, &query.tuple.dst));
	query.tuple.proto = IPPROTO_TCP;
	query.tuple.sport = 40000;
	query.tuple.dport = 80;
	return query;
}

/* Service 257 is at 10.96.2.7, its endpoint is 10.244.3.7. */
static void one_service_is_met(const struct netns_facts *ns, enum service_mode mode, size_t chains)
{
	struct rule_walk_query query = query_of("PREROUTING", "10.96.2.7");
	struct rule_walk_result result;
	struct service_info info;
	char text[ADDRESS_TEXT];

	assert_true(chains > 2 * SERVICES);
	assert_int_equal(unread_chains(ns), chains);
	rule_walk(&ns->rules, &query, &result);
	assert_int_equal(unread_chains(ns),
			 chains - 4); /* of the hook, of Services, of one, its endpoint's */
	assert_true(result.dnat);
	assert_true(result.definite);
	assert_int_equal(result.endpoint_count, 1);
	address_text(result.endpoints[0].address, text);
	assert_string_equal(text, "10.244.3.7");
	assert_int_equal(result.endpoints[0].port, 8080);
	assert_true(service_lookup(&ns->rules, query.tuple.dst, IPPROTO_TCP, 80, &info));
	assert_int_equal(info.mode, mode);
	assert_string_equal(info.name, "shop/s257:http");
	assert_int_equal(info.endpoint_count, 1);
	assert_int_equal(unread_chains(ns), chains - 5); /* and that of marks */
	assert_true(address_parse("10.96.3.7", &query.tuple.dst));
	assert_false(service_lookup(&ns->rules, query.tuple.dst, IPPROTO_TCP, 80, &info));
}

static void all_can_be_read(const struct netns_facts *ns, size_t rules)
{
	size_t count = 0;

	array_each(chain, &ns->rules.chains) {
		size_t before = ruleset_chain(&ns->rules, chain)->rules.count;

		count += before;
		assert_int_equal(ruleset_chain(&ns->rules, chain)->rules.count, before);
	}
	assert_int_equal(unread_chains(ns), 0);
	assert_int_equal(count, rules);
	assert_int_equal(ns->rules.unread.count, 0);
}

static bool has_rule(const struct netns_facts *ns, const char *name, const char *text)
{
	array_each(chain, &ns->rules.chains) {
		if (strcmp(chain->name, name))
			continue;
		array_each(rule, &ruleset_chain(&ns->rules, chain)->rules) {
			if (!strcmp(rule->text, text))
				return true;
		}
	}
	return false;
}

static void nft_by_chain(void **state)
{
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("nft"))
		skip();
	write_nft("nft");
	read_rules(&ns);
	one_service_is_met(&ns, SERVICE_NFTABLES, ns.rules.chains.count);
	all_can_be_read(&ns, 3 * SERVICES + 5);
	assert_true(has_rule(&ns, "service-A-shop/s299/tcp/http",
			     "numgen random mod 1 vmap { 0 : goto "
			     "endpoint-A-shop/s299/tcp/http__10.244.3.49/8080 }"));
	ruleset_free(&ns.rules);
}

static void iptables_by_chain(void **state)
{
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("iptables-nft"))
		skip();
	write_iptables("iptables-nft");
	read_rules(&ns);
	one_service_is_met(&ns, SERVICE_IPTABLES, ns.rules.chains.count);
	all_can_be_read(&ns, 4 * SERVICES + 2);
	assert_true(has_rule(&ns, "KUBE-SVC-00299",
			     "-A KUBE-SVC-00299 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ"));
	ruleset_free(&ns.rules);
}

/* The filter table has few chains and is read at once, nat is kept and read from what is kept. */
static void legacy_by_chain(void **state)
{
	struct netns_facts ns;
	size_t nat = 0;

	(void)state;
	if (!fresh_namespace("iptables-legacy"))
		skip();
	write_iptables("iptables-legacy");
	read_rules(&ns);
	array_each(chain, &ns.rules.chains) {
		bool is_nat = !strcmp(chain->table, "nat");

		assert_int_equal(chain->backend, RULES_LEGACY);
		assert_int_equal(chain->unread, is_nat);
		nat += is_nat;
	}
	one_service_is_met(&ns, SERVICE_IPTABLES, nat);
	all_can_be_read(&ns, 4 * SERVICES + 2);
	assert_true(has_rule(&ns, "KUBE-SVC-00299",
			     "-A KUBE-SVC-00299 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ"));
	assert_true(has_rule(&ns, "KUBE-SERVICES",
			     "-A KUBE-SERVICES -d 10.96.2.49/32 -p tcp -m comment --comment "
			     "\"shop/s299:http cluster IP\" -m tcp --dport 80 -j KUBE-SVC-00299"));
	ruleset_free(&ns.rules);
}

/* Listed, and gone when it is asked for; another has another rule by then. */
static void chains_change_meanwhile(void **state)
{
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("nft"))
		skip();
	write_nft("nft");
	read_rules(&ns);
	assert_int_equal(
		system("nft -f - <<'X'\n"
		       "delete element ip kube-proxy service-ips { 10.96.2.7 . tcp . 80 }\n"
		       "delete chain ip kube-proxy service-A-shop/s257/tcp/http\n"
		       "delete chain ip kube-proxy endpoint-A-shop/s257/tcp/http__10.244.3.7/8080\n"
		       "add rule ip kube-proxy cluster-ips-check ip daddr 10.96.255.253 drop\nX"),
		0);
	all_can_be_read(&ns, 3 * SERVICES + 5 - 3 + 1);
	assert_true(has_rule(&ns, "cluster-ips-check", "ip daddr 10.96.255.253 drop"));
	ruleset_free(&ns.rules);
}

static const struct filter_rule *first_rule(const struct ruleset *rules, const char *name,
					    const struct filter_chain **in)
{
	array_each(chain, &rules->chains) {
		if (strcmp(chain->name, name))
			continue;
		*in = chain;
		return &ruleset_chain(rules, chain)->rules.items[0];
	}
	return NULL;
}

/* A reading for its counters passes Services over, and does not take them for new ones later. */
static void counters_without_services(void **state)
{
	static const struct {
		const char *tool, *drops, *service;
		void (*write)(const char *tool);
	} cases[] = {{"nft", "cluster-ips-check", "service-A-shop/s1/tcp/http", write_nft},
		     {"iptables-nft", "FORWARD", "KUBE-SVC-00001", write_iptables},
		     {"iptables-legacy", "FORWARD", "KUBE-SVC-00001", write_iptables}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct filter_chain *chain;
		const struct filter_rule *rule;
		struct netns_facts before, now;
		uint64_t growth = 99;

		if (!fresh_namespace(cases[i].tool))
			skip();
		cases[i].write(cases[i].tool);
		read_rules(&before);
		ruleset_keep_counters(&before.rules);
		assert_true(before.rules.passed_over);
		assert_in_range(before.rules.chains.count, 1, 8);
		assert_int_equal(unread_chains(&before), 0);
		read_rules(&now);
		rule = first_rule(&now.rules, cases[i].drops, &chain);
		assert_true(rule_growth(&before.rules, chain, rule, &growth));
		assert_int_equal(growth, 0);
		rule = first_rule(&now.rules, cases[i].service, &chain);
		assert_false(rule_growth(&before.rules, chain, rule, &growth));
		ruleset_free(&before.rules);
		ruleset_free(&now.rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nft_by_chain),
		cmocka_unit_test(iptables_by_chain),
		cmocka_unit_test(legacy_by_chain),
		cmocka_unit_test(chains_change_meanwhile),
		cmocka_unit_test(counters_without_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
