/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "unreachable" and the overlay: each fault in the small world of world.h, the
 * nearest other fault that must get another name, and the healthy case that must get none.
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

static struct flow *ping_web(struct world *world)
{
	return world_flow(world, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
}

static void healthy(void **state)
{
	struct flow *flow = world_ping_remote(&w, 3);

	(void)state;
	world_reply(flow, 3, 84);
	flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80);
	world_translate(flow, WEB_IP, 80);
	world_hop(world_journey(flow, true, VERDICT_DELIVERED, 10, 1500), NODE, VETH_WEB, true,
		  flow->tuples[1]);
	world_reply(flow, 10, 60);
	flow->established = true;
	world_nothing(&w);
}

static void healthy_with_noise(void **state)
{
	struct flow *flow = world_ping_remote(&w, 100);

	(void)state;
	world_reply(flow, 100, 84);
	world_drop(flow, false, "NO_SOCKET", "ping_rcv", BUSYBOX, POD_ETH0, 100, 84);
	/* One-way UDP owes no answer. */
	flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, OUTSIDE_IP, 514);
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 50, 200), NODE, ETH0, true,
		  (struct tuple){.src = ip("192.168.1.11"),
				 .dst = ip(OUTSIDE_IP),
				 .dport = 514,
				 .proto = IPPROTO_UDP});
	world_nothing(&w);
}

static void rule_drops(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule = world_rule(chain, RULE_DROP, "DROP",
					      "-A FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	struct finding *finding;
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);

	(void)state;
	rule->src = ip(BUSYBOX_IP);
	rule->src_len = 32;
	rule->proto = IPPROTO_ICMP;
	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->first.info.dst_ifindex = FLANNEL;
	finding = world_only(&w, "netfilter-drop");
	assert_text(finding, "chain", "FORWARD");
	assert_text(finding, "table", "filter");
	assert_text(finding, "rule", "-A FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	assert_text(finding, "namespace", "node");
	assert_remedy(finding,
		      "iptables-nft -t filter -D FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	assert_int_equal(finding->count, 3);
	assert_true(finding->confidence > 0.9);
}

static void rule_drops_without_names(void **state)
{
	/* 5.10: no reason, no hook; and the rules cannot be read. */
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped = world_drop(flow, true, "", "nf_hook_slow", NODE, CNI0, 3, 84);
	struct finding *finding;

	(void)state;
	dropped->first.info.reason = 0;
	world_ns(&w, NODE)->known &= ~FACT_RULES;
	finding = world_only(&w, "netfilter-drop");
	assert_true(finding->confidence < 0.9);
}

static void rule_in_the_pod(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, BUSYBOX, "filter", "OUTPUT", "OUTPUT");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", BUSYBOX, 0, 3, 84);
	struct finding *finding;

	(void)state;
	world_rule(chain, RULE_DROP, "DROP", "-A OUTPUT -d 10.244.2.10/32 -j DROP");
	text_copy(dropped->first.hook, 16, "OUTPUT");
	finding = world_only(&w, "netfilter-drop");
	assert_text(finding, "chain", "OUTPUT");
	assert_string_equal(finding->pod, "default/busybox");
	assert_remedy(finding, "ip netns exec cni-busybox iptables-nft -t filter -D OUTPUT -d "
			       "10.244.2.10/32 -j DROP");
}

static void rule_rejects(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule =
		world_rule(chain, RULE_REJECT, "REJECT",
			   "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 1, 60);
	struct finding *finding;

	(void)state;
	rule->proto = IPPROTO_TCP;
	text_copy(rule->reject_with, sizeof(rule->reject_with), "tcp-reset");
	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->answered = true;
	world_answer(flow, REMOTE_IP, 0, 0, 1)->local = true;
	finding = world_only(&w, "netfilter-reject");
	assert_text(finding, "answer", "tcp-reset");
	assert_text(finding, "chain", "FORWARD");
}

static void policy_drops(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);
	struct finding *finding;

	(void)state;
	chain->policy_drop = true;
	text_copy(dropped->first.hook, 16, "FORWARD");
	finding = world_only(&w, "forward-policy-drop");
	assert_text(finding, "chain", "FORWARD");
	assert_text(finding, "policy", "DROP");
	assert_remedy(finding, "iptables-nft -P FORWARD ACCEPT");
}

static void network_policy(void **state)
{
	struct flow *flow = ping_web(&w);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped;
	struct finding *finding;

	(void)state;
	world_rule(chain, RULE_JUMP, "cali-fw-cali1234", "-A FORWARD -j cali-fw-cali1234");
	chain = world_chain(&w, NODE, "filter", "cali-fw-cali1234", NULL);
	world_rule(chain, RULE_DROP, "DROP", "-A cali-fw-cali1234 -j DROP");
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);
	text_copy(dropped->first.hook, 16, "FORWARD");
	finding = world_only(&w, "network-policy-drop");
	assert_text(finding, "chain", "cali-fw-cali1234");
	assert_text(finding, "engine", "Calico");
}

