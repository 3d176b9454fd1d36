// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk over rulesets written by hand: for each fault the rule that must be named, the
 * nearest ruleset where another must be, and the healthy one where none may be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/rule_walk.h"
#include "node/rules.h"

static struct filter_chain *chain_new(struct ruleset *ruleset, const char *table, const char *name)
{
	struct filter_chain *chain = array_push(&ruleset->chains);

	assert_non_null(chain);
	chain->family = 4;
	chain->iptables = true;
	text_copy(chain->table, sizeof(chain->table), table);
	text_copy(chain->name, sizeof(chain->name), name);
	return chain;
}

static struct filter_chain *base_new(struct ruleset *ruleset, const char *table, const char *hook,
				     int32_t priority)
{
	struct filter_chain *chain = chain_new(ruleset, table, hook);

	chain->base = true;
	chain->priority = priority;
	text_copy(chain->hook, sizeof(chain->hook), hook);
	text_copy(chain->type, sizeof(chain->type), strcmp(table, "nat") ? "filter" : "nat");
	return chain;
}

/* `dst` "10.0.0.0/8" or NULL. */
static struct filter_rule *rule_new(struct filter_chain *chain, enum rule_verdict verdict,
				    const char *target, const char *dst)
{
	struct filter_rule *rule = array_push(&chain->rules);
	char text[256];
	char *slash;

	assert_non_null(rule);
	rule->index = chain->rules.count;
	rule->verdict = verdict;
	rule->has_counter = true;
	text_copy(rule->target, sizeof(rule->target), target);
	if (dst) {
		text_copy(text, sizeof(text), dst);
		slash = strchr(text, '/');
		rule->dst_len = slash ? atoi(slash + 1) : 32;
		if (slash)
			*slash = '\0';
		assert_true(address_parse(text, &rule->dst));
	}
	snprintf(text, sizeof(text), "-A %s -d %s -j %s", chain->name, dst ? dst : "-", target);
	rule->text = strdup(text);
	return rule;
}

static struct rule_walk_query query_new(const char *hook, const char *src, const char *dst,
					uint8_t proto, uint16_t dport)
{
	struct rule_walk_query query = {.has_mark = true, .ct_state = RULE_CT_NEW};
	struct address address;

	text_copy(query.hook, sizeof(query.hook), hook);
	query.packet.ip_version = 4;
	query.packet.proto = proto;
	query.packet.sport = 40000;
	query.packet.dport = dport;
	query.packet.icmp_type = 8;
	query.packet.tcp_flags = PACKET_TCP_SYN;
	assert_true(address_parse(src, &address));
	memcpy(query.packet.src, address.bytes, 16);
	assert_true(address_parse(dst, &address));
	memcpy(query.packet.dst, address.bytes, 16);
	return query;
}

static void empty_ruleset_accepts(void **state)
{
	struct ruleset ruleset = {0};
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.0.0.2", 6, 80);
	struct rule_walk_result result;
	struct rule_blame blame;

	(void)state;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	assert_true(result.definite);
	assert_int_equal(result.candidate_count, 0);
	assert_false(rule_blame(NULL, &ruleset, &query, 3, &blame));
	assert_int_equal(blame.basis, BLAME_NONE);
}

static void definite_drop_names_the_rule(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *forward = base_new(&ruleset, "filter", "FORWARD", 0);
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.244.1.7", 6, 80);
	struct rule_walk_result result;

	(void)state;
	rule_new(forward, RULE_DROP, "DROP", "10.244.2.0/24");
	rule_new(forward, RULE_DROP, "DROP", "10.244.1.7");
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_true(result.definite);
	assert_int_equal(result.rule->index, 2);
	/* nearest: the other rule */
	query.packet.dst[2] = 2;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.rule->index, 1);
	/* healthy: neither */
	query.packet.dst[2] = 3;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	/* another hook does not see it */
	query = query_new("INPUT", "10.0.0.1", "10.244.1.7", 6, 80);
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	ruleset_free(&ruleset);
}

