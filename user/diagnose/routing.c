/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unreachable because of routing: no route, a route that refuses, forwarding switched off,
 * the reverse-path filter. It reads the tables of the namespace the packet died in; loops are
 * hop_limit.c's.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/pod_network.h"
#include "diagnose/routing.h"

#define CLASS "unreachable"

const char *sysctl_name(const char *name, char buffer[128])
{
	unsigned dots = 0, at = 0;

	/* net.ipv4.conf.DEVICE.key: "flannel.1" would be read as two directories. */
	for (const char *c = name; *c; c++)
		dots += *c == '.';
	text_copy(buffer, 128, name);
	if (dots <= 4 ||
	    (strncmp(name, "net.ipv4.conf.", 14) && strncmp(name, "net.ipv6.conf.", 14)))
		return buffer;
	for (char *c = buffer; *c; c++) {
		if (*c == '.' && (++at <= 3 || at == dots))
			*c = '/';
	}
	return buffer;
}

static void no_route_remedy(struct finding *finding, const struct diagnosis *d, uint32_t netns,
			    const struct route *route, const char *dst)
{
	const struct pod *pod = lookup_pod(d, netns);
	char enter[LOOKUP_TEXT], text[LOOKUP_TEXT], gateway[ADDRESS_TEXT];
	struct netns_facts *ns = facts_netns(d->facts, netns);

	lookup_enter(d, netns, enter);
	if (route && ns && route->type > 3) {
		finding_remedy(finding, "%sip route del %s", enter, route_text(d, ns, route, text));
		return;
	}
	if (pod && pod->gateway.version) {
		finding_remedy(finding, "%sip route replace default via %s", enter,
			       address_text(pod->gateway, gateway));
		return;
	}
	finding_remedy(finding, "%sip route get %s", enter, dst);
	finding_remedy(finding,
		       "# add the missing route; which router leads to %s, a node that reaches it "
		       "says:  ip route get %s",
		       dst, dst);
}

/* An "ip rule" that refuses packets for dst by itself: blackhole, unreachable, prohibit. */
static const struct policy_rule *refusing_rule(const struct netns_facts *ns, struct address dst)
{
	array_each(rule, &ns->policy_rules) {
		if (rule->action < 6 || rule->action > 8 || rule->invert)
			continue;
		if (!rule->dst_len || address_in(dst, rule->dst, rule->dst_len))
			return rule;
	}
	return NULL;
}

/* Not an address of a further interface (Multus), whose host's end is another device. */
static bool is_on_veth(struct diagnosis *d, const struct pod *pod, struct address address)
{
	struct netns_facts *ns = facts_netns(d->facts, pod->netns);

	if (!ns || !facts_need(d->facts, ns, FACT_ADDRESSES | FACT_LINKS))
		return false;
	array_each(entry, &ns->addresses) {
		const struct link *link = facts_link(d->facts, ns, entry->ifindex);

		if (link && !strcmp(link->name, pod->ifname) &&
		    address_equal(entry->address, address))
			return true;
	}
	return false;
}

/*
 * Without a bridge each pod has a route of its own (Calico, the cloud CNIs): without it the route of the whole
 * block, or the default route, takes its packets.
 */
struct finding *pod_route_explain(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns, struct address dst)
{
	const struct pod *pod = facts_pod_of_address(d->facts, dst);
	struct netns_facts *node = lookup_node(d);
	const struct link *port;
	const struct route *route;
	struct finding *finding;
	char text[ADDRESS_TEXT], line[LOOKUP_TEXT];

	if (!pod || pod->host_network || !lookup_is_node(d, netns) || !is_on_veth(d, pod, dst))
		return NULL;
	port = lookup_link(d, netns, pod->host_ifindex);
	route = lookup_route(d, node, dst);
	if (!port || port->master ||
	    (route && route->ifindex && route->type == 1 && !route_is_default(route)))
		return NULL;
	/* The route goes with the device: then that is the cause. */
	finding = port_explain(d, list, about, pod);
	if (finding)
		return finding;
	finding = finding_new(list, "no-route", CLASS, SEVERITY_ERROR, about->basis);
	address_text(dst, text);
	finding_key(finding, "pod %s", text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, port->ifindex);
	finding_summary(finding, "The node has no route to its own pod %.128s/%.128s: %s by %s.",
			pod->namespace, pod->name, text, port->name);
	if (route)
		finding_evidence(finding, "fact what takes its packets is \"%s\"",
				 route_text(d, node, route, line));
	else
		finding_evidence(finding, "fact no route covers %s", text);
	finding_evidence(finding, "fact %s, the host's end of the pod, is %s", port->name,
			 link_state_text(port));
	finding_text(finding, "destination", "%s", text);
	finding_text(finding, "device", "%s", port->name);
	finding_text(finding, "namespace", "node");
	finding_text(finding, "expected", "%s dev %s scope link", text, port->name);
	finding_remedy(finding, "ip route replace %s dev %s%s", text, port->name,
		       dst.version == 4 ? " scope link" : "");
	return finding;
}

