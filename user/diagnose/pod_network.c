/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which addresses are pods', and which of them are this node's: from flannel's subnet.env, the CNI
 * configuration, Calico's blocks, and, for the cluster's whole network, from the rules that spare
 * it from translation. It does not know addresses that a cloud gives to pods one by one.
 */
#include "diagnose/pod_network.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/lookup.h"

#define TABLE_MAIN 254
#define RTN_BLACKHOLE 6
#define RTN_PROHIBIT 8
#define RTPROT_BIRD 12
#define RTPROT_CALICO 80
#define SERVICES_ASKED                                                                             \
	16 /* where kube-proxy knows the network, the rules of each Service name it */

static struct prefix prefix_make(struct address base, uint8_t length)
{
	return (struct prefix){.base = base, .length = length};
}

static bool prefix_holds(const struct prefix *prefix, struct address address)
{
	return prefix->base.version && address_in(address, prefix->base, prefix->length);
}

bool route_is_block(const struct route *route)
{
	return route->type >= RTN_BLACKHOLE && route->type <= RTN_PROHIBIT &&
	       (route->protocol == RTPROT_BIRD || route->protocol == RTPROT_CALICO);
}

static struct prefix configured_network(const struct node_config *config, uint8_t version)
{
	if (!config || !config->has_subnet_env)
		return (struct prefix){0};
	return version == 6 ? prefix_make(config->flannel_network6, config->flannel_network6_len)
			    : prefix_make(config->flannel_network, config->flannel_network_len);
}

static struct prefix configured_subnet(const struct node_config *config, uint8_t version)
{
	if (!config)
		return (struct prefix){0};
	if (config->has_subnet_env)
		return version == 6
			       ? prefix_make(config->flannel_subnet6, config->flannel_subnet6_len)
			       : prefix_make(config->flannel_subnet, config->flannel_subnet_len);
	if (config->confs.count) {
		array_each(range, &config->confs.items[0].ranges) {
			if (range->subnet.version == version)
				return prefix_make(range->subnet, range->prefix_len);
		}
	}
	return (struct prefix){0};
}

/* A node may have several of Calico's blocks: the one with that address, else any. */
static struct prefix block_of(struct diagnosis *d, struct address address)
{
	struct netns_facts *node = lookup_node(d);
	struct prefix any = {0};

	if (!node || !facts_need(d->facts, node, FACT_ROUTES))
		return any;
	array_each(route, &node->routes) {
		if (route->dst.version != address.version || !route_is_block(route))
			continue;
		any = prefix_make(route->dst, route->prefix_len);
		if (prefix_holds(&any, address))
			break;
	}
	return any;
}

/*
 * kube-proxy marks for masquerading what does not come from the cluster's network; Calico, flannel and
 * ip-masq-agent masquerade what comes from it and does not stay there.
 */
static struct prefix network_of_rule(const struct filter_rule *rule, uint8_t version)
{
	bool marks = !strcmp(rule->target, "KUBE-MARK-MASQ") ||
		     !strcmp(rule->target, "mark-for-masquerade");
	bool leaves = rule->verdict == RULE_MASQUERADE && rule->not_dst && !rule->not_src &&
		      address_equal(rule->src, rule->dst);

	if (rule->src.version != version || !rule->src_len ||
	    rule->src_len >= (version == 6 ? 128 : 32) || !((marks && rule->not_src) || leaves))
		return (struct prefix){0};
	return prefix_make(rule->src, rule->src_len);
}

/* Of some Services' chains, or of all that are no Service's. */
static struct prefix network_of_chains(const struct ruleset *rules, uint8_t version, bool service)
{
	unsigned asked = 0;

	array_each(chain, &rules->chains) {
		bool endpoint = !strncmp(chain->name, "KUBE-SEP-", 9) ||
				!strncmp(chain->name, "endpoint-", 9);

		if (filter_chain_of_service(chain) != service || (service && endpoint) ||
		    (chain->family != version && chain->family != 1))
			continue;
		if (service && asked++ >= SERVICES_ASKED)
			break;
		array_each(rule, &ruleset_chain(rules, chain)->rules) {
			struct prefix network = network_of_rule(rule, version);

			if (network.base.version)
				return network;
		}
	}
	return (struct prefix){0};
}

static struct prefix network_of_rules(struct diagnosis *d, uint8_t version)
{
	struct netns_facts *node = lookup_node(d);
	struct prefix network = {0};

	if (!node || !facts_need(d->facts, node, FACT_RULES))
		return network;
	network = network_of_chains(&node->rules, version, false);
	return network.base.version ? network : network_of_chains(&node->rules, version, true);
}

struct prefix pod_network(struct diagnosis *d, uint8_t version)
{
	struct prefix network = configured_network(facts_config(d->facts), version);
	struct pod_network_cache *cache = &d->pod_networks[version == 6];

	if (network.base.version)
		return network;
	/* Tables of rules are long, and every flow asks. */
	if (!cache->known) {
		cache->network = network_of_rules(d, version);
		cache->known = true;
	}
	return cache->network;
}

struct prefix pod_subnet(struct diagnosis *d, struct address address)
{
	struct prefix subnet = configured_subnet(facts_config(d->facts), address.version);

	return subnet.base.version ? subnet : block_of(d, address);
}

/* A network that one of the node's own devices is on, its bridges before all. */
static bool is_on_link(struct diagnosis *d, struct address address)
{
	struct netns_facts *node = lookup_node(d);

	if (!node || !facts_need(d->facts, node, FACT_ADDRESSES))
		return false;
	array_each(entry, &node->addresses) {
		if (address_in(address, entry->address, entry->prefix_len))
			return true;
	}
	return false;
}

bool lookup_is_remote_pod(struct diagnosis *d, struct address address)
{
	struct prefix network, subnet;

	if (!address.version)
		return false;
	network = pod_network(d, address.version);
	if (!prefix_holds(&network, address))
		return false;
	subnet = pod_subnet(d, address);
	if (subnet.base.version)
		return !prefix_holds(&subnet, address);
	return !facts_pod_of_address(d->facts, address) && !is_on_link(d, address);
}

const char *lookup_remote_subnet(struct diagnosis *d, struct address address,
				 char buffer[LOOKUP_TEXT])
{
	struct prefix own = pod_subnet(d, address);
	unsigned bits = address.version == 6 ? 128 : 32;
	unsigned len = own.base.version ? own.length : address.version == 6 ? 64 : 24;
	struct address base = address;
	char text[ADDRESS_TEXT];

	for (unsigned bit = len; bit < bits; bit++)
		base.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	snprintf(buffer, LOOKUP_TEXT, "%s/%u", address_text(base, text), len);
	return buffer;
}
