/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drops by netfilter: names the rule, and with it whose fault that is: a rule, a chain's
 * policy, a NetworkPolicy engine, a Service without endpoints, conntrack. Which rule it was
 * comes from rule_walk; what a kernel does not let be known lowers confidence.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/rule_walk.h"
#include "packet/witness_text.h"

#define CLASS "unreachable"

/* One loss to a hook, by drop or by refusal. */
struct hook_loss {
	struct concern about;
	const struct drop_case *seen; /* NULL: a refused send */
	uint32_t netns;
	struct netns_facts *ns;
	struct rule_walk_query query;
	struct rule_blame blame;
	struct address dst; /* as the sender meant it */
	const char *hook;
	enum connection_end end; /* a monitor's INVALID segment */
};

static void outer_packet(struct packet *packet, const struct encap *encap)
{
	*packet = (struct packet){.ip_version = encap->ip_version,
				  .proto = encap->kind == ENCAP_IPIP ? IPPROTO_IPIP : IPPROTO_UDP,
				  .sport = encap->sport,
				  .dport = encap->dport,
				  .ttl = encap->ttl,
				  .len = encap->len};
	memcpy(packet->src, encap->src, sizeof(packet->src));
	memcpy(packet->dst, encap->dst, sizeof(packet->dst));
}

/* What conntrack may call it: only what opens a conversation is sure not to belong to one. */
static uint8_t possible_states(const struct packet *packet)
{
	bool opens = packet->proto == IPPROTO_TCP &&
		     (packet->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) == PACKET_TCP_SYN;

	return opens ? RULE_CT_NEW | RULE_CT_INVALID | RULE_CT_UNTRACKED : 0;
}

static void query_of_drop(const struct diagnosis *d, const struct drop *drop,
			  struct rule_walk_query *query)
{
	const struct drop_info *info = &drop->info;

	query->packet = drop->packet;
	if (drop->has_encap)
		outer_packet(&query->packet, &drop->encap);
	query->ct_state = possible_states(&query->packet);
	query->mark = info->mark;
	query->has_mark = true;
	text_copy(query->iif, sizeof(query->iif),
		  drop->ifindex ? lookup_device_name(d, drop->netns, drop->ifindex) : "");
	if (drop->ifindex && !query->iif[0])
		text_copy(query->iif, sizeof(query->iif), info->dev_name);
	if (info->dst_ifindex)
		text_copy(query->oif, sizeof(query->oif),
			  lookup_device_name(d, drop->netns, info->dst_ifindex));
	if (d->topology)
		query->dst_local =
			topology_is_local(d->topology, drop->netns,
					  address_make(query->packet.ip_version, query->packet.dst))
				? 1
				: -1;
}

/* Where a drop without a named hook may have been, likeliest first. */
static size_t likely_hooks(const struct hook_loss *loss, const char *hooks[5])
{
	const struct drop *drop = loss->seen ? loss->seen->drop : NULL;
	size_t count = 0;

	if (drop && drop->hook[0]) {
		hooks[count++] = drop->hook;
		return count;
	}
	if (!drop || !drop->ifindex) {
		hooks[count++] = "OUTPUT";
		hooks[count++] = "POSTROUTING";
		return count;
	}
	if (loss->query.dst_local == 1) {
		hooks[count++] = "INPUT";
		hooks[count++] = "PREROUTING";
	} else {
		hooks[count++] = "FORWARD";
		hooks[count++] = "PREROUTING";
		hooks[count++] = "POSTROUTING";
		hooks[count++] = "OUTPUT";
	}
	hooks[count++] = "INGRESS";
	return count;
}

static void hook_devices(struct rule_walk_query *query, const char *hook)
{
	text_copy(query->hook, sizeof(query->hook), hook);
	if (!strcmp(hook, "OUTPUT") || !strcmp(hook, "POSTROUTING")) {
		/* The device that a packet which is sent carries is the one it leaves by. */
		if (!query->oif[0])
			text_copy(query->oif, sizeof(query->oif), query->iif);
		if (!strcmp(hook, "OUTPUT"))
			query->iif[0] = '\0';
	}
	if (!strcmp(hook, "PREROUTING") || !strcmp(hook, "INPUT") || !strcmp(hook, "INGRESS"))
		query->oif[0] = '\0';
}

