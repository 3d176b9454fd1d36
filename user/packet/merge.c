// SPDX-License-Identifier: GPL-2.0-only
/*
 * Joins what left one node with what arrived at another, and says of the rest what became
 * of it. The surest likeness goes first: tunnel header and addresses and signature, then
 * addresses and signature, then a strong signature alone (the network between translated
 * addresses), then ranges of a TCP stream (packets cut or put together by GSO and GRO).
 */
#include "packet/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BACK 64 /* candidates looked at for one arrival */
#define BURST_NS 1000000LL /* identical packets this close keep their order */
#define SLACK_NS 100000LL /* beyond the error of the clocks */
#define SLACK_UNKNOWN_NS 1000000000LL /* clocks that could not be compared are trusted this far */

enum likeness { LIKE_OUTER, LIKE_TUPLE, LIKE_SIGNATURE };

int64_t merge_time(const struct merge *merge, const struct merge_sighting *sighting)
{
	return sighting->time_ns + merge->nodes[sighting->node].offset_ns;
}

uint32_t *merge_sort(const struct merge *merge, int (*compare)(const void *, const void *, void *))
{
	size_t count = merge->sightings.count;
	uint32_t *order = malloc((count + 1) * sizeof(*order));

	if (!order)
		return NULL;
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare, (void *)merge);
	return order;
}

static int64_t node_slack(const struct merge_node *node)
{
	if (!node->known)
		return SLACK_UNKNOWN_NS;
	if (node->error_ns < 0)
		return SLACK_NS;
	return node->error_ns + SLACK_NS;
}

/* What left comes before what arrived, as far as clocks can be wrong. */
static int64_t sort_time(const struct merge *merge, const struct merge_sighting *s)
{
	int64_t slack = 0;

	if (s->side == MERGE_LEFT) {
		slack = node_slack(&merge->nodes[s->node]);
		if (s->peer != MERGE_NO_NODE)
			slack += node_slack(&merge->nodes[s->peer]);
		else
			slack += SLACK_NS;
	}
	return merge_time(merge, s) - slack;
}

static int compare_time(const struct merge *merge, uint32_t a, uint32_t b)
{
	int64_t x = sort_time(merge, &merge->sightings.items[a]);
	int64_t y = sort_time(merge, &merge->sightings.items[b]);

	if (x != y)
		return x < y ? -1 : 1;
	return a < b ? -1 : a > b;
}

#define COMPARE(field)                                                                             \
	do {                                                                                       \
		if (x->field != y->field)                                                          \
			return x->field < y->field ? -1 : 1;                                       \
	} while (0)

static int compare_likeness(const void *a, const void *b, const struct merge *merge,
			    enum likeness likeness)
{
	const struct merge_sighting *x = &merge->sightings.items[*(const uint32_t *)a];
	const struct merge_sighting *y = &merge->sightings.items[*(const uint32_t *)b];

	COMPARE(signature);
	if (likeness <= LIKE_TUPLE)
		COMPARE(tuple);
	if (likeness <= LIKE_OUTER)
		COMPARE(outer);
	return compare_time(merge, *(const uint32_t *)a, *(const uint32_t *)b);
}

static int compare_outer(const void *a, const void *b, void *merge)
{
	return compare_likeness(a, b, merge, LIKE_OUTER);
}

static int compare_tuple(const void *a, const void *b, void *merge)
{
	return compare_likeness(a, b, merge, LIKE_TUPLE);
}

static int compare_signature(const void *a, const void *b, void *merge)
{
	return compare_likeness(a, b, merge, LIKE_SIGNATURE);
}

static int compare_stream(const void *a, const void *b, void *context)
{
	const struct merge *merge = context;
	const struct merge_sighting *x = &merge->sightings.items[*(const uint32_t *)a];
	const struct merge_sighting *y = &merge->sightings.items[*(const uint32_t *)b];

	COMPARE(tuple);
	COMPARE(seq);
	if (x->payload != y->payload) /* what covers comes first */
		return x->payload > y->payload ? -1 : 1;
	return compare_time(merge, *(const uint32_t *)a, *(const uint32_t *)b);
}

static bool same_group(const struct merge_sighting *x, const struct merge_sighting *y,
		       enum likeness likeness)
{
	return x->signature == y->signature && (likeness > LIKE_TUPLE || x->tuple == y->tuple) &&
	       (likeness > LIKE_OUTER || x->outer == y->outer);
}

static bool may_join(const struct merge *merge, const struct merge_sighting *left,
		     const struct merge_sighting *arrived)
{
	int64_t transit = merge_time(merge, arrived) - merge_time(merge, left);

	return left->node != arrived->node &&
	       (left->peer == MERGE_NO_NODE || left->peer == arrived->node) &&
	       transit <= MERGE_TRANSIT_NS && transit >= -2 * SLACK_UNKNOWN_NS;
}

