/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What rules ask of flows, facts and topology: which drops matter, which device that was,
 * whose namespace, how to enter it, which route a packet takes. Private to diagnose/.
 */
#ifndef CNITRACE_DIAGNOSE_LOOKUP_H
#define CNITRACE_DIAGNOSE_LOOKUP_H

#include "diagnose/drop_signature.h"
#include "diagnose/finding.h"

#define LOOKUP_TEXT 640

/* One kind of drop in one flow, as a rule sees it. */
struct drop_case {
	const struct flow *flow; /* NULL: an ARP packet's */
	const struct flow_drop *dropped;
	const struct drop *drop; /* = &dropped->first */
	enum drop_kind kind;
	uint64_t of; /* packets of that direction, 0 unknown */
	struct netns_facts *ns; /* where, NULL unknown */
};

typedef void (*drop_rule)(struct diagnosis *d, struct finding_list *list,
			  const struct drop_case *seen);
/* Calls the rule for every drop that is not benign, flows first, then packets without a flow. */
void lookup_each_drop(struct diagnosis *d, struct finding_list *list, drop_rule rule);

/* A hop or drop in a namespace that is neither the node's nor one of its pods': another machine's, for all we know. */
bool lookup_is_foreign(const struct diagnosis *d, uint32_t netns);
/* The last hop when it left by an uplink, NULL otherwise. */
const struct hop *journey_exit(const struct diagnosis *d, const struct journey *journey);

struct netns_facts *lookup_node(const struct diagnosis *d);
bool lookup_is_node(const struct diagnosis *d, uint32_t netns);
const struct pod *lookup_pod(const struct diagnosis *d, uint32_t netns); /* NULL: the node's */
const char *lookup_netns_label(const struct diagnosis *d, uint32_t netns);
/* "" when unknown. */
const char *lookup_device_name(const struct diagnosis *d, uint32_t netns, uint32_t ifindex);
/* "", "nsenter -t PID -n " or "ip netns exec NAME ": what to put before a command. Returns buffer. */
const char *lookup_enter(const struct diagnosis *d, uint32_t netns, char buffer[LOOKUP_TEXT]);
/* "default/web", "the node" or the namespace's label. Returns buffer. */
const char *lookup_owner(const struct diagnosis *d, uint32_t netns, char buffer[LOOKUP_TEXT]);
/* "10.244.1.10 (default/web)". Returns buffer. */
const char *lookup_holder(const struct diagnosis *d, struct address address,
			  char buffer[LOOKUP_TEXT]);
/* The pod "ns/name" of an address on this node, "" none. */
const char *lookup_pod_of(const struct diagnosis *d, struct address address);

const struct link *lookup_link(const struct diagnosis *d, uint32_t netns, uint32_t ifindex);
const struct link *lookup_link_named(const struct diagnosis *d, uint32_t netns, const char *name);
/* The other end of a veth: false when it is not one or the end is unknown. */
bool lookup_peer(const struct diagnosis *d, uint32_t netns, uint32_t ifindex, uint32_t *peer_netns,
		 uint32_t *peer_ifindex);
bool link_is_usable(const struct link *link); /* up, with carrier */
bool link_is_tunnel(const struct link *link);
/* By its name: a tunnel that a network plugin makes for pods. */
bool link_is_cni_tunnel(const struct link *link);
const char *link_state_text(const struct link *link); /* "down", "no carrier", "up" */

/* The route for an address, as policy rules and tables have it; NULL none or unknown. */
const struct route *lookup_route(const struct diagnosis *d, struct netns_facts *ns,
				 struct address dst);
/* The same for a packet whose source and incoming device are known. */
const struct route *lookup_route_of(const struct diagnosis *d, struct netns_facts *ns,
				    const struct route_query *query);
/* The same for the packets of a flow (NULL: nothing more is known) to dst. */
const struct route *lookup_route_flow(const struct diagnosis *d, struct netns_facts *ns,
				      const struct flow *flow, struct address dst);
