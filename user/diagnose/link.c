/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unreachable because of a device: down, without carrier, not a port of its bridge, or an
 * address that does not resolve behind it. Follows veth peers and bridge ports to the one
 * device that is broken, so that the finding names that and not where the packet died.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/routing.h"

#define CLASS "unreachable"
#define BR_STATE_FORWARDING 3
#define MAX_STEPS 4

static bool is_kind(const struct link *link, const char *kind)
{
	return !strcmp(link->kind, kind);
}

/* The bridge a pod's host end should be a port of: its master, else the node's only bridge that holds the pod's gateway. */
static const struct link *bridge_of_pods(struct diagnosis *d, const struct pod *pod)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *only = NULL;

	if (!node || !facts_need(d->facts, node, FACT_LINKS | FACT_ADDRESSES))
		return NULL;
	array_each(entry, &node->addresses) {
		const struct link *link = facts_link(d->facts, node, entry->ifindex);

		if (!link || !is_kind(link, "bridge"))
			continue;
		if (pod->address_count &&
		    address_in(pod->addresses[0], entry->address, entry->prefix_len))
			return link;
		only = link;
	}
	return only;
}

struct finding *link_down(struct diagnosis *d, struct finding_list *list,
			  const struct concern *about, uint32_t netns, const struct link *link)
{
	struct finding *finding =
		finding_new(list, "link-down", CLASS, SEVERITY_ERROR, about->basis);
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	const struct device *device =
		d->topology ? topology_device(d->topology, netns, link->ifindex) : NULL;
	bool off = !(link->flags & IFF_UP);

	lookup_owner(d, netns, owner);
	finding_key(finding, "%u %s", netns, link->name);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, link->ifindex);
	if (finding && device && device->pod[0] && !finding->pod[0])
		finding_pod(finding, d->facts, facts_pod_named(d->facts, device->pod));
	finding_summary(finding,
			off ? "%s of %.200s is down%s%.200s."
			    : "%s of %.200s has no carrier%s%.200s.",
			link->name, owner, device && device->pod[0] ? ": it leads to pod " : "",
			device ? device->pod : "");
	finding_evidence(finding, "fact %s in %s is %s%s", link->name, owner, link_state_text(link),
			 off ? " (not administratively up)" : "");
	finding_text(finding, "device", "%s", link->name);
	finding_text(finding, "state", "%s", link_state_text(link));
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, netns));
	if (off) {
		const struct pod *pod = lookup_pod(d, netns);
		char gateway[ADDRESS_TEXT];

		finding_remedy(finding, "%sip link set %s up", lookup_enter(d, netns, enter),
			       link->name);
		/* Its routes went with it; the kernel brings only that of its own subnet back. */
		if (pod && pod->gateway.version && !strcmp(pod->ifname, link->name))
			finding_remedy(finding, "%sip route replace default via %s dev %s", enter,
				       address_text(pod->gateway, gateway), link->name);
	} else
		finding_remedy(finding, "%sip -details link show %s", lookup_enter(d, netns, enter),
			       link->name);
	return finding;
}

static bool is_uplink(const struct diagnosis *d, uint32_t netns, uint32_t ifindex)
{
	const struct device *device =
		d->topology ? topology_device(d->topology, netns, ifindex) : NULL;

	return device && device->role == ROLE_UPLINK;
}

struct finding *uplink_explain(struct diagnosis *d, struct finding_list *list,
			       const struct concern *about)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *broken = NULL;

	if (!node || !facts_need(d->facts, node, FACT_LINKS))
		return NULL;
	array_each(link, &node->links) {
		if (!is_uplink(d, node->inode, link->ifindex))
			continue;
		/* One that works is enough: a second NIC may rest unused. */
		if (link_is_usable(link))
			return NULL;
		if (!broken)
			broken = link;
	}
	return broken ? link_down(d, list, about, node->inode, broken) : NULL;
}