static void conntrack_invalid_rule(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule;
	struct flow_drop *dropped;

	(void)state;
	rule = world_rule(chain, RULE_DROP, "DROP",
			  "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
	rule->ct_state = RULE_CT_INVALID;
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 1, 60);
	dropped->first.packet.tcp_flags = PACKET_TCP_ACK;
	text_copy(dropped->first.hook, 16, "FORWARD");
	assert_string_equal(world_only(&w, "conntrack-invalid")->class, "overload");
}

static void conntrack_full(void **state)
{
	struct flow *flow = world_ping_remote(&w, 0);
	struct finding *finding;
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 6, 84);

	(void)state;
	text_copy(dropped->first.hook, 16, "PREROUTING");
	world_ns(&w, NODE)->conntrack.count = world_ns(&w, NODE)->conntrack.max = 1024;
	finding = world_only(&w, "conntrack-full");
	assert_number(finding, "max", 1024);
	assert_number(finding, "count", 1024);
	/* A table with room leaves the rules to blame. */
	world_ns(&w, NODE)->conntrack.count = 10;
	world_only(&w, "netfilter-drop");
}

/* A router beyond the node says no: with its address, and what it says. */
static void refused_beyond(void **state)
{
	static const struct {
		uint8_t code;
		const char *id;
	} cases[] = {{0, "no-route"}, {1, "neighbour-failed"}, {13, "netfilter-reject"}};

	for (int i = 0; i < 3; i++) {
		struct flow *flow;

		if (i) {
			end(state);
			begin(state);
		}
		flow = world_ping_remote(&w, 3);
		world_answer(flow, "192.168.1.1", 3, cases[i].code, 3);
		assert_text(world_only(&w, cases[i].id), "router", "192.168.1.1");
	}
}

/* An answer that came all the same, one to what was sent before, one made on this node: no such fault. */
static void refused_elsewhere(void **state)
{
	struct flow *flow = world_ping_remote(&w, 3);
	struct flow_answer *answer = world_answer(flow, "192.168.1.1", 3, 0, 1);

	(void)state;
	world_reply(flow, 2, 84);
	world_nothing(&w);
	flow->reverse.packets = 0;
	flow->forward.packets = 0;
	world_nothing(&w);
	flow->forward.packets = 3;
	answer->local = true;
	world_diagnose(&w);
	array_each(finding, &w.list.findings)
		assert_string_not_equal((*finding)->id, "no-route");
}

static void no_route(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "IP_INNOROUTES", "ip_error", NODE, CNI0, 3, 84)
		->first.info.dst_error = -ENETUNREACH;
	world_del_route(&w, NODE, "0.0.0.0", 0);
	world_answer(flow, "10.244.1.1", 3, 0, 1);
	finding = world_only(&w, "no-route");
	assert_text(finding, "destination", OUTSIDE_IP);
	assert_text(finding, "namespace", "node");
	assert_int_equal(finding->count, 3);
}

static void route_refuses(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "", "ip_error", NODE, CNI0, 3, 84)->first.info.dst_error =
		-EHOSTUNREACH;
	world_add_route(&w, NODE, REMOTE_IP, 32, NULL, 0)->type = 7;
	finding = world_only(&w, "no-route");
	assert_text(finding, "type", "unreachable");
	assert_remedy(finding, "ip route del unreachable 10.244.2.10/32");
}

