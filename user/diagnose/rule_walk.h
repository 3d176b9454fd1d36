/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rules do with a packet: walks a ruleset as the kernel does, in three values,
 * for some conditions (ipset, limit, owner …) cannot be decided from outside. Beside it
 * what follows from it: which rule dropped, and what kube-proxy's rules say of a Service.
 * Pure: reads rulesets, never the node. All pointers lead into the ruleset given.
 */
#ifndef CNITRACE_DIAGNOSE_RULE_WALK_H
#define CNITRACE_DIAGNOSE_RULE_WALK_H

#include "node/facts.h"

#define RULE_WALK_CANDIDATES 32
#define RULE_WALK_PATH 8
#define SERVICE_ENDPOINTS 64

struct rule_walk_query {
	struct packet packet; /* as it enters the hook; ip_version 0: `tuple` is used instead */
	struct tuple tuple;
	/* "" unknown; where the hook has no such device (iif of OUTPUT, oif of INPUT) it matches none. */
	char iif[16], oif[16];
	char hook[16]; /* "PREROUTING", …, as in filter_chain */
	uint8_t family; /* 4, 6; 0: the packet's */
	uint8_t ct_state; /* RULE_CT_* it may have, 0 unknown */
	uint32_t mark;
	bool has_mark; /* false: the mark is unknown (0 is likely, but not sure) */
	int8_t dst_local; /* 1 the destination is an address of this namespace, -1 it is not, 0 unknown */
	/* Where a probe saw it dropped: no rule beyond that table (NULL: any) and base chain (NULL: any) did it. */
	const char *seen_table, *seen_chain;
	bool seen_legacy; /* that table is of iptables (legacy), not of nftables */
};

struct rule_candidate {
	const struct filter_chain *chain;
	const struct filter_rule *rule; /* NULL: the chain's policy */
	enum rule_verdict verdict; /* RULE_DROP or RULE_REJECT */
	double likelihood; /* 0 … 1 */
};

struct rule_endpoint {
	struct address
		address; /* version 0: the packet's own destination (redirect, or not decoded) */
	uint16_t port;
	double likelihood;
};

struct rule_walk_result {
	enum rule_verdict verdict; /* most likely: RULE_ACCEPT, RULE_DROP or RULE_REJECT */
	bool definite; /* no undecided rule could change it */
	double likelihood;
	const struct filter_chain *chain; /* that gave it: for ACCEPT the last chain that decided */
	const struct filter_rule *rule; /* NULL: a policy, or no rule at all */
	struct rule_candidate candidates[RULE_WALK_CANDIDATES]; /* drops, most likely first */
	uint8_t candidate_count;
	/* Destination NAT at this hook. */
	bool dnat;
	double dnat_likelihood;
	struct rule_endpoint endpoints[SERVICE_ENDPOINTS];
	uint8_t endpoint_count;
	char path[RULE_WALK_PATH][64]; /* chains entered on the way to the first endpoint */
	uint8_t path_len;
	char comment[256]; /* of the first rule on that way that carries one */
};

/* Never fails: an empty ruleset accepts. */
void rule_walk(const struct ruleset *ruleset, const struct rule_walk_query *query,
	       struct rule_walk_result *result);

/* Does the rule match? 0 no, 1 yes, between: its likelihood where it is undecided. */
double rule_match(const struct ruleset *ruleset, const struct filter_chain *chain,
		  const struct filter_rule *rule, const struct rule_walk_query *query);

enum blame_basis {
	BLAME_NONE, /* no rule can have done it */
	BLAME_ONLY_CANDIDATE, /* the only rule, or the likeliest, that may have */
	BLAME_WALK, /* the walk leads to it without doubt */
	BLAME_COUNTER, /* its counter moved by at least the packets lost */
};

struct rule_blame {
	const struct filter_chain *chain;
	const struct filter_rule *rule; /* NULL: the chain's policy */
	enum rule_verdict verdict; /* RULE_DROP or RULE_REJECT */
	enum blame_basis basis;
	bool has_growth; /* growth is known: there was a ruleset before, and a counter */
	uint64_t growth;
	bool exact; /* the counter moved by just that number */
	uint8_t others; /* further rules that may have done it */
};

/*
 * Which rule dropped or rejected `drops` packets like the query's between the two
 * readings (before may be NULL). False when none can have: basis is BLAME_NONE.
 */
bool rule_blame(const struct ruleset *before, const struct ruleset *now,
		const struct rule_walk_query *query, uint64_t drops, struct rule_blame *blame);
/* How far a rule's (rule NULL: the policy's) counter moved. False when it cannot be told. */
bool rule_growth(const struct ruleset *before, const struct filter_chain *chain,
		 const struct filter_rule *rule, uint64_t *growth);
/* "filter/FORWARD rule 3: -A FORWARD … -j DROP", or "… policy DROP". */
void rule_describe(char *dst, size_t size, const struct filter_chain *chain,
		   const struct filter_rule *rule);

enum service_mode { SERVICE_NONE, SERVICE_IPTABLES, SERVICE_NFTABLES, SERVICE_IPVS };
/* "iptables", "nftables", "ipvs", "none" */
const char *service_mode_name(enum service_mode mode);

struct service_info {
	enum service_mode mode;
	char name
		[320]; /* "ns/name:port" as kube-proxy's comment (or chain name) says, "" not said */
	struct address address; /* version 0: found as a NodePort */
	uint8_t proto;
	uint16_t port;
	bool node_port;
	bool no_endpoints; /* a rule rejects or drops it because nothing is ready */
	bool local_only; /* externalTrafficPolicy: Local without a local endpoint: dropped */
	struct rule_endpoint endpoints[SERVICE_ENDPOINTS];
	uint8_t endpoint_count;
	const struct filter_chain *chain; /* of `rule` */
	const struct filter_rule
		*rule; /* that catches the Service (or rejects it), NULL a map's element */
};

/* The Service at that ClusterIP (or external address), else at that NodePort. False: none. */
bool service_lookup(const struct ruleset *ruleset, struct address address, uint8_t proto,
		    uint16_t port, struct service_info *info);
/* kube-proxy's chains: SERVICE_NONE when there are none at all. */
enum service_mode service_any_rules(const struct ruleset *ruleset);
/* Lowest and highest ClusterIP of one family seen in the rules. False: none. */
bool service_cluster_addresses(const struct ruleset *ruleset, uint8_t version, struct address *min,
			       struct address *max);

struct chain_owner {
	const char *
		engine; /* "Calico", "kube-router", "Weave Net", "Antrea", "Docker", "ufw", "firewalld", "kube-proxy" */
	bool network_policy; /* a NetworkPolicy engine */
	char policy
		[64]; /* what its name says: "shop/deny-all", "workload cali1234 ingress", "" nothing */
};

/* Whose chain it is by its name. False: nobody's known. */
bool policy_chain_owner(const char *chain_name, struct chain_owner *owner);

#endif