/* Calico routes the node's own block nowhere: what no pod has. The route is right, the address is not. */
static struct finding *nobody_has(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns, struct address dst,
				  const struct route *route)
{
	struct finding *finding =
		finding_new(list, "no-route", CLASS, SEVERITY_ERROR, about->basis);
	char text[ADDRESS_TEXT], line[LOOKUP_TEXT];

	address_text(dst, text);
	route_text(d, facts_netns(d->facts, netns), route, line);
	finding_key(finding, "nobody %s", text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, 0);
	finding_summary(finding,
			"No pod of this node has %s: only the route of the node's own block is "
			"left for it, which goes nowhere.",
			text);
	finding_evidence(finding, "fact \"%s\" is the block's own route, as it should be", line);
	finding_text(finding, "destination", "%s", text);
	finding_text(finding, "namespace", "node");
	finding_text(finding, "route", "%s", line);
	finding_text(finding, "type", "%s", route_type_name(route->type));
	finding_remedy(finding, "kubectl get pods -A -o wide | grep -F %s", text);
	finding_remedy(finding, "# whoever sends to it uses the address of a pod that is gone");
	return finding;
}

struct finding *route_explain(struct diagnosis *d, struct finding_list *list,
			      const struct concern *about, uint32_t netns, struct address dst,
			      bool refused_by_route)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	const struct route *route = lookup_route_flow(d, ns, about->flow, dst);
	char owner[LOOKUP_TEXT], text[ADDRESS_TEXT], line[LOOKUP_TEXT];
	struct finding *finding;
	bool refuses = route && route->type > 3;
	const struct policy_rule *rule = NULL;

	finding = pod_route_explain(d, list, about, netns, dst);
	if (finding)
		return finding;
	if (refuses && route_is_block(route)) {
		/* An endpoint of a Service is service.c's. */
		if (about->flow && about->flow->translated)
			return NULL;
		return nobody_has(d, list, about, netns, dst, route);
	}
	if (!refused_by_route && !refuses && lookup_is_node(d, netns) &&
	    lookup_is_remote_pod(d, dst)) {
		finding = overlay_explain(d, list, about, dst, NULL);
		if (finding)
			return finding;
	}
	if (!refused_by_route && !route && lookup_is_node(d, netns)) {
		finding = uplink_explain(d, list, about);
		if (finding)
			return finding;
	}
	if (!refuses && ns)
		rule = refusing_rule(ns, dst);
	finding = finding_new(list, "no-route", CLASS, SEVERITY_ERROR, about->basis);
	address_text(dst, text);
	lookup_owner(d, netns, owner);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, 0);
	finding_text(finding, "destination", "%s", text);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, netns));
	if (refuses) {
		route_text(d, ns, route, line);
		finding_key(finding, "%u %s", netns, line);
		finding_summary(finding, "A route of %.200s refuses %s: \"%.150s\".", owner, text,
				line);
		finding_evidence(finding, "fact route \"%s\" in table %u of %s", line, route->table,
				 owner);
		finding_text(finding, "route", "%s", line);
		finding_text(finding, "type", "%s", route_type_name(route->type));
		finding_number(finding, "table", route->table);
	} else if (rule) {
		finding_key(finding, "%u rule %u", netns, rule->priority);
		finding_summary(finding,
				"A policy routing rule of %.200s refuses %s: priority %u, %s.",
				owner, text, rule->priority, route_type_name(rule->action));
		finding_evidence(finding, "fact ip rule %u of %s is \"%s\"", rule->priority, owner,
				 route_type_name(rule->action));
		finding_number(finding, "rule", rule->priority);
		finding_text(finding, "type", "%s", route_type_name(rule->action));
		finding_remedy(finding, "%sip rule del priority %u", lookup_enter(d, netns, line),
			       rule->priority);
		return finding;
	} else {
		finding_key(finding, "%u %s", netns, text);
		finding_summary(finding, "No route to %s in %.200s.", text, owner);
		if (ns && (ns->known & FACT_ROUTES))
			finding_evidence(finding, "fact %s has %zu routes, none %s %s", owner,
					 ns->routes.count, route ? "that works for" : "covers",
					 text);
		else
			finding_gap(finding);
		finding_text(finding, "table", "main");
	}
	no_route_remedy(finding, d, netns, refuses ? route : NULL, text);
	return finding;
}