static void rule_refuses(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7);
	struct policy_rule *rule = array_push(&world_ns(&w, NODE)->policy_rules);

	(void)state;
	*rule = (struct policy_rule){.version = 4,
				     .priority = 100,
				     .action = 8,
				     .dst = ip("203.0.113.0"),
				     .dst_len = 24};
	world_drop(flow, true, "", "ip_error", NODE, CNI0, 3, 84)->first.info.dst_error = -EACCES;
	assert_remedy(world_only(&w, "no-route"), "ip rule del priority 100");
}

static void route_missing_refused(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct finding *finding;

	(void)state;
	world_del_route(&w, NODE, "10.244.2.0", 24);
	world_del_route(&w, NODE, "0.0.0.0", 0);
	world_drop(flow, true, "IP_INNOROUTES", "ip_error", NODE, CNI0, 3, 84)
		->first.info.dst_error = -ENETUNREACH;
	finding = world_only(&w, "overlay-route-missing");
	assert_text(finding, "subnet", "10.244.2.0/24");
}

/* Out by eth0 in the clear, also when it was sent to a Service. */
static struct flow *leave_in_the_clear(struct world *world, bool service)
{
	struct flow *flow =
		service ? world_flow(world, IPPROTO_TCP, BUSYBOX_IP, 40000, SERVICE_IP, 80)
			: world_flow(world, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct journey *journey = world_journey(flow, true, VERDICT_LEFT_NODE, 3, 84);

	if (service)
		world_translate(flow, REMOTE_IP, 8080);
	world_hop(journey, NODE, CNI0, false, flow->tuples[0]);
	world_hop(journey, NODE, ETH0, true, flow->tuples[service]);
	return flow;
}

static void route_missing(void **state)
{
	struct finding *finding;

	(void)state;
	world_del_route(&w, NODE, "10.244.2.0", 24);
	leave_in_the_clear(&w, false);
	leave_in_the_clear(&w, true);
	finding = world_only(&w, "overlay-route-missing");
	assert_text(finding, "device", "eth0");
	assert_string_equal(finding->class, "unreachable");
	assert_int_equal(finding->count, 6);
	assert_true(finding->consequences.count >= 1);
	assert_remedy(finding,
		      "ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink");
}

static void host_gateway_is_healthy(void **state)
{
	struct flow *flow = leave_in_the_clear(&w, false);

	(void)state;
	world_del_route(&w, NODE, "10.244.2.0", 24);
	world_add_route(&w, NODE, "10.244.2.0", 24, REMOTE_NODE, ETH0);
	world_reply(flow, 3, 84);
	world_nothing(&w);
}

static void overlay_down(void **state)
{
	struct finding *finding;

	(void)state;
	leave_in_the_clear(&w, false);
	world_del_route(&w, NODE, "10.244.2.0", 24);
	world_link(&w, NODE, FLANNEL)->flags = 0;
	finding = world_only(&w, "overlay-down");
	assert_text(finding, "device", "flannel.1");
	assert_text(finding, "state", "down");
}

static void overlay_missing(void **state)
{
	struct netns_facts *node = world_ns(&w, NODE);
	struct finding *finding;

	(void)state;
	leave_in_the_clear(&w, false);
	world_del_route(&w, NODE, "10.244.2.0", 24);
	for (size_t i = 0; i < node->links.count; i++) {
		if (node->links.items[i].ifindex == FLANNEL)
			node->links.items[i] = node->links.items[--node->links.count];
	}
	finding = world_only(&w, "overlay-down");
	assert_text(finding, "state", "missing");
}

static void remote_overlay_down(void **state)
{
	struct flow *flow = world_ping_remote(&w, 3);
	struct flow_answer *answer = world_answer(flow, REMOTE_NODE, 3, 3, 3);
	struct finding *finding;

	(void)state;
	answer->quoted.encap_kind = ENCAP_VXLAN;
	answer->quoted.encap_dport = 8472;
	/* The drop happened in the other node's namespace, which one kernel can see. */
	world_drop(flow, true, "NO_SOCKET", "__udp4_lib_rcv", ELSEWHERE, 2, 3, 84)
		->first.has_encap = true;
	finding = world_only(&w, "remote-overlay-down");
	assert_text(finding, "node", REMOTE_NODE);
	assert_number(finding, "port", 8472);
	assert_int_equal(finding->count, 3);
}

static void overlay_unheard(void **state)
{
	/* The other node's packets reach this node, whose flannel.1 is gone. */
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, REMOTE_IP, 7, BUSYBOX_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "NO_SOCKET", "__udp4_lib_rcv", NODE, ETH0, 3, 84);

