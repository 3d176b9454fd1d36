// SPDX-License-Identifier: GPL-2.0-only
/*
 * Static rules in the small world of world.h: each fault, the nearest state that is none,
 * and the healthy node, which must be silent.
 */
#include "world.h"

#include "diagnose/check.h"

static struct resolv_conf resolver; /* of every pod */

static int read_resolver(struct facts *facts, const struct pod *pod, struct resolv_conf *conf)
{
	(void)facts;
	(void)pod;
	*conf = resolver;
	return 0;
}

static const struct facts_reader reader = {.resolv_conf = read_resolver};

static void resolver_set(const char *server, const char *search)
{
	memset(&resolver, 0, sizeof(resolver));
	resolver.known = true;
	resolver.nameservers[resolver.nameserver_count++] = ip(server);
	if (search[0])
		text_copy(resolver.search[resolver.search_count++], 256, search);
}

static struct filter_chain *add_chain(struct world *w, const char *table, const char *name,
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

static struct filter_rule *add_rule(struct filter_chain *chain, enum rule_verdict verdict,
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
static void add_services(struct world *w, const char *endpoint)
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

static void add_range(struct world *w)
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

static void add_reservations(struct world *w, unsigned count, unsigned stale)
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

static void check(struct world *w)
{
	finding_list_free(&w->list);
	memset(&w->list, 0, sizeof(w->list));
	w->diagnosis.check = true;
	assert_int_equal(diagnose(&w->diagnosis, &w->list), 0);
}

static void expect_silence(struct world *w)
{
	check(w);
	if (w->list.findings.count)
		fail_msg("%zu findings, first %s: %s", w->list.findings.count,
			 w->list.findings.items[0]->id, w->list.findings.items[0]->summary);
}

/* Exactly one finding, this one. */
static struct finding *expect(struct world *w, const char *id, enum severity severity)
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

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	static const char *const on[] = {"eth0", "flannel.1", "vethb0", "vethb1"};
	char name[96];

	world_make(w);
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
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	array_each(conf, &w->facts->config.confs)
		array_free(&conf->ranges);
	array_free(&w->facts->config.confs);
	w->facts->config.confs.items = NULL;
	world_free(w);
	free(w);
	return 0;
}

static void healthy_is_silent(void **state)
{
	expect_silence(*state);
}

static void device_of_a_pod_is_down(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, VETH_WEB)->flags = 0;
	assert_string_equal(expect(w, "link-down", SEVERITY_ERROR)->device, "vethb1");
	world_link(w, NODE, VETH_WEB)->flags = IFF_UP;
	world_link(w, WEB, POD_ETH0)->flags = 0;
	assert_string_equal(expect(w, "link-down", SEVERITY_ERROR)->pod, "default/web");
}

static void port_is_detached(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, VETH_WEB)->master = 0;
	expect(w, "bridge-port-detached", SEVERITY_ERROR);
}

/* A pod that is routed to (Calico) beside a docker0 that has nothing to do with it. */
static void routed_pod_needs_no_bridge(void **state)
{
	struct world *w = *state;
	struct netns_facts *node = world_ns(w, NODE);

	world_link(w, NODE, VETH_WEB)->master = 0;
	world_link(w, NODE, VETH_WEB)->is_port = false;
	array_each(entry, &node->addresses) {
		if (entry->ifindex == CNI0)
			entry->address = ip("172.17.0.1");
	}
	w->facts->config.has_subnet_env = false;
	expect_silence(w);
}

static void nic_is_down(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, ETH0)->carrier = false;
	assert_string_equal(expect(w, "link-down", SEVERITY_ERROR)->device, "eth0");
}

static void overlay_is_down_or_missing(void **state)
{
	struct world *w = *state;
	struct link *overlay = world_link(w, NODE, FLANNEL);

	overlay->flags = 0;
	world_del_route(w, NODE, "10.244.2.0", 24);
	assert_non_null(
		strstr(expect(w, "overlay-down", SEVERITY_ERROR)->summary, "10.244.0.0/16"));
	text_copy(overlay->kind, sizeof(overlay->kind), "other");
	assert_non_null(strstr(expect(w, "overlay-down", SEVERITY_ERROR)->summary, "missing"));
	w->facts->config.flannel_mtu = 1500; /* host-gw needs no tunnel */
	world_add_route(w, NODE, "10.244.2.0", 24, REMOTE_NODE, ETH0);
	expect_silence(w);
}

