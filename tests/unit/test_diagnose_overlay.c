/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tunnel between nodes: its device here and there, the routes, neighbours and forwarding
 * entries that lead to it, its settings, and silence behind it.
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
	assert_non_null(strstr(finding->summary, "refuses VXLAN: nothing listens on UDP 8472"));
	/* IPIP has no port. */
	text_copy(world_link(&w, NODE, FLANNEL)->kind, sizeof(world_link(&w, NODE, FLANNEL)->kind),
		  "ipip");
	w.flows.flows.items[0]->answers[0].quoted.encap_kind = ENCAP_IPIP;
	w.flows.flows.items[0]->answers[0].quoted.encap_dport = 0;
	finding = world_only(&w, "remote-overlay-down");
	assert_non_null(strstr(finding->summary, "refuses IPIP: nothing takes IP protocol 4"));
	array_each(fact, &finding->facts)
		assert_string_not_equal(fact->key, "port");
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

/* What this node itself answers to the other's tunnel packets does not make it another node. */
static void refused_by_this_node(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, REMOTE_IP, 40000, WEB_IP, 80);
	struct flow_drop *dropped =
		world_drop(flow, true, "NO_SOCKET", "__udp4_lib_rcv", NODE, ETH0, 2, 60);
	struct flow_answer *answer = world_answer(flow, "192.168.1.11", 3, 3, 2);
	struct journey *journey = world_journey(flow, true, VERDICT_REJECTED, 1, 60);

	(void)state;
	dropped->first.has_encap = true;
	dropped->first.encap.dport = 8472;
	dropped->first.encap.ip_version = 4;
	answer->quoted.encap_kind = ENCAP_VXLAN;
	answer->quoted.encap_dport = 8472;
	journey->answer = answer->packet;
	journey->answer.icmp_code = 3;
	journey->answer_quotes_encap = true;
	world_link(&w, NODE, FLANNEL)->flags = 0;
	assert_text(world_only(&w, "overlay-down"), "device", "flannel.1");
	memcpy(answer->packet.src, ip(REMOTE_NODE).bytes, 16);
	world_diagnose(&w);
	assert_string_equal(w.list.findings.items[0]->id, "remote-overlay-down");
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
	assert_non_null(strstr(finding->summary, "UDP 8472 between the nodes"));
	/* IPIP has no port. */
	w.flows.flows.items[0]->forward.samples[0]->hops[3].encap.kind = ENCAP_IPIP;
	w.flows.flows.items[0]->forward.samples[0]->hops[3].encap.dport = 0;
	finding = world_only(&w, "overlay-blocked");
	assert_non_null(strstr(finding->summary, "IP protocol 4 between the nodes"));
	assert_non_null(strstr(finding->remedy.items[1], "iptables -I INPUT -p ipencap -j ACCEPT"));
	array_each(fact, &finding->facts)
		assert_string_not_equal(fact->key, "port");
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
		TEST(route_missing_refused),
		TEST(route_missing),
		TEST(host_gateway_is_healthy),
		TEST(overlay_down),
		TEST(overlay_missing),
		TEST(remote_overlay_down),
		TEST(overlay_unheard),
		TEST(refused_by_this_node),
		TEST(overlay_blocked),
		TEST(no_reply_though_tunnel_works),
		TEST(peer_missing),
		TEST(peer_neighbour_missing),
		TEST(vni_differs),
		TEST(two_macs_for_one_node),
		TEST(silence_behind_a_mismatch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
