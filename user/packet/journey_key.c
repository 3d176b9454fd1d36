/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hash chains through the open journeys. Knows nothing of what is hashed; the newest
 * key of a chain comes first, because records follow each other closely.
 */
#include <errno.h>
#include <stdlib.h>

#include "packet/journey_table.h"

#define KEYS_AT_FIRST 1024 /* buckets, a power of two */

int key_table_init(struct key_table *table)
{
	table->buckets = calloc(KEYS_AT_FIRST, sizeof(*table->buckets));
	table->mask = KEYS_AT_FIRST - 1;
	table->count = 0;
	return table->buckets ? 0 : -ENOMEM;
}

static void chain_push(struct key **bucket, struct key *key)
{
	key->next = *bucket;
	if (key->next)
		key->next->pprev = &key->next;
	key->pprev = bucket;
	*bucket = key;
}

/* Twice the buckets. Chains are turned over so that the newest stays first. Without memory they just grow longer. */
static void key_table_grow(struct key_table *table)
{
	size_t mask = table->mask * 2 + 1;
	struct key **buckets = calloc(mask + 1, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i <= table->mask; i++) {
		struct key *turned = NULL;

		while (table->buckets[i]) {
			struct key *key = table->buckets[i];

			table->buckets[i] = key->next;
			key->next = turned;
			turned = key;
		}
		while (turned) {
			struct key *key = turned;

			turned = key->next;
			chain_push(&buckets[key->hash & mask], key);
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->mask = mask;
}

void key_insert(struct key_table *table, struct key *key, uint64_t hash, struct open_journey *owner)
{
	if (table->count > table->mask * 2)
		key_table_grow(table);
	key->hash = hash;
	key->owner = owner;
	chain_push(&table->buckets[hash & table->mask], key);
	table->count++;
}

void key_remove(struct key_table *table, struct key *key)
{
	if (!key->pprev)
		return;
	*key->pprev = key->next;
	if (key->next)
		key->next->pprev = key->pprev;
	key->pprev = NULL;
	table->count--;
}

struct key *key_match(struct key *key, uint64_t hash)
{
	while (key && key->hash != hash)
		key = key->next;
	return key;
}

struct key *key_find(const struct key_table *table, uint64_t hash)
{
	return key_match(table->buckets[hash & table->mask], hash);
}
