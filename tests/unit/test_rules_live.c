// SPDX-License-Identifier: GPL-2.0-only
/*
 * The readers against the real tools: rules are put into a network namespace of this
 * process alone by iptables-nft, iptables-legacy and nft, read back, and packets are sent
 * to see counters and blame agree. Skipped without root or without a tool.
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

static int run(const char *command)
{
	char line[4096];

	snprintf(line, sizeof(line), "exec >/dev/null 2>&1; %s", command);
	return system(line);
}

/* A fresh namespace for every test; the one before goes with its last user. */
static bool fresh_namespace(const char *tool)
{
	char command[128];

	if (geteuid() != 0 || unshare(CLONE_NEWNET))
		return false;
	snprintf(command, sizeof(command), "command -v %s && ip link set lo up", tool);
	return run(command) == 0;
}

static void read_rules(struct netns_facts *ns)
{
	struct error error = {0};

	memset(ns, 0, sizeof(*ns));
	assert_int_equal(rules_read(ns, &error), 0);
	assert_int_equal(ns->rules.unread.count, 0);
}

static const struct filter_chain *chain_of(const struct netns_facts *ns, const char *table,
					   const char *name)
{
	array_each(chain, &ns->rules.chains) {
		if (!strcmp(chain->table, table) && !strcmp(chain->name, name))
			return chain;
	}
	fail_msg("no chain %s %s", table, name);
	return NULL;
}

static bool has_text(const struct netns_facts *ns, const char *line)
{
	array_each(chain, &ns->rules.chains) {
		array_each(rule, &chain->rules) {
			if (!strcmp(rule->text, line))
				return true;
		}
	}
	return false;
}

/* Every "-A" line that the tool saves must be a rule's text, and none more be read. */
static void compare_with_save(const struct netns_facts *ns, const char *tool)
{
	char command[64], line[1024];
	size_t lines = 0, rules = 0;
	FILE *save;

	snprintf(command, sizeof(command), "%s-save 2>/dev/null", tool);
	save = popen(command, "r");
	assert_non_null(save);
	while (fgets(line, sizeof(line), save)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "-A ", 3))
			continue;
		lines++;
		if (!has_text(ns, line))
			fail_msg("not read: %s", line);
	}
	pclose(save);
	array_each(chain, &ns->rules.chains)
		rules += chain->rules.count;
	assert_int_equal(lines, rules);
	assert_true(lines > 0);
}

static const char *const iptables_rules[] = {
	"-A INPUT -s 10.0.0.0/8 -p tcp -m multiport --dports 80,443,1000:2000 -m comment "
	"--comment 'x y' -m mark --mark 0x4000/0x4000 -j DROP",
	"-A INPUT ! -s 10.1.0.0/17 -i eth+ -p udp --sport 53 --dport 1000:2000 -j RETURN",
	"-A INPUT ! -i lo -p tcp ! --dport 22 -j ACCEPT",
	"-A FORWARD -d 10.2.3.4 -o eth0 -p tcp --syn -m limit --limit 5/min -j LOG --log-prefix 'a "
	"b'",
	"-A FORWARD -m conntrack --ctstate INVALID -j DROP",
	"-A FORWARD -m conntrack ! --ctstate NEW,RELATED -j DROP",
	"-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
	"-A FORWARD -p icmp --icmp-type 8 -j REJECT --reject-with icmp-host-prohibited",
	"-A FORWARD -p tcp -j REJECT --reject-with tcp-reset",
	"-A FORWARD -m statistic --mode random --probability 0.5 -j DROP",
	"-A FORWARD -m statistic --mode nth --every 3 --packet 0 -j DROP",
	"-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT",
	"-A FORWARD -s 1.2.3.4/255.0.255.0 -j DROP",
	"-t nat -A PREROUTING -d 10.96.0.1 -p tcp --dport 443 -m comment --comment "
	"default/web:http "
	"-j DNAT --to-destination 10.1.1.1:6443",
	"-t nat -A PREROUTING -p tcp -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 8080",
	"-t nat -A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
	"-t nat -A POSTROUTING -j MARK --set-xmark 0x4000/0x0",
	"-t nat -A POSTROUTING -s 10.0.0.0/8 -j SNAT --to-source 192.0.2.1",
	"-t nat -A POSTROUTING -j MASQUERADE --random-fully",
	"-t raw -A PREROUTING -p udp --dport 53 -j CT --notrack",
	"-t mangle -A FORWARD -j CONNMARK --save-mark",
};

