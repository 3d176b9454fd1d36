/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules: what is wrong with a node now, told from its facts alone, without any
 * packet. The view is the same facts put side by side for people: what each tunnel peer
 * has and lacks, how full ranges and tables are. Pure. See diagnose/finding.h.
 */
#ifndef CNITRACE_DIAGNOSE_CHECK_H
#define CNITRACE_DIAGNOSE_CHECK_H

#include "diagnose/finding.h"
#include "diagnose/rule_walk.h"

/* Another node as this node's tunnel knows it: by a route, a neighbour entry or an FDB entry. */
struct check_peer {
	uint32_t tunnel; /* ifindex */
	struct address gateway; /* its tunnel address, version 0 unknown */
	struct address node; /* its underlay address, version 0 unknown */
	struct address subnet; /* of its pods, version 0: no route leads there */
	uint8_t subnet_len;
	uint8_t mac[6];
	bool has_mac; /* a neighbour entry names it, or only the FDB does */
	bool route, neighbour, fdb;
};

struct check_range {
	char network[64];
	struct address subnet;
	uint8_t prefix_len;
	uint64_t size, used, stale;
};

struct check_services {
	bool known; /* the rules could be read */
	bool complete; /* … all of them: what is not there is missing */
	const char *mode; /* "iptables", "nftables", "ipvs", "eBPF", "none" */
	unsigned count, without_endpoints; /* Service ports */
};

/* A tunnel that carries pods' packets of one IP version, or of both. */
struct check_tunnel {
	uint32_t ifindex;
	unsigned overhead; /* bytes */
	bool fdb_matters; /* it does not learn: an entry that is missing is missed */
};

struct check_view {
	uint32_t uplink; /* ifindex, 0 none */
	struct check_tunnel tunnels[2]; /* IPv4's, or that of both, first */
	unsigned tunnel_count;
	uint32_t
		bridge; /* the pods' bridge by its address in flannel's subnet or its name, 0 none */
	bool bridge_fits; /* … its address is in the subnet that subnet.env says */
	unsigned need_mtu; /* the largest that pods may have, 0 unknown */
	bool peers_known; /* routes, neighbours and forwarding entries could all be read */
	ARRAY(struct check_peer) peers;
	ARRAY(struct check_range) ranges;
	bool has_conntrack;
	uint64_t conntrack_count, conntrack_max;
	struct check_services services;
	struct address dns; /* the cluster's DNS Service, version 0 unknown */
};

/* The pods' tunnel with that ifindex, NULL: it is none of them. */
const struct check_tunnel *check_tunnel_of(const struct check_view *view, uint32_t ifindex);
/* Reads what it needs through facts. check_view_free releases it. */
void check_view_make(struct diagnosis *d, struct check_view *view);
void check_view_free(struct check_view *view);

/*
 * The same fault in many pods becomes one finding that counts them: a wrong CNI configuration is one
 * thing to mend. For printing, after whatever needs to know about each pod.
 */
void check_fold_pods(struct finding_list *list);

/* All static rules that no class file has; diagnose() calls it when d->check is set. */
void check_rules(struct diagnosis *d, struct finding_list *list);

#endif
