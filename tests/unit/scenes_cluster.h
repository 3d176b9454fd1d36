/* SPDX-License-Identifier: GPL-2.0-only */
/* The scenes of classes cni, service, dns and path (scene.h), and those that check alone tells. */
#ifndef CNITRACE_TESTS_SCENES_CLUSTER_H
#define CNITRACE_TESTS_SCENES_CLUSTER_H

#include "check_world.h"
#include "dns_world.h"
#include "scene.h"

static inline void overlay_down(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);

	if (version == HEALTHY)
		return;
	world_del_route(w, NODE, "10.244.2.0", 24);
	scene_left(flow, false);
	if (version == FAULT)
		world_link(w, NODE, FLANNEL)->flags = 0;
}

static inline void overlay_down_calico(struct world *w, enum version version)
{
	scene_calico(w);
	scene_calico_pool(w);
	overlay_down(w, version);
}

static inline void overlay_down_ipip(struct world *w, enum version version)
{
	scene_ipip(w);
	scene_calico_pool(w);
	overlay_down(w, version);
}

/* What the other node answers to the tunnel's packets: nothing listens there, or a firewall is in the way. */
static inline void remote_overlay_down(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);
	struct flow_answer *answer;

	if (version == HEALTHY)
		return;
	scene_tunnelled(flow, 3);
	answer = world_answer(flow, REMOTE_NODE, 3, version == FAULT ? 3 : 13, 3);
	answer->quoted.encap_kind = ENCAP_VXLAN;
	answer->quoted.encap_dport = 8472;
}

static inline void remote_overlay_down_ipip(struct world *w, enum version version)
{
	scene_ipip(w);
	remote_overlay_down(w, version);
	if (version == HEALTHY)
		return;
	w->flows.flows.items[0]->answers[0].quoted.encap_kind = ENCAP_IPIP;
	w->flows.flows.items[0]->answers[0].quoted.encap_dport = 0;
}

/* Silence from behind the tunnel, whatever is sent there; or the tunnel works, and one pod is silent. */
static inline void overlay_blocked(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version), *other;
	struct journey *reply;

	if (version != HEALTHY)
		scene_tunnelled(flow, 3);
	if (version != NEAR)
		return;
	other = world_flow(w, IPPROTO_ICMP, BUSYBOX_IP, 9, "10.244.2.11", 9);
	scene_tunnelled(other, 1);
	reply = world_reply(other, 1, 84);
	world_encapsulate(world_hop(reply, NODE, ETH0, false, tuple_reverse(other->tuples[0])),
			  REMOTE_NODE, "192.168.1.11");
}

/* The other node's entry is gone: the tunnel's own, or what the NIC knows of the node. */
static inline void overlay_peer_missing(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, REMOTE_IP, version);

	if (version == FAULT) {
		world_drop(flow, true, "NO_TX_TARGET", "vxlan_xmit", NODE, FLANNEL, 3, 84);
		world_ns(w, NODE)->fdb.count = 0;
	}
	if (version != NEAR)
		return;
	world_add_neighbour(w, NODE, ETH0, REMOTE_NODE, 0, 0x20);
	world_ns(w, NODE)->neighbours.items[1].state = 0x20;
	world_ns(w, NODE)->neighbours.items[1].has_mac = false;
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", NODE, ETH0, 3, 134)
		->first.info.dst_ifindex = ETH0;
	flow->drops[0].first.has_encap = true;
	flow->drops[0].first.encap.ip_version = 4;
	memcpy(flow->drops[0].first.encap.dst, ip(REMOTE_NODE).bytes, 16);
}

static inline void overlay_peer_missing_calico(struct world *w, enum version version)
{
	scene_calico(w);
	overlay_peer_missing(w, version);
}

/* The other node's packets come here, and nobody takes them. */
static inline struct flow_drop *unheard(struct world *w, enum version version)
{
	struct flow *flow = world_flow(w, IPPROTO_ICMP, REMOTE_IP, 7, BUSYBOX_IP, 7);
	struct flow_drop *dropped;

	if (version == HEALTHY) {
		world_journey(flow, true, VERDICT_DELIVERED, 3, 84);
		world_reply(flow, 3, 84);
		return NULL;
	}
	dropped = world_drop(flow, true, "NO_SOCKET", "__udp4_lib_rcv", NODE, ETH0, 3, 84);
	dropped->first.has_encap = true;
	dropped->first.encap.ip_version = 4;
	dropped->first.encap.dport = 8472;
	return dropped;
}

