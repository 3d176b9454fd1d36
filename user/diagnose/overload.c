/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "overload": something was full. Queues, socket buffers, accept queues, ports;
 * the connection table is in conntrack.c. A loss so small that congestion control lives with
 * it is a warning.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/port.h"
#include "packet/witness_text.h"

#define CLASS "overload"
#define TCP_STATE_SYN_RECV 3 /* as inet_diag calls a connection that is half open */

static struct finding *full_finding(struct diagnosis *d, struct finding_list *list,
				    const struct drop_case *seen, const char *id)
{
	struct finding *finding =
		finding_new(list, id, CLASS,
			    loss_severity(seen->flow, seen->dropped->count, seen->of), BASIS_SEEN);

	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
	evidence_drop(finding, d, seen);
	return finding;
}

static void qdisc_full(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const char *device = lookup_device_name(d, drop->netns, drop->ifindex);
	const struct qdisc_fact *found = NULL;
	struct finding *finding = full_finding(d, list, seen, "qdisc-drop");
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	const char *kind = drop->info.qdisc;

	if (!device[0])
		device = drop->info.dev_name;
	if (seen->ns && facts_need(d->facts, seen->ns, FACT_QDISCS)) {
		array_each(qdisc, &seen->ns->qdiscs) {
			if (qdisc->ifindex == drop->ifindex &&
			    (!found || qdisc->drops > found->drops))
				found = qdisc;
		}
	}
	if (!kind[0] && found)
		kind = found->kind;
	finding_key(finding, "%u %s", drop->netns, device);
	finding_summary(finding,
			"The queue discipline %s on %s of %.150s drops: %llu of %llu packets.",
			kind[0] ? kind : "(unknown)", device, lookup_owner(d, drop->netns, owner),
			(unsigned long long)seen->dropped->count, (unsigned long long)seen->of);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "qdisc", "%s", kind);
	if (found) {
		finding_evidence(finding, "count qdisc %s on %s: %u drops, %u over limit, limit %u",
				 found->kind, device, found->drops, found->overlimits,
				 found->limit);
		finding_number(finding, "drops", found->drops);
		finding_number(finding, "limit", found->limit);
	} else {
		finding_number(finding, "drops", (int64_t)seen->dropped->count);
	}
	finding_remedy(finding, "%stc -s qdisc show dev %s", lookup_enter(d, drop->netns, enter),
		       device);
	if (!strcmp(kind, "tbf")) {
		finding_remedy(finding, "# raise the pod's kubernetes.io/ingress-bandwidth or "
					"egress-bandwidth annotation, or remove the limit:");
		finding_remedy(finding, "%stc qdisc del dev %s root", enter, device);
	}
}

/* The CPUs whose queue ever overflowed: these counters are the machine's, whatever namespace asks. */
static void backlog_counts(struct diagnosis *d, struct finding *finding, struct netns_facts *node)
{
	char text[400] = "";
	unsigned cpu;

	if (!facts_need(d->facts, node, FACT_COUNTERS))
		return;
	array_each(counter, &node->counters) {
		const char *end = strrchr(counter->name, '.');

		if (counter->value && end && !strcmp(end, ".Dropped") &&
		    sscanf(counter->name, "Softnet.cpu%u.", &cpu) == 1)
			text_append(text, sizeof(text), "%sCPU %u %llu", text[0] ? ", " : "", cpu,
				    (unsigned long long)counter->value);
	}
	if (text[0])
		finding_evidence(finding, "count drops of the input queues since boot: %s", text);
}

static void backlog_full(struct diagnosis *d, struct finding_list *list,
			 const struct drop_case *seen)
{
	static const char name[] = "net.core.netdev_max_backlog";
	struct finding *finding = full_finding(d, list, seen, "backlog-drop");
	struct netns_facts *node = lookup_node(d);
	bool known;
	long max = -1;

	known = node && facts_sysctl(d->facts, node, name, &max);
	finding_key(finding, "all");
	finding_number(finding, "cpu", seen->drop->info.cpu);
	if (known) {
		finding_summary(finding,
				"The input queue of CPU %u was full: more than %ld packets came at "
				"once (%s).",
				seen->drop->info.cpu, max, name);
		finding_evidence(finding, "fact %s = %ld", name, max);
		finding_number(finding, "max", max);
		finding_number(finding, "netdev_max_backlog", max);
	} else {
		finding_gap(finding);
		finding_summary(finding, "The input queue of CPU %u was full (%s).",
				seen->drop->info.cpu, name);
	}
	if (node)
		backlog_counts(d, finding, node);
	finding_remedy(finding, "%ssysctl -w %s=%ld", facts_sysctl_enter(d->facts, node, name),
		       name, max > 500 ? max * 4 : 2000);
	finding_remedy(finding, "cat /proc/net/softnet_stat   # second column: drops per CPU");
}

