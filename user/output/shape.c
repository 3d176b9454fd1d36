// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes shapes from journey documents: the key that decides what folds, and the words of
 * each line. It decides nothing about the packet; all of it stands in the document.
 */
#include "output/shape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "output/json_read.h"

#define LINE_TEXT 768

static void key_add(uint64_t *key, const char *text)
{
	do /* FNV-1a, the NUL as separator */
		*key = (*key ^ (unsigned char)*text) * 0x100000001b3ULL;
	while (*text++);
}

/* Numbers as they are: turning each into text would cost more than all else here. */
static void key_field(uint64_t *key, struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (object && json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, name, &value);
	if (value && json_object_is_type(value, json_type_int))
		*key = (*key ^ (uint64_t)json_object_get_int64(value)) * 0x9e3779b97f4a7c15ULL;
	else
		key_add(key, value ? json_object_get_string(value) : "");
}

/* The lower port is the service's: the other one is new for every connection. */
static bool service_is_source(struct json_object *flow)
{
	return read_has(flow, "sport") && read_number(flow, "sport") < read_number(flow, "dport");
}

static void key_hop(uint64_t *key, struct json_object *hop)
{
	struct json_object *encap = read_child(hop, "encap"), *nat = read_child(hop, "nat");

	key_field(key, hop, "device");
	key_field(key, hop, "netns");
	key_field(key, hop, "node");
	key_field(key, hop, "direction");
	key_field(key, encap, "kind");
	key_field(key, encap, "dst");
	key_field(key, nat, "kind");
	key_field(key, nat, "src");
	key_field(key, nat, "dst");
	if (nat)
		key_field(key, nat, service_is_source(nat) ? "sport" : "dport");
}

uint64_t shape_key(struct json_object *journey)
{
	static const char *const flow_fields[] = {"proto", "src", "dst"};
	static const char *const packet_fields[] = {"icmp_type", "icmp_code", "arp_op",
						    "arp_sender_mac"};
	static const char *const end_fields[] = {"kind",     "device", "netns", "reason",
						 "function", "hook",   "peer",  "answer"};
	struct json_object *flow = read_child(journey, "flow");
	struct json_object *packet = read_child(journey, "packet");
	struct json_object *verdict = read_child(journey, "verdict");
	uint64_t key = 0xcbf29ce484222325ULL;

	key_field(&key, journey, "node");
	for (unsigned i = 0; i < 3; i++)
		key_field(&key, flow, flow_fields[i]);
	key_add(&key, service_is_source(flow) ? "source" : "destination");
	key_field(&key, flow, service_is_source(flow) ? "sport" : "dport");
	for (unsigned i = 0; i < sizeof(packet_fields) / sizeof(*packet_fields); i++)
		key_field(&key, packet, packet_fields[i]);
	key_add(&key, strchr(read_text(packet, "tcp_flags"), 'R') ? "RST" : "");
	for (unsigned i = 0; i < 8; i++)
		key_field(&key, verdict, end_fields[i]);
	key_field(&key, read_child(journey, "drop"), "device");
	key_field(&key, read_child(verdict, "between"), "state");
	key_field(&key, read_child(verdict, "between"), "to");
	key_field(&key, journey, "duplicate");
	for (size_t i = 0; i < read_count(journey, "hops"); i++)
		key_hop(&key, read_item(journey, "hops", i));
	return key;
}

void shape_endpoint(char *text, size_t size, const char *address, uint64_t port)
{
	bool v6 = strchr(address, ':');

	text_copy(text, size, "");
	if (!port)
		text_append(text, size, "%s", address);
	else
		text_append(text, size, v6 ? "[%s]:%u" : "%s:%u", address, (unsigned)port);
}

static void note_add(char *note, const char *text)
{
	text_append(note, LINE_TEXT, "%s%s", *note ? " · " : "", text);
}

static const char *encap_kind_title(const char *kind)
{
	return !strcmp(kind, "vxlan")    ? "VXLAN"
	       : !strcmp(kind, "geneve") ? "GENEVE"
	       : !strcmp(kind, "ipip")   ? "IPIP"
					 : kind;
}

static const char *encap_title(struct json_object *encap, char text[48])
{
	const char *name = encap_kind_title(read_text(encap, "kind"));

	if (read_has(encap, "vni"))
		snprintf(text, 48, "%.24s %u", name, (unsigned)read_number(encap, "vni"));
	else
		snprintf(text, 48, "%.24s", name);
	return text;
}

