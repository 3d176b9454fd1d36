/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "cni" apart from the overlay and masquerading: translation on a bridge, hairpins,
 * the node's address range. Reads sysctls, bridge ports and the CNI's own files.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"

#define CLASS "cni"
#define IPAM_COMMANDS 8

static bool translated_flow_fails(const struct flow *flow)
{
	return flow->translated && flow_failed(flow);
}

/* Does the far end answer the client directly, with its own address? The client then refuses the answer. */
static bool replies_untranslated(const struct diagnosis *d, const struct flow *flow)
{
	struct tuple end = flow_final_tuple(flow);

	array_each(slot, &d->flows->flows) {
		const struct flow *other = *slot;
		const struct tuple *tuple = &other->tuples[0];

		if (other == flow || tuple->proto != end.proto)
			continue;
		if (address_equal(tuple->src, end.dst) && tuple->sport == end.dport &&
		    address_equal(tuple->dst, flow->tuples[0].src))
			return true;
	}
	for (int i = 0; i < flow->drop_count; i++) {
		if (!flow->drops[i].forward && drop_kind(&flow->drops[i].first) == DROP_NO_SOCKET)
			return true;
	}
	for (int i = 0; i < flow->reverse.sample_count; i++) {
		const struct packet *packet = &flow->reverse.samples[i]->packet;
		const struct journey *journey = flow->reverse.samples[i];
		const struct hop *last =
			journey->hop_count ? &journey->hops[journey->hop_count - 1] : NULL;

		packet = last ? &last->packet : packet;
		if (address_equal(address_make(packet->ip_version, packet->src), end.dst) && last &&
		    !last->nat)
			return true;
	}
	return false;
}

static void explain_bridge_netfilter(struct diagnosis *d, struct finding_list *list,
				     const struct flow *flow)
{
	struct tuple end = flow_final_tuple(flow);
	const char *sysctl = bridge_netfilter_sysctl(end.dst.version);
	const struct pod *server = facts_pod_of_address(d->facts, end.dst);
	const struct pod *client = facts_pod_of_address(d->facts, flow->tuples[0].src);
	struct netns_facts *node = lookup_node(d);
	const struct link *server_port, *client_port;
	struct finding *finding;
	char service[LOOKUP_TEXT], endpoint[LOOKUP_TEXT];
	long value = -1;
	bool known, seen;

	if (!translated_flow_fails(flow) || !server || !client || server == client || !node)
		return;
	server_port = lookup_link(d, node->inode, server->host_ifindex);
	client_port = lookup_link(d, node->inode, client->host_ifindex);
	/* Only two ports of one bridge exchange replies without routing. */
	if (!server_port || !client_port || !server_port->master ||
	    server_port->master != client_port->master)
		return;
	known = facts_sysctl(d->facts, node, sysctl, &value);
	if (known && value != 0)
		return;
	seen = replies_untranslated(d, flow);
	if (!known && !seen)
		return;
	finding = finding_new(list, "bridge-netfilter-off", CLASS, SEVERITY_ERROR,
			      seen ? BASIS_SEEN : BASIS_STATE);
	endpoint_text(flow->tuples[0].dst, flow->tuples[0].dport, service);
	endpoint_text(end.dst, end.dport, endpoint);
	finding_key(finding, "node");
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, node->inode, server_port->master);
	finding_summary(
		finding,
		"%s is %s: replies of %s to its Service address %s are not translated back on "
		"the bridge.",
		sysctl, bridge_netfilter_state(known), endpoint, service);
	finding_evidence(finding,
			 seen ? "seen replies from %s reach the client untranslated"
			      : "seen the request translated to %s, and no usable reply",
			 endpoint);
	bridge_netfilter_mend(finding, sysctl, known);
}

static void explain_hairpin(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	struct tuple end = flow_final_tuple(flow);
	const struct pod *pod = facts_pod_of_address(d->facts, end.dst);
	const struct link *port;
	struct finding *finding;
	char service[LOOKUP_TEXT];

	if (!translated_flow_fails(flow) || !pod || !address_equal(flow->tuples[0].src, end.dst))
		return;
	port = lookup_link(d, d->facts->node_netns, pod->host_ifindex);
	if (!port || !port->is_port || port->hairpin)
		return;
	finding = finding_new(list, "hairpin-off", CLASS, SEVERITY_ERROR, BASIS_STATE);
	endpoint_text(flow->tuples[0].dst, flow->tuples[0].dport, service);
	finding_key(finding, "%s", port->name);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, port->ifindex);
	finding_pod(finding, d->facts, pod);
	finding_summary(
		finding,
		"Pod %.120s/%.120s cannot reach itself through Service %s: its bridge port %s has "
		"hairpin mode off.",
		pod->namespace, pod->name, service, port->name);
	finding_evidence(finding, "seen packets for %s translated to the sender's own address",
			 service);
	finding_evidence(finding, "fact bridge port %s: hairpin off", port->name);
	finding_text(finding, "device", "%s", port->name);
	finding_text(finding, "port", "%s", port->name);
	finding_remedy(finding, "bridge link set dev %s hairpin on", port->name);
	finding_remedy(finding, "# for new pods: \"hairpinMode\": true in the CNI configuration");
}

