/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules about netfilter: it lets the rules judge packets that pods may well send
 * (a ping and a TCP connection to a pod here, to one elsewhere, and back) and says which
 * chain would drop them. Only what no undecided rule could change counts as sure. What a
 * NetworkPolicy drops is meant, and no more than a note.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"
#include "diagnose/pod_network.h"

#define HTTP_PORT 80
#define CLIENT_PORT 40000
#define ICMP_ECHO_REQUEST 8
#define ICMPV6_ECHO_REQUEST 128
#define PODS_JUDGED 256

enum { HOOKS = 5 };

static const char *const hook_names[HOOKS] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
					      "POSTROUTING"};

/* The hooks of one namespace where anything can be refused: asked once, for a table of Services is long. */
struct hooks {
	const struct ruleset *rules;
	bool may_refuse[HOOKS];
};

/* A packet on its way through one namespace. */
struct trial {
	uint32_t netns;
	const struct hooks *hooks;
	const struct pod *pod; /* whom a drop concerns */
	struct address src, dst;
	char iif[16], oif[16];
	uint8_t proto;
};

struct isolation { /* pods that a NetworkPolicy keeps from something */
	unsigned pods;
	const struct pod *last;
	char first[300], chain[64];
};

static struct rule_walk_query trial_query(const struct trial *trial, const char *hook)
{
	struct rule_walk_query query = {.ct_state = RULE_CT_NEW,
					.has_mark = true,
					.family = trial->src.version,
					.dst_local = strcmp(hook, "INPUT") ? -1 : 1};
	struct packet *packet = &query.packet;

	packet->ip_version = trial->src.version;
	packet->proto = trial->proto;
	packet->ttl = 64;
	packet->len = 84;
	memcpy(packet->src, trial->src.bytes, sizeof(packet->src));
	memcpy(packet->dst, trial->dst.bytes, sizeof(packet->dst));
	if (trial->proto == IPPROTO_TCP) {
		packet->sport = CLIENT_PORT;
		packet->dport = HTTP_PORT;
		packet->tcp_flags = PACKET_TCP_SYN;
	} else {
		packet->icmp_type =
			trial->src.version == 6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST;
	}
	text_copy(query.hook, sizeof(query.hook), hook);
	if (strcmp(hook, "OUTPUT") && strcmp(hook, "POSTROUTING"))
		text_copy(query.iif, sizeof(query.iif), trial->iif);
	if (strcmp(hook, "PREROUTING") && strcmp(hook, "INPUT"))
		text_copy(query.oif, sizeof(query.oif), trial->oif);
	return query;
}

static bool refuses(enum rule_verdict verdict)
{
	return verdict == RULE_DROP || verdict == RULE_REJECT;
}

/* Is there any refusal in the tables that have a chain at this hook? */
static bool hook_may_refuse(const struct ruleset *rules, const char *hook)
{
	array_each(base, &rules->chains) {
		if (!base->base || strcmp(base->hook, hook))
			continue;
		if (base->policy_drop)
			return true;
		array_each(chain, &rules->chains) {
			if (chain->family != base->family || chain->backend != base->backend ||
			    strcmp(chain->table, base->table) || filter_chain_never_drops(chain))
				continue;
			array_each(rule, &ruleset_chain(rules, chain)->rules) {
				if (refuses(rule->verdict) || rule->verdict_map)
					return true;
			}
		}
	}
	return false;
}

static void hooks_make(struct hooks *hooks, const struct ruleset *rules)
{
	hooks->rules = rules;
	for (unsigned i = 0; i < HOOKS; i++)
		hooks->may_refuse[i] = hook_may_refuse(rules, hook_names[i]);
}

static bool may_refuse(const struct hooks *hooks, const char *hook)
{
	for (unsigned i = 0; i < HOOKS; i++) {
		if (!strcmp(hook, hook_names[i]))
			return hooks->may_refuse[i];
	}
	return false;
}

static const char *proto_word(const struct trial *trial)
{
	return trial->proto == IPPROTO_TCP ? "a TCP connection" : "a ping";
}

static void policy_remedy(struct finding *finding, const struct diagnosis *d, uint32_t netns,
			  const struct filter_chain *chain)
{
	char enter[LOOKUP_TEXT];

	lookup_enter(d, netns, enter);
	if (!chain->iptables)
		finding_remedy(finding, "%snft chain %s %s %s '{ policy accept; }'", enter,
			       chain->family == 6   ? "ip6"
			       : chain->family == 4 ? "ip"
						    : "inet",
			       chain->table, chain->name);
	else
		finding_remedy(finding, "%s%s-%s -P %s ACCEPT", enter,
			       chain->family == 6 ? "ip6tables" : "iptables",
			       chain->backend == RULES_LEGACY ? "legacy" : "nft", chain->name);
}

