/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What packet/ must know of the node to judge where a packet is: each device's role
 * and which addresses are the node's own. Filled by commands/ from node/ facts; pure
 * here, so tests write it as arrays.
 */
#ifndef CNITRACE_PACKET_TOPOLOGY_H
#define CNITRACE_PACKET_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "packet/address.h"

enum device_role {
	ROLE_OTHER,
	ROLE_POD, /* host end of a pod's veth: "out" there delivers to the pod */
	ROLE_BRIDGE, /* cni0, docker0 … itself (not its ports) */
	ROLE_TUNNEL, /* vxlan, geneve, ipip, wireguard … */
	ROLE_UPLINK, /* NIC: "out" there leaves the node */
	ROLE_INSIDE, /* a device inside a pod's namespace: "in" there delivers to the pod */
	ROLE_LOOPBACK,
};

struct device {
	uint32_t netns; /* inode */
	uint32_t ifindex; /* in that namespace */
	char name[16];
	char kind[16]; /* "veth", "bridge", "vxlan", …, "device" for a physical one */
	enum device_role role;
	uint32_t mtu;
	uint32_t master_ifindex; /* the bridge it is a port of, 0 none */
	uint32_t peer_ifindex, peer_netns; /* veth: the other end, 0 unknown */
	char peer_name[16];
	char pod[320]; /* "namespace/name" of the pod behind it, "" none */
	char containers[192]; /* that pod's: "web", "web,sidecar", "" unknown */
	bool traced; /* tc programs are attached */
	bool gone; /* kept for its name: packets it carried are still to be shown */
};

struct local_address {
	uint32_t netns;
	struct address address;
	bool served; /* on kube-ipvs0: IPVS takes its packets as the node's own and sends them on */
};

/* Who held an address until its namespace went, or lost it. */
struct past_address {
	struct address address;
	uint64_t gone_ns; /* CLOCK_MONOTONIC */
	char pod[320];
};

struct topology {
	uint32_t node_netns; /* the namespace cnitrace runs in */
	ARRAY(struct device) devices;
	ARRAY(struct local_address) addresses; /* of the node's and the pods' namespaces */
	ARRAY(struct past_address) past; /* newest first */
	uint32_t version; /* another one each time the node was looked at */
};

/* NULL when unknown. Pointers are valid until devices is changed. */
const struct device *topology_device(const struct topology *topology, uint32_t netns,
				     uint32_t ifindex);
bool topology_is_local(const struct topology *topology, uint32_t netns, struct address address);
/* Is it an address that IPVS serves? Such is local as well. */
bool topology_is_served(const struct topology *topology, uint32_t netns, struct address address);
/* The pod ("ns/name") that holds an address, NULL none. */
const char *topology_pod_of(const struct topology *topology, struct address address);
/*
 * The pod that held it at time_ns (CLOCK_MONOTONIC); 0: that holds it now or, when nobody does, held it last.
 * An address is soon given to the next pod: neither gets the other's name.
 */
const char *topology_pod_at(const struct topology *topology, struct address address,
			    uint64_t time_ns);
/* The containers ("web,sidecar") of a pod that was found by its address; "" unknown, or the pod has gone. */
const char *topology_containers(const struct topology *topology, const char *pod);
/*
 * `now` was read after `old`, beginning at now_ns: devices that are gone keep their names in it, and addresses
 * their pods', for a while; what is traced stays so.
 */
void topology_keep(struct topology *now, const struct topology *old, uint64_t now_ns);
void topology_free(struct topology *topology);

#endif
