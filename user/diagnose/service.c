/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "service": a Service address that is not translated, or is translated to an
 * endpoint that does not answer. Services are known by kube-proxy's rules and by where their
 * addresses usually lie; the API server is not asked.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/pod_network.h"
#include "diagnose/port.h"
#include "diagnose/rule_walk.h"

#define CLASS "service"

/* Ranges that hardly anything but a cluster uses for Services. */
static const struct {
	uint8_t base[4];
	uint8_t len;
} common_ranges[] = {
	{{10, 96, 0, 0}, 12}, /* kubeadm */
	{{10, 43, 0, 0}, 16}, /* k3s, Rancher */
	{{172, 30, 0, 0}, 16}, /* OpenShift */
	{{10, 152, 183, 0}, 24}, /* MicroK8s */
};

static bool in_common_range(struct address address)
{
	for (size_t i = 0; i < sizeof(common_ranges) / sizeof(common_ranges[0]); i++) {
		if (address_in(address, address_make(4, common_ranges[i].base),
			       common_ranges[i].len))
			return true;
	}
	return false;
}

static bool near_known_services(const struct ruleset *rules, struct address address)
{
	struct address min, max;

	if (!service_cluster_addresses(rules, address.version, &min, &max))
		return false;
	return address_in(address, min, address.version == 6 ? 112 : 16) ||
	       address_in(address, max, address.version == 6 ? 112 : 16);
}

static bool near_cluster_dns(struct diagnosis *d, const struct flow *flow, struct address address)
{
	const struct pod *pod = facts_pod_of_address(d->facts, flow->tuples[0].src);
	struct resolv_conf conf = {0};

	if (!pod || !d->facts->reader || !d->facts->reader->resolv_conf ||
	    d->facts->reader->resolv_conf(d->facts, pod, &conf) || !conf.known)
		return false;
	for (int i = 0; i < conf.nameserver_count; i++) {
		if (address_in(address, conf.nameservers[i], address.version == 6 ? 112 : 20) &&
		    conf.search_count && strstr(conf.search[0], ".svc."))
			return true;
	}
	return false;
}

/* kube-proxy's IPVS mode gives the node every ClusterIP, on a device that leads nowhere. */
static bool on_ipvs_device(struct diagnosis *d, struct address address)
{
	struct netns_facts *node = lookup_node(d);

	if (!node || !facts_need(d->facts, node, FACT_ADDRESSES | FACT_LINKS))
		return false;
	array_each(entry, &node->addresses) {
		const struct link *link = facts_link(d->facts, node, entry->ifindex);

		if (link && !strcmp(link->name, "kube-ipvs0") &&
		    address_equal(entry->address, address))
			return true;
	}
	return false;
}

static bool is_service_address(struct diagnosis *d, const struct flow *flow,
			       const struct ruleset *rules)
{
	struct address dst = flow->tuples[0].dst;

	if (facts_pod_of_address(d->facts, dst) || lookup_is_remote_pod(d, dst) ||
	    (d->topology && topology_is_local(d->topology, d->facts->node_netns, dst) &&
	     !on_ipvs_device(d, dst)))
		return false;
	return near_known_services(rules, dst) || in_common_range(dst) ||
	       near_cluster_dns(d, flow, dst);
}

/* Where a packet for that address went untranslated: the uplink's name, or why it did not go. */
static const char *untranslated_way(const struct diagnosis *d, const struct flow *flow)
{
	for (int i = 0; i < flow->forward.sample_count; i++) {
		const struct hop *out = journey_exit(d, flow->forward.samples[i]);

		if (out && address_equal(address_make(out->packet.ip_version, out->packet.dst),
					 flow->tuples[0].dst))
			return lookup_device_name(d, out->netns, out->ifindex);
	}
	for (int i = 0; i < flow->drop_count; i++) {
		enum drop_kind kind = drop_kind(&flow->drops[i].first);

		if (flow->drops[i].forward && (kind == DROP_NO_ROUTE || kind == DROP_NEIGHBOUR ||
					       kind == DROP_TTL || kind == DROP_ROUTE_REFUSES))
			return "";
	}
	return NULL;
}

