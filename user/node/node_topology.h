/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From facts to the topology that packet/ judges by: which namespaces are this node's, and
 * what each device is for.
 */
#ifndef CNITRACE_NODE_NODE_TOPOLOGY_H
#define CNITRACE_NODE_NODE_TOPOLOGY_H

#include "node/facts.h"
#include "packet/topology.h"

/*
 * Registers the namespace this thread is in as the node's (facts->node_netns) and those of
 * its pods: of facts->pods, and those at the other end of the host's pod veths. Namespaces
 * of other machines are left out. Call it again when pods may have come or gone: it re-reads
 * the node's links and frees namespaces that are gone (pointers to them with it). 0, or negative errno with a sentence.
 */
int node_namespaces(struct facts *facts, struct error *error);

/* Fills an empty `out` from the registered namespaces; topology_free releases it. */
int node_topology(struct facts *facts, struct topology *out, struct error *error);

/* What a device of namespace `ns` is for. Pure when links and addresses of ns are known. */
enum device_role node_role(struct facts *facts, struct netns_facts *ns, const struct link *link);

/* The pod behind a device of the node (by host ifindex, peer's namespace) or inside `ns`; NULL none. */
const struct pod *node_pod_of_link(struct facts *facts, const struct netns_facts *ns,
				   const struct link *link);

#endif
