/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows: what the kernel counted gets its names, once, when it is first seen. A namespace's
 * inode may be used again, so a row is named from facts that are younger than its namespace.
 */
#include "commands/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "commands/common.h"
#include "diagnose/drop_class.h"
#include "diagnose/drop_reason.h"
#include "node/link_watch.h"
#include "node/netns.h"

#define REFRESH_LEAST_NS 500000000ull /* between two looks at the node */
#define GONE_KEPT_NS 300000000000ull /* rows of what has gone: as long as the history */
#define PRESSURE_QUIET_NS 30000000000ull
#define MAX_NAMESPACES 4096
#define ENDING_NS 30000000000ull /* a namespace is taken apart within this time */
#define MAX_HELD 64
#define POD_NAME_CUT 150 /* characters of a namespace, and of a name: see netns_names() */

static const char *device_kind(const struct device *device)
{
	static const char *const kinds[] = {
		[ROLE_OTHER] = "other",       [ROLE_POD] = "pod",       [ROLE_BRIDGE] = "bridge",
		[ROLE_TUNNEL] = "tunnel",     [ROLE_UPLINK] = "uplink", [ROLE_INSIDE] = "pod",
		[ROLE_LOOPBACK] = "loopback",
	};

	return device ? kinds[device->role] : "none";
}

static struct seen_netns *netns_seen(struct monitor_run *run, const struct drop_key *key,
				     uint64_t now_ns)
{
	struct seen_netns *seen;

	array_each(known, &run->namespaces) {
		if (known->inode == key->netns && known->cookie == key->cookie)
			return known;
	}
	if (run->namespaces.count >= MAX_NAMESPACES)
		return NULL;
	seen = array_push(&run->namespaces);
	if (!seen)
		return NULL;
	seen->inode = key->netns;
	seen->cookie = key->cookie;
	seen->seen_ns = now_ns;
	seen->dying = key->what & DROP_KEY_DYING;
	return seen;
}

static void netns_names(const struct monitor_run *run, const struct netns_facts *ns, char *label,
			size_t label_size, char *pod_name, size_t pod_size)
{
	const struct pod *pod = facts_pod_of_netns(run->session.facts, ns->inode);

	text_copy(label, label_size, ns->label[0] ? ns->label : "node");
	pod_name[0] = '\0';
	if (pod)
		snprintf(pod_name, pod_size, "%.150s/%.150s", pod->namespace, pod->name);
}

/* Where it does not, the inode is all there is to tell namespaces by. So it is for one that may not be entered. */
static bool kernel_tells_cookies(const struct monitor_run *run)
{
	const struct netns_facts *node =
		facts_netns(run->session.facts, run->session.facts->node_netns);

	return node && node->cookie;
}

/*
 * Another namespace may have had the inode before, or have it now. One that ended before it could be asked for its cookie
 * gives its name to nobody's drops, rather than to another's.
 */
static bool is_same(const struct monitor_run *run, const struct seen_netns *seen, uint64_t cookie,
		    bool barred)
{
	return !seen->cookie || barred || cookie == seen->cookie || !kernel_tells_cookies(run);
}

static struct netns_facts *netns_present(struct monitor_run *run, const struct seen_netns *seen)
{
	struct netns_facts *ns = facts_netns(run->session.facts, seen->inode);

	return ns && is_same(run, seen, ns->cookie, ns->barred) ? ns : NULL;
}

/*
 * It was there when the drop was seen, and has ended since; or its name had gone already, and the
 * kernel was still taking it apart.
 */
static bool netns_resolve_past(const struct monitor_run *run, struct seen_netns *seen)
{
	array_each(past, &run->past) {
		uint64_t least = seen->dying && seen->seen_ns > ENDING_NS
					 ? seen->seen_ns - ENDING_NS
					 : seen->seen_ns;

		if (past->inode != seen->inode || past->gone_ns < least ||
		    !is_same(run, seen, past->cookie, past->barred))
			continue;
		seen->ours = seen->gone = true;
		text_copy(seen->label, sizeof(seen->label), past->label);
		text_copy(seen->pod, sizeof(seen->pod), past->pod);
		return true;
	}
	return false;
}