static void jump_return_goto(void **state)
{
	struct ruleset ruleset = {0};
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.244.1.7", 6, 80);
	struct rule_walk_result result;
	struct filter_chain *chain;

	(void)state;
	chain = base_new(&ruleset, "filter", "FORWARD", 0);
	rule_new(chain, RULE_JUMP, "ONE", NULL);
	rule_new(chain, RULE_REJECT, "REJECT", NULL);
	chain = chain_new(&ruleset, "filter", "ONE");
	rule_new(chain, RULE_RETURN, "RETURN", "10.244.1.0/24");
	rule_new(chain, RULE_GOTO, "TWO", NULL);
	chain = chain_new(&ruleset, "filter", "TWO");
	rule_new(chain, RULE_DROP, "DROP", "10.9.9.9");
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_REJECT); /* returned, then rejected */
	query = query_new("FORWARD", "10.0.0.1", "10.9.9.9", 6, 80);
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_string_equal(result.chain->name, "TWO");
	/* goto: back to FORWARD after ONE's caller's rule, not into ONE */
	query = query_new("FORWARD", "10.0.0.1", "10.9.9.8", 6, 80);
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_REJECT);
	assert_true(result.definite);
	ruleset_free(&ruleset);
}

static void priority_decides_the_order(void **state)
{
	struct ruleset ruleset = {0};
	struct rule_walk_query query = query_new("PREROUTING", "10.0.0.1", "10.1.1.1", 17, 53);
	struct rule_walk_result result;

	(void)state;
	rule_new(base_new(&ruleset, "mangle", "PREROUTING", -150), RULE_DROP, "DROP", NULL);
	rule_new(base_new(&ruleset, "raw", "PREROUTING", -300), RULE_DROP, "DROP", NULL);
	rule_walk(&ruleset, &query, &result);
	assert_string_equal(result.chain->table, "raw");
	assert_int_equal(result.candidate_count, 1);
	ruleset_free(&ruleset);
}

static void policy_drop_has_no_rule(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *forward = base_new(&ruleset, "filter", "FORWARD", 0);
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.1.1.1", 1, 0);
	struct rule_walk_result result;
	struct rule_blame blame;
	char text[128];

	(void)state;
	forward->policy_drop = true;
	rule_new(forward, RULE_ACCEPT, "ACCEPT", "10.2.0.0/16");
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_null(result.rule);
	assert_ptr_equal(result.chain, forward);
	assert_true(rule_blame(NULL, &ruleset, &query, 3, &blame));
	assert_int_equal(blame.basis, BLAME_WALK);
	rule_describe(text, sizeof(text), blame.chain, blame.rule);
	assert_string_equal(text, "filter/FORWARD policy DROP");
	/* healthy: accepted by the rule */
	query.packet.dst[1] = 2;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	assert_non_null(result.rule);
	ruleset_free(&ruleset);
}

static void counters_choose_among_candidates(void **state)
{
	struct ruleset before = {0}, now = {0};
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.1.1.1", 6, 80);
	struct rule_walk_result result;
	struct rule_blame blame;

	(void)state;
	for (struct ruleset *set = &before; set; set = set == &before ? &now : NULL) {
		struct filter_chain *chain = base_new(set, "filter", "FORWARD", 0);

		rule_new(chain, RULE_DROP, "DROP", NULL)->undecided = true; /* an ipset */
		rule_new(chain, RULE_DROP, "DROP", "10.0.0.0/8")->undecided = true;
		chain->rules.items[0].packets = chain->rules.items[1].packets = 100;
	}
	rule_walk(&now, &query, &result);
	assert_int_equal(result.candidate_count, 2);
	assert_false(result.definite);
	now.chains.items[0].rules.items[1].packets = 103;
	assert_true(rule_blame(&before, &now, &query, 3, &blame));
	assert_int_equal(blame.rule->index, 2);
	assert_int_equal(blame.basis, BLAME_COUNTER);
	assert_int_equal(blame.growth, 3);
	assert_true(blame.exact);
	assert_int_equal(blame.others, 0);
	/* without a reading before, both may have */
	assert_true(rule_blame(NULL, &now, &query, 3, &blame));
	assert_int_equal(blame.basis, BLAME_ONLY_CANDIDATE);
	assert_int_equal(blame.others, 1);
	/* no counter moved: neither did it */
	now.chains.items[0].rules.items[1].packets = 100;
	assert_false(rule_blame(&before, &now, &query, 3, &blame));
	ruleset_free(&before);
	ruleset_free(&now);
}

