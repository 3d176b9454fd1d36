/* SPDX-License-Identifier: GPL-2.0-only */
/* The scenes of classes overload, port and mtu (scene.h). */
#ifndef CNITRACE_TESTS_SCENES_LOAD_H
#define CNITRACE_TESTS_SCENES_LOAD_H

#include "scene.h"

/* What the hook of conntrack takes: the table is full, or somebody's rule does it. */
static inline void conntrack_full(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);
	struct conntrack_stats *stats = &world_ns(w, NODE)->conntrack;

	stats->max = 1024;
	stats->count = version == FAULT ? 1024 : 10;
	if (version != HEALTHY)
		text_copy(
			world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 6, 84)
				->first.hook,
			16, "PREROUTING");
}

/* Two queries of one socket want one entry; or a full table, which counts as dropped what it does not insert. */
static inline void conntrack_race(struct world *w, enum version version)
{
	struct flow *flow = world_flow(w, IPPROTO_UDP, BUSYBOX_IP, 40000, OUTSIDE_IP, 5353);
	struct netns_facts *node = world_ns(w, NODE);

	node->has_conntrack_before = true;
	node->conntrack.max = 1024;
	if (version == HEALTHY) {
		world_journey(flow, true, VERDICT_DELIVERED, 2, 60);
		world_reply(flow, 2, 60);
		return;
	}
	node->conntrack.insert_failed = version == FAULT;
	node->conntrack.drop = 1;
	node->conntrack.count = version == FAULT ? 10 : 1000;
	text_copy(world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, ETH0, 1, 60)
			  ->first.hook,
		  16, "POSTROUTING");
}

/* A rule for what conntrack calls invalid, or one for everybody. */
static inline void conntrack_invalid(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, REMOTE_IP, 80, version);
	struct filter_chain *chain = world_chain(w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule = world_rule(chain, RULE_DROP, "DROP", "-A FORWARD -j DROP");

	if (version != NEAR)
		rule->ct_state = RULE_CT_INVALID;
	if (version == HEALTHY)
		return;
	scene_filtered(flow, 1);
	flow->drops[0].first.packet.tcp_flags = PACKET_TCP_ACK;
}

static inline void qdisc_drop(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == HEALTHY)
		return;
	/* "noop" is the queue of a device that is down */
	text_copy(world_drop(flow, true, "QDISC_DROP", "__dev_queue_xmit", NODE, VETH_WEB, 10, 1028)
			  ->first.info.qdisc,
		  16, version == FAULT ? "tbf" : "noop");
}

static inline void backlog_drop(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == FAULT)
		world_drop(flow, true, "CPU_BACKLOG", "enqueue_to_backlog", WEB, POD_ETH0, 6, 1450);
	if (version == NEAR)
		text_copy(world_drop(flow, true, "QDISC_DROP", "__dev_queue_xmit", NODE, VETH_WEB,
				     6, 1450)
				  ->first.info.qdisc,
			  16, "tbf");
}

/* No answer from a server whose queue is full, or has room. */
static inline void listen_overflow(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, WEB_IP, 80, version);

	world_listen(w, WEB, IPPROTO_TCP, "0.0.0.0", 80, "httpd");
	world_ns(w, WEB)->sockets.items[0].send_queue = 5;
	world_ns(w, WEB)->sockets.items[0].receive_queue = version == FAULT ? 6 : 0;
	if (version != HEALTHY)
		world_hop(world_journey(flow, true, VERDICT_DELIVERED, 2, 60), NODE, VETH_WEB, true,
			  flow->tuples[0]);
}

/* The receiver reads too slowly, or is not there. */
static inline void socket_buffer_full(struct world *w, enum version version)
{
	struct flow *flow = world_flow(w, IPPROTO_UDP, BUSYBOX_IP, 40000, WEB_IP, 9999);

	if (version != NEAR)
		world_listen(w, WEB, IPPROTO_UDP, "0.0.0.0", 9999, "echo");
	if (version == HEALTHY) {
		world_journey(flow, true, VERDICT_DELIVERED, 40, 1000);
		world_reply(flow, 40, 1000);
		return;
	}
	world_drop(flow, true, version == FAULT ? "SOCKET_RCVBUFF" : "NO_SOCKET",
		   version == FAULT ? "udp_queue_rcv_one_skb" : "__udp4_lib_rcv", WEB, POD_ETH0, 40,
		   1000)
		->first.info.sk_rcvbuf = version == FAULT ? 212992 : 0;
}