/* The other node's IPIP packets: no device takes them, or a rule does. */
static inline void overlay_down_unheard_ipip(struct world *w, enum version version)
{
	struct flow_drop *dropped;

	scene_ipip(w);
	scene_calico_pool(w);
	dropped = unheard(w, version);
	if (!dropped)
		return;
	dropped->first.encap.kind = ENCAP_IPIP;
	dropped->first.encap.dport = 0;
	if (version == FAULT) {
		world_link(w, NODE, FLANNEL)->flags = 0;
		dropped->first.reason[0] = '\0';
		text_copy(dropped->first.function, 16, "tunnel4_rcv");
		return;
	}
	text_copy(dropped->first.reason, 16, "NETFILTER_DROP");
	text_copy(dropped->first.function, 16, "nf_hook_slow");
	text_copy(dropped->first.hook, 16, "INPUT");
}

static inline void overlay_mismatch(struct world *w, enum version version)
{
	unheard(w, version);
	if (version == FAULT)
		world_link(w, NODE, FLANNEL)->port = 4789;
	if (version == NEAR)
		world_link(w, NODE, FLANNEL)->flags = 0;
}

/* Where the kernel gives no reason, a listening tunnel that takes nothing has seen bad checksums. */
static inline void overlay_checksum(struct world *w, enum version version)
{
	struct flow_drop *dropped = unheard(w, version);

	if (!dropped)
		return;
	dropped->first.reason[0] = '\0';
	dropped->first.info.reason = 0;
	dropped->first.derived = true;
	if (version == NEAR)
		world_link(w, NODE, FLANNEL)->port = 4789;
}

static inline void checked(struct world *w)
{
	check_world_make(w);
	w->diagnosis.check = true;
}

static inline void ipam_exhausted(struct world *w, enum version version)
{
	checked(w);
	add_reservations(w,
			 version == FAULT  ? 253
			 : version == NEAR ? 60
					   : 20,
			 version == HEALTHY ? 0 : 50);
}

static inline void ipam_stale(struct world *w, enum version version)
{
	ipam_exhausted(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

static inline void cni_subnet_mismatch(struct world *w, enum version version)
{
	checked(w);
	if (version == FAULT)
		w->facts->config.flannel_subnet = ip("10.244.7.1");
	if (version == NEAR)
		text_copy(w->facts->config.confs.items[0].error, 128, "it is not JSON");
}

static inline void cni_config(struct world *w, enum version version)
{
	cni_subnet_mismatch(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

/* A second network that hides the cluster's, or whose pods are there already. */
static inline void cni_conflists(struct world *w, enum version version)
{
	struct cni_conf *second;

	checked(w);
	second = array_push(&w->facts->config.confs);
	memset(second, 0, sizeof(*second));
	text_copy(second->file, sizeof(second->file), "99-other.conf");
	text_copy(second->type, sizeof(second->type), version == HEALTHY ? "loopback" : "calico");
	if (version != HEALTHY)
		text_copy(w->facts->config.confs.items[0].type, 32, "bridge");
	if (version == NEAR)
		text_copy(w->facts->pods.items[0].cni_network, 64, "podman");
}

static inline void kube_proxy_absent(struct world *w, enum version version)
{
	checked(w);
	world_listen(w, NODE, IPPROTO_TCP, "0.0.0.0", 10250, "kubelet");
	if (version != FAULT)
		world_listen(w, NODE, IPPROTO_TCP, "0.0.0.0", 10256, "kube-proxy");
	if (version == NEAR)
		world_ns(w, NODE)->rules.chains.items[1].rules.items[0].to = ip("10.244.1.99");
}

/* The Service leads to a pod of the same bridge, whose answers are not translated back; or it does not answer. */
static inline void bridge_netfilter_off(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, SERVICE_IP, 80, version);

	world_translate(flow, WEB_IP, 80);
	if (version == FAULT)
		world_sysctl(w, NODE, "net.bridge.bridge-nf-call-iptables", "0");
	if (version != HEALTHY)
		world_hop(world_journey(flow, true, VERDICT_DELIVERED, 3, 60), NODE, VETH_WEB, true,
			  flow->tuples[1]);
}

static inline void hairpin_off(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, WEB_IP, SERVICE_IP, 80, version);

	world_translate(flow, WEB_IP, 80);
	world_link(w, NODE, VETH_WEB)->hairpin = version != FAULT;
	if (version != HEALTHY)
		world_hop(world_journey(flow, true, VERDICT_VANISHED, 3, 60), NODE, VETH_WEB, false,
			  flow->tuples[0]);
}

/* To the world outside with the pod's address, or with the node's: then it is not this node's fault. */
static inline void masquerade_missing(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, OUTSIDE_IP, version);

	if (version != HEALTHY)
		scene_left(flow, version == NEAR);
}

static inline void masquerade_missing_host_gw(struct world *w, enum version version)
{
	scene_host_gw(w);
	masquerade_missing(w, version);
}

static inline void masquerade_missing_calico(struct world *w, enum version version)
{
	scene_calico(w);
	masquerade_missing(w, version);
}

static inline void masquerade_missing_docker(struct world *w, enum version version)
{
	scene_docker(w);
	masquerade_missing(w, version);
}

static inline void no_reply(struct world *w, enum version version)
{
	masquerade_missing(w, version == HEALTHY ? HEALTHY : version == FAULT ? NEAR : FAULT);
}

/* A Service's packets leave as they are; or translated, to a pod that does not answer. */
static inline void service_rules_missing(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, SERVICE_IP, 80, version);

	if (version == FAULT)
		scene_left(flow, false);
	else
		world_translate(flow, "10.244.2.99", 80);
	if (version == NEAR)
		scene_tunnelled(flow, 2);
}