static void vpn_that_rests_is_no_overlay(void **state)
{
	struct world *w = *state;
	struct link *overlay = world_link(w, NODE, FLANNEL);

	text_copy(overlay->name, sizeof(overlay->name), "wg0");
	text_copy(overlay->kind, sizeof(overlay->kind), "wireguard");
	overlay->flags = 0;
	w->facts->config.flannel_mtu = 1500;
	world_del_route(w, NODE, "10.244.2.0", 24);
	expect_silence(w);
}

static void peer_lacks_an_entry(void **state)
{
	struct world *w = *state;
	struct netns_facts *node = world_ns(w, NODE);
	struct finding *finding;

	node->fdb.items[0].mac[5] = 0x99;
	finding = expect(w, "overlay-peer-missing", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "FDB"));
	node->fdb.items[0].mac[5] = 0x12;
	node->neighbours.items[0].has_mac = false;
	finding = expect(w, "overlay-peer-missing", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "neighbour"));
	assert_non_null(strstr(finding->evidence.items[finding->evidence.count - 1], REMOTE_NODE));
	/* A tunnel that learns finds out by itself. */
	world_link(w, NODE, FLANNEL)->learning = true;
	expect_silence(w);
}

static void old_mac_of_a_known_node_is_no_fault(void **state)
{
	struct world *w = *state;
	struct fdb_entry *old = array_push(&world_ns(w, NODE)->fdb);

	memset(old, 0, sizeof(*old));
	old->ifindex = FLANNEL;
	old->mac[5] = 0x77;
	old->dst = ip(REMOTE_NODE);
	expect_silence(w);
	old->dst = ip("192.168.1.13"); /* … of a node that nothing else names */
	expect(w, "overlay-peer-missing", SEVERITY_WARNING);
}

static void route_to_a_peer_is_gone(void **state)
{
	struct world *w = *state;
	struct finding *finding;

	world_del_route(w, NODE, "10.244.2.0", 24);
	finding = expect(w, "overlay-route-missing", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "10.244.2.0/24"));
	assert_non_null(strstr(finding->summary, "eth0"));
}

static void strict_filter_on_the_wrong_way_back(void **state)
{
	struct world *w = *state;

	world_del_route(w, NODE, "10.244.2.0", 24);
	world_add_route(w, NODE, "10.244.2.0", 24, REMOTE_NODE, ETH0);
	expect_silence(w); /* host-gw beside an old tunnel */
	world_sysctl(w, NODE, "net.ipv4.conf.all.rp_filter", "1");
	assert_string_equal(expect(w, "rp-filter", SEVERITY_ERROR)->device, "flannel.1");
	world_sysctl(w, NODE, "net.ipv4.conf.flannel.1.rp_filter", "2"); /* the larger one counts */
	expect_silence(w);
}

static void mtus_do_not_fit(void **state)
{
	struct world *w = *state;

	world_link(w, WEB, POD_ETH0)->mtu = world_link(w, NODE, VETH_WEB)->mtu = 1500;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_ERROR)->pod, "default/web");
	world_link(w, WEB, POD_ETH0)->mtu = world_link(w, NODE, VETH_WEB)->mtu = 1450;
	world_link(w, NODE, CNI0)->mtu = 1400;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_WARNING)->device, "cni0");
	world_link(w, NODE, CNI0)->mtu = 1450;
	w->facts->config.flannel_mtu = 1480;
	expect(w, "mtu-mismatch", SEVERITY_WARNING);
	w->facts->config.flannel_mtu = 1450;
	world_link(w, NODE, FLANNEL)->mtu = 1500;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_ERROR)->device, "flannel.1");
}

static void smallest_port_explains_the_bridge(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, VETH_WEB)->mtu = world_link(w, NODE, CNI0)->mtu = 1400;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_WARNING)->pod, "default/web");
}

static void forwarding_is_off(void **state)
{
	struct world *w = *state;

	world_sysctl(w, NODE, "net.ipv4.conf.cni0.forwarding", "0");
	assert_string_equal(expect(w, "ip-forward-disabled", SEVERITY_ERROR)->device, "cni0");
	world_sysctl(w, NODE, "net.ipv4.ip_forward", "0");
	assert_string_equal(expect(w, "ip-forward-disabled", SEVERITY_ERROR)->device, "");
	w->facts->pods.count = 0; /* no router is needed where no pods are */
	expect_silence(w);
}

