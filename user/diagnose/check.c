/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules, put together, and the view they share: the tunnel's peers from routes,
 * neighbours and forwarding entries, address ranges, Services. It judges nothing itself.
 */
#include "diagnose/check.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"

#define RTN_UNICAST 1
#define PORT_DNS 53
#define PODS_ALIKE 4 /* more of them are told as one */
#define PODS_NAMED 6

unsigned check_pod_count(const struct diagnosis *d)
{
	unsigned count = 0;

	array_each(pod, &d->facts->pods)
		count += check_is_pod(pod);
	return count;
}

const struct check_tunnel *check_tunnel_of(const struct check_view *view, uint32_t ifindex)
{
	for (unsigned i = 0; i < view->tunnel_count; i++) {
		if (ifindex && view->tunnels[i].ifindex == ifindex)
			return &view->tunnels[i];
	}
	return NULL;
}

static struct check_peer *peer_new(struct check_view *view, uint32_t tunnel)
{
	struct check_peer *peer = array_push(&view->peers);

	if (peer)
		peer->tunnel = tunnel;
	return peer;
}

static struct check_peer *peer_of_gateway(struct check_view *view, uint32_t tunnel,
					  struct address gateway)
{
	struct check_peer *peer;

	array_each(known, &view->peers) {
		if (known->tunnel == tunnel && address_equal(known->gateway, gateway))
			return known;
	}
	peer = peer_new(view, tunnel);
	if (peer)
		peer->gateway = gateway;
	return peer;
}

static void peers_of_routes(struct check_view *view, uint32_t tunnel,
			    const struct netns_facts *node)
{
	array_each(route, &node->routes) {
		struct check_peer *peer;

		/* A route without a gateway (IPIP, WireGuard, Cilium) names no peer. */
		if (route->ifindex != tunnel || !route->gateway.version ||
		    route->type != RTN_UNICAST)
			continue;
		peer = peer_of_gateway(view, tunnel, route->gateway);
		if (!peer)
			return;
		peer->route = true;
		peer->subnet = route->dst;
		peer->subnet_len = route->prefix_len;
	}
}

static void peers_of_neighbours(struct check_view *view, uint32_t tunnel,
				const struct netns_facts *node)
{
	array_each(entry, &node->neighbours) {
		struct check_peer *peer;

		if (entry->ifindex != tunnel || !entry->has_mac || entry->proxy ||
		    address_is_multicast(entry->address) || address_is_link_local(entry->address))
			continue;
		peer = peer_of_gateway(view, tunnel, entry->address);
		if (!peer)
			return;
		peer->neighbour = peer->has_mac = true;
		memcpy(peer->mac, entry->mac, sizeof(peer->mac));
	}
}

static struct check_peer *peer_of_mac(struct check_view *view, uint32_t tunnel, const uint8_t *mac)
{
	array_each(peer, &view->peers) {
		if (peer->tunnel == tunnel && peer->has_mac && !memcmp(peer->mac, mac, 6))
			return peer;
	}
	return NULL;
}

static bool node_is_known(const struct check_view *view, uint32_t tunnel, struct address node)
{
	array_each(peer, &view->peers) {
		if (peer->tunnel == tunnel && peer->gateway.version &&
		    address_equal(peer->node, node))
			return true;
	}
	return false;
}

static bool names_node(uint32_t tunnel, const struct fdb_entry *entry)
{
	static const uint8_t nobody[6];

	/* An entry without an address is where unknown packets go, not a node. */
	return entry->ifindex == tunnel && memcmp(entry->mac, nobody, 6) && entry->dst.version &&
	       !address_is_multicast(entry->dst);
}

/* Peers that a neighbour entry names get their node's address; what is left over is listed by itself. */
static void peers_of_fdb(struct check_view *view, uint32_t tunnel, const struct netns_facts *node)
{
	array_each(entry, &node->fdb) {
		struct check_peer *peer =
			names_node(tunnel, entry) ? peer_of_mac(view, tunnel, entry->mac) : NULL;

		if (!peer)
			continue;
		peer->fdb = true;
		peer->node = entry->dst;
	}
	array_each(entry, &node->fdb) {
		struct check_peer *peer;

		/* An older MAC of a known node does no harm: nobody asks for it any more. */
		if (!names_node(tunnel, entry) || peer_of_mac(view, tunnel, entry->mac) ||
		    node_is_known(view, tunnel, entry->dst))
			continue;
		peer = peer_new(view, tunnel);
		if (!peer)
			return;
		peer->has_mac = peer->fdb = true;
		memcpy(peer->mac, entry->mac, sizeof(peer->mac));
		peer->node = entry->dst;
	}
}

/*
 * One node that only forwarding entries know, and one peer that lacks its neighbour entry: they are
 * the same node. With more of either it would be a guess.
 */
