/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A neighbour entry that names another MAC address than the one its holder on this node has: left from a
 * pod that had the address before, or written by somebody. What is sent by it reaches nobody: a bridge floods it
 * or hands it to another port, and every kernel passes it over (skb->pkt_type PACKET_OTHERHOST, eth_type_trans).
 */
#include <linux/neighbour.h>
#include <string.h>

#include "diagnose/causes.h"

/* The device of that namespace that has the address, NULL none. */
static const struct link *link_of_address(struct diagnosis *d, struct netns_facts *ns,
					  struct address address)
{
	if (!ns || !facts_need(d->facts, ns, FACT_ADDRESSES | FACT_LINKS))
		return NULL;
	array_each(entry, &ns->addresses) {
		if (address_equal(entry->address, address))
			return lookup_link(d, ns->inode, entry->ifindex);
	}
	return NULL;
}

/* Any device of the node, which may answer in another's stead, or another holder of the address: that is ip-conflict. */
static bool is_known_mac(struct diagnosis *d, struct address address, const uint8_t *mac)
{
	struct netns_facts *node = lookup_node(d);

	if (node && facts_need(d->facts, node, FACT_LINKS)) {
		array_each(link, &node->links) {
			if (!memcmp(link->mac, mac, 6))
				return true;
		}
	}
	array_each(slot, &d->facts->namespaces) {
		const struct link *link;

		if (!((*slot)->known & FACT_ADDRESSES) || !((*slot)->known & FACT_LINKS))
			continue;
		link = link_of_address(d, *slot, address);
		if (link && !memcmp(link->mac, mac, 6))
			return true;
	}
	return false;
}

/* The entry of `ns` for the address that is not its holder's, NULL none. `lasting`: one that does not mend itself. */
static const struct neighbour *wrong_entry(struct diagnosis *d, struct netns_facts *ns,
					   struct address address, const struct link *holder,
					   bool lasting)
{
	if (!ns || !facts_need(d->facts, ns, FACT_NEIGHBOURS))
		return NULL;
	array_each(entry, &ns->neighbours) {
		if (lasting && !(entry->state & NUD_PERMANENT))
			continue;
		if (entry->has_mac && !entry->proxy && address_equal(entry->address, address) &&
		    memcmp(entry->mac, holder->mac, 6) && !is_known_mac(d, address, entry->mac))
			return entry;
	}
	return NULL;
}

static struct finding *stale_entry(struct diagnosis *d, struct finding_list *list,
				   const struct concern *about, uint32_t netns,
				   const struct neighbour *entry, uint32_t holder_netns,
				   const struct link *holder)
{
	const char *device = lookup_device_name(d, netns, entry->ifindex);
	struct finding *finding =
		finding_new(list, "neighbour-failed", "unreachable", SEVERITY_ERROR, about->basis);
	char text[ADDRESS_TEXT], owner[LOOKUP_TEXT], peer[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	char wrong[MAC_TEXT], right[MAC_TEXT];

	address_text(entry->address, text);
	lookup_owner(d, netns, owner);
	lookup_owner(d, holder_netns, peer);
	mac_text(entry->mac, wrong);
	mac_text(holder->mac, right);
	finding_key(finding, "%u %s %s", netns, device, text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, entry->ifindex);
	finding_summary(
		finding,
		"The neighbour entry of %.150s for %s is wrong: %s, but %.150s has %s; what is "
		"sent by it reaches nobody.",
		owner, text, wrong, peer, right);
	finding_evidence(finding, "fact neighbour entry %s dev %s lladdr %s: %s", text, device,
			 wrong, neighbour_state_name(entry->state));
	finding_evidence(finding, "fact %s of %s has %s and MAC %s", holder->name, peer, text,
			 right);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "state", "%s", neighbour_state_name(entry->state));
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, netns));
	finding_text(finding, "mac", "%s", wrong);
	finding_text(finding, "expected", "%s", right);
	finding_remedy(finding, "%sip neigh del %s dev %s", lookup_enter(d, netns, enter), text,
		       device);
	return finding;
}

struct finding *wrong_mac_explain(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns,
				  struct address address)
{
	const struct pod *pod = facts_pod_of_address(d->facts, address);
	struct netns_facts *ns = facts_netns(d->facts, netns);
	struct netns_facts *at = pod ? facts_netns(d->facts, pod->netns) : lookup_node(d);
	const struct link *holder = link_of_address(d, at, address);
	static const uint8_t none[6];
	const struct neighbour *entry;

	if (!holder || !memcmp(holder->mac, none, sizeof(none)) || !ns || ns == at)
		return NULL;
	entry = wrong_entry(d, ns, address, holder, about->basis == BASIS_STATE);
	return entry ? stale_entry(d, list, about, netns, entry, at->inode, holder) : NULL;
}

struct finding *wrong_gateway_mac_explain(struct diagnosis *d, struct finding_list *list,
					  const struct concern *about, struct address dst)
{
	struct address src = about->flow ? about->flow->tuples[0].src : (struct address){0};
	const struct pod *pod = facts_pod_of_address(d->facts, src);
	const struct route *route;

	if (!pod)
		return NULL;
	route = lookup_route(d, facts_netns(d->facts, pod->netns), dst);
	if (!route || !route->gateway.version)
		return NULL;
	return wrong_mac_explain(d, list, about, pod->netns, route->gateway);
}

void wrong_mac_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	const struct packet *packet = &seen->drop->packet;
	struct address dst = address_make(packet->ip_version, packet->dst);
	const struct pod *sender =
		facts_pod_of_address(d->facts, address_make(packet->ip_version, packet->src));
	struct concern about = concern_of(seen);
	struct finding *finding = NULL;
	char text[ADDRESS_TEXT];

	if (!lookup_pod(d, seen->drop->netns))
		return;
	if (sender)
		finding = wrong_mac_explain(d, list, &about, sender->netns, dst);
	if (!finding)
		finding = wrong_mac_explain(d, list, &about, d->facts->node_netns, dst);
	if (!finding) {
		address_text(dst, text);
		finding = finding_new(list, "neighbour-failed", "unreachable", SEVERITY_ERROR,
				      about.basis);
		finding_key(finding, "mac %s", text);
		finding_about(finding, about.flow, about.count, about.of);
		finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
		finding_summary(
			finding,
			"Packets for %s reach its pod with another MAC address than the pod's: "
			"whoever sends them has a wrong neighbour entry.",
			text);
		finding_text(finding, "address", "%s", text);
		finding_text(finding, "device", "%s",
			     lookup_device_name(d, seen->drop->netns, seen->drop->ifindex));
		finding_text(finding, "state", "gone");
		finding_remedy(finding,
			       "ip neigh show %s   # on the node and in pods that send to it",
			       text);
	}
	evidence_drop(finding, d, seen);
}