/* A probe saw the table and base chain: what drops before it did not, and its only drop is the one. */
static void what_was_seen_narrows_the_walk(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *raw, *policy, *forward;
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.244.1.7", 6, 80);
	struct rule_blame blame;

	(void)state;
	base_new(&ruleset, "raw", "FORWARD", -300);
	base_new(&ruleset, "policies", "FORWARD", 0);
	base_new(&ruleset, "filter", "FORWARD", 1);
	array_each(chain, &ruleset.chains)
		chain->backend = RULES_NFT;
	raw = &ruleset.chains.items[0];
	policy = &ruleset.chains.items[1];
	forward = &ruleset.chains.items[2];
	rule_new(raw, RULE_DROP, "DROP", "10.244.1.0/24");
	rule_new(policy, RULE_DROP, "DROP", "10.244.1.7");
	rule_new(forward, RULE_DROP, "DROP", "10.244.1.7")->undecided = true;
	assert_true(rule_blame(NULL, &ruleset, &query, 0, &blame));
	assert_ptr_equal(blame.chain, raw);
	query.seen_table = "policies";
	query.seen_chain = "FORWARD";
	assert_true(rule_blame(NULL, &ruleset, &query, 0, &blame));
	assert_ptr_equal(blame.chain, policy);
	assert_int_equal(blame.others, 0);
	query.seen_table = "filter";
	assert_true(rule_blame(NULL, &ruleset, &query, 0, &blame));
	assert_ptr_equal(blame.chain, forward);
	assert_int_equal(blame.basis, BLAME_WALK); /* undecided, but nothing else can have */
	query.seen_chain = "INPUT";
	assert_false(rule_blame(NULL, &ruleset, &query, 0, &blame));
	query.seen_chain = NULL;
	query.seen_legacy = true; /* the table of that name is nftables' here */
	assert_false(rule_blame(NULL, &ruleset, &query, 0, &blame));
	forward->backend = RULES_LEGACY;
	assert_true(rule_blame(NULL, &ruleset, &query, 0, &blame));
	assert_ptr_equal(blame.chain, forward);
	ruleset_free(&ruleset);
}

static void a_moved_counter_beats_a_wrong_guess(void **state)
{
	struct ruleset before = {0}, now = {0};
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.1.1.1", 6, 80);
	struct rule_blame blame;

	(void)state;
	rule_new(base_new(&before, "filter", "FORWARD", 0), RULE_DROP, "DROP", NULL)->ct_state =
		RULE_CT_INVALID;
	rule_new(base_new(&now, "filter", "FORWARD", 0), RULE_DROP, "DROP", NULL)->ct_state =
		RULE_CT_INVALID;
	now.chains.items[0].rules.items[0].packets = 7;
	assert_true(rule_blame(&before, &now, &query, 7, &blame)); /* it was INVALID after all */
	assert_int_equal(blame.basis, BLAME_COUNTER);
	assert_false(rule_blame(NULL, &now, &query, 7, &blame));
	ruleset_free(&before);
	ruleset_free(&now);
}

static void marks_set_on_the_way_are_seen(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *chain = base_new(&ruleset, "filter", "OUTPUT", 0);
	struct rule_walk_query query = query_new("OUTPUT", "10.0.0.1", "10.1.1.1", 6, 80);
	struct rule_walk_result result;
	struct filter_rule *rule;

	(void)state;
	rule = rule_new(chain, RULE_MARK, "MARK", "10.1.0.0/16");
	rule->set_mark = rule->set_mark_mask = 0x8000;
	rule = rule_new(chain, RULE_DROP, "DROP", NULL);
	rule->mark = rule->mark_mask = 0x8000;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_true(result.definite);
	query.packet.dst[1] = 9;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	assert_int_equal(result.candidate_count, 0);
	/* a mark nobody knows leaves the rule possible */
	query.has_mark = false;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.candidate_count, 1);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	ruleset_free(&ruleset);
}

