/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places: what the topology says of a device or an address, remembered, because the
 * journey table asks once per record and a node may have hundreds of both. Answers are
 * asked anew when the topology's arrays change in size and at least once a second.
 */
#ifndef CNITRACE_PACKET_PLACE_H
#define CNITRACE_PACKET_PLACE_H

#include "packet/topology.h"

#define PLACE_SLOTS 1024 /* power of two */

struct place_slot {
	uint32_t netns, ifindex;
	uint32_t age; /* of place_cache.age when it was asked; 0 never */
	uint32_t index; /* in topology->devices, UINT32_MAX not there */
};

struct local_slot {
	uint32_t netns, age;
	struct address address;
	bool local, served;
};

struct pod_slot {
	uint32_t age;
	struct address address;
	const char *pod; /* in topology->devices: valid within one age */
};

struct place_cache {
	const struct topology *topology;
	uint32_t age;
	uint64_t asked_ns;
	uint32_t version; /* of the topology, when this age began */
	size_t devices, addresses; /* and its counts */
	bool uplink_traced, tunnel_traced, pod_traced; /* is any such device traced? */
	bool exits_traced; /* are all uplinks and tunnels? */
	bool pods_traced; /* are all pods' veths? */
	struct place_slot places[PLACE_SLOTS];
	struct local_slot locals[PLACE_SLOTS];
	struct pod_slot pods[PLACE_SLOTS];
};

struct place_cache *place_cache_new(const struct topology *topology);
/* Call with a record's time before asking. */
void place_refresh(struct place_cache *cache, uint64_t now_ns);
const struct device *place_device(struct place_cache *cache, uint32_t netns, uint32_t ifindex);
bool place_is_local(struct place_cache *cache, uint32_t netns, struct address address);
/* As topology_is_served(). */
bool place_is_served(struct place_cache *cache, uint32_t netns, struct address address);
/* As topology_pod_of(). */
const char *place_pod_of(struct place_cache *cache, struct address address);

#endif
