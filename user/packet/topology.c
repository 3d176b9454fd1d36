/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Look-ups in the node's topology, straight through its arrays. The journey table asks
 * once per record and therefore goes through packet/place.h, which remembers answers.
 */
#include "packet/topology.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define KEPT_NS 300000000000ull /* names of what is gone: as long as the monitor tells of it */
#define MAX_KEPT 1024 /* devices, and addresses */

const struct device *topology_device(const struct topology *topology, uint32_t netns,
				     uint32_t ifindex)
{
	array_each(device, &topology->devices) {
		if (device->ifindex == ifindex && device->netns == netns)
			return device;
	}
	return NULL;
}

bool topology_is_local(const struct topology *topology, uint32_t netns, struct address address)
{
	array_each(local, &topology->addresses) {
		if (local->netns == netns && address_equal(local->address, address))
			return true;
	}
	return address_is_loopback(address);
}

bool topology_is_served(const struct topology *topology, uint32_t netns, struct address address)
{
	array_each(local, &topology->addresses) {
		if (local->served && local->netns == netns &&
		    address_equal(local->address, address))
			return true;
	}
	return false;
}

/* The pod whose namespace this is: its own devices say so, or the host's end of its veth. */
static const char *pod_of_netns(const struct topology *topology, uint32_t netns)
{
	array_each(device, &topology->devices) {
		bool inside = device->role == ROLE_INSIDE && device->netns == netns;

		/* the number of a namespace that is gone is soon another pod's */
		if (device->pod[0] && !device->gone && (inside || device->peer_netns == netns))
			return device->pod;
	}
	return NULL;
}

const char *topology_pod_of(const struct topology *topology, struct address address)
{
	if (!address.version)
		return NULL;
	array_each(local, &topology->addresses) {
		const char *pod;

		if (local->netns == topology->node_netns || address_is_loopback(address) ||
		    address_is_link_local(address) || !address_equal(local->address, address))
			continue;
		pod = pod_of_netns(topology, local->netns);
		if (pod)
			return pod;
	}
	return NULL;
}

const char *topology_pod_at(const struct topology *topology, struct address address,
			    uint64_t time_ns)
{
	const char *last = NULL, *pod;

	if (!address.version || address_is_loopback(address) || address_is_link_local(address))
		return NULL;
	array_each(past, &topology->past) {
		if (past->gone_ns >= time_ns && address_equal(past->address, address) &&
		    (time_ns || !last))
			last = past->pod; /* newest first: with a time, the first to go after it */
	}
	if (time_ns && last)
		return last;
	pod = topology_pod_of(topology, address);
	return pod ? pod : last;
}

const char *topology_containers(const struct topology *topology, const char *pod)
{
	array_each(device, &topology->devices) {
		if (device->pod == pod)
			return device->containers;
	}
	return "";
}

static void keep_devices(struct topology *now, const struct topology *old)
{
	size_t there = now->devices.count, kept = 0;

	for (size_t i = 0; i < there; i++) {
		struct device *device = &now->devices.items[i];
		const struct device *before = topology_device(old, device->netns, device->ifindex);

		if (before && !before->gone)
			device->traced = before->traced;
	}
	array_each(device, &old->devices) {
		struct device *slot;

		if (kept >= MAX_KEPT || topology_device(now, device->netns, device->ifindex))
			continue;
		slot = array_push(&now->devices);
		if (!slot)
			return;
		*slot = *device;
		slot->gone = true;
		kept++;
	}
}

static void keep_address(struct topology *now, const struct past_address *past)
{
	struct past_address *slot = now->past.count < MAX_KEPT ? array_push(&now->past) : NULL;

	if (slot)
		*slot = *past;
}

static void keep_addresses(struct topology *now, const struct topology *old, uint64_t now_ns)
{
	array_each(local, &old->addresses) {
		struct past_address past = {.address = local->address, .gone_ns = now_ns};
		const char *before = local->netns == old->node_netns
					     ? NULL
					     : topology_pod_of(old, local->address),
			   *after = before ? topology_pod_of(now, local->address) : NULL;

		if (!before || (after && !strcmp(before, after)))
			continue;
		text_copy(past.pod, sizeof(past.pod), before);
		keep_address(now, &past);
	}
	array_each(past, &old->past) {
		if (now_ns - past->gone_ns < KEPT_NS)
			keep_address(now, past);
	}
}

void topology_keep(struct topology *now, const struct topology *old, uint64_t now_ns)
{
	now->version = old->version + 1;
	keep_addresses(now, old, now_ns);
	keep_devices(now, old);
}

void topology_free(struct topology *topology)
{
	array_free(&topology->devices);
	array_free(&topology->addresses);
	array_free(&topology->past);
}