static void fields_are_matched(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *chain = base_new(&ruleset, "filter", "FORWARD", 0);
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.1.1.1", 6, 80);
	struct rule_ports ports = {
		.destination = true, .count = 2, .min = {22, 79}, .max = {22, 81}};
	struct filter_rule rule = {0};

	(void)state;
	strcpy(query.iif, "cni0");
	rule.dport_min = rule.dport_max = 80;
	rule.proto = IPPROTO_TCP;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 1);
	rule.not_dport = true;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0);
	rule = (struct filter_rule){.proto = IPPROTO_UDP, .not_proto = true, .ports = &ports};
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 1);
	ports.invert = true;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0);
	rule = (struct filter_rule){.iif = "cni+"};
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 1);
	rule.not_iif = true;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0);
	rule = (struct filter_rule){.oif = "eth0"}; /* the query does not know it */
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0.5);
	rule = (struct filter_rule){.tcp_mask = 0x17, .tcp_flags = 2};
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 1);
	query.packet.tcp_flags = 0x12;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0);
	rule = (struct filter_rule){.has_icmp_type = true, .icmp_type = 8};
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0); /* TCP */
	query.packet.proto = IPPROTO_ICMP;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 1);
	rule = (struct filter_rule){.dst_local = true};
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0.5);
	query.dst_local = -1;
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0);
	query.ct_state = RULE_CT_NEW | RULE_CT_ESTABLISHED;
	rule = (struct filter_rule){.ct_state = RULE_CT_NEW};
	assert_true(rule_match(&ruleset, chain, &rule, &query) == 0.5);
	ruleset_free(&ruleset);
}

/* Two endpoints of one Service, and one Service without any, as kube-proxy writes them. */
static void kube_proxy(struct ruleset *ruleset)
{
	struct filter_chain *chain;
	struct filter_rule *rule;

	rule_new(base_new(ruleset, "nat", "PREROUTING", -100), RULE_JUMP, "KUBE-SERVICES", NULL);
	chain = chain_new(ruleset, "nat", "KUBE-SERVICES");
	rule = rule_new(chain, RULE_JUMP, "KUBE-SVC-WEB", "10.96.0.20");
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 80;
	rule->comment = strdup("default/web:http cluster IP");
	rule = rule_new(chain, RULE_JUMP, "KUBE-NODEPORTS", NULL);
	rule->dst_local = true;
	chain = chain_new(ruleset, "nat", "KUBE-SVC-WEB");
	rule = rule_new(chain, RULE_JUMP, "KUBE-SEP-A", NULL);
	rule->undecided = true;
	rule->chance = 0.5;
	rule_new(chain, RULE_JUMP, "KUBE-SEP-B", NULL);
	for (unsigned i = 0; i < 2; i++) {
		chain = chain_new(ruleset, "nat", i ? "KUBE-SEP-B" : "KUBE-SEP-A");
		rule = rule_new(chain, RULE_DNAT, "DNAT", NULL);
		assert_true(address_parse(i ? "10.244.1.8" : "10.244.1.7", &rule->to));
		rule->to_port = 8080;
	}
	chain = chain_new(ruleset, "nat", "KUBE-NODEPORTS");
	rule = rule_new(chain, RULE_JUMP, "KUBE-SVC-WEB", NULL);
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 30080;
	rule->comment = strdup("default/web:http");
	chain = base_new(ruleset, "filter", "FORWARD", 0);
	rule_new(chain, RULE_JUMP, "KUBE-SERVICES", NULL);
	chain = chain_new(ruleset, "filter", "KUBE-SERVICES");
	rule = rule_new(chain, RULE_REJECT, "REJECT", "10.96.0.30");
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 80;
	rule->comment = strdup("default/empty:http has no endpoints");
	chain = chain_new(ruleset, "filter", "KUBE-EXTERNAL-SERVICES");
	chain = chain_new(ruleset, "filter", "KUBE-NODEPORTS");
	rule = rule_new(chain, RULE_DROP, "DROP", NULL);
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 30090;
	rule->comment = strdup("default/local:http has no local endpoints");
}

