/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules about ports and Services: what listens where, what a Service leads to, and what the
 * CNI must have set up for both. Each fault, and the nearest state that is none.
 */
#include "world.h"

static struct world w;

static int begin(void **state)
{
	(void)state;
	world_make(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_free(&w);
	return 0;
}

/* A connection to web that ends with RST. */
static struct flow *refused(struct world *world, uint16_t port, bool service)
{
	struct flow *flow = world_flow(world, IPPROTO_TCP, BUSYBOX_IP, 40000,
				       service ? SERVICE_IP : WEB_IP, service ? 80 : port);

	if (service)
		world_translate(flow, WEB_IP, port);
	world_hop(world_journey(flow, true, VERDICT_REJECTED, 1, 60), NODE, VETH_WEB, true,
		  flow->tuples[service]);
	world_answer(flow, WEB_IP, 0, 0, 1);
	return flow;
}

static void port_closed(void **state)
{
	struct finding *finding;

	(void)state;
	refused(&w, 8081, false);
	world_listen(&w, WEB, IPPROTO_TCP, "0.0.0.0", 80, "nginx");
	finding = world_only(&w, "port-closed");
	assert_number(finding, "port", 8081);
	assert_text(finding, "listening", "0.0.0.0:80 nginx");
	assert_string_equal(finding->pod, "default/web");
}

static void port_closed_by_drop_alone(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, WEB_IP, 9999);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "NO_SOCKET", "__udp4_lib_rcv", WEB, POD_ETH0, 1, 60);
	finding = world_only(&w, "port-closed");
	assert_number(finding, "port", 9999);
	/* Nobody saw an answer, and to UDP there is no reset. */
	assert_string_equal(finding->evidence.items[0],
			    "seen 1 × dropped because no socket takes it; the kernel answers with "
			    "ICMP port unreachable");
}

static void port_closed_elsewhere(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct finding *finding;

	(void)state;
	world_journey(flow, true, VERDICT_REJECTED, 1, 60);
	world_answer(flow, REMOTE_IP, 0, 0, 1);
	finding = world_only(&w, "port-closed");
	assert_true(finding->confidence < 0.85);
}

static void reset_of_a_connection_is_healthy(void **state)
{
	struct flow *flow = refused(&w, 80, false);

	(void)state;
	flow->established = true;
	world_reply(flow, 5, 60);
	world_nothing(&w);
}

static void listens_on_loopback(void **state)
{
	struct finding *finding;

	(void)state;
	refused(&w, 80, false);
	world_listen(&w, WEB, IPPROTO_TCP, "127.0.0.1", 80, "nginx");
	finding = world_only(&w, "listen-loopback");
	assert_text(finding, "socket", "127.0.0.1:80");
	assert_number(finding, "port", 80);
}

static void target_port_wrong(void **state)
{
	struct finding *finding;

	(void)state;
	refused(&w, 8080, true);
	world_listen(&w, WEB, IPPROTO_TCP, "0.0.0.0", 80, "nginx");
	finding = world_only(&w, "service-port-wrong");
	assert_number(finding, "target_port", 8080);
	assert_text(finding, "listening", "0.0.0.0:80 nginx");
	/* No rule tells the Service's name, so the remedy asks for it. */
	assert_non_null(strstr(finding->remedy.items[0], "$4 == \"" SERVICE_IP "\""));
	assert_non_null(strstr(finding->remedy.items[0], "\"value\":80}"));
	/* Nothing listens at all: the server is gone, the Service is right. */
	world_ns(&w, WEB)->sockets.count = 0;
	world_only(&w, "port-closed");
}

static void node_port_closed(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, "192.168.1.11", 30080);
	struct finding *finding;

	(void)state;
	world_journey(flow, true, VERDICT_REJECTED, 1, 60);
	world_answer(flow, "192.168.1.11", 0, 0, 1);
	finding = world_only(&w, "nodeport-refused");
	assert_number(finding, "port", 30080);
	assert_string_equal(finding->class, "service");
}