/* Where a namespace belongs, as facts read after it was first seen say. */
static bool netns_resolve(struct monitor_run *run, struct seen_netns *seen)
{
	struct netns_facts *ns;

	if (seen->resolved && (seen->ours || seen->gone))
		return true;
	if (run->refreshed_ns < seen->seen_ns) {
		follow_changed(&run->follow, common_now()); /* wait for the next look */
		return false;
	}
	ns = netns_present(run, seen);
	seen->resolved = true;
	seen->ours = ns != NULL;
	if (ns)
		netns_names(run, ns, seen->label, sizeof(seen->label), seen->pod,
			    sizeof(seen->pod));
	else
		netns_resolve_past(run, seen);
	return true;
}

/* A drop as far as a key alone tells it. */
static void key_drop(struct monitor_run *run, const struct drop_key *key, struct drop *drop)
{
	memset(drop, 0, sizeof(*drop));
	drop->netns = key->netns;
	drop->ifindex = key->ifindex;
	drop->info.location = key->location;
	drop->info.reason = key->reason;
	drop->info.pkt_type = drop_key_pkt_type(key);
	watch_key_packet(key, &drop->packet);
	kernel_name_drop(run->kernel_names, drop);
}

/* Is it among the pods that the last look at the node found? "namespace/name", perhaps cut; Docker has no namespaces. */
static bool pod_lives(const struct monitor_run *run, const char *name)
{
	const char *slash = strchr(name, '/'), *last = slash ? slash + 1 : name;
	size_t length = slash ? (size_t)(slash - name) : 0;

	array_each(pod, &run->session.facts->pods) {
		if (!strncmp(pod->namespace, name, length) &&
		    (length >= POD_NAME_CUT || !pod->namespace[length]) &&
		    !strncmp(pod->name, last, POD_NAME_CUT))
			return true;
	}
	return false;
}

/* Those that the pod has now; of one that has gone nothing is known. */
static void row_containers(struct monitor_run *run, struct watch_row *row,
			   const struct device *device)
{
	const struct pod *pod = row->pod ? facts_pod_named(run->session.facts, row->pod) : NULL;
	char containers[192] = "";

	if (device && device->containers[0])
		text_copy(containers, sizeof(containers), device->containers);
	else if (pod)
		facts_containers(run->session.facts, pod, containers, sizeof(containers));
	free(row->containers);
	row->containers = containers[0] ? strdup(containers) : NULL;
}

static void row_place(struct monitor_run *run, struct watch_row *row, const struct seen_netns *seen,
		      const char *device_name)
{
	const struct device *device =
		topology_device(&run->session.topology, row->key.netns, row->key.ifindex);
	const char *pod = device && device->pod[0] ? device->pod : seen ? seen->pod : "";

	row->kind = device_kind(device);
	if (device)
		text_copy(row->device, sizeof(row->device), device->name);
	else if (device_name[0])
		text_copy(row->device, sizeof(row->device), device_name);
	else if (row->key.ifindex)
		snprintf(row->device, sizeof(row->device), "if%u", row->key.ifindex);
	text_copy(row->netns, sizeof(row->netns), seen ? seen->label : "");
	text_copy(row->peer, sizeof(row->peer), device ? device->peer_name : "");
	free(row->pod);
	row->pod = pod[0] ? strdup(pod) : NULL;
	row->pod_gone = row->pod && !pod_lives(run, row->pod);
	row_containers(run, row, device);
}

static void row_proto(struct watch_row *row)
{
	struct packet packet;
	char number[16];

	watch_key_packet(&row->key, &packet);
	if (row->key.ethertype == DROP_ETHERTYPE_OTHER || row->key.proto == DROP_PROTO_OTHER ||
	    (!packet.ip_version && row->key.ethertype != 0x0806))
		text_copy(row->proto, sizeof(row->proto), "other");
	else
		text_copy(row->proto, sizeof(row->proto), packet_proto_name(&packet, number));
}