static const struct socket_fact *socket_on(struct diagnosis *d, struct netns_facts *ns,
					   uint8_t proto, uint16_t port)
{
	if (!ns || !facts_need(d->facts, ns, FACT_SOCKETS))
		return NULL;
	array_each(socket, &ns->sockets) {
		if (socket->proto == proto && socket->local_port == port &&
		    (proto != IPPROTO_TCP || socket->state == 10)) {
			facts_socket_process(d->facts, ns, socket);
			return socket;
		}
	}
	return NULL;
}

static void buffer_full(struct diagnosis *d, struct finding_list *list,
			const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	struct finding *finding = full_finding(d, list, seen, "socket-buffer-full");
	const struct socket_fact *socket =
		socket_on(d, seen->ns, drop->packet.proto, drop->packet.dport);
	uint32_t limit = drop->info.sk_rcvbuf ? drop->info.sk_rcvbuf
			 : socket             ? socket->receive_buffer
					      : 0;
	char owner[LOOKUP_TEXT];

	finding_key(finding, "%u %u %u", drop->netns, drop->packet.proto, drop->packet.dport);
	finding_summary(
		finding,
		"The receive buffer of %s port %u%s%.32s in %.150s is full: the server does not "
		"read fast enough.",
		proto_name(drop->packet.proto), drop->packet.dport,
		socket && socket->comm[0] ? ", " : "", socket ? socket->comm : "",
		lookup_owner(d, drop->netns, owner));
	finding_text(finding, "socket", "%s %u", proto_name(drop->packet.proto),
		     drop->packet.dport);
	finding_number(finding, "port", drop->packet.dport);
	if (limit) {
		finding_evidence(finding, "fact its receive buffer is %u bytes, %u in use", limit,
				 drop->info.sk_rmem ? drop->info.sk_rmem
				 : socket           ? socket->receive_queue
						    : 0);
		finding_number(finding, "rcvbuf", limit);
		finding_number(finding, "rmem",
			       drop->info.sk_rmem ? drop->info.sk_rmem
			       : socket           ? socket->receive_queue
						  : 0);
	}
	if (socket && socket->drops)
		finding_evidence(finding, "count the socket counts %u drops", socket->drops);
	finding_socket(finding, socket);
	if (socket && socket->pid)
		finding_remedy(finding, "grep State /proc/%u/status; top -b -n1 -p %u | tail -2",
			       socket->pid, socket->pid);
	finding_remedy(finding,
		       "sysctl -w net.core.rmem_max=26214400 net.core.rmem_default=1048576");
}

static void listen_full(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			const struct drop_case *seen, struct netns_facts *ns,
			const struct socket_fact *socket, uint64_t count)
{
	struct finding *finding = finding_new(list, "listen-overflow", CLASS, SEVERITY_ERROR,
					      seen ? BASIS_SEEN : BASIS_STATE);
	uint32_t queue = 0, limit = 0;
	char owner[LOOKUP_TEXT];
	uint16_t port = 0;

	if (socket) {
		port = socket->local_port;
		queue = socket->receive_queue;
		limit = socket->send_queue;
	} else if (seen) {
		port = seen->drop->packet.dport;
		queue = seen->drop->info.sk_ack_backlog;
		limit = seen->drop->info.sk_max_ack_backlog;
	}
	finding_key(finding, "%u %u", ns ? ns->inode : 0, port);
	finding_about(finding, flow, count, flow ? flow->forward.packets : 0);
	finding_where(finding, d, ns ? ns->inode : 0, 0);
	finding_summary(
		finding,
		"The accept queue of TCP port %u%s%.32s in %.150s %s (%u of %u): the server does "
		"not accept%s.",
		port, socket && socket->comm[0] ? ", " : "", socket ? socket->comm : "",
		lookup_owner(d, ns ? ns->inode : 0, owner),
		queue < limit ? "was full, by now it is not" : "is full", queue, limit,
		queue < limit ? " fast enough" : "");
	if (seen)
		evidence_drop(finding, d, seen);
	else
		finding_evidence(finding, "seen %llu SYNs delivered and not answered",
				 (unsigned long long)count);
	finding_evidence(finding, "fact accept queue %u, its limit (backlog) %u", queue, limit);
	finding_socket(finding, socket);
	finding_text(finding, "socket", "TCP %u", port);
	finding_number(finding, "port", port);
	finding_number(finding, "queue", queue);
	finding_number(finding, "backlog", limit);
	if (socket && socket->pid)
		finding_remedy(finding, "grep State /proc/%u/status   # does the server run?",
			       socket->pid);
	finding_remedy(finding,
		       "# raise the server's listen backlog (and net.core.somaxconn), or let it "
		       "accept faster");
}

