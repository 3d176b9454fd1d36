/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "port": the host answers, the port does not. Reads what listens in the pod that
 * refused, when that pod is on this node; of another node's pod only the answer is known.
 * Queries to port 53 are left to dns.c.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/port.h"
#include "diagnose/rule_walk.h"

#define CLASS "port"
#define TCP_STATE_LISTEN 10
#define UDP_STATE_UNCONNECTED 7
#define NODE_PORT_FIRST 30000
#define NODE_PORT_LAST 32767

static bool answer_refuses(const struct flow *flow, const struct flow_answer *answer)
{
	bool v6 = answer->packet.ip_version == 6;

	if (!answer->forward || answer->quoted.encap_kind != ENCAP_NONE)
		return false;
	if (answer->packet.proto == IPPROTO_TCP)
		return !flow->established && !flow->reverse.syns;
	return answer->packet.icmp_type == (v6 ? 1 : 3) && answer->packet.icmp_code == (v6 ? 4 : 3);
}

static bool is_tuple_address(const struct flow *flow, struct address address)
{
	for (int i = 0; i < flow->tuple_count; i++) {
		if (address_equal(flow->tuples[i].dst, address))
			return true;
	}
	return false;
}

bool port_refusal(const struct diagnosis *d, const struct flow *flow, struct refused *refused)
{
	*refused = (struct refused){.endpoint = flow_final_tuple(flow)};
	if (flow->proto != IPPROTO_TCP && flow->proto != IPPROTO_UDP)
		return false;
	for (int i = 0; i < flow->answer_count; i++) {
		const struct flow_answer *answer = &flow->answers[i];

		if (!answer_refuses(flow, answer))
			continue;
		refused->count += answer->count;
		refused->from = address_make(answer->packet.ip_version, answer->packet.src);
		refused->by_icmp = answer->packet.proto != IPPROTO_TCP;
	}
	refused->elsewhere = refused->by_icmp && !is_tuple_address(flow, refused->from);
	if (refused->count)
		return true;
	for (int i = 0; i < flow->drop_count; i++) {
		const struct flow_drop *dropped = &flow->drops[i];

		if (dropped->forward && !dropped->first.has_encap &&
		    !lookup_is_foreign(d, dropped->first.netns) && !dropped->first.benign &&
		    drop_kind(&dropped->first) == DROP_NO_SOCKET)
			refused->count += dropped->count;
	}
	refused->by_drop = refused->count != 0;
	refused->from = refused->endpoint.dst;
	return refused->count != 0 && !flow->established;
}

static bool is_listener(const struct socket_fact *socket, uint8_t proto)
{
	if (socket->proto != proto)
		return false;
	if (proto == IPPROTO_TCP)
		return socket->state == TCP_STATE_LISTEN;
	return socket->state == UDP_STATE_UNCONNECTED;
}

void port_listeners(struct diagnosis *d, const struct tuple *endpoint, struct listeners *found)
{
	const struct pod *pod = facts_pod_of_address(d->facts, endpoint->dst);
	struct address own;

	*found = (struct listeners){.pod = pod};
	if (pod && pod->netns)
		found->ns = facts_netns(d->facts, pod->netns);
	else if ((d->topology &&
		  topology_is_local(d->topology, d->facts->node_netns, endpoint->dst)) ||
		 (lookup_node_address(d, endpoint->dst.version, &own) &&
		  address_equal(own, endpoint->dst)))
		found->ns = lookup_node(d);
	if (!found->ns)
		return;
	found->known = facts_need(d->facts, found->ns, FACT_SOCKETS);
	if (!found->known)
		return;
	array_each(socket, &found->ns->sockets) {
		bool loopback = address_is_loopback(socket->local);
		char end[LOOKUP_TEXT], entry[200];

		if (!is_listener(socket, endpoint->proto))
			continue;
		if (socket->local_port == endpoint->dport) {
			if (loopback)
				found->loopback = socket;
			else if (address_is_unspecified(socket->local) ||
				 address_equal(socket->local, endpoint->dst))
				found->exact = socket;
			else
				found->other_address = socket;
			continue;
		}
		facts_socket_process(d->facts, found->ns, socket);
		snprintf(entry, sizeof(entry), "%.60s%s%.32s%s%.64s%s",
			 endpoint_text(socket->local, socket->local_port, end),
			 socket->comm[0] ? " " : "", socket->comm, socket->container[0] ? " [" : "",
			 socket->container, socket->container[0] ? "]" : "");
		text_append(found->text, sizeof(found->text), "%s%s", found->text[0] ? ", " : "",
			    entry);
		if (!loopback && !found->other_port)
			found->other_port = socket->local_port;
	}
}

