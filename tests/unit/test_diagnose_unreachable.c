/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules for packets that do not arrive: routes, forwarding, loops, addresses that do not
 * resolve, devices, the pod's own settings. The healthy node, with the usual noise, is
 * silent. Firewalls and tunnels are tested beside it.
 */
#include "world.h"

#include <linux/if_packet.h>

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

/* Nothing leads back to the sender: then the filter, loose as it is, only tells of it first. */
static void no_way_back(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, OUTSIDE_IP, 40000, WEB_IP, 80);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "IP_RPFILTER", "ip_rcv_finish_core", NODE, ETH0, 2, 60);
	world_sysctl(&w, NODE, "net.ipv4.conf.all.rp_filter", "0");
	world_sysctl(&w, NODE, "net.ipv4.conf.eth0.rp_filter", "2");
	world_add_route(&w, NODE, "203.0.113.0", 24, NULL, 0)->type = 6;
	finding = world_only(&w, "no-route");
	assert_text(finding, "type", "blackhole");
	assert_text(finding, "destination", OUTSIDE_IP);
	assert_remedy(finding, "ip route del blackhole 203.0.113.0/24");
	world_del_route(&w, NODE, "203.0.113.0", 24);
	world_only(&w, "rp-filter");
	world_del_route(&w, NODE, "0.0.0.0", 0);
	world_only(&w, "no-route");
}

/* A pod of the other node asks, and the way to its node is gone. */
static void no_way_back_to_a_node(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, REMOTE_IP, 40000, WEB_IP, 80);

	(void)state;
	world_drop(flow, true, "IP_RPFILTER", "ip_rcv_finish_core", NODE, FLANNEL, 2, 60);
	world_sysctl(&w, NODE, "net.ipv4.conf.all.rp_filter", "1");
	world_only(&w, "rp-filter");
	world_del_route(&w, NODE, "10.244.2.0", 24);
	assert_text(world_only(&w, "overlay-route-missing"), "subnet", "10.244.2.0/24");
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

/* An answer to neighbour discovery is the kernel's own; an echo would be the command's. */
static void command_sent_nothing_but_its_kernel_did(void **state)
{
	(void)state;
	w.diagnosis.has_command = true;
	w.diagnosis.subject_netns = BUSYBOX;
	w.diagnosis.subject_pod = &w.facts->pods.items[0];
	w.diagnosis.command_status = 1;
	world_link(&w, BUSYBOX, POD_ETH0)->flags = 0;
	world_add_address(&w, BUSYBOX, POD_ETH0, "fd00::2", 64);
	world_flow(&w, IPPROTO_ICMPV6, "fd00::2", 0, "fd00::1", 0);
	world_only(&w, "link-down");
	world_flow(&w, IPPROTO_ICMPV6, "fd00::2", 7, "fd00::1", 7);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* web sends to an address nobody holds, and the bridge floods it to busybox: web's trouble, not that of the traced pod. */
static void flooded_copies_are_the_senders(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, WEB_IP, 4242, "10.244.1.99", 4243);
	struct journey *journey = world_journey(flow, true, VERDICT_VANISHED, 3, 48);

	(void)state;
	world_hop(journey, NODE, VETH_BUSYBOX, true, flow->tuples[0]);
	journey->has_drop = true;
	journey->drop.benign = true;
	journey->drop.info.pkt_type = PACKET_OTHERHOST;
	world_only(&w, "neighbour-failed");
	w.diagnosis.subject_pod = &w.facts->pods.items[1];
	world_only(&w, "neighbour-failed"); /* web is traced */
	w.diagnosis.subject_pod = &w.facts->pods.items[0];
	world_nothing(&w);
}

/* The MAC addresses of busybox's eth0, web's eth0 and cni0. */
static void macs(void)
{
	world_link(&w, BUSYBOX, POD_ETH0)->mac[5] = 0xb0;
	world_link(&w, WEB, POD_ETH0)->mac[5] = 0xb1;
	world_link(&w, NODE, CNI0)->mac[5] = 0xc0;
}

static void passed_over_by_web(struct flow *flow)
{
	struct flow_drop *dropped =
		world_drop(flow, true, "OTHERHOST", "ip_rcv_core", WEB, POD_ETH0, 3, 84);

	dropped->first.info.pkt_type = PACKET_OTHERHOST;
	dropped->first.misaddressed = true;
}

/* The frame reached the pod that has the address, with the MAC address of a pod that had it before. */
static void another_pods_mac(void **state)
{
	struct finding *finding;

	(void)state;
	macs();
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, "10.244.1.1", 0xc0, 0x02);
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, WEB_IP, 0x99, 0x04);
	passed_over_by_web(ping_web(&w));
	finding = world_only(&w, "neighbour-failed");
	assert_text(finding, "state", "stale");
	assert_text(finding, "mac", "00:00:00:00:00:99");
	assert_text(finding, "expected", "00:00:00:00:00:b1");
	assert_text(finding, "namespace", "default/busybox");
	/* resolved anew since then: whose entry it was is not known any more */
	world_ns(&w, BUSYBOX)->neighbours.items[1].mac[5] = 0xb1;
	finding = world_only(&w, "neighbour-failed");
	assert_text(finding, "state", "gone");
	/* the node's entry */
	world_add_neighbour(&w, NODE, CNI0, WEB_IP, 0x99, 0x80);
	finding = world_only(&w, "neighbour-failed");
	assert_text(finding, "namespace", "node");
	assert_text(finding, "state", "permanent");
}

static void no_answer_of_the_gateway(struct flow *flow)
{
	world_hop(world_journey(flow, true, VERDICT_VANISHED, 3, 84), NODE, VETH_WEB, true,
		  flow->tuples[0]);
}

static void another_gateways_mac(void **state)
{
	struct finding *finding;

	(void)state;
	macs();
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, "10.244.1.1", 0x99, 0x80);
	no_answer_of_the_gateway(world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7));
	finding = world_only(&w, "neighbour-failed");
	assert_text(finding, "address", "10.244.1.1");
	assert_text(finding, "expected", "00:00:00:00:00:c0");
}

/* A device of the node answers for the gateway, or nobody knows the gateway's own: no reason to blame the entry. */
static void macs_that_are_right(void **state)
{
	(void)state;
	macs();
	world_link(&w, NODE, VETH_BUSYBOX)->mac[5] = 0xee;
	world_add_neighbour(&w, BUSYBOX, POD_ETH0, "10.244.1.1", 0xee, 0x02);
	no_answer_of_the_gateway(world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7));
	world_only(&w, "vanished");
	world_ns(&w, BUSYBOX)->neighbours.items[0].mac[5] = 0xc0;
	world_only(&w, "vanished");
	world_ns(&w, BUSYBOX)->neighbours.items[0].mac[5] = 0x99;
	world_link(&w, NODE, CNI0)->mac[5] = 0;
	world_only(&w, "vanished");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy),
		TEST(healthy_with_noise),
		TEST(no_route),
		TEST(route_refuses),
		TEST(rule_refuses),
		TEST(forwarding_off),
		TEST(rp_filter),
		TEST(no_way_back),
		TEST(no_way_back_to_a_node),
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
		TEST(command_sent_nothing_but_its_kernel_did),
		TEST(address_held_twice),
		TEST(gone_between_two_hops),
		TEST(left_and_never_answered),
		TEST(left_with_the_pods_address),
		TEST(never_sent_for_want_of_an_answer),
		TEST(flooded_copies_are_the_senders),
		TEST(another_pods_mac),
		TEST(another_gateways_mac),
		TEST(macs_that_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