static void bridge_netfilter_is_off(void **state)
{
	struct world *w = *state;
	const char *name = "net.bridge.bridge-nf-call-iptables";

	world_sysctl(w, NODE, name, "0");
	expect(w, "bridge-netfilter-off", SEVERITY_ERROR);
	array_each(fact, &w->facts->sysctls) {
		if (!strcmp(fact->name, name))
			fact->error = -ENOENT;
	}
	assert_string_equal(expect(w, "bridge-netfilter-off", SEVERITY_ERROR)->remedy.items[0],
			    "modprobe br_netfilter");
	array_each(fact, &w->facts->sysctls) {
		if (!strcmp(fact->name, name))
			fact->error = -EACCES; /* not known: nothing to say */
	}
	expect_silence(w);
}

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

static void address_is_held_twice(void **state)
{
	struct world *w = *state;
	struct finding *finding;

	world_add_link(w, WEB, 7, "docker0", "bridge", 1500, ROLE_OTHER, "");
	world_add_link(w, BUSYBOX, 7, "docker0", "bridge", 1500, ROLE_OTHER, "");
	world_add_address(w, WEB, 7, "172.17.0.1", 16);
	world_add_address(w, BUSYBOX, 7, "172.17.0.1", 16);
	expect_silence(w); /* containers in pods */
	world_add_address(w, BUSYBOX, POD_ETH0, WEB_IP, 24);
	finding = expect(w, "ip-conflict", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "default/web"));
	assert_non_null(strstr(finding->summary, "default/busybox"));
}

static void routes_refuse(void **state)
{
	struct world *w = *state;
	struct route *route = world_add_route(w, NODE, "203.0.113.0", 24, NULL, 0);

	route->type = 6;
	expect(w, "no-route", SEVERITY_WARNING);
	route->protocol = 80; /* Calico's own block */
	expect_silence(w);
	world_del_route(w, NODE, "0.0.0.0", 0);
	assert_non_null(strstr(expect(w, "no-route", SEVERITY_WARNING)->summary, "default"));
}

static void gateway_is_silent(void **state)
{
	struct world *w = *state;

	world_add_neighbour(w, NODE, ETH0, "192.168.1.1", 0, 0x20);
	expect(w, "neighbour-failed", SEVERITY_WARNING);
}

static void hairpin_is_off(void **state)
{
	struct world *w = *state;

	w->facts->config.confs.items[0].hairpin = true;
	world_link(w, NODE, VETH_WEB)->hairpin = true;
	assert_string_equal(expect(w, "hairpin-off", SEVERITY_WARNING)->pod, "default/busybox");
	world_link(w, NODE, CNI0)->flags |= IFF_PROMISC; /* kubelet's promiscuous-bridge */
	expect_silence(w);
}

static void pod_lost_its_route(void **state)
{
	struct world *w = *state;

	world_del_route(w, WEB, "0.0.0.0", 0);
	assert_string_equal(expect(w, "pod-config", SEVERITY_ERROR)->pod, "default/web");
}

static void many_pods_are_one_finding(void **state)
{
	struct finding_list list = {0};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct finding *finding = finding_new(&list, i == 3 ? "link-down" : "mtu-mismatch",
						      "mtu", SEVERITY_WARNING, BASIS_STATE);

		snprintf(finding->pod, sizeof(finding->pod), "default/pod-%u", i);
	}
	check_fold_pods(&list);
	assert_int_equal(list.findings.count, 2);
	assert_non_null(strstr(list.findings.items[0]->evidence.items[0], "8 pods"));
	assert_non_null(strstr(list.findings.items[0]->evidence.items[0], "default/pod-1"));
	assert_string_equal(list.findings.items[1]->id, "link-down");
	finding_list_free(&list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy_is_silent),
		TEST(device_of_a_pod_is_down),
		TEST(port_is_detached),
		TEST(routed_pod_needs_no_bridge),
		TEST(nic_is_down),
		TEST(overlay_is_down_or_missing),
		TEST(vpn_that_rests_is_no_overlay),
		TEST(peer_lacks_an_entry),
		TEST(old_mac_of_a_known_node_is_no_fault),
		TEST(route_to_a_peer_is_gone),
		TEST(strict_filter_on_the_wrong_way_back),
		TEST(mtus_do_not_fit),
		TEST(smallest_port_explains_the_bridge),
		TEST(forwarding_is_off),
		TEST(bridge_netfilter_is_off),
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
		TEST(resolvers_differ),
		TEST(address_is_held_twice),
		TEST(routes_refuse),
		TEST(gateway_is_silent),
		TEST(hairpin_is_off),
		TEST(pod_lost_its_route),
		cmocka_unit_test(many_pods_are_one_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