static void note_encap(char *note, struct json_object *hop, struct json_object *before)
{
	struct json_object *encap = read_child(hop, "encap"), *last = read_child(before, "encap");
	char title[48], text[160];
	bool out = !strcmp(read_text(hop, "direction"), "out");

	if (!encap || (last && !strcmp(read_text(encap, "kind"), read_text(last, "kind")) &&
		       !strcmp(read_text(encap, "dst"), read_text(last, "dst"))))
		return;
	snprintf(text, sizeof(text), "%s %s %.48s", encap_title(encap, title), out ? "→" : "from",
		 read_text(encap, out ? "dst" : "src"));
	note_add(note, text);
}

static void note_nat(char *note, struct json_object *hop)
{
	struct json_object *nat = read_child(hop, "nat");
	const char *kind = read_text(nat, "kind");
	char end[80], text[480];

	if (strstr(kind, "dnat")) {
		shape_endpoint(end, sizeof(end), read_text(nat, "dst"), read_number(nat, "dport"));
		snprintf(text, sizeof(text), "→ %s (DNAT)%s%.300s", end,
			 *read_text(nat, "dst_pod") ? " " : "", read_text(nat, "dst_pod"));
		note_add(note, text);
	}
	if (strstr(kind, "snat")) {
		shape_endpoint(end, sizeof(end), read_text(nat, "src"), read_number(nat, "sport"));
		snprintf(text, sizeof(text), "source → %s (SNAT)", end);
		note_add(note, text);
	}
}

static void note_hop(char *note, struct json_object *hop, struct json_object *before)
{
	bool out = !strcmp(read_text(hop, "direction"), "out");
	const char *pod = read_text(hop, "pod"), *peer = read_text(hop, "peer_device");
	char text[400];

	if (*pod && !strcmp(read_text(hop, "role"), "pod")) {
		snprintf(text, sizeof(text), "%s %.320s%s%.16s", out ? "to" : "from", pod,
			 *peer ? " " : "", peer);
		note_add(note, text);
	}
	note_encap(note, hop, before);
	note_nat(note, hop);
	if (read_number(hop, "gso_segs") > 1) {
		snprintf(text, sizeof(text), "GSO, segments of %u B",
			 (unsigned)read_number(hop, "gso_size"));
		note_add(note, text);
	}
}

static void note_drop(char *note, struct json_object *drop)
{
	const char *reason = read_text(drop, "reason"), *hook = read_text(drop, "hook");
	size_t callers = read_count(drop, "callers"),
	       shown = *hook || read_flag(drop, "benign") ? 1 : 2;

	text_append(note, LINE_TEXT, "%s%s%s", read_flag(drop, "benign") ? "harmless: " : "",
		    *reason ? reason : "no reason given",
		    read_flag(drop, "derived") ? " (inferred)" : "");
	if (*read_text(drop, "function"))
		text_append(note, LINE_TEXT, " @ %s", read_text(drop, "function"));
	for (size_t i = 0; i < callers && i < shown; i++) {
		const char *name = json_object_get_string(read_item(drop, "callers", i));

		text_append(note, LINE_TEXT, " ← %s", name ?: "");
	}
	if (*hook)
		text_append(note, LINE_TEXT, " · hook %s", hook);
	note_nat(note, drop);
}

/* Where several nodes are shown, a device is told with its node. */
static int step_make(struct shape_step *step, struct json_object *object, const char *note)
{
	const char *device = read_text(object, "device"), *node = read_text(object, "node");
	char place[300];

	snprintf(place, sizeof(place), "%.255s%s%.32s", node, *node ? " " : "",
		 *device ? device : "-");
	text_copy(step->direction, sizeof(step->direction), read_text(object, "direction"));
	step->device = strdup(place);
	step->note = strdup(note);
	step->min_len = step->max_len = read_number(object, "len");
	return step->device && step->note ? 0 : -ENOMEM;
}

static int steps_make(struct shape *shape, struct json_object *journey)
{
	size_t hops = read_count(journey, "hops");
	struct json_object *drop = read_child(journey, "drop"), *before = NULL;
	int error = 0;

	shape->steps = calloc(hops + 1, sizeof(*shape->steps));
	if (!shape->steps)
		return -ENOMEM;
	for (size_t i = 0; i < hops && !error; i++) {
		struct json_object *hop = read_item(journey, "hops", i);
		char note[LINE_TEXT] = "";

		note_hop(note, hop, before);
		error = step_make(&shape->steps[shape->step_count++], hop, note);
		before = hop;
	}
	if (drop && !error) {
		char note[LINE_TEXT] = "";

		note_drop(note, drop);
		shape->steps[shape->step_count].drop = true;
		shape->steps[shape->step_count].benign = read_flag(drop, "benign");
		error = step_make(&shape->steps[shape->step_count++], drop, note);
	}
	return error;
}

