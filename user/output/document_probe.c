// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of a probe's table and its result as JSON. Where loss begins is said here once, in words that
 * both printers show.
 */
#include "output/document_probe.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/dns_message.h"
#include "diagnose/probe_mtu.h"
#include "output/document_parts.h"

void probe_note_add(struct probe_result *result, const char *format, ...)
{
	char text[sizeof(result->notes[0].text)];
	struct probe_note *note;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (unsigned i = 0; i < result->note_count; i++) {
		if (!strcmp(result->notes[i].text, text)) {
			result->notes[i].count++;
			return;
		}
	}
	if (result->note_count == PROBE_NOTES)
		return;
	note = &result->notes[result->note_count++];
	text_copy(note->text, sizeof(note->text), text);
	note->count = 1;
}

void probe_complaint_text(uint8_t ip_version, uint8_t type, uint8_t code, char text[64])
{
	struct packet packet = {.ip_version = ip_version,
				.proto = ip_version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				.icmp_type = type,
				.icmp_code = code};

	answer_text(&packet, text);
}

/* Tenths of a microsecond are below what a kernel time stamp is worth. */
static void put_us(struct json_object *object, const char *key, double ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", ns / 1000);
	json_object_object_add(object, key, json_object_new_double_s(ns / 1000, text));
}

static void put_percent(struct json_object *object, const char *key, double percent)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", percent);
	json_object_object_add(object, key, json_object_new_double_s(percent, text));
}

static void put_numbers(struct json_object *object, const struct hop_number *time)
{
	if (!time->count)
		return;
	put_us(object, "last_us", time->last);
	put_us(object, "avg_us", time->mean);
	put_us(object, "best_us", time->best);
	put_us(object, "worst_us", time->worst);
	put_us(object, "stdev_us", hop_number_stdev(time));
}

static uint8_t target_proto(const struct probe_result *result)
{
	switch (result->target.kind) {
	case TARGET_TCP:
		return IPPROTO_TCP;
	case TARGET_UDP:
	case TARGET_DNS:
		return IPPROTO_UDP;
	default:
		return result->address.version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	}
}

static struct json_object *result_flow(const struct probe_result *result, bool reply,
				       const struct names *names)
{
	struct tuple tuple = {
		.src = result->source, .dst = result->address, .proto = target_proto(result)};
	static const char *const protos[] = {"ICMP", "TCP", "UDP", "UDP", "ICMP"};
	const char *proto = protos[result->target.kind];
	bool ports = tuple.proto == IPPROTO_TCP || tuple.proto == IPPROTO_UDP;

	if (ports)
		tuple.dport = result->target.port;
	if (tuple.proto == IPPROTO_ICMPV6)
		proto = "ICMPv6";
	if (reply)
		tuple = tuple_reverse(tuple);
	return document_flow(&tuple, proto, names);
}

static const char *device_of(const struct names *names, uint32_t netns, uint32_t ifindex)
{
	const struct device *device = names_device(names, netns, ifindex);

	return device ? device->name : "?";
}

/* The row shown before `index` that packets got no further than, else just the one before; NULL none. */
static const struct hop_row *row_before(const struct hop_table *table, unsigned index)
{
	const struct hop_row *last = NULL;

	while (index-- > 0) {
		const struct hop_row *row = &table->rows[table->order[index]];

		if (row->place.leg == LEG_BEYOND)
			continue;
		if (row->stopped)
			return row;
		if (!last)
			last = row;
	}
	return last;
}

/* Where the packets went that this row misses first. */
static void loss_place(char *text, size_t size, const struct hop_row *row,
		       const struct hop_row *before, const struct names *names)
{
	const struct device *last;

	if (!before) {
		text_copy(text, size, "before the first device");
		return;
	}
	last = names_device(names, before->place.netns, before->place.ifindex);
	if (row->place.leg != before->place.leg && last && last->role == ROLE_POD)
		snprintf(text, size, "in %s", last->pod[0] ? last->pod : "the pod");
	else if (row->place.leg != before->place.leg)
		text_copy(text, size, "beyond this node");
	else
		snprintf(text, size, "between %s and %s", last ? last->name : "?",
			 device_of(names, row->place.netns, row->place.ifindex));
}