	(void)state;
	dropped->first.has_encap = true;
	dropped->first.encap.dport = 8472;
	dropped->first.encap.ip_version = 4;
	world_link(&w, NODE, FLANNEL)->flags = 0;
	world_only(&w, "overlay-down");
	/* Up, but on another port: a mismatch. */
	world_link(&w, NODE, FLANNEL)->flags = IFF_UP;
	world_link(&w, NODE, FLANNEL)->port = 4789;
	assert_number(world_only(&w, "overlay-mismatch"), "found", 8472);
	/* Up and on that port: where the kernel says so it was closed a moment ago, else it was the checksum. */
	world_link(&w, NODE, FLANNEL)->port = 8472;
	world_only(&w, "overlay-down");
	dropped->first.derived = true;
	dropped->first.info.reason = 0;
	world_only(&w, "overlay-checksum");
	dropped->first.reason[0] = '\0';
	world_only(&w, "overlay-checksum");
	world_link(&w, NODE, FLANNEL)->flags = 0;
	world_only(&w, "overlay-down");
}

static void overlay_blocked(void **state)
{
	struct finding *finding;

	(void)state;
	world_ping_remote(&w, 3);
	finding = world_only(&w, "overlay-blocked");
	assert_text(finding, "node", REMOTE_NODE);
	assert_number(finding, "port", 8472);
	assert_true(finding->confidence < 0.7);
}

static void no_reply_though_tunnel_works(void **state)
{
	struct flow *other = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 9, "10.244.2.11", 9);
	struct journey *reply;

	(void)state;
	world_ping_remote(&w, 3);
	world_journey(other, true, VERDICT_LEFT_NODE, 1, 84);
	reply = world_reply(other, 1, 84);
	world_encapsulate(world_hop(reply, NODE, ETH0, false, tuple_reverse(other->tuples[0])),
			  REMOTE_NODE, "192.168.1.11");
	world_only(&w, "no-reply");
}

static void peer_missing(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "NO_TX_TARGET", "vxlan_xmit", NODE, FLANNEL, 3, 84);
	world_ns(&w, NODE)->fdb.count = 0;
	finding = world_only(&w, "overlay-peer-missing");
	assert_text(finding, "expected", "FDB entry 00:00:00:00:00:12 with that node's address");
}

static void peer_neighbour_missing(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", NODE, FLANNEL, 3, 84);
	struct finding *finding;

	(void)state;
	dropped->first.info.dst_ifindex = FLANNEL;
	world_ns(&w, NODE)->neighbours.count = 0;
	finding = world_only(&w, "overlay-peer-missing");
	assert_text(finding, "address", "10.244.2.0");
	/* The tunnel has one entry that no neighbour claims: its MAC is the one to write. */
	assert_remedy(finding, "ip neigh replace 10.244.2.0 lladdr 00:00:00:00:00:12 dev flannel.1 "
			       "nud permanent");
}

static void vni_differs(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, REMOTE_IP, 7, BUSYBOX_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "VXLAN_VNI_NOT_FOUND", "vxlan_rcv", NODE, ETH0, 3, 84);
	struct finding *finding;

	(void)state;
	dropped->first.has_encap = true;
	dropped->first.encap.ip_version = 4;
	dropped->first.encap.vni = 2;
	finding = world_only(&w, "overlay-mismatch");
	assert_number(finding, "found", 2);
	assert_number(finding, "expected", 1);
}

