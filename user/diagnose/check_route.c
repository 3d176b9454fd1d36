/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules about routes and addresses: what a route or a routing rule of the node
 * refuses, a default route that is missing, and addresses that two pods, or a pod and the
 * node, hold at a time. A second owner on another machine does not show here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"
#include "diagnose/pod_network.h"

#define CLASS "unreachable"
#define TABLE_MAIN 254
#define RTPROT_KERNEL 2
#define SCOPE_LINK 253
#define NUD_FAILED 0x20
#define OWNERS_SHOWN 6

/* Calico's own blocks; and the kernel itself refuses IPv6 addresses of its own and of nobody. */
static bool is_meant(const struct route *route)
{
	return route_is_block(route) ||
	       (route->dst.version == 6 &&
		(route->protocol == RTPROT_KERNEL || route_is_default(route)));
}

static void refusing_route(struct diagnosis *d, struct finding_list *list, struct netns_facts *node,
			   const struct route *route)
{
	bool pods = lookup_is_remote_pod(d, route->dst);
	struct finding *finding = finding_new(
		list, "no-route", CLASS, pods ? SEVERITY_ERROR : SEVERITY_WARNING, BASIS_STATE);
	char line[LOOKUP_TEXT], text[ADDRESS_TEXT];

	route_text(d, node, route, line);
	address_text(route->dst, text);
	finding_key(finding, "%.150s", line);
	finding_where(finding, d, node->inode, 0);
	finding_summary(finding, "A route of the node refuses %s/%u%s: \"%.150s\".", text,
			route->prefix_len, pods ? ", where pods of other nodes are" : "", line);
	finding_evidence(finding, "fact route \"%s\" in table %u", line, route->table);
	finding_text(finding, "destination", "%s/%u", text, route->prefix_len);
	finding_text(finding, "namespace", "node");
	finding_text(finding, "route", "%s", line);
	finding_text(finding, "type", "%s", route_type_name(route->type));
	finding_number(finding, "table", route->table);
	finding_remedy(finding, "ip route del %s", line);
}

static void refusing_rule(struct diagnosis *d, struct finding_list *list,
			  const struct policy_rule *rule)
{
	struct finding *finding =
		finding_new(list, "no-route", CLASS, SEVERITY_WARNING, BASIS_STATE);
	char to[ADDRESS_TEXT + 8] = "everything", text[ADDRESS_TEXT];

	if (rule->dst_len)
		snprintf(to, sizeof(to), "%s/%u", address_text(rule->dst, text), rule->dst_len);
	finding_key(finding, "rule %u", rule->priority);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding, "A policy routing rule of the node refuses %s%s: priority %u, %s.",
			to, rule->src_len ? " from some sources" : "", rule->priority,
			route_type_name(rule->action));
	finding_evidence(finding, "fact ip rule %u is \"%s\"", rule->priority,
			 route_type_name(rule->action));
	finding_text(finding, "destination", "%s", to);
	finding_text(finding, "namespace", "node");
	finding_text(finding, "type", "%s", route_type_name(rule->action));
	finding_number(finding, "rule", rule->priority);
	finding_remedy(finding, "ip rule del priority %u", rule->priority);
}

static void no_default(struct diagnosis *d, struct finding_list *list,
		       const struct netns_facts *node, bool v6)
{
	struct finding *finding =
		finding_new(list, "no-route", CLASS, SEVERITY_WARNING, BASIS_STATE);

	finding_key(finding, v6 ? "default IPv6" : "default");
	finding_where(finding, d, node->inode, 0);
	finding_summary(
		finding,
		"The node has no %sdefault route: pods reach nothing beyond the networks it "
		"is on.",
		v6 ? "IPv6 " : "");
	finding_evidence(finding, "fact %zu routes, none with prefix %s", node->routes.count,
			 v6 ? "::/0" : "0.0.0.0/0");
	finding_text(finding, "destination", "default");
	finding_text(finding, "namespace", "node");
	finding_text(finding, "table", "main");
	finding_remedy(finding, "# give it one; which router, a node that has it says:  ip route "
				"show default");
}