static void put_loss(struct json_object *object, const struct hop_table *table, unsigned index,
		     const struct names *names)
{
	const struct hop_row *row = &table->rows[table->order[index]];
	const struct hop_row *before = row_before(table, index);
	char text[400];

	if (row->place.leg == LEG_BEYOND || !row->lost)
		return;
	for (unsigned i = 0; i < index; i++) {
		const struct hop_row *earlier = &table->rows[table->order[i]];

		if (earlier->place.leg != LEG_BEYOND && earlier->lost)
			return;
	}
	loss_place(text, sizeof(text), row, before, names);
	put_text(object, "loss_begins", text);
}

/*
 * A router that answers much less than what lies behind it answers seldom; it loses nothing. Compared with the
 * last row, which all packets count for: routers are asked only now and then, and chance makes them differ.
 */
static void put_harmless(struct json_object *object, const struct hop_table *table, unsigned index)
{
	const struct hop_row *row = &table->rows[table->order[index]];
	const struct hop_row *last = &table->rows[table->order[table->row_count - 1]];

	if (row->place.leg == LEG_BEYOND && row->lost && row->seen &&
	    hop_row_loss(last) * 2 < hop_row_loss(row))
		put_flag(object, "loss_not_passed_on", true);
}

static void put_ends(struct json_object *object, const struct hop_table *table, unsigned id,
		     const struct names *names)
{
	struct json_object *ends = NULL;

	for (unsigned i = 0; i < table->end_count; i++) {
		const struct hop_end *end = &table->ends[i];
		bool reached =
			end->verdict == VERDICT_DELIVERED || end->verdict == VERDICT_LEFT_NODE;
		struct json_object *one;

		if (end->row != id)
			continue;
		one = json_object_new_object();
		put_text(one, "kind",
			 reached && !end->reply ? "unanswered" : verdict_name(end->verdict));
		if (!reached && names_device(names, end->netns, end->ifindex))
			put_text(one, "device", device_of(names, end->netns, end->ifindex));
		put_flag(one, "answer", end->reply);
		put_text(one, "reason", end->reason);
		put_text(one, "hook", end->hook);
		put_text(one, "function", end->function);
		put_number(one, "packets", end->count);
		if (!ends)
			ends = json_object_new_array();
		json_object_array_add(ends, one);
	}
	if (ends)
		json_object_object_add(object, "ended", ends);
}

struct json_object *document_hop_stats(const struct probe_result *result,
				       const struct hop_table *table, unsigned index,
				       const struct names *names)
{
	static const char *const legs[] = {"request", "beyond", "reply"};
	struct json_object *object = document_new("hop_stats", document_now());
	unsigned id = table->order[index], leg_hop = 1;
	const struct hop_row *row = &table->rows[id];

	for (unsigned i = 0; i < index; i++)
		leg_hop += table->rows[table->order[i]].place.leg == row->place.leg;
	put_text(object, "node", names->node);
	put_text(object, "target", result->target.text);
	json_object_object_add(object, "flow",
			       result_flow(result, row->place.leg == LEG_REPLY, names));
	put_number(object, "hop", index + 1);
	put_text(object, "leg", legs[row->place.leg]);
	put_number(object, "leg_hop", leg_hop);
	if (row->place.leg == LEG_BEYOND) {
		put_number(object, "ttl", row->place.ttl);
		put_address(object, "router", row->place.router);
	} else {
		put_place(object, names, row->place.netns, row->place.ifindex);
		put_text(object, "direction", row->place.out ? "out" : "in");
		put_address(object, "next_node", row->next_node);
	}
	put_number(object, "packets", row->seen);
	put_number(object, "lost", row->lost);
	put_percent(object, "loss_percent", hop_row_loss(row));
	put_numbers(object, &row->time);
	if (row->step.count)
		put_us(object, "step_avg_us", row->step.mean);
	put_loss(object, table, index, names);
	put_harmless(object, table, index);
	put_ends(object, table, id, names);
	return object;
}

static struct json_object *document_query(const struct probe_query *query)
{
	struct json_object *object = json_object_new_object();
	char type[16];