static struct finding *detached_finding(struct diagnosis *d, struct finding_list *list,
					const struct concern *about, const struct link *port,
					const struct link *bridge, const struct pod *pod)
{
	static const char *const states[] = {"disabled", "listening", "learning", "forwarding",
					     "blocking"};
	struct finding *finding =
		finding_new(list, "bridge-port-detached", CLASS, SEVERITY_ERROR, about->basis);
	const char *expected = bridge ? bridge->name : "the pods' bridge";
	bool blocked = bridge && port->master == bridge->ifindex;

	finding_key(finding, "%s", port->name);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, d->facts->node_netns, port->ifindex);
	finding_pod(finding, d->facts, pod);
	if (blocked) {
		const char *state = port->port_state < 5 ? states[port->port_state] : "unknown";

		finding_summary(finding, "Port %s of %s does not forward: its state is \"%s\".",
				port->name, expected, state);
		finding_evidence(finding, "fact bridge port %s is in state %s", port->name, state);
		finding_text(finding, "state", "%s", state);
		finding_remedy(finding, "bridge link set dev %s state 3", port->name);
	} else {
		const char *found =
			port->master ? lookup_device_name(d, d->facts->node_netns, port->master)
				     : "none";

		finding_summary(
			finding, "%s, the host end of pod %.128s/%.128s, is not a port of %s.",
			port->name, pod ? pod->namespace : "?", pod ? pod->name : "?", expected);
		finding_evidence(finding, "fact %s has bridge %s, expected %s", port->name, found,
				 expected);
		finding_text(finding, "found", "%s", found);
		if (bridge)
			finding_remedy(finding, "ip link set %s master %s", port->name, expected);
	}
	finding_text(finding, "device", "%s", port->name);
	finding_text(finding, "bridge", "%s", expected);
	finding_text(finding, "expected", "%s", expected);
	return finding;
}

struct finding *port_explain(struct diagnosis *d, struct finding_list *list,
			     const struct concern *about, const struct pod *pod)
{
	uint32_t node = d->facts->node_netns, peer_netns, peer;
	const struct link *port = lookup_link(d, node, pod->host_ifindex), *end, *bridge;

	if (!port)
		port = lookup_link_named(d, node, pod->host_name);
	if (!port)
		return NULL;
	if (!(port->flags & IFF_UP))
		return link_down(d, list, about, node, port);
	if (lookup_peer(d, node, port->ifindex, &peer_netns, &peer)) {
		end = lookup_link(d, peer_netns, peer);
		if (end && !(end->flags & IFF_UP))
			return link_down(d, list, about, peer_netns, end);
	}
	bridge = bridge_of_pods(d, pod);
	/* A bridge that is down disables its ports: they are not to blame. */
	if (bridge && !(bridge->flags & IFF_UP))
		return link_down(d, list, about, node, bridge);
	/* Without a bridge (Calico, GKE) the host end is routed to: nothing to be a port of. */
	if (bridge && (port->master != bridge->ifindex ||
		       (port->is_port && port->port_state != BR_STATE_FORWARDING && port->carrier)))
		return detached_finding(d, list, about, port, bridge, pod);
	return NULL;
}

struct finding *link_explain(struct diagnosis *d, struct finding_list *list,
			     const struct concern *about, uint32_t netns, uint32_t ifindex,
			     struct address dst)
{
	const struct link *link = lookup_link(d, netns, ifindex);
	const struct pod *pod;
	uint32_t next_netns, next;

	for (int step = 0; link && step < MAX_STEPS; step++) {
		if (!(link->flags & IFF_UP)) {
			if (link_is_tunnel(link) && lookup_is_node(d, netns))
				return overlay_explain(d, list, about, dst, NULL);
			return link_down(d, list, about, netns, link);
		}
		if (is_kind(link, "bridge")) {
			pod = facts_pod_of_address(d->facts, dst);
			if (pod)
				return port_explain(d, list, about, pod);
			return link->carrier ? NULL : link_down(d, list, about, netns, link);
		}
		/* What the NIC is plugged into is not this node's. */
		if (is_uplink(d, netns, link->ifindex) ||
		    !lookup_peer(d, netns, link->ifindex, &next_netns, &next)) {
			return link->carrier ? NULL : link_down(d, list, about, netns, link);
		}
		/* A veth has carrier exactly when its peer is up. */
		if (!lookup_link(d, next_netns, next))
			return link->carrier ? NULL : link_down(d, list, about, netns, link);
		if (step > 0 && link->carrier)
			return NULL;
		netns = next_netns;
		link = lookup_link(d, netns, next);
	}
	return NULL;
}

struct finding *namespace_link_explain(struct diagnosis *d, struct finding_list *list,
				       const struct concern *about, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	struct address none = {0};

	if (!ns || !facts_need(d->facts, ns, FACT_LINKS))
		return NULL;
	/* A node has devices that rest (docker0, a spare NIC); a pod has not. */
	if (lookup_is_node(d, netns))
		return uplink_explain(d, list, about);
	array_each(link, &ns->links) {
		if ((link->flags & IFF_LOOPBACK) || link_is_tunnel(link))
			continue;
		if (!link_is_usable(link))
			return link_explain(d, list, about, netns, link->ifindex, none);
	}
	return NULL;
}

