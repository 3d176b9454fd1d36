/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where packets should go: the route for an address, and what the node's links and routes say
 * about the overlay. Follows policy rules over the tables that were read; where a rule cannot be
 * judged (by ports, by user) it looks in main, default and local only.
 */
#include "diagnose/lookup.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/pod_network.h"
#include "node/route_lookup.h"

#define RTN_THROW 9

/* Where rules cannot be judged: the tables of every machine, the local one first. */
static const struct route *usual_route(const struct netns_facts *ns, struct address dst)
{
	static const uint32_t tables[] = {RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct route *route = route_in_table(ns, tables[i], dst);

		if (route && route->type != RTN_THROW)
			return route;
	}
	return NULL;
}

const struct route *lookup_route_of(const struct diagnosis *d, struct netns_facts *ns,
				    const struct route_query *query)
{
	const struct route *route;

	if (!ns || !query->dst.version || !facts_need(d->facts, ns, FACT_ROUTES))
		return NULL;
	return route_find(ns, query, &route) ? route : usual_route(ns, query->dst);
}

const struct route *lookup_route(const struct diagnosis *d, struct netns_facts *ns,
				 struct address dst)
{
	struct route_query query = {.dst = dst};

	return lookup_route_of(d, ns, &query);
}

/* The device of the node that the pod's packets come in by: its bridge, else its own. */
const char *lookup_entry_device(const struct diagnosis *d, const struct pod *pod)
{
	uint32_t node = d->facts->node_netns;
	const struct link *port = lookup_link(d, node, pod->host_ifindex), *bridge;

	bridge = port && port->master ? lookup_link(d, node, port->master) : NULL;
	return bridge ? bridge->name : port ? port->name : "";
}

const struct route *lookup_route_flow(const struct diagnosis *d, struct netns_facts *ns,
				      const struct flow *flow, struct address dst)
{
	struct route_query query = {.dst = dst};
	const struct pod *pod;

	if (flow) {
		struct tuple last = flow_final_tuple(flow);

		query.src = address_equal(dst, flow->tuples[0].src) ? last.dst : last.src;
	}
	pod = flow ? facts_pod_of_address(d->facts, query.src) : NULL;
	if (pod && !pod->host_network && ns && lookup_is_node(d, ns->inode))
		text_copy(query.iif, sizeof(query.iif), lookup_entry_device(d, pod));
	return lookup_route_of(d, ns, &query);
}

bool route_is_default(const struct route *route)
{
	return route->prefix_len == 0;
}

const char *route_type_name(uint8_t type)
{
	static const char *const names[] = {
		[1] = "unicast",   [2] = "local",       [3] = "broadcast",
		[6] = "blackhole", [7] = "unreachable", [8] = "prohibit",
	};

	return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "other";
}

const char *route_text(const struct diagnosis *d, const struct netns_facts *ns,
		       const struct route *route, char buffer[LOOKUP_TEXT])
{
	char text[ADDRESS_TEXT];
	const char *device;

	buffer[0] = '\0';
	if (route->type > 3)
		text_append(buffer, LOOKUP_TEXT, "%s ", route_type_name(route->type));
	if (route_is_default(route))
		text_append(buffer, LOOKUP_TEXT, "default");
	else
		text_append(buffer, LOOKUP_TEXT, "%s/%u", address_text(route->dst, text),
			    route->prefix_len);
	if (route->gateway.version)
		text_append(buffer, LOOKUP_TEXT, " via %s", address_text(route->gateway, text));
	device = lookup_device_name(d, ns->inode, route->ifindex);
	if (route->ifindex)
		text_append(buffer, LOOKUP_TEXT, " dev %s", device[0] ? device : "?");
	return buffer;
}

const struct neighbour *lookup_neighbour(const struct netns_facts *ns, uint32_t ifindex,
					 struct address address)
{
	array_each(entry, &ns->neighbours) {
		if ((!ifindex || entry->ifindex == ifindex) &&
		    address_equal(entry->address, address))
			return entry;
	}
	return NULL;
}

const char *mac_text(const uint8_t mac[6], char buffer[MAC_TEXT])
{
	snprintf(buffer, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return buffer;
}

const char *neighbour_state_name(uint16_t state)
{
	if (state & 0x20)
		return "failed";
	if (state & 0x01)
		return "incomplete";
	if (state & 0x80)
		return "permanent";
	if (state & 0x02)
		return "reachable";
	if (state & 0x04)
		return "stale";
	if (state & 0x08)
		return "delay";
	if (state & 0x10)
		return "probe";
	return "none";
}

bool link_is_cni_tunnel(const struct link *link)
{
	static const char *const names[] = {"flannel*",       "vxlan*.calico", "wireguard.cali",
					    "wg-v6.cali",     "cilium_*",      "antrea-*",
					    "genev_sys_6081", "vxlan_sys_*",   "vxlan-6784",
					    "tunl0",          "kube-tunnel*"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_glob(names[i], link->name))
			return true;
	}
	return false;
}

