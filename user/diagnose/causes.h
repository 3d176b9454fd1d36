/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults that more than one class can run into: a route that is missing is met as a drop, as
 * a refused send and as a packet on the wrong device. Each function makes the finding of the
 * deepest cause it can prove and returns it, NULL when it is not the cause.
 * Private to diagnose/.
 */
#ifndef CNITRACE_DIAGNOSE_CAUSES_H
#define CNITRACE_DIAGNOSE_CAUSES_H

#include "diagnose/lookup.h"

/* Who is concerned, and how many packets; flow may be NULL. */
struct concern {
	const struct flow *flow;
	uint64_t count, of;
	enum basis basis;
};

struct concern concern_of(const struct drop_case *seen);

/* link.c: the device that breaks the way from netns/ifindex, following veth peers and bridge ports to the pod of `dst`. */
struct finding *link_explain(struct diagnosis *d, struct finding_list *list,
			     const struct concern *about, uint32_t netns, uint32_t ifindex,
			     struct address dst);
/* link.c: a pod of this node cannot be reached by its bridge port: down, detached or blocking. */
struct finding *port_explain(struct diagnosis *d, struct finding_list *list,
			     const struct concern *about, const struct pod *pod);
/* link.c: any device of the namespace but loopback that is down. */
struct finding *namespace_link_explain(struct diagnosis *d, struct finding_list *list,
				       const struct concern *about, uint32_t netns);
/* link.c: that device is down or without carrier. */
struct finding *link_down(struct diagnosis *d, struct finding_list *list,
			  const struct concern *about, uint32_t netns, const struct link *link);
/* link.c: an address that did not answer in that namespace, by its neighbour table alone. */
struct finding *neighbour_explain(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns);
/*
 * wrong_mac.c: the namespace's neighbour entry for an address of this node is not the MAC address of who has it. On
 * BASIS_STATE, where nothing was lost, a permanent one: the kernel looks whether others still hold (neigh_timer_handler).
 */
struct finding *wrong_mac_explain(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns,
				  struct address address);
/* wrong_mac.c: the same of the gateway that the flow's sender, a pod of this node, has towards dst. */
struct finding *wrong_gateway_mac_explain(struct diagnosis *d, struct finding_list *list,
					  const struct concern *about, struct address dst);
/* wrong_mac.c: a pod was sent a packet for its own address with another MAC address. */
void wrong_mac_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen);
/* link.c: the node's way out is down or without carrier. */
struct finding *uplink_explain(struct diagnosis *d, struct finding_list *list,
			       const struct concern *about);
/* proxy_arp.c: the host's end of the pod's veth should answer for its gateway, and its settings forbid it. */
struct finding *proxy_explain(struct diagnosis *d, struct finding_list *list,
			      const struct concern *about, const struct pod *pod,
			      struct address gateway);
/* pod.c: the pod's own address, prefix, gateway or default route differs from what its CNI result says. */
struct finding *pod_config_explain(struct diagnosis *d, struct finding_list *list,
				   const struct concern *about, const struct pod *pod);
/* service.c: an echo request to a Service's address, which kube-proxy leaves alone: no fault. */
bool service_is_pinged(struct diagnosis *d, const struct flow *flow);
/* unreachable.c: which of two holders of an address must go: the pod that was not given it. */
void conflict_remedy(struct finding *finding, const struct diagnosis *d, struct address address);
/* routing.c: a sysctl as the command sysctl takes it: with slashes where a device's name holds a dot. Returns buffer. */
const char *sysctl_name(const char *name, char buffer[128]);
/* routing.c: no route or a refusing one for dst in that namespace. */
struct finding *route_explain(struct diagnosis *d, struct finding_list *list,
			      const struct concern *about, uint32_t netns, struct address dst,
			      bool refused_by_route);
/* routing.c: the node has no route to a pod of its own that hangs on no bridge. */
struct finding *pod_route_explain(struct diagnosis *d, struct finding_list *list,
				  const struct concern *about, uint32_t netns, struct address dst);
/* cni.c: pod traffic for another node that does not find the overlay: overlay-down or overlay-route-missing. */
struct finding *overlay_explain(struct diagnosis *d, struct finding_list *list,
				const struct concern *about, struct address dst,
				const char *wrong_device);
/* overlay.c: the tunnel device is down, or missing (overlay NULL). */
struct finding *overlay_down(struct diagnosis *d, struct finding_list *list,
			     const struct concern *about, const struct link *overlay,
			     const char *subnet);