static uint64_t range_size(const struct cni_range *range)
{
	unsigned bits;

	if (range->first.version == 4 && range->last.version == 4) {
		uint32_t first = 0, last = 0;

		for (int i = 0; i < 4; i++) {
			first = first << 8 | range->first.bytes[i];
			last = last << 8 | range->last.bytes[i];
		}
		if (last < first)
			return 0;
		/* host-local never gives the gateway's address to a pod. */
		return last - first + 1 -
		       (range->gateway.version == 4 &&
			memcmp(range->gateway.bytes, range->first.bytes, 4) >= 0 &&
			memcmp(range->gateway.bytes, range->last.bytes, 4) <= 0);
	}
	if (range->subnet.version != 4)
		return 0;
	bits = 32 - range->prefix_len;
	/* Network, broadcast and gateway are not given out. */
	return bits >= 2 ? (1ULL << bits) - 3 : 0;
}

struct ipam_usage ipam_usage(const struct node_config *config, const struct cni_range *range)
{
	struct ipam_usage usage = {.size = range_size(range)};

	array_each(entry, &config->reservations) {
		if (!address_in(entry->address, range->subnet, range->prefix_len) ||
		    (range->gateway.version && address_equal(entry->address, range->gateway)))
			continue;
		usage.used++;
		usage.stale += entry->stale;
	}
	return usage;
}

static int by_address(const void *a, const void *b)
{
	const struct address *one = a, *other = b;

	return memcmp(one->bytes, other->bytes, 16);
}

/* "10.244.1.{6..254}", one command for each run of addresses: as short as a shell allows. */
static void remove_runs(struct finding *finding, const char *network,
			const struct address *addresses, size_t count)
{
	char text[ADDRESS_TEXT];
	size_t commands = 0, end;

	for (size_t start = 0; start < count; start = end) {
		for (end = start + 1; end < count && addresses[end].version == 4 &&
				      !memcmp(addresses[end].bytes, addresses[start].bytes, 3) &&
				      addresses[end].bytes[3] == addresses[end - 1].bytes[3] + 1;)
			end++;
		if (commands++ == IPAM_COMMANDS) {
			finding_remedy(finding, "# … and %zu more", count - start);
			return;
		}
		address_text(addresses[start], text);
		if (end == start + 1)
			finding_remedy(finding, "rm /var/lib/cni/networks/%s/%s", network, text);
		else
			finding_remedy(finding, "rm /var/lib/cni/networks/%s/%u.%u.%u.{%u..%u}",
				       network, addresses[start].bytes[0],
				       addresses[start].bytes[1], addresses[start].bytes[2],
				       addresses[start].bytes[3], addresses[end - 1].bytes[3]);
	}
}

void ipam_remedy(struct finding *finding, const struct node_config *config, const char *network)
{
	ARRAY(struct address) stale = {0};

	array_each(entry, &config->reservations) {
		struct address *slot = entry->stale && !strcmp(entry->network, network)
					       ? array_push(&stale)
					       : NULL;
		if (slot)
			*slot = entry->address;
	}
	if (!stale.count) {
		finding_remedy(finding, "ls /var/lib/cni/networks/%s", network);
		finding_remedy(finding, "# every address is held by a living pod: give the node a "
					"larger range, or it fewer pods");
		return;
	}
	finding_remedy(finding, "# no living sandbox has the container id in these files "
				"(crictl pods -q --no-trunc):");
	qsort(stale.items, stale.count, sizeof(*stale.items), by_address);
	remove_runs(finding, network, stale.items, stale.count);
	array_free(&stale);
}