static void texts_equal_iptables_save(const char *tool)
{
	struct netns_facts ns;
	char command[512];

	if (!fresh_namespace(tool))
		skip();
	for (size_t i = 0; i < sizeof(iptables_rules) / sizeof(*iptables_rules); i++) {
		snprintf(command, sizeof(command), "%s %s", tool, iptables_rules[i]);
		if (run(command))
			print_message("not here: %s\n", command); /* a module this kernel lacks */
	}
	read_rules(&ns);
	compare_with_save(&ns, tool);
	array_each(chain, &ns.rules.chains)
		assert_true(chain->iptables);
	ruleset_free(&ns.rules);
}

static void texts_equal_iptables_nft_save(void **state)
{
	(void)state;
	texts_equal_iptables_save("iptables-nft");
}

static void texts_equal_iptables_legacy_save(void **state)
{
	(void)state;
	texts_equal_iptables_save("iptables-legacy");
}

static void texts_equal_ip6tables_save(const char *tool)
{
	struct netns_facts ns;
	char command[512];

	if (!fresh_namespace(tool))
		skip();
	snprintf(command, sizeof(command),
		 "%s -A INPUT -s fd00::/8 -p icmpv6 --icmpv6-type 128 -j DROP && "
		 "%s -A INPUT ! -d fd00::1 -p tcp --dport 80 -j REJECT",
		 tool, tool);
	assert_int_equal(run(command), 0);
	read_rules(&ns);
	compare_with_save(&ns, tool);
	assert_int_equal(chain_of(&ns, "filter", "INPUT")->family, 6);
	ruleset_free(&ns.rules);
}

static void texts_equal_ip6tables_nft_save(void **state)
{
	(void)state;
	texts_equal_ip6tables_save("ip6tables-nft");
}

static void texts_equal_ip6tables_legacy_save(void **state)
{
	(void)state;
	texts_equal_ip6tables_save("ip6tables-legacy");
}

/* Looking must leave no trace: a table that nobody uses is not loaded by it. */
static void reading_creates_no_table(void **state)
{
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("nft"))
		skip();
	read_rules(&ns);
	assert_int_equal(ns.rules.chains.count, 0);
	assert_int_not_equal(run("grep -q . /proc/self/net/ip_tables_names"), 0);
	assert_int_not_equal(run("nft list ruleset | grep -q ."), 0);
	ruleset_free(&ns.rules);
}

static struct rule_walk_query echo_to_lo(const char *hook)
{
	struct rule_walk_query query = {.has_mark = true, .ct_state = RULE_CT_NEW, .dst_local = 1};

	text_copy(query.hook, sizeof(query.hook), hook);
	text_copy(query.iif, sizeof(query.iif), "lo");
	query.packet.ip_version = 4;
	query.packet.proto = IPPROTO_ICMP;
	query.packet.icmp_type = 8;
	memcpy(query.packet.src, "\x7f\0\0\1", 4);
	memcpy(query.packet.dst, "\x7f\0\0\1", 4);
	return query;
}

/* Three pings into a rule: the counter says so, and the blame falls on it. */
static void pings_are_blamed(const char *tool, const char *setup, const char *table,
			     const char *chain, uint32_t index, enum rule_verdict verdict)
{
	struct rule_walk_query query = echo_to_lo("INPUT");
	struct netns_facts before, now;
	struct rule_blame blame;

	if (!fresh_namespace(tool))
		skip();
	assert_int_equal(run(setup), 0);
	read_rules(&before);
	run("ping -n -c 3 -i 0.05 -W 1 127.0.0.1");
	read_rules(&now);
	assert_true(rule_blame(&before.rules, &now.rules, &query, 3, &blame));
	assert_string_equal(blame.chain->table, table);
	assert_string_equal(blame.chain->name, chain);
	assert_int_equal(blame.verdict, verdict);
	if (index) {
		assert_non_null(blame.rule);
		assert_int_equal(blame.rule->index, index);
		assert_int_equal(blame.basis, BLAME_COUNTER);
		assert_int_equal(blame.growth, 3);
		assert_true(blame.rule->bytes >= 3 * 84);
	} else {
		assert_null(blame.rule);
		assert_int_not_equal(blame.basis, BLAME_NONE);
	}
	ruleset_free(&before.rules);
	ruleset_free(&now.rules);
}