/* Pods of that IP version need a way out; those of a cluster without IPv6 need none. */
static bool has_pods(const struct diagnosis *d, uint8_t version)
{
	array_each(pod, &d->facts->pods) {
		for (unsigned i = 0; i < pod->address_count && check_is_pod(pod); i++) {
			if (pod->addresses[i].version == version &&
			    !address_is_link_local(pod->addresses[i]))
				return true;
		}
	}
	return false;
}

/* A node that has an address of that IP version on its NIC is on that Internet. */
static bool has_address(struct diagnosis *d, uint8_t version)
{
	struct address own;

	return lookup_node_address(d, version, &own);
}

void check_routes(struct diagnosis *d, struct finding_list *list)
{
	struct netns_facts *node = lookup_node(d);
	bool has_default[2] = {false, false}, has_routes[2] = {false, false};

	if (!check_pod_count(d) || !facts_need(d->facts, node, FACT_ROUTES))
		return;
	array_each(route, &node->routes) {
		bool v6 = route->dst.version == 6;

		has_routes[v6] |= route->type == 1;
		has_default[v6] |= route_is_default(route) && route->type == 1;
		if (route->type >= 6 && route->type <= 8 && route->table == TABLE_MAIN &&
		    !is_meant(route))
			refusing_route(d, list, node, route);
	}
	array_each(rule, &node->policy_rules) {
		if (rule->action >= 6 && rule->action <= 8 && !rule->invert && !rule->undecided &&
		    !rule->mask && !rule->iif[0] && !rule->oif[0])
			refusing_rule(d, list, rule);
	}
	/* Devices that are down take their routes along: that is said already. */
	if (!lookup_uplink(d) || !link_is_usable(lookup_uplink(d)))
		return;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint8_t version = v6 ? 6 : 4;

		if (!has_default[v6] && has_routes[v6] && has_address(d, version) &&
		    has_pods(d, version))
			no_default(d, list, node, v6);
	}
}

static const struct neighbour *failed_neighbour(const struct netns_facts *node,
						struct address address)
{
	array_each(entry, &node->neighbours) {
		if (address_equal(entry->address, address) && (entry->state & NUD_FAILED))
			return entry;
	}
	return NULL;
}

static void silent_neighbour(struct diagnosis *d, struct finding_list *list, struct address address,
			     const char *what, const char *harm)
{
	struct netns_facts *node = lookup_node(d);
	const struct neighbour *entry = failed_neighbour(node, address);
	struct finding *finding;
	char text[ADDRESS_TEXT];
	const char *device;

	if (!entry)
		return;
	device = lookup_device_name(d, node->inode, entry->ifindex);
	finding = finding_new(list, "neighbour-failed", CLASS, SEVERITY_WARNING, BASIS_STATE);
	address_text(address, text);
	finding_key(finding, "%s", text);
	finding_where(finding, d, node->inode, entry->ifindex);
	finding_summary(finding, "%s %s did not answer %s on %s: %s.", what, text,
			address.version == 6 ? "neighbour discovery" : "ARP", device, harm);
	finding_evidence(finding, "fact neighbour entry %s dev %s: failed", text, device);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "state", "failed");
	finding_text(finding, "namespace", "node");
	finding_remedy(finding, "ip neigh show dev %s", device);
	finding_remedy(finding, "# look whether %s still lives", text);
}

void check_neighbours(struct diagnosis *d, struct finding_list *list, const struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);

	if (!check_pod_count(d) || !facts_need(d->facts, node, FACT_ROUTES | FACT_NEIGHBOURS))
		return;
	array_each(route, &node->routes) {
		if (route_is_default(route) && route->type == 1 && route->gateway.version &&
		    route->table == TABLE_MAIN)
			silent_neighbour(d, list, route->gateway, "The default gateway",
					 "nothing reaches the world outside");
	}
	array_each(peer, &view->peers) {
		if (peer->node.version)
			silent_neighbour(d, list, peer->node, "Node", "its pods cannot be reached");
	}
}

