/* SPDX-License-Identifier: GPL-2.0-only */
/* The scenes of class unreachable (scene.h): firewalls, routes, devices, addresses. */
#ifndef CNITRACE_TESTS_SCENES_UNREACHABLE_H
#define CNITRACE_TESTS_SCENES_UNREACHABLE_H

#include "scene.h"

#include <linux/if_packet.h>

/* A rule for the pod's pings, one for somebody else's. */
static inline void netfilter_drop(struct world *w, enum version version)
{
	const char *name = version == NEAR ? "KUBE-POD-FW-ABC" : "FORWARD";
	struct filter_chain *chain = world_chain(w, NODE, "filter", name, "FORWARD");
	struct filter_rule *rule = world_rule(chain, RULE_DROP, "DROP", "-A FORWARD -j DROP");
	struct flow *flow = scene_ping(w, REMOTE_IP, version);

	rule->src = ip(version == HEALTHY ? "198.51.100.1" : BUSYBOX_IP);
	rule->src_len = 32;
	if (version != HEALTHY)
		scene_filtered(flow, 3);
}

static inline void network_policy_drop(struct world *w, enum version version)
{
	struct filter_chain *forward = world_chain(w, NODE, "filter", "FORWARD", "FORWARD"), *chain;
	const char *name = version == NEAR ? "OPERATOR" : "cali-tw-cali2";
	struct flow *flow = scene_ping(w, WEB_IP, version);
	struct filter_rule *rule;

	world_rule(forward, RULE_JUMP, name, "-A FORWARD -j CHAIN");
	chain = world_chain(w, NODE, "filter", name, NULL);
	rule = world_rule(chain, RULE_DROP, "DROP", "-A CHAIN -j DROP");
	rule->dst = ip(version == HEALTHY ? "198.51.100.1" : WEB_IP);
	rule->dst_len = 32;
	if (version != HEALTHY)
		scene_filtered(flow, 3);
}