static void rules_missing(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			  const struct netns_facts *node, const char *way)
{
	enum service_mode mode = service_any_rules(&node->rules);
	struct finding *finding =
		finding_new(list, "service-rules-missing", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	const struct tuple *tuple = &flow->tuples[0];
	struct address min, max;
	char text[ADDRESS_TEXT], end[LOOKUP_TEXT];
	bool others = service_cluster_addresses(&node->rules, tuple->dst.version, &min, &max);

	address_text(tuple->dst, text);
	endpoint_text(tuple->dst, tuple->dport, end);
	finding_key(finding, "%s", others ? text : "all");
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, node->inode, 0);
	if (finding)
		text_copy(finding->device, sizeof(finding->device), way);
	if (way[0])
		finding_summary(
			finding,
			"kube-proxy wrote no rule for %s: its packets leave untranslated by "
			"%s.",
			end, way);
	else
		finding_summary(finding,
				"kube-proxy wrote no rule for %s: its packets are not "
				"translated and find no way.",
				end);
	finding_evidence(finding, "seen %llu packets for %s, none translated",
			 (unsigned long long)flow->forward.packets, text);
	finding_evidence(finding,
			 "fact looked for iptables and nftables rules of kube-proxy and for "
			 "IPVS servers: %s",
			 others                 ? "there are some, none for this address"
			 : mode == SERVICE_NONE ? "none at all"
						: "its chains are there, but no Service");
	finding_text(finding, "service", "%s", text);
	finding_text(finding, "address", "%s", end);
	finding_number(finding, "port", tuple->dport);
	finding_text(finding, "mode", "%s",
		     mode != SERVICE_NONE ? service_mode_name(mode)
					  : "none found (iptables, nftables, IPVS)");
	finding_remedy(finding, "kubectl get services -A | grep -F %s", text);
	finding_remedy(finding,
		       "kubectl -n kube-system delete pod -l k8s-app=kube-proxy --field-selector "
		       "spec.nodeName=$(hostname)");
}

static void state_no_endpoints(struct diagnosis *d, struct finding_list *list,
			       const struct flow *flow, const struct service_info *info)
{
	struct finding *finding =
		finding_new(list, "service-no-endpoints", CLASS, SEVERITY_ERROR, BASIS_STATE);
	char end[LOOKUP_TEXT], name[320];

	endpoint_text(flow->tuples[0].dst, flow->tuples[0].dport, end);
	text_copy(name, sizeof(name), info->name[0] ? info->name : end);
	if (strchr(name, '/') && strrchr(name, ':') > strchr(name, '/'))
		*strrchr(name, ':') = '\0';
	finding_key(finding, "%s", name);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding, "Service %.200s (%s) has no ready endpoint.", name, end);
	if (info->rule && info->rule->text) {
		finding_evidence(finding, "fact %.300s", info->rule->text);
		finding_text(finding, "rule", "%s", info->rule->text);
	}
	finding_text(finding, "service", "%s", name);
	finding_text(finding, "address", "%s", end);
	finding_number(finding, "port", flow->tuples[0].dport);
	finding_remedy(finding, "kubectl get endpointslices -A | grep -F %s",
		       strchr(name, '/') ? strchr(name, '/') + 1 : name);
	finding_remedy(finding, "# the Service's selector must match pods that are Ready");
}

static bool is_echo(const struct flow *flow)
{
	return flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6;
}

