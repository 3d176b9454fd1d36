/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules about Services: kube-proxy's rules are missing though pods need them, nobody
 * keeps them up to date, or they lead to a pod of this node that is gone. Reads the rules,
 * the pods' resolv.conf and the node's listening sockets; never the API server.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"
#include "diagnose/pod_network.h"

#define CLASS "service"
#define TCP_LISTEN 10
#define PORT_KUBELET 10250
#define PORT_PROXY_HEALTH 10256 /* kube-proxy's, and that of what replaces it */
#define PORT_DNS 53
#define NEIGHBOUR_ALIVE 0x1e

static bool is_clustered(const struct resolv_conf *conf)
{
	for (int i = 0; i < conf->search_count; i++) {
		if (!strncmp(conf->search[i], "svc.", 4) || strstr(conf->search[i], ".svc."))
			return true;
	}
	return false;
}

/* An address that only a Service can have: nobody here holds it and only a default route leads there. */
static bool must_be_service(struct diagnosis *d, struct address address)
{
	const struct route *route = lookup_route(d, lookup_node(d), address);

	if (facts_pod_of_address(d->facts, address) || lookup_is_remote_pod(d, address) ||
	    address_is_loopback(address) || address_is_link_local(address))
		return false;
	return !route || route_is_default(route);
}

static void rules_missing(struct diagnosis *d, struct finding_list *list,
			  const struct check_view *view, const struct pod *pod,
			  struct address server)
{
	struct finding *finding =
		finding_new(list, "service-rules-missing", CLASS, SEVERITY_ERROR, BASIS_STATE);
	char text[ADDRESS_TEXT];

	address_text(server, text);
	finding_key(finding, "all");
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(
		finding,
		"No rule translates any Service on this node: packets for ClusterIPs such as "
		"%s leave by the default route.",
		text);
	finding_evidence(finding, "fact resolv.conf of %.140s/%.140s: nameserver %s",
			 pod->namespace, pod->name, text);
	finding_evidence(finding,
			 "fact looked for iptables and nftables rules of kube-proxy and for "
			 "kube-ipvs0: %s",
			 strcmp(view->services.mode, "none")
				 ? "its chains are there, but no Service"
				 : "none at all");
	finding_text(finding, "service", "%s", text);
	finding_text(finding, "address", "%s:%u", text, PORT_DNS);
	finding_text(finding, "mode", "%s", view->services.mode);
	finding_remedy(finding, "kubectl -n kube-system get pods -o wide -l k8s-app=kube-proxy");
	finding_remedy(finding,
		       "kubectl -n kube-system delete pod -l k8s-app=kube-proxy --field-selector "
		       "spec.nodeName=$(hostname)");
}

static void check_rules_missing(struct diagnosis *d, struct finding_list *list,
				const struct check_view *view)
{
	struct resolv_conf conf;

	if (view->services.count || !view->services.complete ||
	    !strcmp(view->services.mode, "eBPF"))
		return;
	array_each(pod, &d->facts->pods) {
		if (!check_is_pod(pod) || !facts_resolv_conf(d->facts, pod, &conf) ||
		    !is_clustered(&conf))
			continue;
		for (int i = 0; i < conf.nameserver_count; i++) {
			if (!must_be_service(d, conf.nameservers[i]))
				continue;
			rules_missing(d, list, view, pod, conf.nameservers[i]);
			return;
		}
	}
}

static bool listens(const struct netns_facts *ns, uint16_t port)
{
	array_each(socket, &ns->sockets) {
		if (socket->proto == IPPROTO_TCP && socket->state == TCP_LISTEN &&
		    socket->local_port == port)
			return true;
	}
	return false;
}

/* Rules stay when kube-proxy is gone, and grow old. A kubelet that listens says this is a node of a cluster. */
static void check_proxy(struct diagnosis *d, struct finding_list *list,
			const struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);
	struct finding *finding;

	if (!view->services.count || !facts_need(d->facts, node, FACT_SOCKETS) ||
	    !listens(node, PORT_KUBELET) || listens(node, PORT_PROXY_HEALTH))
		return;
	finding = finding_new(list, "kube-proxy-absent", CLASS, SEVERITY_WARNING, BASIS_ABSENCE);
	finding_key(finding, "node");
	finding_where(finding, d, node->inode, 0);
	finding_summary(
		finding,
		"kube-proxy does not seem to run: its rules for %u Service ports are there, "
		"but nobody keeps them up to date.",
		view->services.count);
	finding_evidence(finding,
			 "fact TCP %u (kubelet) listens, TCP %u (kube-proxy's health "
			 "check) does not",
			 PORT_KUBELET, PORT_PROXY_HEALTH);
	finding_text(finding, "mode", "%s", view->services.mode);
	finding_number(finding, "port", PORT_PROXY_HEALTH);
	finding_remedy(finding, "kubectl -n kube-system get pods -o wide -l k8s-app=kube-proxy");
}

/* An address that only a pod of this node can have: host-local's, or a network plugin's own block. */
static bool is_of_here(struct diagnosis *d, const struct check_view *view, struct address address)
{
	struct prefix own = pod_subnet(d, address);

	if (own.base.version && address_in(address, own.base, own.length))
		return true;
	array_each(range, &view->ranges) {
		if (address_in(address, range->subnet, range->prefix_len))
			return true;
	}
	return false;
}