/* kube-proxy's rule for a Service that has none, or an operator's. */
static inline void service_no_endpoints(struct world *w, enum version version)
{
	const char *name = version == NEAR ? "OPERATOR" : "KUBE-SERVICES";
	struct filter_chain *forward = world_chain(w, NODE, "filter", "FORWARD", "FORWARD"), *chain;
	struct flow *flow = scene_connect(w, BUSYBOX_IP, "10.96.0.30", 80, version);
	struct filter_rule *rule;

	world_rule(forward, RULE_JUMP, name, "-A FORWARD -j CHAIN");
	chain = world_chain(w, NODE, "filter", name, NULL);
	rule = world_rule(chain, RULE_REJECT, "REJECT", "-A CHAIN -j REJECT");
	rule->dst = ip(version == HEALTHY ? "198.51.100.1" : "10.96.0.30");
	rule->dst_len = 32;
	rule->proto = IPPROTO_TCP;
	rule->dport_min = rule->dport_max = 80;
	rule->comment = strdup(version == FAULT ? "default/empty has no endpoints" : "no entry");
	if (version == HEALTHY)
		return;
	scene_filtered(flow, 1);
	world_answer(flow, "10.244.1.1", 3, 3, 1)->local = true;
}

/* Nobody has the address: it is an endpoint's, or was asked for by itself. */
static inline void service_endpoint_dead(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(
		w, BUSYBOX_IP, version == NEAR ? "10.244.1.99" : SERVICE_IP, 80, version);

	if (version == HEALTHY)
		return;
	if (version == FAULT)
		world_translate(flow, "10.244.1.99", 80);
	world_drop(flow, true, "NEIGH_FAILED", "neigh_invalidate", NODE, CNI0, 1, 60)
		->first.info.dst_ifindex = CNI0;
}

static inline void service_endpoint_dead_calico(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(
		w, BUSYBOX_IP, version == NEAR ? "10.244.1.99" : SERVICE_IP, 80, version);

	scene_calico(w);
	/* the block's own route is what is left for an address that no pod has */
	world_add_route(w, NODE, "10.244.1.0", 24, NULL, 0)->type = 6;
	world_ns(w, NODE)->routes.items[world_ns(w, NODE)->routes.count - 1].protocol = 80;
	if (version == HEALTHY)
		return;
	if (version == FAULT)
		world_translate(flow, "10.244.1.99", 80);
	world_drop(flow, true, "", "ip_error", NODE, VETH_BUSYBOX, 1, 60)->first.info.dst_error =
		-EINVAL;
}

/* Nobody translates the node's port; or it is a port that no Service has. */
static inline void nodeport_refused(struct world *w, enum version version)
{
	struct flow *flow = scene_connect(w, BUSYBOX_IP, "192.168.1.11",
					  version == NEAR ? 8080 : 30080, version);

	if (version == HEALTHY)
		return;
	world_journey(flow, true, VERDICT_REJECTED, 1, 60);
	world_answer(flow, "192.168.1.11", 0, 0, 1);
}

#define NAME "web.default.svc.cluster.local"
#define SOON 1000000ULL
#define LATE 2000000000ULL

static inline void dns_server_unreachable(struct world *w, enum version version)
{
	struct flow *flow = ask(w, NAME, version == HEALTHY ? 0 : -1, SOON);

	if (version == FAULT)
		world_answer(flow, WEB_IP, 3, 3, 1);
}