/* What a witness said of the table or chain that dropped it; NULL: none named it. */
static const struct witness_info *witnessed(const struct hook_loss *loss)
{
	const struct witness_info *said = NULL;

	if (loss->seen)
		said = drop_witness(loss->seen->drop, WITNESS_NFT_CHAIN);
	if (loss->seen && !said)
		said = drop_witness(loss->seen->drop, WITNESS_XT_TABLE);
	return said && said->text[0][0] ? said : NULL;
}

/* Only the chain that a probe saw drop it comes into question. */
static void query_narrow(struct rule_walk_query *query, const struct hook_loss *loss)
{
	const struct witness_info *said = witnessed(loss);

	if (!said)
		return;
	query->seen_table = said->text[0];
	query->seen_chain = said->text[1][0] ? said->text[1] : NULL;
	query->seen_legacy = said->what == WITNESS_XT_TABLE;
}

/* Finds the rule; the best basis over the possible hooks wins. */
static void blame_rule(struct diagnosis *d, struct hook_loss *loss)
{
	const char *hooks[5];
	size_t count = likely_hooks(loss, hooks);

	loss->hook = loss->seen ? loss->seen->drop->hook : "OUTPUT";
	if (!loss->ns || !facts_need(d->facts, loss->ns, FACT_RULES))
		return;
	for (size_t i = 0; i < count; i++) {
		struct rule_walk_query query = loss->query;
		struct rule_blame blame = {0};

		hook_devices(&query, hooks[i]);
		if (!rule_blame(loss->ns->has_rules_before ? &loss->ns->rules_before : NULL,
				&loss->ns->rules, &query, loss->about.count, &blame))
			continue;
		if (blame.basis <= loss->blame.basis)
			continue;
		loss->blame = blame;
		loss->hook = hooks[i];
	}
}

const char *rule_tool(const struct filter_chain *chain)
{
	bool v6 = chain->family == 6;

	if (chain->backend == RULES_LEGACY)
		return v6 ? "ip6tables-legacy" : "iptables-legacy";
	return v6 ? "ip6tables-nft" : "iptables-nft";
}

static const char *nft_family(uint8_t family)
{
	switch (family) {
	case 4:
		return "ip";
	case 6:
		return "ip6";
	case 1:
		return "inet";
	case 3:
		return "arp";
	case 5:
		return "netdev";
	case 7:
		return "bridge";
	}
	return "ip";
}

/* The command that takes the rule away, or the policy where rule is NULL. */
static void rule_remedy(struct finding *finding, const struct diagnosis *d,
			const struct hook_loss *loss, const struct filter_chain *chain,
			const struct filter_rule *rule)
{
	char enter[LOOKUP_TEXT];

	lookup_enter(d, loss->netns, enter);
	if (!rule) {
		if (chain->iptables)
			finding_remedy(finding, "%s%s -P %s ACCEPT", enter, rule_tool(chain),
				       chain->name);
		else
			finding_remedy(finding, "%snft chain %s %s %s '{ policy accept; }'", enter,
				       nft_family(chain->family), chain->table, chain->name);
		return;
	}
	if (!chain->iptables)
		finding_remedy(finding, "%snft delete rule %s %s %s handle %llu", enter,
			       nft_family(chain->family), chain->table, chain->name,
			       (unsigned long long)rule->handle);
	else if (rule->text && !strncmp(rule->text, "-A ", 3))
		finding_remedy(finding, "%s%s -t %s -D %s", enter, rule_tool(chain), chain->table,
			       rule->text + 3);
	else
		finding_remedy(finding, "%s%s -t %s -D %s %u", enter, rule_tool(chain),
			       chain->table, chain->name, rule->index);
}

