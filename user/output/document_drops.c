/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's documents. A row's names were settled when it was first seen; here they are
 * only written down.
 */
#include "output/document_drops.h"

#include <stdlib.h>
#include <string.h>

#include "output/document_parts.h"

static const char *row_class(const struct watch_row *row)
{
	return row->benign ? "benign" : "fault";
}

static void put_row(struct json_object *object, const struct watch_row *row)
{
	put_text(object, "reason", row->reason);
	put_flag(object, "derived", row->derived);
	put_text(object, "function", row->function);
	put_text(object, "hook", row->hook);
	put_text(object, "device", row->device);
	put_nonzero(object, "ifindex", row->key.ifindex);
	put_text(object, "device_kind", row->kind);
	put_nonzero(object, "netns", row->key.netns);
	put_text(object, "netns_name", row->netns);
	if (row->pod)
		put_text(object, "pod", row->pod);
	if (row->containers)
		put_containers(object, "container", "containers", row->containers);
	put_text(object, "peer_device", row->peer);
	put_text(object, "proto", row->proto);
	put_text(object, "class", row_class(row));
	if (row->why)
		put_text(object, "why", row->why);
}

static const struct watch_sample *row_last_sample(const struct watch_row *row)
{
	return row->sample_count
		       ? &row->samples[(row->sample_next + WATCH_SAMPLES - 1) % WATCH_SAMPLES]
		       : NULL;
}

static struct json_object *sample_flow(const struct watch_sample *sample, const struct names *names)
{
	struct names then = *names;

	then.time_ns = sample->time_ns;
	return document_packet_flow(&sample->packet, &then);
}

struct json_object *document_drops(const struct watch_row *row, const struct names *names,
				   uint64_t now_ns, bool interval)
{
	struct json_object *document = document_new("drops", document_now());
	const struct watch_sample *sample = row_last_sample(row);

	put_text(document, "node", names->node);
	put_row(document, row);
	put_number(document, "packets", interval ? row->interval_packets : row->packets);
	put_number(document, "bytes", interval ? row->interval_bytes : row->bytes);
	put_number(document, "total_packets", row->packets);
	put_number(document, "total_bytes", row->bytes);
	json_object_object_add(document, "rate", json_object_new_double(watch_rate(row, now_ns)));
	put_number(document, "first_ns", document_time(names, row->began_ns));
	put_number(document, "last_ns", document_time(names, row->last_ns));
	if (sample)
		json_object_object_add(document, "flow", sample_flow(sample, names));
	for (unsigned i = 0; i < WATCH_CAUSES && row->causes[i].finding; i++) {
		if (i == 0)
			json_object_object_add(document, "findings", json_object_new_array());
		json_object_array_add(json_object_object_get(document, "findings"),
				      json_object_new_int64(row->causes[i].finding));
	}
	return document;
}

/* {packets, bytes, by_reason{…}} of one class in this interval. */
static struct json_object *document_class(const struct watch *watch, bool benign)
{
	struct json_object *object = json_object_new_object();
	struct json_object *reasons = json_object_new_object();
	uint64_t packets = 0, bytes = 0;

	array_each(at, &watch->rows) {
		const struct watch_row *row = *at;
		struct json_object *known = NULL;

		if (row->benign != benign || !row->named || row->elsewhere ||
		    !row->interval_packets)
			continue;
		packets += row->interval_packets;
		bytes += row->interval_bytes;
		json_object_object_get_ex(reasons, row->reason, &known);
		put_number(reasons, row->reason,
			   row->interval_packets +
				   (known ? (uint64_t)json_object_get_int64(known) : 0));
	}
	put_number(object, "packets", packets);
	put_number(object, "bytes", bytes);
	json_object_object_add(object, "reasons", reasons);
	return object;
}

static struct json_object *document_lost(const struct drops_lost *lost)
{
	struct json_object *object = json_object_new_object();

	put_number(object, "overflow", lost->overflow);
	put_number(object, "missed", lost->missed);
	put_number(object, "samples", lost->samples);
	return object;
}

struct json_object *document_interval(const struct watch *watch, const struct interval_info *info,
				      const struct names *names)
{
	struct json_object *document = document_new("interval", document_now());

	put_text(document, "node", names->node);
	put_number(document, "duration_ns", info->duration_ns);
	json_object_object_add(document, "fault", document_class(watch, false));
	json_object_object_add(document, "benign", document_class(watch, true));
	json_object_object_add(document, "lost", document_lost(&info->lost));
	put_number(document, "rows", watch->rows.count);
	put_number(document, "findings", watch->findings.count);
	return document;
}

struct json_object *document_watch_finding(const struct watch_finding *finding,
					   const struct names *names)
{
	static const char *const states[] = {"new", "update", "over"};
	struct json_object *document = document_finding(finding->finding, names);

	put_text(document, "state", states[finding->state]);
	put_number(document, "number", finding->id);
	put_number(document, "first_ns", document_time(names, finding->first_ns));
	put_number(document, "last_ns", document_time(names, finding->last_ns));
	json_object_object_add(document, "count_exact", json_object_new_boolean(finding->exact));
	return document;
}

struct json_object *document_counter(const struct counter_info *info, const struct names *names)
{
	struct json_object *document = document_new("counter", document_now());

	put_text(document, "node", names->node);
	put_text(document, "name", info->name);
	put_text(document, "meaning", info->meaning);
	put_nonzero(document, "netns", info->netns_inode);
	put_text(document, "netns_name", info->netns);
	put_text(document, "pod", info->pod);
	put_containers(document, "container", "containers", info->containers);
	put_text(document, "device", info->device);
	put_number(document, "gained", info->gained);
	put_number(document, "total", info->total);
	return document;
}

struct json_object *document_monitor_summary(const struct monitor_summary *summary,
					     const struct names *names)
{
	const struct watch_totals *totals = &summary->watch->totals;
	const struct drops_lost *lost = &summary->lost;
	const struct hook_totals hook = {
		.hook = "kfree_skb",
		.seen = summary->seen,
		.filtered = summary->filtered,
		.recorded = summary->counted,
		.lost = lost->overflow + lost->missed,
	};
	const struct summary_info info = {
		.findings_error = summary->findings_error,
		.findings_warning = summary->findings_warning,
		.findings_info = summary->findings_info,
		.hooks = &hook,
		.hook_count = 1,
		.complete = !hook.lost,
		.exit_status = summary->exit_status,
		.command_status = -1,
		.duration_ns = summary->duration_ns,
	};
	struct json_object *document = document_summary(&info, names);
	struct json_object *drops = json_object_new_object();

	put_number(drops, "fault", totals->fault_packets);
	put_number(drops, "fault_bytes", totals->fault_bytes);
	put_number(drops, "benign", totals->benign_packets);
	put_number(drops, "benign_bytes", totals->benign_bytes);
	put_number(drops, "elsewhere", totals->elsewhere_packets);
	json_object_object_add(drops, "lost", document_lost(lost));
	json_object_object_add(document, "drops", drops);
	json_object_object_del(document, "flows");
	json_object_object_del(document, "flows_dropped");
	return document;
}

struct json_object *document_sample(const struct watch_row *row, const struct watch_sample *sample,
				    const struct names *names)
{
	struct json_object *document =
		document_new("sample", document_time(names, sample->time_ns));

	put_text(document, "node", names->node);
	put_row(document, row);
	json_object_object_add(document, "flow", sample_flow(sample, names));
	json_object_object_add(document, "packet", document_packet(&sample->packet));
	return document;
}
