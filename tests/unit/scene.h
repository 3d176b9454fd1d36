/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scene: one situation on world.h's node in three versions, which test_catalogue.c judges: with the fault of an id of
 * the catalogue, with the nearest other fault in its stead, and healthy, the same traffic in all of them.
 */
#ifndef CNITRACE_TESTS_SCENE_H
#define CNITRACE_TESTS_SCENE_H

#include "world.h"

enum version { FAULT, NEAR, HEALTHY };

struct scene {
	const char *id, *near; /* what the first two versions must be called */
	void (*make)(struct world *w, enum version version);
	const char *network; /* "" flannel's */
	enum severity severity; /* of the id; INFO stands for ERROR, the usual one */
};

/* Three requests of busybox that the far end answers when all is well. */
static inline struct flow *scene_ping(struct world *w, const char *to, enum version version)
{
	struct flow *flow = world_flow(w, IPPROTO_ICMP, BUSYBOX_IP, 7, to, 7);

	if (version == HEALTHY) {
		world_journey(flow, true, VERDICT_DELIVERED, 3, 84);
		world_reply(flow, 3, 84);
	}
	return flow;
}

/* A TCP connection; healthy, it is established. */
static inline struct flow *scene_connect(struct world *w, const char *from, const char *to,
					 uint16_t port, enum version version)
{
	struct flow *flow = world_flow(w, IPPROTO_TCP, from, 40000, to, port);

	if (version == HEALTHY) {
		world_journey(flow, true, VERDICT_DELIVERED, 5, 60);
		world_reply(flow, 5, 60);
		flow->established = true;
	}
	return flow;
}

/* What the firewall of the node took in FORWARD. */
static inline void scene_filtered(struct flow *flow, uint64_t count)
{
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, count, 84);

	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->first.info.dst_ifindex = FLANNEL;
}

/* Packets that left by eth0 with the pod's address or, `masqueraded`, with the node's. */
static inline void scene_left(struct flow *flow, bool masqueraded)
{
	struct tuple out = flow->tuples[flow->tuple_count - 1];

	if (masqueraded)
		out.src = ip("192.168.1.11");
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 3, 84), NODE, ETH0, true, out);
}

/* Packets that went into the tunnel. */
static inline void scene_tunnelled(struct flow *flow, uint64_t count)
{
	struct journey *journey = world_journey(flow, true, VERDICT_LEFT_NODE, count, 84);

	world_hop(journey, NODE, FLANNEL, true, flow->tuples[flow->tuple_count - 1]);
	world_encapsulate(world_hop(journey, NODE, ETH0, true, flow->tuples[flow->tuple_count - 1]),
			  "192.168.1.11", REMOTE_NODE);
}

static inline void scene_link_gone(struct world *w, uint32_t ifindex)
{
	struct netns_facts *node = world_ns(w, NODE);

	for (size_t i = 0; i < node->links.count; i++) {
		if (node->links.items[i].ifindex == ifindex)
			node->links.items[i] = node->links.items[--node->links.count];
	}
}

static inline void scene_rename(struct world *w, uint32_t ifindex, const char *name)
{
	struct link *link = world_link(w, NODE, ifindex);

	text_copy(link->name, sizeof(link->name), name);
	array_each(device, &w->topology.devices) {
		if (device->netns == NODE && device->ifindex == ifindex)
			text_copy(device->name, sizeof(device->name), name);
	}
}

static inline struct cni_conf *scene_conf(struct world *w, const char *type)
{
	struct cni_conf *conf = array_push(&w->facts->config.confs);

	text_copy(conf->type, sizeof(conf->type), type);
	text_copy(conf->name, sizeof(conf->name), "cbr0");
	text_copy(conf->file, sizeof(conf->file), "10-net.conflist");
	return conf;
}

/* flannel's host-gw: other nodes by a route, no tunnel. */
static inline void scene_host_gw(struct world *w)
{
	scene_link_gone(w, FLANNEL);
	world_del_route(w, NODE, "10.244.2.0", 24);
	world_add_route(w, NODE, "10.244.2.0", 24, REMOTE_NODE, ETH0);
	w->facts->config.flannel_mtu = 1500;
}