static void a_service_is_walked_to_its_endpoints(void **state)
{
	struct ruleset ruleset = {0};
	struct rule_walk_query query = query_new("PREROUTING", "10.244.1.5", "10.96.0.20", 6, 80);
	struct rule_walk_result result;

	(void)state;
	kube_proxy(&ruleset);
	rule_walk(&ruleset, &query, &result);
	assert_true(result.dnat);
	assert_int_equal(result.endpoint_count, 2);
	assert_true(result.endpoints[0].likelihood == 0.5);
	assert_int_equal(result.endpoints[1].port, 8080);
	assert_true(result.dnat_likelihood > 0.99);
	assert_string_equal(result.comment, "default/web:http cluster IP");
	assert_int_equal(result.path_len, 4);
	assert_string_equal(result.path[3], "KUBE-SEP-A");
	/* a later packet of the connection does not see the nat table */
	query.ct_state = RULE_CT_ESTABLISHED;
	rule_walk(&ruleset, &query, &result);
	assert_false(result.dnat);
	/* nearest: a port the Service does not have */
	query = query_new("PREROUTING", "10.244.1.5", "10.96.0.20", 6, 81);
	query.dst_local = -1;
	rule_walk(&ruleset, &query, &result);
	assert_false(result.dnat);
	ruleset_free(&ruleset);
}

static void services_are_looked_up(void **state)
{
	struct ruleset ruleset = {0};
	struct service_info info;
	struct address address, min, max;

	(void)state;
	assert_int_equal(service_any_rules(&ruleset), SERVICE_NONE);
	kube_proxy(&ruleset);
	assert_int_equal(service_any_rules(&ruleset), SERVICE_IPTABLES);
	assert_true(address_parse("10.96.0.20", &address));
	assert_true(service_lookup(&ruleset, address, IPPROTO_TCP, 80, &info));
	assert_string_equal(info.name, "default/web:http");
	assert_int_equal(info.endpoint_count, 2);
	assert_false(info.no_endpoints);
	assert_false(info.node_port);
	assert_false(service_lookup(&ruleset, address, IPPROTO_UDP, 80, &info));
	assert_int_equal(info.mode, SERVICE_NONE);
	assert_true(address_parse("10.96.0.30", &address));
	assert_true(service_lookup(&ruleset, address, IPPROTO_TCP, 80, &info));
	assert_true(info.no_endpoints);
	assert_false(info.local_only);
	assert_string_equal(info.name, "default/empty:http");
	assert_int_equal(info.rule->verdict, RULE_REJECT);
	assert_true(address_parse("192.168.1.11", &address));
	assert_true(service_lookup(&ruleset, address, IPPROTO_TCP, 30080, &info));
	assert_true(info.node_port);
	assert_int_equal(info.endpoint_count, 2);
	assert_true(service_lookup(&ruleset, address, IPPROTO_TCP, 30090, &info));
	assert_true(info.local_only);
	assert_false(info.no_endpoints);
	assert_false(service_lookup(&ruleset, address, IPPROTO_TCP, 30091, &info));
	assert_true(service_cluster_addresses(&ruleset, 4, &min, &max));
	assert_int_equal(min.bytes[3], 20);
	assert_int_equal(max.bytes[3], 30);
	assert_false(service_cluster_addresses(&ruleset, 6, &min, &max));
	ruleset_free(&ruleset);
}

