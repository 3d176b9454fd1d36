/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The overlay between nodes as this node has it: tunnel device, its routes and peers, and
 * tunnel packets that arrive and are not taken. It knows flannel's VXLAN best, and any tunnel
 * as far as device and route go; the other end is overlay_remote.c's.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/plugin.h"

#define CLASS "cni"
#define VXLAN_PORT_LINUX 8472

struct finding *overlay_down(struct diagnosis *d, struct finding_list *list,
			     const struct concern *about, const struct link *overlay,
			     const char *subnet)
{
	const char *name = overlay ? overlay->name : "flannel.1";
	const struct network_plugin *plugin = network_plugin(d, overlay);
	struct finding *finding =
		finding_new(list, "overlay-down", CLASS, SEVERITY_ERROR, about->basis);

	finding_key(finding, "%s", name);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, d->facts->node_netns, overlay ? overlay->ifindex : 0);
	if (finding)
		text_copy(finding->device, sizeof(finding->device), name);
	finding_text(finding, "device", "%s", name);
	finding_text(finding, "subnet", "%s", subnet);
	if (overlay) {
		finding_summary(
			finding,
			"The tunnel device %s is down, so pods of other nodes (%s) cannot be "
			"reached.",
			name, subnet);
		finding_evidence(finding, "fact %s (%s) is %s", name, overlay->kind,
				 link_state_text(overlay));
		finding_text(finding, "state", "%s", link_state_text(overlay));
		finding_remedy(finding, "ip link set %s up", name);
		finding_remedy(finding,
			       "# its routes went with it: restart %s on this node so that "
			       "it writes them again",
			       plugin ? plugin->name : "what made it");
	} else {
		finding_summary(
			finding,
			"The tunnel device %s is missing, so pods of other nodes (%s) cannot "
			"be reached.",
			name, subnet);
		finding_evidence(finding,
				 "fact no tunnel device exists, though flannel's MTU asks for one");
		finding_text(finding, "state", "missing");
	}
	plugin_restart(finding, plugin, PLUGIN_HERE);
	return finding;
}

/*
 * The other node's end of the tunnel: the neighbour entry inside that subnet (flannel and Calico take the end's
 * address from it), or the only one there is.
 */
static bool gateway_of(struct diagnosis *d, const struct link *overlay, const char *subnet,
		       struct address *gateway)
{
	struct netns_facts *node = lookup_node(d);
	char text[ADDRESS_TEXT];
	struct address base;
	unsigned length = (unsigned)atoi(subnet + strcspn(subnet, "/") + 1), count = 0;

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(subnet, "/"), subnet);
	if (!address_parse(text, &base) || !facts_need(d->facts, node, FACT_NEIGHBOURS))
		return false;
	*gateway = base;
	array_each(entry, &node->neighbours) {
		if (entry->ifindex != overlay->ifindex || !entry->has_mac || entry->proxy ||
		    entry->address.version != base.version ||
		    address_is_multicast(entry->address) || address_is_link_local(entry->address))
			continue;
		*gateway = entry->address;
		count++;
		if (address_in(entry->address, base, length))
			return true;
	}
	/* flannel's is the subnet's first address, entry or not. */
	if (!count && text_glob("flannel*", overlay->name))
		return true;
	return count == 1;
}

static void route_remedy(struct diagnosis *d, struct finding *finding, const struct link *overlay,
			 const char *subnet)
{
	const struct link *uplink = lookup_uplink(d);
	struct address gateway;
	char text[ADDRESS_TEXT];

	if (overlay && !strcmp(overlay->kind, "vxlan")) {
		finding_text(finding, "expected", "%s", overlay->name);
		if (gateway_of(d, overlay, subnet, &gateway))
			finding_remedy(finding, "ip route replace %s via %s dev %s onlink", subnet,
				       address_text(gateway, text), overlay->name);
	} else {
		finding_remedy(finding,
			       "# by hand: ip route replace %s via NODE dev %s, NODE being the "
			       "address of the node that holds it%s",
			       subnet,
			       overlay  ? overlay->name
			       : uplink ? uplink->name
					: "DEVICE",
			       overlay ? ", onlink" : "");
	}
	plugin_restart(finding, network_plugin(d, overlay), PLUGIN_HERE);
}

