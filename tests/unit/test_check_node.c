// SPDX-License-Identifier: GPL-2.0-only
/*
 * Static rules about what others keep on the node: the connection table, address reservations,
 * CNI files, firewall and Service rules, resolvers. Each fault and the nearest state that is none.
 */
#include "check_world.h"

static void connection_table_fills(void **state)
{
	struct world *w = *state;
	struct conntrack_stats *stats = &world_ns(w, NODE)->conntrack;

	stats->max = 1000;
	stats->count = 799;
	expect_silence(w);
	stats->count = 800;
	expect(w, "conntrack-full", SEVERITY_WARNING);
	stats->count = 980;
	expect(w, "conntrack-full", SEVERITY_ERROR);
}

static void reservations_fill_the_range(void **state)
{
	struct world *w = *state;

	add_reservations(w, 20, 0);
	expect_silence(w);
	w->facts->config.reservations.items[0].stale = true;
	expect(w, "ipam-stale", SEVERITY_INFO);
	array_free(&w->facts->config.reservations);
	add_reservations(w, 60, 50);
	expect(w, "ipam-stale", SEVERITY_WARNING);
	array_free(&w->facts->config.reservations);
	add_reservations(w, 250, 50);
	expect(w, "ipam-exhausted", SEVERITY_WARNING);
	array_free(&w->facts->config.reservations);
	add_reservations(w, 253, 50); /* .2 to .254: the gateway is never given out */
	expect(w, "ipam-exhausted", SEVERITY_ERROR);
}

static void configurations_compete(void **state)
{
	struct world *w = *state;
	struct cni_conf *second = array_push(&w->facts->config.confs);

	memset(second, 0, sizeof(*second));
	text_copy(second->file, sizeof(second->file), "99-loopback.conf");
	text_copy(second->type, sizeof(second->type), "loopback");
	expect_silence(w);
	text_copy(second->type, sizeof(second->type), "bridge");
	expect(w, "cni-conflists", SEVERITY_INFO);
	text_copy(second->type, sizeof(second->type), "calico");
	text_copy(w->facts->config.confs.items[0].type, 32, "bridge"); /* hides the cluster's */
	expect(w, "cni-conflists", SEVERITY_WARNING);
	text_copy(w->facts->pods.items[0].cni_network, 64, "podman");
	expect(w, "cni-subnet-mismatch", SEVERITY_WARNING);
}

static void configuration_is_broken(void **state)
{
	struct world *w = *state;

	text_copy(w->facts->config.confs.items[0].error, 128, "it is not JSON");
	expect(w, "cni-config", SEVERITY_ERROR);
}

static void bridge_and_flannel_disagree(void **state)
{
	struct world *w = *state;

	w->facts->config.flannel_subnet = ip("10.244.7.1");
	expect(w, "cni-subnet-mismatch", SEVERITY_ERROR);
}

static void pods_of_another_range(void **state)
{
	struct world *w = *state;

	w->facts->config.confs.items[0].ranges.items[0].subnet = ip("10.244.9.0");
	w->facts->config.confs.items[0].ranges.items[0].first = ip("10.244.9.1");
	w->facts->config.confs.items[0].ranges.items[0].last = ip("10.244.9.254");
	assert_non_null(
		strstr(expect(w, "cni-subnet-mismatch", SEVERITY_WARNING)->summary, "2 of 2"));
}