bool service_is_pinged(struct diagnosis *d, const struct flow *flow)
{
	struct netns_facts *node = lookup_node(d);
	enum service_mode mode;

	if (flow->translated || !is_echo(flow) || flow_has_reply(flow) || !node ||
	    !facts_need(d->facts, node, FACT_RULES))
		return false;
	mode = service_any_rules(&node->rules);
	/* In IPVS mode the node holds the address, and answers. */
	return mode != SERVICE_NONE && mode != SERVICE_IPVS &&
	       is_service_address(d, flow, &node->rules) && untranslated_way(d, flow);
}

static void explain_ping(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	struct finding *finding;
	char text[ADDRESS_TEXT];

	if (!service_is_pinged(d, flow))
		return;
	address_text(flow->tuples[0].dst, text);
	finding = finding_new(list, "no-reply", "path", SEVERITY_INFO, BASIS_SEEN);
	finding_key(finding, "%s", text);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding,
			"%s is in the Services' range: kube-proxy translates their TCP, UDP and "
			"SCTP ports alone, so nobody answers a ping there.",
			text);
	finding_evidence(finding, "seen %llu echo requests that nothing translates",
			 (unsigned long long)flow->forward.packets);
	finding_text(finding, "peer", "%s", text);
	finding_remedy(finding, "# try a port of the Service:  curl -v --max-time 3 %s:PORT", text);
}

static void explain_untranslated(struct diagnosis *d, struct finding_list *list,
				 const struct flow *flow)
{
	struct netns_facts *node = lookup_node(d);
	const struct tuple *tuple = &flow->tuples[0];
	struct service_info info = {0};
	const char *way;

	/* an echo's id is no port */
	if (flow->translated || !flow_failed(flow) || !tuple->dport || is_echo(flow) || !node ||
	    (flow->proto == IPPROTO_TCP && !flow->forward.syns) ||
	    !facts_need(d->facts, node, FACT_RULES))
		return;
	if (service_lookup(&node->rules, tuple->dst, tuple->proto, tuple->dport, &info)) {
		if (info.no_endpoints)
			state_no_endpoints(d, list, flow, &info);
		return;
	}
	if (!is_service_address(d, flow, &node->rules))
		return;
	way = on_ipvs_device(d, tuple->dst) ? "kube-ipvs0" : untranslated_way(d, flow);
	if (way)
		rules_missing(d, list, flow, node, way);
}

static void endpoint_dead(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			  uint64_t count, enum basis basis, const char *how)
{
	struct finding *finding =
		finding_new(list, "service-endpoint-dead", CLASS, SEVERITY_ERROR, basis);
	struct tuple last = flow_final_tuple(flow);
	struct netns_facts *node = lookup_node(d);
	const struct pod *pod = facts_pod_of_address(d->facts, last.dst);
	struct service_info info = {0};
	char service[LOOKUP_TEXT], end[LOOKUP_TEXT];

	endpoint_text(flow->tuples[0].dst, flow->tuples[0].dport, service);
	endpoint_text(last.dst, last.dport, end);
	finding_key(finding, "%s", end);
	finding_about(finding, flow, count, flow->forward.packets);
	finding_where(finding, d, pod ? pod->netns : d->facts->node_netns, 0);
	if (node && facts_need(d->facts, node, FACT_RULES) &&
	    service_lookup(&node->rules, flow->tuples[0].dst, flow->proto, flow->tuples[0].dport,
			   &info) &&
	    info.name[0])
		finding_text(finding, "service", "%s", info.name);
	else
		finding_text(finding, "service", "%s", service);
	finding_summary(finding, "Service %.150s%s%s leads to %s, which does not answer.",
			info.name[0] ? info.name : service, info.name[0] ? " at " : "",
			info.name[0] ? service : "", end);
	finding_evidence(finding, "seen %s translated to %s; %s", service, end, how);
	if (!pod && !lookup_is_remote_pod(d, last.dst))
		finding_evidence(finding, "fact no pod of this node has %s", end);
	finding_text(finding, "endpoint", "%s", end);
	finding_text(finding, "address", "%s", end);
	finding_remedy(finding, "kubectl get pods -A -o wide | grep -F %.*s",
		       (int)strcspn(end, ":"), end);
	finding_remedy(finding, "kubectl get endpointslices -A | grep -F %.*s",
		       (int)strcspn(end, ":"), end);
	finding_remedy(finding, "# a pod that is gone must leave the EndpointSlice: look whether "
				"kube-controller-manager and kube-proxy run");
}