static struct finding *route_missing(struct diagnosis *d, struct finding_list *list,
				     const struct concern *about, struct address dst,
				     const struct link *overlay, const char *subnet,
				     const char *wrong_device)
{
	struct finding *finding = finding_new(list, "overlay-route-missing", "unreachable",
					      SEVERITY_ERROR, about->basis);
	const struct route *route = lookup_route_flow(d, lookup_node(d), about->flow, dst);
	char line[LOOKUP_TEXT];

	finding_key(finding, "%s", subnet);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, d->facts->node_netns, 0);
	if (wrong_device && finding)
		text_copy(finding->device, sizeof(finding->device), wrong_device);
	if (wrong_device)
		finding_summary(finding,
				"The route to %s is gone: packets for that node's pods leave by "
				"%s%s.",
				subnet, wrong_device,
				overlay ? " without encapsulation"
					: " by the default route, not to their node");
	else
		finding_summary(finding,
				"The route to %s is gone: packets for that node's pods are "
				"refused.",
				subnet);
	if (wrong_device)
		finding_evidence(finding, "seen %llu packets for %s out on %s%s",
				 (unsigned long long)about->count, subnet, wrong_device,
				 overlay ? ", not encapsulated" : "");
	if (route)
		finding_evidence(finding, "fact the only route that covers it is \"%s\"",
				 route_text(d, lookup_node(d), route, line));
	else
		finding_evidence(finding, "fact no route covers %s", subnet);
	if (overlay)
		finding_evidence(finding, "fact %s is %s", overlay->name, link_state_text(overlay));
	finding_text(finding, "subnet", "%s", subnet);
	finding_text(finding, "device", "%s", wrong_device ? wrong_device : "none");
	route_remedy(d, finding, overlay, subnet);
	return finding;
}

struct finding *overlay_explain(struct diagnosis *d, struct finding_list *list,
				const struct concern *about, struct address dst,
				const char *wrong_device)
{
	const struct link *overlay = lookup_overlay(d, dst.version);
	const struct route *route = lookup_route_flow(d, lookup_node(d), about->flow, dst);
	char subnet[LOOKUP_TEXT];

	if (!lookup_is_remote_pod(d, dst))
		return NULL;
	lookup_remote_subnet(d, dst, subnet);
	if (overlay && !(overlay->flags & IFF_UP))
		return overlay_down(d, list, about, overlay, subnet);
	if (!overlay && lookup_overlay_expected(d))
		return overlay_down(d, list, about, NULL, subnet);
	/* A route of its own (host-gw, BGP) is as good as a tunnel. */
	if (route && !route_is_default(route) && route->type == 1)
		return NULL;
	return route_missing(d, list, about, dst, overlay, subnet, wrong_device);
}

static const struct fdb_entry *fdb_of(struct netns_facts *ns, uint32_t ifindex, const uint8_t *mac)
{
	array_each(entry, &ns->fdb) {
		if (entry->ifindex == ifindex && !memcmp(entry->mac, mac, 6))
			return entry;
	}
	return NULL;
}

/* The only tunnel entry whose MAC no neighbour of the device has: it must be the one that is missing. NULL none. */
static const struct fdb_entry *fdb_unclaimed(const struct netns_facts *ns, uint32_t ifindex)
{
	static const uint8_t none[6];
	const struct fdb_entry *found = NULL;

	array_each(entry, &ns->fdb) {
		bool claimed = false;

		if (entry->ifindex != ifindex || !entry->dst.version ||
		    !memcmp(entry->mac, none, 6))
			continue;
		array_each(neighbour, &ns->neighbours)
			claimed |= neighbour->ifindex == ifindex && neighbour->has_mac &&
				   !memcmp(neighbour->mac, entry->mac, 6);
		if (claimed)
			continue;
		if (found)
			return NULL;
		found = entry;
	}
	return found;
}