/* Is the row's namespace one of this node's? False: that is not known yet. */
static bool row_belongs(struct monitor_run *run, struct watch_row *row)
{
	struct seen_netns *seen;

	if (!row->key.netns)
		return true;
	seen = netns_seen(run, &row->key, common_now());
	if (seen && !netns_resolve(run, seen))
		return false;
	row->elsewhere = !seen || !seen->ours;
	row->gone = seen && seen->gone;
	row->named = row->elsewhere; /* that is all there is to know */
	return true;
}

/*
 * One function may drop for several reasons that a kernel does not tell apart: where samples differ, none is the
 * row's. A row that was named by its key alone learns its reason from the first.
 */
static void row_reason(struct watch_row *row, const struct drop *sample)
{
	struct drop judged = *sample;

	if (sample->reason[0])
		return;
	drop_derive(&judged);
	if (row->sample_count == 1)
		watch_row_reason(row, judged.reason, judged.derived);
	else if (row->derived && strcmp(row->reason, judged.reason) != 0)
		watch_row_reason(row, "", false);
}

/* `drop`: a sample of it, or what the key tells. */
static void row_name(struct monitor_run *run, struct watch_row *row, const struct drop *drop)
{
	struct seen_netns *seen = row->key.netns ? netns_seen(run, &row->key, common_now()) : NULL;
	struct drop judged = *drop;

	row_place(run, row, seen, drop->info.dev_name);
	if (!judged.info.dev_name[0])
		text_copy(judged.info.dev_name, sizeof(judged.info.dev_name), row->device);
	row->benign = drop_is_benign(&judged, &row->why);
	if (!row->benign)
		row->benign = drop_is_nobodys(drop, row->key.what & DROP_KEY_DYING, &row->why);
	if (row->sample_count) /* a key alone says too little */
		drop_derive(&judged);
	watch_row_reason(row, judged.reason, judged.derived);
	text_copy(row->function, sizeof(row->function), drop->function);
	text_copy(row->hook, sizeof(row->hook), drop->hook);
	row_proto(row);
	row->named = true;
}

static bool sample_drop(struct monitor_run *run, const void *bytes, size_t size, struct drop *drop)
{
	struct record_view view;

	if (record_parse(bytes, size, &view) || !view.drop)
		return false;
	memset(drop, 0, sizeof(*drop));
	drop->time_ns = view.record->time_ns;
	drop->netns = view.record->netns;
	drop->ifindex = view.record->ifindex;
	drop->packet = view.record->packet;
	drop->info = *view.drop;
	if (view.stack)
		memcpy(drop->stack, view.stack, view.drop->stack_depth * sizeof(drop->stack[0]));
	if (view.encap) {
		drop->has_encap = true;
		drop->encap = *view.encap;
	}
	kernel_name_drop(run->kernel_names, drop);
	return true;
}

static void sample_hold(struct monitor_run *run, const struct drop_key *key, const void *bytes,
			size_t size)
{
	struct held_sample *held;
	void *copy;

	if (run->held.count >= MAX_HELD)
		return;
	copy = malloc(size);
	held = copy ? array_push(&run->held) : NULL;
	if (!held) {
		free(copy);
		return;
	}
	memcpy(copy, bytes, size);
	*held = (struct held_sample){.key = *key, .size = size, .record = copy};
}

static void sample_take(void *context, const struct drop_key *key, const void *bytes, size_t size)
{
	struct monitor_run *run = context;
	struct watch_row *row = watch_row_get(run->watch, key);
	struct drop drop;

	if (!row)
		return;
	if (!row->named && !row_belongs(run, row)) {
		sample_hold(run, key, bytes, size);
		return;
	}
	if (row->elsewhere || !sample_drop(run, bytes, size, &drop))
		return;
	watch_row_sample(row, drop.time_ns, &drop.packet);
	if (!row->named) {
		row_name(run, row, &drop);
	} else {
		if (strcmp(row->hook, drop.hook) != 0)
			row->hook[0] = '\0'; /* one function frees for several hooks */
		row_reason(row, &drop);
	}
	monitor_judge_sample(run, row, bytes, size);
}

void monitor_rows_held_free(struct monitor_run *run)
{
	array_each(held, &run->held)
		free(held->record);
	array_free(&run->held);
}

