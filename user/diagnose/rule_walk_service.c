// SPDX-License-Identifier: GPL-2.0-only
/*
 * kube-proxy's rules read as what they mean: Services, their endpoints, and those that
 * have none. Knows the chain, map and comment names of its iptables and nftables modes
 * (pkg/proxy/iptables and pkg/proxy/nftables of Kubernetes); IPVS knows addresses alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/rule_walk.h"
#include "diagnose/rule_walk_match.h"

#define MAX_DEPTH 6 /* services → external → service → endpoint, with room */

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_nft_proxy(const struct filter_chain *chain)
{
	return chain->backend == RULES_NFT && !strcmp(chain->table, "kube-proxy");
}

const char *service_mode_name(enum service_mode mode)
{
	static const char *const names[] = {"none", "iptables", "nftables", "ipvs"};

	return names[mode];
}

enum service_mode service_any_rules(const struct ruleset *ruleset)
{
	enum service_mode mode = SERVICE_NONE;

	/* In this mode kube-proxy has KUBE-SERVICES as well, for marks. */
	if (ruleset->ipvs.count)
		return SERVICE_IPVS;
	array_each(chain, &ruleset->chains) {
		if (is_nft_proxy(chain))
			return SERVICE_NFTABLES;
		if (!strcmp(chain->name, "KUBE-SERVICES") && !strcmp(chain->table, "nat"))
			mode = SERVICE_IPTABLES;
	}
	return mode;
}

static void add_endpoint(struct service_info *info, struct address address, uint16_t port)
{
	for (unsigned i = 0; i < info->endpoint_count; i++) {
		if (address_equal(info->endpoints[i].address, address) &&
		    info->endpoints[i].port == port)
			return;
	}
	if (info->endpoint_count < SERVICE_ENDPOINTS)
		info->endpoints[info->endpoint_count++] = (struct rule_endpoint){address, port, 0};
}

/* Every DNAT that can be reached from a Service's chain is an endpoint. */
static void collect_endpoints(const struct ruleset *ruleset, const struct filter_chain *chain,
			      struct service_info *info, unsigned depth)
{
	if (!chain || depth > MAX_DEPTH)
		return;
	array_each(rule, &ruleset_chain(ruleset, chain)->rules) {
		const struct rule_set *set =
			rule->verdict_map ? rule_set_of(ruleset, &rule->lookups[0]) : NULL;

		if (rule->verdict == RULE_DNAT && rule->to.version)
			add_endpoint(info, rule->to, rule->to_port);
		if (rule->verdict == RULE_JUMP || rule->verdict == RULE_GOTO)
			collect_endpoints(
				ruleset,
				rule_target(ruleset, chain, rule->target_chain, rule->target), info,
				depth + 1);
		if (!set)
			continue;
		array_each(element, &set->elements)
			collect_endpoints(ruleset,
					  rule_target(ruleset, chain, element->target_chain, ""),
					  info, depth + 1);
	}
}

static void share_likelihood(struct service_info *info)
{
	for (unsigned i = 0; i < info->endpoint_count; i++)
		info->endpoints[i].likelihood = 1.0 / info->endpoint_count;
}

/* "default/web:http cluster IP" → "default/web:http". */
static void name_from_comment(const char *comment, char *name, size_t size)
{
	const char *slash = strchr(comment, '/');
	size_t len = strcspn(comment, " ");

	if (!slash || slash > comment + len || name[0])
		return;
	snprintf(name, size, "%.*s", (int)len, comment);
}

/* "service-2QRHZV4L-default/web/tcp/http" → "default/web:http" (nftables mode). */
static void name_from_chain(const char *chain, char *name, size_t size)
{
	const char *at = strchr(chain, '-'), *end;
	const char *proto, *port;

	at = at ? strchr(at + 1, '-') : NULL;
	if (!at)
		return;
	at++;
	proto = strchr(at, '/');
	if (!proto)
		return;
	proto = strchr(proto + 1, '/');
	port = proto ? strchr(proto + 1, '/') : NULL;
	end = proto ? proto : at + strlen(at);
	snprintf(name, size, "%.*s%s%s", (int)(end - at), at, port && port[1] ? ":" : "",
		 port ? port + 1 : "");
}

