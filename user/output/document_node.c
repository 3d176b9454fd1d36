/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A node's network as one JSON object: devices, tunnel peers, pods, and how full its tables
 * are. Beside each thing stand the ids of the findings about it; it judges nothing itself.
 */
#include "output/document_node.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "output/document_parts.h"

static const char *role_name(enum device_role role)
{
	static const char *const roles[] = {"other",  "pod",    "bridge",  "tunnel",
					    "uplink", "inside", "loopback"};

	return roles[role];
}

static const char *state_name(const struct link *link)
{
	if (!(link->flags & IFF_UP))
		return "down";
	return link->carrier ? "up" : "no-carrier";
}

static struct json_object *prefix_text(struct address address, unsigned length)
{
	char text[ADDRESS_TEXT + 8], base[ADDRESS_TEXT];

	snprintf(text, sizeof(text), "%s/%u", address_text(address, base), length);
	return json_object_new_string(text);
}

static bool severity_ids(struct json_object *ids, const struct finding *finding)
{
	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(ids, i)), finding->id))
			return false;
	}
	json_object_array_add(ids, json_object_new_string(finding->id));
	return true;
}

/* The findings about a device of the node (pod ""), or about a pod; left out when there are none. */
static void put_findings(struct json_object *object, const struct finding_list *list,
			 const char *device, const char *pod)
{
	struct json_object *ids = NULL;
	bool error = false;

	array_each(slot, &list->findings) {
		const struct finding *finding = *slot;
		bool about =
			pod[0] ? !strcmp(finding->pod, pod)
			       : device[0] && !finding->pod[0] && !strcmp(finding->device, device);

		if (!about)
			continue;
		if (!ids)
			ids = json_object_new_array();
		severity_ids(ids, finding);
		error |= finding->severity == SEVERITY_ERROR;
	}
	if (!ids)
		return;
	put_object(object, "findings", ids);
	put_flag(object, "faulty", error);
}

static struct json_object *addresses_of(const struct netns_facts *ns, uint32_t ifindex)
{
	struct json_object *addresses = json_object_new_array();

	array_each(entry, &ns->addresses) {
		if (entry->ifindex == ifindex && !address_is_link_local(entry->address))
			json_object_array_add(addresses,
					      prefix_text(entry->address, entry->prefix_len));
	}
	return addresses;
}

static void put_tunnel(struct json_object *object, const struct link *link,
		       const struct check_view *view)
{
	if (!strcmp(link->kind, "vxlan") || !strcmp(link->kind, "geneve")) {
		put_number(object, "vni", link->vni);
		put_nonzero(object, "port", link->port);
	}
	put_address(object, "local", link->local);
	if (check_tunnel_of(view, link->ifindex))
		put_nonzero(object, "overhead", check_tunnel_of(view, link->ifindex)->overhead);
}

static struct json_object *device_object(const struct netns_facts *ns, const struct device *device,
					 const struct link *link, const struct check_view *view,
					 const struct finding_list *list)
{
	struct json_object *object = json_object_new_object();

	put_text(object, "name", link->name);
	put_number(object, "ifindex", link->ifindex);
	put_text(object, "kind", device->kind);
	put_text(object, "role", role_name(device->role));
	put_text(object, "state", state_name(link));
	put_number(object, "mtu", link->mtu);
	put_object(object, "addresses", addresses_of(ns, link->ifindex));
	array_each(other, &ns->links) {
		if (link->master && other->ifindex == link->master)
			put_text(object, "master", other->name);
	}
	put_text(object, "pod", device->pod);
	put_text(object, "peer_device", device->peer_name);
	if (link->ifindex == view->bridge)
		put_object(object, "in_subnet", json_object_new_boolean(view->bridge_fits));
	if (device->role == ROLE_TUNNEL)
		put_tunnel(object, link, view);
	put_flag(object, "default", link->ifindex == view->uplink);
	put_nonzero(object, "rx_dropped", link->rx_dropped);
	put_nonzero(object, "tx_dropped", link->tx_dropped);
	put_nonzero(object, "rx_errors", link->rx_errors);
	put_nonzero(object, "tx_errors", link->tx_errors);
	put_findings(object, list, link->name, "");
	return object;
}

static struct json_object *devices_array(struct netns_facts *ns, const struct check_view *view,
					 const struct finding_list *list, const struct names *names)
{
	struct json_object *devices = json_object_new_array();

	array_each(link, &ns->links) {
		const struct device *device = names_device(names, ns->inode, link->ifindex);

		if (device && device->role != ROLE_LOOPBACK)
			json_object_array_add(devices, device_object(ns, device, link, view, list));
	}
	return devices;
}

