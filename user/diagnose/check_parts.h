/* SPDX-License-Identifier: GPL-2.0-only */
/* The static rules by what they look at. Private to diagnose/check*.c. */
#ifndef CNITRACE_DIAGNOSE_CHECK_PARTS_H
#define CNITRACE_DIAGNOSE_CHECK_PARTS_H

#include "diagnose/causes.h"
#include "diagnose/check.h"

/* check_link.c: devices, bridge ports, the overlay and its peers, MTUs of the chain. */
void check_links(struct diagnosis *d, struct finding_list *list, const struct check_view *view);
/* check_node.c: sysctls, connection table, address ranges, CNI files. */
void check_node(struct diagnosis *d, struct finding_list *list, const struct check_view *view);
/* check_netfilter.c: what rules do to pod traffic, kube-proxy, masquerading. */
void check_netfilter(struct diagnosis *d, struct finding_list *list, const struct check_view *view);
/* check_service.c: kube-proxy's rules, and whether they lead to anybody. */
void check_services(struct diagnosis *d, struct finding_list *list, const struct check_view *view);
/* check_route.c: routes that swallow packets, several owners of one address. */
void check_routes(struct diagnosis *d, struct finding_list *list);
void check_neighbours(struct diagnosis *d, struct finding_list *list,
		      const struct check_view *view);
void check_addresses(struct diagnosis *d, struct finding_list *list);
/* check_pod.c: each pod's addresses, routes and resolver. */
void check_pods(struct diagnosis *d, struct finding_list *list, const struct check_view *view);

/* A pod with a namespace of its own. */
static inline bool check_is_pod(const struct pod *pod)
{
	return !pod->host_network && pod->netns;
}

/* Such pods on this node. */
unsigned check_pod_count(const struct diagnosis *d);

#endif