/* Does a route to other pods lead by this link? Where no network is known, any route but those of its own addresses. */
static bool routes_pods(struct diagnosis *d, struct netns_facts *node, const struct link *link)
{
	if (!facts_need(d->facts, node, FACT_ROUTES))
		return false;
	array_each(route, &node->routes) {
		if (route->ifindex == link->ifindex && !route_is_default(route) &&
		    route->type == RTN_UNICAST && lookup_is_remote_pod(d, route->dst))
			return true;
	}
	return false;
}

/* The plugins make a device for each family, and name it so. */
static bool carries_version(const struct link *link, uint8_t version)
{
	bool v6_only = strstr(link->name, "-v6");
	bool v4_only =
		!v6_only && (text_glob("flannel*", link->name) ||
			     text_glob("*.cali*", link->name) || !strcmp(link->kind, "ipip"));

	return !version || (version == 6 ? !v4_only : !v6_only);
}

/* How likely the pods' traffic takes this tunnel; 0: a VPN, or what the kernel made by itself. */
static unsigned overlay_rank(struct diagnosis *d, struct netns_facts *node, const struct link *link,
			     uint8_t version)
{
	bool up = link->flags & IFF_UP;
	bool ethernet = !strcmp(link->kind, "vxlan") || !strcmp(link->kind, "geneve");

	/* The kernel makes tunl0 as soon as its module is there: down, and without an address, it is unused. */
	if (!link_is_tunnel(link) || !carries_version(link, version) ||
	    (!up && !strcmp(link->name, "tunl0") && !lookup_has_address(d, node, link->ifindex)))
		return 0;
	if (link_is_cni_tunnel(link))
		return !strcmp(link->kind, "vxlan") ? 4 : 3;
	if (routes_pods(d, node, link))
		return 2;
	return ethernet;
}

const struct link *lookup_overlay(struct diagnosis *d, uint8_t version)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *found = NULL;
	unsigned best = 0;

	if (!node || !facts_need(d->facts, node, FACT_LINKS))
		return NULL;
	array_each(link, &node->links) {
		unsigned rank = overlay_rank(d, node, link, version);

		if (rank <= best)
			continue;
		best = rank;
		found = link;
	}
	return found;
}

bool lookup_has_address(const struct diagnosis *d, struct netns_facts *ns, uint32_t ifindex)
{
	if (!facts_need(d->facts, ns, FACT_ADDRESSES))
		return false;
	array_each(entry, &ns->addresses) {
		if (entry->ifindex == ifindex && !address_is_link_local(entry->address))
			return true;
	}
	return false;
}

const struct link *lookup_uplink(const struct diagnosis *d)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *found = NULL;
	uint32_t ifindex = 0;

	if (!node || !facts_need(d->facts, node, FACT_LINKS))
		return NULL;
	if (facts_need(d->facts, node, FACT_ROUTES)) {
		array_each(route, &node->routes) {
			if (route_is_default(route) && route->type == 1 && route->ifindex &&
			    !ifindex)
				ifindex = route->ifindex;
		}
	}
	if (ifindex)
		found = facts_link(d->facts, node, ifindex);
	if (!found && d->topology) {
		array_each(device, &d->topology->devices) {
			if (device->netns == node->inode && device->role == ROLE_UPLINK && !found)
				found = facts_link(d->facts, node, device->ifindex);
		}
	}
	return found;
}

bool lookup_overlay_expected(const struct diagnosis *d)
{
	const struct node_config *config = facts_config(d->facts);
	const struct link *uplink = lookup_uplink(d);

	if (!config || !config->has_subnet_env || !config->flannel_mtu)
		return false;
	return uplink && config->flannel_mtu < uplink->mtu;
}

bool lookup_node_address(const struct diagnosis *d, uint8_t version, struct address *address)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *uplink = lookup_uplink(d);

	if (!node || !uplink || !facts_need(d->facts, node, FACT_ADDRESSES))
		return false;
	array_each(entry, &node->addresses) {
		if (entry->ifindex != uplink->ifindex || entry->address.version != version ||
		    address_is_link_local(entry->address))
			continue;
		*address = entry->address;
		return true;
	}
	return false;
}