static void forward_policy_drops(void **state)
{
	struct world *w = *state;
	struct filter_chain *forward = add_chain(w, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule;

	forward->policy_drop = true;
	expect(w, "forward-policy-drop", SEVERITY_ERROR);
	rule = add_rule(forward, RULE_ACCEPT, "ACCEPT", "");
	rule->src = ip("10.244.0.0");
	rule->src_len = 16;
	expect_silence(w);
}

static void rule_drops_pings(void **state)
{
	struct world *w = *state;
	struct filter_chain *forward = add_chain(w, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule = add_rule(forward, RULE_DROP, "DROP", "");

	rule->src = ip("198.51.100.1"); /* somebody else's packets */
	rule->src_len = 32;
	expect_silence(w);
	rule->src = ip(BUSYBOX_IP);
	rule->proto = IPPROTO_ICMP;
	assert_non_null(strstr(expect(w, "netfilter-drop", SEVERITY_WARNING)->summary, "FORWARD"));
	text_copy(forward->name, sizeof(forward->name), "KUBE-POD-FW-ABC"); /* kube-router */
	expect(w, "network-policy-drop", SEVERITY_INFO);
}

static void masquerading_is_missing(void **state)
{
	struct world *w = *state;
	struct filter_chain *chain;

	w->facts->config.flannel_ipmasq = true;
	add_rule(add_chain(w, "nat", "KUBE-POSTROUTING", ""), RULE_MASQUERADE, "MASQUERADE", "");
	expect(w, "masquerade-missing", SEVERITY_ERROR);
	chain = add_chain(w, "nat", "FLANNEL-POSTRTG", "");
	add_rule(chain, RULE_MASQUERADE, "MASQUERADE", "flanneld masq");
	expect_silence(w);
}

static void no_service_rules(void **state)
{
	struct world *w = *state;

	array_each(chain, &world_ns(w, NODE)->rules.chains) {
		array_each(rule, &chain->rules) {
			free(rule->text);
			free(rule->comment);
		}
		array_free(&chain->rules);
	}
	assert_non_null(
		strstr(expect(w, "service-rules-missing", SEVERITY_ERROR)->summary, DNS_IP));
	*(char **)array_push(&world_ns(w, NODE)->rules.unread) = (char *)"not all of them";
	expect_silence(w); /* then they may be among those that were not read */
	array_free(&world_ns(w, NODE)->rules.unread);
	resolver_set("192.168.1.1", ""); /* no pod knows of a Service */
	expect_silence(w);
}

static void listen_on(struct world *w, uint16_t port)
{
	struct socket_fact *socket = array_push(&world_ns(w, NODE)->sockets);

	memset(socket, 0, sizeof(*socket));
	socket->version = 4;
	socket->proto = IPPROTO_TCP;
	socket->state = 10;
	socket->local_port = port;
}

static void nobody_keeps_the_rules(void **state)
{
	struct world *w = *state;

	listen_on(w, 10250);
	expect(w, "kube-proxy-absent", SEVERITY_WARNING);
	listen_on(w, 10256);
	expect_silence(w);
}

static void endpoint_is_gone(void **state)
{
	struct world *w = *state;
	struct filter_rule *rule = &world_ns(w, NODE)->rules.chains.items[1].rules.items[0];

	rule->to = ip("10.244.1.99");
	expect(w, "service-endpoint-dead", SEVERITY_ERROR);
	world_ns(w, WEB)->failed = FACT_ADDRESSES; /* it may be hidden there */
	expect_silence(w);
	world_ns(w, WEB)->failed = 0;
	world_add_neighbour(w, NODE, CNI0, "10.244.1.99", 0x42, 0x02); /* it answers */
	expect_silence(w);
	rule->to = ip(REMOTE_IP); /* another node's to know */
	expect_silence(w);
}

/* The same where IPVS serves: the address stands for the name. */
static void server_is_gone(void **state)
{
	struct world *w = *state;
	struct ruleset *rules = &world_ns(w, NODE)->rules;
	struct ipvs_service *service = array_push(&rules->ipvs);
	struct ipvs_server *server = array_push(&rules->ipvs_servers);
	struct finding *finding;

	*service = (struct ipvs_service){
		.address = ip(SERVICE_IP), .proto = IPPROTO_TCP, .port = 80, .count = 1};
	*server = (struct ipvs_server){.address = ip("10.244.1.99"), .port = 80, .weight = 1};
	finding = expect(w, "service-endpoint-dead", SEVERITY_ERROR);
	assert_text(finding, "service", SERVICE_IP ":80");
	assert_text(finding, "endpoint", "10.244.1.99:80");
	server->weight = 0; /* it is being drained */
	expect_silence(w);
	*server = (struct ipvs_server){.address = ip(REMOTE_IP), .port = 80, .weight = 1};
	expect_silence(w);
	service->count = 0; /* no server is no dead one */
	expect_silence(w);
}

static void resolvers_differ(void **state)
{
	struct world *w = *state;

	w->facts->pods.count = 1;
	resolver_set("203.0.113.53", "default.svc.cluster.local");
	expect(w, "dns-config", SEVERITY_ERROR);
	resolver_set("203.0.113.53", ""); /* dnsPolicy Default, perhaps meant */
	expect(w, "dns-config", SEVERITY_WARNING);
	resolver_set(DNS_IP, "example.com");
	expect(w, "dns-config", SEVERITY_WARNING);
	resolver_set("169.254.20.10", "default.svc.cluster.local"); /* NodeLocal DNSCache */
	expect_silence(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connection_table_fills),
		TEST(reservations_fill_the_range),
		TEST(configurations_compete),
		TEST(configuration_is_broken),
		TEST(bridge_and_flannel_disagree),
		TEST(pods_of_another_range),
		TEST(forward_policy_drops),
		TEST(rule_drops_pings),
		TEST(masquerading_is_missing),
		TEST(no_service_rules),
		TEST(nobody_keeps_the_rules),
		TEST(endpoint_is_gone),
		TEST(server_is_gone),
		TEST(resolvers_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
