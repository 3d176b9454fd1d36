// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose chain is it: programs that manage rules name their chains in their own way, and
 * for NetworkPolicy engines part of the policy is in the name.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/rule_walk.h"

struct owner_prefix {
	const char *prefix, *engine,
		*policy; /* policy: format with the rest of the name, "" none */
	bool network_policy;
};

static const struct owner_prefix prefixes[] = {
	{"cali-tw-", "Calico", "ingress of workload %s", true},
	{"cali-fw-", "Calico", "egress of workload %s", true},
	{"cali-pi-", "Calico", "ingress policy %s", true},
	{"cali-po-", "Calico", "egress policy %s", true},
	{"cali-pri-", "Calico", "ingress profile %s", true},
	{"cali-pro-", "Calico", "egress profile %s", true},
	{"cali-th-", "Calico", "to host endpoint %s", true},
	{"cali-fh-", "Calico", "from host endpoint %s", true},
	{"cali-", "Calico", "", true},
	{"KUBE-POD-FW-", "kube-router", "firewall of pod %s", true},
	{"KUBE-NWPLCY-DEFAULT", "kube-router", "default policy", true},
	{"KUBE-NWPLCY-", "kube-router", "policy %s", true},
	{"KUBE-ROUTER-", "kube-router", "", true},
	{"WEAVE-NPC-INGRESS", "Weave Net", "ingress policies", true},
	{"WEAVE-NPC-EGRESS", "Weave Net", "egress policies", true},
	{"WEAVE-NPC-DEFAULT", "Weave Net", "namespaces without policy", true},
	{"WEAVE-NPC", "Weave Net", "", true},
	{"ANTREA-POL-", "Antrea", "policy %s", true},
	{"ANTREA-", "Antrea", "", true},
	{"CILIUM_", "Cilium", "", false},
	{"DOCKER-", "Docker", "", false},
	{"ufw6-", "ufw", "", false},
	{"ufw-", "ufw", "", false},
	{"KUBE-", "kube-proxy", "", false},
	{"CNI-", "CNI plugin", "", false},
	{"FLANNEL-", "flannel", "", false},
	{"filter_FWD", "firewalld", "", false},
	{"filter_IN", "firewalld", "", false},
	{"FORWARD_direct", "firewalld", "", false},
};

bool policy_chain_owner(const char *chain_name, struct chain_owner *owner)
{
	*owner = (struct chain_owner){0};
	if (!strcmp(chain_name, "DOCKER")) {
		owner->engine = "Docker";
		return true;
	}
	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		const struct owner_prefix *prefix = &prefixes[i];
		const char *rest = chain_name + strlen(prefix->prefix);
		const char *mark = strstr(prefix->policy, "%s");

		if (strncmp(chain_name, prefix->prefix, strlen(prefix->prefix)))
			continue;
		owner->engine = prefix->engine;
		owner->network_policy = prefix->network_policy;
		snprintf(owner->policy, sizeof(owner->policy), "%.*s%s",
			 mark ? (int)(mark - prefix->policy) : (int)strlen(prefix->policy),
			 prefix->policy, mark ? rest : "");
		return true;
	}
	return false;
}