static struct finding *trial_finding(struct diagnosis *d, struct finding_list *list,
				     const struct trial *trial,
				     const struct rule_walk_result *result, const char *hook)
{
	const struct filter_chain *chain = result->chain;
	bool policy = !result->rule && !strcmp(hook, "FORWARD");
	struct finding *finding =
		finding_new(list,
			    policy                           ? "forward-policy-drop"
			    : result->verdict == RULE_REJECT ? "netfilter-reject"
							     : "netfilter-drop",
			    "unreachable", policy ? SEVERITY_ERROR : SEVERITY_WARNING, BASIS_STATE);
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT], line[600] = "", owner[LOOKUP_TEXT];

	rule_describe(line, sizeof(line), chain, result->rule);
	lookup_owner(d, trial->netns, owner);
	finding_key(finding, "%u %.50s %.50s %u", trial->netns, chain->table, chain->name,
		    result->rule ? result->rule->index : 0);
	finding_where(finding, d, trial->netns, 0);
	address_text(trial->src, from);
	address_text(trial->dst, to);
	if (policy)
		finding_summary(finding,
				"Chain %s of table %s has policy DROP and no rule accepts pod "
				"traffic: %s from %s to %s is dropped.",
				chain->name, chain->table, proto_word(trial), from, to);
	else
		finding_summary(finding, "A rule of %.100s %s %s from %s to %s: %.200s", owner,
				result->verdict == RULE_REJECT ? "rejects" : "drops",
				proto_word(trial), from, to, line);
	finding_evidence(finding, "fact %s", line);
	finding_evidence(finding, "fact at %s, in by %s, out by %s", hook,
			 trial->iif[0] ? trial->iif : "no device",
			 trial->oif[0] ? trial->oif : "no device");
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, trial->netns));
	finding_text(finding, "hook", "%s", hook);
	finding_text(finding, "table", "%s", chain->table);
	finding_text(finding, "chain", "%s", chain->name);
	if (result->rule)
		finding_text(finding, "rule", "%s", result->rule->text ? result->rule->text : line);
	else
		finding_text(finding, "policy", "DROP");
	return finding;
}

static void trial_remedy(struct finding *finding, const struct diagnosis *d,
			 const struct trial *trial, const struct rule_walk_result *result)
{
	const struct filter_chain *chain = result->chain;
	const struct filter_rule *rule = result->rule;
	char enter[LOOKUP_TEXT];

	if (!rule) {
		policy_remedy(finding, d, trial->netns, chain);
		return;
	}
	lookup_enter(d, trial->netns, enter);
	if (!chain->iptables)
		finding_remedy(finding, "%snft --handle list chain %s %s %s", enter,
			       chain->family == 6   ? "ip6"
			       : chain->family == 4 ? "ip"
						    : "inet",
			       chain->table, chain->name);
	else
		finding_remedy(finding, "%s%s-%s -t %s -S %s %u", enter,
			       chain->family == 6 ? "ip6tables" : "iptables",
			       chain->backend == RULES_LEGACY ? "legacy" : "nft", chain->table,
			       chain->name, rule->index);
	finding_remedy(finding, "# delete the rule if it is not meant to be there");
}

static void note_isolation(struct isolation *isolation, const struct trial *trial,
			   const struct rule_walk_result *result)
{
	if (!trial->pod || isolation->last == trial->pod)
		return;
	isolation->last = trial->pod;
	if (!isolation->pods++) {
		snprintf(isolation->first, sizeof(isolation->first), "%.140s/%.140s",
			 trial->pod->namespace, trial->pod->name);
		text_copy(isolation->chain, sizeof(isolation->chain), result->chain->name);
	}
}

/* Lets the rules at one hook judge. True when the packet goes no further. */
static bool try_hook(struct diagnosis *d, struct finding_list *list, const struct trial *trial,
		     const char *hook, struct isolation *isolation)
{
	struct rule_walk_query query;
	struct rule_walk_result result;
	struct chain_owner owner = {0};

	if (!may_refuse(trial->hooks, hook))
		return false;
	query = trial_query(trial, hook);
	rule_walk(trial->hooks->rules, &query, &result);
	if (!refuses(result.verdict) || !result.definite || !result.chain)
		return false;
	if (policy_chain_owner(result.chain->name, &owner) && owner.network_policy)
		note_isolation(isolation, trial, &result);
	else
		trial_remedy(trial_finding(d, list, trial, &result, hook), d, trial, &result);
	return true;
}

