/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A node for the output tests: two pods on cni0, flannel.1, eth0, and journeys through it
 * written as arrays. Kept apart from the tests so that documents and text are judged on
 * the same packets.
 */
#ifndef CNITRACE_TESTS_OUTPUT_SCENE_H
#define CNITRACE_TESTS_OUTPUT_SCENE_H

#include <netinet/in.h>
#include <string.h>

#include "base/text.h"
#include "output/document.h"

#define SCENE_NETNS 4026531840u
#define SCENE_WALL 1700000000000000000LL

enum { VETH_A = 5, VETH_B = 6, CNI0 = 3, FLANNEL = 4, ETH0 = 2 };

struct scene {
	struct topology topology;
	struct names names;
	struct journey journey;
};

static inline struct address scene_address(const char *text)
{
	struct address address = {0};

	address_parse(text, &address);
	return address;
}

static inline void scene_device(struct scene *scene, uint32_t ifindex, const char *name,
				const char *kind, enum device_role role, const char *pod)
{
	struct device *device = array_push(&scene->topology.devices);

	device->netns = SCENE_NETNS;
	device->ifindex = ifindex;
	text_copy(device->name, sizeof(device->name), name);
	text_copy(device->kind, sizeof(device->kind), kind);
	text_copy(device->pod, sizeof(device->pod), pod);
	text_copy(device->peer_name, sizeof(device->peer_name), *pod ? "eth0" : "");
	device->role = role;
	device->mtu = ifindex == ETH0 ? 1500 : 1450;
	device->traced = true;
}

static inline void scene_open(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->topology.node_netns = SCENE_NETNS;
	scene_device(scene, VETH_A, "veth3f2a91c0", "veth", ROLE_POD, "default/busybox");
	scene_device(scene, VETH_B, "vethb1", "veth", ROLE_POD, "default/web");
	scene_device(scene, CNI0, "cni0", "bridge", ROLE_BRIDGE, "");
	scene_device(scene, FLANNEL, "flannel.1", "vxlan", ROLE_TUNNEL, "");
	scene_device(scene, ETH0, "eth0", "device", ROLE_UPLINK, "");
	scene->names = (struct names){
		.topology = &scene->topology, .node = "node1", .wall_offset_ns = SCENE_WALL};
}

static inline void scene_close(struct scene *scene)
{
	array_free(&scene->topology.devices);
	array_free(&scene->topology.addresses);
}

static inline void scene_packet(struct packet *packet, const char *src, uint16_t sport,
				const char *dst, uint16_t dport, uint8_t proto, uint32_t len)
{
	struct address from = scene_address(src), to = scene_address(dst);

	*packet = (struct packet){.ip_version = from.version,
				  .proto = proto,
				  .sport = sport,
				  .dport = dport,
				  .ttl = 64,
				  .len = len,
				  .ip_id = 4711,
				  .frag = PACKET_FRAG_DF,
				  .ethertype = from.version == 6 ? 0x86dd : 0x0800};
	packet->header_len = proto == IPPROTO_TCP ? 40 : 28;
	memcpy(packet->src, from.bytes, 16);
	memcpy(packet->dst, to.bytes, 16);
}

/* Starts a journey of `packet` at 1 s. */
static inline struct journey *scene_start(struct scene *scene, uint64_t id,
					  const struct packet *packet)
{
	memset(&scene->journey, 0, sizeof(scene->journey));
	scene->journey.id = id;
	scene->journey.flow_id = 1;
	scene->journey.first_ns = 1000000000 + id * 1000000;
	scene->journey.packet = *packet;
	return &scene->journey;
}