static inline void dns_timeout(struct world *w, enum version version)
{
	ask(w, NAME, version == FAULT ? -1 : 0, version == NEAR ? LATE : SOON);
}

static inline void dns_slow(struct world *w, enum version version)
{
	ask(w, NAME, version == NEAR ? -1 : 0, version == FAULT ? LATE : SOON);
}

static inline void dns_error(struct world *w, enum version version)
{
	ask(w, NAME, version == FAULT ? 3 : version == NEAR ? -1 : 0, SOON);
}

/* The pod asks a server that is not the cluster's; or it should, and gets no answer. */
static inline void dns_config(struct world *w, enum version version)
{
	struct flow *flow;

	check_world_make(w);
	if (version != FAULT) {
		ask(w, NAME, version == NEAR ? -1 : 0, SOON);
		return;
	}
	resolver_set("203.0.113.53", "default.svc.cluster.local");
	flow = world_flow(w, IPPROTO_UDP, BUSYBOX_IP, 41000, "203.0.113.53", 53);
	scene_left(flow, true);
}

/* Gone without a drop between two hops; or the next device is down. */
static inline void vanished(struct world *w, enum version version)
{
	struct flow *flow = scene_ping(w, WEB_IP, version);

	if (version == HEALTHY)
		return;
	world_hop(world_journey(flow, true, VERDICT_VANISHED, 3, 84), NODE, VETH_BUSYBOX, false,
		  flow->tuples[0]);
	if (version == NEAR)
		world_link(w, NODE, VETH_WEB)->flags = 0;
}

static const struct scene scenes_cluster[] = {
	{"overlay-down", "overlay-route-missing", overlay_down, ""},
	{"overlay-down", "overlay-route-missing", overlay_down_calico, "calico"},
	{"overlay-down", "overlay-route-missing", overlay_down_ipip, "ipip"},
	{"overlay-down", "netfilter-drop", overlay_down_unheard_ipip, "ipip"},
	{"remote-overlay-down", "overlay-blocked", remote_overlay_down, ""},
	{"remote-overlay-down", "overlay-blocked", remote_overlay_down_ipip, "ipip"},
	{"overlay-blocked", "no-reply", overlay_blocked, ""},
	{"overlay-peer-missing", "neighbour-failed", overlay_peer_missing, ""},
	{"overlay-peer-missing", "neighbour-failed", overlay_peer_missing_calico, "calico"},
	{"overlay-mismatch", "overlay-down", overlay_mismatch, ""},
	{"overlay-checksum", "overlay-mismatch", overlay_checksum, ""},
	{"ipam-exhausted", "ipam-stale", ipam_exhausted, ""},
	{"cni-subnet-mismatch", "cni-config", cni_subnet_mismatch, ""},
	{"bridge-netfilter-off", "service-endpoint-dead", bridge_netfilter_off, ""},
	{"hairpin-off", "vanished", hairpin_off, ""},
	{"masquerade-missing", "no-reply", masquerade_missing, ""},
	{"masquerade-missing", "no-reply", masquerade_missing_host_gw, "host-gw"},
	{"masquerade-missing", "no-reply", masquerade_missing_calico, "calico"},
	{"masquerade-missing", "no-reply", masquerade_missing_docker, "docker"},
	{"service-rules-missing", "service-endpoint-dead", service_rules_missing, ""},
	{"service-no-endpoints", "netfilter-reject", service_no_endpoints, ""},
	{"service-endpoint-dead", "neighbour-failed", service_endpoint_dead, ""},
	{"service-endpoint-dead", "no-route", service_endpoint_dead_calico, "calico"},
	{"nodeport-refused", "port-closed", nodeport_refused, ""},
	{"dns-config", "dns-timeout", dns_config, ""},
	{"dns-server-unreachable", "dns-timeout", dns_server_unreachable, ""},
	{"dns-timeout", "dns-slow", dns_timeout, ""},
	{"dns-error", "dns-timeout", dns_error, ""},
	{"dns-slow", "dns-timeout", dns_slow, ""},
	{"no-reply", "masquerade-missing", no_reply, ""},
	{"vanished", "link-down", vanished, ""},
	{"ipam-stale", "ipam-exhausted", ipam_stale, "", SEVERITY_WARNING},
	{"cni-conflists", "cni-subnet-mismatch", cni_conflists, "", SEVERITY_WARNING},
	{"cni-config", "cni-subnet-mismatch", cni_config, ""},
	{"kube-proxy-absent", "service-endpoint-dead", kube_proxy_absent, "", SEVERITY_WARNING},
};

#endif