/* The device of the node that the pod's packets come in by: its bridge, else its own; "" unknown. */
const char *lookup_entry_device(const struct diagnosis *d, const struct pod *pod);
bool lookup_has_address(const struct diagnosis *d, struct netns_facts *ns, uint32_t ifindex);
/* The route without regard to those with prefix_len 0. */
bool route_is_default(const struct route *route);
const char *route_text(const struct diagnosis *d, const struct netns_facts *ns,
		       const struct route *route, char buffer[LOOKUP_TEXT]);
const char *route_type_name(uint8_t type);

/* A pod's address elsewhere: inside the cluster's pod network and outside this node's subnet. */
bool lookup_is_remote_pod(struct diagnosis *d, struct address address);
/* The other node's pod subnet that holds it, as text "10.244.2.0/24". Returns buffer. */
const char *lookup_remote_subnet(struct diagnosis *d, struct address address,
				 char buffer[LOOKUP_TEXT]);
/* The entry of an address, on any device when ifindex is 0. The caller made FACT_NEIGHBOURS known. */
#define MAC_TEXT 18
/* As "02:00:5e:00:53:01". Returns buffer. */
const char *mac_text(const uint8_t mac[6], char buffer[MAC_TEXT]);
/* A state of NUD_* as ip(8) calls it. */
const char *neighbour_state_name(uint16_t state);
const struct neighbour *lookup_neighbour(const struct netns_facts *ns, uint32_t ifindex,
					 struct address address);
/* The node's tunnel device for pod traffic of an IP version (0: either): VXLAN, GENEVE, IPIP or WireGuard. NULL none. */
const struct link *lookup_overlay(struct diagnosis *d, uint8_t version);
/* Does flannel's configuration ask for an encapsulation? (its MTU is smaller than the uplink's) */
bool lookup_overlay_expected(const struct diagnosis *d);
/* The device the default route leaves by, else any physical one that is up. NULL none. */
const struct link *lookup_uplink(const struct diagnosis *d);
/* An address of the node itself. */
bool lookup_node_address(const struct diagnosis *d, uint8_t version, struct address *address);

/* The tuple the packets arrive with after NAT. */
struct tuple flow_final_tuple(const struct flow *flow);
/* "TCP 10.244.1.10:40000 → 10.96.0.1:80 (as 10.244.2.10:8080)". Returns buffer. */
const char *flow_text(const struct flow *flow, char buffer[LOOKUP_TEXT]);
const char *proto_name(uint8_t proto);
/* "192.0.2.1:53". Returns buffer. */
const char *endpoint_text(struct address address, uint16_t port, char buffer[LOOKUP_TEXT]);
/* Was the request never answered as its protocol answers? False when the protocol owes no answer. */
bool flow_is_unanswered(const struct flow *flow);
/* A reply from the other side was seen at least once. */
bool flow_has_reply(const struct flow *flow);
/* It was not answered, was refused, or (TCP) did not become a connection; what the filter hides counts for nothing. */
bool flow_failed(const struct flow *flow);
/* Lost in full, lost in part, or harmless: how bad `lost` of `of` packets are. */
enum severity loss_severity(const struct flow *flow, uint64_t lost, uint64_t of);

/* Each class's entry. */
void unreachable_rules(struct diagnosis *d, struct finding_list *list);
void overload_rules(struct diagnosis *d, struct finding_list *list);
void port_rules(struct diagnosis *d, struct finding_list *list);
void mtu_rules(struct diagnosis *d, struct finding_list *list);
void overlay_rules(struct diagnosis *d, struct finding_list *list);
void cni_rules(struct diagnosis *d, struct finding_list *list);
void untranslated_rules(struct diagnosis *d, struct finding_list *list);
void service_rules(struct diagnosis *d, struct finding_list *list);
void dns_rules(struct diagnosis *d, struct finding_list *list);
void path_rules(struct diagnosis *d, struct finding_list *list);

#endif