/* Calico's block swallows what no pod has; without a bridge there is nobody to ask by ARP. */
static bool endpoint_swallowed(struct diagnosis *d, const struct flow *flow,
			       const struct flow_drop *dropped)
{
	struct address dst = flow_final_tuple(flow).dst;
	const struct route *route = lookup_route(d, lookup_node(d), dst);
	enum drop_kind kind = drop_kind(&dropped->first);

	return dropped->forward && route && route_is_block(route) &&
	       (kind == DROP_ROUTE_REFUSES || kind == DROP_NO_ROUTE ||
		kind == DROP_HOST_UNREACHABLE) &&
	       !facts_pod_of_address(d->facts, dst);
}

static bool endpoint_unresolved(const struct flow *flow, const struct flow_drop *dropped)
{
	struct address dst =
		address_make(dropped->first.packet.ip_version, dropped->first.packet.dst);
	enum drop_kind kind = drop_kind(&dropped->first);

	return dropped->forward && !dropped->first.has_encap &&
	       (kind == DROP_NEIGHBOUR || kind == DROP_NEIGHBOUR_QUEUE) &&
	       address_equal(dst, flow_final_tuple(flow).dst);
}

static void explain_endpoint(struct diagnosis *d, struct finding_list *list,
			     const struct flow *flow)
{
	struct tuple last = flow_final_tuple(flow);
	bool dns = flow->tuples[0].dport == 53;

	if (!flow->translated)
		return;
	for (int i = 0; i < flow->drop_count; i++) {
		if (endpoint_unresolved(flow, &flow->drops[i]) &&
		    !lookup_is_foreign(d, flow->drops[i].first.netns) &&
		    !lookup_is_remote_pod(d, last.dst)) {
			endpoint_dead(d, list, flow, flow->drops[i].count, BASIS_SEEN,
				      "nobody answers ARP for it");
			return;
		}
	}
	for (int i = 0; i < flow->drop_count; i++) {
		if (endpoint_swallowed(d, flow, &flow->drops[i])) {
			endpoint_dead(d, list, flow, flow->drops[i].count, BASIS_SEEN,
				      "the route of the node's own block swallows it");
			return;
		}
	}
	for (int i = 0; i < flow->answer_count; i++) {
		const struct flow_answer *answer = &flow->answers[i];
		bool v6 = answer->packet.ip_version == 6;

		if (answer->packet.proto != IPPROTO_TCP &&
		    answer->quoted.encap_kind == ENCAP_NONE &&
		    answer->packet.icmp_type == (v6 ? 1 : 3) &&
		    answer->packet.icmp_code == (v6 ? 3 : 1)) {
			endpoint_dead(d, list, flow, answer->count, BASIS_SEEN,
				      "its node says the host is unreachable");
			return;
		}
	}
	if (flow->drop_count || !flow_is_unanswered(flow))
		return;
	/* A server that hears the query and keeps silent is dns.c's. */
	if (dns && flow->forward.verdicts[VERDICT_DELIVERED])
		return;
	if (address_equal(flow->tuples[0].src, last.dst))
		return; /* hairpin: cni.c */
	endpoint_dead(d, list, flow, flow->forward.packets, BASIS_ABSENCE, "nothing came back");
}

void service_rules(struct diagnosis *d, struct finding_list *list)
{
	array_each(slot, &d->flows->flows) {
		explain_ping(d, list, *slot);
		explain_untranslated(d, list, *slot);
		explain_endpoint(d, list, *slot);
	}
}