/* A rule that keeps some packets of the connection from conntrack, which then calls the others INVALID. */
static const struct filter_rule *untracking_rule(const struct hook_loss *loss,
						 const struct filter_chain **in)
{
	struct rule_walk_query query = {.hook = "PREROUTING"};

	if (!loss->ns || !loss->about.flow)
		return NULL;
	for (int way = 0; way < 2; way++) {
		const struct tuple *tuple = &loss->about.flow->tuples[0];

		query.tuple = *tuple;
		if (way) {
			query.tuple.src = tuple->dst;
			query.tuple.dst = tuple->src;
			query.tuple.sport = tuple->dport;
			query.tuple.dport = tuple->sport;
		}
		array_each(chain, &loss->ns->rules.chains) {
			if (filter_chain_of_service(chain))
				continue;
			array_each(rule, &ruleset_chain(&loss->ns->rules, chain)->rules) {
				if (!rule->text || !strcasestr(rule->text, "notrack") ||
				    !rule_match(&loss->ns->rules, chain, rule, &query))
					continue;
				*in = chain;
				return rule;
			}
		}
	}
	return NULL;
}

/* True when it is known what makes them INVALID. */
static bool invalid_remedy(struct finding *finding, const struct diagnosis *d,
			   const struct hook_loss *loss)
{
	const struct filter_chain *chain = NULL;
	const struct filter_rule *rule = untracking_rule(loss, &chain);
	long loose = 1;

	if (rule) {
		finding_evidence(finding, "fact a rule keeps packets of it from conntrack: %.250s",
				 rule->text);
		rule_remedy(finding, d, loss, chain, rule);
	}
	if (loss->ns &&
	    facts_sysctl(d->facts, loss->ns, "net.netfilter.nf_conntrack_tcp_loose", &loose) &&
	    !loose)
		finding_remedy(finding, "sysctl -w net.netfilter.nf_conntrack_tcp_loose=1");
	if (rule)
		return true;
	finding_remedy(finding, "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1");
	finding_remedy(finding, "# and look why conntrack does not know it: packets on two paths, "
				"a full table");
	return false;
}

/* The receiver that never saw it, "pod default/web" or an address. */
static const char *receiver(const struct diagnosis *d, const struct hook_loss *loss,
			    char buffer[LOOKUP_TEXT])
{
	return lookup_holder(d, loss->dst, buffer);
}

static struct finding *loss_finding(struct diagnosis *d, struct finding_list *list,
				    const struct hook_loss *loss, const char *id, const char *class,
				    enum basis basis)
{
	const struct filter_chain *chain = loss->blame.chain;
	struct finding *finding = finding_new(list, id, class, SEVERITY_ERROR, basis);
	char holder[LOOKUP_TEXT];

	if (chain)
		finding_key(finding, "%u %.60s %.60s %u%s", loss->netns, chain->table, chain->name,
			    loss->blame.rule ? loss->blame.rule->index : 0,
			    loss->end == CONNECTION_GONE ? " gone" : "");
	else
		finding_key(finding, "%u %s", loss->netns, loss->hook);
	finding_about(finding, loss->about.flow, loss->about.count, loss->about.of);
	finding_where(finding, d, loss->netns, loss->seen ? loss->seen->drop->ifindex : 0);
	if (loss->seen)
		evidence_drop(finding, d, loss->seen);
	finding_evidence(finding, "fact it was meant for %s", receiver(d, loss, holder));
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, loss->netns));
	finding_text(finding, "hook", "%s", loss->hook);
	finding_text(finding, "receiver", "%s", holder);
	return finding;
}

static void blame_evidence(struct finding *finding, const struct diagnosis *d,
			   const struct hook_loss *loss)
{
	const struct rule_blame *blame = &loss->blame;
	char line[600] = "";

	rule_describe(line, sizeof(line), blame->chain, blame->rule);
	finding_evidence(finding, "fact %s", line);
	if (blame->has_growth)
		finding_evidence(finding, "count its counter moved by %llu %s%s",
				 (unsigned long long)blame->growth, evidence_since(d),
				 blame->exact ? ", exactly the packets lost" : "");
	if (blame->others && blame->basis < BLAME_COUNTER)
		finding_evidence(finding, "fact %u other rules could have dropped it, too",
				 blame->others);
	finding_text(finding, "table", "%s", blame->chain->table);
	finding_text(finding, "chain", "%s", blame->chain->name);
	if (blame->rule) {
		finding_text(finding, "rule", "%s", blame->rule->text ? blame->rule->text : line);
		finding_number(finding, "rule_number", blame->rule->index);
	} else {
		finding_text(finding, "policy", "DROP");
	}
}

