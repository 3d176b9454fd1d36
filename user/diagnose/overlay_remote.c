/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end of the overlay: what a node answers to encapsulated packets, and what its
 * silence means. What happens inside that node can only be inferred from here.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/plugin.h"

#define CLASS "cni"
#define VXLAN_PORT_LINUX 8472
#define NEIGHBOUR_ALIVE 0x1e /* reachable, stale, delay, probe: it has answered */

static bool is_ipip(const struct link *overlay)
{
	return overlay && !strcmp(overlay->kind, "ipip");
}

/* What the tunnel's packets are to a firewall: "UDP 8472", "IP protocol 4". Returns buffer. */
static const char *carrier_text(bool ipip, uint16_t port, char buffer[32])
{
	if (ipip)
		snprintf(buffer, 32, "IP protocol %d", IPPROTO_IPIP);
	else
		snprintf(buffer, 32, "UDP %u", port);
	return buffer;
}

static void remote_down(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			struct address node, uint16_t port, uint64_t count, const char *said)
{
	struct finding *finding =
		finding_new(list, "remote-overlay-down", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	const struct link *overlay = lookup_overlay(d, flow->tuples[0].dst.version);
	const struct network_plugin *plugin = network_plugin(d, overlay);
	struct address dst = flow_final_tuple(flow).dst;
	const struct route *route = lookup_route(d, lookup_node(d), dst);
	char text[ADDRESS_TEXT], line[LOOKUP_TEXT], carrier[32];

	address_text(node, text);
	if (!port && !is_ipip(overlay))
		port = VXLAN_PORT_LINUX;
	carrier_text(is_ipip(overlay), port, carrier);
	finding_key(finding, "%s", text);
	finding_about(finding, flow, count, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, overlay ? overlay->ifindex : 0);
	finding_summary(finding,
			"Node %s refuses %s: nothing %s %s there, so its tunnel device is down or "
			"gone.",
			text, is_ipip(overlay) ? "IPIP" : "VXLAN",
			is_ipip(overlay) ? "takes" : "listens on", carrier);
	finding_evidence(finding, "seen %llu × %s from %s, quoting an encapsulated packet for %s",
			 (unsigned long long)count, said, text, carrier);
	if (route && !route_is_default(route))
		finding_evidence(finding, "fact the route here is fine: \"%s\"",
				 route_text(d, lookup_node(d), route, line));
	if (overlay)
		finding_evidence(finding, "fact %s here is %s", overlay->name,
				 link_state_text(overlay));
	finding_text(finding, "node", "%s", text);
	finding_text(finding, "address", "%s", text);
	if (port)
		finding_number(finding, "port", port);
	finding_remedy(finding, "# on %s:  ip link show %s", text,
		       overlay ? overlay->name : "flannel.1");
	finding_remedy(finding, "# then restart %s there, which makes the device anew:",
		       plugin ? plugin->name : "the network's agent");
	snprintf(line, sizeof(line), "status.podIP=%s", text);
	plugin_restart(finding, plugin, line);
}

static void overlay_refused(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			    struct address node, uint64_t count, unsigned type, unsigned code)
{
	struct finding *finding =
		finding_new(list, "overlay-blocked", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	const struct link *overlay = lookup_overlay(d, flow->tuples[0].dst.version);
	char text[ADDRESS_TEXT], carrier[32], match[48];
	uint16_t port = overlay && overlay->port ? overlay->port : VXLAN_PORT_LINUX;

	address_text(node, text);
	finding_key(finding, "%s", text);
	finding_about(finding, flow, count, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, overlay ? overlay->ifindex : 0);
	finding_summary(finding,
			"%s refuses encapsulated packets (ICMP %u/%u): a firewall between the "
			"nodes blocks %s.",
			text, type, code, carrier_text(is_ipip(overlay), port, carrier));
	finding_evidence(finding,
			 "seen %llu × ICMP type %u code %u from %s for encapsulated packets",
			 (unsigned long long)count, type, code, text);
	finding_text(finding, "node", "%s", text);
	if (is_ipip(overlay)) {
		text_copy(match, sizeof(match), "-p ipencap");
	} else {
		finding_number(finding, "port", port);
		snprintf(match, sizeof(match), "-p udp --dport %u", port);
	}
	finding_remedy(finding,
		       "# allow %s between the nodes, on %s:  iptables -I INPUT %s -j ACCEPT",
		       carrier, text, match);
}

/* What this node itself refuses tells of the tunnel here, which is overlay.c's. */
static bool is_this_node(const struct diagnosis *d, struct address address)
{
	return d->topology && topology_is_local(d->topology, d->facts->node_netns, address);
}

bool overlay_answers(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	for (int i = 0; i < flow->answer_count; i++) {
		const struct flow_answer *answer = &flow->answers[i];
		struct address node = address_make(answer->packet.ip_version, answer->packet.src);
		bool v6 = answer->packet.ip_version == 6;
		unsigned type = answer->packet.icmp_type, code = answer->packet.icmp_code;

		if (answer->quoted.encap_kind == ENCAP_NONE || type != (v6 ? 1 : 3) ||
		    is_this_node(d, node))
			continue;
		if (code == (v6 ? 4 : 3)) {
			remote_down(d, list, flow, node, answer->quoted.encap_dport, answer->count,
				    "ICMP port unreachable");
			return true;
		}
		if (code == (v6 ? 1 : 13) || code == 10 || code == 9) {
			overlay_refused(d, list, flow, node, answer->count, type, code);
			return true;
		}
	}
	for (int i = 0; i < flow->forward.sample_count; i++) {
		const struct journey *journey = flow->forward.samples[i];
		struct address node = address_make(journey->answer.ip_version, journey->answer.src);

		if (journey->verdict != VERDICT_REJECTED || !journey->answer_quotes_encap ||
		    journey->answer.icmp_code != (journey->answer.ip_version == 6 ? 4 : 3) ||
		    is_this_node(d, node))
			continue;
		remote_down(d, list, flow, node, journey->answer_encap_dport,
			    flow->forward.verdicts[VERDICT_REJECTED], "ICMP port unreachable");
		return true;
	}
	return false;
}

/* Did anything come from that VTEP during the trace? Then the way between the nodes is open. */
static bool heard_from(const struct diagnosis *d, struct address vtep)
{
	array_each(slot, &d->flows->flows) {
		const struct flow_direction *sides[] = {&(*slot)->forward, &(*slot)->reverse};

		for (int side = 0; side < 2; side++) {
			for (int i = 0; i < sides[side]->sample_count; i++) {
				const struct journey *journey = sides[side]->samples[i];

				for (int h = 0; h < journey->hop_count; h++) {
					const struct hop *hop = &journey->hops[h];

					if (hop->has_encap && !hop->out &&
					    address_equal(address_make(hop->encap.ip_version,
								       hop->encap.src),
							  vtep))
						return true;
				}
			}
		}
	}
	return false;
}

static bool node_is_alive(struct diagnosis *d, struct address vtep)
{
	struct netns_facts *node = lookup_node(d);
	const struct neighbour *entry;

	if (!node || !facts_need(d->facts, node, FACT_NEIGHBOURS))
		return false;
	entry = lookup_neighbour(node, 0, vtep);
	return entry && entry->has_mac && (entry->state & NEIGHBOUR_ALIVE);
}

/* The node is known by two MACs, and the neighbour entry names one: the other may be the right one. */
static bool explain_two_macs(struct diagnosis *d, struct finding_list *list,
			     const struct flow *flow, struct address vtep)
{
	struct netns_facts *node = lookup_node(d);
	const struct link *tunnel = lookup_overlay(d, flow->tuples[0].dst.version);
	const struct route *route = lookup_route(d, node, flow_final_tuple(flow).dst);
	const struct neighbour *used;
	const struct fdb_entry *other = NULL;
	struct finding *finding;
	char gateway[ADDRESS_TEXT], text[ADDRESS_TEXT], mac[MAC_TEXT];

	if (!node || !tunnel || !route || !route->gateway.version ||
	    !facts_need(d->facts, node, FACT_NEIGHBOURS | FACT_FDB))
		return false;
	used = lookup_neighbour(node, tunnel->ifindex, route->gateway);
	array_each(entry, &node->fdb) {
		static const uint8_t none[6];

		if (used && entry->ifindex == tunnel->ifindex && address_equal(entry->dst, vtep) &&
		    memcmp(entry->mac, none, 6) && memcmp(entry->mac, used->mac, 6))
			other = entry;
	}
	if (!other)
		return false;
	finding = finding_new(list, "overlay-peer-missing", CLASS, SEVERITY_ERROR, BASIS_STATE);
	address_text(route->gateway, gateway);
	address_text(vtep, text);
	finding_key(finding, "%s %s", tunnel->name, gateway);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, node->inode, tunnel->ifindex);
	finding_summary(
		finding,
		"Two MACs are known for node %s on %s, and the neighbour entry of %s seems to "
		"name the wrong one: nothing comes back.",
		text, tunnel->name, gateway);
	finding_evidence(finding, "fact neighbour %s is %s", gateway, mac_text(used->mac, mac));
	mac_text(other->mac, mac);
	finding_evidence(finding, "fact the FDB also has %s dst %s", mac, text);
	finding_text(finding, "device", "%s", tunnel->name);
	finding_text(finding, "node", "%s", text);
	finding_text(finding, "address", "%s", gateway);
	finding_text(finding, "expected", "%s", mac);
	finding_remedy(finding, "ip neigh replace %s lladdr %s dev %s nud permanent", gateway, mac,
		       tunnel->name);
	finding_remedy(finding, "# compare with %s on that node:  cat /sys/class/net/%s/address",
		       text, tunnel->name);
	return true;
}

void overlay_silence(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	const struct hop *out = NULL;
	struct address vtep;
	struct finding *finding;
	char text[ADDRESS_TEXT], carrier[32], match[48], watch[32];
	uint16_t port;
	bool ipip;

	if (!flow_is_unanswered(flow) || flow->drop_count || flow->forward.packets < 2)
		return;
	for (int i = 0; i < flow->forward.sample_count && !out; i++)
		out = journey_exit(d, flow->forward.samples[i]);
	if (!out || !out->has_encap)
		return;
	vtep = address_make(out->encap.ip_version, out->encap.dst);
	if (heard_from(d, vtep) || !node_is_alive(d, vtep))
		return;
	if (explain_two_macs(d, list, flow, vtep))
		return;
	port = out->encap.dport;
	ipip = out->encap.kind == ENCAP_IPIP;
	carrier_text(ipip, port, carrier);
	finding = finding_new(list, "overlay-blocked", CLASS, SEVERITY_ERROR, BASIS_ABSENCE);
	address_text(vtep, text);
	finding_key(finding, "%s", text);
	finding_about(finding, flow, flow->forward.packets, flow->forward.packets);
	finding_where(finding, d, out->netns, out->ifindex);
	finding_summary(finding,
			"Encapsulated packets leave for node %s, which is alive, and nothing comes "
			"back over the tunnel: %s between the nodes seems blocked.",
			text, carrier);
	finding_evidence(finding, "seen %llu encapsulated packets out on %s to %s %s, none back",
			 (unsigned long long)flow->forward.packets,
			 lookup_device_name(d, out->netns, out->ifindex), text, carrier);
	finding_evidence(finding, "fact %s answers ARP on this node's network", text);
	finding_text(finding, "node", "%s", text);
	if (ipip) {
		text_copy(match, sizeof(match), "-p ipencap");
		snprintf(watch, sizeof(watch), "ip proto %d", IPPROTO_IPIP);
	} else {
		finding_number(finding, "port", port);
		snprintf(match, sizeof(match), "-p udp --dport %u", port);
		snprintf(watch, sizeof(watch), "udp port %u", port);
	}
	finding_remedy(finding, "# on %s, see whether they arrive:  tcpdump -ni any %s", text,
		       watch);
	finding_remedy(finding,
		       "# if they do not, allow %s between the nodes; if they do, look at the "
		       "firewall there:  iptables -I INPUT %s -j ACCEPT",
		       carrier, match);
}