static void forwarding_off(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "IP_INADDRERRORS", "ip_error", NODE, CNI0, 3, 84);
	struct finding *finding;

	(void)state;
	dropped->first.info.dst_error = -EHOSTUNREACH;
	world_sysctl(&w, NODE, "net.ipv4.ip_forward", "0");
	finding = world_only(&w, "ip-forward-disabled");
	assert_text(finding, "sysctl", "net.ipv4.ip_forward");
	assert_remedy(finding, "sysctl -w net.ipv4.ip_forward=1");
	/* One device only. */
	world_sysctl(&w, NODE, "net.ipv4.ip_forward", "1");
	world_sysctl(&w, NODE, "net.ipv4.conf.cni0.forwarding", "0");
	finding = world_only(&w, "ip-forward-disabled");
	assert_text(finding, "sysctl", "net.ipv4.conf.cni0.forwarding");
	/* 5.10 says the same for an unreachable route: the sysctls tell. */
	dropped->first.reason[0] = '\0';
	dropped->first.info.reason = 0;
	world_only(&w, "ip-forward-disabled");
	world_sysctl(&w, NODE, "net.ipv4.conf.cni0.forwarding", "1");
	world_add_route(&w, NODE, REMOTE_IP, 32, NULL, 0)->type = 7;
	world_only(&w, "no-route");
}

static void rp_filter(void **state)
{
	struct flow *flow = world_ping_remote(&w, 3);
	struct finding *finding;

	(void)state;
	world_drop(flow, false, "IP_RPFILTER", "ip_rcv_finish_core", NODE, FLANNEL, 3, 84);
	world_sysctl(&w, NODE, "net.ipv4.conf.all.rp_filter", "0");
	world_sysctl(&w, NODE, "net.ipv4.conf.flannel.1.rp_filter", "1");
	finding = world_only(&w, "rp-filter");
	assert_text(finding, "device", "flannel.1");
	assert_number(finding, "found", 1);
	assert_remedy(finding, "sysctl -w net/ipv4/conf/flannel.1/rp_filter=2");
}

static void loop(void **state)
{
	struct flow *flow = world_ping_remote(&w, 0);
	struct flow_drop *dropped =
		world_drop(flow, true, "IP_INHDR", "ip_forward", NODE, FLANNEL, 3, 84);

	(void)state;
	dropped->first.packet.ttl = 1;
	world_only(&w, "ttl-exceeded");
	/* A traceroute starts with a small TTL: that is its purpose. */
	for (int i = 0; i < flow->forward.sample_count; i++)
		flow->forward.samples[i]->packet.ttl = 1;
	world_nothing(&w);
}

/* The node that drops it in the end says nothing: what comes by again and again tells it. */
static void loop_without_answer(void **state)
{
	struct flow *flow = world_ping_remote(&w, 3);
	struct journey *journey = flow->forward.samples[0];
	struct hop *last = &journey->hops[journey->hop_count - 1];
	struct finding *finding;

	(void)state;
	last->packet.ttl = 63;
	for (int round = 1; round <= 2; round++) {
		/* Twice is no loop yet. */
		world_only(&w, "overlay-blocked");
		journey->hops[journey->hop_count] = *last;
		journey->hops[journey->hop_count++].packet.ttl = last->packet.ttl - 2 * round;
	}
	finding = world_only(&w, "ttl-exceeded");
	assert_non_null(strstr(finding->summary, "in a loop"));
	assert_text(finding, "device", "eth0");
	/* The same packet seen again with the same TTL is a copy. */
	journey->hops[journey->hop_count - 1].packet.ttl = last->packet.ttl;
	world_only(&w, "overlay-blocked");
}

static void neighbour_failed(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, "10.244.1.77", 7);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, "10.244.1.77", 0, 0x20);
	finding = world_only(&w, "neighbour-failed");
	assert_text(finding, "address", "10.244.1.77");
	assert_text(finding, "device", "eth0");
	assert_text(finding, "state", "failed");
}