struct finding *overlay_peer_explain(struct diagnosis *d, struct finding_list *list,
				     const struct concern *about, uint32_t netns, uint32_t ifindex,
				     struct address dst)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	const struct link *tunnel = lookup_link(d, netns, ifindex);
	const struct route *route = lookup_route(d, ns, dst);
	const struct neighbour *neighbour = NULL;
	const struct fdb_entry *entry = NULL;
	struct address gateway = route && route->gateway.version ? route->gateway : dst;
	struct finding *finding;
	char text[ADDRESS_TEXT], mac[MAC_TEXT] = "", unclaimed[MAC_TEXT];
	const char *missing;

	if (!ns || !tunnel || strcmp(tunnel->kind, "vxlan"))
		return NULL;
	if (facts_need(d->facts, ns, FACT_NEIGHBOURS | FACT_FDB)) {
		neighbour = lookup_neighbour(ns, ifindex, gateway);
		if (neighbour && neighbour->has_mac) {
			mac_text(neighbour->mac, mac);
			entry = fdb_of(ns, ifindex, neighbour->mac);
		}
	}
	missing = mac[0] ? entry ? "entry" : "FDB entry" : "neighbour entry";
	finding = finding_new(list, "overlay-peer-missing", CLASS, SEVERITY_ERROR, about->basis);
	address_text(gateway, text);
	finding_key(finding, "%s %s", tunnel->name, text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, ifindex);
	finding_summary(finding,
			"%s has no %s for the node behind %s, so packets to its pods are dropped.",
			tunnel->name, missing, text);
	if (mac[0])
		finding_evidence(finding, "fact neighbour %s is %s on %s, FDB entry for %s: %s",
				 text, mac, tunnel->name, mac, entry ? "present" : "none");
	else
		finding_evidence(finding, "fact no neighbour entry with a MAC for %s on %s", text,
				 tunnel->name);
	finding_text(finding, "device", "%s", tunnel->name);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "expected",
		     mac[0] ? "FDB entry %s with that node's address"
			    : "neighbour %s with the MAC of that node's tunnel",
		     mac[0] ? mac : text);
	if (!mac[0] && (entry = fdb_unclaimed(ns, ifindex)))
		finding_remedy(finding, "ip neigh replace %s lladdr %s dev %s nud permanent", text,
			       mac_text(entry->mac, unclaimed), tunnel->name);
	else
		finding_remedy(finding, "# %s writes the entry when it starts:",
			       network_plugin(d, tunnel) ? network_plugin(d, tunnel)->name
							 : "the network's agent");
	plugin_restart(finding, network_plugin(d, tunnel), PLUGIN_HERE);
	return finding;
}

/* Packets that went out by an uplink in the clear though another node's pods were meant. */
static void explain_clear(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			  const struct flow_direction *direction)
{
	for (int i = 0; i < direction->sample_count; i++) {
		const struct hop *out = journey_exit(d, direction->samples[i]);
		struct concern about = {.flow = flow,
					.count = direction->packets,
					.of = direction->packets,
					.basis = BASIS_SEEN};
		struct address dst;

		if (!out || out->has_encap)
			continue;
		dst = address_make(out->packet.ip_version, out->packet.dst);
		if (overlay_explain(d, list, &about, dst,
				    lookup_device_name(d, out->netns, out->ifindex)))
			return;
	}
}

static void settings_remedy(struct diagnosis *d, struct finding *finding,
			    const struct link *overlay)
{
	const struct network_plugin *plugin = network_plugin(d, overlay);

	finding_remedy(finding, "# use one VNI and port on all nodes: set %s, then restart %s",
		       plugin ? plugin->settings : "them where the tunnels are made",
		       plugin ? plugin->name : "what makes them");
}

