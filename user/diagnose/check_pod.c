/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules about each pod: its address and routes against its CNI result, its address
 * against the node's range, its resolver against the cluster's DNS, its bridge port. A pod
 * with dnsPolicy Default or None looks as it was told to: that is a warning, never an error.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"

#define PORT_DNS 53

static const struct concern now = {.basis = BASIS_STATE};

static bool is_clustered(const struct resolv_conf *conf)
{
	for (int i = 0; i < conf->search_count; i++) {
		if (!strncmp(conf->search[i], "svc.", 4) || strstr(conf->search[i], ".svc."))
			return true;
	}
	return false;
}

/* A DNS server of its own, a cache on the node: they stand for the cluster's. */
static bool is_local_server(struct diagnosis *d, struct address server)
{
	struct netns_facts *node = lookup_node(d);

	if (address_is_loopback(server) || address_is_link_local(server))
		return true;
	array_each(entry, &node->addresses) {
		if (address_equal(entry->address, server))
			return true;
	}
	return false;
}

/* The cluster's DNS server itself must not ask itself. */
static bool serves_dns(struct diagnosis *d, const struct pod *pod)
{
	struct netns_facts *ns = facts_netns(d->facts, pod->netns);

	if (!ns || !facts_need(d->facts, ns, FACT_SOCKETS))
		return false;
	array_each(socket, &ns->sockets) {
		if (socket->local_port == PORT_DNS)
			return true;
	}
	return false;
}

static void dns_finding(struct diagnosis *d, struct finding_list *list, const struct pod *pod,
			const struct resolv_conf *conf, struct address server)
{
	bool meant = !is_clustered(conf);
	struct finding *finding = finding_new(
		list, "dns-config", "dns", meant ? SEVERITY_WARNING : SEVERITY_ERROR, BASIS_STATE);
	char expected[ADDRESS_TEXT], found[ADDRESS_TEXT] = "none";

	address_text(server, expected);
	if (conf->nameserver_count)
		address_text(conf->nameservers[0], found);
	finding_key(finding, "%u", pod->netns);
	finding_where(finding, d, pod->netns, 0);
	finding_summary(finding, "Pod %.120s/%.120s asks %s for names; the cluster's DNS is %s.",
			pod->namespace, pod->name, found, expected);
	finding_evidence(finding, "fact resolv.conf: nameserver %s, expected nameserver %s", found,
			 expected);
	finding_evidence(finding, "fact search %s, ndots %u",
			 conf->search_count ? conf->search[0] : "missing", conf->ndots);
	finding_text(finding, "expected", "nameserver %s", expected);
	finding_text(finding, "found", "nameserver %s", found);
	finding_remedy(finding,
		       "kubectl -n %s get pod %s -o jsonpath='{.spec.dnsPolicy} {.spec.dnsConfig}'",
		       pod->namespace, pod->name);
	finding_remedy(
		finding,
		"# dnsPolicy must be ClusterFirst, and the kubelet's clusterDNS %s; no fault "
		"where another dnsPolicy is meant",
		expected);
}

static void search_finding(struct diagnosis *d, struct finding_list *list, const struct pod *pod,
			   const struct resolv_conf *conf)
{
	struct finding *finding =
		finding_new(list, "dns-config", "dns", SEVERITY_WARNING, BASIS_STATE);

	finding_key(finding, "%u", pod->netns);
	finding_where(finding, d, pod->netns, 0);
	finding_summary(
		finding,
		"resolv.conf of pod %.120s/%.120s has no search domain of the cluster: short "
		"Service names are not found.",
		pod->namespace, pod->name);
	finding_evidence(finding, "fact search %s, ndots %u",
			 conf->search_count ? conf->search[0] : "missing", conf->ndots);
	finding_text(finding, "found", "search %s", conf->search_count ? conf->search[0] : "-");
	finding_text(finding, "expected", "search %s.svc.cluster.local", pod->namespace);
	finding_remedy(finding,
		       "kubectl -n %s get pod %s -o jsonpath='{.spec.dnsPolicy} {.spec.dnsConfig}'",
		       pod->namespace, pod->name);
}

static void check_resolver(struct diagnosis *d, struct finding_list *list,
			   const struct check_view *view, const struct pod *pod)
{
	struct resolv_conf conf;

	if (!view->dns.version || !facts_resolv_conf(d->facts, pod, &conf))
		return;
	for (int i = 0; i < conf.nameserver_count; i++) {
		if (is_local_server(d, conf.nameservers[i]))
			return;
		/* Two families of one Service are two addresses: only the same family compares. */
		if (address_equal(conf.nameservers[i], view->dns) ||
		    conf.nameservers[i].version != view->dns.version) {
			if (!is_clustered(&conf) && !serves_dns(d, pod))
				search_finding(d, list, pod, &conf);
			return;
		}
	}
	if (!serves_dns(d, pod))
		dns_finding(d, list, pod, &conf, view->dns);
}

