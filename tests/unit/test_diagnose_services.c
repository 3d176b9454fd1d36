/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classes port, service, mtu, overload, dns and the rest of cni: each fault, its nearest
 * neighbour, and the healthy case.
 */
#include "world.h"

#include "diagnose/dns_message.h"

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

	(void)state;
	world_drop(flow, true, "NO_SOCKET", "__udp4_lib_rcv", WEB, POD_ETH0, 1, 60);
	assert_number(world_only(&w, "port-closed"), "port", 9999);
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

static void too_big_and_told(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "PKT_TOO_BIG", "ip_forward", NODE, CNI0, 1, 1500);
	struct finding *finding;

	(void)state;
	dropped->first.info.dst_ifindex = FLANNEL;
	dropped->first.info.dst_mtu = 1450;
	dropped->answered = true;
	world_answer(flow, "10.244.1.1", 3, 4, 1)->packet.ack = 1450;
	world_link(&w, BUSYBOX, POD_ETH0)->mtu = 1500;
	world_link(&w, NODE, VETH_BUSYBOX)->mtu = 1500;
	finding = world_only(&w, "mtu-exceeded");
	assert_text(finding, "device", "flannel.1");
	assert_number(finding, "mtu", 1450);
	assert_number(finding, "packet_len", 1500);
	assert_number(finding, "need_mtu", 1450);
	assert_remedy(finding, "ip netns exec cni-busybox ip link set eth0 mtu 1450");
	/* The same, and the ICMP error dies in OUTPUT: nobody tells the sender. */
	flow->answers[0].drop.time_ns = 5;
	flow->answers[0].delivered = false;
	world_only(&w, "mtu-blackhole");
}

static void silent_veth(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "", "__dev_forward_skb2", NODE, VETH_WEB, 3, 1428);
	struct finding *finding;

	(void)state;
	dropped->first.info.len = 1442;
	world_link(&w, WEB, POD_ETH0)->mtu = 1400;
	finding = world_only(&w, "mtu-blackhole");
	assert_number(finding, "mtu", 1400);
	assert_number(finding, "need_mtu", 1450);
	assert_string_equal(finding->pod, "default/web");
	assert_remedy(finding, "nsenter -t 23117 -n ip link set eth0 mtu 1450");
	/* The same function when the peer is down: another fault. */
	world_link(&w, WEB, POD_ETH0)->flags = 0;
	world_only(&w, "link-down");
}

static void silent_bridge_port(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "", "br_dev_queue_push_xmit", NODE, VETH_WEB, 3, 1428);
	struct finding *finding;

	(void)state;
	dropped->first.info.len = 1442;
	dropped->first.info.dev_mtu = 1400;
	world_link(&w, NODE, VETH_WEB)->mtu = 1400;
	finding = world_only(&w, "mtu-blackhole");
	assert_number(finding, "mtu", 1400);
	assert_text(finding, "device", "vethb1");
}

static void large_ones_never_answered(void **state)
{
	struct flow *small = world_ping_remote(&w, 2), *large = world_ping_remote(&w, 3);
	struct finding *finding;

	(void)state;
	world_reply(small, 2, 84);
	small->forward.passed_max_len = 84;
	large->forward.samples[0]->packet.len = 1428;
	finding = world_only(&w, "mtu-blackhole");
	assert_number(finding, "largest_passed", 84);
	assert_number(finding, "smallest_lost", 1428);
	/* Small ones are lost, too: not a matter of size. */
	large->forward.samples[0]->packet.len = 84;
	world_diagnose(&w);
	assert_string_not_equal(w.list.findings.items[0]->id, "mtu-blackhole");
}

static void send_refused_as_too_long(void **state)
{
	struct refusal *refusal = array_push(&w.flows.refusals);
	struct finding *finding;

	(void)state;
	refusal->error = -EMSGSIZE;
	refusal->tuple.dst = ip(REMOTE_IP);
	refusal->tuple.proto = IPPROTO_ICMP;
	refusal->netns = BUSYBOX;
	refusal->count = 2;
	world_link(&w, BUSYBOX, POD_ETH0)->mtu = 1400;
	finding = world_only(&w, "mtu-local");
	assert_number(finding, "mtu", 1400);
}

