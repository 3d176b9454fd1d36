/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The texts of CNI's files: network configurations, flannel's subnet.env, host-local's
 * reservations, libcni's cached results. Pure; any bytes may come in (fuzzed).
 */
#ifndef CNITRACE_NODE_CNI_H
#define CNITRACE_NODE_CNI_H

#include "node/facts.h"

/* *.conf, *.json or *.conflist. Fills all but conf->file; what is wrong is said in conf->error. 0 or -ENOMEM. */
int cni_parse_conf(const char *text, size_t size, struct cni_conf *conf);
/* /run/flannel/subnet.env. False when no subnet is in it. */
bool cni_parse_subnet_env(const char *text, struct node_config *config);
/* One file of /var/lib/cni/networks/NET: `file` is its name, the address. False: not a reservation. */
bool cni_parse_reservation(const char *file, const char *text, struct reservation *reservation);
/* /var/lib/cni/results: where the namespace was. False: not a cached result, or without one. */
bool cni_parse_result_netns(const char *text, size_t size, char *path, size_t path_size);
/* The ranges that flannel's delegate gets: the node's subnet. */
int cni_flannel_range(const struct node_config *config, struct cni_conf *conf);
/* host-local's defaults for what a range leaves out. */
void cni_range_complete(struct cni_range *range);

#endif