/* Connections of a listener that are half open, and how many may be. */
struct half_open {
	unsigned count;
	uint32_t backlog; /* 0: not known */
	long most; /* tcp_max_syn_backlog, 0: not known */
};

static bool half_open_read(struct diagnosis *d, struct netns_facts *ns,
			   const struct socket_fact *listener, struct half_open *half)
{
	long cookies = 1;

	*half = (struct half_open){.backlog = listener->send_queue};
	array_each(socket, &ns->sockets) {
		if (socket->proto == IPPROTO_TCP && socket->state == TCP_STATE_SYN_RECV &&
		    socket->local_port == listener->local_port)
			half->count++;
	}
	return facts_sysctl(d->facts, ns, "net.ipv4.tcp_syncookies", &cookies) && !cookies &&
	       facts_sysctl(d->facts, ns, "net.ipv4.tcp_max_syn_backlog", &half->most);
}

/*
 * Without SYN cookies the backlog bounds them, and of three quarters of tcp_max_syn_backlog on peers that have not
 * been seen before are refused (tcp_conn_request in net/ipv4/tcp_input.c).
 */
static bool half_open_full(const struct half_open *half)
{
	return half->count &&
	       (half->count >= half->backlog || half->most - (long)half->count < half->most >> 2);
}

static void half_open_finding(struct diagnosis *d, struct finding_list *list,
			      const struct flow *flow, const struct drop_case *seen,
			      struct netns_facts *ns, const struct socket_fact *socket,
			      const struct half_open *half, uint64_t count)
{
	struct finding *finding = finding_new(list, "listen-overflow", CLASS, SEVERITY_ERROR,
					      seen ? BASIS_SEEN : BASIS_STATE);
	uint16_t port = socket ? socket->local_port : seen ? seen->drop->packet.dport : 0;
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];

	finding_key(finding, "%u %u", ns ? ns->inode : 0, port);
	finding_about(finding, flow, count, flow ? flow->forward.packets : 0);
	finding_where(finding, d, ns ? ns->inode : 0, 0);
	finding_summary(finding,
			"The SYN queue of TCP port %u%s%.32s in %.150s is full: %u connections are "
			"half open, and SYN cookies are off.",
			port, socket && socket->comm[0] ? ", " : "", socket ? socket->comm : "",
			lookup_owner(d, ns ? ns->inode : 0, owner), half->count);
	if (seen)
		evidence_drop(finding, d, seen);
	else
		finding_evidence(finding, "seen %llu SYNs delivered and not answered",
				 (unsigned long long)count);
	finding_evidence(finding,
			 "fact %u half-open connections; the listener's backlog is %u, "
			 "net.ipv4.tcp_max_syn_backlog %ld",
			 half->count, half->backlog, half->most);
	finding_socket(finding, socket);
	finding_text(finding, "socket", "TCP %u", port);
	finding_number(finding, "port", port);
	finding_number(finding, "queue", half->count);
	finding_number(finding, "backlog", half->backlog);
	finding_number(finding, "half_open", half->count);
	finding_number(finding, "max_syn_backlog", half->most);
	finding_remedy(finding, "%ssysctl -w net.ipv4.tcp_syncookies=1",
		       lookup_enter(d, ns ? ns->inode : 0, enter));
	finding_remedy(finding, "%sss -tan state syn-recv   # who does not finish, or floods",
		       enter);
}

/* On every kernel a SYN to a full queue is freed without a word: the queue itself must tell. */
static void explain_silent_syn(struct diagnosis *d, struct finding_list *list,
			       const struct flow *flow)
{
	struct tuple end = flow_final_tuple(flow);
	struct listeners heard;
	struct half_open half;

	if (flow->proto != IPPROTO_TCP || !flow_is_unanswered(flow) || flow->drop_count)
		return;
	port_listeners(d, &end, &heard);
	if (!heard.exact)
		return;
	if (heard.exact->receive_queue && heard.exact->receive_queue >= heard.exact->send_queue)
		listen_full(d, list, flow, NULL, heard.ns, heard.exact, flow->forward.packets);
	else if (half_open_read(d, heard.ns, heard.exact, &half) && half_open_full(&half))
		half_open_finding(d, list, flow, NULL, heard.ns, heard.exact, &half,
				  flow->forward.packets);
}

