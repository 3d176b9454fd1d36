// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loss in part. The rules of a trace keep silent where some packets of a conversation are answered, for they
 * cannot tell what owes an answer; a probe knows, every one of its packets does.
 */
#include "diagnose/probe_loss.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/lookup.h"

#define DNS_PORT 53

static bool told_already(const struct finding_list *list, const struct tuple *flow)
{
	array_each(finding, &list->findings) {
		if ((*finding)->severity == SEVERITY_ERROR &&
		    address_equal((*finding)->flow.dst, flow->dst) &&
		    (*finding)->flow.proto == flow->proto)
			return true;
	}
	return false;
}

/* As loss_severity() of a trace: under one in fifty is what TCP lives with. */
static enum severity severity_of(const struct hop_table *table, const struct hop_end *end)
{
	return end->count * 50 < table->sent ? SEVERITY_WARNING : SEVERITY_ERROR;
}

/* The next row that packets which got through were seen at. */
static const struct hop_row *row_after(const struct hop_table *table, unsigned id)
{
	bool passed = false;

	for (unsigned i = 0; i < table->row_count; i++) {
		const struct hop_row *row = &table->rows[table->order[i]];

		if (passed && row->place.leg != LEG_BEYOND &&
		    (table->rows[id].after >> table->order[i] & 1))
			return row;
		passed |= table->order[i] == id;
	}
	return NULL;
}

static void loss_evidence(struct finding *finding, const struct hop_table *table,
			  const struct hop_end *end, const char *last)
{
	finding_evidence(finding, "seen %llu of %llu test packets last at %s; %llu were answered",
			 (unsigned long long)end->count, (unsigned long long)table->sent, last,
			 (unsigned long long)table->answered);
	finding_number(finding, "sent", table->sent);
	finding_number(finding, "lost", end->count);
}

static void lost_beyond(const struct hop_table *table, const struct hop_end *end,
			const struct diagnosis *d, struct tuple flow, struct finding_list *list)
{
	const struct hop_row *row = &table->rows[end->row];
	const char *device = lookup_device_name(d, row->place.netns, row->place.ifindex);
	bool left = end->verdict == VERDICT_LEFT_NODE, dns = flow.dport == DNS_PORT;
	struct finding *finding =
		finding_new(list, dns ? "dns-timeout" : "no-reply", dns ? "dns" : "path",
			    severity_of(table, end), BASIS_ABSENCE);
	char peer[LOOKUP_TEXT], text[ADDRESS_TEXT], node[ADDRESS_TEXT];

	if (!finding)
		return;
	finding->flow = flow;
	finding->count = end->count;
	finding->of = table->sent;
	finding->confidence = basis_confidence(BASIS_ABSENCE);
	finding_where(finding, d, row->place.netns, row->place.ifindex);
	lookup_holder(d, flow.dst, peer);
	finding_summary(finding,
			"%.1f %% of the packets for %.200s %s %s intact and get no answer, the "
			"others do: they are lost %s.",
			100.0 * end->count / table->sent, peer,
			left ? "leave by" : "are handed over at", device,
			left ? "beyond this node" : "behind it");
	loss_evidence(finding, table, end, device);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "peer", "%s", address_text(flow.dst, text));
	if (left && row->next_node.version) {
		address_text(row->next_node, node);
		finding_text(finding, "node", "%s", node);
		finding_remedy(finding, "# on node %s:  cnitrace trace host %s   # do they arrive?",
			       node, address_text(flow.src, text));
	} else {
		finding_remedy(finding, "ip -s link show %s   # errors, drops", device);
		finding_remedy(finding, "cnitrace probe -c 100 %s   # which hop beyond loses",
			       text);
	}
}