static void try_forward(struct diagnosis *d, struct finding_list *list, struct trial *trial,
			struct isolation *isolation)
{
	static const uint8_t protos[] = {IPPROTO_ICMP, IPPROTO_TCP};

	for (unsigned i = 0; i < 2; i++) {
		trial->proto = trial->src.version == 6 && protos[i] == IPPROTO_ICMP ? IPPROTO_ICMPV6
										    : protos[i];
		if (!try_hook(d, list, trial, "PREROUTING", isolation) &&
		    !try_hook(d, list, trial, "FORWARD", isolation))
			try_hook(d, list, trial, "POSTROUTING", isolation);
	}
}

/* A pod elsewhere: the first address after a peer's own. Without a tunnel, somebody outside. */
static struct address far_address(const struct check_view *view, uint8_t version, uint32_t *out)
{
	struct address far = {.version = 4, .bytes = {192, 0, 2, 1}}; /* RFC 5737 */

	if (version == 6)
		far = (struct address){.version = 6,
				       .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}; /* RFC 3849 */
	*out = view->uplink;
	array_each(peer, &view->peers) {
		if (peer->gateway.version != version)
			continue;
		far = peer->gateway;
		far.bytes[version == 6 ? 15 : 3] += 2;
		*out = peer->tunnel;
		break;
	}
	return far;
}

/* The pod's address of that version, version 0 none. */
static struct address pod_address(const struct pod *pod, uint8_t version)
{
	for (unsigned i = 0; i < pod->address_count; i++) {
		if (pod->addresses[i].version == version &&
		    !address_is_link_local(pod->addresses[i]))
			return pod->addresses[i];
	}
	return (struct address){0};
}

static struct address neighbour_address(const struct diagnosis *d, const struct pod *pod,
					uint8_t version, const struct pod **whose)
{
	array_each(other, &d->facts->pods) {
		struct address address = pod_address(other, version);

		if (other == pod || !check_is_pod(other) || !address.version)
			continue;
		*whose = other;
		return address;
	}
	return (struct address){0};
}

static bool port_is_detached(const struct finding_list *list, const struct link *port)
{
	array_each(slot, &list->findings) {
		if (!strcmp((*slot)->id, "bridge-port-detached") &&
		    !strcmp((*slot)->device, port->name))
			return true;
	}
	return false;
}

static void try_pod(struct diagnosis *d, struct finding_list *list, const struct check_view *view,
		    const struct pod *pod, uint8_t version, const struct hooks *hooks,
		    struct isolation *isolation)
{
	struct trial away = {.netns = d->facts->node_netns, .hooks = hooks, .pod = pod}, back, here;
	const struct link *port = lookup_link(d, d->facts->node_netns, pod->host_ifindex);
	const struct pod *other;
	uint32_t out;

	away.src = pod_address(pod, version);
	if (!away.src.version)
		return;
	/* A port that is not on its bridge is the cause: no rule is made for it. */
	if (port && port_is_detached(list, port))
		return;
	away.dst = far_address(view, version, &out);
	text_copy(away.iif, sizeof(away.iif), lookup_entry_device(d, pod));
	text_copy(away.oif, sizeof(away.oif), lookup_device_name(d, away.netns, out));
	back = here = away;
	back.src = away.dst;
	back.dst = away.src;
	text_copy(back.iif, sizeof(back.iif), away.oif);
	text_copy(back.oif, sizeof(back.oif), away.iif);
	try_forward(d, list, &away, isolation);
	/* Docker lets nobody in but by its published ports: as it should. */
	if (strcmp(pod->source, "docker"))
		try_forward(d, list, &back, isolation);
	here.dst = neighbour_address(d, pod, version, &other);
	if (!here.dst.version)
		return;
	text_copy(here.oif, sizeof(here.oif), lookup_entry_device(d, other));
	try_forward(d, list, &here, isolation);
}

/* The pod's own namespace: what it would not let in or out. */
static void try_inside(struct diagnosis *d, struct finding_list *list,
		       const struct check_view *view, const struct pod *pod, uint8_t version,
		       struct isolation *isolation)
{
	struct netns_facts *ns = facts_netns(d->facts, pod->netns);
	struct hooks hooks;
	struct trial in = {.netns = pod->netns, .hooks = &hooks, .pod = pod}, out;
	uint32_t device;

