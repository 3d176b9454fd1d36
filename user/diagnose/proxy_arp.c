/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pod whose gateway is nobody's address (Calico's 169.254.1.1): the host's end of its veth
 * answers ARP in its stead, as long as proxy_arp and forwarding are on there (arp_process
 * of net/ipv4/arp.c asks for both). Judges that one device's settings, nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "diagnose/causes.h"

static bool is_off(struct diagnosis *d, const struct link *port, const char *key, char name[96])
{
	long value;

	snprintf(name, 96, "net.ipv4.conf.%s.%s", port->name, key);
	return facts_sysctl(d->facts, lookup_node(d), name, &value) && !value;
}

static struct finding *forwarding_off(struct diagnosis *d, struct finding_list *list,
				      const struct concern *about, const struct link *port,
				      const char *sysctl)
{
	struct finding *finding = finding_new(list, "ip-forward-disabled", "unreachable",
					      SEVERITY_ERROR, about->basis);
	char name[128];

	finding_key(finding, "%u %s", d->facts->node_netns, sysctl);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, d->facts->node_netns, port->ifindex);
	finding_summary(finding,
			"%s is 0: %s forwards nothing, and does not answer for the pod's gateway.",
			sysctl, port->name);
	finding_evidence(finding, "fact %s = 0", sysctl);
	finding_text(finding, "sysctl", "%s", sysctl);
	finding_text(finding, "namespace", "node");
	finding_number(finding, "found", 0);
	finding_number(finding, "expected", 1);
	finding_remedy(finding, "sysctl -w %s=1", sysctl_name(sysctl, name));
	return finding;
}

struct finding *proxy_explain(struct diagnosis *d, struct finding_list *list,
			      const struct concern *about, const struct pod *pod,
			      struct address gateway)
{
	const struct link *port = lookup_link(d, d->facts->node_netns, pod->host_ifindex);
	struct finding *finding;
	char forwarding[96], proxy[96], text[ADDRESS_TEXT], name[128];
	struct address own;

	/* An address that the node has is answered for without a proxy, and on a bridge the bridge has it. */
	if (!port || port->master || gateway.version != 4 ||
	    (!address_is_link_local(gateway) && lookup_node_address(d, 4, &own) &&
	     address_equal(own, gateway)))
		return NULL;
	if (is_off(d, port, "forwarding", forwarding))
		return forwarding_off(d, list, about, port, forwarding);
	if (!is_off(d, port, "proxy_arp", proxy))
		return NULL;
	finding =
		finding_new(list, "neighbour-failed", "unreachable", SEVERITY_ERROR, about->basis);
	address_text(gateway, text);
	finding_key(finding, "%u %s", pod->netns, text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, pod->netns, 0);
	if (finding)
		snprintf(finding->device, sizeof(finding->device), "%s", pod->ifname);
	finding_summary(finding,
			"Nobody answers ARP for %s, the gateway of pod %.120s/%.120s: %s is 0, and "
			"the address is no one's own.",
			text, pod->namespace, pod->name, proxy);
	finding_evidence(finding, "fact %s = 0", proxy);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "device", "%s", pod->ifname);
	finding_text(finding, "sysctl", "%s", proxy);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, pod->netns));
	finding_number(finding, "found", 0);
	finding_number(finding, "expected", 1);
	finding_remedy(finding, "sysctl -w %s=1", sysctl_name(proxy, name));
	return finding;
}