static enum basis basis_of(const struct rule_blame *blame)
{
	return blame->basis == BLAME_ONLY_CANDIDATE ? BASIS_STATE : BASIS_SEEN;
}

/* A Service that kube-proxy refuses because nothing is behind it. True when that was it. */
static bool explain_service(struct diagnosis *d, struct finding_list *list,
			    const struct hook_loss *loss)
{
	const struct flow *flow = loss->about.flow;
	struct tuple tuple = flow ? flow->tuples[0] : loss->query.tuple;
	struct service_info info = {0};
	struct finding *finding;
	char end[LOOKUP_TEXT], name[320];

	if (loss->blame.rule && !strstr(loss->blame.chain->name, "KUBE") &&
	    loss->blame.chain->iptables)
		return false;
	if (!loss->ns ||
	    !service_lookup(&loss->ns->rules, tuple.dst, tuple.proto, tuple.dport, &info))
		return false;
	if (!info.no_endpoints && !info.local_only)
		return false;
	endpoint_text(tuple.dst, tuple.dport, end);
	text_copy(name, sizeof(name), info.name[0] ? info.name : end);
	if (strchr(name, '/') && strrchr(name, ':') > strchr(name, '/'))
		*strrchr(name, ':') = '\0';
	finding = loss_finding(d, list, loss,
			       info.local_only ? "nodeport-refused" : "service-no-endpoints",
			       "service", BASIS_SEEN);
	if (info.local_only)
		finding_summary(
			finding,
			"%s of Service %.200s has externalTrafficPolicy Local and no endpoint "
			"on this node.",
			end, name);
	else
		finding_summary(finding, "Service %.200s (%s) has no ready endpoint.", name, end);
	if (loss->blame.chain)
		blame_evidence(finding, d, loss);
	finding_text(finding, "service", "%s", name);
	finding_text(finding, "address", "%s", end);
	finding_number(finding, "port", tuple.dport);
	if (info.rule && info.rule->text)
		finding_text(finding, "rule", "%s", info.rule->text);
	finding_remedy(finding, "kubectl -n %.*s get endpointslices,pods -o wide",
		       strchr(name, '/') ? (int)(strchr(name, '/') - name) : 7,
		       strchr(name, '/') ? name : "default");
	finding_remedy(finding, "# the Service's selector must match pods that are Ready");
	return true;
}

static void policy_drop(struct diagnosis *d, struct finding_list *list,
			const struct hook_loss *loss, const struct chain_owner *owner)
{
	struct finding *finding =
		loss_finding(d, list, loss, "network-policy-drop", CLASS, basis_of(&loss->blame));
	const char *chain = loss->blame.chain->name;
	char holder[LOOKUP_TEXT];

	finding_summary(finding,
			"A NetworkPolicy (%s) drops packets for %.200s in chain %.64s%s%s.",
			owner->engine, receiver(d, loss, holder), chain,
			owner->policy[0] ? ", " : "", owner->policy);
	blame_evidence(finding, d, loss);
	finding_text(finding, "engine", "%s", owner->engine);
	finding_text(finding, "policy", "%s", owner->policy[0] ? owner->policy : chain);
	finding_text(finding, "pod", "%s", lookup_pod_of(d, loss->dst));
	finding_remedy(finding, "kubectl get networkpolicy -A -o wide");
	finding_remedy(finding,
		       "# allow this traffic in the policy; deleting the engine's rule does not "
		       "last");
}