	in.dst = pod_address(pod, version);
	if (!ns || !in.dst.version || !facts_need(d->facts, ns, FACT_RULES) ||
	    !ns->rules.chains.count)
		return;
	hooks_make(&hooks, &ns->rules);
	in.proto = version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	in.src = far_address(view, version, &device);
	out = in;
	out.src = in.dst;
	out.dst = in.src;
	text_copy(in.iif, sizeof(in.iif), pod->ifname);
	text_copy(out.oif, sizeof(out.oif), pod->ifname);
	if (!try_hook(d, list, &in, "PREROUTING", isolation))
		try_hook(d, list, &in, "INPUT", isolation);
	if (!try_hook(d, list, &out, "OUTPUT", isolation))
		try_hook(d, list, &out, "POSTROUTING", isolation);
}

static void isolation_finding(struct diagnosis *d, struct finding_list *list,
			      const struct isolation *isolation)
{
	struct finding *finding;

	if (!isolation->pods)
		return;
	finding =
		finding_new(list, "network-policy-drop", "unreachable", SEVERITY_INFO, BASIS_STATE);
	finding_key(finding, "isolation");
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding, "NetworkPolicies keep %u pod%s from pings or plain TCP, %.250s%s.",
			isolation->pods, isolation->pods == 1 ? "" : "s", isolation->first,
			isolation->pods == 1 ? "" : " among them");
	finding_evidence(finding, "fact chain %s drops it", isolation->chain);
	finding_text(finding, "chain", "%s", isolation->chain);
	finding_number(finding, "count", isolation->pods);
	finding_remedy(finding, "kubectl get networkpolicies -A");
}

static bool masquerades(const struct filter_rule *rule, struct address pod)
{
	if ((rule->verdict != RULE_MASQUERADE && rule->verdict != RULE_SNAT) || rule->mark_mask ||
	    rule->not_src)
		return false;
	return !rule->src.version || address_in(pod, rule->src, rule->src_len);
}

/* kube-proxy and the port mapper masquerade marked packets of Services only; the mark is tested before. */
static bool is_services_own(const struct filter_chain *chain)
{
	return !strncmp(chain->name, "KUBE-", 5) || !strcmp(chain->table, "kube-proxy") ||
	       !strncmp(chain->name, "CNI-HOSTPORT", 12);
}

static void check_masquerade(struct diagnosis *d, struct finding_list *list, uint8_t version)
{
	const struct node_config *config = facts_config(d->facts);
	struct netns_facts *node = lookup_node(d);
	struct prefix network = pod_network(d, version);
	struct address pod = {0};
	struct finding *finding;
	char base[ADDRESS_TEXT], rule[LOOKUP_TEXT];

	if (!config || !config->has_subnet_env || !config->flannel_ipmasq || !network.base.version)
		return;
	array_each(one, &d->facts->pods) {
		if (check_is_pod(one) && pod_address(one, version).version)
			pod = pod_address(one, version);
	}
	if (!pod.version)
		return;
	array_each(chain, &node->rules.chains) {
		if (is_services_own(chain) || (chain->family != version && chain->family != 1))
			continue;
		array_each(one, &ruleset_chain(&node->rules, chain)->rules) {
			if (masquerades(one, pod))
				return;
		}
	}
	finding = finding_new(list, "masquerade-missing", "cni", SEVERITY_ERROR, BASIS_STATE);
	address_text(network.base, base);
	finding_key(finding, "node %u", version);
	finding_where(finding, d, node->inode, 0);
	finding_summary(finding, "No rule masquerades what pods send out of the cluster, though "
				 "FLANNEL_IPMASQ is true: replies cannot return.");
	finding_evidence(finding, "fact no MASQUERADE or SNAT rule for %s/%u", base,
			 network.length);
	masquerade_rule_text(network, rule);
	finding_text(finding, "address", "%s/%u", base, network.length);
	finding_text(finding, "rule", "POSTROUTING %s", rule);
	masquerade_remedy(finding, d, network);
}

void check_netfilter(struct diagnosis *d, struct finding_list *list, const struct check_view *view)
{
	struct isolation isolation = {0};
	unsigned judged = 0;
	struct hooks hooks;

	if (!view->services.known)
		return;
	hooks_make(&hooks, &lookup_node(d)->rules);
	array_each(pod, &d->facts->pods) {
		if (!check_is_pod(pod) || !pod->address_count || judged++ >= PODS_JUDGED)
			continue;
		for (uint8_t version = 4; version <= 6; version += 2) {
			try_pod(d, list, view, pod, version, &hooks, &isolation);
			try_inside(d, list, view, pod, version, &isolation);
		}
	}
	isolation_finding(d, list, &isolation);
	for (uint8_t version = 4; version <= 6 && view->services.complete; version += 2)
		check_masquerade(d, list, version);
}