static void mtu_does_not_fit(void **state)
{
	struct finding *finding;

	(void)state;
	w.diagnosis.check = true;
	world_nothing(&w);
	world_link(&w, BUSYBOX, POD_ETH0)->mtu = 1500;
	world_link(&w, NODE, VETH_BUSYBOX)->mtu = 1500;
	finding = world_only(&w, "mtu-mismatch");
	assert_number(finding, "expected", 1450);
	assert_number(finding, "found", 1500);
	/* Jumbo frames below: 8950 is right then. */
	world_link(&w, NODE, ETH0)->mtu = 9001;
	world_link(&w, NODE, FLANNEL)->mtu = 8951;
	world_link(&w, NODE, CNI0)->mtu = 1500; /* a bridge takes the smallest MTU of its ports */
	world_nothing(&w);
}

static void queue_drops(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "QDISC_DROP", "__dev_queue_xmit", NODE, VETH_WEB, 10, 1028);

	(void)state;
	text_copy(dropped->first.info.qdisc, 16, "tbf");
	assert_text(world_only(&w, "qdisc-drop"), "qdisc", "tbf");
	/* One packet in a thousand is how TCP finds its speed. */
	flow->forward.packets = 10000;
	world_diagnose(&w);
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_WARNING);
	assert_false(finding_list_has_error(&w.list));
}

static void receiver_does_not_read(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, WEB_IP, 9999);
	struct flow_drop *dropped = world_drop(flow, true, "SOCKET_RCVBUFF",
					       "udp_queue_rcv_one_skb", WEB, POD_ETH0, 40, 1000);

	(void)state;
	dropped->first.info.sk_rcvbuf = 212992;
	world_listen(&w, WEB, IPPROTO_UDP, "0.0.0.0", 9999, "echo");
	assert_number(world_only(&w, "socket-buffer-full"), "rcvbuf", 212992);
}

static void accept_queue_full(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, WEB_IP, 80);
	struct finding *finding;

	(void)state;
	world_hop(world_journey(flow, true, VERDICT_DELIVERED, 2, 60), NODE, VETH_WEB, true,
		  flow->tuples[0]);
	world_listen(&w, WEB, IPPROTO_TCP, "0.0.0.0", 80, "httpd");
	world_ns(&w, WEB)->sockets.items[0].receive_queue = 6;
	world_ns(&w, WEB)->sockets.items[0].send_queue = 5;
	finding = world_only(&w, "listen-overflow");
	assert_number(finding, "queue", 6);
	assert_number(finding, "backlog", 5);
	/* Room in the queue: silence without a cause. */
	world_ns(&w, WEB)->sockets.items[0].receive_queue = 0;
	world_only(&w, "no-reply");
}

static void ports_exhausted(void **state)
{
	struct refusal *refusal = array_push(&w.flows.refusals);
	struct finding *finding;

	(void)state;
	refusal->error = -EADDRNOTAVAIL;
	refusal->tuple.dst = ip(WEB_IP);
	refusal->tuple.proto = IPPROTO_TCP;
	refusal->netns = BUSYBOX;
	refusal->count = 1;
	world_sysctl(&w, BUSYBOX, "net.ipv4.ip_local_port_range", "40000\t40003");
	for (uint16_t port = 40000; port < 40004; port++)
		world_listen(&w, BUSYBOX, IPPROTO_TCP, BUSYBOX_IP, port, "hold");
	finding = world_only(&w, "ports-exhausted");
	assert_text(finding, "range", "40000-40003");
	assert_number(finding, "used", 4);
	world_ns(&w, BUSYBOX)->sockets.count = 1;
	world_nothing(&w);
}

