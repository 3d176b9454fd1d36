// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole journey from its parts: hops of all nodes by one clock, each with its node's name;
 * the verdict of the last node, or that the packet was lost before it got there.
 */
#include "commands/merge_document.h"

#include <stdio.h>
#include <string.h>

#include "output/document_parts.h"
#include "output/json_read.h"

static void time_shift(struct json_object *object, int64_t offset)
{
	if (object && read_has(object, "time_ns"))
		put_signed(object, "time_ns", read_number(object, "time_ns") + offset);
}

static const char *node_name(const struct merge_input *input, const struct merge_line *line)
{
	return input->origins[line->node].name;
}

/* By the reference clock, with the node's name on everything that has a place. */
static void part_prepare(const struct merge_input *input, const struct merge_line *line,
			 struct json_object *part)
{
	int64_t offset = input->merge.nodes[line->node].offset_ns;

	time_shift(part, offset);
	time_shift(read_child(part, "drop"), offset);
	for (size_t i = 0; i < read_count(part, "hops"); i++) {
		struct json_object *hop = read_item(part, "hops", i);

		time_shift(hop, offset);
		put_text(hop, "node", node_name(input, line));
	}
	if (read_child(part, "drop"))
		put_text(read_child(part, "drop"), "node", node_name(input, line));
	if (read_child(part, "verdict"))
		put_text(read_child(part, "verdict"), "node", node_name(input, line));
}

/* Numbers of one node's trace mean nothing in another's. */
static void part_forget_numbers(struct json_object *part)
{
	json_object_object_del(part, "flow_id");
	json_object_object_del(part, "answers");
	if (read_child(part, "verdict"))
		json_object_object_del(read_child(part, "verdict"), "answered_by");
}

static void field_move(struct json_object *to, struct json_object *from, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(from, key, &value))
		json_object_object_add(to, key, json_object_get(value));
}

static void part_append(struct json_object *whole, struct json_object *part)
{
	static const char *const flags[] = {"hops_cut", "evicted"};
	static const char *const owner[] = {"dst_pod", "dst_container", "dst_containers"};
	struct json_object *flow = read_child(whole, "flow"), *end = read_child(part, "flow");
	struct json_object *hops = read_child(whole, "hops");
	bool rejected = !strcmp(read_text(read_child(whole, "verdict"), "kind"), "rejected");
	const char *kind = read_text(read_child(part, "verdict"), "kind");

	for (size_t i = 0; i < read_count(part, "hops"); i++)
		json_object_array_add(hops, json_object_get(read_item(part, "hops", i)));
	for (unsigned i = 0; i < 2; i++)
		put_flag(whole, flags[i], read_flag(whole, flags[i]) || read_flag(part, flags[i]));
	if (read_child(part, "drop"))
		field_move(whole, part, "drop");
	for (unsigned i = 0; i < 3 && !strcmp(read_text(flow, "dst"), read_text(end, "dst")); i++)
		field_move(flow, end, owner[i]);
	/* Who heard the answer knows more than who let the packet pass. */
	if (!rejected || (strcmp(kind, "delivered") && strcmp(kind, "left-node")))
		field_move(whole, part, "verdict");
}

static void transit_append(const struct merge_input *input, struct json_object *transits,
			   const struct merge_line *from, const struct merge_line *to)
{
	const struct merge_node *a = &input->merge.nodes[from->node];
	const struct merge_node *b = &input->merge.nodes[to->node];
	const struct merge_sighting *s = input->merge.sightings.items;
	struct json_object *transit = json_object_new_object();

	put_text(transit, "from", node_name(input, from));
	put_text(transit, "to", node_name(input, to));
	put_signed(transit, "transit_ns",
		   merge_time(&input->merge, &s[to->arrived]) -
			   merge_time(&input->merge, &s[from->left]));
	if (a->error_ns >= 0 && b->error_ns >= 0)
		put_signed(transit, "error_ns", a->error_ns + b->error_ns);
	json_object_array_add(transits, transit);
}

/* Lost on the way, or bound for a node that was not watching. */
static bool put_between(const struct merge_input *input, const struct merge_line *last,
			struct json_object *whole, struct merge_totals *totals)
{
	const struct merge_sighting *left =
		last->left == MERGE_NONE ? NULL : &input->merge.sightings.items[last->left];
	struct json_object *verdict = read_child(whole, "verdict"), *between;
	size_t hops = read_count(whole, "hops");

	if (!left || !verdict || (left->fate != MERGE_LOST && left->fate != MERGE_UNSEEN))
		return false;
	between = json_object_new_object();
	put_text(between, "from", node_name(input, last));
	put_text(between, "to", input->origins[left->peer].name);
	put_text(between, "state", left->fate == MERGE_LOST ? "lost" : "unseen");
	if (hops)
		field_move(between, read_item(whole, "hops", hops - 1), "encap");
	put_object(verdict, "between", between);
	if (left->fate == MERGE_LOST) {
		totals->lost++;
		if (!strcmp(read_text(verdict, "kind"), "left-node"))
			put_text(verdict, "kind", verdict_name(VERDICT_VANISHED));
	}
	return true;
}

static void verdict_count(struct json_object *whole, struct merge_totals *totals)
{
	const char *kind = read_text(read_child(whole, "verdict"), "kind");

	for (unsigned i = 0; i <= VERDICT_VANISHED; i++) {
		if (!strcmp(kind, verdict_name(i)))
			totals->verdicts[i]++;
	}
}

static void put_parts(const struct merge_input *input, const struct merge_chain *chain,
		      struct json_object *whole)
{
	struct json_object *parts = json_object_new_array(), *transits = json_object_new_array();

	for (unsigned i = 0; i < chain->count; i++) {
		const struct merge_line *line = &input->lines.items[chain->lines[i]];
		struct json_object *part = json_object_new_object();

		put_text(part, "node", node_name(input, line));
		put_number(part, "id", line->id);
		json_object_array_add(parts, part);
		if (i)
			transit_append(input, transits, &input->lines.items[chain->lines[i - 1]],
				       line);
	}
	put_object(whole, "parts", parts);
	if (chain->count > 1)
		put_object(whole, "transits", transits);
	else
		json_object_put(transits);
}

struct json_object *merge_document_journey(const struct merge_input *input,
					   const struct merge_chain *chain, uint64_t id,
					   struct merge_totals *totals)
{
	struct json_object *whole = NULL;

	for (unsigned i = 0; i < chain->count; i++) {
		const struct merge_line *line = &input->lines.items[chain->lines[i]];
		struct json_object *part = merge_line_read(input, line);

		if (!part) {
			json_object_put(whole);
			totals->changed++;
			return NULL;
		}
		part_prepare(input, line, part);
		if (!whole) {
			whole = part;
			continue;
		}
		part_append(whole, part);
		json_object_put(part);
	}
	part_forget_numbers(whole);
	put_number(whole, "id", id);
	put_flag(whole, "duplicate", chain->duplicate);
	put_parts(input, chain, whole);
	put_between(input, &input->lines.items[chain->lines[chain->count - 1]], whole, totals);
	verdict_count(whole, totals);
	return whole;
}