/* A pod that gets packets for an address it does not have: the packet's place is wrong, not forwarding. */
static void misdelivered(struct diagnosis *d, struct finding_list *list,
			 const struct drop_case *seen, const struct pod *pod)
{
	struct address dst = address_make(seen->drop->packet.ip_version, seen->drop->packet.dst);
	struct concern about = concern_of(seen);
	struct finding *finding = pod_config_explain(d, list, &about, pod);
	char text[ADDRESS_TEXT], enter[LOOKUP_TEXT];

	address_text(dst, text);
	if (finding) {
		evidence_drop(finding, d, seen);
		return;
	}
	finding = finding_new(list, "pod-config", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	finding_key(finding, "%u %s", seen->drop->netns, text);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
	finding_summary(finding, "Packets for %s reach pod %.128s/%.128s, which does not have it.",
			text, pod->namespace, pod->name);
	evidence_drop(finding, d, seen);
	finding_text(finding, "expected", "%s", text);
	finding_remedy(finding, "%sip -brief address", lookup_enter(d, seen->drop->netns, enter));
	finding_remedy(finding, "ip neigh show %s", text);
}

/* 1: the sysctl is 0; 0: it is not; -1: unknown. */
static int forwarding_is_off(struct diagnosis *d, struct netns_facts *ns, const char *name)
{
	long value;

	if (!ns || !facts_sysctl(d->facts, ns, name, &value))
		return -1;
	return value == 0;
}

static void forward_finding(struct diagnosis *d, struct finding_list *list,
			    const struct drop_case *seen, const char *sysctl, bool known)
{
	const struct drop *drop = seen->drop;
	struct finding *finding =
		finding_new(list, "ip-forward-disabled", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT], key[128];

	finding_key(finding, "%u %s", drop->netns, sysctl);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, drop->ifindex);
	finding_summary(finding,
			known ? "%s is 0 in %.100s: packets from one device to another are dropped."
			      : "Forwarding is off (%s) in %.100s: packets from one device to "
				"another are dropped.",
			sysctl, lookup_owner(d, drop->netns, owner));
	evidence_drop(finding, d, seen);
	if (known)
		finding_evidence(finding, "fact %s = 0", sysctl);
	else
		finding_gap(finding);
	finding_text(finding, "sysctl", "%s", sysctl);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, drop->netns));
	finding_number(finding, "found", 0);
	finding_number(finding, "expected", 1);
	sysctl_name(sysctl, key);
	finding_remedy(finding, "%ssysctl -w %s=1", lookup_enter(d, drop->netns, enter), key);
	finding_remedy(finding, "# to keep it after a reboot, write %s=1 into /etc/sysctl.d/", key);
}

static void explain_not_forwarded(struct diagnosis *d, struct finding_list *list,
				  const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const struct pod *pod = lookup_pod(d, drop->netns);
	const char *device = lookup_device_name(d, drop->netns, drop->ifindex);
	bool v6 = drop->packet.ip_version == 6;
	const char *global = v6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward";
	char local[96];
	int off;

	if (pod) {
		misdelivered(d, list, seen, pod);
		return;
	}
	if (!device[0])
		device = drop->info.dev_name;
	snprintf(local, sizeof(local), "net.%s.conf.%s.forwarding", v6 ? "ipv6" : "ipv4", device);
	off = forwarding_is_off(d, seen->ns, global);
	if (off == 1) {
		forward_finding(d, list, seen, global, true);
	} else if (forwarding_is_off(d, seen->ns, local) == 1) {
		forward_finding(d, list, seen, local, true);
	} else if (seen->kind == DROP_NOT_FORWARDED && off < 0) {
		forward_finding(d, list, seen, global, false);
	} else if (seen->kind == DROP_HOST_UNREACHABLE) {
		struct concern about = concern_of(seen);

		route_explain(d, list, &about, drop->netns,
			      address_make(drop->packet.ip_version, drop->packet.dst), true);
	}
}