/* A connect that its own kernel refused. */
static inline void refused_connect(struct world *w, enum version version, int error)
{
	struct refusal *refusal = array_push(&w->flows.refusals);

	refusal->error = error;
	refusal->tuple.dst = ip(OUTSIDE_IP);
	refusal->tuple.proto = IPPROTO_TCP;
	refusal->netns = BUSYBOX;
	refusal->count = 1;
	world_sysctl(w, BUSYBOX, "net.ipv4.ip_local_port_range", "40000\t40003");
	for (uint16_t port = 40000; port < (version == HEALTHY ? 40001 : 40004); port++)
		world_listen(w, BUSYBOX, IPPROTO_TCP, BUSYBOX_IP, port, "hold");
}

static inline void ports_exhausted(struct world *w, enum version version)
{
	refused_connect(w, version, version == NEAR ? -ENETUNREACH : -EADDRNOTAVAIL);
	if (version == NEAR)
		world_del_route(w, BUSYBOX, "0.0.0.0", 0);
}

/* A reset: nobody listens, or only on 127.0.0.1; in an established connection it is no refusal. */
static inline void port_closed(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, WEB_IP, 8081, version);

	world_listen(w, WEB, IPPROTO_TCP, version == NEAR ? "127.0.0.1" : "0.0.0.0",
		     version == FAULT ? 80 : 8081, "nginx");
	if (version != HEALTHY)
		world_hop(world_journey(flow, true, VERDICT_REJECTED, 1, 60), NODE, VETH_WEB, true,
			  flow->tuples[0]);
	world_answer(flow, WEB_IP, 0, 0, 1);
}

static inline void listen_loopback(struct world *w, enum version version)
{
	port_closed(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

/* The pod listens on another port than the Service leads to, or on none. */
static inline void service_port_wrong(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, SERVICE_IP, 80, version);

	world_translate(flow, WEB_IP, 8080);
	if (version != NEAR)
		world_listen(w, WEB, IPPROTO_TCP, "0.0.0.0", version == FAULT ? 80 : 8080, "nginx");
	if (version == HEALTHY)
		return;
	world_hop(world_journey(flow, true, VERDICT_REJECTED, 1, 60), NODE, VETH_WEB, true,
		  flow->tuples[1]);
	world_answer(flow, WEB_IP, 0, 0, 1);
}

/* Too large for the tunnel: the sender is told, or what tells it is lost itself. */
static inline void mtu_exceeded(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);
	struct flow_drop *dropped;

	if (version == HEALTHY)
		return;
	dropped = world_drop(flow, true, "PKT_TOO_BIG", "ip_forward", NODE, CNI0, 1, 1500);
	dropped->first.info.dst_ifindex = FLANNEL;
	dropped->first.info.dst_mtu = 1450;
	dropped->answered = true;
	world_answer(flow, "10.244.1.1", 3, 4, 1)->packet.ack = 1450;
	world_link(w, BUSYBOX, POD_ETH0)->mtu = 1500;
	world_link(w, NODE, VETH_BUSYBOX)->mtu = 1500;
	if (version == NEAR) {
		flow->answers[0].drop.time_ns = 5;
		flow->answers[0].delivered = false;
	}
}

/* Without a tunnel: the NIC is smaller than the pods. */
static inline void mtu_exceeded_by_the_nic(struct world *w, enum version version,
					   void (*network)(struct world *w))
{
	struct flow *flow = scene_ping(w, OUTSIDE_IP, version);
	struct flow_drop *dropped;

	network(w);
	if (version == HEALTHY)
		return;
	world_link(w, NODE, ETH0)->mtu = 1400;
	dropped = world_drop(flow, true, "PKT_TOO_BIG", "ip_forward", NODE, CNI0, 1, 1500);
	dropped->first.info.dst_ifindex = ETH0;
	dropped->first.info.dst_mtu = 1400;
	dropped->answered = true;
	world_answer(flow, "10.244.1.1", 3, 4, 1)->packet.ack = 1400;
	if (version == NEAR) {
		flow->answers[0].drop.time_ns = 5;
		flow->answers[0].delivered = false;
	}
}

static inline void mtu_exceeded_host_gw(struct world *w, enum version version)
{
	mtu_exceeded_by_the_nic(w, version, scene_host_gw);
}

static inline void mtu_exceeded_docker(struct world *w, enum version version)
{
	mtu_exceeded_by_the_nic(w, version, scene_docker);
}