/* A drop on a device that is down. When facts say it is up by now, the packet's own flags are the proof. */
static void explain_down(struct diagnosis *d, struct finding_list *list,
			 const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct concern about = concern_of(seen);
	struct address dst = address_make(drop->packet.ip_version, drop->packet.dst);
	struct finding *finding = link_explain(d, list, &about, drop->netns, drop->ifindex, dst);
	const char *name = lookup_device_name(d, drop->netns, drop->ifindex);
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];

	if (finding) {
		evidence_drop(finding, d, seen);
		return;
	}
	if (!name[0])
		name = drop->info.dev_name;
	finding = finding_new(list, "link-down", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	finding_key(finding, "%u %s", drop->netns, name);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, drop->ifindex);
	finding_summary(finding, "%s of %.200s was %s when packets were sent over it.", name,
			lookup_owner(d, drop->netns, owner),
			drop->info.dev_flags & IFF_UP ? "without carrier" : "down");
	evidence_drop(finding, d, seen);
	finding_text(finding, "device", "%s", name);
	finding_text(finding, "state", "%s", drop->info.dev_flags & IFF_UP ? "no carrier" : "down");
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, drop->netns));
	finding_remedy(finding, "%sip link set %s up", lookup_enter(d, drop->netns, enter), name);
	finding_gap(finding);
}

/* A veth refuses what is too long for its peer, or what its peer is not up for: only the latter is ours. */
static void explain_veth(struct diagnosis *d, struct finding_list *list,
			 const struct drop_case *seen)
{
	uint32_t netns, ifindex;
	const struct link *peer;
	struct concern about = concern_of(seen);

	if (!lookup_peer(d, seen->drop->netns, seen->drop->ifindex, &netns, &ifindex))
		return;
	peer = lookup_link(d, netns, ifindex);
	if (peer && !(peer->flags & IFF_UP))
		evidence_drop(link_down(d, list, &about, netns, peer), d, seen);
}

static void explain_bridge(struct diagnosis *d, struct finding_list *list,
			   const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct address dst = address_make(drop->packet.ip_version, drop->packet.dst);
	const struct pod *pod = facts_pod_of_address(d->facts, dst);
	const struct link *port = lookup_link(d, drop->netns, drop->ifindex), *bridge;
	struct concern about = concern_of(seen);
	struct finding *finding = NULL;

	bridge = port && port->master ? lookup_link(d, drop->netns, port->master) : NULL;
	if (bridge && !(bridge->flags & IFF_UP))
		finding = link_down(d, list, &about, drop->netns, bridge);
	if (!finding && pod)
		finding = port_explain(d, list, &about, pod);
	if (!finding && seen->kind == DROP_BRIDGE_NO_PORT)
		finding = link_explain(d, list, &about, drop->netns, drop->ifindex, dst);
	if (finding || seen->kind == DROP_BRIDGE_NO_PORT) {
		evidence_drop(finding, d, seen);
		return;
	}
	/* A kernel without reasons says the same for a bridge-family rule: then the port forwards. */
	if (!port || !port->is_port || port->port_state == BR_STATE_FORWARDING) {
		if (seen->kind == DROP_BRIDGE_INGRESS && !drop->info.reason && port)
			netfilter_explain(d, list, seen);
		return;
	}
	finding = detached_finding(d, list, &about, port, bridge, NULL);
	evidence_drop(finding, d, seen);
}

struct hop_target {
	uint32_t ifindex; /* the device it is resolved on */
	struct address next; /* the address that does not resolve */
};

/* Who was asked for: the gateway of the packet's route (the outer one of a tunnel), else the destination. */
static struct hop_target next_hop(const struct diagnosis *d, const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct hop_target target = {.ifindex = drop->info.dst_ifindex ? drop->info.dst_ifindex
								      : drop->ifindex};
	const struct route *route;

	target.next = drop->has_encap ? address_make(drop->encap.ip_version, drop->encap.dst)
				      : address_make(drop->packet.ip_version, drop->packet.dst);
	route = lookup_route(d, seen->ns, target.next);
	if (!route)
		return target;
	if (route->gateway.version)
		target.next = route->gateway;
	if (!drop->info.dst_ifindex && route->ifindex)
		target.ifindex = route->ifindex;
	return target;
}