static void pair_orphan(struct check_view *view, uint32_t tunnel)
{
	struct check_peer *bare = NULL, *orphan = NULL;
	size_t to = 0;

	array_each(peer, &view->peers) {
		bool is_orphan = !peer->gateway.version;

		if (peer->tunnel != tunnel)
			continue;
		if ((is_orphan && orphan && !address_equal(orphan->node, peer->node)) ||
		    (!is_orphan && !peer->neighbour && bare))
			return;
		if (is_orphan && !orphan)
			orphan = peer;
		else if (!is_orphan && !peer->neighbour)
			bare = peer;
	}
	if (!bare || !orphan)
		return;
	bare->node = orphan->node;
	bare->fdb = true;
	memcpy(bare->mac, orphan->mac, sizeof(bare->mac));
	for (size_t i = 0; i < view->peers.count; i++) {
		if (view->peers.items[i].gateway.version || view->peers.items[i].tunnel != tunnel)
			view->peers.items[to++] = view->peers.items[i];
	}
	view->peers.count = to;
}

static int compare_peers(const void *left, const void *right)
{
	const struct check_peer *a = left, *b = right;

	if (a->tunnel != b->tunnel)
		return a->tunnel < b->tunnel ? -1 : 1;
	return memcmp(&a->gateway, &b->gateway, sizeof(a->gateway));
}

static void view_tunnel(struct diagnosis *d, struct check_view *view, struct netns_facts *node,
			const struct link *link)
{
	struct check_tunnel *tunnel = &view->tunnels[view->tunnel_count++];

	tunnel->ifindex = link->ifindex;
	tunnel->overhead = mtu_overhead(link);
	if (strcmp(link->kind, "vxlan") || !(link->flags & 1 /* IFF_UP */))
		return;
	tunnel->fdb_matters = !link->learning;
	view->peers_known = facts_need(d->facts, node, FACT_ROUTES | FACT_NEIGHBOURS | FACT_FDB);
	peers_of_routes(view, link->ifindex, node);
	peers_of_neighbours(view, link->ifindex, node);
	peers_of_fdb(view, link->ifindex, node);
	pair_orphan(view, link->ifindex);
}

static void view_tunnels(struct diagnosis *d, struct check_view *view, struct netns_facts *node)
{
	static const uint8_t versions[] = {4, 6};

	for (size_t i = 0; i < sizeof(versions); i++) {
		const struct link *link = lookup_overlay(d, versions[i]);

		if (link && !check_tunnel_of(view, link->ifindex))
			view_tunnel(d, view, node, link);
	}
	if (view->peers.count)
		qsort(view->peers.items, view->peers.count, sizeof(*view->peers.items),
		      compare_peers);
}

/* Which bridge is the pods': the one named in the CNI configuration (cni0 where none is). */
static void view_bridge(struct diagnosis *d, struct check_view *view, struct netns_facts *node)
{
	const struct node_config *config = facts_config(d->facts);
	const char *name = "cni0";

	if (!config || !config->has_subnet_env)
		return;
	if (config->confs.count && config->confs.items[0].bridge[0])
		name = config->confs.items[0].bridge;
	array_each(entry, &node->addresses) {
		const struct link *link = facts_link(d->facts, node, entry->ifindex);

		if (!link || strcmp(link->name, name) || entry->address.version != 4)
			continue;
		view->bridge = link->ifindex;
		view->bridge_fits |= address_in(entry->address, config->flannel_subnet,
						config->flannel_subnet_len);
	}
}

static void view_ranges(struct diagnosis *d, struct check_view *view)
{
	const struct node_config *config = facts_config(d->facts);

	if (!config)
		return;
	array_each(conf, &config->confs) {
		array_each(range, &conf->ranges) {
			struct ipam_usage usage = ipam_usage(config, range);
			struct check_range *slot = array_push(&view->ranges);

			if (!slot)
				return;
			text_copy(slot->network, sizeof(slot->network), conf->name);
			slot->subnet = range->subnet;
			slot->prefix_len = range->prefix_len;
			slot->size = usage.size;
			slot->used = usage.used;
			slot->stale = usage.stale;
		}
		if (conf->ranges.count)
			return; /* the first configuration wins */
	}
}

/* Service ports in kube-proxy's iptables rules: those it translates, and those it refuses. */
static void count_rules(const struct ruleset *rules, struct check_services *services)
{
	array_each(chain, &rules->chains) {
		bool nat = !strcmp(chain->table, "nat");

		if (strcmp(chain->name, "KUBE-SERVICES"))
			continue;
		array_each(rule, &ruleset_chain(rules, chain)->rules) {
			bool jump = rule->verdict == RULE_JUMP || rule->verdict == RULE_GOTO;
			bool refused = !nat &&
				       (rule->verdict == RULE_REJECT || rule->verdict == RULE_DROP);

			if (!rule->dst.version || !strchr(rule_comment(rule), '/') ||
			    (nat && (!jump || (strncmp(rule->target, "KUBE-SVC-", 9) &&
					       strncmp(rule->target, "KUBE-EXT-", 9)))))
				continue;
			services->count += nat || refused;
			services->without_endpoints += refused;
		}
	}
}

