/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where packets should go: the route for an address, and what flannel's configuration and
 * the node's links say about the overlay. Reads tables as facts hold them; it does not ask
 * the kernel, so policy rules beyond main, default and local are not followed.
 */
#include "diagnose/lookup.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define TABLE_DEFAULT 253
#define TABLE_MAIN 254
#define TABLE_LOCAL 255
#define RTN_THROW 9

static bool route_wins(const struct route *route, const struct route *best)
{
	if (!best)
		return true;
	/* The local table is looked up first, as rule 0 says. */
	if ((route->table == TABLE_LOCAL) != (best->table == TABLE_LOCAL))
		return route->table == TABLE_LOCAL;
	if (route->prefix_len != best->prefix_len)
		return route->prefix_len > best->prefix_len;
	return route->metric < best->metric;
}

const struct route *lookup_route(const struct diagnosis *d, struct netns_facts *ns,
				 struct address dst)
{
	const struct route *best = NULL;

	if (!ns || !facts_need(d->facts, ns, FACT_ROUTES))
		return NULL;
	array_each(route, &ns->routes) {
		bool known_table = route->table == 0 ||
				   (route->table >= TABLE_DEFAULT && route->table <= TABLE_LOCAL);

		if (!known_table || route->type == RTN_THROW || (route->flags & 1 /* DEAD */))
			continue;
		if (!address_in(dst, route->dst, route->prefix_len))
			continue;
		if (route_wins(route, best))
			best = route;
	}
	return best;
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

bool lookup_is_remote_pod(const struct diagnosis *d, struct address address)
{
	const struct node_config *config = facts_config(d->facts);

	if (!config || !config->has_subnet_env)
		return false;
	return address_in(address, config->flannel_network, config->flannel_network_len) &&
	       !address_in(address, config->flannel_subnet, config->flannel_subnet_len);
}

const char *lookup_remote_subnet(const struct diagnosis *d, struct address address,
				 char buffer[LOOKUP_TEXT])
{
	const struct node_config *config = facts_config(d->facts);
	unsigned len = config ? config->flannel_subnet_len : 24;
	struct address base = address;
	char text[ADDRESS_TEXT];

	for (unsigned bit = len; bit < (address.version == 6 ? 128 : 32); bit++)
		base.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	snprintf(buffer, LOOKUP_TEXT, "%s/%u", address_text(base, text), len);
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

static bool routes_pods(const struct diagnosis *d, struct netns_facts *node,
			const struct link *link)
{
	const struct node_config *config = facts_config(d->facts);

	if (!config || !config->has_subnet_env || !facts_need(d->facts, node, FACT_ROUTES))
		return false;
	array_each(route, &node->routes) {
		if (route->ifindex == link->ifindex && !route_is_default(route) &&
		    address_in(route->dst, config->flannel_network, config->flannel_network_len))
			return true;
	}
	return false;
}

/* How likely the pods' traffic takes this tunnel; 0: a VPN, or what the kernel made by itself. */
static unsigned overlay_rank(const struct diagnosis *d, struct netns_facts *node,
			     const struct link *link)
{
	bool up = link->flags & IFF_UP;
	bool ethernet = !strcmp(link->kind, "vxlan") || !strcmp(link->kind, "geneve");

	/* The kernel makes tunl0 as soon as its module is there: down, it is unused. */
	if (!link_is_tunnel(link) || (!up && !strcmp(link->name, "tunl0")))
		return 0;
	if (link_is_cni_tunnel(link))
		return !strcmp(link->kind, "vxlan") ? 4 : 3;
	if (routes_pods(d, node, link))
		return 2;
	return ethernet;
}

const struct link *lookup_overlay(const struct diagnosis *d)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *found = NULL;
	unsigned best = 0;

	if (!node || !facts_need(d->facts, node, FACT_LINKS))
		return NULL;
	array_each(link, &node->links) {
		unsigned rank = overlay_rank(d, node, link);

		if (rank <= best)
			continue;
		best = rank;
		found = link;
	}
	return found;
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

bool lookup_node_address(const struct diagnosis *d, struct address *address)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *uplink = lookup_uplink(d);

	if (!node || !uplink || !facts_need(d->facts, node, FACT_ADDRESSES))
		return false;
	array_each(entry, &node->addresses) {
		if (entry->ifindex != uplink->ifindex || entry->address.version != 4)
			continue;
		*address = entry->address;
		return true;
	}
	return false;
}
