// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of iptables-legacy with thousands of chains: their entries are kept without the zeroes that
 * most of them are (a comment alone has 256 bytes), and a chain's rules are read from there when they
 * are asked for. Knows where chains lie, not what entries mean.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_build.h"
#include "node/rules_legacy.h"

#define EAGER_CHAINS 256 /* more of them in a table are left for later */
#define GROUP 64 /* words that one word of bits tells of */

struct words {
	ARRAY(uint64_t) items;
};

struct kept_table {
	char name[64];
	uint8_t family;
	struct legacy_chains chains;
	struct words words;
};

struct legacy_shelf {
	ARRAY(struct kept_table) tables;
};

/* Each group: a bit for each word that is not zero, and those words. */
static int squeeze(struct words *words, const unsigned char *bytes, size_t count)
{
	for (size_t from = 0; from < count; from += GROUP) {
		size_t end = count - from < GROUP ? count : from + GROUP, at = words->items.count;
		uint64_t *slot = array_push(&words->items), word, bits = 0;

		for (size_t i = from; slot && i < end; i++) {
			memcpy(&word, bytes + i * sizeof(word), sizeof(word));
			if (!word)
				continue;
			bits |= 1ull << (i - from);
			slot = array_push(&words->items);
			if (slot)
				*slot = word;
		}
		if (!slot)
			return -ENOMEM;
		words->items.items[at] = bits;
	}
	return 0;
}

static void fill(const struct words *words, size_t at, uint64_t *to, size_t count)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++, bits >>= 1) {
		if (i % GROUP == 0)
			bits = words->items.items[at++];
		to[i] = bits & 1 ? words->items.items[at++] : 0;
	}
}

static const struct kept_table *table_of(const struct legacy_shelf *shelf, size_t chain)
{
	array_each(table, &shelf->tables) {
		const struct legacy_chain *first = table->chains.items.items;

		if (chain >= first->chain && chain - first->chain < table->chains.items.count)
			return table;
	}
	return NULL;
}

static int read_kept(struct ruleset *ruleset, const struct kept_table *kept,
		     const struct legacy_chain *chain)
{
	struct legacy_table table = {.name = kept->name,
				     .family = kept->family,
				     .base = chain->offset,
				     .size = chain->stop};
	size_t count = (chain->stop - chain->offset) / sizeof(uint64_t);
	uint64_t *entries = calloc(count, sizeof(*entries));
	int err;

	if (!entries)
		return -ENOMEM;
	fill(&kept->words, chain->kept, entries, count);
	table.bytes = (const unsigned char *)entries;
	err = legacy_chain_read(ruleset, &table, &kept->chains, chain);
	free(entries);
	return err;
}

static void read_chain(struct ruleset *ruleset, void *data, size_t index)
{
	const struct kept_table *kept = table_of(data, index);
	const struct filter_chain *chain = &ruleset->chains.items[index];
	int err = -ENOENT;

	if (kept)
		err = read_kept(ruleset, kept,
				&kept->chains.items.items[index - kept->chains.items.items->chain]);
	if (err)
		ruleset_note(ruleset, "iptables-legacy chain %.60s %.60s: %s", chain->table,
			     chain->name, strerror(-err));
}

static void table_free(struct kept_table *table)
{
	array_free(&table->chains.items);
	array_free(&table->words.items);
}

static void shelf_close(void *data)
{
	struct legacy_shelf *shelf = data;

	array_each(table, &shelf->tables)
		table_free(table);
	array_free(&shelf->tables);
	free(shelf);
}

static struct legacy_shelf *shelf_of(struct ruleset *ruleset)
{
	struct ruleset_source *source = &ruleset->sources[RULES_LEGACY];

	if (!source->data) {
		source->data = calloc(1, sizeof(struct legacy_shelf));
		source->read_chain = read_chain;
		source->close = source->data ? shelf_close : NULL;
	}
	return source->data;
}

static int read_at_once(struct ruleset *ruleset, const struct legacy_table *table,
			struct legacy_chains *chains)
{
	int err = 0;

	array_each(chain, &chains->items) {
		if (!err)
			err = legacy_chain_add(ruleset, table, chain);
	}
	array_each(chain, &chains->items) {
		if (!err)
			err = legacy_chain_read(ruleset, table, chains, chain);
		if (table->passed)
			table->passed(table->context, chain->stop);
	}
	return err;
}

static int keep(struct ruleset *ruleset, const struct legacy_table *table, struct kept_table *kept)
{
	int err = 0;

	text_copy(kept->name, sizeof(kept->name), table->name);
	kept->family = table->family;
	array_each(chain, &kept->chains.items) {
		err = legacy_chain_add(ruleset, table, chain);
		if (err)
			return err;
		chain->kept = kept->words.items.count;
		err = squeeze(&kept->words, table->bytes + chain->offset,
			      (chain->stop - chain->offset) / sizeof(uint64_t));
		if (err)
			return err;
		ruleset->chains.items[chain->chain].unread = true;
		if (table->passed)
			table->passed(table->context, chain->stop);
	}
	return 0;
}

int legacy_table_read(struct ruleset *ruleset, const struct legacy_table *table)
{
	struct kept_table one = {0}, *slot;
	int err = legacy_chains_find(table, &one.chains);
	struct legacy_shelf *shelf;

	if (err || one.chains.items.count <= EAGER_CHAINS) {
		if (!err)
			err = read_at_once(ruleset, table, &one.chains);
		table_free(&one);
		return err;
	}
	err = keep(ruleset, table, &one);
	shelf = err ? NULL : shelf_of(ruleset);
	slot = shelf ? array_push(&shelf->tables) : NULL;
	if (!slot) {
		table_free(&one);
		return -ENOMEM;
	}
	*slot = one;
	return 0;
}