static inline void forward_policy_drop(struct world *w, enum version version)
{
	struct filter_chain *chain = world_chain(w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow *flow = scene_ping(w, REMOTE_IP, version);

	chain->policy_drop = true;
	if (version == NEAR)
		world_rule(chain, RULE_DROP, "DROP", "-A FORWARD -j DROP");
	if (version == HEALTHY)
		world_rule(chain, RULE_ACCEPT, "ACCEPT", "-A FORWARD -j ACCEPT");
	else
		scene_filtered(flow, 3);
}

/* A reset of this node's own making, or the server's. */
static inline void netfilter_reject(struct world *w, enum version version)
{
	struct filter_chain *chain = world_chain(w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow *flow = scene_connect(w, BUSYBOX_IP, REMOTE_IP, 80, version);
	struct filter_rule *rule =
		world_rule(chain, RULE_REJECT, "REJECT",
			   "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset");

	rule->proto = IPPROTO_TCP;
	text_copy(rule->reject_with, sizeof(rule->reject_with), "tcp-reset");
	if (version == FAULT) {
		scene_filtered(flow, 1);
		flow->drops[0].answered = true;
		world_answer(flow, REMOTE_IP, 0, 0, 1)->local = true;
	} else {
		rule->dst = ip("198.51.100.1");
		rule->dst_len = 32;
	}
	if (version == NEAR) {
		world_journey(flow, true, VERDICT_REJECTED, 1, 60);
		world_answer(flow, REMOTE_IP, 0, 0, 1);
	}
}

/* No route, or forwarding that is off, which some kernels tell with the same words. */
static inline void no_route(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, OUTSIDE_IP, version);

	if (version == HEALTHY)
		return;
	world_drop(flow, true, "", "ip_error", NODE, CNI0, 3, 84)->first.info.dst_error =
		-EHOSTUNREACH;
	flow->drops[0].first.info.reason = 0;
	if (version == FAULT)
		world_add_route(w, NODE, OUTSIDE_IP, 32, NULL, 0)->type = 7;
	else
		world_sysctl(w, NODE, "net.ipv4.ip_forward", "0");
}

static inline void ip_forward_disabled(struct world *w, enum version version)
{
	no_route(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

/* Calico's: one pod's own route is gone, or the address is nobody's. */
static inline void no_route_to_a_pod(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	scene_calico(w);
	world_add_route(w, NODE, "10.244.1.0", 26, NULL, 0)->type = 6;
	if (version == HEALTHY)
		return;
	if (version == FAULT)
		world_del_route(w, NODE, WEB_IP, 32);
	else
		world_link(w, NODE, VETH_WEB)->flags = 0;
	world_drop(flow, true, "", "ip_error", NODE, VETH_BUSYBOX, 3, 84)->first.info.dst_error =
		-EINVAL;
	if (version == NEAR)
		world_del_route(w, NODE, WEB_IP, 32); /* it goes with the device */
}

/* In the clear by the default route: the route is gone, or the tunnel with it. */
static inline void overlay_route_missing(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);

	if (version == HEALTHY)
		return;
	world_del_route(w, NODE, "10.244.2.0", 24);
	scene_left(flow, false);
	if (version == NEAR)
		world_link(w, NODE, FLANNEL)->flags = 0;
}

static inline void overlay_route_missing_calico(struct world *w, enum version version)
{
	scene_calico(w);
	scene_calico_pool(w);
	overlay_route_missing(w, version);
}

/* host-gw: the route is gone, or leads to a node that is. */
static inline void overlay_route_missing_host_gw(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);

	scene_host_gw(w);
	if (version == HEALTHY)
		return;
	world_del_route(w, NODE, "10.244.2.0", 24);
	if (version == FAULT) {
		scene_left(flow, false);
		return;
	}
	world_add_route(w, NODE, "10.244.2.0", 24, "192.168.1.77", ETH0);
	world_add_neighbour(w, NODE, ETH0, "192.168.1.77", 0, 0x20);
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", NODE, ETH0, 3, 84)
		->first.info.dst_ifindex = ETH0;
}

static inline void neighbour_failed_host_gw(struct world *w, enum version version)
{
	overlay_route_missing_host_gw(w, version == HEALTHY ? HEALTHY
					 : version == FAULT ? NEAR
							    : FAULT);
}

/* The filter, or no way back at all. */
static inline void rp_filter(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, OUTSIDE_IP, WEB_IP, 80, version);

	world_sysctl(w, NODE, "net.ipv4.conf.all.rp_filter", "1");
	if (version == NEAR)
		world_del_route(w, NODE, "0.0.0.0", 0);
	if (version != HEALTHY)
		world_drop(flow, true, "IP_RPFILTER", "ip_rcv_finish_core", NODE, FLANNEL, 2, 60);
}

/* Nobody has the address; or a pod does, whose device is down. */
static inline void neighbour_failed(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, version == FAULT ? "10.244.1.77" : WEB_IP, version);

	if (version == HEALTHY)
		return;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
	if (version == NEAR)
		world_link(w, WEB, POD_ETH0)->flags = 0;
	else
		world_add_neighbour(w, BUSYBOX, POD_ETH0, "10.244.1.77", 0, 0x20);
}

/* Calico's gateway is nobody's own: the host's end of the veth answers, unless it was told not to. */
static inline void gateway_unanswered(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	scene_calico(w);
	if (version == HEALTHY)
		return;
	world_sysctl(w, NODE,
		     version == FAULT ? "net.ipv4.conf.cali1.proxy_arp"
				      : "net.ipv4.conf.cali1.forwarding",
		     "0");
	world_add_neighbour(w, BUSYBOX, POD_ETH0, "169.254.1.1", 0, 0x20);
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84)
		->first.info.dst_ifindex = POD_ETH0;
}