static void sets_and_verdict_maps(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *chain = base_new(&ruleset, "x", "INPUT", 0);
	struct rule_walk_query query = query_new("INPUT", "10.9.1.1", "10.1.1.1", 6, 80);
	struct rule_set *set = array_push(&ruleset.sets);
	struct rule_element *element = array_push(&set->elements);
	struct rule_walk_result result;
	struct filter_rule *rule;

	(void)state;
	set->key_len = 4;
	memcpy(element->key, "\x0a\x09\0\0", 4);
	memcpy(element->key_end, "\x0a\x09\xff\xff", 4);
	rule = rule_new(chain, RULE_DROP, "drop", NULL);
	rule->lookups[0] =
		(struct rule_lookup){.set = 1, .field_count = 1, .fields = {RULE_FIELD_SRC}};
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_true(result.definite);
	query.packet.src[1] = 10;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	rule->lookups[0].invert = true;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	/* as a map over the connection's state: new is not among them */
	memset(element->key, 0, sizeof(element->key));
	memset(element->key_end, 0, sizeof(element->key_end));
	element->key[0] = element->key_end[0] = 2; /* established */
	element->verdict = RULE_DROP;
	rule->lookups[0] =
		(struct rule_lookup){.set = 1, .field_count = 1, .fields = {RULE_FIELD_CT_STATE}};
	rule->verdict_map = true;
	rule->verdict = RULE_OTHER;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	query.ct_state = RULE_CT_ESTABLISHED;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_ptr_equal(result.rule, rule);
	ruleset_free(&ruleset);
}

static void loops_end(void **state)
{
	struct ruleset ruleset = {0};
	struct rule_walk_query query = query_new("INPUT", "10.9.1.1", "10.1.1.1", 6, 80);
	struct rule_walk_result result;
	struct filter_chain *chain;

	(void)state;
	rule_new(base_new(&ruleset, "filter", "INPUT", 0), RULE_JUMP, "A", NULL);
	chain = chain_new(&ruleset, "filter", "A");
	for (int i = 0; i < 3; i++)
		rule_new(chain, RULE_JUMP, "A", NULL)->undecided = true;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_ACCEPT);
	ruleset_free(&ruleset);
}

static void owners_are_known_by_name(void **state)
{
	struct chain_owner owner;

	(void)state;
	assert_true(policy_chain_owner("cali-tw-cali1234", &owner));
	assert_true(owner.network_policy);
	assert_string_equal(owner.engine, "Calico");
	assert_string_equal(owner.policy, "ingress of workload cali1234");
	assert_true(policy_chain_owner("KUBE-NWPLCY-ABC", &owner));
	assert_string_equal(owner.policy, "policy ABC");
	assert_true(policy_chain_owner("KUBE-POD-FW-ABC", &owner));
	assert_true(owner.network_policy);
	assert_true(policy_chain_owner("WEAVE-NPC-DEFAULT", &owner));
	assert_true(policy_chain_owner("KUBE-FORWARD", &owner));
	assert_false(owner.network_policy);
	assert_true(policy_chain_owner("ufw-user-forward", &owner));
	assert_string_equal(owner.engine, "ufw");
	assert_true(policy_chain_owner("DOCKER-USER", &owner));
	assert_false(policy_chain_owner("FORWARD", &owner));
	assert_null(owner.engine);
}

/* Kept for its counters, a reading forgets what cannot drop: whom they blame stays the same. */
static void counters_are_kept(void **state)
{
	struct ruleset ruleset = {0};
	struct filter_chain *forward = base_new(&ruleset, "filter", "FORWARD", 0), *drops;
	struct filter_rule *rule;
	struct rule_set *set;
	uint64_t growth = 0;

	(void)state;
	rule_new(forward, RULE_JUMP, "KUBE-SERVICES", NULL);
	rule_new(chain_new(&ruleset, "nat", "KUBE-SVC-A"), RULE_JUMP, "KUBE-SEP-A", NULL);
	drops = chain_new(&ruleset, "filter", "DENY");
	rule_new(drops, RULE_ACCEPT, "ACCEPT", NULL);
	rule_new(drops, RULE_DROP, "DROP", NULL)->packets = 7;
	set = array_push(&ruleset.sets);
	((struct rule_element *)array_push(&set->elements))->verdict = RULE_GOTO;
	rule = rule_new(chain_new(&ruleset, "kube-proxy", "services"), RULE_CONTINUE, "", NULL);
	rule->verdict_map = true;
	rule->lookups[0].set = 1;
	rule = rule_new(chain_new(&ruleset, "mine", "map"), RULE_CONTINUE, "", NULL);
	rule->verdict_map = true; /* what it looks up is not known */
	ruleset_keep_counters(&ruleset);
	assert_int_equal(ruleset.chains.count, 3);
	assert_string_equal(ruleset.chains.items[0].name, "FORWARD");
	assert_string_equal(ruleset.chains.items[1].name, "DENY");
	assert_string_equal(ruleset.chains.items[2].name, "map");
	assert_int_equal(ruleset.sets.count, 0);
	drops = &ruleset.chains.items[1];
	struct filter_rule now = drops->rules.items[1];

	now.packets = 10;
	assert_true(rule_growth(&ruleset, drops, &now, &growth));
	assert_int_equal(growth, 3);
	ruleset_free(&ruleset);
}