	put_text(object, "name", query->name);
	put_text(object, "type", dns_type_text(query->type, type));
	put_address(object, "server", query->server);
	put_text(object, "transport", query->tcp ? "tcp" : "udp");
	put_flag(object, "searched", query->searched);
	put_flag(object, "wasted", query->wasted);
	put_text(object, "error", query->error);
	if (query->answered_by.version && !address_equal(query->answered_by, query->server))
		put_address(object, "answered_by", query->answered_by);
	if (query->took_ns < 0)
		return object;
	put_us(object, "took_us", query->took_ns);
	put_text(object, "rcode", dns_rcode_name(query->rcode));
	put_flag(object, "truncated", query->truncated);
	put_number(object, "answers", query->answers);
	if (query->address_count) {
		struct json_object *list = json_object_new_array();
		char text[ADDRESS_TEXT];

		for (unsigned i = 0; i < query->address_count; i++)
			json_object_array_add(
				list, document_string(address_text(query->addresses[i], text)));
		json_object_object_add(object, "addresses", list);
	}
	return object;
}

static void put_queries(struct json_object *object, const struct probe_result *result)
{
	struct json_object *list = json_object_new_array();
	uint64_t wasted = 0;

	array_each(query, &result->queries) {
		json_object_array_add(list, document_query(query));
		wasted += query->wasted;
	}
	json_object_object_add(object, "queries", list);
	put_number(object, "wasted_queries", wasted);
}

static void put_mtu(struct json_object *object, const struct probe_mtu *mtu)
{
	struct json_object *one = json_object_new_object(), *links = json_object_new_array();
	char text[400];

	put_text(one, "verdict", mtu_verdict_name(mtu->verdict));
	put_number(one, "passed", mtu->search.low);
	put_nonzero(one, "lost", mtu->search.high > mtu->search.top ? 0 : mtu->search.high);
	put_number(one, "device_mtu", mtu->search.top);
	put_number(one, "packets", mtu->search.sent);
	if (mtu->direction_known) {
		put_text(one, "narrow_way", mtu->reverse_small ? "reply" : "request");
		put_nonzero(one, "forward_passed", mtu->forward);
	}
	put_nonzero(one, "icmp_mtu", mtu->icmp_mtu);
	put_address(one, "icmp_from", mtu->icmp_from);
	put_text(one, "dropped_at", mtu->dropped_at);
	put_text(one, "dropped_why", mtu->dropped_why);
	probe_mtu_summary(mtu, text, sizeof(text));
	put_text(one, "summary", text);
	probe_mtu_remedy(mtu, text, sizeof(text));
	put_text(one, "remedy", text);
	for (unsigned i = 0; i < mtu->link_count; i++) {
		struct json_object *link = json_object_new_object();

		put_text(link, "name", mtu->links[i].name);
		put_number(link, "mtu", mtu->links[i].mtu);
		json_object_array_add(links, link);
	}
	json_object_object_add(one, "devices", links);
	json_object_object_add(object, "mtu", one);
}

/* The rows nobody was seen at: what ended before the first device. */
static void put_unseen(struct json_object *object, const struct hop_table *table,
		       const struct names *names)
{
	put_ends(object, table, HOP_ROWS, names);
}

struct json_object *document_probe(const struct probe_result *result, const struct hop_table *table,
				   const struct names *names)
{
	struct json_object *object = document_new("probe", document_now());
	struct json_object *notes = json_object_new_array();

	put_text(object, "node", names->node);
	put_text(object, "target", result->target.text);
	put_text(object, "kind", target_kind_name(result->target.kind));
	put_text(object, "pod", result->pod);
	if (result->address.version)
		json_object_object_add(object, "flow", result_flow(result, false, names));
	put_number(object, "sent", result->sent);
	put_number(object, "answered", result->answered);
	put_nonzero(object, "refused", result->refused);
	put_nonzero(object, "unreachable", result->unreachable);
	put_nonzero(object, "silent", result->silent);
	put_nonzero(object, "failed", result->failed);
	put_nonzero(object, "retransmitted", result->resent);
	put_percent(object, "loss_percent",
		    result->sent ? 100.0 * (result->sent - result->answered) / result->sent : 0);
	put_numbers(object, &result->rtt);
	for (unsigned i = 0; i < result->note_count; i++) {
		struct json_object *note = json_object_new_object();

		put_text(note, "text", result->notes[i].text);
		put_number(note, "count", result->notes[i].count);
		json_object_array_add(notes, note);
	}
	json_object_object_add(object, "notes", notes);
	if (result->queries.count)
		put_queries(object, result);
	if (result->mtu)
		put_mtu(object, result->mtu);
	put_unseen(object, table, names);
	put_flag(object, "rows_cut", table->rows_cut);
	return object;
}