static void iptables_nft_drop(void **state)
{
	(void)state;
	pings_are_blamed(
		"iptables-nft",
		"iptables-nft -N IN; iptables-nft -A INPUT -j IN; iptables-nft -A IN -s 10.0.0.0/8 "
		"-j DROP; iptables-nft -A IN -p icmp -m comment --comment why -j DROP",
		"filter", "IN", 2, RULE_DROP);
}

static void iptables_legacy_reject(void **state)
{
	(void)state;
	pings_are_blamed(
		"iptables-legacy",
		"iptables-legacy -A INPUT -p tcp -j DROP; iptables-legacy -A INPUT -p icmp "
		"--icmp-type 8 -j REJECT",
		"filter", "INPUT", 2, RULE_REJECT);
}

static void iptables_legacy_policy(void **state)
{
	(void)state;
	pings_are_blamed("iptables-legacy",
			 "iptables-legacy -A INPUT -p tcp -j DROP; iptables-legacy -P INPUT DROP",
			 "filter", "INPUT", 0, RULE_DROP);
}

static void iptables_nft_raw_drop(void **state)
{
	struct rule_walk_query query = echo_to_lo("PREROUTING");
	struct rule_walk_result result;
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("iptables-nft"))
		skip();
	assert_int_equal(run("iptables-nft -t raw -A PREROUTING -p icmp -j DROP"), 0);
	read_rules(&ns);
	rule_walk(&ns.rules, &query, &result);
	assert_int_equal(result.verdict, RULE_DROP);
	assert_string_equal(result.chain->table, "raw");
	assert_int_equal(result.chain->priority, -300);
	ruleset_free(&ns.rules);
}

static void nft_drop_by_set(void **state)
{
	(void)state;
	pings_are_blamed(
		"nft",
		"nft 'table inet t { set bad { type ipv4_addr; flags interval; "
		"elements = { 10.0.0.0/8, 127.0.0.0/8 }; }; chain in { type filter hook input "
		"priority 0; policy accept; ip saddr 10.1.1.1 counter drop; ip saddr @bad icmp "
		"type echo-request counter drop comment \"why\"; }; }'",
		"t", "in", 2, RULE_DROP);
}

static void nft_policy(void **state)
{
	(void)state;
	pings_are_blamed(
		"nft",
		"nft 'table inet t { chain in { type filter hook input priority 0; policy drop; "
		"ct state vmap { established : accept, related : accept }; tcp dport 22 accept; }; "
		"}'",
		"t", "in", 0, RULE_DROP);
}

static void nft_texts(void **state)
{
	static const char *const texts[] = {
		"ip saddr 10.244.1.10 icmp type echo-request counter packets 0 bytes 0 drop",
		"iifname \"eth*\" tcp dport { 22, 80-90 } accept",
		"ct state established,related accept",
		"tcp dport 1000-2000 tcp flags syn / fin,syn,rst,ack limit rate 5/second drop",
		"ip saddr 10.0.0.0/8 udp sport != 53 meta mark set meta mark | 0x00004000",
		"ip saddr @bad log prefix \"bad \" reject with icmp host-unreachable",
		"fib daddr type local meta l4proto { tcp, udp } th dport 53 reject",
		"jump sub",
		"return comment \"why not\"",
	};
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("nft"))
		skip();
	assert_int_equal(
		run("nft 'table ip t { set bad { type ipv4_addr; }; chain sub { return comment "
		    "\"why not\"; }; chain in { type filter hook input priority 0; "
		    "ip saddr 10.244.1.10 icmp type echo-request counter drop; "
		    "iifname \"eth*\" tcp dport { 22, 80-90 } accept; "
		    "ct state established,related accept; "
		    "tcp dport 1000-2000 tcp flags & (fin|syn|rst|ack) == syn limit rate 5/second "
		    "drop; "
		    "ip saddr 10.0.0.0/8 udp sport != 53 meta mark set mark or 0x4000; "
		    "ip saddr @bad log prefix \"bad \" reject with icmp type host-unreachable; "
		    "fib daddr type local meta l4proto { tcp, udp } th dport 53 reject; "
		    "jump sub; }; }'"),
		0);
	read_rules(&ns);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!has_text(&ns, texts[i]))
			print_error("missing: %s\n", texts[i]);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_true(has_text(&ns, texts[i]));
	array_each(chain, &ns.rules.chains)
		assert_false(chain->iptables);
	ruleset_free(&ns.rules);
}