static void check_range(struct diagnosis *d, struct finding_list *list,
			const struct node_config *config, const struct cni_conf *conf,
			const struct cni_range *range)
{
	struct ipam_usage usage = ipam_usage(config, range);
	uint64_t size = usage.size, used = usage.used, stale = usage.stale;
	struct finding *finding;
	char base[ADDRESS_TEXT];

	if (!size || used * 10 < size * 9)
		return;
	finding = finding_new(list, "ipam-exhausted", CLASS,
			      used >= size ? SEVERITY_ERROR : SEVERITY_WARNING, BASIS_STATE);
	address_text(range->subnet, base);
	finding_key(finding, "%s", base);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding,
			"%s address of %s/%u is left for pods: %llu of %llu are reserved, %llu by "
			"pods that are gone.",
			used >= size ? "No" : "Hardly an", base, range->prefix_len,
			(unsigned long long)used, (unsigned long long)size,
			(unsigned long long)stale);
	finding_evidence(finding, "count %llu reservations in network %s, %llu stale",
			 (unsigned long long)used, conf->name, (unsigned long long)stale);
	finding_text(finding, "range", "%s/%u", base, range->prefix_len);
	finding_text(finding, "subnet", "%s/%u", base, range->prefix_len);
	finding_number(finding, "used", (int64_t)used);
	finding_number(finding, "count", (int64_t)used);
	finding_number(finding, "stale", (int64_t)stale);
	finding_number(finding, "max", (int64_t)size);
	ipam_remedy(finding, config, conf->name);
}

static void check_ipam(struct diagnosis *d, struct finding_list *list,
		       const struct node_config *config)
{
	array_each(conf, &config->confs) {
		struct cni_range own = {.subnet = config->flannel_subnet,
					.gateway = config->flannel_subnet,
					.prefix_len = config->flannel_subnet_len};

		if (strcmp(conf->ipam_type, "host-local") && strcmp(conf->type, "flannel"))
			continue;
		array_each(range, &conf->ranges)
			check_range(d, list, config, conf, range);
		/* flannel hands its subnet to host-local, the file does not name it. */
		if (!conf->ranges.count && config->has_subnet_env)
			check_range(d, list, config, conf, &own);
		return; /* the first configuration wins */
	}
}

static void check_subnet(struct diagnosis *d, struct finding_list *list,
			 const struct node_config *config)
{
	struct netns_facts *node = lookup_node(d);
	const char *name = "cni0";

	if (!config->has_subnet_env || !node ||
	    !facts_need(d->facts, node, FACT_LINKS | FACT_ADDRESSES))
		return;
	if (config->confs.count && config->confs.items[0].bridge[0])
		name = config->confs.items[0].bridge;
	array_each(entry, &node->addresses) {
		const struct link *link = facts_link(d->facts, node, entry->ifindex);
		struct finding *finding;
		char expected[ADDRESS_TEXT], found[ADDRESS_TEXT];

		if (!link || strcmp(link->name, name) || entry->address.version != 4 ||
		    address_in(entry->address, config->flannel_subnet, config->flannel_subnet_len))
			continue;
		address_text(config->flannel_subnet, expected);
		address_text(entry->address, found);
		finding = finding_new(list, "cni-subnet-mismatch", CLASS, SEVERITY_ERROR,
				      BASIS_STATE);
		finding_key(finding, "%s", name);
		finding_where(finding, d, node->inode, link->ifindex);
		finding_summary(finding,
				"%s has %s/%u, flannel's subnet on this node is %s/%u: new pods "
				"cannot be made or cannot be reached.",
				name, found, entry->prefix_len, expected,
				config->flannel_subnet_len);
		finding_evidence(finding, "fact %s address %s/%u, FLANNEL_SUBNET %s/%u", name,
				 found, entry->prefix_len, expected, config->flannel_subnet_len);
		finding_text(finding, "device", "%s", name);
		finding_text(finding, "found", "%s/%u", found, entry->prefix_len);
		finding_text(finding, "expected", "%s/%u", expected, config->flannel_subnet_len);
		finding_remedy(finding, "ip link delete %s", name);
		finding_remedy(finding,
			       "# the next pod makes it anew; then recreate the pods of this node");
	}
}

void cni_rules(struct diagnosis *d, struct finding_list *list)
{
	const struct node_config *config = facts_config(d->facts);

	array_each(slot, &d->flows->flows) {
		explain_bridge_netfilter(d, list, *slot);
		explain_hairpin(d, list, *slot);
		masquerade_explain(d, list, *slot);
	}
	if (!d->check || !config)
		return;
	check_ipam(d, list, config);
	check_subnet(d, list, config);
}
