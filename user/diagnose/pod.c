/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pod's own configuration against what its CNI result says it was given: address, prefix,
 * gateway, default route; and an address that two namespaces hold. It does not know whether
 * the CNI result itself was right.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"

#define CLASS "unreachable"

static struct finding *config_finding(struct diagnosis *d, struct finding_list *list,
				      const struct concern *about, const struct pod *pod,
				      const char *what, const char *expected, const char *found)
{
	struct finding *finding =
		finding_new(list, "pod-config", CLASS, SEVERITY_ERROR, about->basis);

	finding_key(finding, "%u %s", pod->netns, what);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, pod->netns, 0);
	if (finding)
		text_copy(finding->device, sizeof(finding->device), pod->ifname);
	finding_summary(finding,
			"The %s of pod %.128s/%.128s is %s, its CNI configuration says %s.", what,
			pod->namespace, pod->name, found, expected);
	finding_evidence(finding, "fact %s of %s: expected %s, found %s", what, pod->ifname,
			 expected, found);
	finding_text(finding, "what", "%s", what);
	finding_text(finding, "expected", "%s", expected);
	finding_text(finding, "found", "%s", found);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, pod->netns));
	return finding;
}

static const struct route *pod_default(struct diagnosis *d, struct netns_facts *ns, uint8_t version)
{
	if (!facts_need(d->facts, ns, FACT_ROUTES))
		return NULL;
	array_each(route, &ns->routes) {
		if (route_is_default(route) && route->dst.version == version && route->type == 1)
			return route;
	}
	return NULL;
}

/*
 * The gateway that the pod was given. Calico's result names none: all its pods have the same, which the host's
 * end of the veth answers for (proxy ARP).
 */
static struct address pod_gateway(const struct pod *pod, uint8_t version)
{
	static const uint8_t calico[4] = {169, 254, 1, 1};

	if (version == 6)
		return pod->gateway6;
	if (!pod->gateway.version && !strncmp(pod->host_name, "cali", 4))
		return address_make(4, calico);
	return pod->gateway;
}

/* The pod's address as it has it now: found when the CNI's own is there, else the first global one. */
static struct finding *address_explain(struct diagnosis *d, struct finding_list *list,
				       const struct concern *about, const struct pod *pod,
				       struct netns_facts *ns, unsigned which)
{
	const struct link_address *found = NULL;
	struct address given = pod->addresses[which], gateway = pod_gateway(pod, given.version);
	unsigned length = pod->prefix_len[which];
	char expected[80], have[80], text[ADDRESS_TEXT], enter[LOOKUP_TEXT];
	struct finding *finding;

	array_each(entry, &ns->addresses) {
		if (entry->address.version != given.version || entry->scope >= 253)
			continue;
		if (address_equal(entry->address, given)) {
			found = entry;
			break;
		}
		if (!found)
			found = entry;
	}
	snprintf(expected, sizeof(expected), "%s/%u", address_text(given, text), length);
	snprintf(have, sizeof(have), "none");
	if (found)
		snprintf(have, sizeof(have), "%s/%u", address_text(found->address, text),
			 found->prefix_len);
	if (!strcmp(expected, have))
		return NULL;
	if (found && address_equal(found->address, given) && !length)
		return NULL;
	finding = config_finding(d, list, about, pod, "address", expected, have);
	lookup_enter(d, pod->netns, enter);
	if (found)
		finding_remedy(finding, "%sip address del %s dev %s", enter, have, pod->ifname);
	finding_remedy(finding, "%sip address add %s dev %s", enter, expected, pod->ifname);
	if (gateway.version)
		finding_remedy(finding, "%sip route replace default via %s dev %s", enter,
			       address_text(gateway, text), pod->ifname);
	return finding;
}

static struct finding *gateway_explain(struct diagnosis *d, struct finding_list *list,
				       const struct concern *about, const struct pod *pod,
				       struct netns_facts *ns, uint8_t version)
{
	const struct route *route = pod_default(d, ns, version);
	struct address gateway = pod_gateway(pod, version);
	char expected[ADDRESS_TEXT], found[ADDRESS_TEXT], enter[LOOKUP_TEXT];
	struct finding *finding;

	if (!gateway.version || !(ns->known & FACT_ROUTES))
		return NULL;
	if (route && (!route->gateway.version || address_equal(route->gateway, gateway)))
		return NULL;
	address_text(gateway, expected);
	if (route)
		address_text(route->gateway, found);
	else
		text_copy(found, sizeof(found), "missing");
	finding = config_finding(d, list, about, pod, route ? "default gateway" : "default route",
				 expected, found);
	finding_remedy(finding, "%sip route replace default via %s dev %s",
		       lookup_enter(d, pod->netns, enter), expected, pod->ifname);
	return finding;
}

/* The first address of each version is the pod's own; more may be of further interfaces. */
static bool is_first(const struct pod *pod, unsigned which)
{
	for (unsigned i = 0; i < which; i++) {
		if (pod->addresses[i].version == pod->addresses[which].version)
			return false;
	}
	return true;
}

struct finding *pod_config_explain(struct diagnosis *d, struct finding_list *list,
				   const struct concern *about, const struct pod *pod)
{
	struct netns_facts *ns = facts_netns(d->facts, pod->netns);
	struct finding *finding = NULL;

	if (!ns || pod->host_network || !pod->address_count ||
	    !facts_need(d->facts, ns, FACT_ADDRESSES | FACT_LINKS))
		return NULL;
	/* A device that is down loses its routes: that is link-down's to say. */
	array_each(link, &ns->links) {
		if (!(link->flags & IFF_LOOPBACK) && !strcmp(link->name, pod->ifname) &&
		    !(link->flags & IFF_UP))
			return NULL;
	}
	for (unsigned i = 0; i < pod->address_count && !finding; i++) {
		if (!is_first(pod, i))
			continue;
		finding = address_explain(d, list, about, pod, ns, i);
		if (!finding)
			finding =
				gateway_explain(d, list, about, pod, ns, pod->addresses[i].version);
	}
	return finding;
}