static bool blames_invalid(const struct hook_loss *loss)
{
	return loss->blame.rule && loss->blame.rule->ct_state == RULE_CT_INVALID;
}

static bool is_syn_ack(const struct packet *packet)
{
	return packet->proto == IPPROTO_TCP &&
	       (packet->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) ==
		       (PACKET_TCP_SYN | PACKET_TCP_ACK);
}

/* What a monitor can say of an INVALID segment, by what its receiver still has of the connection. */
static void invalid_to_a_monitor(struct finding *finding, struct diagnosis *d,
				 const struct hook_loss *loss)
{
	char holder[LOOKUP_TEXT];

	receiver(d, loss, holder);
	if (loss->end == CONNECTION_GONE) {
		finding->severity = SEVERITY_INFO;
		finding_evidence(finding, "fact %s has no such connection any more", holder);
		finding_remedy(finding,
			       "# nothing, if it ends: answers are repeated for a while to "
			       "who has given up");
		return;
	}
	if (loss->end == CONNECTION_WAITS)
		finding_evidence(finding, "fact %s still waits for this answer", holder);
	else if (loss->end == CONNECTION_LIVES)
		finding_evidence(finding, "fact the connection lives at %s", holder);
	if (!invalid_remedy(finding, d, loss) && loss->end != CONNECTION_WAITS)
		finding->severity =
			SEVERITY_WARNING; /* it may be repeated for a client that has gone */
}

static void rule_drop(struct diagnosis *d, struct finding_list *list, const struct hook_loss *loss)
{
	const struct rule_blame *blame = &loss->blame;
	bool rejects = blame->verdict == RULE_REJECT;
	bool invalid = blames_invalid(loss);
	bool policy = !blame->rule && !strcmp(loss->hook, "FORWARD");
	struct finding *finding;
	char owner[LOOKUP_TEXT], holder[LOOKUP_TEXT], line[400] = "";

	lookup_owner(d, loss->netns, owner);
	rule_describe(line, sizeof(line), blame->chain, blame->rule);
	finding = loss_finding(d, list, loss,
			       invalid   ? "conntrack-invalid"
			       : policy  ? "forward-policy-drop"
			       : rejects ? "netfilter-reject"
					 : "netfilter-drop",
			       invalid ? "overload" : CLASS, basis_of(blame));
	if (invalid)
		finding_summary(finding,
				"Conntrack calls packets for %.100s INVALID and %.250s drops them.",
				receiver(d, loss, holder), line);
	else if (policy)
		finding_summary(finding,
				"The policy of chain %.64s in %.100s is DROP and no rule accepts "
				"packets for %.100s.",
				blame->chain->name, owner, receiver(d, loss, holder));
	else
		finding_summary(finding, "A rule in %.100s %s packets for %.100s: %.250s", owner,
				rejects ? "rejects" : "drops", receiver(d, loss, holder), line);
	blame_evidence(finding, d, loss);
	if (rejects && blame->rule) {
		finding_text(finding, "answer", "%s",
			     blame->rule->reject_with[0] ? blame->rule->reject_with
							 : "icmp-port-unreachable");
		finding_evidence(finding, "seen it %s answered with %s",
				 loss->seen && loss->seen->dropped->answered ? "was" : "is",
				 blame->rule->reject_with[0] ? blame->rule->reject_with
							     : "an ICMP error");
	}
	if (invalid && d->drops_only)
		invalid_to_a_monitor(finding, d, loss);
	else if (invalid)
		invalid_remedy(finding, d, loss);
	else
		rule_remedy(finding, d, loss, blame->chain, blame->rule);
}

