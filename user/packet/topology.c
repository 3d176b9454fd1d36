/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Look-ups in the node's topology, straight through its arrays. The journey table asks
 * once per record and therefore goes through packet/place.h, which remembers answers.
 */
#include "packet/topology.h"

#include <stddef.h>

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

/* The pod whose namespace this is: its own devices say so, or the host's end of its veth. */
static const char *pod_of_netns(const struct topology *topology, uint32_t netns)
{
	array_each(device, &topology->devices) {
		bool inside = device->role == ROLE_INSIDE && device->netns == netns;

		if (device->pod[0] && (inside || device->peer_netns == netns))
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

void topology_free(struct topology *topology)
{
	array_free(&topology->devices);
	array_free(&topology->addresses);
}