static const char *sysctl_text(struct diagnosis *d, struct netns_facts *ns, const char *name,
			       char *value, size_t size)
{
	long ignored;

	/* facts_sysctl keeps the whole text it read, here two numbers. */
	if (!ns || !facts_sysctl(d->facts, ns, name, &ignored))
		return NULL;
	array_each(sysctl, &d->facts->sysctls) {
		if (sysctl->netns == ns->inode && !strcmp(sysctl->name, name)) {
			text_copy(value, size, sysctl->value);
			return value;
		}
	}
	return NULL;
}

struct finding *ports_explain(struct diagnosis *d, struct finding_list *list,
			      const struct concern *about, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(d->facts, netns);
	struct finding *finding;
	unsigned low = 0, high = 0, used = 0;
	char text[64], owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	uint8_t seen[65536 / 8] = {0};

	if (!ns || !facts_need(d->facts, ns, FACT_SOCKETS) ||
	    !sysctl_text(d, ns, "net.ipv4.ip_local_port_range", text, sizeof(text)) ||
	    sscanf(text, "%u %u", &low, &high) != 2 || high < low)
		return NULL;
	array_each(socket, &ns->sockets) {
		uint16_t port = socket->local_port;

		if (port < low || port > high || (seen[port / 8] & 1 << port % 8))
			continue;
		seen[port / 8] |= (uint8_t)(1 << port % 8);
		used++;
	}
	if (used * 100 < (high - low + 1) * 98)
		return NULL;
	finding = finding_new(list, "ports-exhausted", CLASS, SEVERITY_ERROR, about->basis);
	finding_key(finding, "%u", netns);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, 0);
	finding_summary(finding, "%.200s has no free local port: %u of %u (%u-%u) are in use.",
			lookup_owner(d, netns, owner), used, high - low + 1, low, high);
	finding_evidence(finding, "fact net.ipv4.ip_local_port_range = %u %u, %u ports in use", low,
			 high, used);
	finding_text(finding, "range", "%u-%u", low, high);
	finding_number(finding, "count", used);
	finding_number(finding, "used", used);
	finding_number(finding, "max", high - low + 1);
	finding_text(finding, "sysctl", "net.ipv4.ip_local_port_range");
	finding_remedy(finding, "%ssysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
		       lookup_enter(d, netns, enter));
	finding_remedy(finding,
		       "%sss -tan | awk '{print $1, $5}' | sort | uniq -c | sort -rn | head",
		       enter);
	return finding;
}

void ports_refusal(struct diagnosis *d, struct finding_list *list, const struct refusal *refusal)
{
	struct concern about = {.count = refusal->count, .of = refusal->count, .basis = BASIS_SEEN};
	struct finding *finding = ports_explain(d, list, &about, refusal->netns);
	char end[LOOKUP_TEXT];

	finding_evidence(finding, "seen %llu × connect to %s refused: no local address available",
			 (unsigned long long)refusal->count,
			 endpoint_text(refusal->tuple.dst, refusal->tuple.dport, end));
	evidence_refusal(finding, refusal);
	if (finding)
		finding->flow = refusal->tuple;
}

/* A listener did not take it: for the queue that a witness saw, else the accept queue. */
static void listen_drop(struct diagnosis *d, struct finding_list *list,
			const struct drop_case *seen)
{
	const struct witness_info *said = drop_witness(seen->drop, WITNESS_SYN_QUEUE);
	const struct socket_fact *socket =
		socket_on(d, seen->ns, IPPROTO_TCP, seen->drop->packet.dport);
	struct half_open half;

	if (!said) {
		listen_full(d, list, seen->flow, seen, seen->ns, socket, seen->dropped->count);
		return;
	}
	half = (struct half_open){said->value[0], said->value[1], said->value[2]};
	half_open_finding(d, list, seen->flow, seen, seen->ns, socket, &half, seen->dropped->count);
}

static void overload_drop(struct diagnosis *d, struct finding_list *list,
			  const struct drop_case *seen)
{
	switch (seen->kind) {
	case DROP_QDISC:
		qdisc_full(d, list, seen);
		break;
	case DROP_BACKLOG:
		backlog_full(d, list, seen);
		break;
	case DROP_SOCKET_BUFFER:
		buffer_full(d, list, seen);
		break;
	case DROP_LISTEN_OVERFLOW:
		listen_drop(d, list, seen);
		break;
	default:
		break;
	}
}

void overload_rules(struct diagnosis *d, struct finding_list *list)
{
	lookup_each_drop(d, list, overload_drop);
	array_each(slot, &d->flows->flows)
		explain_silent_syn(d, list, *slot);
}