static void unnamed_drop(struct diagnosis *d, struct finding_list *list,
			 const struct hook_loss *loss)
{
	struct finding *finding = loss_finding(d, list, loss, "netfilter-drop", CLASS, BASIS_SEEN);
	char owner[LOOKUP_TEXT], holder[LOOKUP_TEXT], enter[LOOKUP_TEXT];

	const struct witness_info *said = witnessed(loss);

	finding_gap(finding);
	if (said)
		finding_text(finding, "table", "%s", said->text[0]);
	else
		finding_gap(finding);
	if (said && said->text[1][0])
		finding_text(finding, "chain", "%s", said->text[1]);
	finding_summary(
		finding,
		"Netfilter in %.100s drops packets for %.100s%s%s; which rule it is could not "
		"be told.",
		lookup_owner(d, loss->netns, owner), receiver(d, loss, holder),
		loss->hook[0] ? " at " : "", loss->hook);
	lookup_enter(d, loss->netns, enter);
	finding_remedy(finding, "%siptables-save -c | grep -E 'DROP|REJECT'", enter);
	finding_remedy(finding, "%snft list ruleset | grep -E 'drop|reject'", enter);
}

/*
 * A late segment of a connection that began before the trace: KUBE-FORWARD drops such on every node. To a monitor, which
 * sees no SYN that passes, all connections seem to have begun before; there a SYN-ACK tells of one that is being made,
 * and the receiver's socket of one that lives. Where neither does the row is counted, and no finding made of it.
 */
static bool is_straggler(const struct diagnosis *d, const struct hook_loss *loss)
{
	const struct flow *flow = loss->about.flow;

	if (loss->end == CONNECTION_LIVES || loss->end == CONNECTION_WAITS)
		return false;
	if (d->drops_only && loss->seen && is_syn_ack(&loss->seen->drop->packet))
		return false;
	return flow && flow->proto == IPPROTO_TCP && !flow->forward.syns && !flow->established &&
	       blames_invalid(loss);
}

static void end_find(struct diagnosis *d, struct hook_loss *loss)
{
	const struct packet *packet = &loss->seen->drop->packet;
	const struct filter_chain *chain;
	struct tuple segment = {.src = address_make(packet->ip_version, packet->src),
				.dst = loss->dst,
				.sport = packet->sport,
				.dport = packet->dport,
				.proto = packet->proto};

	loss->end = connection_end(d, &segment);
	/* why is known: nothing is to be made of who has given up since */
	if (loss->end == CONNECTION_GONE && untracking_rule(loss, &chain))
		loss->end = CONNECTION_UNKNOWN;
}

static void explain_loss(struct diagnosis *d, struct finding_list *list, struct hook_loss *loss)
{
	struct chain_owner owner = {0};
	const struct rule_blame *blame = &loss->blame;

	blame_rule(d, loss);
	if (d->drops_only && loss->seen && blames_invalid(loss))
		end_find(d, loss);
	if (is_straggler(d, loss))
		return;
	if (loss->seen && blame->basis < BLAME_WALK && conntrack_explain(d, list, loss->seen))
		return;
	if (explain_service(d, list, loss))
		return;
	if (blame->basis == BLAME_NONE || !blame->chain) {
		unnamed_drop(d, list, loss);
		return;
	}
	if (policy_chain_owner(blame->chain->name, &owner) && owner.network_policy)
		policy_drop(d, list, loss, &owner);
	else
		rule_drop(d, list, loss);
}

void netfilter_explain(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct hook_loss loss = {
		.about = concern_of(seen),
		.seen = seen,
		.netns = drop->netns,
		.ns = seen->ns,
		.dst = address_make(drop->packet.ip_version, drop->packet.dst),
	};

	/* An error message that is filtered is not the loss itself; who sent the packet it quotes is told by the other rules. */
	if (packet_is_icmp_error(&drop->packet))
		return;
	query_of_drop(d, drop, &loss.query);
	query_narrow(&loss.query, &loss);
	explain_loss(d, list, &loss);
}

void netfilter_refusal(struct diagnosis *d, struct finding_list *list,
		       const struct refusal *refusal)
{
	struct hook_loss loss = {
		.about = {.count = refusal->count, .of = refusal->count, .basis = BASIS_SEEN},
		.netns = refusal->netns,
		.ns = facts_netns(d->facts, refusal->netns),
		.query = {.tuple = refusal->tuple},
		.dst = refusal->tuple.dst,
	};

	loss.query.family = refusal->tuple.dst.version;
	explain_loss(d, list, &loss);
}
