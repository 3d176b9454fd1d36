/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small world for tests of the rules: node 1 of a healthy flannel cluster as facts and
 * topology, two pods on it (busybox 10.244.1.10, web 10.244.1.11), and flows that a test
 * writes by hand. A test changes what its fault changes and asks what is found.
 */
#ifndef CNITRACE_TESTS_WORLD_H
#define CNITRACE_TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/finding.h"

#define NODE 1
#define BUSYBOX 101
#define WEB 102
#define ELSEWHERE 999 /* a namespace that is not this node's */

/* Devices: ifindex in the node's namespace; inside a pod eth0 is 2. */
#define ETH0 2
#define FLANNEL 3
#define CNI0 4
#define VETH_BUSYBOX 5
#define VETH_WEB 6
#define POD_ETH0 2

#define BUSYBOX_IP "10.244.1.10"
#define WEB_IP "10.244.1.11"
#define REMOTE_IP "10.244.2.10"
#define REMOTE_NODE "192.168.1.12"
#define OUTSIDE_IP "203.0.113.10"
#define SERVICE_IP "10.96.0.20"
#define DNS_IP "10.96.0.10"

struct world {
	struct facts *facts;
	struct topology topology;
	struct flow_table flows;
	struct diagnosis diagnosis;
	struct finding_list list;
};

