/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds this node's namespaces and puts its devices and addresses together. A namespace
 * belongs to the node when it is a pod's: named by facts->pods, or at the other end of a
 * veth that node_role calls a pod's. What each device is for is judged in node_role.c.
 */
#include "node/node_topology.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "node/netns.h"
#include "node/reader.h"

static void pod_label(const struct pod *pod, char *label, size_t size)
{
	text_copy(label, size, pod->namespace);
	text_append(label, size, "%s%s", pod->namespace[0] ? "/" : "", pod->name);
}

static int register_node(struct facts *facts, struct error *error)
{
	struct netns_facts *ns;

	facts->node_netns = netns_own();
	if (!facts->node_netns)
		return error_set(error, -ENOENT,
				 "cannot read its own network namespace: is /proc mounted?");
	ns = facts_add_netns(facts, facts->node_netns, "/proc/self/ns/net", "node");
	if (!ns)
		return error_set(error, -ENOMEM, "out of memory");
	ns->known &= ~(uint32_t)(FACT_LINKS | FACT_ADDRESSES);
	ns->failed &= ~(uint32_t)(FACT_LINKS | FACT_ADDRESSES);
	if (!facts_need(facts, ns, FACT_LINKS | FACT_ADDRESSES))
		return error_set(error, -EIO, "cannot read the node's devices: %s", ns->error);
	return 0;
}

/* A tool that runs for months must not keep every pod there ever was. */
static void drop_gone(struct facts *facts)
{
	for (size_t i = facts->namespaces.count; i-- > 0;) {
		const struct netns_facts *ns = facts->namespaces.items[i];

		if (ns->inode != facts->node_netns && !ns->has_rules_before &&
		    netns_inode(ns->path) != ns->inode)
			facts_remove_netns(facts, ns->inode);
	}
}

static int register_pods(struct facts *facts)
{
	array_each(pod, &facts->pods) {
		char label[520], path[64];

		if (!pod->netns || pod->host_network || pod->netns == facts->node_netns)
			continue;
		snprintf(path, sizeof(path), "/proc/%u/ns/net", pod->pid);
		pod_label(pod, label, sizeof(label));
		if (!facts_add_netns(facts, pod->netns, pod->netns_path[0] ? pod->netns_path : path,
				     label))
			return -ENOMEM;
	}
	return 0;
}

/* Is the namespace numbered `id` the other end of a pod's veth? Marks those veths. */
static bool mark_peers(struct facts *facts, struct netns_facts *node, int id, uint32_t inode)
{
	bool found = false;

	array_each(link, &node->links) {
		if (!link->lower_elsewhere || link->lower_nsid != id ||
		    node_role(facts, node, link) != ROLE_POD)
			continue;
		link->lower_netns = inode;
		found = true;
	}
	return found;
}

static bool has_unknown_peer(struct facts *facts, struct netns_facts *node)
{
	array_each(link, &node->links) {
		if (link->lower_elsewhere && !link->lower_netns &&
		    node_role(facts, node, link) == ROLE_POD)
			return true;
	}
	return false;
}

static int register_place(struct facts *facts, struct netns_facts *node,
			  const struct netns_place *place)
{
	const char *name = strrchr(place->path, '/');
	char label[64];
	int id;

	if (place->inode == facts->node_netns)
		return 0;
	id = links_nsid(node, place->path, place->inode);
	if (id < 0 || !mark_peers(facts, node, id, place->inode) ||
	    facts_netns(facts, place->inode))
		return 0;
	if (!strncmp(place->path, "/proc/", 6) || !name)
		snprintf(label, sizeof(label), "pid %u", place->pid);
	else
		text_copy(label, sizeof(label), name + 1);
	return facts_add_netns(facts, place->inode, place->path, label) ? 0 : -ENOMEM;
}

/* Namespaces that no pod names but that hang on a pod's veth. */
static int register_peers(struct facts *facts, struct netns_facts *node)
{
	struct netns_places places = {0};
	int status = 0;

	if (!has_unknown_peer(facts, node))
		return 0;
	status = netns_places_find(facts->root, &places);
	for (size_t i = 0; i < places.items.count && !status; i++)
		status = register_place(facts, node, &places.items.items[i]);
	netns_places_free(&places);
	return status;
}