/* cni.c: the tunnel has no entry for the node that holds dst: overlay-peer-missing. */
struct finding *overlay_peer_explain(struct diagnosis *d, struct finding_list *list,
				     const struct concern *about, uint32_t netns, uint32_t ifindex,
				     struct address dst);
/* dns.c: the cluster's DNS Service as kube-proxy's rules know it. False: not known. */
bool dns_cluster_server(struct diagnosis *d, struct address *address);
/* cni.c: addresses of a range: how many there are, how many are reserved, by how many dead sandboxes. */
struct ipam_usage {
	uint64_t size, used, stale;
};
struct ipam_usage ipam_usage(const struct node_config *config, const struct cni_range *range);
/* cni.c: the commands that remove the reservations of dead pods. */
void ipam_remedy(struct finding *finding, const struct node_config *config, const char *network);
/* masquerade.c: the rule that is missing, as text and as what to do; packets that leave the cluster untranslated. */
void masquerade_remedy(struct finding *finding, struct diagnosis *d, struct prefix network);
void masquerade_rule_text(struct prefix network, char text[LOOKUP_TEXT]);
void masquerade_explain(struct diagnosis *d, struct finding_list *list, const struct flow *flow);
/* overlay_remote.c: the other node's answers (true: they explain the flow), and its silence. */
bool overlay_answers(struct diagnosis *d, struct finding_list *list, const struct flow *flow);
void overlay_silence(struct diagnosis *d, struct finding_list *list, const struct flow *flow);
/* netfilter.c: the command that edits such a chain, "iptables-nft". */
const char *rule_tool(const struct filter_chain *chain);
void netfilter_explain(struct diagnosis *d, struct finding_list *list,
		       const struct drop_case *seen);
void netfilter_refusal(struct diagnosis *d, struct finding_list *list,
		       const struct refusal *refusal);
/* connection.c: what has become, at the receiver, of a TCP segment's connection. */
enum connection_end {
	CONNECTION_UNKNOWN, /* its sockets are not known, or it is being closed */
	CONNECTION_GONE, /* it has no socket for it any more */
	CONNECTION_WAITS, /* it has asked for it, and waits for the answer */
	CONNECTION_LIVES, /* it is established there */
};
enum connection_end connection_end(struct diagnosis *d, const struct tuple *segment);
/* conntrack.c: the table is full, or an insertion clashed. */
struct finding *conntrack_explain(struct diagnosis *d, struct finding_list *list,
				  const struct drop_case *seen);
/*
 * program.c: names the foreign BPF programs on that device ("xdp", "ingress", "egress"), with the command that takes them
 * off; their number. `told`: the id of the one that did it, 0: not known.
 */
unsigned programs_explain(struct finding *finding, struct diagnosis *d, struct netns_facts *ns,
			  uint32_t ifindex, const char *way, uint32_t told);
/* mtu.c: the MTU pods need so that packets of an IP version (0: either) fit the way to other nodes; 0 unknown. */
unsigned mtu_needed(struct diagnosis *d, uint8_t version);
/* mtu.c: what that tunnel puts around a packet, in bytes. */
unsigned mtu_overhead(const struct link *tunnel);
void mtu_evidence(struct finding *finding, struct diagnosis *d, const struct flow *flow);
/* mtu_silence.c */
void mtu_silence_rules(struct diagnosis *d, struct finding_list *list);
void mtu_state_rules(struct diagnosis *d, struct finding_list *list);
/* mtu.c */
void mtu_refusal(struct diagnosis *d, struct finding_list *list, const struct refusal *refusal);
/* overload.c: every local port of the namespace is taken. */
struct finding *ports_explain(struct diagnosis *d, struct finding_list *list,
			      const struct concern *about, uint32_t netns);
void ports_refusal(struct diagnosis *d, struct finding_list *list, const struct refusal *refusal);

/* bridge_netfilter.c: the setting's name for an IP version; what it is where it is not 1; evidence, facts and remedy. */
const char *bridge_netfilter_sysctl(uint8_t version);
const char *bridge_netfilter_state(bool known);
void bridge_netfilter_mend(struct finding *finding, const char *sysctl, bool known);

/* evidence.c: "seen 3 packets dropped at ip_error on cni0 (IP_INNOROUTES)" as an evidence line. */
void evidence_drop(struct finding *finding, const struct diagnosis *d,
		   const struct drop_case *seen);
/* What a probe said of a refused send, if one did. */
void evidence_refusal(struct finding *finding, const struct refusal *refusal);
/* How long a counter has moved: a trace's are read at its start, a monitor's anew after each judgement. */
const char *evidence_since(const struct diagnosis *d);

#endif