static void held_take(struct monitor_run *run)
{
	size_t count = run->held.count;

	/* what still has to wait is held again, behind those */
	for (size_t i = 0; i < count; i++) {
		struct held_sample held = run->held.items[i];

		sample_take(run, &held.key, held.record, held.size);
		free(held.record);
	}
	run->held.count -= count;
	memmove(run->held.items, run->held.items + count,
		run->held.count * sizeof(run->held.items[0]));
}

static void part_count(void *context, const struct drop_key *key, const struct drop_sum *sum,
		       bool placed)
{
	struct monitor_run *run = context;

	watch_reading_add(run->watch, key, sum, placed);
}

void monitor_rows_read(struct monitor_run *run, uint64_t now_ns)
{
	struct drop drop;

	monitor_samples(run->kernel, sample_take, run);
	run->read_ns = now_ns;
	watch_reading_begin(run->watch);
	monitor_read(run->kernel, part_count, run);
	watch_reading_end(run->watch, now_ns);
	array_each(row, &run->watch->rows) {
		if ((*row)->named || !(*row)->packets || !row_belongs(run, *row) ||
		    (*row)->elsewhere)
			continue;
		key_drop(run, &(*row)->key, &drop);
		row_name(run, *row, &drop);
	}
	watch_settle(run->watch);
	monitor_exactness(run->kernel, &run->exactness);
}

/* A namespace has gone when its inode is nobody's, or somebody else's. */
static bool netns_gone(struct monitor_run *run, const struct seen_netns *seen)
{
	const struct netns_facts *ns = netns_present(run, seen);

	if (!ns)
		return true;
	if (kernel_tells_cookies(run) && !ns->barred)
		return false;
	array_each(other, &run->namespaces) {
		if (other->inode == seen->inode && other->seen_ns > seen->seen_ns)
			return true;
	}
	return false;
}

static void netns_end(struct monitor_run *run, struct seen_netns *seen)
{
	seen->gone = true;
	array_each(row, &run->watch->rows) {
		if ((*row)->key.netns == seen->inode && (*row)->key.cookie == seen->cookie)
			(*row)->gone = true;
	}
}

/*
 * A series ends with its pod, whether its drops were in the pod's namespace or at the host's end of its veth. A pod
 * that was not found in one look and is in the next (its files were being written) has its series back.
 */
static void pods_end(struct monitor_run *run)
{
	for (size_t i = run->watch->pods.count; i > 0; i--) {
		const struct watch_pod *pod = run->watch->pods.items[i - 1];

		if (!pod_lives(run, pod->name))
			watch_pod_gone(run->watch, pod->name);
	}
	array_each(row, &run->watch->rows) {
		if ((*row)->pod_gone && !(*row)->gone && pod_lives(run, (*row)->pod)) {
			(*row)->pod_gone = false;
			(*row)->pod_series = NULL;
		}
	}
}

static bool namespace_among(const struct named_netns *wanted, const struct named_netns *list,
			    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].inode == wanted->inode && list[i].cookie == wanted->cookie)
			return true;
	}
	return false;
}

/* The oldest of what is past goes first. */
static void past_add(struct monitor_run *run, const struct named_netns *gone, uint64_t now_ns)
{
	struct named_netns *past;

	if (run->past.count >= MONITOR_MAX_PAST) {
		run->past.count--;
		memmove(run->past.items, run->past.items + 1,
			run->past.count * sizeof(run->past.items[0]));
	}
	past = array_push(&run->past);
	if (!past)
		return;
	*past = *gone;
	past->gone_ns = now_ns;
}

/* What the facts have now is present; what was and is no more becomes past. */
static void namespaces_look(struct monitor_run *run, uint64_t now_ns)
{
	typeof(run->present) now = {};

	array_each(ns, &run->session.facts->namespaces) {
		struct named_netns *named = array_push(&now);

		if (!named)
			break;
		named->inode = (*ns)->inode;
		named->cookie = (*ns)->cookie;
		named->barred = (*ns)->barred;
		netns_names(run, *ns, named->label, sizeof(named->label), named->pod,
			    sizeof(named->pod));
	}
	array_each(before, &run->present) {
		if (!namespace_among(before, now.items, now.count))
			past_add(run, before, now_ns);
	}
	array_free(&run->present);
	run->present = now;
}