static struct finding *neighbour_finding(struct diagnosis *d, struct finding_list *list,
					 const struct concern *about, uint32_t netns,
					 const struct hop_target *target, const char *device)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	const char *state = "none";
	struct finding *finding =
		finding_new(list, "neighbour-failed", CLASS, SEVERITY_ERROR, about->basis);
	char text[ADDRESS_TEXT], owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];

	address_text(target->next, text);
	if (ns && facts_need(d->facts, ns, FACT_NEIGHBOURS)) {
		array_each(entry, &ns->neighbours) {
			if (entry->ifindex == target->ifindex &&
			    address_equal(entry->address, target->next))
				state = neighbour_state_name(entry->state);
		}
	} else {
		finding_gap(finding);
	}
	lookup_owner(d, netns, owner);
	lookup_enter(d, netns, enter);
	finding_key(finding, "%u %s %s", netns, device, text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, target->ifindex);
	finding_summary(
		finding, "%s does not answer %s on %s of %.200s: nobody there has this address.",
		text, target->next.version == 6 ? "neighbour discovery" : "ARP", device, owner);
	finding_evidence(finding, "fact neighbour entry %s dev %s: %s", text, device, state);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "state", "%s", state);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, netns));
	if (!strcmp(state, "permanent"))
		finding_remedy(finding, "%sip neigh del %s dev %s", enter, text, device);
	finding_remedy(finding, "%sip neigh show dev %s", enter, device);
	finding_remedy(finding,
		       "# look whether the pod or node %s still lives; if it does not, stop "
		       "sending to it",
		       text);
	return finding;
}

/* Why `target` does not answer, seen from `netns`: a pod's settings, its port, or a device between. */
static struct finding *unanswered_explain(struct diagnosis *d, struct finding_list *list,
					  const struct concern *about, uint32_t netns,
					  const struct hop_target *target)
{
	const struct pod *self = lookup_pod(d, netns);
	const struct pod *other = facts_pod_of_address(d->facts, target->next);
	struct finding *finding = NULL;

	if (self)
		finding = pod_config_explain(d, list, about, self);
	if (!finding && self)
		finding = port_explain(d, list, about, self);
	if (!finding && self)
		finding = proxy_explain(d, list, about, self, target->next);
	if (!finding && other && !other->host_network)
		finding = port_explain(d, list, about, other);
	if (!finding && other && !other->host_network)
		finding = pod_config_explain(d, list, about, other);
	if (!finding)
		finding = link_explain(d, list, about, netns, target->ifindex, target->next);
	return finding;
}

struct finding *neighbour_explain(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	struct finding *finding;

	if (!ns || !facts_need(d->facts, ns, FACT_NEIGHBOURS))
		return NULL;
	array_each(entry, &ns->neighbours) {
		struct hop_target target = {.ifindex = entry->ifindex, .next = entry->address};

		if (!(entry->state & 0x21 /* incomplete, failed */))
			continue;
		finding = unanswered_explain(d, list, about, netns, &target);
		if (finding)
			return finding;
		return neighbour_finding(d, list, about, netns, &target,
					 lookup_device_name(d, netns, entry->ifindex));
	}
	return NULL;
}

static void explain_neighbour(struct diagnosis *d, struct finding_list *list,
			      const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct hop_target target = next_hop(d, seen);
	struct concern about = concern_of(seen);
	const struct link *link = lookup_link(d, drop->netns, target.ifindex);
	const char *device = lookup_device_name(d, drop->netns, target.ifindex);
	struct finding *finding = NULL;

	if (link && link_is_tunnel(link))
		finding = overlay_peer_explain(
			d, list, &about, drop->netns, target.ifindex,
			address_make(drop->packet.ip_version, drop->packet.dst));
	if (!finding)
		finding = unanswered_explain(d, list, &about, drop->netns, &target);
	if (!finding)
		finding = neighbour_finding(d, list, &about, drop->netns, &target,
					    device[0] ? device : drop->info.dev_name);
	evidence_drop(finding, d, seen);
}

void link_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	switch (seen->kind) {
	case DROP_DEVICE_DOWN:
		explain_down(d, list, seen);
		break;
	case DROP_VETH_FORWARD:
		explain_veth(d, list, seen);
		break;
	case DROP_BRIDGE_NO_PORT:
	case DROP_BRIDGE_INGRESS:
	case DROP_BRIDGE_VLAN:
		explain_bridge(d, list, seen);
		break;
	case DROP_NEIGHBOUR:
	case DROP_NEIGHBOUR_QUEUE:
		if (seen->flow)
			explain_neighbour(d, list, seen);
		break;
	case DROP_OTHERHOST:
		wrong_mac_drop(d, list, seen);
		break;
	default:
		break;
	}
}
