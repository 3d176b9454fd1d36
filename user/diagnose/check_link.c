/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules about devices: what is down or detached, whether the tunnel knows the other
 * nodes, and whether the MTUs of the chain fit. It does not know a device that nobody on
 * this node uses to be broken: docker0 without containers and a spare NIC may rest.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"
#include "diagnose/plugin.h"
#include "diagnose/pod_network.h"

static const struct concern now = {.basis = BASIS_STATE};

/* Does the pod hang on a bridge, or should it? Its host end is a port, or its address is of a bridge's subnet. */
static bool is_bridged(struct diagnosis *d, struct netns_facts *node, const struct pod *pod)
{
	const struct link *port = lookup_link(d, node->inode, pod->host_ifindex);

	if (port && port->master)
		return true;
	array_each(entry, &node->addresses) {
		const struct link *link = facts_link(d->facts, node, entry->ifindex);

		if (link && !strcmp(link->kind, "bridge") && pod->address_count &&
		    address_in(pod->addresses[0], entry->address, entry->prefix_len))
			return true;
	}
	return false;
}

static void check_pod_link(struct diagnosis *d, struct finding_list *list, struct netns_facts *node,
			   const struct pod *pod)
{
	const struct link *port = lookup_link(d, node->inode, pod->host_ifindex), *inside;
	struct finding *finding = NULL;

	if (is_bridged(d, node, pod))
		finding = port_explain(d, list, &now, pod);
	if (finding)
		return;
	if (port && !(port->flags & IFF_UP)) {
		link_down(d, list, &now, node->inode, port);
		return;
	}
	inside = lookup_link_named(d, pod->netns, pod->ifname);
	if (inside && !(inside->flags & IFF_UP))
		link_down(d, list, &now, pod->netns, inside);
}

/* Pods of other nodes as text: the whole pod network, for no single node is concerned. */
static void network_text(struct diagnosis *d, uint8_t version, char *text, size_t size)
{
	struct prefix network = pod_network(d, version);
	char base[ADDRESS_TEXT];

	text_copy(text, size, "all of them");
	if (network.base.version)
		snprintf(text, size, "%s/%u", address_text(network.base, base), network.length);
}

/* Is the tunnel the pods' own, not a VPN of the node's? By its name, or by what routes lead there. */
static bool is_pods_tunnel(const struct check_view *view, const struct link *overlay)
{
	array_each(peer, &view->peers) {
		if (peer->tunnel == overlay->ifindex && peer->route)
			return true;
	}
	return link_is_cni_tunnel(overlay);
}

static void check_overlays(struct diagnosis *d, struct finding_list *list,
			   const struct check_view *view)
{
	char network[ADDRESS_TEXT + 8];

	network_text(d, 4, network, sizeof(network));
	if (!view->tunnel_count && lookup_overlay_expected(d))
		overlay_down(d, list, &now, NULL, network);
	for (unsigned i = 0; i < view->tunnel_count; i++) {
		const struct link *overlay =
			lookup_link(d, d->facts->node_netns, view->tunnels[i].ifindex);

		if (!overlay || (overlay->flags & IFF_UP) || !link_is_cni_tunnel(overlay))
			continue;
		network_text(d, i ? 6 : 4, network, sizeof(network));
		overlay_down(d, list, &now, overlay, network);
	}
}

/* Only a forwarding entry is left of a node: what its MAC stood for is gone. */
static void orphan_entry(struct diagnosis *d, struct finding_list *list, const struct link *overlay,
			 const struct check_peer *peer)
{
	struct finding *finding =
		finding_new(list, "overlay-peer-missing", "cni", SEVERITY_WARNING, BASIS_STATE);
	char mac[MAC_TEXT], node[ADDRESS_TEXT];

	mac_text(peer->mac, mac);
	address_text(peer->node, node);
	finding_key(finding, "%s %s", overlay->name, mac);
	finding_where(finding, d, d->facts->node_netns, overlay->ifindex);
	finding_summary(finding,
			"%s knows node %s by its forwarding entry alone: neither a route nor a "
			"neighbour entry leads there.",
			overlay->name, node);
	finding_evidence(finding, "fact FDB %s dst %s on %s, no neighbour entry with that MAC", mac,
			 node, overlay->name);
	finding_text(finding, "device", "%s", overlay->name);
	finding_text(finding, "address", "%s", node);
	finding_text(finding, "expected", "a neighbour entry with lladdr %s", mac);
	finding_remedy(finding,
		       "# if that node left the cluster:  bridge fdb del %s dev %s dst %s self",
		       mac, overlay->name, node);
	plugin_restart(finding, network_plugin(d, overlay), PLUGIN_HERE);
}

