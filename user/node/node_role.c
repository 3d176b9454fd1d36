/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device is for, judged from its kind, its place and its addresses. CNI plugins
 * differ: bridge ports (bridge, flannel), veths without an address (Calico, the cloud CNIs),
 * veths that carry the pods' gateway address (ptp). A veth may also be the node's uplink,
 * on machines that are containers themselves.
 */
#include "node/node_topology.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

static bool kind_in(const char *kind, const char *const *kinds)
{
	for (; *kinds; kinds++) {
		if (!strcmp(kind, *kinds))
			return true;
	}
	return false;
}

static bool is_tunnel(const struct link *link)
{
	static const char *const kinds[] = {
		"vxlan",  "geneve",    "ipip",   "sit",     "gre",       "gretap",
		"ip6gre", "ip6gretap", "ip6tnl", "erspan",  "ip6erspan", "vti",
		"vti6",   "wireguard", "xfrm",   "bareudp", "tun",       NULL};

	/* tun: flannel's udp back end and VPNs are point-to-point, virtual machines' taps are not */
	return kind_in(link->kind, kinds) &&
	       (strcmp(link->kind, "tun") || (link->flags & IFF_POINTOPOINT));
}

static bool is_bridge(const struct link *link)
{
	return !strcmp(link->kind, "bridge") || !strcmp(link->kind, "openvswitch");
}

/* Local by nature: an address on them (kube-ipvs0, a node-local DNS) makes no uplink. */
static bool never_uplink(const struct link *link)
{
	static const char *const kinds[] = {"dummy", "ifb", "nlmon", "vrf", "vcan", "tun", NULL};

	return kind_in(link->kind, kinds);
}

/* A device that has its other end elsewhere: what pods hang on. */
static bool is_pair(const struct link *link)
{
	return !strcmp(link->kind, "veth") || !strcmp(link->kind, "netkit");
}

/* A global address; *only_host tells that all of them are /32 or /128. */
static bool has_global_address(const struct netns_facts *ns, uint32_t ifindex, bool *only_host)
{
	bool found = false;

	*only_host = true;
	array_each(address, &ns->addresses) {
		if (address->ifindex != ifindex || address->scope >= RT_SCOPE_LINK ||
		    address_is_link_local(address->address))
			continue;
		found = true;
		if (address->prefix_len < (address->address.version == 4 ? 32 : 128))
			*only_host = false;
	}
	return found;
}

static bool is_under_tunnel(const struct netns_facts *ns, uint32_t ifindex)
{
	array_each(link, &ns->links) {
		if (is_tunnel(link) && link->lower == ifindex && !link->lower_elsewhere)
			return true;
	}
	return false;
}

static bool is_bridge_port(const struct netns_facts *ns, const struct link *link)
{
	if (link->is_port)
		return true;
	array_each(master, &ns->links) {
		if (link->master && master->ifindex == link->master && is_bridge(master))
			return true;
	}
	return false;
}

const struct pod *node_pod_of_link(struct facts *facts, const struct netns_facts *ns,
				   const struct link *link)
{
	const struct pod *pod = NULL;

	if (ns->inode != facts->node_netns) {
		pod = facts_pod_of_netns(facts, ns->inode);
		for (size_t i = 0; !pod && i < ns->addresses.count; i++) {
			/* A bridge inside a pod may carry any address: only a device with a peer tells. */
			if (ns->addresses.items[i].ifindex == link->ifindex &&
			    link->lower_elsewhere)
				pod = facts_pod_of_address(facts, ns->addresses.items[i].address);
			if (pod && pod->netns) /* known to live elsewhere: a copy of its address */
				pod = NULL;
		}
		return pod;
	}
	if (!is_pair(link))
		return NULL;
	array_each(candidate, &facts->pods) {
		if (candidate->host_network)
			continue;
		if (candidate->host_ifindex == link->ifindex ||
		    (candidate->host_name[0] && !strcmp(candidate->host_name, link->name)))
			return candidate;
	}
	return link->lower_elsewhere ? facts_pod_of_netns(facts, link->lower_netns) : NULL;
}

static enum device_role role_of_pair(struct facts *facts, const struct netns_facts *ns,
				     const struct link *link)
{
	bool only_host, addressed = has_global_address(ns, link->ifindex, &only_host);

	if (node_pod_of_link(facts, ns, link))
		return ROLE_POD;
	if (is_under_tunnel(ns, link->ifindex))
		return ROLE_UPLINK;
	if (!link->lower_elsewhere && link->lower) /* both ends are here: a patch cable */
		return addressed && !is_bridge_port(ns, link) ? ROLE_UPLINK : ROLE_OTHER;
	if (is_bridge_port(ns, link))
		return ROLE_POD;
	if (addressed && !only_host)
		return ROLE_UPLINK;
	/* ptp and its relatives put the pods' gateway on every veth, as a host address. */
	return ROLE_POD;
}

enum device_role node_role(struct facts *facts, struct netns_facts *ns, const struct link *link)
{
	bool only_host;

	if (link->flags & IFF_LOOPBACK)
		return ROLE_LOOPBACK;
	if (ns->inode != facts->node_netns)
		return ROLE_INSIDE;
	if (is_tunnel(link))
		return ROLE_TUNNEL;
	if (is_bridge(link))
		return ROLE_BRIDGE;
	if (is_pair(link))
		return role_of_pair(facts, ns, link);
	if (!link->kind[0] || !strcmp(link->kind, "bond") || !strcmp(link->kind, "team") ||
	    is_under_tunnel(ns, link->ifindex))
		return ROLE_UPLINK;
	if (!never_uplink(link) && has_global_address(ns, link->ifindex, &only_host))
		return ROLE_UPLINK;
	return ROLE_OTHER;
}