/* A query (or its answer) for a name, as captured. */
static void put_dns(struct journey *journey, uint16_t id, const char *name, int rcode)
{
	uint8_t *out = journey->payload;
	size_t at = 12;

	memset(out, 0, 12);
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	out[2] = rcode >= 0 ? 0x81 : 0x01;
	out[3] = rcode >= 0 ? (uint8_t)rcode : 0;
	out[5] = 1;
	while (*name) {
		size_t length = strcspn(name, ".");

		out[at++] = (uint8_t)length;
		memcpy(out + at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	out[at++] = 0;
	out[at + 1] = 1;
	out[at + 3] = 1;
	journey->payload_len = (uint16_t)(at + 4);
	journey->packet.seq = id;
}

static struct flow *ask(struct world *world, const char *name, int rcode, uint64_t delay_ns)
{
	struct flow *flow = world_flow(world, IPPROTO_UDP, BUSYBOX_IP,
				       (uint16_t)(41000 + world->flows.flows.count), DNS_IP, 53);
	struct journey *journey;

	world_translate(flow, WEB_IP, 53);
	journey = world_journey(flow, true, VERDICT_DELIVERED, 1, 70);
	journey->first_ns = 1000;
	world_hop(journey, NODE, VETH_WEB, true, flow->tuples[1]);
	put_dns(journey, 77, name, -1);
	if (rcode < 0)
		return flow;
	journey = world_reply(flow, 1, 120);
	journey->first_ns = 1000 + delay_ns;
	put_dns(journey, 77, name, rcode);
	return flow;
}

static void dns_healthy(void **state)
{
	(void)state;
	/* Walking the search list for an outside name ends well. */
	ask(&w, "example.com.default.svc.cluster.local", 3, 1000);
	ask(&w, "example.com.svc.cluster.local", 3, 1000);
	ask(&w, "example.com.cluster.local", 3, 1000);
	ask(&w, "example.com", 0, 1000);
	world_nothing(&w);
}

static void dns_error(void **state)
{
	struct finding *finding;

	(void)state;
	ask(&w, "web.default.svc.cluster.local", 3, 1000);
	finding = world_only(&w, "dns-error");
	assert_text(finding, "rcode", "NXDOMAIN");
	assert_text(finding, "name", "web.default.svc.cluster.local");
}

static void dns_servfail(void **state)
{
	(void)state;
	ask(&w, "example.com", 2, 1000);
	assert_text(world_only(&w, "dns-error"), "rcode", "SERVFAIL");
}

static void dns_slow(void **state)
{
	(void)state;
	ask(&w, "web.default.svc.cluster.local", 0, 2000000000ULL);
	assert_number(world_only(&w, "dns-slow"), "worst_ms", 2000);
}

/* One more query or answer in the flow of ask(), at a time of its own. */
static void ask_more(struct flow *flow, const char *name, uint16_t id, bool aaaa, int rcode,
		     uint64_t at)
{
	struct journey *journey;

	if (rcode < 0) {
		journey = world_journey(flow, true, VERDICT_DELIVERED, 1, 70);
		world_hop(journey, NODE, VETH_WEB, true, flow->tuples[1]);
	} else {
		journey = world_reply(flow, 1, 120);
	}
	journey->first_ns = at;
	put_dns(journey, id, name, rcode);
	if (aaaa)
		journey->payload[journey->payload_len - 3] = 28;
}

#define SECOND 1000000000ULL

/* The 5-second race as glibc lives through it: A and AAAA from one socket, one lost, both asked again. */
static void dns_twin_lost(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, name, 0, 500000);
	struct finding *finding;

	(void)state;
	ask_more(flow, name, 78, true, -1, 2000);
	ask_more(flow, name, 77, false, -1, 5 * SECOND);
	ask_more(flow, name, 77, false, 0, 5 * SECOND + 500000);
	ask_more(flow, name, 78, true, -1, 5 * SECOND + 1000000);
	ask_more(flow, name, 78, true, 0, 5 * SECOND + 1500000);
	finding = world_only(&w, "dns-timeout");
	assert_text(finding, "name", name);
	assert_text(finding, "query", "AAAA");
	assert_text(finding, "twin", "A");
	assert_number(finding, "waited_ms", 5000);
}

/* Asked again from another socket: no twin to compare with. */
static void dns_lost_and_asked_again(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, "other.default.svc.cluster.local", 0, 500000), *again;

	(void)state;
	ask_more(flow, name, 80, false, -1, 1000);
	again = ask(&w, name, 0, 500000);
	again->forward.samples[0]->first_ns = SECOND;
	again->reverse.samples[0]->first_ns = SECOND + 500000;
	assert_text(world_only(&w, "dns-timeout"), "name", name);
}

/* Late, and asked again meanwhile, is late: both answers come. Asked again soon is no loss at all. */
static void dns_late_is_not_lost(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, name, 0, 2 * SECOND);

	(void)state;
	ask_more(flow, name, 77, false, -1, SECOND + 1000);
	ask_more(flow, name, 77, false, 0, 2 * SECOND + 2000);
	assert_text(world_only(&w, "dns-slow"), "name", name);
}

static void dns_asked_twice_by_two(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, name, 0, 500000);

	(void)state;
	ask_more(flow, name, 79, false, -1, 2000);
	ask_more(flow, name, 80, false, -1, 500000000);
	ask_more(flow, name, 80, false, 0, 500500000);
	world_nothing(&w);
}

