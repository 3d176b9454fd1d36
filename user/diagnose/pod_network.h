/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses of the cluster's pods and of this node's. Private to diagnose/. */
#ifndef CNITRACE_DIAGNOSE_POD_NETWORK_H
#define CNITRACE_DIAGNOSE_POD_NETWORK_H

#include "diagnose/finding.h"

/* The whole cluster's pod network of one IP version; base.version 0: not known. */
struct prefix pod_network(struct diagnosis *d, uint8_t version);
/* This node's part of it, the one with that address where there are several; base.version 0: not known. */
struct prefix pod_subnet(struct diagnosis *d, struct address address);
/* Calico's blackhole for the node's own block: what no pod holds goes nowhere, as it should. */
bool route_is_block(const struct route *route);

#endif