static void unanswered_arp_because_link_down(void **state)
{
	struct flow *flow = ping_web(&w);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
	world_link(&w, WEB, POD_ETH0)->flags = 0;
	world_link(&w, NODE, VETH_WEB)->carrier = false;
	world_link(&w, NODE, VETH_WEB)->port_state = 0;
	finding = world_only(&w, "link-down");
	assert_text(finding, "device", "eth0");
	assert_string_equal(finding->pod, "default/web");
	assert_remedy(finding, "nsenter -t 23117 -n ip link set eth0 up");
	/* The host's end instead. */
	world_link(&w, WEB, POD_ETH0)->flags = IFF_UP;
	world_link(&w, NODE, VETH_WEB)->flags = 0;
	finding = world_only(&w, "link-down");
	assert_text(finding, "device", "vethb1");
	/* Not a port of the bridge. */
	world_link(&w, NODE, VETH_WEB)->flags = IFF_UP;
	world_link(&w, NODE, VETH_WEB)->carrier = true;
	world_link(&w, NODE, VETH_WEB)->master = 0;
	world_link(&w, NODE, VETH_WEB)->is_port = false;
	finding = world_only(&w, "bridge-port-detached");
	assert_text(finding, "bridge", "cni0");
	assert_remedy(finding, "ip link set vethb1 master cni0");
	/* A port that does not forward. */
	world_link(&w, NODE, VETH_WEB)->master = CNI0;
	world_link(&w, NODE, VETH_WEB)->is_port = true;
	assert_text(world_only(&w, "bridge-port-detached"), "state", "disabled");
	/* The bridge itself is down: its ports are not to blame. */
	world_link(&w, NODE, CNI0)->flags = 0;
	assert_text(world_only(&w, "link-down"), "device", "cni0");
}

static void device_down(void **state)
{
	struct flow *flow = world_ping_remote(&w, 0);
	struct flow_drop *dropped =
		world_drop(flow, true, "QDISC_DROP", "__dev_queue_xmit", NODE, ETH0, 3, 84);
	struct finding *finding;

	(void)state;
	text_copy(dropped->first.info.qdisc, 16, "noop");
	world_link(&w, NODE, ETH0)->carrier = false;
	finding = world_only(&w, "link-down");
	assert_text(finding, "device", "eth0");
	assert_text(finding, "state", "no carrier");
	/* By now it is up again: the packet still tells. */
	world_link(&w, NODE, ETH0)->carrier = true;
	finding = world_only(&w, "link-down");
	assert_true(finding->confidence < 0.95);
}

static void uplink_down(void **state)
{
	struct flow *flow = world_ping_remote(&w, 0);

	(void)state;
	world_drop(flow, true, "IP_OUTNOROUTES", "vxlan_xmit_one", NODE, FLANNEL, 3, 84);
	world_link(&w, NODE, ETH0)->flags = 0;
	world_link(&w, NODE, ETH0)->carrier = false;
	assert_text(world_only(&w, "link-down"), "device", "eth0");
}

static void pod_is_misconfigured(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7);
	struct netns_facts *pod = world_ns(&w, BUSYBOX);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
	pod->routes.items[0].gateway = ip("10.244.1.77");
	finding = world_only(&w, "pod-config");
	assert_text(finding, "expected", "10.244.1.1");
	assert_text(finding, "found", "10.244.1.77");
	assert_remedy(finding,
		      "ip netns exec cni-busybox ip route replace default via 10.244.1.1 dev eth0");
	pod->routes.items[0].gateway = ip("10.244.1.1");
	pod->addresses.items[0].prefix_len = 16;
	finding = world_only(&w, "pod-config");
	assert_text(finding, "found", "10.244.1.10/16");
}

static void refused_sends(void **state)
{
	struct refusal *refusal = array_push(&w.flows.refusals);
	struct finding *finding;

	(void)state;
	refusal->error = -ENETUNREACH;
	refusal->tuple.dst = ip(OUTSIDE_IP);
	refusal->tuple.proto = IPPROTO_ICMP;
	refusal->netns = BUSYBOX;
	refusal->count = 2;
	world_del_route(&w, BUSYBOX, "0.0.0.0", 0);
	finding = world_only(&w, "pod-config");
	assert_text(finding, "found", "missing");
	/* A namespace without a CNI result has no expectation: just no route. */
	w.facts->pods.items[0].address_count = 0;
	finding = world_only(&w, "no-route");
	assert_int_equal(finding->count, 2);
	/* Its device is down: that took the routes away. */
	world_link(&w, BUSYBOX, POD_ETH0)->flags = 0;
	assert_text(world_only(&w, "link-down"), "device", "eth0");
}