/* Calico: no bridge, a route for each pod, 169.254.1.1 as everybody's gateway, vxlan.calico. */
static inline void scene_calico(struct world *w)
{
	static const uint32_t pods[] = {BUSYBOX, WEB}, ports[] = {VETH_BUSYBOX, VETH_WEB};
	static const char *const names[] = {"cali1", "cali2"}, *const addresses[] = {BUSYBOX_IP,
										     WEB_IP};
	char name[96];

	scene_link_gone(w, CNI0);
	world_del_route(w, NODE, "10.244.1.0", 24);
	array_each(entry, &world_ns(w, NODE)->addresses) {
		if (entry->ifindex == CNI0)
			entry->address = ip("10.244.1.0");
	}
	scene_rename(w, FLANNEL, "vxlan.calico");
	for (int i = 0; i < 2; i++) {
		struct link *port = world_link(w, NODE, ports[i]);

		port->master = 0;
		port->is_port = false;
		scene_rename(w, ports[i], names[i]);
		text_copy(w->facts->pods.items[i].host_name, 16, names[i]);
		memset(&w->facts->pods.items[i].gateway, 0, sizeof(struct address));
		w->facts->pods.items[i].prefix_len[0] = 32;
		world_ns(w, pods[i])->addresses.items[0].prefix_len = 32;
		world_ns(w, pods[i])->routes.count = 0;
		world_add_route(w, pods[i], "169.254.1.1", 32, NULL, POD_ETH0);
		world_add_route(w, pods[i], "0.0.0.0", 0, "169.254.1.1", POD_ETH0);
		world_add_route(w, NODE, addresses[i], 32, NULL, ports[i]);
		snprintf(name, sizeof(name), "net.ipv4.conf.%s.proxy_arp", names[i]);
		world_sysctl(w, NODE, name, "1");
		snprintf(name, sizeof(name), "net.ipv4.conf.%s.forwarding", names[i]);
		world_sysctl(w, NODE, name, "1");
	}
	w->facts->config.has_subnet_env = false;
	scene_conf(w, "calico");
}

/* What tells the cluster's network and this node's part of it there: the rule that masquerades, and the block's route. */
static inline void scene_calico_pool(struct world *w)
{
	struct filter_chain *chain = world_chain(w, NODE, "nat", "cali-nat-outgoing", NULL);
	struct filter_rule *rule = world_rule(chain, RULE_MASQUERADE, "MASQUERADE",
					      "-A cali-nat-outgoing -j MASQUERADE");
	struct route *block = world_add_route(w, NODE, "10.244.1.0", 26, NULL, 0);

	rule->src = rule->dst = ip("10.244.0.0");
	rule->src_len = rule->dst_len = 16;
	rule->not_dst = true;
	block->type = 6;
	block->protocol = 80;
}

/* The same over IPIP. */
static inline void scene_ipip(struct world *w)
{
	struct link *tunnel;

	scene_calico(w);
	scene_rename(w, FLANNEL, "tunl0");
	tunnel = world_link(w, NODE, FLANNEL);
	text_copy(tunnel->kind, sizeof(tunnel->kind), "ipip");
	tunnel->port = tunnel->vni = 0;
	world_del_route(w, NODE, "10.244.2.0", 24);
	world_add_route(w, NODE, "10.244.2.0", 24, REMOTE_NODE, FLANNEL);
	world_ns(w, NODE)->fdb.count = 0;
}

/* Plain Docker: docker0, no CNI files, nobody but the machine itself knows the containers. */
static inline void scene_docker(struct world *w)
{
	scene_link_gone(w, FLANNEL);
	world_del_route(w, NODE, "10.244.2.0", 24);
	scene_rename(w, CNI0, "docker0");
	w->facts->config.has_subnet_env = false;
	world_sysctl(w, NODE, "net.ipv4.conf.docker0.forwarding", "1");
}

#endif
