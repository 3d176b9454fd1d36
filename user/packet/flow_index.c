/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tuples → flows: every forward tuple of a flow and its reverse. Tuples stay for as long
 * as the table does.
 */
#include <errno.h>
#include <stdlib.h>

#include "packet/flow_table.h"

#define INDEX_AT_FIRST 256 /* buckets, a power of two */

struct flow_index *flow_index_new(void)
{
	struct flow_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->buckets = calloc(INDEX_AT_FIRST, sizeof(*index->buckets));
	index->mask = INDEX_AT_FIRST - 1;
	if (!index->buckets) {
		free(index);
		return NULL;
	}
	return index;
}

void flow_index_free(struct flow_index *index)
{
	if (!index)
		return;
	for (uint32_t i = 0; i <= index->mask; i++) {
		while (index->buckets[i]) {
			struct flow_key *key = index->buckets[i];

			index->buckets[i] = key->next;
			free(key);
		}
	}
	free(index->buckets);
	free(index);
}

struct flow_key *flow_index_find(const struct flow_index *index, const struct tuple *tuple)
{
	uint32_t hash = tuple_hash(tuple);
	struct flow_key *key = index->buckets[hash & index->mask];

	while (key && (key->hash != hash || !tuple_equal(&key->tuple, tuple)))
		key = key->next;
	return key;
}

static void index_grow(struct flow_index *index)
{
	uint32_t mask = index->mask * 2 + 1;
	struct flow_key **buckets = calloc((size_t)mask + 1, sizeof(*buckets));

	if (!buckets)
		return;
	for (uint32_t i = 0; i <= index->mask; i++) {
		while (index->buckets[i]) {
			struct flow_key *key = index->buckets[i];

			index->buckets[i] = key->next;
			key->next = buckets[key->hash & mask];
			buckets[key->hash & mask] = key;
		}
	}
	free(index->buckets);
	index->buckets = buckets;
	index->mask = mask;
}

static int index_add_one(struct flow_index *index, struct flow_entry *entry, struct tuple tuple,
			 bool forward)
{
	struct flow_key *key;

	if (flow_index_find(index, &tuple))
		return 0;
	if (index->count > index->mask)
		index_grow(index);
	key = calloc(1, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key->entry = entry;
	key->tuple = tuple;
	key->hash = tuple_hash(&tuple);
	key->forward = forward;
	key->next = index->buckets[key->hash & index->mask];
	index->buckets[key->hash & index->mask] = key;
	index->count++;
	return 0;
}

int flow_index_add(struct flow_index *index, struct flow_entry *entry, struct tuple forward)
{
	int result = index_add_one(index, entry, forward, true);

	return result ? result : index_add_one(index, entry, tuple_reverse(forward), false);
}

static void flip_one(struct flow_index *index, const struct flow_entry *entry, struct tuple tuple)
{
	struct flow_key *key = flow_index_find(index, &tuple);

	if (key && key->entry == entry)
		key->forward = !key->forward;
}

void flow_index_flip(struct flow_index *index, struct flow_entry *entry)
{
	for (int i = 0; i < entry->flow.tuple_count; i++) {
		struct tuple tuple = entry->flow.tuples[i], reverse = tuple_reverse(tuple);

		flip_one(index, entry, tuple);
		if (!tuple_equal(&tuple, &reverse))
			flip_one(index, entry, reverse);
	}
}