static void join(struct merge *merge, uint32_t left, uint32_t arrived)
{
	struct merge_sighting *s = merge->sightings.items;

	s[left].partner = arrived;
	s[left].fate = MERGE_JOINED;
	s[arrived].partner = left;
	s[arrived].fate = MERGE_JOINED;
}

/*
 * The nearest of the waiting ones that left before; of a burst of identical packets the
 * oldest. Returns its place in `waiting`, or `count`.
 */
static size_t waiting_choose(const struct merge *merge, const uint32_t *waiting, size_t begin,
			     size_t count, const struct merge_sighting *arrived)
{
	const struct merge_sighting *s = merge->sightings.items;
	size_t best = count;
	int64_t nearest = 0;

	for (size_t i = count; i > begin && count - i < LOOK_BACK; i--) {
		const struct merge_sighting *left = &s[waiting[i - 1]];

		if (left->partner != MERGE_NONE || !may_join(merge, left, arrived))
			continue;
		if (best == count)
			nearest = left->time_ns;
		else if (nearest - left->time_ns > BURST_NS)
			break;
		best = i - 1;
	}
	return best;
}

/* One group of equal likeness, in order of time. `waiting` has room for the group. */
static void group_join(struct merge *merge, const uint32_t *order, size_t count, uint32_t *waiting)
{
	struct merge_sighting *s = merge->sightings.items;
	size_t begin = 0, end = 0;

	for (size_t i = 0; i < count; i++) {
		size_t choice;

		if (s[order[i]].partner != MERGE_NONE)
			continue;
		if (s[order[i]].side == MERGE_LEFT) {
			waiting[end++] = order[i];
			continue;
		}
		choice = waiting_choose(merge, waiting, begin, end, &s[order[i]]);
		if (choice == end)
			continue;
		join(merge, waiting[choice], order[i]);
		if (choice + 1 == end)
			end--;
		while (begin < end && s[waiting[begin]].partner != MERGE_NONE)
			begin++;
	}
}

/* Arrived again: the same packet is already joined. */
static void group_duplicates(struct merge *merge, const uint32_t *order, size_t count)
{
	struct merge_sighting *s = merge->sightings.items;
	uint32_t last = MERGE_NONE;

	for (size_t i = 0; i < count; i++) {
		struct merge_sighting *one = &s[order[i]];

		if (one->side == MERGE_LEFT) {
			last = one->partner != MERGE_NONE ? order[i] : MERGE_NONE;
		} else if (one->partner == MERGE_NONE && last != MERGE_NONE &&
			   may_join(merge, &s[last], one)) {
			one->partner = last;
			one->fate = MERGE_DUPLICATE;
		}
	}
}

static int likeness_join(struct merge *merge, enum likeness likeness, uint32_t *waiting)
{
	static int (*const compares[])(const void *, const void *,
				       void *) = {compare_outer, compare_tuple, compare_signature};
	const struct merge_sighting *s = merge->sightings.items;
	size_t count = merge->sightings.count, begin = 0;
	uint32_t *order = merge_sort(merge, compares[likeness]);

	if (!order)
		return -ENOMEM;
	for (size_t i = 1; i <= count; i++) {
		const struct merge_sighting *first = &s[order[begin]];

		if (i < count && same_group(first, &s[order[i]], likeness))
			continue;
		if (i - begin > 1 && first->signature && (likeness != LIKE_OUTER || first->outer) &&
		    (likeness != LIKE_SIGNATURE || first->strong))
			group_join(merge, order + begin, i - begin, waiting);
		if (likeness == LIKE_TUPLE && first->signature && i - begin > 2)
			group_duplicates(merge, order + begin, i - begin);
		begin = i;
	}
	free(order);
	return 0;
}

static bool range_covers(const struct merge_sighting *large, const struct merge_sighting *small)
{
	return small->seq - large->seq < large->payload &&
	       small->seq - large->seq + small->payload <= large->payload;
}

/* Looks for what covers, or is covered by, an unjoined piece of a stream. */
static void piece_join(struct merge *merge, const uint32_t *order, size_t at)
{
	struct merge_sighting *s = merge->sightings.items, *piece = &s[order[at]];

	for (size_t i = at; i > 0 && at - i < LOOK_BACK; i--) {
		struct merge_sighting *other = &s[order[i - 1]];
		bool left = piece->side == MERGE_LEFT;

		if (other->tuple != piece->tuple)
			break;
		if (other->side == piece->side || !range_covers(other, piece) ||
		    !may_join(merge, left ? piece : other, left ? other : piece))
			continue;
		piece->partner = order[i - 1];
		piece->fate = left ? MERGE_JOINED : MERGE_PART;
		if (other->partner == MERGE_NONE) {
			other->partner = order[at];
			other->fate = left ? MERGE_PART : MERGE_JOINED;
		}
		return;
	}
}