/* The Service of both modes, as kube-proxy writes it. */
static void service_is_found(const struct netns_facts *ns, enum service_mode mode)
{
	struct rule_walk_query query = {.ct_state = RULE_CT_NEW, .has_mark = true, .dst_local = -1};
	struct rule_walk_result result;
	struct service_info info;
	struct address address;

	assert_true(address_parse("10.96.0.20", &address));
	assert_int_equal(service_any_rules(&ns->rules), mode);
	assert_true(service_lookup(&ns->rules, address, IPPROTO_TCP, 80, &info));
	assert_int_equal(info.mode, mode);
	assert_string_equal(info.name, "default/web:http");
	assert_int_equal(info.endpoint_count, 2);
	assert_int_equal(info.endpoints[0].port, 8080);
	text_copy(query.hook, sizeof(query.hook), "PREROUTING");
	query.packet.ip_version = 4;
	query.packet.proto = IPPROTO_TCP;
	query.packet.dport = 80;
	memcpy(query.packet.src, "\x0a\xf4\1\5", 4);
	memcpy(query.packet.dst, address.bytes, 4);
	rule_walk(&ns->rules, &query, &result);
	assert_true(result.dnat);
	assert_int_equal(result.endpoint_count, 2);
	assert_true(result.endpoints[0].likelihood > 0.49 && result.endpoints[0].likelihood < 0.51);
	assert_true(address_parse("10.96.0.30", &address));
	assert_true(service_lookup(&ns->rules, address, IPPROTO_TCP, 80, &info));
	assert_true(info.no_endpoints);
	assert_false(service_lookup(&ns->rules, address, IPPROTO_TCP, 81, &info));
	assert_true(service_lookup(&ns->rules, address, IPPROTO_TCP, 30080, &info));
	assert_true(info.node_port);
}

static void kube_proxy_iptables(void **state)
{
	static const char restore[] =
		"%s-restore <<'X'\n*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
		":KUBE-NODEPORTS - [0:0]\n:KUBE-SVC-AAAABBBBCCCCDDDD - [0:0]\n"
		":KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n:KUBE-SEP-BBBBBBBBBBBBBBBB - [0:0]\n"
		":KUBE-MARK-MASQ - [0:0]\n"
		"-A PREROUTING -m comment --comment \"kubernetes service portals\" -j "
		"KUBE-SERVICES\n"
		"-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n"
		"-A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment \"default/web:http "
		"cluster IP\" "
		"-m tcp --dport 80 -j KUBE-SVC-AAAABBBBCCCCDDDD\n"
		"-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n"
		"-A KUBE-NODEPORTS -p tcp -m comment --comment default/web:http -m tcp --dport "
		"30080 "
		"-j KUBE-SVC-AAAABBBBCCCCDDDD\n"
		"-A KUBE-SVC-AAAABBBBCCCCDDDD ! -s 10.244.0.0/16 -d 10.96.0.20/32 -p tcp -m tcp "
		"--dport 80 "
		"-j KUBE-MARK-MASQ\n"
		"-A KUBE-SVC-AAAABBBBCCCCDDDD -m statistic --mode random --probability 0.5 "
		"-j KUBE-SEP-AAAAAAAAAAAAAAAA\n"
		"-A KUBE-SVC-AAAABBBBCCCCDDDD -j KUBE-SEP-BBBBBBBBBBBBBBBB\n"
		"-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m tcp -j DNAT --to-destination "
		"10.244.1.7:8080\n"
		"-A KUBE-SEP-BBBBBBBBBBBBBBBB -p tcp -m tcp -j DNAT --to-destination "
		"10.244.1.8:8080\n"
		"COMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n-A FORWARD -j "
		"KUBE-SERVICES\n"
		"-A KUBE-SERVICES -d 10.96.0.30/32 -p tcp -m comment --comment "
		"\"default/empty:http has no endpoints\" -m tcp --dport 80 -j REJECT\nCOMMIT\nX\n";
	static const char *const tools[] = {"iptables-nft", "iptables-legacy"};
	struct netns_facts ns;
	char command[4000];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		if (!fresh_namespace(tools[i]))
			skip();
		snprintf(command, sizeof(command), restore, tools[i]);
		assert_int_equal(run(command), 0);
		read_rules(&ns);
		service_is_found(&ns, SERVICE_IPTABLES);
		ruleset_free(&ns.rules);
	}
}