static inline struct address ip(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

static inline struct netns_facts *world_ns(struct world *w, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(w->facts, netns);

	assert_non_null(ns);
	return ns;
}

static inline struct link *world_link(struct world *w, uint32_t netns, uint32_t ifindex)
{
	array_each(link, &world_ns(w, netns)->links) {
		if (link->ifindex == ifindex)
			return link;
	}
	fail_msg("no link %u in %u", ifindex, netns);
	return NULL;
}

static inline struct link *world_add_link(struct world *w, uint32_t netns, uint32_t ifindex,
					  const char *name, const char *kind, uint32_t mtu,
					  enum device_role role, const char *pod)
{
	struct link *link = array_push(&world_ns(w, netns)->links);
	struct device *device = array_push(&w->topology.devices);

	link->ifindex = device->ifindex = ifindex;
	link->mtu = device->mtu = mtu;
	text_copy(link->name, sizeof(link->name), name);
	text_copy(device->name, sizeof(device->name), name);
	text_copy(link->kind, sizeof(link->kind), kind);
	text_copy(device->kind, sizeof(device->kind), kind);
	text_copy(device->pod, sizeof(device->pod), pod);
	link->flags = IFF_UP | IFF_RUNNING;
	link->carrier = true;
	device->netns = netns;
	device->role = role;
	return link;
}

static inline void world_add_address(struct world *w, uint32_t netns, uint32_t ifindex,
				     const char *text, uint8_t len)
{
	struct link_address *entry = array_push(&world_ns(w, netns)->addresses);
	struct local_address *local = array_push(&w->topology.addresses);

	entry->ifindex = ifindex;
	entry->address = local->address = ip(text);
	entry->prefix_len = len;
	local->netns = netns;
}

static inline struct route *world_add_route(struct world *w, uint32_t netns, const char *dst,
					    uint8_t len, const char *via, uint32_t ifindex)
{
	struct route *route = array_push(&world_ns(w, netns)->routes);

	route->dst = ip(dst);
	route->prefix_len = len;
	route->table = 254;
	route->type = 1;
	route->ifindex = ifindex;
	route->next_hops = 1;
	if (via)
		route->gateway = ip(via);
	return route;
}

static inline void world_del_route(struct world *w, uint32_t netns, const char *dst, uint8_t len)
{
	struct netns_facts *ns = world_ns(w, netns);

	for (size_t i = 0; i < ns->routes.count; i++) {
		if (ns->routes.items[i].prefix_len != len ||
		    !address_equal(ns->routes.items[i].dst, ip(dst)))
			continue;
		ns->routes.items[i] = ns->routes.items[--ns->routes.count];
		return;
	}
	fail_msg("no route %s/%u", dst, len);
}

static inline void world_sysctl(struct world *w, uint32_t netns, const char *name,
				const char *value)
{
	struct sysctl_fact *fact = NULL;

	array_each(known, &w->facts->sysctls) {
		if (known->netns == netns && !strcmp(known->name, name))
			fact = known;
	}
	if (!fact)
		fact = array_push(&w->facts->sysctls);
	fact->netns = netns;
	text_copy(fact->name, sizeof(fact->name), name);
	text_copy(fact->value, sizeof(fact->value), value);
}

static inline void world_add_pod(struct world *w, uint32_t netns, const char *name,
				 const char *address, uint32_t port, const char *port_name,
				 uint32_t pid)
{
	struct netns_facts *ns;
	struct pod *pod = array_push(&w->facts->pods);
	struct link *link;
	char label[64], path[64];
	struct device *inside, *outside;

	snprintf(label, sizeof(label), "default/%s", name);
	snprintf(path, sizeof(path), "/var/run/netns/cni-%s", name);
	ns = facts_add_netns(w->facts, netns, path, label);
	ns->known = ~0u;
	text_copy(pod->namespace, sizeof(pod->namespace), "default");
	text_copy(pod->name, sizeof(pod->name), name);
	text_copy(pod->netns_path, sizeof(pod->netns_path), path);
	text_copy(pod->ifname, sizeof(pod->ifname), "eth0");
	text_copy(pod->host_name, sizeof(pod->host_name), port_name);
	pod->netns = netns;
	pod->pid = pid;
	pod->host_ifindex = port;
	pod->addresses[0] = ip(address);
	pod->address_count = 1;
	pod->prefix_len[0] = 24;
	pod->gateway = ip("10.244.1.1");
	link = world_add_link(w, netns, POD_ETH0, "eth0", "veth", 1450, ROLE_INSIDE, label);
	link->lower = port;
	link->lower_elsewhere = true;
	link->lower_netns = NODE;
	link = world_add_link(w, NODE, port, port_name, "veth", 1450, ROLE_POD, label);
	link->lower = POD_ETH0;
	link->lower_elsewhere = true;
	link->lower_netns = netns;
	link->master = CNI0;
	link->is_port = true;
	link->port_state = 3;
	inside = &w->topology.devices.items[w->topology.devices.count - 2];
	outside = inside + 1;
	inside->peer_ifindex = port;
	inside->peer_netns = NODE;
	outside->peer_ifindex = POD_ETH0;
	outside->peer_netns = netns;
	outside->master_ifindex = CNI0;
	world_add_address(w, netns, POD_ETH0, address, 24);
	world_add_route(w, netns, "0.0.0.0", 0, "10.244.1.1", POD_ETH0);
	world_add_route(w, netns, "10.244.1.0", 24, NULL, POD_ETH0);
}

static inline void world_add_neighbour(struct world *w, uint32_t netns, uint32_t ifindex,
				       const char *address, uint8_t mac, uint16_t state)
{
	struct neighbour *entry = array_push(&world_ns(w, netns)->neighbours);

	entry->ifindex = ifindex;
	entry->address = ip(address);
	entry->state = state;
	entry->has_mac = mac != 0;
	entry->mac[5] = mac;
}

static inline void world_make(struct world *w)
{
	struct netns_facts *node;
	struct link *link;
	struct fdb_entry *fdb;

	memset(w, 0, sizeof(*w));
	w->facts = facts_new();
	w->facts->node_netns = w->topology.node_netns = NODE;
	node = facts_add_netns(w->facts, NODE, "/proc/1/ns/net", "node");
	node->known = ~0u;
	world_add_link(w, NODE, ETH0, "eth0", "", 1500, ROLE_UPLINK, "");
	link = world_add_link(w, NODE, FLANNEL, "flannel.1", "vxlan", 1450, ROLE_TUNNEL, "");
	link->vni = 1;
	link->port = 8472;
	link->local = ip("192.168.1.11");
	world_add_link(w, NODE, CNI0, "cni0", "bridge", 1450, ROLE_BRIDGE, "");
	world_add_address(w, NODE, ETH0, "192.168.1.11", 24);
	world_add_address(w, NODE, FLANNEL, "10.244.1.0", 32);
	world_add_address(w, NODE, CNI0, "10.244.1.1", 24);
	world_add_route(w, NODE, "0.0.0.0", 0, "192.168.1.1", ETH0);
	world_add_route(w, NODE, "192.168.1.0", 24, NULL, ETH0);
	world_add_route(w, NODE, "10.244.1.0", 24, NULL, CNI0);
	world_add_route(w, NODE, "10.244.2.0", 24, "10.244.2.0", FLANNEL);
	world_add_neighbour(w, NODE, FLANNEL, "10.244.2.0", 0x12, 0x80);
	world_add_neighbour(w, NODE, ETH0, REMOTE_NODE, 0x02, 0x02);
	fdb = array_push(&node->fdb);
	fdb->ifindex = FLANNEL;
	fdb->mac[5] = 0x12;
	fdb->dst = ip(REMOTE_NODE);
	world_add_pod(w, BUSYBOX, "busybox", BUSYBOX_IP, VETH_BUSYBOX, "vethb0", 0);
	world_add_pod(w, WEB, "web", WEB_IP, VETH_WEB, "vethb1", 23117);
	world_sysctl(w, NODE, "net.ipv4.ip_forward", "1");
	world_sysctl(w, NODE, "net.ipv4.conf.cni0.forwarding", "1");
	world_sysctl(w, NODE, "net.bridge.bridge-nf-call-iptables", "1");
	w->facts->config_known = true;
	w->facts->config.has_subnet_env = true;
	w->facts->config.flannel_network = ip("10.244.0.0");
	w->facts->config.flannel_network_len = 16;
	w->facts->config.flannel_subnet = ip("10.244.1.1");
	w->facts->config.flannel_subnet_len = 24;
	w->facts->config.flannel_mtu = 1450;
	text_copy(w->facts->config.hostname, sizeof(w->facts->config.hostname), "node1");
	w->flows.topology = &w->topology;
	w->diagnosis = (struct diagnosis){.flows = &w->flows,
					  .facts = w->facts,
					  .topology = &w->topology,
					  .complete = true,
					  .command_status = -1};
}

static inline void world_free(struct world *w)
{
	finding_list_free(&w->list);
	array_each(slot, &w->flows.flows) {
		for (int i = 0; i < (*slot)->forward.sample_count; i++)
			free((*slot)->forward.samples[i]);
		for (int i = 0; i < (*slot)->reverse.sample_count; i++)
			free((*slot)->reverse.samples[i]);
		free(*slot);
	}
	array_each(ns, &w->facts->namespaces) {
		array_each(chain, &(*ns)->rules.chains) {
			array_each(rule, &chain->rules) {
				free(rule->text);
				free(rule->comment);
			}
			array_free(&chain->rules);
		}
		array_free(&(*ns)->rules.chains);
	}
	array_free(&w->flows.flows);
	array_free(&w->flows.orphans);
	array_free(&w->flows.refusals);
	array_free(&w->topology.devices);
	array_free(&w->topology.addresses);
	facts_free(w->facts);
}

/* A conversation the client began; nothing of it has been seen yet. */
static inline struct flow *world_flow(struct world *w, uint8_t proto, const char *src,
				      uint16_t sport, const char *dst, uint16_t dport)
{
	struct flow *flow = calloc(1, sizeof(*flow)), **slot = array_push(&w->flows.flows);

	*slot = flow;
	flow->id = w->flows.flows.count;
	flow->proto = proto;
	flow->tuples[0] = (struct tuple){
		.src = ip(src), .dst = ip(dst), .sport = sport, .dport = dport, .proto = proto};
	flow->tuple_count = 1;
	return flow;
}

static inline void world_translate(struct flow *flow, const char *dst, uint16_t dport)
{
	flow->tuples[1] = flow->tuples[0];
	flow->tuples[1].dst = ip(dst);
	flow->tuples[1].dport = dport;
	flow->tuple_count = 2;
	flow->translated = true;
}

static inline struct packet world_packet(struct tuple tuple, uint32_t len)
{
	struct packet packet = {.ip_version = tuple.src.version,
				.proto = tuple.proto,
				.sport = tuple.sport,
				.dport = tuple.dport,
				.ttl = 64,
				.ethertype = 0x0800,
				.len = len,
				.header_len = 28};

	memcpy(packet.src, tuple.src.bytes, 16);
	memcpy(packet.dst, tuple.dst.bytes, 16);
	if (tuple.proto == IPPROTO_ICMP)
		packet.icmp_type = 8;
	if (tuple.proto == IPPROTO_TCP)
		packet.tcp_flags = PACKET_TCP_SYN;
	return packet;
}

/* `count` packets that ended alike; the sample's hops are added with world_hop. */
static inline struct journey *world_journey(struct flow *flow, bool forward, enum verdict verdict,
					    uint64_t count, uint32_t len)
{
	struct flow_direction *way = forward ? &flow->forward : &flow->reverse;
	struct journey *journey = calloc(1, sizeof(*journey));
	struct tuple tuple = forward ? flow->tuples[0] : tuple_reverse(flow->tuples[0]);

	journey->id = flow->id * 100 + way->sample_count;
	journey->flow_id = flow->id;
	journey->verdict = verdict;
	journey->packet = world_packet(tuple, len);
	way->packets += count;
	way->verdicts[verdict] += count;
	if (forward && flow->proto == IPPROTO_TCP)
		way->syns += count;
	way->samples[way->sample_count++] = journey;
	return journey;
}

static inline struct hop *world_hop(struct journey *journey, uint32_t netns, uint32_t ifindex,
				    bool out, struct tuple tuple)
{
	struct hop *hop = &journey->hops[journey->hop_count++];

	hop->netns = netns;
	hop->ifindex = ifindex;
	hop->out = out;
	hop->packet = world_packet(tuple, journey->packet.len);
	return hop;
}

static inline void world_encapsulate(struct hop *hop, const char *src, const char *dst)
{
	hop->has_encap = true;
	hop->encap.kind = ENCAP_VXLAN;
	hop->encap.ip_version = 4;
	hop->encap.dport = 8472;
	hop->encap.vni = 1;
	memcpy(hop->encap.src, ip(src).bytes, 16);
	memcpy(hop->encap.dst, ip(dst).bytes, 16);
}

/* Requests that go busybox → cni0 → flannel.1 → eth0, and are answered or not. */
static inline struct flow *world_ping_remote(struct world *w, uint64_t count)
{
	struct flow *flow = world_flow(w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct journey *journey = world_journey(flow, true, VERDICT_LEFT_NODE, count, 84);

	world_hop(journey, NODE, VETH_BUSYBOX, false, flow->tuples[0]);
	world_hop(journey, NODE, CNI0, false, flow->tuples[0]);
	world_hop(journey, NODE, FLANNEL, true, flow->tuples[0]);
	world_encapsulate(world_hop(journey, NODE, ETH0, true, flow->tuples[0]), "192.168.1.11",
			  REMOTE_NODE);
	return flow;
}

/* The replies, so that the flow is healthy. */
static inline struct journey *world_reply(struct flow *flow, uint64_t count, uint32_t len)
{
	struct journey *journey = world_journey(flow, false, VERDICT_DELIVERED, count, len);

	journey->packet.icmp_type = 0;
	return journey;
}

/* Packets of the flow that the kernel freed; the journey is there, too. */
static inline struct flow_drop *world_drop(struct flow *flow, bool forward, const char *reason,
					   const char *function, uint32_t netns, uint32_t ifindex,
					   uint64_t count, uint32_t len)
{
	struct flow_drop *dropped = &flow->drops[flow->drop_count++];
	struct journey *journey = world_journey(flow, forward, VERDICT_DROPPED, count, len);

	dropped->count = count;
	dropped->forward = forward;
	dropped->packet = journey->packet;
	dropped->min_len = dropped->max_len = len;
	dropped->first.time_ns = 1;
	dropped->first.netns = netns;
	dropped->first.ifindex = ifindex;
	dropped->first.packet =
		world_packet(forward ? flow->tuples[flow->tuple_count - 1]
				     : tuple_reverse(flow->tuples[flow->tuple_count - 1]),
			     len);
	dropped->first.info.reason =
		2; /* the kernel has reasons, this one NOT_SPECIFIED unless named */
	dropped->first.info.dev_flags = IFF_UP;
	text_copy(dropped->first.reason, sizeof(dropped->first.reason), reason);
	text_copy(dropped->first.function, sizeof(dropped->first.function), function);
	journey->has_drop = true;
	journey->drop = dropped->first;
	return dropped;
}

/* An ICMP error or (type 0) a RST for the flow's forward packets. */
static inline struct flow_answer *world_answer(struct flow *flow, const char *from, uint8_t type,
					       uint8_t code, uint64_t count)
{
	struct flow_answer *answer = &flow->answers[flow->answer_count++];

	answer->packet.ip_version = 4;
	answer->packet.proto = type ? IPPROTO_ICMP : IPPROTO_TCP;
	answer->packet.icmp_type = type;
	answer->packet.icmp_code = code;
	answer->packet.tcp_flags = type ? 0 : PACKET_TCP_RST | PACKET_TCP_ACK;
	memcpy(answer->packet.src, ip(from).bytes, 16);
	answer->count = count;
	answer->forward = true;
	answer->delivered = true;
	flow->forward.verdicts[VERDICT_REJECTED] += count;
	return answer;
}

static inline void world_listen(struct world *w, uint32_t netns, uint8_t proto, const char *address,
				uint16_t port, const char *comm)
{
	struct socket_fact *socket = array_push(&world_ns(w, netns)->sockets);

	socket->version = 4;
	socket->proto = proto;
	socket->state = proto == IPPROTO_TCP ? 10 : 7;
	socket->local = ip(address);
	socket->local_port = port;
	socket->send_queue = 128;
	text_copy(socket->comm, sizeof(socket->comm), comm);
}

static inline struct filter_chain *world_chain(struct world *w, uint32_t netns, const char *table,
					       const char *name, const char *hook)
{
	struct filter_chain *chain = array_push(&world_ns(w, netns)->rules.chains);

	chain->backend = RULES_NFT;
	chain->family = 4;
	chain->iptables = true;
	chain->base = hook != NULL;
	text_copy(chain->table, sizeof(chain->table), table);
	text_copy(chain->name, sizeof(chain->name), name);
	text_copy(chain->type, sizeof(chain->type), strcmp(table, "nat") ? "filter" : "nat");
	if (hook)
		text_copy(chain->hook, sizeof(chain->hook), hook);
	return chain;
}

static inline struct filter_rule *world_rule(struct filter_chain *chain, enum rule_verdict verdict,
					     const char *target, const char *text)
{
	struct filter_rule *rule = array_push(&chain->rules);

	rule->index = chain->rules.count;
	rule->verdict = verdict;
	rule->text = strdup(text);
	text_copy(rule->target, sizeof(rule->target), target);
	return rule;
}

static inline void world_diagnose(struct world *w)
{
	finding_list_free(&w->list);
	assert_int_equal(diagnose(&w->diagnosis, &w->list), 0);
}

static inline void world_print(const struct world *w)
{
	array_each(finding, &w->list.findings) {
		print_message("  %s [%s] %.2f %llu/%llu: %s\n", (*finding)->id, (*finding)->class,
			      (*finding)->confidence, (unsigned long long)(*finding)->count,
			      (unsigned long long)(*finding)->of, (*finding)->summary);
		array_each(line, &(*finding)->evidence)
			print_message("    %s\n", *line);
		array_each(line, &(*finding)->remedy)
			print_message("    fix %s\n", *line);
		array_each(line, &(*finding)->consequences)
			print_message("    then %s\n", *line);
	}
}

/* The one finding there must be: an error with this id. */
static inline struct finding *world_only(struct world *w, const char *id)
{
	world_diagnose(w);
	if (w->list.findings.count != 1 || strcmp(w->list.findings.items[0]->id, id)) {
		world_print(w);
		fail_msg("expected exactly one finding, %s", id);
	}
	assert_int_equal(w->list.findings.items[0]->severity, SEVERITY_ERROR);
	assert_true(w->list.findings.items[0]->summary[0]);
	assert_true(w->list.findings.items[0]->evidence.count > 0);
	assert_true(w->list.findings.items[0]->remedy.count > 0);
	array_each(line, &w->list.findings.items[0]->evidence) {
		assert_true(!strncmp(*line, "seen ", 5) || !strncmp(*line, "fact ", 5) ||
			    !strncmp(*line, "count ", 6));
	}
	return w->list.findings.items[0];
}

static inline void world_nothing(struct world *w)
{
	world_diagnose(w);
	if (w->list.findings.count) {
		world_print(w);
		fail_msg("expected no finding");
	}
}

static inline const struct finding_fact *world_fact(const struct finding *finding, const char *key)
{
	array_each(fact, &finding->facts) {
		if (!strcmp(fact->key, key))
			return fact;
	}
	fail_msg("%s has no fact \"%s\"", finding->id, key);
	return NULL;
}

static inline void assert_number(const struct finding *finding, const char *key, int64_t number)
{
	const struct finding_fact *fact = world_fact(finding, key);

	assert_true(fact->is_number);
	assert_int_equal(fact->number, number);
}

static inline void assert_text(const struct finding *finding, const char *key, const char *text)
{
	const struct finding_fact *fact = world_fact(finding, key);

	assert_false(fact->is_number);
	assert_string_equal(fact->text, text);
}

static inline void assert_remedy(const struct finding *finding, const char *command)
{
	array_each(line, &finding->remedy) {
		if (!strcmp(*line, command))
			return;
	}
	array_each(line, &finding->remedy)
		print_message("    fix %s\n", *line);
	fail_msg("%s has no remedy \"%s\"", finding->id, command);
}

#endif