/* The other node's packets reach this one, and no tunnel device here takes them. */
static void explain_unheard(struct diagnosis *d, struct finding_list *list,
			    const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const struct link *overlay = lookup_overlay(d, drop->packet.ip_version);
	struct address src = address_make(drop->packet.ip_version, drop->packet.src);
	struct concern about = concern_of(seen);
	struct finding *finding;
	char subnet[LOOKUP_TEXT];

	if (overlay && (overlay->flags & IFF_UP) && overlay->port &&
	    overlay->port != drop->encap.dport) {
		finding = finding_new(list, "overlay-mismatch", CLASS, SEVERITY_ERROR, BASIS_SEEN);
		finding_key(finding, "port %u", drop->encap.dport);
		finding_about(finding, seen->flow, seen->dropped->count, seen->of);
		finding_where(finding, d, drop->netns, overlay->ifindex);
		finding_summary(finding,
				"The other node sends its tunnel to UDP %u, %s here listens on %u.",
				drop->encap.dport, overlay->name, overlay->port);
		finding_number(finding, "found", drop->encap.dport);
		finding_number(finding, "expected", overlay->port);
		finding_text(finding, "what", "port");
		finding_text(finding, "device", "%s", overlay->name);
		settings_remedy(d, finding, overlay);
	} else {
		lookup_remote_subnet(d, src, subnet);
		finding = overlay_down(d, list, &about, overlay, subnet);
	}
	evidence_drop(finding, d, seen);
}

static void explain_mismatch(struct diagnosis *d, struct finding_list *list,
			     const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const struct link *overlay = lookup_overlay(d, drop->packet.ip_version);
	struct finding *finding =
		finding_new(list, "overlay-mismatch", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	struct address from =
		address_make(drop->has_encap ? drop->encap.ip_version : drop->packet.ip_version,
			     drop->has_encap ? drop->encap.src : drop->packet.src);
	char text[ADDRESS_TEXT];

	address_text(from, text);
	finding_key(finding, "vni %s", text);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, overlay ? overlay->ifindex : drop->ifindex);
	finding_text(finding, "node", "%s", text);
	finding_text(finding, "what", "%s", seen->kind == DROP_TUNNEL_VNI ? "vni" : "header");
	if (drop->has_encap && overlay) {
		finding_summary(finding, "Node %s sends VXLAN network %u, %s here is network %u.",
				text, drop->encap.vni, overlay->name, overlay->vni);
		finding_number(finding, "found", drop->encap.vni);
		finding_number(finding, "expected", overlay->vni);
		finding_text(finding, "device", "%s", overlay->name);
	} else {
		finding_summary(finding,
				"Node %s sends tunnel packets that no device here takes: network "
				"identifier or protocol differ.",
				text);
		finding_gap(finding);
	}
	evidence_drop(finding, d, seen);
	settings_remedy(d, finding, overlay);
}

/*
 * Without a reason, "no socket" is a guess from __udp4_lib_rcv, which also drops for a wrong checksum (net/ipv4/udp.c);
 * a tunnel device that is up does hold the socket.
 */
static bool is_heard(struct diagnosis *d, const struct drop *drop)
{
	const struct link *overlay = lookup_overlay(d, drop->packet.ip_version);

	if (drop->info.reason || (drop->reason[0] && !drop->derived))
		return false;
	return overlay && (overlay->flags & IFF_UP) && overlay->port &&
	       overlay->port == drop->encap.dport;
}

static void explain_checksum(struct diagnosis *d, struct finding_list *list,
			     const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const struct link *overlay = lookup_overlay(d, drop->packet.ip_version);
	uint16_t port = drop->has_encap ? drop->encap.dport : drop->packet.dport;
	struct finding *finding;
	const char *name = overlay ? overlay->name : "flannel.1";
	char sender[ADDRESS_TEXT];

	if (!drop->has_encap && port != VXLAN_PORT_LINUX && (!overlay || port != overlay->port))
		return;
	finding = finding_new(list, "overlay-checksum", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	finding_key(finding, "%s", name);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, overlay ? overlay->ifindex : drop->ifindex);
	finding_summary(finding,
			"Tunnel packets arrive with a wrong outer UDP checksum (port %u): an "
			"offload of the sending node computes it wrongly.",
			port);
	evidence_drop(finding, d, seen);
	finding_text(finding, "device", "%s", name);
	finding_number(finding, "port", port);
	finding_remedy(finding, "ethtool -K %s tx-checksum-ip-generic off", name);
	finding_remedy(
		finding,
		"# on %s as well, which sent them:  ethtool -K %s tx-checksum-ip-generic off",
		drop->has_encap
			? address_text(address_make(drop->encap.ip_version, drop->encap.src),
				       sender)
			: address_text(address_make(drop->packet.ip_version, drop->packet.src),
				       sender),
		name);
}