static void kube_proxy_nftables(void **state)
{
	struct netns_facts ns;

	(void)state;
	if (!fresh_namespace("nft"))
		skip();
	assert_int_equal(
		run("nft -f - <<'X'\ntable ip kube-proxy {\n"
		    "map service-ips { type ipv4_addr . inet_proto . inet_service : verdict\n"
		    " elements = { 10.96.0.20 . tcp . 80 : goto "
		    "service-2QRHZV4L-default/web/tcp/http }\n }\n"
		    "map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : "
		    "verdict\n"
		    " elements = { 10.96.0.30 . tcp . 80 : goto reject-chain }\n }\n"
		    "map service-nodeports { type inet_proto . inet_service : verdict\n"
		    " elements = { tcp . 30080 : goto service-2QRHZV4L-default/web/tcp/http }\n }\n"
		    "set nodeport-ips { type ipv4_addr\n elements = { 192.168.1.11 }\n }\n"
		    "chain reject-chain {\n reject\n }\n"
		    "chain endpoint-AAAAAAAA-default/web/tcp/http__10.244.1.7/8080 {\n"
		    " meta l4proto tcp dnat to 10.244.1.7:8080\n }\n"
		    "chain endpoint-BBBBBBBB-default/web/tcp/http__10.244.1.8/8080 {\n"
		    " meta l4proto tcp dnat to 10.244.1.8:8080\n }\n"
		    "chain service-2QRHZV4L-default/web/tcp/http {\n numgen random mod 2 vmap { "
		    "0 : goto endpoint-AAAAAAAA-default/web/tcp/http__10.244.1.7/8080, "
		    "1 : goto endpoint-BBBBBBBB-default/web/tcp/http__10.244.1.8/8080 }\n }\n"
		    "chain services {\n ip daddr . meta l4proto . th dport vmap @service-ips\n"
		    " ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports\n }\n"
		    "chain endpoints-check {\n ip daddr . meta l4proto . th dport vmap "
		    "@no-endpoint-services\n }\n"
		    "chain nat-prerouting {\n type nat hook prerouting priority dstnat\n jump "
		    "services\n }\n"
		    "chain filter-forward {\n type filter hook forward priority -110\n ct state "
		    "new jump "
		    "endpoints-check\n }\n}\nX\n"),
		0);
	read_rules(&ns);
	service_is_found(&ns, SERVICE_NFTABLES);
	ruleset_free(&ns.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_equal_iptables_nft_save),
		cmocka_unit_test(texts_equal_iptables_legacy_save),
		cmocka_unit_test(texts_equal_ip6tables_nft_save),
		cmocka_unit_test(texts_equal_ip6tables_legacy_save),
		cmocka_unit_test(reading_creates_no_table),
		cmocka_unit_test(iptables_nft_drop),
		cmocka_unit_test(iptables_legacy_reject),
		cmocka_unit_test(iptables_legacy_policy),
		cmocka_unit_test(iptables_nft_raw_drop),
		cmocka_unit_test(nft_drop_by_set),
		cmocka_unit_test(nft_policy),
		cmocka_unit_test(nft_texts),
		cmocka_unit_test(kube_proxy_iptables),
		cmocka_unit_test(kube_proxy_nftables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
