/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places remembered: three direct-mapped caches over the topology's arrays. A slot that
 * collides is simply asked anew.
 */
#include "packet/place.h"

#include <stdlib.h>
#include <string.h>

#include "packet/mix.h"

#define PLACE_AGE_NS 1000000000ull

struct place_cache *place_cache_new(const struct topology *topology)
{
	struct place_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->topology = topology;
	return cache;
}

void place_refresh(struct place_cache *cache, uint64_t now_ns)
{
	const struct topology *topology = cache->topology;

	if (cache->age && now_ns - cache->asked_ns < PLACE_AGE_NS &&
	    cache->version == topology->version && cache->devices == topology->devices.count &&
	    cache->addresses == topology->addresses.count)
		return;
	cache->age++;
	cache->asked_ns = now_ns;
	cache->version = topology->version;
	cache->devices = topology->devices.count;
	cache->addresses = topology->addresses.count;
	cache->uplink_traced = cache->tunnel_traced = cache->pod_traced = false;
	cache->exits_traced = cache->pods_traced = true;
	array_each(device, &topology->devices) {
		bool exits = device->role == ROLE_UPLINK || device->role == ROLE_TUNNEL;

		if (device->netns != topology->node_netns || device->gone)
			continue;
		cache->uplink_traced |= device->traced && device->role == ROLE_UPLINK;
		cache->tunnel_traced |= device->traced && device->role == ROLE_TUNNEL;
		cache->pod_traced |= device->traced && device->role == ROLE_POD;
		cache->exits_traced &= device->traced || !exits;
		cache->pods_traced &= device->traced || device->role != ROLE_POD;
	}
}

const struct device *place_device(struct place_cache *cache, uint32_t netns, uint32_t ifindex)
{
	const struct topology *topology = cache->topology;
	uint64_t hash = mix64(netns, ifindex);
	struct place_slot *slot = &cache->places[hash & (PLACE_SLOTS - 1)];
	const struct device *device;

	if (slot->age && slot->age == cache->age && slot->netns == netns &&
	    slot->ifindex == ifindex) {
		if (slot->index == UINT32_MAX)
			return NULL;
		if (slot->index < topology->devices.count)
			return &topology->devices.items[slot->index];
	}
	device = topology_device(topology, netns, ifindex);
	slot->netns = netns;
	slot->ifindex = ifindex;
	slot->age = cache->age;
	slot->index = device ? (uint32_t)(device - topology->devices.items) : UINT32_MAX;
	return device;
}

static size_t address_slot(uint32_t netns, struct address address)
{
	uint64_t words[2];

	memcpy(words, address.bytes, sizeof(words));
	return mix64(mix64(netns, words[0]), words[1]) & (PLACE_SLOTS - 1);
}

static const struct local_slot *place_local(struct place_cache *cache, uint32_t netns,
					    struct address address)
{
	struct local_slot *slot = &cache->locals[address_slot(netns, address)];

	if (!slot->age || slot->age != cache->age || slot->netns != netns ||
	    !address_equal(slot->address, address)) {
		slot->netns = netns;
		slot->address = address;
		slot->age = cache->age;
		slot->local = topology_is_local(cache->topology, netns, address);
		slot->served = slot->local && topology_is_served(cache->topology, netns, address);
	}
	return slot;
}

bool place_is_local(struct place_cache *cache, uint32_t netns, struct address address)
{
	return place_local(cache, netns, address)->local;
}

bool place_is_served(struct place_cache *cache, uint32_t netns, struct address address)
{
	return place_local(cache, netns, address)->served;
}

const char *place_pod_of(struct place_cache *cache, struct address address)
{
	struct pod_slot *slot = &cache->pods[address_slot(0, address)];

	if (!slot->age || slot->age != cache->age || !address_equal(slot->address, address)) {
		slot->address = address;
		slot->age = cache->age;
		slot->pod = topology_pod_of(cache->topology, address);
	}
	return slot->pod;
}