static void explain_wrong_mac(struct diagnosis *d, struct finding_list *list,
			      const struct drop_case *seen)
{
	const struct link *tunnel = lookup_link(d, seen->drop->netns, seen->drop->ifindex);
	struct finding *finding;
	char mac[MAC_TEXT];

	if (!tunnel || strcmp(tunnel->kind, "vxlan"))
		return;
	finding = finding_new(list, "overlay-peer-missing", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	finding_key(finding, "%s mac", tunnel->name);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, seen->drop->netns, tunnel->ifindex);
	finding_summary(finding,
			"Packets reach %s with another MAC than its own: the sending node has a "
			"wrong neighbour entry for this one.",
			tunnel->name);
	evidence_drop(finding, d, seen);
	finding_text(finding, "device", "%s", tunnel->name);
	finding_text(finding, "expected", "%s", mac_text(tunnel->mac, mac));
	plugin_restart(finding, network_plugin(d, tunnel), PLUGIN_HERE);
}

static void overlay_drop(struct diagnosis *d, struct finding_list *list,
			 const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct concern about = concern_of(seen);
	struct finding *finding;

	switch (seen->kind) {
	case DROP_TUNNEL_NO_PEER:
		/* The ARP request for a neighbour that is missing: the packet that waits for it tells more. */
		if (!seen->flow)
			break;
		finding = overlay_peer_explain(
			d, list, &about, drop->netns, drop->ifindex,
			address_make(drop->packet.ip_version, drop->packet.dst));
		evidence_drop(finding, d, seen);
		break;
	case DROP_TUNNEL_NO_ROUTE: {
		struct address vtep = {0};

		if (drop->has_encap)
			vtep = address_make(drop->encap.ip_version, drop->encap.dst);
		finding = uplink_explain(d, list, &about);
		if (!finding)
			finding = route_explain(d, list, &about, drop->netns, vtep, true);
		evidence_drop(finding, d, seen);
		break;
	}
	case DROP_TUNNEL_VNI:
	case DROP_TUNNEL_HEADER:
		explain_mismatch(d, list, seen);
		break;
	case DROP_CHECKSUM_UDP:
		explain_checksum(d, list, seen);
		break;
	case DROP_NO_PROTOCOL: {
		const struct link *overlay = lookup_overlay(d, drop->packet.ip_version);

		/* An IPIP device that is up takes what comes for it: then it was not for that one. */
		if (drop->has_encap && lookup_is_node(d, drop->netns) &&
		    !(overlay && overlay->flags & IFF_UP))
			explain_unheard(d, list, seen);
		break;
	}
	case DROP_NO_SOCKET:
		if (!drop->has_encap || !lookup_is_node(d, drop->netns))
			break;
		if (is_heard(d, drop))
			explain_checksum(d, list, seen);
		else
			explain_unheard(d, list, seen);
		break;
	case DROP_OTHERHOST:
		explain_wrong_mac(d, list, seen);
		break;
	default:
		break;
	}
}

void overlay_rules(struct diagnosis *d, struct finding_list *list)
{
	lookup_each_drop(d, list, overlay_drop);
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		explain_clear(d, list, flow, &flow->forward);
		explain_clear(d, list, flow, &flow->reverse);
		if (!overlay_answers(d, list, flow))
			overlay_silence(d, list, flow);
	}
}