static bool is_alive(struct diagnosis *d, struct netns_facts *node, struct address address)
{
	array_each(slot, &d->facts->namespaces) {
		array_each(entry, &(*slot)->addresses) {
			if (address_equal(entry->address, address))
				return true;
		}
	}
	array_each(entry, &node->neighbours) {
		if (address_equal(entry->address, address) && entry->has_mac &&
		    (entry->state & NEIGHBOUR_ALIVE))
			return true;
	}
	return facts_pod_of_address(d->facts, address) != NULL;
}

/* One way from a Service to an endpoint: a rule that translates, or an IPVS server. */
struct service_way {
	const char *name; /* the Service's, or its address where the rules know no name */
	struct address to;
	uint16_t to_port;
	const char *chain, *text; /* what leads there, for people */
};

static void endpoint_dead(struct diagnosis *d, struct finding_list *list,
			  const struct service_way *way)
{
	struct finding *finding =
		finding_new(list, "service-endpoint-dead", CLASS, SEVERITY_ERROR, BASIS_STATE);
	char text[ADDRESS_TEXT], end[LOOKUP_TEXT];

	address_text(way->to, text);
	endpoint_text(way->to, way->to_port, end);
	finding_key(finding, "%s", end);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding,
			"Service %.200s leads to %s, an address of this node that no pod holds.",
			way->name, end);
	finding_evidence(finding, "fact %.60s: %.300s", way->chain, way->text);
	finding_evidence(finding, "fact no pod of this node has %s", text);
	finding_text(finding, "service", "%s", way->name);
	finding_text(finding, "endpoint", "%s", end);
	finding_text(finding, "address", "%s", text);
	finding_remedy(finding, "kubectl get pods -A -o wide | grep -F %s", text);
	finding_remedy(finding, "kubectl get endpointslices -A | grep -F %s", text);
	finding_remedy(finding, "# a pod that is gone must leave the EndpointSlice: look whether "
				"kube-controller-manager and kube-proxy run");
}

static void check_rule(struct diagnosis *d, struct finding_list *list,
		       const struct filter_chain *chain, const struct filter_rule *rule)
{
	const char *whole = rule->comment      ? rule->comment
			    : chain->long_name ? chain->long_name
					       : chain->name;
	char name[256];
	struct service_way way = {.name = name,
				  .to = rule->to,
				  .to_port = rule->to_port,
				  .chain = chain->name,
				  .text = rule->text ? rule->text : "a translation to it"};

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(whole, " "), whole);
	endpoint_dead(d, list, &way);
}

/* IPVS knows no names: the virtual server's address stands for the Service. */
static void check_server(struct diagnosis *d, struct finding_list *list,
			 const struct ipvs_service *service, const struct ipvs_server *server)
{
	char name[LOOKUP_TEXT], end[LOOKUP_TEXT], text[2 * LOOKUP_TEXT + 16];
	struct service_way way = {.name = name,
				  .to = server->address,
				  .to_port = server->port,
				  .chain = "IPVS",
				  .text = text};

	endpoint_text(service->address, service->port, name);
	endpoint_text(server->address, server->port, end);
	snprintf(text, sizeof(text), "%s %s -> %s", proto_name(service->proto), name, end);
	endpoint_dead(d, list, &way);
}

static void check_servers(struct diagnosis *d, struct finding_list *list,
			  const struct check_view *view, struct netns_facts *node)
{
	array_each(service, &node->rules.ipvs) {
		for (uint32_t i = 0; i < service->count; i++) {
			const struct ipvs_server *server =
				&node->rules.ipvs_servers.items[service->first + i];

			if (server->weight && is_of_here(d, view, server->address) &&
			    !is_alive(d, node, server->address))
				check_server(d, list, service, server);
		}
	}
}

static void check_endpoints(struct diagnosis *d, struct finding_list *list,
			    const struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);

	/* An address that could not be read may be the very one. */
	array_each(slot, &d->facts->namespaces) {
		if ((*slot)->failed & FACT_ADDRESSES)
			return;
	}
	facts_need(d->facts, node, FACT_NEIGHBOURS);
	array_each(chain, &node->rules.chains) {
		bool proxy = !strncmp(chain->name, "KUBE-SEP-", 9) ||
			     (!strcmp(chain->table, "kube-proxy") &&
			      !strncmp(chain->name, "endpoint-", 9));

		if (!proxy)
			continue;
		array_each(rule, &ruleset_chain(&node->rules, chain)->rules) {
			if (rule->verdict == RULE_DNAT && is_of_here(d, view, rule->to) &&
			    !is_alive(d, node, rule->to))
				check_rule(d, list, chain, rule);
		}
	}
	check_servers(d, list, view, node);
}

void check_services(struct diagnosis *d, struct finding_list *list, const struct check_view *view)
{
	if (!view->services.known)
		return;
	check_rules_missing(d, list, view);
	check_proxy(d, list, view);
	check_endpoints(d, list, view);
}