static void what_text(char *what, struct json_object *journey)
{
	struct json_object *packet = read_child(journey, "packet");
	const char *proto = read_text(read_child(journey, "flow"), "proto");

	text_append(what, LINE_TEXT, "%s", *proto ? proto : "packet");
	if (*read_text(packet, "icmp_name"))
		text_append(what, LINE_TEXT, " %s", read_text(packet, "icmp_name"));
	else if (read_has(packet, "icmp_type"))
		text_append(what, LINE_TEXT, " type %s", read_text(packet, "icmp_type"));
	if (*read_text(packet, "arp_op"))
		text_append(what, LINE_TEXT, " %s", read_text(packet, "arp_op"));
	if (read_number(packet, "icmp_mtu"))
		text_append(what, LINE_TEXT, " (MTU %s)", read_text(packet, "icmp_mtu"));
	if (read_number(packet, "fragment_offset"))
		text_append(what, LINE_TEXT, " fragment");
}

static void about_text(char *about, struct json_object *quoted)
{
	struct json_object *flow = read_child(quoted, "flow");
	char dst[80];

	if (!quoted)
		return;
	shape_endpoint(dst, sizeof(dst), read_text(flow, "dst"), read_number(flow, "dport"));
	text_append(about, LINE_TEXT, "about %s to %s", read_text(flow, "proto"), dst);
	if (*read_text(quoted, "encap_kind"))
		text_append(about, LINE_TEXT, " in %s to UDP %s",
			    encap_kind_title(read_text(quoted, "encap_kind")),
			    read_text(quoted, "encap_dport"));
}

static void arp_text(char *about, struct json_object *journey)
{
	struct json_object *packet = read_child(journey, "packet");
	struct json_object *flow = read_child(journey, "flow");

	if (!strcmp(read_text(packet, "arp_op"), "request"))
		text_append(about, LINE_TEXT, "· who has %s?", read_text(flow, "dst"));
	else if (*read_text(packet, "arp_sender_mac"))
		text_append(about, LINE_TEXT, "· %s is at %s", read_text(flow, "src"),
			    read_text(packet, "arp_sender_mac"));
}

/* merge: it left one node for another. */
static void between_text(char *text, struct json_object *between)
{
	struct json_object *encap = read_child(between, "encap");
	char title[48];

	text_append(text, LINE_TEXT, "lost between %s and %s", read_text(between, "from"),
		    read_text(between, "to"));
	if (encap)
		text_append(text, LINE_TEXT, ", in %s %s → %s", encap_title(encap, title),
			    read_text(encap, "src"), read_text(encap, "dst"));
}

static void lost_text(char *text, struct json_object *journey)
{
	struct json_object *verdict = read_child(journey, "verdict");
	size_t hops = read_count(journey, "hops");
	const char *kind = read_text(verdict, "kind"), *device = read_text(verdict, "device");
	const char *netns = read_text(verdict, "netns_name");

	if (!strcmp(kind, "vanished") && read_child(verdict, "between")) {
		between_text(text, read_child(verdict, "between"));
	} else if (!strcmp(kind, "dropped")) {
		text_append(text, LINE_TEXT, "dropped%s%s", *device ? " at " : "", device);
		if (*netns && strcmp(netns, "node"))
			text_append(text, LINE_TEXT, " in %s", netns);
		text_append(text, LINE_TEXT, ": %s",
			    *read_text(verdict, "reason") ? read_text(verdict, "reason")
							  : "no reason given by this kernel");
	} else if (!strcmp(kind, "rejected")) {
		text_append(text, LINE_TEXT, "rejected by %s", read_text(verdict, "peer"));
		if (*read_text(verdict, "peer_pod"))
			text_append(text, LINE_TEXT, " (%s)", read_text(verdict, "peer_pod"));
		if (*read_text(verdict, "answer"))
			text_append(text, LINE_TEXT, ": %s", read_text(verdict, "answer"));
		if (read_flag(verdict, "answer_quotes_encap"))
			text_append(text, LINE_TEXT, " for the tunnel's UDP %s",
				    read_text(verdict, "encap_dport"));
		if (read_number(verdict, "answer_mtu"))
			text_append(text, LINE_TEXT, ", MTU %s", read_text(verdict, "answer_mtu"));
	} else {
		text_append(text, LINE_TEXT, "%s after %s",
			    read_flag(journey, "evicted") ? "not followed"
			    : *kind                       ? kind
							  : "lost",
			    *device ? device : "its start");
		if (hops)
			text_append(text, LINE_TEXT, " (%s)",
				    read_text(read_item(journey, "hops", hops - 1), "direction"));
	}
}