static void check_hairpin(struct diagnosis *d, struct finding_list *list, const struct pod *pod)
{
	const struct node_config *config = facts_config(d->facts);
	const struct link *port = lookup_link(d, d->facts->node_netns, pod->host_ifindex);
	const struct link *bridge;
	struct finding *finding;

	if (!config || !config->confs.count || !config->confs.items[0].hairpin || !port ||
	    !port->is_port || port->hairpin)
		return;
	bridge = lookup_link(d, d->facts->node_netns, port->master);
	/* kubelet's other way: a promiscuous bridge sends a packet back by itself. */
	if (!bridge || strcmp(bridge->kind, "bridge") || (bridge->flags & IFF_PROMISC))
		return;
	finding = finding_new(list, "hairpin-off", "cni", SEVERITY_WARNING, BASIS_STATE);
	finding_key(finding, "%s", port->name);
	finding_where(finding, d, d->facts->node_netns, port->ifindex);
	finding_pod(finding, d->facts, pod);
	finding_summary(
		finding,
		"Pod %.120s/%.120s cannot reach itself through a Service: its bridge port %s "
		"has hairpin mode off, the CNI configuration says on.",
		pod->namespace, pod->name, port->name);
	finding_evidence(finding, "fact bridge port %s: hairpin off", port->name);
	finding_text(finding, "device", "%s", port->name);
	finding_text(finding, "port", "%s", port->name);
	finding_remedy(finding, "bridge link set dev %s hairpin on", port->name);
}

static bool in_ranges(const struct check_view *view, struct address address)
{
	bool comparable = false;

	array_each(range, &view->ranges) {
		if (address_in(address, range->subnet, range->prefix_len))
			return true;
		comparable |= range->subnet.version == address.version;
	}
	return !comparable;
}

/* Pods with addresses that this node does not give out: made under another configuration. */
static void check_origin(struct diagnosis *d, struct finding_list *list,
			 const struct check_view *view)
{
	const struct pod *first = NULL;
	unsigned strangers = 0, pods = 0;
	struct finding *finding;
	char text[ADDRESS_TEXT], base[ADDRESS_TEXT];

	array_each(known, &list->findings) {
		if (!strcmp((*known)->id, "cni-subnet-mismatch"))
			return; /* the bridge says it for all of them */
	}
	array_each(pod, &d->facts->pods) {
		if (!check_is_pod(pod) || !pod->address_count)
			continue;
		pods++;
		if (in_ranges(view, pod->addresses[0]))
			continue;
		strangers++;
		if (!first)
			first = pod;
	}
	if (!first)
		return;
	finding = finding_new(list, "cni-subnet-mismatch", "cni", SEVERITY_WARNING, BASIS_STATE);
	address_text(first->addresses[0], text);
	address_text(view->ranges.items[0].subnet, base);
	finding_key(finding, "pods");
	finding_where(finding, d, first->netns, 0);
	finding_summary(finding,
			"%u of %u pods have addresses outside this node's range %s/%u: other nodes "
			"do not route them here. First: %.120s/%.120s, %s.",
			strangers, pods, base, view->ranges.items[0].prefix_len, first->namespace,
			first->name, text);
	finding_evidence(finding, "fact %s is not in %s/%u", text, base,
			 view->ranges.items[0].prefix_len);
	finding_text(finding, "found", "%s", text);
	finding_text(finding, "expected", "%s/%u", base, view->ranges.items[0].prefix_len);
	finding_number(finding, "count", strangers);
	finding_remedy(finding, "kubectl -n %s delete pod %s", first->namespace, first->name);
}

/* A default gateway in 169.254.0.0/16 is nobody's: Calico's, which the host's end must answer for. */
static void check_proxy(struct diagnosis *d, struct finding_list *list, const struct pod *pod)
{
	struct netns_facts *ns = facts_netns(d->facts, pod->netns);

	if (!ns || !facts_need(d->facts, ns, FACT_ROUTES))
		return;
	array_each(route, &ns->routes) {
		if (route_is_default(route) && route->gateway.version == 4 &&
		    address_is_link_local(route->gateway))
			proxy_explain(d, list, &now, pod, route->gateway);
	}
}

/* Neighbour entries that somebody wrote: the node's for the pod, and the pod's for its gateways. */
static void check_macs(struct diagnosis *d, struct finding_list *list, const struct pod *pod)
{
	struct netns_facts *ns = facts_netns(d->facts, pod->netns);

	for (unsigned i = 0; i < pod->address_count; i++)
		wrong_mac_explain(d, list, &now, d->facts->node_netns, pod->addresses[i]);
	if (!ns || !facts_need(d->facts, ns, FACT_ROUTES))
		return;
	array_each(route, &ns->routes) {
		if (route_is_default(route) && route->gateway.version)
			wrong_mac_explain(d, list, &now, pod->netns, route->gateway);
	}
}

void check_pods(struct diagnosis *d, struct finding_list *list, const struct check_view *view)
{
	array_each(pod, &d->facts->pods) {
		if (!check_is_pod(pod))
			continue;
		pod_config_explain(d, list, &now, pod);
		for (unsigned i = 0; i < pod->address_count; i++)
			pod_route_explain(d, list, &now, d->facts->node_netns, pod->addresses[i]);
		check_proxy(d, list, pod);
		check_macs(d, list, pod);
		check_resolver(d, list, view, pod);
		check_hairpin(d, list, pod);
	}
	if (view->ranges.count)
		check_origin(d, list, view);
}