static void refusal_evidence(struct finding *finding, const struct refused *refused)
{
	bool icmp = refused->by_drop ? refused->endpoint.proto != IPPROTO_TCP : refused->by_icmp;
	const char *answer = icmp ? "ICMP port unreachable" : "TCP reset";
	char from[ADDRESS_TEXT];

	if (refused->by_drop)
		finding_evidence(finding,
				 "seen %llu × dropped because no socket takes it; the kernel "
				 "answers with %s",
				 (unsigned long long)refused->count, answer);
	else
		finding_evidence(finding, "seen %llu × %s from %s",
				 (unsigned long long)refused->count, answer,
				 address_text(refused->from, from));
}

static struct finding *port_finding(struct diagnosis *d, struct finding_list *list,
				    const struct flow *flow, const struct refused *refused,
				    const struct listeners *heard, const char *id, enum basis basis)
{
	const struct tuple *end = &refused->endpoint;
	struct finding *finding = finding_new(list, id, CLASS, SEVERITY_ERROR, basis);
	char text[LOOKUP_TEXT], owner[ADDRESS_TEXT];

	endpoint_text(end->dst, end->dport, text);
	finding_key(finding, "%s %s", proto_name(end->proto), text);
	finding_about(finding, flow, refused->count, flow->forward.packets);
	if (heard->ns)
		finding_where(finding, d, heard->ns->inode, 0);
	refusal_evidence(finding, refused);
	if (heard->known)
		finding_evidence(finding, "fact what listens there on %s: %s",
				 proto_name(end->proto), heard->text[0] ? heard->text : "nothing");
	finding_text(finding, "address", "%s", address_text(end->dst, owner));
	finding_number(finding, "port", end->dport);
	finding_text(finding, "proto", "%s", proto_name(end->proto));
	if (heard->known)
		finding_text(finding, "listening", "%s", heard->text);
	if (heard->pod)
		finding_text(finding, "pod", "%.200s/%.200s", heard->pod->namespace,
			     heard->pod->name);
	return finding;
}

static void loopback_finding(struct diagnosis *d, struct finding_list *list,
			     const struct flow *flow, const struct refused *refused,
			     const struct listeners *heard)
{
	struct finding *finding =
		port_finding(d, list, flow, refused, heard, "listen-loopback", BASIS_SEEN);
	const struct socket_fact *socket = heard->loopback ? heard->loopback : heard->other_address;
	char end[LOOKUP_TEXT], owner[LOOKUP_TEXT];

	facts_socket_process(d->facts, heard->ns, socket);
	endpoint_text(socket->local, socket->local_port, end);
	lookup_owner(d, heard->ns->inode, owner);
	finding_summary(finding,
			"The server%s%.32s in %.200s listens on %s only: nobody else can reach "
			"it.",
			socket->comm[0] ? " " : "", socket->comm, owner, end);
	finding_evidence(finding, "fact %.32s%s%s listens on %s", socket->comm,
			 socket->comm[0] ? " " : "", proto_name(socket->proto), end);
	finding_socket(finding, socket);
	finding_text(finding, "socket", "%s", end);
	finding_remedy(finding, "# let the server listen on 0.0.0.0:%u (or [::]:%u) instead of %s",
		       socket->local_port, socket->local_port, end);
}