static inline struct hop *scene_hop(struct scene *scene, uint32_t ifindex, bool out, unsigned us)
{
	struct journey *journey = &scene->journey;
	struct hop *hop = &journey->hops[journey->hop_count++];

	hop->time_ns = journey->first_ns + us * 1000ULL;
	hop->netns = SCENE_NETNS;
	hop->ifindex = ifindex;
	hop->out = out;
	hop->packet = journey->hop_count > 1 ? hop[-1].packet : journey->packet;
	journey->last_ns = hop->time_ns;
	journey->end_netns = SCENE_NETNS;
	journey->end_ifindex = ifindex;
	return hop;
}

static inline void scene_encap(struct hop *hop, const char *src, const char *dst)
{
	struct address from = scene_address(src), to = scene_address(dst);

	hop->has_encap = true;
	hop->encap = (struct encap){.kind = ENCAP_VXLAN,
				    .vni = 1,
				    .ip_version = 4,
				    .len = hop->packet.len + 50,
				    .sport = 51234,
				    .dport = 8472,
				    .ttl = 64};
	memcpy(hop->encap.src, from.bytes, 16);
	memcpy(hop->encap.dst, to.bytes, 16);
}

static inline void scene_drop(struct scene *scene, uint32_t ifindex, unsigned us,
			      const char *reason, const char *function, const char *hook)
{
	struct journey *journey = &scene->journey;
	struct drop *drop = &journey->drop;

	journey->has_drop = true;
	drop->time_ns = journey->first_ns + us * 1000ULL;
	drop->netns = SCENE_NETNS;
	drop->ifindex = ifindex;
	drop->packet =
		journey->hop_count ? journey->hops[journey->hop_count - 1].packet : journey->packet;
	text_copy(drop->reason, sizeof(drop->reason), reason);
	text_copy(drop->function, sizeof(drop->function), function);
	text_copy(drop->hook, sizeof(drop->hook), hook);
	journey->verdict = VERDICT_DROPPED;
	journey->end_netns = SCENE_NETNS;
	journey->end_ifindex = ifindex;
}

/* An echo request from busybox to a pod of node 2 that its node refuses. */
static inline struct journey *scene_ping_rejected(struct scene *scene, uint64_t id, unsigned late)
{
	struct packet packet;

	scene_packet(&packet, "10.244.1.10", 0, "10.244.2.10", 0, IPPROTO_ICMP, 84);
	packet.icmp_type = 8;
	packet.seq = 77 << 16 | (uint32_t)id;
	scene_start(scene, id, &packet);
	scene_hop(scene, VETH_A, false, 0);
	scene_hop(scene, CNI0, false, 14 + late);
	scene_hop(scene, FLANNEL, true, 21 + late);
	scene_encap(scene_hop(scene, ETH0, true, 30 + late), "192.168.1.11", "192.168.1.12");
	scene->journey.verdict = VERDICT_REJECTED;
	scene_packet(&scene->journey.answer, "192.168.1.12", 0, "192.168.1.11", 0, IPPROTO_ICMP,
		     162);
	scene->journey.answer.icmp_type = 3;
	scene->journey.answer.icmp_code = 3;
	scene->journey.answer_quotes_encap = true;
	scene->journey.answer_encap_dport = 8472;
	scene->journey.answered_by = 100 + id;
	return &scene->journey;
}

/* A SYN to a ClusterIP, translated to the pod web. */
static inline struct journey *scene_service(struct scene *scene, uint64_t id, uint16_t sport,
					    uint32_t len)
{
	struct packet packet;
	struct hop *hop;

	scene_packet(&packet, "10.244.1.10", sport, "10.96.0.50", 80, IPPROTO_TCP, len);
	packet.tcp_flags = 2;
	packet.seq = 1000;
	scene_start(scene, id, &packet);
	scene_hop(scene, VETH_A, false, 0);
	scene_hop(scene, CNI0, false, 9);
	hop = scene_hop(scene, VETH_B, true, 17);
	hop->nat = true;
	memcpy(hop->packet.dst, scene_address("10.244.1.11").bytes, 16);
	hop->packet.dport = 8080;
	scene->journey.verdict = VERDICT_DELIVERED;
	return &scene->journey;
}

#endif