/* Docker and some runtimes do not write down the host's end: it is the veth whose peer is in the pod. */
static void name_hosts(struct facts *facts, const struct netns_facts *node)
{
	array_each(pod, &facts->pods) {
		if (pod->host_network || pod->host_ifindex || !pod->netns)
			continue;
		array_each(link, &node->links) {
			if (!link->lower_elsewhere || link->lower_netns != pod->netns)
				continue;
			pod->host_ifindex = link->ifindex;
			text_copy(pod->host_name, sizeof(pod->host_name), link->name);
			break;
		}
	}
}

int node_namespaces(struct facts *facts, struct error *error)
{
	int status = register_node(facts, error);
	struct netns_facts *node;

	if (status)
		return status;
	node = facts_netns(facts, facts->node_netns);
	drop_gone(facts);
	status = register_pods(facts);
	if (!status) {
		links_resolve(facts, node);
		name_hosts(facts, node);
		status = register_peers(facts, node);
	}
	if (status)
		return error_set(error, status, "cannot find the pods' network namespaces: %s",
				 strerror(-status));
	return 0;
}

static void fill_peer(struct facts *facts, const struct link *link, const struct netns_facts *ns,
		      struct device *device)
{
	const struct link *peer;

	if (strcmp(link->kind, "veth") && strcmp(link->kind, "netkit"))
		return;
	device->peer_ifindex = link->lower;
	device->peer_netns = link->lower_elsewhere ? link->lower_netns : ns->inode;
	peer = facts_link(facts, facts_netns(facts, device->peer_netns), link->lower);
	if (peer)
		text_copy(device->peer_name, sizeof(device->peer_name), peer->name);
}

static int add_device(struct facts *facts, struct netns_facts *ns, const struct link *link,
		      struct topology *out)
{
	const struct pod *pod = node_pod_of_link(facts, ns, link);
	struct device *device = array_push(&out->devices);

	if (!device)
		return -ENOMEM;
	device->netns = ns->inode;
	device->ifindex = link->ifindex;
	device->role = node_role(facts, ns, link);
	device->mtu = link->mtu;
	device->master_ifindex = link->master;
	text_copy(device->name, sizeof(device->name), link->name);
	text_copy(device->kind, sizeof(device->kind), link->kind[0] ? link->kind : "device");
	fill_peer(facts, link, ns, device);
	if (pod) {
		pod_label(pod, device->pod, sizeof(device->pod));
		facts_containers(facts, pod, device->containers, sizeof(device->containers));
	}
	return 0;
}

static int add_namespace(struct facts *facts, struct netns_facts *ns, struct topology *out)
{
	const struct link *served;
	int status = 0;

	if (!facts_need(facts, ns, FACT_LINKS | FACT_ADDRESSES))
		return 0; /* went away; noted as a gap */
	/* kube-proxy's IPVS mode gives it the address of every Service. */
	served = facts_link_named(facts, ns, "kube-ipvs0");
	for (size_t i = 0; i < ns->links.count && !status; i++)
		status = add_device(facts, ns, &ns->links.items[i], out);
	for (size_t i = 0; i < ns->addresses.count && !status; i++) {
		struct local_address *local = array_push(&out->addresses);

		if (!local)
			return -ENOMEM;
		local->netns = ns->inode;
		local->address = ns->addresses.items[i].address;
		local->served = served && ns->addresses.items[i].ifindex == served->ifindex;
	}
	return status;
}

/* Calico and some bridges leave the pod's name to its address: take it over to the host's end. */
static void name_by_peer(struct topology *out)
{
	array_each(device, &out->devices) {
		const struct device *peer;

		if (device->role != ROLE_POD || device->pod[0] || !device->peer_netns)
			continue;
		peer = topology_device(out, device->peer_netns, device->peer_ifindex);
		if (!peer)
			continue;
		text_copy(device->pod, sizeof(device->pod), peer->pod);
		text_copy(device->containers, sizeof(device->containers), peer->containers);
	}
}

int node_topology(struct facts *facts, struct topology *out, struct error *error)
{
	int status = 0;

	out->node_netns = facts->node_netns;
	for (size_t i = 0; i < facts->namespaces.count && !status; i++)
		status = add_namespace(facts, facts->namespaces.items[i], out);
	if (status)
		return error_set(error, status, "out of memory for the node's devices");
	name_by_peer(out);
	return 0;
}