static void rules_missing(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80);
	struct finding *finding;

	(void)state;
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 3, 60), NODE, ETH0, true,
		  flow->tuples[0]);
	finding = world_only(&w, "service-rules-missing");
	assert_text(finding, "service", SERVICE_IP);
	assert_string_equal(finding->device, "eth0");
}

/* What the filter hides is no silence: no answer of the server, no rest of the connection. */
static void half_a_conversation(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80);
	struct flow *dns = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, REMOTE_IP, 53);

	(void)state;
	world_translate(flow, WEB_IP, 80);
	world_hop(world_journey(flow, true, VERDICT_DELIVERED, 3, 60), NODE, VETH_WEB, true,
		  flow->tuples[1]);
	flow->hides_answers = dns->hides_answers = true;
	world_hop(world_journey(dns, true, VERDICT_LEFT_NODE, 3, 60), NODE, ETH0, true,
		  dns->tuples[0]);
	world_nothing(&w);
	dns->hides_answers = false;
	world_only(&w, "dns-server-unreachable");
	dns->hides_answers = true;
	flow->hides_answers = false;
	world_only(&w, "service-endpoint-dead");
	/* a packet that is followed by its MAC address only may be lost sight of */
	world_hop(world_journey(dns, true, VERDICT_VANISHED, 1, 60), NODE, CNI0, false,
		  dns->tuples[0]);
	dns->hides_way = true;
	world_only(&w, "service-endpoint-dead");
	dns->forward.verdicts[VERDICT_VANISHED] = 0;
	/* SYN and its answer are all that is shown */
	flow->hides_rest = true;
	world_journey(flow, false, VERDICT_DELIVERED, 1, 60);
	world_nothing(&w);
}

/* kube-proxy leaves echo requests alone: to ping a Service's address shows nothing. */
static void service_pinged(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 30283, SERVICE_IP, 30283);

	struct tuple masqueraded = flow->tuples[0];

	(void)state;
	masqueraded.src = ip("192.168.1.11");
	world_chain(&w, NODE, "nat", "KUBE-SERVICES", NULL);
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 3, 84), NODE, ETH0, true,
		  masqueraded);
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 1);
	assert_string_equal(w.list.findings.items[0]->id, "no-reply");
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_INFO);
	/* nor is a router's word about it a fault */
	world_answer(flow, "192.168.1.1", 3, 0, 3);
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 1);
	assert_false(finding_list_has_error(&w.list));
	/* where no kube-proxy is, it is an address like any other */
	flow->answer_count = 0;
	world_ns(&w, NODE)->rules.chains.count = 0;
	world_diagnose(&w);
	assert_true(finding_list_has_error(&w.list));
}

static void no_endpoints(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, "10.96.0.30", 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule;
	struct flow_drop *dropped;
	struct finding *finding;

	(void)state;
	world_rule(chain, RULE_JUMP, "KUBE-SERVICES", "-A FORWARD -j KUBE-SERVICES");
	chain = world_chain(&w, NODE, "filter", "KUBE-SERVICES", NULL);
	rule = world_rule(chain, RULE_REJECT, "REJECT",
			  "-A KUBE-SERVICES -d 10.96.0.30/32 -p tcp -m comment --comment "
			  "\"default/empty has no endpoints\" -m tcp --dport 80 -j REJECT");
	rule->dst = ip("10.96.0.30");
	rule->dst_len = 32;
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 80;
	rule->comment = strdup("default/empty has no endpoints");
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 1, 60);
	text_copy(dropped->first.hook, 16, "FORWARD");
	world_answer(flow, "10.244.1.1", 3, 3, 1)->local = true;
	finding = world_only(&w, "service-no-endpoints");
	assert_text(finding, "service", "default/empty");
}