static void resolver_probe_is_healthy(void **state)
{
	struct refusal *refusal = array_push(&w.flows.refusals);

	(void)state;
	world_reply(world_ping_remote(&w, 1), 1, 84);
	refusal->error = -ENETUNREACH;
	refusal->tuple.dst = ip("2001:db8::1");
	refusal->tuple.proto = IPPROTO_UDP;
	refusal->netns = BUSYBOX;
	refusal->count = 1;
	world_nothing(&w);
}

static void command_sent_nothing(void **state)
{
	(void)state;
	w.diagnosis.has_command = true;
	w.diagnosis.subject_netns = BUSYBOX;
	w.diagnosis.subject_pod = &w.facts->pods.items[0];
	w.diagnosis.command_status = 1;
	world_nothing(&w);
	world_link(&w, BUSYBOX, POD_ETH0)->flags = 0;
	world_only(&w, "link-down");
	w.diagnosis.command_status = 0;
	world_nothing(&w);
}

static void address_held_twice(void **state)
{
	struct flow *flow = ping_web(&w);
	struct finding *finding;

	(void)state;
	world_hop(world_journey(flow, true, VERDICT_DELIVERED, 3, 84), NODE, VETH_WEB, true,
		  flow->tuples[0]);
	world_add_address(&w, BUSYBOX, POD_ETH0, WEB_IP, 24);
	finding = world_only(&w, "ip-conflict");
	assert_text(finding, "address", WEB_IP);
	assert_number(finding, "count", 2);
}

static void foreign_program(void **state)
{
	struct flow *flow = ping_web(&w);

	(void)state;
	world_drop(flow, true, "TC_EGRESS", "__dev_queue_xmit", NODE, VETH_WEB, 3, 84);
	assert_text(world_only(&w, "bpf-drop"), "device", "vethb1");
}

static void foreign_filter_has_a_command(void **state)
{
	struct netns_facts *node = world_ns(&w, NODE);
	struct program_fact *program = array_push(&node->programs);

	(void)state;
	*program = (struct program_fact){.ifindex = VETH_WEB,
					 .id = 7,
					 .hook = "tc egress",
					 .kind = "bpf",
					 .name = "guard",
					 .priority = 49152,
					 .protocol = 3,
					 .handle = 1};
	node->known |= FACT_PROGRAMS;
	world_drop(ping_web(&w), true, "TC_EGRESS", "__dev_queue_xmit", NODE, VETH_WEB, 3, 84);
	assert_remedy(world_only(&w, "bpf-drop"),
		      "tc filter delete dev vethb1 egress protocol all pref 49152 handle 0x1 bpf");
}

static void gone_between_two_hops(void **state)
{
	struct flow *flow = ping_web(&w);
	struct journey *journey = world_journey(flow, true, VERDICT_VANISHED, 3, 84);
	struct finding *finding;

	(void)state;
	world_hop(journey, NODE, VETH_BUSYBOX, false, flow->tuples[0]);
	finding = world_only(&w, "vanished");
	assert_text(finding, "last", "vethb0 in");
	assert_text(finding, "next", "vethb1");
}

static void left_and_never_answered(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7);
	struct tuple out = flow->tuples[0];
	struct finding *finding;

	(void)state;
	out.src = ip("192.168.1.11");
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 3, 84), NODE, ETH0, true, out);
	finding = world_only(&w, "no-reply");
	assert_text(finding, "peer", OUTSIDE_IP);
	assert_text(finding, "device", "eth0");
}

static void left_with_the_pods_address(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7);
	struct finding *finding;

	(void)state;
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 3, 84), NODE, ETH0, true,
		  flow->tuples[0]);
	finding = world_only(&w, "masquerade-missing");
	assert_text(finding, "address", BUSYBOX_IP);
}