static struct json_object *pod_object(const struct pod *pod, const struct facts *facts,
				      const struct finding_list *list, const struct names *names)
{
	struct json_object *object = json_object_new_object();
	struct json_object *addresses = json_object_new_array();
	const struct device *port = names_device(names, facts->node_netns, pod->host_ifindex);
	const struct device *bridge = NULL;
	char text[ADDRESS_TEXT], name[520];

	if (port && port->master_ifindex)
		bridge = names_device(names, facts->node_netns, port->master_ifindex);
	snprintf(name, sizeof(name), "%s%s%s", pod->namespace, pod->namespace[0] ? "/" : "",
		 pod->name);
	put_text(object, "pod", name);
	for (unsigned i = 0; i < pod->address_count; i++)
		json_object_array_add(
			addresses, json_object_new_string(address_text(pod->addresses[i], text)));
	put_object(object, "addresses", addresses);
	put_text(object, "device", pod->host_name);
	put_text(object, "ifname", pod->ifname);
	put_text(object, "bridge", bridge ? bridge->name : "");
	put_nonzero(object, "mtu", pod->mtu);
	put_nonzero(object, "host_mtu", pod->host_mtu);
	put_nonzero(object, "netns", pod->netns);
	put_flag(object, "host_network", pod->host_network);
	put_object(object, "containers", document_containers(pod, facts));
	put_findings(object, list, "", name);
	return object;
}

static struct json_object *peers_array(const struct check_view *view, const struct names *names)
{
	const uint32_t netns = names->facts->node_netns;
	struct json_object *peers = json_object_new_array();

	array_each(peer, &view->peers) {
		struct json_object *object = json_object_new_object();
		const struct check_tunnel *tunnel = check_tunnel_of(view, peer->tunnel);
		const struct device *device = names_device(names, netns, peer->tunnel);

		put_text(object, "tunnel", device ? device->name : "");
		if (peer->subnet.version)
			put_object(object, "subnet", prefix_text(peer->subnet, peer->subnet_len));
		put_address(object, "gateway", peer->gateway);
		put_address(object, "node", peer->node);
		put_object(object, "route", json_object_new_boolean(peer->route));
		put_object(object, "neighbour", json_object_new_boolean(peer->neighbour));
		if ((tunnel && tunnel->fdb_matters) || peer->fdb)
			put_object(object, "fdb", json_object_new_boolean(peer->fdb));
		json_object_array_add(peers, object);
	}
	return peers;
}

static struct json_object *ranges_array(const struct check_view *view)
{
	struct json_object *ranges = json_object_new_array();

	array_each(range, &view->ranges) {
		struct json_object *object = json_object_new_object();

		put_text(object, "network", range->network);
		put_object(object, "subnet", prefix_text(range->subnet, range->prefix_len));
		put_number(object, "size", range->size);
		put_number(object, "used", range->used);
		put_number(object, "stale", range->stale);
		json_object_array_add(ranges, object);
	}
	return ranges;
}

static void put_tables(struct json_object *document, const struct check_view *view)
{
	struct json_object *object;

	if (view->has_conntrack) {
		object = json_object_new_object();
		put_number(object, "count", view->conntrack_count);
		put_number(object, "max", view->conntrack_max);
		put_object(document, "conntrack", object);
	}
	put_object(document, "ranges", ranges_array(view));
	if (view->services.known) {
		object = json_object_new_object();
		put_text(object, "mode", view->services.mode);
		put_number(object, "count", view->services.count);
		put_number(object, "without_endpoints", view->services.without_endpoints);
		put_object(document, "services", object);
	}
	put_address(document, "dns", view->dns);
}

static struct json_object *sentences(const struct facts *facts)
{
	struct json_object *gaps = json_object_new_array();

	array_each(gap, &facts->gaps)
		json_object_array_add(gaps, document_string(*gap));
	return gaps;
}

struct json_object *document_check_summary(const struct summary_info *info,
					   const struct names *names)
{
	struct json_object *document = document_summary(info, names);

	put_flag(document, "check", true);
	return document;
}

/* As people count: pod-2 before pod-10. */
static int by_name(const void *left, const void *right)
{
	struct json_object *a = *(struct json_object *const *)left;
	struct json_object *b = *(struct json_object *const *)right;

	return strverscmp(json_object_get_string(json_object_object_get(a, "pod")),
			  json_object_get_string(json_object_object_get(b, "pod")));
}

struct json_object *document_node(const struct check_view *view, const struct finding_list *list,
				  const struct names *names)
{
	struct json_object *document = document_new("node", document_now());
	struct json_object *pods = json_object_new_array();
	/* Reading a document changes no fact: what is asked for here is known by now. */
	struct facts *facts = (struct facts *)names->facts;
	struct netns_facts *node = facts_netns(facts, facts->node_netns);

	put_text(document, "node", names->node);
	if (node)
		put_object(document, "devices", devices_array(node, view, list, names));
	array_each(pod, &facts->pods)
		json_object_array_add(pods, pod_object(pod, facts, list, names));
	json_object_array_sort(pods, by_name);
	put_object(document, "pods", pods);
	put_nonzero(document, "need_mtu", view->need_mtu);
	put_object(document, "peers_known", json_object_new_boolean(view->peers_known));
	put_object(document, "peers", peers_array(view, names));
	put_tables(document, view);
	put_object(document, "gaps", sentences(facts));
	return document;
}