struct holder {
	struct address address;
	const struct netns_facts *ns;
	const struct link *link;
};

typedef ARRAY(struct holder) holder_list;

/* An address that is to be reached from outside its namespace: on a pod's way out, or any device of the node. */
static bool is_outward(struct diagnosis *d, const struct netns_facts *ns,
		       const struct link_address *entry, const struct link *link)
{
	const struct pod *pod = facts_pod_of_netns(d->facts, ns->inode);

	if (address_is_loopback(entry->address) || address_is_link_local(entry->address) ||
	    entry->scope >= SCOPE_LINK || !link)
		return false;
	if (ns->inode == d->facts->node_netns)
		return true;
	/* docker0 inside pods that run containers of their own is the same everywhere. */
	return link->lower_elsewhere || (pod && !strcmp(pod->ifname, link->name));
}

static void collect(struct diagnosis *d, holder_list *holders)
{
	array_each(slot, &d->facts->namespaces) {
		struct netns_facts *ns = *slot;

		if (!facts_need(d->facts, ns, FACT_ADDRESSES | FACT_LINKS))
			continue;
		array_each(entry, &ns->addresses) {
			const struct link *link = facts_link(d->facts, ns, entry->ifindex);
			struct holder *holder;

			if (!is_outward(d, ns, entry, link))
				continue;
			holder = array_push(holders);
			if (!holder)
				return;
			*holder = (struct holder){entry->address, ns, link};
		}
	}
}

static int compare(const void *left, const void *right)
{
	const struct holder *a = left, *b = right;
	int order = memcmp(&a->address, &b->address, sizeof(a->address));

	return order ? order : (a->ns->inode > b->ns->inode) - (a->ns->inode < b->ns->inode);
}

static void conflict(struct diagnosis *d, struct finding_list *list, const struct holder *holders,
		     size_t count)
{
	struct finding *finding =
		finding_new(list, "ip-conflict", CLASS, SEVERITY_ERROR, BASIS_STATE);
	char text[ADDRESS_TEXT], owners[400] = "";
	unsigned owner_count = 0;

	address_text(holders[0].address, text);
	finding_key(finding, "%s", text);
	finding_where(finding, d, d->facts->node_netns, 0);
	for (size_t i = 0; i < count; i++) {
		const struct holder *one = &holders[i];
		char mac[MAC_TEXT];

		if (i && one->ns == holders[i - 1].ns)
			continue;
		if (owner_count++ < OWNERS_SHOWN)
			text_append(owners, sizeof(owners), "%s%s", owners[0] ? " and " : "",
				    one->ns->label);
		finding_evidence(finding, "fact %s on %s of %s, MAC %s", text, one->link->name,
				 one->ns->label, mac_text(one->link->mac, mac));
	}
	finding_summary(finding, "%s is held twice: by %s.", text, owners);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "found", "%s", owners);
	finding_number(finding, "count", owner_count);
	conflict_remedy(finding, d, holders[0].address);
}

void check_addresses(struct diagnosis *d, struct finding_list *list)
{
	holder_list holders = {0};

	collect(d, &holders);
	if (holders.count)
		qsort(holders.items, holders.count, sizeof(*holders.items), compare);
	for (size_t i = 0, end; i < holders.count; i = end) {
		for (end = i + 1; end < holders.count; end++) {
			if (!address_equal(holders.items[i].address, holders.items[end].address))
				break;
		}
		if (holders.items[i].ns != holders.items[end - 1].ns)
			conflict(d, list, &holders.items[i], end - i);
	}
	array_free(&holders);
}
