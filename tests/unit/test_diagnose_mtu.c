/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules about sizes and queues: packets too large for a device, told or not, queues and
 * buffers that are full, ports that are used up.
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

/* A monitor sees the ICMP error only when that is dropped, too. */
static void too_big_to_a_monitor(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "PKT_TOO_BIG", "ip_forward", NODE, CNI0, 1, 1500);

	(void)state;
	dropped->first.info.dst_ifindex = FLANNEL;
	dropped->first.info.dst_mtu = 1450;
	world_only(&w, "mtu-blackhole");
	w.diagnosis.drops_only = true;
	world_only(&w, "mtu-exceeded");
	world_answer(flow, "10.244.1.1", 3, 4, 1)->packet.ack = 1450;
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

/* The tunnel's MTU tells senders what fits, and cuts what br_netfilter has put together. */
static void outer_may_not_be_cut(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "", "ip_fragment", NODE, FLANNEL, 3, 1400);
	struct finding *finding;

	(void)state;
	world_link(&w, NODE, ETH0)->mtu = 1400;
	dropped->first.info.dst_ifindex = ETH0;
	dropped->first.info.dst_mtu = 1400;
	finding = world_only(&w, "mtu-blackhole");
	assert_number(finding, "need_mtu", 1350);
	assert_string_equal(finding->remedy.items[0], "ip link set flannel.1 mtu 1350");
	assert_remedy(finding, "ip netns exec cni-busybox ip link set eth0 mtu 1350");
	/* It is small enough already: the pods are left. */
	world_link(&w, NODE, FLANNEL)->mtu = 1350;
	finding = world_only(&w, "mtu-blackhole");
	assert_string_not_equal(finding->remedy.items[0], "ip link set flannel.1 mtu 1350");
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

static void input_queue_overflows(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
	struct flow_drop *dropped =
		world_drop(flow, true, "CPU_BACKLOG", "enqueue_to_backlog", WEB, POD_ETH0, 6, 1450);
	struct finding *finding;

	(void)state;
	dropped->first.info.cpu = 1;
	world_sysctl(&w, NODE, "net.core.netdev_max_backlog", "1000");
	finding = world_only(&w, "backlog-drop");
	assert_number(finding, "cpu", 1);
	assert_number(finding, "netdev_max_backlog", 1000);
	assert_remedy(finding, "sysctl -w net.core.netdev_max_backlog=4000");
	/* A node in a namespace of its own: the setting is the machine's. */
	world_sysctl(&w, NODE, "net.core.netdev_max_backlog", "8");
	w.facts->sysctls.items[w.facts->sysctls.count - 1].of_machine = true;
	finding = world_only(&w, "backlog-drop");
	assert_remedy(finding, "nsenter -t 1 -n sysctl -w net.core.netdev_max_backlog=2000");
	flow->forward.packets = 10000;
	world_diagnose(&w);
	assert_false(finding_list_has_error(&w.list));
}

/* What waited for the fragments that were lost is given up later: a consequence, though the first one is of another flow. */
static void fragments_lost_for_a_reason(void **state)
{
	struct flow *later = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 0, WEB_IP, 0);
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
	struct flow_drop *dropped = world_drop(later, true, "CPU_BACKLOG", "enqueue_to_backlog",
					       WEB, POD_ETH0, 6, 1450);
	struct finding *finding;

	(void)state;
	world_drop(flow, true, "FRAG_REASM_TIMEOUT", "ip_expire", WEB, POD_ETH0, 2, 1450);
	dropped->first.packet.frag = 178;
	finding = world_only(&w, "backlog-drop");
	assert_int_equal(finding->consequences.count, 1);
	assert_non_null(strstr(finding->consequences.items[0], "fragments-lost"));
	/* Another packet of theirs that was lost is no reason. */
	dropped->first.packet.frag = 0;
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 2);
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