static void never_sent_for_want_of_an_answer(void **state)
{
	struct finding *finding;

	(void)state;
	/* The command failed before ARP gave up: no packet, no drop, only the neighbour table. */
	w.diagnosis.has_command = true;
	w.diagnosis.subject_netns = BUSYBOX;
	w.diagnosis.subject_pod = &w.facts->pods.items[0];
	w.diagnosis.command_status = 1;
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, "10.244.1.77", 0, 0x01);
	finding = world_only(&w, "neighbour-failed");
	assert_text(finding, "state", "incomplete");
	assert_true(finding->confidence < 0.9);
	/* The one that does not answer is a pod whose device is down. */
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, WEB_IP, 0, 0x20);
	world_ns(&w, BUSYBOX)->neighbours.items[0].state = 0x02;
	world_link(&w, WEB, POD_ETH0)->flags = 0;
	world_only(&w, "link-down");
}

static void two_macs_for_one_node(void **state)
{
	struct fdb_entry *other = array_push(&world_ns(&w, NODE)->fdb);
	struct finding *finding;

	(void)state;
	world_ping_remote(&w, 3);
	other->ifindex = FLANNEL;
	other->mac[5] = 0x77;
	other->dst = ip(REMOTE_NODE);
	finding = world_only(&w, "overlay-peer-missing");
	assert_text(finding, "expected", "00:00:00:00:00:77");
}

static void late_segment_is_healthy(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped;

	(void)state;
	world_rule(chain, RULE_DROP, "DROP",
		   "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP")
		->ct_state = RULE_CT_INVALID;
	dropped = world_drop(flow, false, "NETFILTER_DROP", "nf_hook_slow", NODE, FLANNEL, 1, 60);
	dropped->first.packet.tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK;
	text_copy(dropped->first.hook, 16, "FORWARD");
	world_nothing(&w);
}

static void silence_behind_a_mismatch(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, REMOTE_IP, 7, BUSYBOX_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "VXLAN_VNI_NOT_FOUND", "vxlan_rcv", NODE, ETH0, 3, 84);

	(void)state;
	dropped->first.has_encap = true;
	dropped->first.encap.ip_version = 4;
	dropped->first.encap.vni = 2;
	memcpy(dropped->first.encap.src, ip(REMOTE_NODE).bytes, 16);
	world_ping_remote(&w, 3);
	assert_true(world_only(&w, "overlay-mismatch")->consequences.count > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy),
		TEST(healthy_with_noise),
		TEST(rule_drops),
		TEST(rule_drops_without_names),
		TEST(rule_in_the_pod),
		TEST(rule_rejects),
		TEST(policy_drops),
		TEST(network_policy),
		TEST(conntrack_invalid_rule),
		TEST(conntrack_full),
		TEST(refused_beyond),
		TEST(refused_elsewhere),
		TEST(no_route),
		TEST(route_refuses),
		TEST(rule_refuses),
		TEST(route_missing_refused),
		TEST(route_missing),
		TEST(host_gateway_is_healthy),
		TEST(overlay_down),
		TEST(overlay_missing),
		TEST(remote_overlay_down),
		TEST(overlay_unheard),
		TEST(overlay_blocked),
		TEST(no_reply_though_tunnel_works),
		TEST(peer_missing),
		TEST(peer_neighbour_missing),
		TEST(vni_differs),
		TEST(forwarding_off),
		TEST(rp_filter),
		TEST(loop),
		TEST(loop_without_answer),
		TEST(neighbour_failed),
		TEST(unanswered_arp_because_link_down),
		TEST(device_down),
		TEST(uplink_down),
		TEST(pod_is_misconfigured),
		TEST(refused_sends),
		TEST(resolver_probe_is_healthy),
		TEST(command_sent_nothing),
		TEST(address_held_twice),
		TEST(foreign_program),
		TEST(foreign_filter_has_a_command),
		TEST(gone_between_two_hops),
		TEST(left_and_never_answered),
		TEST(left_with_the_pods_address),
		TEST(never_sent_for_want_of_an_answer),
		TEST(two_macs_for_one_node),
		TEST(late_segment_is_healthy),
		TEST(silence_behind_a_mismatch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