/* What was named before its pod's files told of it gets the pod's name now; what it counts from here on is the pod's. */
static void rows_name_late(struct monitor_run *run)
{
	array_each(seen, &run->namespaces) {
		struct netns_facts *ns = netns_present(run, seen);

		if (ns && seen->ours && !seen->gone && !seen->pod[0])
			netns_names(run, ns, seen->label, sizeof(seen->label), seen->pod,
				    sizeof(seen->pod));
	}
	array_each(at, &run->watch->rows) {
		struct watch_row *row = *at;

		char device[sizeof(row->device)];

		if (!row->named || row->elsewhere || row->gone || !row->key.netns)
			continue;
		if (row->pod) { /* containers start after their pod's network, and again */
			if (row->interval_packets)
				row_containers(run, row,
					       topology_device(&run->session.topology,
							       row->key.netns, row->key.ifindex));
			continue;
		}
		text_copy(device, sizeof(device), row->device);
		row_place(run, row, netns_seen(run, &row->key, run->refreshed_ns), device);
	}
}

void monitor_rows_refresh(struct monitor_run *run, uint64_t now_ns)
{
	struct error error = {};
	bool read;

	if (run->refreshed_ns && now_ns - run->refreshed_ns < REFRESH_LEAST_NS)
		return;
	if (!run->present.count)
		namespaces_look(run, now_ns); /* those that the session began with */
	read = !session_refresh(&run->session, &error);
	if (!read)
		fprintf(stderr, "cnitrace: devices and pods could not be read anew: %s\n",
			error.text);
	run->refreshed_ns = common_now();
	follow_looked(&run->follow, &run->session, now_ns, run->refreshed_ns);
	namespaces_look(run, run->refreshed_ns);
	array_each(seen, &run->namespaces) {
		if (seen->ours && !seen->gone && netns_gone(run, seen))
			netns_end(run, seen);
	}
	rows_name_late(run);
	if (read)
		pods_end(run);
	/* what was not ours, or came too early to be named, may have become ours */
	array_each(row, &run->watch->rows) {
		if ((*row)->named && (*row)->elsewhere)
			(*row)->named = false;
	}
	if (run->held.count)
		held_take(run);
}

/* Takes a row out of the kernel's map and forgets it; its last packets still count. */
static void row_retire(struct monitor_run *run, struct watch_row *row, uint64_t now_ns)
{
	struct drop_key key = row->key;
	struct drop_sum sum;

	if (!monitor_take(run->kernel, &key, &sum)) {
		watch_row_taken(row, &sum, now_ns);
		watch_settle(run->watch);
		watch_explain(run->watch);
		if (row->interval_packets)
			return; /* it moved after all: told with the interval */
	}
	watch_row_remove(run->watch, row);
}

static void namespaces_sweep(struct monitor_run *run, uint64_t now_ns)
{
	for (size_t i = 0; i < run->namespaces.count;) {
		struct seen_netns *seen = &run->namespaces.items[i];
		bool used = false;

		array_each(row, &run->watch->rows)
			used |= (*row)->key.netns == seen->inode &&
				(*row)->key.cookie == seen->cookie;
		if (used || now_ns - seen->seen_ns < GONE_KEPT_NS)
			i++;
		else
			*seen = run->namespaces.items[--run->namespaces.count];
	}
}

void monitor_rows_sweep(struct monitor_run *run, uint64_t now_ns)
{
	size_t room = monitor_room(run->kernel);
	struct watch_row *row;

	if (now_ns > GONE_KEPT_NS) {
		while ((row = watch_quietest(run->watch, now_ns - GONE_KEPT_NS)) &&
		       (row->gone || row->elsewhere))
			row_retire(run, row, now_ns);
	}
	while (run->watch->rows.count > room / 4 * 3 &&
	       (row = watch_quietest(run->watch, now_ns - PRESSURE_QUIET_NS)))
		row_retire(run, row, now_ns);
	namespaces_sweep(run, now_ns);
}