/* A security module, the owner's own socket filter and a full buffer all refuse in one function. */
static void receiving_is_refused(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, WEB_IP, 9999);
	struct flow_drop *dropped = world_drop(flow, true, "SOCKET_FILTER", "udp_queue_rcv_one_skb",
					       WEB, POD_ETH0, 3, 1028);
	struct finding *finding;

	(void)state;
	world_only(&w, "bpf-drop");
	dropped->first.witness_count = 1;
	dropped->first.witnesses[0].what = WITNESS_SECURITY;
	dropped->first.witnesses[0].ret = -EPERM;
	finding = world_only(&w, "security-hook");
	assert_text(finding, "hook", "socket_sock_rcv_skb");
	assert_number(finding, "port", 9999);
	/* Later kernels say it themselves. */
	dropped->first.witness_count = 0;
	text_copy(dropped->first.reason, sizeof(dropped->first.reason), "SECURITY_HOOK");
	world_only(&w, "security-hook");
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

/* Four connections are half open: of tcp_max_syn_backlog 4 a quarter is kept back, unless SYN cookies are on. */
static void syn_queue_full(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, WEB_IP, 80);
	struct finding *finding;
	struct flow_drop *dropped;

	(void)state;
	world_hop(world_journey(flow, true, VERDICT_DELIVERED, 2, 60), NODE, VETH_WEB, true,
		  flow->tuples[0]);
	world_listen(&w, WEB, IPPROTO_TCP, "0.0.0.0", 80, "httpd");
	for (int i = 0; i < 4; i++) {
		world_listen(&w, WEB, IPPROTO_TCP, WEB_IP, 80, "");
		world_ns(&w, WEB)->sockets.items[1 + i].state = 3;
	}
	world_sysctl(&w, WEB, "net.ipv4.tcp_syncookies", "0");
	world_sysctl(&w, WEB, "net.ipv4.tcp_max_syn_backlog", "4");
	finding = world_only(&w, "listen-overflow");
	assert_number(finding, "half_open", 4);
	assert_number(finding, "backlog", 128);
	assert_number(finding, "max_syn_backlog", 4);
	assert_non_null(strstr(finding->summary, "SYN queue of TCP port 80, httpd"));
	/* Full by the listener's own backlog. */
	world_sysctl(&w, WEB, "net.ipv4.tcp_max_syn_backlog", "1000");
	world_only(&w, "no-reply");
	world_ns(&w, WEB)->sockets.items[0].send_queue = 4;
	world_only(&w, "listen-overflow");
	/* SYN cookies take what the queue does not. */
	world_sysctl(&w, WEB, "net.ipv4.tcp_syncookies", "1");
	world_only(&w, "no-reply");
	/* A witness's word needs no guess. */
	world_ns(&w, WEB)->sockets.count = 1;
	dropped = world_drop(flow, true, "", "tcp_conn_request", WEB, 0, 2, 60);
	dropped->first.witness_count = 1;
	dropped->first.witnesses[0] =
		(struct witness_info){.what = WITNESS_SYN_QUEUE, .value = {7, 9, 8}};
	finding = world_only(&w, "listen-overflow");
	assert_number(finding, "queue", 7);
	assert_number(finding, "backlog", 9);
	assert_number(finding, "max_syn_backlog", 8);
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

#define SECOND 1000000000ULL

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(too_big_and_told),
		TEST(silent_veth),
		TEST(too_big_to_a_monitor),
		TEST(silent_bridge_port),
		TEST(outer_may_not_be_cut),
		TEST(large_ones_never_answered),
		TEST(send_refused_as_too_long),
		TEST(mtu_does_not_fit),
		TEST(queue_drops),
		TEST(input_queue_overflows),
		TEST(fragments_lost_for_a_reason),
		TEST(receiver_does_not_read),
		TEST(receiving_is_refused),
		TEST(accept_queue_full),
		TEST(syn_queue_full),
		TEST(ports_exhausted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