static void dns_timeout(void **state)
{
	(void)state;
	ask(&w, "web.default.svc.cluster.local", -1, 0);
	assert_text(world_only(&w, "dns-timeout"), "server", DNS_IP);
}

static void dns_refused(void **state)
{
	struct flow *flow = ask(&w, "web.default.svc.cluster.local", -1, 0);

	(void)state;
	world_answer(flow, WEB_IP, 3, 3, 1);
	assert_text(world_only(&w, "dns-server-unreachable"), "server", DNS_IP);
}

static void dns_behind_another_fault(void **state)
{
	/* The root is the rule; that names do not resolve is its consequence. */
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 41000, DNS_IP, 53);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped;

	(void)state;
	world_translate(flow, REMOTE_IP, 53);
	world_rule(chain, RULE_DROP, "DROP", "-A FORWARD -j DROP");
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 70);
	text_copy(dropped->first.hook, 16, "FORWARD");
	assert_true(world_only(&w, "netfilter-drop")->consequences.count == 1);
}

static int pod_resolv_conf(struct facts *facts, const struct pod *pod, struct resolv_conf *conf)
{
	(void)facts;
	(void)pod;
	conf->known = true;
	conf->nameservers[0] = ip("203.0.113.53");
	conf->nameserver_count = 1;
	return 0;
}

static void dns_config(void **state)
{
	static const struct facts_reader reader = {.resolv_conf = pod_resolv_conf};
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 41000, "203.0.113.53", 53);
	struct filter_chain *chain = world_chain(&w, NODE, "nat", "KUBE-SERVICES", NULL);
	struct filter_rule *rule = world_rule(chain, RULE_JUMP, "KUBE-SVC-DNS", "-A KUBE-SERVICES");
	struct tuple out = flow->tuples[0];
	struct finding *finding;

	(void)state;
	w.facts->reader = &reader;
	rule->dst = ip(DNS_IP);
	rule->dst_len = 32;
	rule->proto = IPPROTO_UDP;
	rule->dport_min = rule->dport_max = 53;
	rule->comment = strdup("kube-system/kube-dns:dns cluster IP");
	out.src = ip("192.168.1.11");
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 2, 70), NODE, ETH0, true, out);
	finding = world_only(&w, "dns-config");
	assert_text(finding, "expected", "nameserver 10.96.0.10");
	assert_text(finding, "found", "nameserver 203.0.113.53");
}

static void dns_bytes_from_outside(void **state)
{
	struct dns_message message;
	uint8_t bytes[64] = {0};

	(void)state;
	assert_false(dns_parse(bytes, 0, false, &message));
	assert_false(dns_parse(bytes, 12, false, &message));
	bytes[5] = 1;
	assert_false(dns_parse(bytes, 12, false, &message)); /* no question */
	bytes[12] = 0xc0; /* a pointer */
	assert_false(dns_parse(bytes, sizeof(bytes), false, &message));
	bytes[12] = 63; /* a label beyond the end */
	assert_false(dns_parse(bytes, 40, false, &message));
	memcpy(bytes + 12, "\003A\033b\0\0\001\0\001", 9);
	assert_true(dns_parse(bytes, 21, false, &message));
	assert_string_equal(message.name, "a?b");
	assert_false(dns_parse(bytes, 20, false, &message));
	assert_false(dns_parse(bytes, 1, true, &message));
}

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
		TEST(no_endpoints),
		TEST(endpoint_is_dead),
		TEST(endpoint_is_dead_elsewhere),
		TEST(bridge_netfilter_off),
		TEST(hairpin_off),
		TEST(too_big_and_told),
		TEST(silent_veth),
		TEST(silent_bridge_port),
		TEST(large_ones_never_answered),
		TEST(send_refused_as_too_long),
		TEST(mtu_does_not_fit),
		TEST(queue_drops),
		TEST(receiver_does_not_read),
		TEST(accept_queue_full),
		TEST(ports_exhausted),
		TEST(dns_healthy),
		TEST(dns_error),
		TEST(dns_servfail),
		TEST(dns_slow),
		TEST(dns_twin_lost),
		TEST(dns_lost_and_asked_again),
		TEST(dns_late_is_not_lost),
		TEST(dns_asked_twice_by_two),
		TEST(dns_timeout),
		TEST(dns_refused),
		TEST(dns_behind_another_fault),
		TEST(dns_config),
		TEST(dns_bytes_from_outside),
		TEST(addresses_used_up),
		TEST(subnet_differs),
		TEST(lost_records_lower_confidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