/* A neighbour entry without the route to the pods behind it. flannel names a node by the first address of its subnet. */
static void peer_route(struct diagnosis *d, struct finding_list *list, const struct link *overlay,
		       const struct check_peer *peer)
{
	const struct route *route = lookup_route(d, lookup_node(d), peer->gateway);
	struct finding *finding;
	const char *other;
	char subnet[LOOKUP_TEXT];

	if (!lookup_is_remote_pod(d, peer->gateway))
		return;
	finding = overlay_explain(d, list, &now, peer->gateway, NULL);
	lookup_remote_subnet(d, peer->gateway, subnet);
	if (!finding)
		return;
	if (route && route->ifindex) {
		other = lookup_device_name(d, d->facts->node_netns, route->ifindex);
		finding_summary(finding,
				"The route to %s is gone: packets for that node's pods leave by %s "
				"without encapsulation.",
				subnet, other);
		finding_text(finding, "device", "%s", other);
	}
	finding_evidence(finding, "fact a neighbour entry on %s still names that node",
			 overlay->name);
}

/* Replies that come in by the tunnel while the route back is by another device, under a strict filter. */
static void peer_reverse_path(struct diagnosis *d, struct finding_list *list,
			      const struct link *overlay, const struct check_peer *peer)
{
	struct netns_facts *node = lookup_node(d);
	const struct route *back = lookup_route(d, node, peer->gateway);
	struct finding *finding;
	char name[96], key[128], line[LOOKUP_TEXT], subnet[LOOKUP_TEXT];
	long all = 0, own = 0;

	if (!back || back->ifindex == overlay->ifindex || back->type != 1 || route_is_default(back))
		return;
	snprintf(name, sizeof(name), "net.ipv4.conf.%s.rp_filter", overlay->name);
	if (!facts_sysctl(d->facts, node, "net.ipv4.conf.all.rp_filter", &all) ||
	    !facts_sysctl(d->facts, node, name, &own) || (all > own ? all : own) != 1)
		return;
	finding = finding_new(list, "rp-filter", "unreachable", SEVERITY_ERROR, BASIS_STATE);
	lookup_remote_subnet(d, peer->gateway, subnet);
	finding_key(finding, "%s", overlay->name);
	finding_where(finding, d, node->inode, overlay->ifindex);
	finding_summary(finding,
			"The reverse-path filter on %s drops what comes from %s: the route back "
			"is not by %s.",
			overlay->name, subnet, overlay->name);
	finding_evidence(finding, "fact rp_filter is %ld for all, %ld for %s: strict", all, own,
			 overlay->name);
	finding_evidence(finding, "fact the route back is \"%s\"", route_text(d, node, back, line));
	finding_text(finding, "device", "%s", overlay->name);
	finding_text(finding, "sysctl", "%s", name);
	finding_number(finding, "found", 1);
	finding_remedy(finding, "ip route replace %s via %s dev %s onlink", subnet,
		       address_text(peer->gateway, line), overlay->name);
	finding_remedy(finding, "sysctl -w %s=2", sysctl_name(name, key));
	if (all == 1)
		finding_remedy(finding, "sysctl -w net.ipv4.conf.all.rp_filter=2");
}

/* A peer whose neighbour or forwarding entry is missing. */
static void bare_peer(struct diagnosis *d, struct finding_list *list, const struct link *overlay,
		      const struct check_peer *peer)
{
	struct finding *finding =
		overlay_peer_explain(d, list, &now, d->facts->node_netns, overlay->ifindex,
				     peer->route ? peer->subnet : peer->gateway);
	char mac[MAC_TEXT], node[ADDRESS_TEXT];

	if (!finding || peer->neighbour || !peer->fdb)
		return;
	mac_text(peer->mac, mac);
	finding_evidence(finding,
			 "fact a forwarding entry without a neighbour entry, %s dst %s, is likely "
			 "that node's",
			 mac, address_text(peer->node, node));
}

static void check_peers(struct diagnosis *d, struct finding_list *list,
			const struct check_view *view)
{
	if (!view->peers_known)
		return;
	array_each(peer, &view->peers) {
		const struct link *overlay = lookup_link(d, d->facts->node_netns, peer->tunnel);
		const struct check_tunnel *tunnel = check_tunnel_of(view, peer->tunnel);

		if (!overlay || !tunnel)
			continue;
		if (!peer->gateway.version) {
			orphan_entry(d, list, overlay, peer);
		} else if (!peer->neighbour || (tunnel->fdb_matters && !peer->fdb)) {
			if (tunnel->fdb_matters)
				bare_peer(d, list, overlay, peer);
		} else if (!peer->route) {
			peer_reverse_path(d, list, overlay, peer);
			peer_route(d, list, overlay, peer);
		}
	}
}

