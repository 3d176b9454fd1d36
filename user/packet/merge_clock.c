// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clock offsets between nodes from the packets that went both ways. It knows packets that
 * can be mistaken for no other; it joins nothing.
 *
 * With clocks a and b = a + o, a packet from A to B seems to take t + o, one back t' - o, and
 * t, t' > 0. So o lies between -(least B to A) and +(least A to B), wherever the time went.
 */
#include "packet/merge.h"

#include <errno.h>
#include <stdlib.h>

#define UNKNOWN_ERROR_NS (1LL << 50) /* weight of a step whose error cannot be said */

struct direction {
	int64_t least
		[2]; /* apparent transit: [0] of any clear packet, [1] of those told for sure */
	uint64_t count[2];
};

struct step { /* the best way found to node 0 so far */
	int64_t weight;
	bool done, unsure;
};

int merge_compare_clear(const void *a, const void *b, void *context)
{
	const struct merge *merge = context;
	const struct merge_sighting *x = &merge->sightings.items[*(const uint32_t *)a];
	const struct merge_sighting *y = &merge->sightings.items[*(const uint32_t *)b];

	if (x->signature != y->signature)
		return x->signature < y->signature ? -1 : 1;
	if (x->tuple != y->tuple)
		return x->tuple < y->tuple ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static void sample_add(struct direction *direction, int64_t apparent, bool sure)
{
	for (unsigned i = 0; i <= (sure ? 1 : 0); i++) {
		if (!direction->count[i] || apparent < direction->least[i])
			direction->least[i] = apparent;
		direction->count[i]++;
	}
}

/* One left, one arrived, and no third of that signature: no doubt which is which. */
static void clear_pair(struct merge *merge, struct direction *directions, const uint32_t *order)
{
	const struct merge_sighting *a = &merge->sightings.items[order[0]];
	const struct merge_sighting *b = &merge->sightings.items[order[1]];
	const struct merge_sighting *left = a->side == MERGE_LEFT ? a : b;
	const struct merge_sighting *arrived = a->side == MERGE_LEFT ? b : a;
	bool outer = left->outer && left->outer == arrived->outer;

	if (a->side == b->side || a->node == b->node || !a->signature)
		return;
	if (left->peer != MERGE_NO_NODE && left->peer != arrived->node)
		return;
	sample_add(&directions[left->node * merge->node_count + arrived->node],
		   arrived->time_ns - left->time_ns, left->strong || outer);
}

static void clear_pairs(struct merge *merge, struct direction *directions, const uint32_t *order)
{
	size_t count = merge->sightings.count, begin = 0;
	const struct merge_sighting *s = merge->sightings.items;

	for (size_t i = 1; i <= count; i++) {
		if (i < count && s[order[i]].signature == s[order[begin]].signature &&
		    s[order[i]].tuple == s[order[begin]].tuple)
			continue;
		if (i - begin == 2)
			clear_pair(merge, directions, order + begin);
		begin = i;
	}
}

static int64_t direction_least(const struct direction *direction)
{
	return direction->least[direction->count[1] ? 1 : 0];
}

/*
 * Clock of `to` minus clock of `from`, and how far off that may be. When only one direction
 * was seen its fastest packet is taken to need no time at all, and the error cannot be said.
 */
static bool pair_offset(const struct direction *out, const struct direction *back, int64_t *offset,
			int64_t *error, bool *drifted)
{
	*drifted = false;
	*error = -1;
	if (!out->count[0] && !back->count[0])
		return false;
	if (!out->count[0]) {
		*offset = -direction_least(back);
	} else if (!back->count[0]) {
		*offset = direction_least(out);
	} else {
		int64_t sum = direction_least(out) + direction_least(back);

		*offset = (direction_least(out) - direction_least(back)) / 2;
		*drifted = sum < 0;
		*error = ((sum < 0 ? -sum : sum) + 1) / 2;
	}
	return true;
}

static void steps_relax(struct merge *merge, const struct direction *directions, struct step *steps,
			unsigned from)
{
	for (unsigned to = 0; to < merge->node_count; to++) {
		const struct direction *out = &directions[from * merge->node_count + to];
		const struct direction *back = &directions[to * merge->node_count + from];
		struct merge_node *node = &merge->nodes[to];
		int64_t offset, error, weight;
		bool drifted;

		if (steps[to].done || !pair_offset(out, back, &offset, &error, &drifted))
			continue;
		weight = steps[from].weight + (error < 0 ? UNKNOWN_ERROR_NS : error);
		if (node->known && steps[to].weight <= weight)
			continue;
		steps[to].weight = weight;
		steps[to].unsure = steps[from].unsure || error < 0;
		node->known = true;
		node->offset_ns = merge->nodes[from].offset_ns - offset;
		node->error_ns = steps[to].unsure ? -1 : weight;
		node->clear = out->count[0] + back->count[0];
		node->drifted = drifted || merge->nodes[from].drifted;
	}
}

/* Node by node from node 0, over the pairs with the smallest error (Dijkstra). */
static int offsets_spread(struct merge *merge, const struct direction *directions)
{
	struct step *steps = calloc(merge->node_count + 1, sizeof(*steps));

	if (!steps)
		return -ENOMEM;
	for (unsigned i = 0; i < merge->node_count; i++) {
		merge->nodes[i].known = i == 0;
		merge->nodes[i].offset_ns = 0;
		merge->nodes[i].error_ns = i == 0 ? 0 : -1;
		merge->nodes[i].drifted = false;
		merge->nodes[i].clear = 0;
	}
	for (;;) {
		unsigned best = merge->node_count;

		for (unsigned i = 0; i < merge->node_count; i++) {
			if (merge->nodes[i].known && !steps[i].done &&
			    (best == merge->node_count || steps[i].weight < steps[best].weight))
				best = i;
		}
		if (best == merge->node_count)
			break;
		steps[best].done = true;
		steps_relax(merge, directions, steps, best);
	}
	free(steps);
	return 0;
}

int merge_clocks(struct merge *merge)
{
	struct direction *directions =
		calloc((size_t)merge->node_count * merge->node_count + 1, sizeof(*directions));
	uint32_t *order = merge_sort(merge, merge_compare_clear);
	int err = -ENOMEM;

	if (directions && order) {
		clear_pairs(merge, directions, order);
		err = offsets_spread(merge, directions);
	}
	free(order);
	free(directions);
	return err;
}
