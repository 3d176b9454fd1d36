/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pod traffic that leaves the cluster with the pod's own address: nobody outside can answer
 * it. Whether a network outside knows the way to pods cannot be seen from here; it is taken
 * for granted where both ends are private addresses and flannel does not say otherwise.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/pod_network.h"

static bool is_private(struct address address)
{
	static const struct prefix blocks[] = {
		{{4, {10}}, 8}, /* RFC 1918 */
		{{4, {172, 16}}, 12}, {{4, {192, 168}}, 16}, {{4, {100, 64}}, 10}, /* RFC 6598 */
		{{6, {0xfc}}, 7}, /* RFC 4193 */
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (address_in(address, blocks[i].base, blocks[i].length))
			return true;
	}
	return address_is_link_local(address);
}

/* The network to masquerade: the cluster's pods, else the network of the bridge the pod is on (docker0). */
static struct prefix network_of(struct diagnosis *d, struct address pod)
{
	struct prefix network = pod_network(d, pod.version);
	struct netns_facts *node = lookup_node(d);

	if (network.base.version || !node || !facts_need(d->facts, node, FACT_ADDRESSES))
		return network;
	array_each(entry, &node->addresses) {
		if (entry->prefix_len && address_in(pod, entry->address, entry->prefix_len))
			network = (struct prefix){entry->address, entry->prefix_len};
	}
	for (unsigned bit = network.length; network.base.version && bit < 128; bit++)
		network.base.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return network;
}

void masquerade_rule_text(struct prefix network, char text[LOOKUP_TEXT])
{
	char base[ADDRESS_TEXT];

	address_text(network.base, base);
	snprintf(text, LOOKUP_TEXT, "-s %s/%u ! -d %s/%u -j MASQUERADE", base, network.length, base,
		 network.length);
}

/* The back end that the node's rules are in: a rule of the other would be looked at as well, but nobody expects it there. */
void masquerade_remedy(struct finding *finding, struct diagnosis *d, struct prefix network)
{
	const struct node_config *config = facts_config(d->facts);
	const struct netns_facts *node = lookup_node(d);
	bool v6 = network.base.version == 6;
	const char *tool = v6 ? "ip6tables" : "iptables", *back_end = "";
	char rule[LOOKUP_TEXT];

	if (node && (node->known & FACT_RULES)) {
		array_each(chain, &node->rules.chains) {
			if (chain->iptables && chain->family == network.base.version &&
			    !strcmp(chain->table, "nat"))
				back_end = chain->backend == RULES_LEGACY ? "-legacy" : "-nft";
		}
	}
	masquerade_rule_text(network, rule);
	finding_remedy(finding, "%s%s -t nat -A POSTROUTING %s", tool, back_end, rule);
	if (config && config->has_subnet_env)
		finding_remedy(finding, "# flannel writes it when it runs with --ip-masq: restart "
					"it on this node");
	else
		finding_remedy(finding, "# then find who wrote it before: the network plugin, "
					"ip-masq-agent or Docker");
}

/* Is an answer out of the question? flannel says that pods are known inside its network alone. */
static bool needs_translation(struct diagnosis *d, struct address src, struct address dst)
{
	const struct node_config *config = facts_config(d->facts);
	struct prefix network = network_of(d, src), subnet = pod_subnet(d, src);

	if (!network.base.version || address_in(dst, network.base, network.length))
		return false;
	if (config && config->has_subnet_env)
		return subnet.base.version && address_in(src, subnet.base, subnet.length);
	return facts_pod_of_address(d->facts, src) && is_private(src) && !is_private(dst);
}

void masquerade_explain(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	const struct hop *out = NULL;
	struct address src, dst, own;
	struct finding *finding;
	char text[ADDRESS_TEXT], to[ADDRESS_TEXT], self[ADDRESS_TEXT], rule[LOOKUP_TEXT];

	if (!flow_is_unanswered(flow) || flow->drop_count)
		return;
	for (int i = 0; i < flow->forward.sample_count && !out; i++)
		out = journey_exit(d, flow->forward.samples[i]);
	if (!out || out->has_encap)
		return;
	src = address_make(out->packet.ip_version, out->packet.src);
	dst = address_make(out->packet.ip_version, out->packet.dst);
	if (!needs_translation(d, src, dst))
		return;
	finding = finding_new(list, "masquerade-missing", "cni", SEVERITY_ERROR, BASIS_STATE);
	address_text(src, text);
	address_text(dst, to);
	finding_key(finding, "node");
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, out->netns, out->ifindex);
	finding_summary(
		finding,
		"Packets to %s leave the node with the pod's address %s: no rule masquerades "
		"them, so replies cannot return.",
		to, text);
	finding_evidence(finding, "seen source %s out on %s, none translated, no reply", text,
			 lookup_device_name(d, out->netns, out->ifindex));
	if (lookup_node_address(d, src.version, &own))
		finding_evidence(finding, "fact the node's own address there is %s",
				 address_text(own, self));
	masquerade_rule_text(network_of(d, src), rule);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "expected", "%s", rule);
	finding_text(finding, "rule", "POSTROUTING %s", rule);
	masquerade_remedy(finding, d, network_of(d, src));
}