static bool is_full(struct address address, uint8_t len)
{
	return address.version && len == (address.version == 6 ? 128 : 32);
}

/* Does this rule of a KUBE- chain stand for that address and port? */
static bool rule_is_for(const struct filter_rule *rule, struct address address, uint8_t proto,
			uint16_t port)
{
	return is_full(rule->dst, rule->dst_len) && !rule->not_dst &&
	       address_equal(rule->dst, address) && rule->proto == proto && !rule->not_proto &&
	       rule->dport_max && port >= rule->dport_min && port <= rule->dport_max;
}

static bool rule_is_node_port(const struct filter_rule *rule, uint8_t proto, uint16_t port)
{
	return !rule->dst.version && rule->proto == proto && rule->dport_max &&
	       port >= rule->dport_min && port <= rule->dport_max;
}

static bool is_service_target(const char *name)
{
	return starts_with(name, "KUBE-SVC-") || starts_with(name, "KUBE-EXT-") ||
	       starts_with(name, "KUBE-FW-") || starts_with(name, "KUBE-XLB-") ||
	       starts_with(name, "KUBE-SVL-");
}

static bool take_rule(const struct ruleset *ruleset, const struct filter_chain *chain,
		      const struct filter_rule *rule, struct service_info *info)
{
	bool refuses = rule->verdict == RULE_REJECT || rule->verdict == RULE_DROP;

	if (!refuses && !((rule->verdict == RULE_JUMP || rule->verdict == RULE_GOTO) &&
			  is_service_target(rule->target)))
		return false;
	info->mode = SERVICE_IPTABLES;
	name_from_comment(rule_comment(rule), info->name, sizeof(info->name));
	if (!info->rule || refuses) {
		info->chain = chain;
		info->rule = rule;
	}
	if (refuses) {
		if (strstr(rule_comment(rule), "local endpoints"))
			info->local_only = true;
		else
			info->no_endpoints = true;
	} else {
		collect_endpoints(ruleset,
				  rule_target(ruleset, chain, rule->target_chain, rule->target),
				  info, 0);
	}
	return true;
}

static bool lookup_iptables(const struct ruleset *ruleset, struct service_info *info)
{
	bool found = false;

	array_each(chain, &ruleset->chains) {
		bool services = !strcmp(chain->name, "KUBE-SERVICES") ||
				!strcmp(chain->name, "KUBE-EXTERNAL-SERVICES");
		bool ports = !strcmp(chain->name, "KUBE-NODEPORTS");

		if ((info->node_port ? !ports && !services : !services) || is_nft_proxy(chain))
			continue;
		array_each(rule, &ruleset_chain(ruleset, chain)->rules) {
			if (info->node_port
				    ? rule_is_node_port(rule, info->proto, info->port)
				    : rule_is_for(rule, info->address, info->proto, info->port))
				found |= take_rule(ruleset, chain, rule, info);
		}
	}
	return found;
}

/* Keys of kube-proxy's maps: address . protocol . port, and protocol . port. */
static bool element_is_for(const struct rule_set *set, const struct rule_element *element,
			   const struct service_info *info)
{
	size_t bytes = info->address.version == 6 ? 16 : 4;
	size_t at = info->node_port ? 0 : bytes;

	if (set->key_len != at + 8)
		return false;
	if (!info->node_port && memcmp(element->key, info->address.bytes, bytes))
		return false;
	return element->key[at] == info->proto &&
	       (element->key[at + 4] << 8 | element->key[at + 5]) == info->port;
}

static void take_element(const struct ruleset *ruleset, const struct rule_set *set,
			 const struct rule_element *element, struct service_info *info)
{
	const struct filter_chain *target =
		element->target_chain && element->target_chain <= ruleset->chains.count
			? &ruleset->chains.items[element->target_chain - 1]
			: NULL;
	bool refused = starts_with(set->name, "no-endpoint");

	info->mode = SERVICE_NFTABLES;
	if (element->comment)
		name_from_comment(element->comment, info->name, sizeof(info->name));
	if (refused) {
		/* Nothing at all: rejected. Nothing on this node, policy Local: dropped. */
		if (element->verdict == RULE_DROP)
			info->local_only = true;
		else
			info->no_endpoints = true;
	} else if (target) {
		if (!info->name[0])
			name_from_chain(chain_whole_name(target), info->name, sizeof(info->name));
		info->chain = target;
		collect_endpoints(ruleset, target, info, 0);
	}
}