static void service_name(struct diagnosis *d, const struct flow *flow, char *name, size_t size)
{
	const struct tuple *tuple = &flow->tuples[0];
	struct netns_facts *node = lookup_node(d);
	struct service_info info = {0};
	char text[LOOKUP_TEXT];
	char *colon;

	text_copy(name, size, endpoint_text(tuple->dst, tuple->dport, text));
	if (!node || !facts_need(d->facts, node, FACT_RULES) ||
	    !service_lookup(&node->rules, tuple->dst, tuple->proto, tuple->dport, &info) ||
	    !info.name[0])
		return;
	text_copy(name, size, info.name);
	colon = strrchr(name, ':');
	if (colon && strchr(name, '/'))
		*colon = '\0';
}

/* IPVS leaves no name: the cluster is asked whose address it is. */
static void target_remedy(struct finding *finding, const struct flow *flow, const char *name,
			  const struct listeners *heard)
{
	const char *slash = strchr(name, '/');
	char address[ADDRESS_TEXT];

	address_text(flow->tuples[0].dst, address);
	if (slash && heard->other_port)
		finding_remedy(
			finding,
			"kubectl -n %.*s patch service %s --type=json -p='[{\"op\":\"replace\","
			"\"path\":\"/spec/ports/0/targetPort\",\"value\":%u}]'",
			(int)(slash - name), name, slash + 1, heard->other_port);
	else if (slash)
		finding_remedy(finding,
			       "kubectl -n %.*s get service %s -o jsonpath='{.spec.ports}'",
			       (int)(slash - name), name, slash + 1);
	else if (heard->other_port)
		finding_remedy(
			finding,
			"kubectl get services -A --no-headers | awk '$4 == \"%s\" { print $1, $2 "
			"}' | "
			"while read -r namespace name; do kubectl -n \"$namespace\" patch service "
			"\"$name\" --type=json -p='[{\"op\":\"replace\","
			"\"path\":\"/spec/ports/0/targetPort\",\"value\":%u}]'; done",
			address, heard->other_port);
	else
		finding_remedy(finding, "kubectl get services -A -o wide | grep -F %s", address);
}

static void target_finding(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			   const struct refused *refused, const struct listeners *heard)
{
	struct finding *finding = port_finding(d, list, flow, refused, heard, "service-port-wrong",
					       heard->known ? BASIS_SEEN : BASIS_STATE);
	const struct tuple *end = &refused->endpoint;
	char name[320], text[LOOKUP_TEXT], holder[LOOKUP_TEXT];

	service_name(d, flow, name, sizeof(name));
	endpoint_text(end->dst, end->dport, text);
	lookup_holder(d, end->dst, holder);
	if (heard->known)
		finding_summary(
			finding,
			"Service %.120s leads to port %u of %.120s, where nothing listens; the "
			"pod listens on %.120s.",
			name, end->dport, holder, heard->text);
	else
		finding_summary(finding, "Service %.120s leads to %s, where nothing listens.", name,
				text);
	if (!heard->known)
		finding_gap(finding);
	finding_text(finding, "service", "%s", name);
	finding_number(finding, "target_port", end->dport);
	target_remedy(finding, flow, name, heard);
	finding_remedy(finding, "# targetPort must be a port the container listens on (now %u)",
		       end->dport);
}

static void node_port_finding(struct diagnosis *d, struct finding_list *list,
			      const struct flow *flow, const struct refused *refused,
			      const struct listeners *heard)
{
	struct finding *finding =
		port_finding(d, list, flow, refused, heard, "nodeport-refused", BASIS_SEEN);
	struct netns_facts *node = lookup_node(d);
	struct service_info info = {0};
	char text[LOOKUP_TEXT];

	if (finding)
		text_copy(finding->class, sizeof(finding->class), "service");
	endpoint_text(flow->tuples[0].dst, flow->tuples[0].dport, text);
	finding_summary(finding,
			"No NodePort is open at %s: no rule translates it and nothing listens.",
			text);
	if (node && facts_need(d->facts, node, FACT_RULES)) {
		bool known = service_lookup(&node->rules, flow->tuples[0].dst, flow->proto,
					    flow->tuples[0].dport, &info);

		finding_evidence(finding, "fact kube-proxy's rules %s this port",
				 known ? "know" : "do not know");
		finding_text(finding, "rule", "%s",
			     info.rule && info.rule->text ? info.rule->text : "none");
	} else {
		finding_gap(finding);
	}
	finding_remedy(finding, "kubectl get services -A | grep %u", flow->tuples[0].dport);
}