static void endpoint_is_dead(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80);
	struct flow_drop *dropped;
	struct finding *finding;

	(void)state;
	world_translate(flow, "10.244.1.99", 80);
	dropped = world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", NODE, CNI0, 1, 60);
	dropped->first.info.dst_ifindex = CNI0;
	finding = world_only(&w, "service-endpoint-dead");
	assert_text(finding, "endpoint", "10.244.1.99:80");
	assert_true(finding->consequences.count > 0);
}

static void endpoint_is_dead_elsewhere(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80);
	struct journey *journey = world_journey(flow, true, VERDICT_LEFT_NODE, 2, 60);

	(void)state;
	world_translate(flow, "10.244.2.99", 80);
	world_encapsulate(world_hop(journey, NODE, ETH0, true, flow->tuples[1]), "192.168.1.11",
			  REMOTE_NODE);
	world_only(&w, "service-endpoint-dead");
}

static void bridge_netfilter_off(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80), *reply;

	(void)state;
	world_translate(flow, WEB_IP, 80);
	world_hop(world_journey(flow, true, VERDICT_DELIVERED, 3, 60), NODE, VETH_WEB, true,
		  flow->tuples[1]);
	reply = world_flow(&w, IPPROTO_TCP, WEB_IP, 80, BUSYBOX_IP, 40000);
	world_journey(reply, true, VERDICT_DELIVERED, 3, 60);
	world_sysctl(&w, NODE, "net.bridge.bridge-nf-call-iptables", "0");
	world_diagnose(&w);
	assert_string_equal(w.list.findings.items[0]->id, "bridge-netfilter-off");
	assert_text(w.list.findings.items[0], "sysctl", "net.bridge.bridge-nf-call-iptables");
	assert_remedy(w.list.findings.items[0], "sysctl -w net.bridge.bridge-nf-call-iptables=1");
}

static void hairpin_off(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, WEB_IP, 40000, SERVICE_IP, 80);

	(void)state;
	world_translate(flow, WEB_IP, 80);
	world_hop(world_journey(flow, true, VERDICT_VANISHED, 3, 60), NODE, VETH_WEB, false,
		  flow->tuples[0]);
	assert_text(world_only(&w, "hairpin-off"), "device", "vethb1");
	/* With hairpin on, the packet is lost elsewhere. */
	world_link(&w, NODE, VETH_WEB)->hairpin = true;
	world_diagnose(&w);
	assert_string_not_equal(w.list.findings.items[0]->id, "hairpin-off");
}

#define SECOND 1000000000ULL

static void addresses_used_up(void **state)
{
	struct cni_conf *conf = array_push(&w.facts->config.confs);
	struct finding *finding;

	(void)state;
	w.diagnosis.check = true;
	text_copy(conf->type, sizeof(conf->type), "flannel");
	text_copy(conf->name, sizeof(conf->name), "cbr0");
	world_nothing(&w);
	for (int i = 2; i < 255; i++) {
		struct reservation *entry = array_push(&w.facts->config.reservations);

		entry->address = ip("10.244.1.0");
		entry->address.bytes[3] = (uint8_t)i;
		entry->stale = i > 5;
	}
	finding = world_only(&w, "ipam-exhausted");
	assert_number(finding, "used", 253);
	assert_number(finding, "stale", 249);
}

static void subnet_differs(void **state)
{
	struct finding *finding;

	(void)state;
	w.diagnosis.check = true;
	w.facts->config.flannel_subnet = ip("10.244.7.1");
	finding = world_only(&w, "cni-subnet-mismatch");
	assert_text(finding, "found", "10.244.1.1/24");
	assert_text(finding, "expected", "10.244.7.1/24");
}