static void count_elements(const struct ruleset *rules, struct check_services *services)
{
	array_each(set, &rules->sets) {
		bool refused = !strcmp(set->name, "no-endpoint-services");

		if (strcmp(set->table, "kube-proxy") ||
		    (!refused && strcmp(set->name, "service-ips")))
			continue;
		ruleset_set(rules, set);
		services->count += set->elements.count;
		services->without_endpoints += refused ? set->elements.count : 0;
	}
}

static bool has_link(const struct netns_facts *node, const char *name)
{
	array_each(link, &node->links) {
		if (!strcmp(link->name, name))
			return true;
	}
	return false;
}

/* kube-proxy's dummy device stays when its IPVS servers are gone; Cilium can do without any rule. */
static void view_services(struct diagnosis *d, struct check_view *view, struct netns_facts *node)
{
	struct check_services *services = &view->services;
	enum service_mode mode;

	services->mode = "none";
	if (!facts_need(d->facts, node, FACT_RULES | FACT_LINKS))
		return;
	facts_rules_gaps(d->facts);
	services->known = true;
	services->complete = !node->rules.unread.count;
	mode = service_any_rules(&node->rules);
	services->mode = service_mode_name(mode);
	count_rules(&node->rules, services);
	count_elements(&node->rules, services);
	array_each(service, &node->rules.ipvs) {
		services->count++;
		services->without_endpoints += !service->count;
	}
	if (has_link(node, "kube-ipvs0"))
		services->mode = service_mode_name(SERVICE_IPVS);
	else if (!services->count && has_link(node, "cilium_host"))
		services->mode = "eBPF";
}

/* nftables mode has no comments: the Service port 53 with the lowest address is the cluster's DNS in all but odd clusters. */
static void dns_of_elements(const struct ruleset *rules, struct address *dns)
{
	array_each(set, &rules->sets) {
		unsigned bytes = set->family == 6 ? 16 : 4;

		if (strcmp(set->table, "kube-proxy") || strcmp(set->name, "service-ips") ||
		    set->key_len != bytes + 8)
			continue;
		array_each(element, &ruleset_set(rules, set)->elements) {
			struct address one = address_make(set->family, element->key);

			if (element->key[bytes] != IPPROTO_UDP ||
			    (element->key[bytes + 4] << 8 | element->key[bytes + 5]) != PORT_DNS)
				continue;
			if (!dns->version || memcmp(one.bytes, dns->bytes, bytes) < 0)
				*dns = one;
		}
	}
}

void check_view_make(struct diagnosis *d, struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *uplink;

	memset(view, 0, sizeof(*view));
	if (!node)
		return;
	uplink = lookup_uplink(d);
	view->uplink = uplink ? uplink->ifindex : 0;
	view_tunnels(d, view, node);
	view->need_mtu = mtu_needed(d, 0);
	view_bridge(d, view, node);
	view_ranges(d, view);
	view_services(d, view, node);
	if (view->services.known && !dns_cluster_server(d, &view->dns))
		dns_of_elements(&node->rules, &view->dns);
	if (facts_need(d->facts, node, FACT_CONNTRACK) && node->conntrack.max) {
		view->has_conntrack = true;
		view->conntrack_count = node->conntrack.count;
		view->conntrack_max = node->conntrack.max;
	}
}

static bool alike(const struct finding *a, const struct finding *b)
{
	return a->pod[0] && b->pod[0] && a->severity == b->severity && !strcmp(a->id, b->id);
}

static void fold_into(struct finding_list *list, size_t first)
{
	struct finding *keep = list->findings.items[first];
	char names[600] = "";
	unsigned count = 1;
	size_t to = first + 1;

	for (size_t i = first + 1; i < list->findings.count; i++) {
		struct finding *other = list->findings.items[i];

		if (!alike(keep, other)) {
			list->findings.items[to++] = other;
			continue;
		}
		if (count++ < PODS_NAMED)
			text_append(names, sizeof(names), "%s%.100s", names[0] ? ", " : "",
				    other->pod);
		finding_free(other);
	}
	list->findings.count = to;
	finding_evidence(keep, "count %u pods alike, among them %s", count, names);
	finding_number(keep, "pods", count);
}

void check_fold_pods(struct finding_list *list)
{
	for (size_t i = 0; i < list->findings.count; i++) {
		unsigned count = 0;

		for (size_t k = i; k < list->findings.count; k++)
			count += alike(list->findings.items[i], list->findings.items[k]);
		if (count > PODS_ALIKE)
			fold_into(list, i);
	}
}

void check_view_free(struct check_view *view)
{
	array_free(&view->peers);
	array_free(&view->ranges);
}

void check_rules(struct diagnosis *d, struct finding_list *list)
{
	struct check_view view;

	if (!lookup_node(d))
		return;
	check_view_make(d, &view);
	check_links(d, list, &view);
	check_node(d, list, &view);
	check_netfilter(d, list, &view);
	check_services(d, list, &view);
	check_routes(d, list);
	check_neighbours(d, list, &view);
	check_addresses(d, list);
	check_pods(d, list, &view);
	check_view_free(&view);
}