struct shelf { /* a back end that has the rules of chain "LATER" */
	unsigned chains, sets;
	bool closed;
};

static void take_chain(struct ruleset *ruleset, void *data, size_t index)
{
	((struct shelf *)data)->chains++;
	rule_new(&ruleset->chains.items[index], RULE_DROP, "DROP", "10.0.0.2/32")->packets = 5;
}

static void take_set(struct ruleset *ruleset, void *data, size_t index)
{
	((struct shelf *)data)->sets++;
	((struct rule_element *)array_push(&ruleset->sets.items[index].elements))->verdict =
		RULE_DROP;
}

static void shelf_close(void *data)
{
	((struct shelf *)data)->closed = true;
}

/* What a back end left unread is read once, when the packet comes by, and not before. */
static void unread_chains_are_asked_for(void **state)
{
	struct rule_walk_query query = query_new("FORWARD", "10.0.0.1", "10.0.0.2", 6, 80);
	struct shelf shelf = {0};
	struct ruleset ruleset = {
		.sources = {[RULES_NFT] = {take_chain, take_set, shelf_close, &shelf}}};
	struct filter_chain *forward = base_new(&ruleset, "filter", "FORWARD", 0);
	struct rule_walk_result result;
	struct rule_blame blame;

	(void)state;
	rule_new(forward, RULE_JUMP, "LATER", "10.0.0.0/8");
	rule_new(forward, RULE_JUMP, "OTHER", "11.0.0.0/8");
	chain_new(&ruleset, "filter", "LATER")->unread = true;
	chain_new(&ruleset, "filter", "OTHER")->unread = true;
	array_each(chain, &ruleset.chains)
		chain->backend = RULES_NFT;
	((struct rule_set *)array_push(&ruleset.sets))->unread = true;
	rule_walk(&ruleset, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_string_equal(result.chain->name, "LATER");
	assert_true(rule_blame(NULL, &ruleset, &query, 5, &blame));
	assert_int_equal(shelf.chains, 1);
	assert_true(ruleset.chains.items[2].unread);
	assert_int_equal(shelf.sets, 0);
	assert_int_equal(ruleset_set(&ruleset, &ruleset.sets.items[0])->elements.count, 1);
	assert_int_equal(ruleset_set(&ruleset, &ruleset.sets.items[0])->elements.count, 1);
	assert_int_equal(shelf.sets, 1);
	assert_false(shelf.closed);
	ruleset_free(&ruleset);
	assert_true(shelf.closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_ruleset_accepts),
		cmocka_unit_test(definite_drop_names_the_rule),
		cmocka_unit_test(jump_return_goto),
		cmocka_unit_test(priority_decides_the_order),
		cmocka_unit_test(policy_drop_has_no_rule),
		cmocka_unit_test(counters_choose_among_candidates),
		cmocka_unit_test(what_was_seen_narrows_the_walk),
		cmocka_unit_test(a_moved_counter_beats_a_wrong_guess),
		cmocka_unit_test(marks_set_on_the_way_are_seen),
		cmocka_unit_test(fields_are_matched),
		cmocka_unit_test(a_service_is_walked_to_its_endpoints),
		cmocka_unit_test(services_are_looked_up),
		cmocka_unit_test(sets_and_verdict_maps),
		cmocka_unit_test(loops_end),
		cmocka_unit_test(owners_are_known_by_name),
		cmocka_unit_test(counters_are_kept),
		cmocka_unit_test(unread_chains_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