static inline void forwarding_off_on_a_veth(struct world *w, enum version version)
{
	gateway_unanswered(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

static inline void link_down(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == HEALTHY)
		return;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
	if (version == FAULT) {
		world_link(w, NODE, VETH_WEB)->flags = 0;
		return;
	}
	world_link(w, NODE, VETH_WEB)->master = 0;
	world_link(w, NODE, VETH_WEB)->is_port = false;
}

static inline void bridge_port_detached(struct world *w, enum version version)
{
	link_down(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

static inline void bridge_port_detached_docker(struct world *w, enum version version)
{
	scene_docker(w);
	bridge_port_detached(w, version);
}

/* The packet goes by again and again; twice is none yet. */
static inline void ttl_exceeded(struct world *w, enum version version)
{
	struct flow *flow = world_ping_remote(w, 3);
	struct journey *journey = flow->forward.samples[0];
	struct hop *last = &journey->hops[journey->hop_count - 1];

	if (version == HEALTHY) {
		world_reply(flow, 3, 84);
		return;
	}
	last->packet.ttl = 63;
	for (int round = 1; round <= (version == FAULT ? 2 : 1); round++) {
		journey->hops[journey->hop_count] = *last;
		journey->hops[journey->hop_count++].packet.ttl = last->packet.ttl - 2 * round;
	}
}

static inline void ip_conflict(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == HEALTHY)
		return;
	if (version == FAULT) {
		world_hop(world_journey(flow, true, VERDICT_DELIVERED, 3, 84), NODE, VETH_WEB, true,
			  flow->tuples[0]);
		world_add_address(w, BUSYBOX, POD_ETH0, WEB_IP, 24);
		return;
	}
	/* nobody has it any more */
	world_ns(w, WEB)->addresses.count = 0;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
}

static inline void pod_config(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, OUTSIDE_IP, version);

	if (version == HEALTHY)
		return;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", BUSYBOX, POD_ETH0, 3, 84);
	if (version == FAULT)
		world_ns(w, BUSYBOX)->routes.items[0].gateway = ip("10.244.1.77");
	else
		world_link(w, NODE, CNI0)->flags = 0;
}

static inline void refused_by_socket(struct world *w, enum version version)
{
	struct flow *flow = world_flow(w, IPPROTO_UDP, BUSYBOX_IP, 40000, WEB_IP, 9999);
	struct flow_drop *dropped;

	if (version == HEALTHY) {
		world_journey(flow, true, VERDICT_DELIVERED, 3, 60);
		world_reply(flow, 3, 60);
		return;
	}
	dropped = world_drop(flow, true, "SOCKET_FILTER", "udp_queue_rcv_one_skb", WEB, POD_ETH0, 3,
			     1028);
	if (version == NEAR)
		return;
	dropped->first.witness_count = 1;
	dropped->first.witnesses[0].what = WITNESS_SECURITY;
	dropped->first.witnesses[0].ret = -EPERM;
}

static inline void bpf_drop(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == HEALTHY)
		return;
	world_drop(flow, true, version == FAULT ? "TC_EGRESS" : "QDISC_DROP", "__dev_queue_xmit",
		   NODE, VETH_WEB, 3, 84);
	if (version == NEAR)
		text_copy(flow->drops[0].first.info.qdisc, 16, "tbf");
}

static const struct scene scenes_unreachable[] = {
	{"netfilter-drop", "network-policy-drop", netfilter_drop, ""},
	{"netfilter-reject", "port-closed", netfilter_reject, ""},
	{"forward-policy-drop", "netfilter-drop", forward_policy_drop, ""},
	{"network-policy-drop", "netfilter-drop", network_policy_drop, ""},
	{"no-route", "ip-forward-disabled", no_route, ""},
	{"no-route", "link-down", no_route_to_a_pod, "calico"},
	{"overlay-route-missing", "overlay-down", overlay_route_missing, ""},
	{"overlay-route-missing", "overlay-down", overlay_route_missing_calico, "calico"},
	{"overlay-route-missing", "neighbour-failed", overlay_route_missing_host_gw, "host-gw"},
	{"ip-forward-disabled", "no-route", ip_forward_disabled, ""},
	{"ip-forward-disabled", "neighbour-failed", forwarding_off_on_a_veth, "calico"},
	{"rp-filter", "no-route", rp_filter, ""},
	{"neighbour-failed", "link-down", neighbour_failed, ""},
	{"neighbour-failed", "overlay-route-missing", neighbour_failed_host_gw, "host-gw"},
	{"neighbour-failed", "ip-forward-disabled", gateway_unanswered, "calico"},
	{"link-down", "bridge-port-detached", link_down, ""},
	{"bridge-port-detached", "link-down", bridge_port_detached, ""},
	{"bridge-port-detached", "link-down", bridge_port_detached_docker, "docker"},
	{"ttl-exceeded", "overlay-blocked", ttl_exceeded, ""},
	{"ip-conflict", "pod-config", ip_conflict, ""},
	{"pod-config", "link-down", pod_config, ""},
	{"security-hook", "bpf-drop", refused_by_socket, ""},
	{"bpf-drop", "qdisc-drop", bpf_drop, ""},
};

#endif