/* The tunnel's own packets must fit the NIC: the kernel does not fragment them. */
static void check_tunnel_mtu(struct diagnosis *d, struct finding_list *list,
			     const struct check_view *view, const struct check_tunnel *tunnel)
{
	uint32_t node = d->facts->node_netns;
	const struct link *overlay = lookup_link(d, node, tunnel->ifindex);
	const struct link *uplink = lookup_link(d, node, view->uplink);
	struct finding *finding;
	unsigned fits;

	if (!overlay || !uplink || !(overlay->flags & IFF_UP) || !is_pods_tunnel(view, overlay) ||
	    uplink->mtu <= tunnel->overhead || overlay->mtu + tunnel->overhead <= uplink->mtu)
		return;
	fits = uplink->mtu - tunnel->overhead;
	finding = finding_new(list, "mtu-mismatch", "mtu", SEVERITY_ERROR, BASIS_STATE);
	finding_key(finding, "%s", overlay->name);
	finding_where(finding, d, node, overlay->ifindex);
	finding_summary(finding,
			"%s has MTU %u; with %u bytes of encapsulation that does not fit %s "
			"(%u): it may be %u.",
			overlay->name, overlay->mtu, tunnel->overhead, uplink->name, uplink->mtu,
			fits);
	finding_evidence(finding, "fact %s %u + %u > %s %u", overlay->name, overlay->mtu,
			 tunnel->overhead, uplink->name, uplink->mtu);
	finding_text(finding, "device", "%s", overlay->name);
	finding_number(finding, "mtu", overlay->mtu);
	finding_number(finding, "found", overlay->mtu);
	finding_number(finding, "need_mtu", fits);
	finding_number(finding, "expected", fits);
	finding_remedy(finding, "ip link set %s mtu %u", overlay->name, fits);
	finding_remedy(finding, "# then set the pods' MTU to %u, too, and recreate them", fits);
}

/* A bridge that is smaller than its pods' devices: what is routed to them does not fit. */
static void check_bridge_mtu(struct diagnosis *d, struct finding_list *list,
			     const struct link *bridge)
{
	unsigned largest = 0, smallest = ~0u;
	struct finding *finding;

	array_each(pod, &d->facts->pods) {
		const struct link *port =
			check_is_pod(pod) ? lookup_link(d, d->facts->node_netns, pod->host_ifindex)
					  : NULL;

		if (!port || port->master != bridge->ifindex)
			continue;
		if (port->mtu > largest)
			largest = port->mtu;
		if (port->mtu < smallest)
			smallest = port->mtu;
	}
	if (!largest || bridge->mtu >= largest)
		return;
	/* A bridge takes the MTU of its smallest port: then that pod is the cause, and said already. */
	array_each(known, &list->findings) {
		if (!strcmp((*known)->id, "mtu-mismatch") && bridge->mtu == smallest)
			return;
	}
	finding = finding_new(list, "mtu-mismatch", "mtu", SEVERITY_WARNING, BASIS_STATE);
	finding_key(finding, "%s", bridge->name);
	finding_where(finding, d, d->facts->node_netns, bridge->ifindex);
	finding_summary(finding,
			"%s has MTU %u, its pods' devices up to %u: larger packets that are routed "
			"to pods do not fit.",
			bridge->name, bridge->mtu, largest);
	finding_evidence(finding, "fact %s %u, its largest port %u", bridge->name, bridge->mtu,
			 largest);
	finding_text(finding, "device", "%s", bridge->name);
	finding_number(finding, "mtu", bridge->mtu);
	finding_number(finding, "found", bridge->mtu);
	finding_number(finding, "expected", largest);
	finding_number(finding, "need_mtu", largest);
	finding_remedy(finding, "ip link set %s mtu %u", bridge->name, largest);
}

/* What the next pod gets: subnet.env's MTU is what flannel gives to the bridge plugin. */
static void check_configured_mtu(struct diagnosis *d, struct finding_list *list,
				 const struct check_view *view)
{
	const struct node_config *config = facts_config(d->facts);
	struct finding *finding;

	if (!config || !config->has_subnet_env || !view->tunnel_count || !view->need_mtu ||
	    config->flannel_mtu <= view->need_mtu)
		return;
	finding = finding_new(list, "mtu-mismatch", "mtu", SEVERITY_WARNING, BASIS_STATE);
	finding_key(finding, "subnet.env");
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding,
			"New pods get MTU %u from flannel's subnet.env; the way to other nodes "
			"takes %u.",
			config->flannel_mtu, view->need_mtu);
	finding_evidence(finding, "fact FLANNEL_MTU=%u", config->flannel_mtu);
	finding_number(finding, "found", config->flannel_mtu);
	finding_number(finding, "expected", view->need_mtu);
	finding_number(finding, "need_mtu", view->need_mtu);
	finding_remedy(
		finding,
		"kubectl -n kube-flannel delete pod --field-selector spec.nodeName=$(hostname)");
}

void check_links(struct diagnosis *d, struct finding_list *list, const struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);

	if (!facts_need(d->facts, node, FACT_LINKS | FACT_ADDRESSES))
		return;
	uplink_explain(d, list, &now);
	check_overlays(d, list, view);
	check_peers(d, list, view);
	array_each(pod, &d->facts->pods) {
		if (check_is_pod(pod))
			check_pod_link(d, list, node, pod);
	}
	for (unsigned i = 0; i < view->tunnel_count; i++)
		check_tunnel_mtu(d, list, view, &view->tunnels[i]);
	array_each(link, &node->links) {
		if (!strcmp(link->kind, "bridge"))
			check_bridge_mtu(d, list, link);
	}
	check_configured_mtu(d, list, view);
}
