// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first and the last line of a run as JSON: what is traced and by which probes, and
 * what came of it, with the counters that say how complete the picture is.
 */
#include "output/document_parts.h"

static struct json_object *document_devices(const struct names *names)
{
	struct json_object *devices = json_object_new_array();

	if (!names->topology)
		return devices;
	array_each(device, &names->topology->devices) {
		struct json_object *object;

		if (!device->traced)
			continue;
		object = json_object_new_object();
		json_object_object_add(object, "name", document_string(device->name));
		put_place(object, names, device->netns, device->ifindex);
		json_object_object_del(object, "device");
		put_text(object, "kind", device->kind);
		put_number(object, "mtu", device->mtu);
		json_object_array_add(devices, object);
	}
	return devices;
}

/* The node's and its pods' own addresses: another node's trace tells by them who a packet was sent to. */
static struct json_object *document_addresses(const struct names *names)
{
	struct json_object *addresses = json_object_new_array();
	char text[ADDRESS_TEXT];

	if (!names->topology)
		return addresses;
	array_each(local, &names->topology->addresses) {
		if (address_is_loopback(local->address) || address_is_link_local(local->address))
			continue;
		json_object_array_add(addresses,
				      json_object_new_string(address_text(local->address, text)));
	}
	return addresses;
}

static struct json_object *document_probes(const struct start_info *info)
{
	struct json_object *probes = json_object_new_array();

	for (size_t i = 0; i < info->probe_count; i++) {
		const struct probe_state *probe = &info->probes[i];
		struct json_object *object = json_object_new_object();

		put_text(object, "name", probe->name);
		put_text(object, "way", probe->way);
		put_text(object, "state", probe->state);
		put_text(object, "why", probe->why);
		if (probe->witness)
			put_text(object, "explains", probe->witness);
		json_object_array_add(probes, object);
	}
	return probes;
}

struct json_object *document_start(const struct start_info *info, const struct names *names)
{
	struct json_object *document = document_new("start", document_now());

	put_text(document, "version", info->version);
	put_text(document, "kernel", info->kernel);
	put_text(document, "node", names->node);
	json_object_object_add(document, "filter", document_string(info->filter ?: ""));
	put_text(document, "command", info->command);
	put_text(document, "pod", info->pod);
	put_containers(document, "container", "containers", info->containers ?: "");
	put_text(document, "shown", info->shown);
	put_nonzero(document, "min_len", info->min_len);
	json_object_object_add(document, "devices", document_devices(names));
	json_object_object_add(document, "addresses", document_addresses(names));
	json_object_object_add(document, "probes", document_probes(info));
	return document;
}

static struct json_object *document_verdicts(const struct summary_info *info)
{
	const struct journey_counts *counts = info->journeys;
	struct json_object *verdicts = json_object_new_object();
	uint64_t total = 0;

	for (unsigned v = 0; v <= VERDICT_VANISHED; v++) {
		put_number(verdicts, verdict_name(v), counts->verdicts[v]);
		total += counts->verdicts[v];
	}
	put_number(verdicts, "benign", counts->benign);
	put_number(verdicts, "total", total + counts->benign);
	if (info->selected)
		put_number(verdicts, "shown", info->shown);
	return verdicts;
}

static void put_totals(struct json_object *object, const struct hook_totals *totals)
{
	put_number(object, "seen", totals->seen);
	put_number(object, "filtered", totals->filtered);
	put_number(object, "recorded", totals->recorded);
	put_number(object, "lost", totals->lost);
	put_nonzero(object, "sampled_out", totals->sampled_out);
}

static void put_share(struct json_object *object, const char *key, uint64_t part, uint64_t whole)
{
	json_object_object_add(object, key, json_object_new_double(100.0 * part / whole));
}

static struct json_object *document_records(const struct summary_info *info)
{
	struct json_object *records = json_object_new_object();
	struct json_object *hooks = json_object_new_object();
	struct hook_totals sum = {0};

	for (size_t i = 0; i < info->hook_count; i++) {
		const struct hook_totals *totals = &info->hooks[i];
		struct json_object *hook = json_object_new_object();

		put_totals(hook, totals);
		json_object_object_add(hooks, totals->hook, hook);
		sum.seen += totals->seen;
		sum.filtered += totals->filtered;
		sum.recorded += totals->recorded;
		sum.lost += totals->lost;
		sum.sampled_out += totals->sampled_out;
	}
	put_totals(records, &sum);
	if (sum.sampled_out) {
		put_share(records, "share_percent", sum.recorded, sum.recorded + sum.lost);
		put_share(records, "least_share_percent", 1, 1ull << info->sampling.shift_max);
	}
	put_nonzero(records, "tracked_evicted", info->sampling.tracked_evicted);
	put_nonzero(records, "followed_evicted", info->sampling.followed_evicted);
	if (info->journeys) {
		put_number(records, "malformed", info->journeys->malformed);
		put_number(records, "evicted", info->journeys->evicted);
	}
	json_object_object_add(records, "hooks", hooks);
	return records;
}

struct json_object *document_summary(const struct summary_info *info, const struct names *names)
{
	struct json_object *document = document_new("summary", document_now());
	struct json_object *findings = json_object_new_object();

	put_text(document, "node", names->node);
	if (info->journeys)
		json_object_object_add(document, "journeys", document_verdicts(info));
	put_number(findings, "error", info->findings_error);
	put_number(findings, "warning", info->findings_warning);
	put_number(findings, "info", info->findings_info);
	json_object_object_add(document, "findings", findings);
	json_object_object_add(document, "records", document_records(info));
	json_object_object_add(document, "complete", json_object_new_boolean(info->complete));
	put_signed(document, "exit_status", info->exit_status);
	if (info->command_status >= 0)
		put_signed(document, "command_status", info->command_status);
	put_number(document, "duration_ns", info->duration_ns);
	put_number(document, "flows", info->flows);
	put_number(document, "flows_dropped", info->flows_dropped);
	return document;
}