static void lost_records_lower_confidence(void **state)
{
	double before;

	(void)state;
	refused(&w, 8081, false);
	before = world_only(&w, "port-closed")->confidence;
	w.diagnosis.complete = false;
	assert_true(world_only(&w, "port-closed")->confidence < before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* Somebody tries the ports of web: one note. Two closed ports are two faults, and so are those the traced pod itself tries. */
static void ports_are_scanned(void **state)
{
	struct flow *flow;

	(void)state;
	for (uint16_t port = 20; port < 60; port++) {
		flow = world_flow(&w, IPPROTO_TCP, REMOTE_IP, 40000 + port, WEB_IP, port);
		world_hop(world_journey(flow, true, VERDICT_REJECTED, 1, 60), NODE, VETH_WEB, true,
			  flow->tuples[0]);
		world_answer(flow, WEB_IP, 0, 0, 1);
		if (port != 21)
			continue;
		world_diagnose(&w);
		assert_int_equal(w.list.findings.count, 2);
		assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_ERROR);
	}
	w.diagnosis.subject_pod = &w.facts->pods.items[1]; /* web, which is tried */
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 1);
	assert_string_equal(w.list.findings.items[0]->id, "port-closed");
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_INFO);
	assert_int_equal(w.list.findings.items[0]->count,
			 39); /* port 53 is left to DNS, which has nothing to say */
	assert_text(w.list.findings.items[0], "source", REMOTE_IP);
	assert_false(finding_list_has_error(&w.list));
	array_each(slot, &w.flows.flows)
		(*slot)->tuples[0].src = ip(WEB_IP);
	world_diagnose(&w);
	assert_true(w.list.findings.count > 20);
	assert_true(finding_list_has_error(&w.list));
}

static const char *asked_for; /* what conntrack says the client sent its request to */

static int conntrack_of_test(struct facts *facts, struct netns_facts *ns, const struct tuple *tuple,
			     struct conntrack_entry *entry)
{
	(void)facts;
	assert_int_equal(ns->inode, NODE);
	if (!asked_for)
		return -ENOENT;
	*entry = (struct conntrack_entry){.original = tuple_reverse(*tuple), .reply = *tuple};
	entry->original.dst = ip(asked_for);
	return 0;
}

/* A monitor sees the answer alone, which busybox does not take. */
static void untranslated_answer(void **state)
{
	static const struct facts_reader reader = {.conntrack = conntrack_of_test};
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, WEB_IP, 80);
	struct flow_drop *dropped =
		world_drop(flow, false, "NO_SOCKET", "tcp_v4_rcv", BUSYBOX, POD_ETH0, 2, 60);

	(void)state;
	w.diagnosis.drops_only = true;
	w.facts->reader = &reader;
	dropped->first.packet.tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK;
	world_sysctl(&w, NODE, "net.bridge.bridge-nf-call-iptables", "0");
	asked_for = SERVICE_IP;
	assert_text(world_only(&w, "bridge-netfilter-off"), "sysctl",
		    "net.bridge.bridge-nf-call-iptables");
	/* It had asked web itself and has gone; or conntrack does not know. */
	asked_for = WEB_IP;
	world_nothing(&w);
	asked_for = NULL;
	world_nothing(&w);
	asked_for = SERVICE_IP;
	world_link(&w, NODE, VETH_WEB)->master = 0;
	world_nothing(&w);
	world_link(&w, NODE, VETH_WEB)->master = CNI0;
	world_sysctl(&w, NODE, "net.bridge.bridge-nf-call-iptables", "1");
	world_nothing(&w);
	w.facts->reader = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(port_closed),
		TEST(port_closed_by_drop_alone),
		TEST(port_closed_elsewhere),
		TEST(reset_of_a_connection_is_healthy),
		TEST(listens_on_loopback),
		TEST(target_port_wrong),
		TEST(node_port_closed),
		TEST(rules_missing),
		TEST(half_a_conversation),
		TEST(service_pinged),
		TEST(no_endpoints),
		TEST(endpoint_is_dead),
		TEST(endpoint_is_dead_elsewhere),
		TEST(bridge_netfilter_off),
		TEST(hairpin_off),
		TEST(addresses_used_up),
		TEST(subnet_differs),
		TEST(lost_records_lower_confidence),
		TEST(ports_are_scanned),
		TEST(untranslated_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
