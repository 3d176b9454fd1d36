/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The node's pods and their names, without the API server: libcni's cached results, the
 * cgroups of processes, kubelet's log directories, the runtimes' container files and
 * host-local's reservations. What is gone is left out: a name is only given to a network
 * namespace that lives now.
 */
#ifndef CNITRACE_NODE_PODS_H
#define CNITRACE_NODE_PODS_H

#include "node/facts.h"

/*
 * Reads facts->pods anew (what was there is replaced). Files are looked for below facts->root,
 * processes in /proc. A node without Kubernetes has no pods and is no error. 0 or negative errno.
 */
int pods_read(struct facts *facts, struct error *error);

/*
 * A number that is another when files that name pods have come or gone since it was last asked for. Cheap
 * (a stat for each directory), so that a pod is named soon after it has started.
 */
uint64_t pods_stamp(const struct facts *facts);

/*
 * Fills mtu and host_mtu of every pod from the links of its namespace and the node's. Costs two look-ups
 * by netlink per pod, so it is for commands that show them; needs node_namespaces() before.
 */
void pods_read_mtus(struct facts *facts);

#endif