static void lost_inside(const struct hop_table *table, const struct hop_end *end,
			const struct diagnosis *d, struct tuple flow, struct finding_list *list)
{
	const struct hop_row *row = &table->rows[end->row];
	const struct hop_row *next = row_after(table, end->row);
	const char *device = lookup_device_name(d, row->place.netns, row->place.ifindex);
	const char *other =
		next ? lookup_device_name(d, next->place.netns, next->place.ifindex) : "";
	struct finding *finding =
		finding_new(list, "vanished", "path", severity_of(table, end), BASIS_ABSENCE);

	if (!finding)
		return;
	finding->flow = flow;
	finding->count = end->count;
	finding->of = table->sent;
	finding->confidence = basis_confidence(BASIS_ABSENCE);
	finding_where(finding, d, row->place.netns, row->place.ifindex);
	finding_summary(finding,
			"%.1f %% of the %s are lost inside the node after %s%s%s, and no drop was "
			"seen.",
			100.0 * end->count / table->sent, end->reply ? "answers" : "packets",
			device, other[0] ? " and before " : "", other);
	loss_evidence(finding, table, end, device);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "next", "%s", other);
	finding_remedy(finding, "tc filter show dev %s ingress; tc filter show dev %s egress",
		       other[0] ? other : device, other[0] ? other : device);
	finding_remedy(finding, "cnitrace doctor   # which probes were missing");
}

void probe_loss_findings(const struct hop_table *table, const struct diagnosis *d,
			 struct tuple flow, struct finding_list *list)
{
	/* Lost in full, or with a cause that a rule knows: told. */
	if (!table->answered || told_already(list, &flow))
		return;
	for (unsigned i = 0; i < table->end_count; i++) {
		const struct hop_end *end = &table->ends[i];

		if (end->row >= table->row_count)
			continue;
		if (!end->reply &&
		    (end->verdict == VERDICT_LEFT_NODE || end->verdict == VERDICT_DELIVERED))
			lost_beyond(table, end, d, flow, list);
		else if (end->verdict == VERDICT_VANISHED)
			lost_inside(table, end, d, flow, list);
	}
}

bool probe_syn_any(const struct probe_syn *syn)
{
	return syn->cookies || syn->overflows || syn->queue_drops;
}

void probe_syn_finding(const struct probe_syn *syn, const struct diagnosis *d, struct tuple flow,
		       uint64_t failed, uint64_t sent, struct finding_list *list)
{
	struct finding *finding;
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];

	array_each(one, &list->findings) {
		if (!strcmp((*one)->id, "listen-overflow") &&
		    address_equal((*one)->flow.dst, flow.dst))
			return; /* the queue itself was found full */
	}
	finding = finding_new(list, "listen-overflow", "overload",
			      failed ? SEVERITY_ERROR : SEVERITY_WARNING, BASIS_COUNTER);
	if (!finding)
		return;
	finding->flow = flow;
	finding->count = failed;
	finding->of = failed ? sent : 0;
	finding->confidence = basis_confidence(BASIS_COUNTER);
	finding_where(finding, d, syn->netns, 0);
	lookup_owner(d, syn->netns, owner);
	finding_summary(finding,
			"The %s queue of TCP port %u in %.150s was full while it was probed%s.",
			syn->overflows ? "accept" : "SYN", syn->port, owner,
			syn->cookies && !failed ? "; SYN cookies kept it reachable" : "");
	finding_evidence(finding,
			 "count TcpExt grew: ListenOverflows %llu, SyncookiesSent %llu, "
			 "TCPReqQFullDrop %llu",
			 (unsigned long long)syn->overflows, (unsigned long long)syn->cookies,
			 (unsigned long long)syn->queue_drops);
	finding_number(finding, "port", syn->port);
	finding_number(finding, "overflows", syn->overflows);
	finding_number(finding, "cookies", syn->cookies);
	finding_text(finding, "socket", "TCP %u", syn->port);
	lookup_enter(d, syn->netns, enter);
	finding_remedy(finding, "%sss -lnt 'sport = :%u'   # Recv-Q of Send-Q", enter, syn->port);
	finding_remedy(finding, "# raise the server's listen backlog, net.core.somaxconn and "
				"net.ipv4.tcp_max_syn_backlog, or let it accept faster");
}