/*
 * Where nothing leads back to the sender, no answer would arrive either, and the filter is a symptom: it drops such
 * packets when it is loose, too (fib_validate_source, net/ipv4/fib_frontend.c).
 */
static bool no_way_back(struct diagnosis *d, struct finding_list *list,
			const struct drop_case *seen, struct address src, const struct route *back)
{
	struct concern about = concern_of(seen);
	struct finding *finding = NULL;

	if (!seen->ns || !facts_need(d->facts, seen->ns, FACT_ROUTES))
		return false;
	if (lookup_is_node(d, seen->drop->netns))
		finding = overlay_explain(d, list, &about, src, NULL);
	if (!finding && (!back || back->type > 3))
		finding = route_explain(d, list, &about, seen->drop->netns, src, back != NULL);
	if (!finding)
		return false;
	evidence_drop(finding, d, seen);
	return true;
}

static void explain_rp_filter(struct diagnosis *d, struct finding_list *list,
			      const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const char *device = lookup_device_name(d, drop->netns, drop->ifindex);
	struct address src = address_make(drop->packet.ip_version, drop->packet.src);
	const struct route *back = lookup_route(d, seen->ns, src);
	struct finding *finding;
	char text[ADDRESS_TEXT], owner[LOOKUP_TEXT], enter[LOOKUP_TEXT], line[LOOKUP_TEXT];
	char name[96], key[128];
	long all = -1, own = -1;

	if (!device[0])
		device = drop->info.dev_name;
	snprintf(name, sizeof(name), "net.ipv4.conf.%s.rp_filter", device);
	if (seen->ns) {
		if (!facts_sysctl(d->facts, seen->ns, "net.ipv4.conf.all.rp_filter", &all))
			all = -1;
		if (!facts_sysctl(d->facts, seen->ns, name, &own))
			own = -1;
	}
	/* A kernel without reasons says the same for other bad sources: then the filter must be on. */
	if ((!drop->reason[0] || drop->derived) && all == 0 && own == 0)
		return;
	if (no_way_back(d, list, seen, src, back))
		return;
	finding = finding_new(list, "rp-filter", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	address_text(src, text);
	lookup_owner(d, drop->netns, owner);
	lookup_enter(d, drop->netns, enter);
	finding_key(finding, "%u %s", drop->netns, device);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, drop->ifindex);
	finding_summary(finding,
			"The reverse-path filter on %s in %.100s drops packets from %s: the route "
			"back does not lead there.",
			device, owner, text);
	evidence_drop(finding, d, seen);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "address", "%s", text);
	finding_text(finding, "sysctl", "%s", name);
	if (all < 0 && own < 0) {
		finding_gap(finding);
	} else {
		finding_evidence(finding, "fact rp_filter is %ld for all, %ld for %s: %ld counts",
				 all, own, device, all > own ? all : own);
		finding_number(finding, "found", all > own ? all : own);
	}
	if (back)
		finding_evidence(finding, "fact the route back to %s is \"%s\"", text,
				 route_text(d, seen->ns, back, line));
	finding_remedy(finding, "%ssysctl -w %s=2", enter, sysctl_name(name, key));
	if (all == 1)
		finding_remedy(finding, "%ssysctl -w net.ipv4.conf.all.rp_filter=2", enter);
}

static void explain_no_route(struct diagnosis *d, struct finding_list *list,
			     const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct concern about = concern_of(seen);
	struct finding *finding;
	struct address dst = address_make(drop->packet.ip_version, drop->packet.dst);

	if (drop->has_encap)
		dst = address_make(drop->encap.ip_version, drop->encap.dst);
	finding =
		route_explain(d, list, &about, drop->netns, dst, seen->kind == DROP_ROUTE_REFUSES);
	evidence_drop(finding, d, seen);
	if (finding && !finding->device[0])
		finding_where(finding, d, drop->netns, drop->ifindex);
}

void routing_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	switch (seen->kind) {
	case DROP_NO_ROUTE:
	case DROP_ROUTE_REFUSES:
		explain_no_route(d, list, seen);
		break;
	case DROP_NOT_FORWARDED:
	case DROP_HOST_UNREACHABLE:
		explain_not_forwarded(d, list, seen);
		break;
	case DROP_RP_FILTER:
		explain_rp_filter(d, list, seen);
		break;
	case DROP_TTL:
		hop_limit_drop(d, list, seen);
		break;
	default:
		break;
	}
}