static int stream_join(struct merge *merge)
{
	uint32_t *order = merge_sort(merge, compare_stream);
	const struct merge_sighting *s = merge->sightings.items;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < merge->sightings.count; i++) {
		if (s[order[i]].partner == MERGE_NONE && s[order[i]].payload)
			piece_join(merge, order, i);
	}
	free(order);
	return 0;
}

/*
 * Was the node it was bound for watching when it must have come? Clocks that could not be
 * compared are taken as they are: the caller says so (merge_node.known).
 */
static bool peer_watched(const struct merge *merge, const struct merge_sighting *left)
{
	const struct merge_node *peer = &merge->nodes[left->peer],
				*node = &merge->nodes[left->node];
	int64_t there = merge_time(merge, left) - peer->offset_ns, unsure = 0;

	if (peer->known && node->known)
		unsure = node_slack(peer) + node_slack(node);
	return there >= peer->begin_ns + unsure &&
	       (!peer->end_ns || there <= peer->end_ns - MERGE_MARGIN_NS - unsure);
}

static void fates_settle(struct merge *merge)
{
	array_each(one, &merge->sightings) {
		if (one->side != MERGE_LEFT || one->partner != MERGE_NONE)
			continue;
		if (one->peer == MERGE_NO_NODE || one->peer == one->node || !one->signature)
			one->fate = MERGE_ALONE;
		else
			one->fate = peer_watched(merge, one) ? MERGE_LOST : MERGE_UNSEEN;
	}
}

static struct merge_pair *pair_of(struct merge *merge, uint32_t *places, uint16_t from, uint16_t to)
{
	uint32_t *place = &places[from * merge->node_count + to];
	struct merge_pair *pair;

	if (*place)
		return &merge->pairs.items[*place - 1];
	pair = array_push(&merge->pairs);
	if (!pair)
		return NULL;
	*place = merge->pairs.count;
	*pair = (struct merge_pair){.from = from, .to = to, .lost_example = MERGE_NONE};
	return pair;
}

static void pair_transit(struct merge_pair *pair, int64_t transit)
{
	if (!pair->joined || transit < pair->min_ns)
		pair->min_ns = transit;
	if (!pair->joined || transit > pair->max_ns)
		pair->max_ns = transit;
	pair->sum_ns += transit;
	pair->joined++;
}

static bool pair_count(struct merge *merge, uint32_t *places, const struct merge_sighting *one)
{
	const struct merge_sighting *other =
		one->partner == MERGE_NONE ? NULL : &merge->sightings.items[one->partner];
	struct merge_pair *pair;

	if (one->side == MERGE_ARRIVED) {
		if (one->fate != MERGE_DUPLICATE)
			return true;
		pair = pair_of(merge, places, other->node, one->node);
		if (pair)
			pair->duplicates++;
		return pair;
	}
	if (one->fate == MERGE_ALONE)
		return true;
	pair = pair_of(merge, places, one->node, other ? other->node : one->peer);
	if (!pair)
		return false;
	pair->left++;
	if (other) {
		pair_transit(pair, merge_time(merge, other) - merge_time(merge, one));
	} else if (one->fate == MERGE_UNSEEN) {
		pair->unseen++;
	} else {
		pair->lost++;
		pair->outer_lost += one->outer != 0;
		if (pair->lost_example == MERGE_NONE)
			pair->lost_example = one - merge->sightings.items;
	}
	return true;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct merge_pair *x = a, *y = b;

	return x->from != y->from ? x->from - y->from : x->to - y->to;
}

static int pairs_count(struct merge *merge)
{
	uint32_t *places =
		calloc((size_t)merge->node_count * merge->node_count + 1, sizeof(*places));
	bool fine = places;

	merge->pairs.count = 0;
	if (fine) {
		array_each(one, &merge->sightings)
			fine = fine && pair_count(merge, places, one);
	}
	free(places);
	if (fine && merge->pairs.count)
		qsort(merge->pairs.items, merge->pairs.count, sizeof(*merge->pairs.items),
		      compare_pairs);
	return fine ? 0 : -ENOMEM;
}

int merge_join(struct merge *merge)
{
	uint32_t *waiting = malloc((merge->sightings.count + 1) * sizeof(*waiting));
	int err = waiting ? 0 : -ENOMEM;

	array_each(one, &merge->sightings) {
		one->partner = MERGE_NONE;
		one->fate = MERGE_ALONE;
	}
	if (!err)
		err = merge_clocks(merge);
	for (enum likeness likeness = LIKE_OUTER; !err && likeness <= LIKE_SIGNATURE; likeness++)
		err = likeness_join(merge, likeness, waiting);
	free(waiting);
	if (!err)
		err = stream_join(merge);
	if (err)
		return err;
	fates_settle(merge);
	return pairs_count(merge);
}

void merge_free(struct merge *merge)
{
	array_free(&merge->sightings);
	array_free(&merge->pairs);
}