/* A veth that drops without a word: its peer is smaller, or down. */
static inline void mtu_blackhole(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == HEALTHY)
		return;
	world_drop(flow, true, "", "__dev_forward_skb2", NODE, VETH_WEB, 3, 1428)->first.info.len =
		1442;
	world_link(w, WEB, POD_ETH0)->mtu = 1400;
	if (version == NEAR)
		world_link(w, WEB, POD_ETH0)->flags = 0;
}

static inline void mtu_blackhole_calico(struct world *w, enum version version)
{
	scene_calico(w);
	mtu_blackhole(w, version);
}

/* The tunnel may not fragment, and the NIC takes less than it makes; or the packet did not fit the tunnel itself. */
static inline void mtu_blackhole_outer(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);
	struct flow_drop *dropped;

	if (version == HEALTHY)
		return;
	if (version == NEAR) {
		mtu_exceeded(w, FAULT);
		return;
	}
	world_link(w, NODE, ETH0)->mtu = 1400;
	dropped = world_drop(flow, true, "", "ip_fragment", NODE, FLANNEL, 3, 1400);
	dropped->first.info.dst_ifindex = ETH0;
	dropped->first.info.dst_mtu = 1400;
	dropped->first.has_encap = true;
	dropped->first.encap.ip_version = 4;
	dropped->first.encap.len = 1450;
}

static inline void mtu_mismatch(struct world *w, enum version version)
{
	w->diagnosis.check = true;
	world_link(w, BUSYBOX, POD_ETH0)->mtu = version == FAULT ? 1500 : 1450;
	world_link(w, NODE, VETH_BUSYBOX)->mtu = version == FAULT ? 1500 : 1450;
	if (version == NEAR)
		world_link(w, NODE, VETH_BUSYBOX)->flags = 0;
}

static inline void mtu_local(struct world *w, enum version version)
{
	if (version == HEALTHY) {
		scene_ping(w, OUTSIDE_IP, version);
		return;
	}
	refused_connect(w, version, version == FAULT ? -EMSGSIZE : -EADDRNOTAVAIL);
	w->flows.refusals.items[0].tuple.proto = IPPROTO_UDP;
	world_link(w, BUSYBOX, POD_ETH0)->mtu = 1400;
}

/* What could not be put together in time; or what was too big to begin with. */
static inline void fragments_lost(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);
	struct flow_drop *dropped;

	if (version == FAULT)
		world_drop(flow, true, "FRAG_REASM_TIMEOUT", "ip_expire", WEB, POD_ETH0, 2, 1450);
	if (version != NEAR)
		return;
	dropped = world_drop(flow, true, "", "br_dev_queue_push_xmit", NODE, VETH_WEB, 3, 1428);
	dropped->first.info.len = 1442;
	dropped->first.info.dev_mtu = 1400;
	world_link(w, NODE, VETH_WEB)->mtu = 1400;
}

static const struct scene scenes_load[] = {
	{"conntrack-full", "netfilter-drop", conntrack_full, ""},
	{"conntrack-race", "conntrack-full", conntrack_race, ""},
	{"conntrack-invalid", "netfilter-drop", conntrack_invalid, ""},
	{"qdisc-drop", "link-down", qdisc_drop, ""},
	{"backlog-drop", "qdisc-drop", backlog_drop, ""},
	{"listen-overflow", "no-reply", listen_overflow, ""},
	{"socket-buffer-full", "port-closed", socket_buffer_full, ""},
	{"ports-exhausted", "pod-config", ports_exhausted, ""},
	{"port-closed", "listen-loopback", port_closed, ""},
	{"listen-loopback", "port-closed", listen_loopback, ""},
	{"service-port-wrong", "port-closed", service_port_wrong, ""},
	{"mtu-exceeded", "mtu-blackhole", mtu_exceeded, ""},
	{"mtu-exceeded", "mtu-blackhole", mtu_exceeded_host_gw, "host-gw"},
	{"mtu-exceeded", "mtu-blackhole", mtu_exceeded_docker, "docker"},
	{"mtu-blackhole", "link-down", mtu_blackhole, ""},
	{"mtu-blackhole", "link-down", mtu_blackhole_calico, "calico"},
	{"mtu-blackhole", "mtu-exceeded", mtu_blackhole_outer, "tunnel"},
	{"mtu-mismatch", "link-down", mtu_mismatch, ""},
	{"mtu-local", "ports-exhausted", mtu_local, ""},
	{"fragments-lost", "mtu-blackhole", fragments_lost, ""},
};

#endif