static void closed_finding(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			   const struct refused *refused, const struct listeners *heard)
{
	struct finding *finding = port_finding(d, list, flow, refused, heard, "port-closed",
					       heard->known ? BASIS_SEEN : BASIS_STATE);
	const struct tuple *end = &refused->endpoint;
	char holder[LOOKUP_TEXT], enter[LOOKUP_TEXT];

	finding_summary(finding, "Nothing listens on %s port %u of %.250s.", proto_name(end->proto),
			end->dport, lookup_holder(d, end->dst, holder));
	if (!heard->known) {
		finding_gap(finding);
		finding_remedy(finding, "# in that pod:  ss -lntup");
		return;
	}
	finding_remedy(finding, "%sss -ln%sp", lookup_enter(d, heard->ns->inode, enter),
		       end->proto == IPPROTO_TCP ? "t" : "u");
	finding_remedy(finding, "# start the server, or use a port it listens on%s%.200s",
		       heard->text[0] ? ": " : "", heard->text);
}

/* An ICMP error from neither end: somebody on the way rejects. */
static void rejected_elsewhere(struct diagnosis *d, struct finding_list *list,
			       const struct flow *flow, const struct refused *refused)
{
	struct finding *finding =
		finding_new(list, "netfilter-reject", "unreachable", SEVERITY_ERROR, BASIS_STATE);
	char from[ADDRESS_TEXT], end[LOOKUP_TEXT];

	address_text(refused->from, from);
	endpoint_text(refused->endpoint.dst, refused->endpoint.dport, end);
	finding_key(finding, "%s", from);
	finding_about(finding, flow, refused->count, flow->forward.packets);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding,
			"%s rejects packets for %s with ICMP port unreachable: a REJECT rule "
			"there.",
			from, end);
	finding_evidence(finding,
			 "seen %llu × ICMP port unreachable from %s, which is not the destination",
			 (unsigned long long)refused->count, from);
	finding_gap(finding);
	finding_text(finding, "address", "%s", from);
	finding_text(finding, "answer", "icmp-port-unreachable");
	finding_remedy(finding, "# on %s:  iptables-save -c | grep REJECT", from);
}

static bool is_node_port(struct diagnosis *d, const struct flow *flow)
{
	const struct tuple *tuple = &flow->tuples[0];

	return !flow->translated && tuple->dport >= NODE_PORT_FIRST &&
	       tuple->dport <= NODE_PORT_LAST && !facts_pod_of_address(d->facts, tuple->dst) &&
	       !lookup_is_remote_pod(d, tuple->dst);
}

static void explain_refused(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	struct refused refused;
	struct listeners heard;

	if (flow->tuples[0].dport == 53 || !port_refusal(d, flow, &refused))
		return;
	port_listeners(d, &refused.endpoint, &heard);
	if (refused.elsewhere) {
		rejected_elsewhere(d, list, flow, &refused);
	} else if (heard.known && heard.exact) {
		/* It listens now: it came up since, or the refusal was the server's own. */
		return;
	} else if (port_scan_note(d, list, flow, &refused)) {
		return;
	} else if (heard.known && (heard.loopback || heard.other_address)) {
		loopback_finding(d, list, flow, &refused, &heard);
	} else if (is_node_port(d, flow)) {
		node_port_finding(d, list, flow, &refused, &heard);
	} else if (flow->translated && (!heard.known || heard.other_port)) {
		target_finding(d, list, flow, &refused, &heard);
	} else {
		closed_finding(d, list, flow, &refused, &heard);
	}
}

void port_rules(struct diagnosis *d, struct finding_list *list)
{
	array_each(slot, &d->flows->flows)
		explain_refused(d, list, *slot);
}