static bool lookup_nftables(const struct ruleset *ruleset, struct service_info *info)
{
	const char *services = info->node_port ? "service-nodeports" : "service-ips";
	const char *refused = info->node_port ? "no-endpoint-nodeports" : "no-endpoint-services";
	bool found = false;

	array_each(set, &ruleset->sets) {
		if (strcmp(set->table, "kube-proxy") ||
		    (strcmp(set->name, services) && strcmp(set->name, refused)))
			continue;
		array_each(element, &ruleset_set(ruleset, set)->elements) {
			if (!element_is_for(set, element, info))
				continue;
			take_element(ruleset, set, element, info);
			found = true;
		}
	}
	return found;
}

/* NodePorts are virtual servers at the node's addresses. */
static bool lookup_ipvs(const struct ruleset *ruleset, struct service_info *info)
{
	array_each(service, &ruleset->ipvs) {
		if (service->proto != info->proto || service->port != info->port ||
		    !address_equal(service->address, info->address))
			continue;
		info->mode = SERVICE_IPVS;
		info->no_endpoints = true;
		for (uint32_t i = 0; i < service->count; i++) {
			const struct ipvs_server *server =
				&ruleset->ipvs_servers.items[service->first + i];

			if (!server->weight)
				continue;
			add_endpoint(info, server->address, server->port);
			info->no_endpoints = false;
		}
		return true;
	}
	return false;
}

bool service_lookup(const struct ruleset *ruleset, struct address address, uint8_t proto,
		    uint16_t port, struct service_info *info)
{
	bool found;

	*info = (struct service_info){.address = address, .proto = proto, .port = port};
	found = lookup_ipvs(ruleset, info) || lookup_iptables(ruleset, info);
	found = lookup_nftables(ruleset, info) || found;
	if (!found) {
		info->node_port = true;
		info->address = (struct address){0};
		found = lookup_iptables(ruleset, info);
		found = lookup_nftables(ruleset, info) || found;
	}
	if (!found)
		*info = (struct service_info){.address = address, .proto = proto, .port = port};
	share_likelihood(info);
	return found;
}

static void widen(struct address address, struct address *min, struct address *max)
{
	if (!min->version || memcmp(address.bytes, min->bytes, 16) < 0)
		*min = address;
	if (!max->version || memcmp(address.bytes, max->bytes, 16) > 0)
		*max = address;
}

/* ClusterIPs only: external addresses are caught by the same chain, but say so. */
static void widen_by_rules(const struct ruleset *ruleset, const struct filter_chain *chain,
			   uint8_t version, struct address *min, struct address *max)
{
	array_each(rule, &ruleset_chain(ruleset, chain)->rules) {
		if (rule->dst.version != version || !is_full(rule->dst, rule->dst_len))
			continue;
		if (strstr(rule_comment(rule), "external") ||
		    strstr(rule_comment(rule), "loadbalancer"))
			continue;
		widen(rule->dst, min, max);
	}
}

bool service_cluster_addresses(const struct ruleset *ruleset, uint8_t version, struct address *min,
			       struct address *max)
{
	size_t bytes = version == 6 ? 16 : 4;

	*min = *max = (struct address){0};
	array_each(chain, &ruleset->chains) {
		if (!strcmp(chain->name, "KUBE-SERVICES") && chain->family == version)
			widen_by_rules(ruleset, chain, version, min, max);
	}
	array_each(set, &ruleset->sets) {
		bool addresses = !strcmp(set->name, "cluster-ips") && set->key_len == bytes;
		bool services = !strcmp(set->name, "service-ips") && set->key_len == bytes + 8;

		if (strcmp(set->table, "kube-proxy") || set->family != version ||
		    (!addresses && !services))
			continue;
		array_each(element, &ruleset_set(ruleset, set)->elements)
			widen(address_make(version, element->key), min, max);
	}
	array_each(service, &ruleset->ipvs) {
		/* High ports are NodePorts, at the node's own addresses. */
		if (service->address.version == version && service->port < 30000)
			widen(service->address, min, max);
	}
	return min->version != 0;
}