static char verdict_text(char *text, struct json_object *journey)
{
	struct json_object *verdict = read_child(journey, "verdict");
	struct json_object *drop = read_child(journey, "drop");
	const char *kind = read_text(verdict, "kind"), *pod = read_text(verdict, "pod");
	const char *node = read_text(read_child(journey, "flow"), "dst_node");

	if (!strcmp(kind, "dropped") && read_flag(drop, "benign")) {
		text_append(text, LINE_TEXT, "dropped, harmless: %s",
			    *read_text(drop, "reason") ? read_text(drop, "reason")
						       : read_text(drop, "function"));
		return '.';
	}
	if (!strcmp(kind, "delivered")) {
		text_append(text, LINE_TEXT, "delivered to %s%s%s",
			    *pod                          ? pod
			    : *read_text(verdict, "node") ? "node "
							  : "the node",
			    *pod ? "" : read_text(verdict, "node"),
			    read_flag(journey, "duplicate") ? " a second time" : "");
		return '+';
	}
	if (!strcmp(kind, "left-node")) {
		text_append(text, LINE_TEXT, "left the node by %s", read_text(verdict, "device"));
		if (*node)
			text_append(text, LINE_TEXT, " to node %s", node);
		if (read_child(verdict, "between"))
			text_append(text, LINE_TEXT, "; %s was not traced then",
				    read_text(read_child(verdict, "between"), "to"));
		return '+';
	}
	lost_text(text, journey);
	return '!';
}

static int end_make(struct shape_end *end, struct json_object *flow, const char *side)
{
	char key[16], owner[LINE_TEXT] = "", containers[256];

	snprintf(key, sizeof(key), "%s_pod", side);
	text_copy(owner, sizeof(owner), read_text(flow, key));
	if (*owner) {
		snprintf(key, sizeof(key), "%s_", side);
		text_append(owner, sizeof(owner), "%s",
			    read_containers(flow, key, containers, sizeof(containers)));
	} else {
		snprintf(key, sizeof(key), "%s_node", side);
		if (*read_text(flow, key))
			text_append(owner, sizeof(owner), "on node %s", read_text(flow, key));
	}
	end->address = strdup(read_text(flow, side));
	end->owner = strdup(owner);
	end->port = read_number(flow, side[0] == 's' ? "sport" : "dport");
	return end->address && end->owner ? 0 : -ENOMEM;
}

int shape_make(struct shape *shape, struct json_object *journey, uint64_t key)
{
	struct json_object *flow = read_child(journey, "flow");
	char what[LINE_TEXT] = "", about[LINE_TEXT] = "", verdict[LINE_TEXT] = "";

	*shape = (struct shape){.key = key};
	what_text(what, journey);
	about_text(about, read_child(journey, "quoted"));
	arp_text(about, journey);
	shape->mark = verdict_text(verdict, journey);
	text_copy(shape->flags, sizeof(shape->flags),
		  read_text(read_child(journey, "packet"), "tcp_flags"));
	shape->what = strdup(what);
	shape->about = strdup(about);
	shape->verdict = strdup(verdict);
	shape->steps_cut = read_flag(journey, "hops_cut");
	if (shape->what && shape->about && shape->verdict && !end_make(&shape->src, flow, "src") &&
	    !end_make(&shape->dst, flow, "dst") && !steps_make(shape, journey))
		return 0;
	shape_release(shape);
	return -ENOMEM;
}

static void step_add(struct shape_step *step, struct json_object *object, int64_t start_ns)
{
	uint64_t len = read_number(object, "len");

	if (len < step->min_len)
		step->min_len = len;
	if (len > step->max_len)
		step->max_len = len;
	if (step->offset_count < SHAPE_SAMPLES)
		step->offsets[step->offset_count++] = read_number(object, "time_ns") - start_ns;
}

void shape_add(struct shape *shape, struct json_object *journey)
{
	struct json_object *flow = read_child(journey, "flow"), *drop = read_child(journey, "drop");
	int64_t start_ns = read_number(journey, "time_ns");
	size_t hops = read_count(journey, "hops");

	for (unsigned i = 0; i < shape->step_count; i++) {
		struct shape_step *step = &shape->steps[i];

		if (!step->drop && i < hops)
			step_add(step, read_item(journey, "hops", i), start_ns);
		else if (step->drop && drop)
			step_add(step, drop, start_ns);
	}
	shape->src.port_varies |= shape->src.port != read_number(flow, "sport");
	shape->dst.port_varies |= shape->dst.port != read_number(flow, "dport");
	shape->flags_vary |=
		strcmp(shape->flags, read_text(read_child(journey, "packet"), "tcp_flags")) != 0;
	shape->count++;
}

void shape_release(struct shape *shape)
{
	for (unsigned i = 0; i < shape->step_count; i++) {
		free(shape->steps[i].device);
		free(shape->steps[i].note);
	}
	free(shape->steps);
	free(shape->what);
	free(shape->about);
	free(shape->verdict);
	free(shape->src.address);
	free(shape->src.owner);
	free(shape->dst.address);
	free(shape->dst.owner);
	*shape = (struct shape){0};
}
