/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a journey: opened at the first record, closed when it has been quiet long
 * enough, or when room is needed. Which journey a record belongs to is journey_join.c's
 * business, what became of it verdict.c's.
 */
#include "packet/journey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/journey_table.h"

#define YOUNG_NS 150000000ull /* journey_table_finish: not to be missed yet */
#include "packet/mix.h"

#define DEFAULT_SETTLE_NS 300000000ull
#define DEFAULT_VANISH_NS 4000000000ull
#define DEFAULT_MAX_OPEN 65536
#define DEFAULT_MAX_BYTES (8u << 20)
#define EVICT_LOOK 64 /* journeys looked at for one that may go without harm */

static void list_push(struct journey_list *list, struct open_journey *journey)
{
	journey->next = NULL;
	journey->prev = list->tail;
	if (list->tail)
		list->tail->next = journey;
	else
		list->head = journey;
	list->tail = journey;
	list->count++;
}

static void list_take(struct journey_list *list, struct open_journey *journey)
{
	if (journey->prev)
		journey->prev->next = journey->next;
	else
		list->head = journey->next;
	if (journey->next)
		journey->next->prev = journey->prev;
	else
		list->tail = journey->prev;
	list->count--;
}

void journey_wake(struct journey_table *table, struct open_journey *journey)
{
	list_take(journey->resting ? &table->resting : &table->fresh, journey);
	journey->resting = false;
	list_push(&table->fresh, journey);
}

void journey_rouse(struct journey_table *table, struct open_journey *journey)
{
	if (journey->resting)
		journey_wake(table, journey);
}

static void journey_rest(struct journey_table *table, struct open_journey *journey)
{
	list_take(&table->fresh, journey);
	journey->resting = true;
	list_push(&table->resting, journey);
}

bool journey_is_dropped(const struct open_journey *journey)
{
	return journey->drop && !journey->drop->benign;
}

/* Nothing more is expected of it, but for a late drop or an answer. */
static bool is_over(const struct journey_table *table, const struct open_journey *journey)
{
	if (journey->drop || !journey->first_hop || (journey->answer && journey->answer->certain))
		return true;
	return journey_ending(table->places, journey) != ENDING_MIDDLE &&
	       !journey_is_served(table->places, journey);
}

static void config_default(struct journey_config *config)
{
	if (!config->settle_ns)
		config->settle_ns = DEFAULT_SETTLE_NS;
	if (!config->vanish_ns)
		config->vanish_ns = DEFAULT_VANISH_NS;
	if (!config->max_open)
		config->max_open = DEFAULT_MAX_OPEN;
	if (!config->max_bytes)
		config->max_bytes = DEFAULT_MAX_BYTES;
}

struct journey_table *journey_table_new(const struct journey_config *config)
{
	struct journey_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->config = *config;
	config_default(&table->config);
	pool_init(&table->journeys, sizeof(struct open_journey), &table->used);
	pool_init(&table->hops, sizeof(struct hop_cell), &table->used);
	pool_init(&table->packets, sizeof(struct packet), &table->used);
	pool_init(&table->extras, sizeof(struct extra_key), &table->used);
	pool_init(&table->drops, sizeof(struct drop), &table->used);
	pool_init(&table->quotes, sizeof(struct quoted), &table->used);
	pool_init(&table->payloads, sizeof(struct payload_cell), &table->used);
	pool_init(&table->answers, sizeof(struct answer_cell), &table->used);
	table->places = place_cache_new(config->topology);
	if (!table->places || key_table_init(&table->by_skb) ||
	    key_table_init(&table->by_signature) || key_table_init(&table->by_tuple) ||
	    key_table_init(&table->by_quote)) {
		journey_table_free(table);
		return NULL;
	}
	return table;
}

void journey_table_free(struct journey_table *table)
{
	if (!table)
		return;
	pool_free(&table->journeys);
	pool_free(&table->hops);
	pool_free(&table->packets);
	pool_free(&table->extras);
	pool_free(&table->drops);
	pool_free(&table->quotes);
	pool_free(&table->payloads);
	pool_free(&table->answers);
	free(table->by_skb.buckets);
	free(table->by_signature.buckets);
	free(table->by_tuple.buckets);
	free(table->by_quote.buckets);
	free(table->places);
	free(table);
}

struct packet hop_cell_packet(const struct open_journey *journey, const struct hop_cell *hop)
{
	struct packet packet = hop->packet ? *hop->packet : journey->packet;

	packet.len = hop->len;
	packet.ttl = hop->ttl;
	return packet;
}

static void fill_hops(const struct open_journey *open, struct journey *journey)
{
	for (const struct hop_cell *cell = open->first_hop; cell; cell = cell->next) {
		struct hop *hop = &journey->hops[journey->hop_count++];

		hop->time_ns = cell->time_ns;
		hop->netns = cell->netns;
		hop->ifindex = cell->ifindex;
		hop->out = cell->out;
		hop->nat = cell->nat;
		hop->gso_size = cell->gso_size;
		hop->gso_segs = cell->gso_segs;
		hop->packet = hop_cell_packet(open, cell);
		hop->has_encap = cell->encap != NULL;
		if (cell->encap)
			hop->encap = *cell->encap;
	}
	journey->hops_cut = open->hops_cut;
}

static void fill_answer(const struct open_journey *open, struct journey *journey)
{
	journey->answers = open->answers;
	if (!open->answer || !(open->answer->certain || journey_is_dropped(open)))
		return;
	journey->answered_by = open->answer->id;
	journey->answer = open->answer->packet;
	journey->answer_quotes_encap = open->answer->quotes_encap;
	journey->answer_encap_dport = open->answer->encap_dport;
}

static void journey_fill(const struct open_journey *open, struct journey *journey)
{
	memset(journey, 0, sizeof(*journey));
	journey->id = open->id;
	journey->first_ns = open->first_ns;
	journey->last_ns = open->last_ns;
	journey->packet = open->packet;
	journey->tracked_midway = open->midway;
	journey->evicted = open->evicted;
	fill_hops(open, journey);
	fill_answer(open, journey);
	if (open->drop) {
		journey->has_drop = true;
		journey->drop = *open->drop;
	}
	if (open->quoted) {
		journey->has_quoted = true;
		journey->quoted = *open->quoted;
	}
	if (open->payload) {
		journey->payload_len = open->payload->length;
		memcpy(journey->payload, open->payload->bytes, open->payload->length);
	}
}

static void hops_release(struct journey_table *table, struct open_journey *journey)
{
	while (journey->first_hop) {
		struct hop_cell *hop = journey->first_hop;

		journey->first_hop = hop->next;
		pool_give(&table->packets, hop->packet);
		pool_give(&table->packets, hop->encap);
		pool_give(&table->hops, hop);
	}
}

static void keys_release(struct journey_table *table, struct open_journey *journey)
{
	key_remove(&table->by_skb, &journey->skb);
	key_remove(&table->by_signature, &journey->signature);
	key_remove(&table->by_tuple, &journey->tuple);
	key_remove(&table->by_quote, &journey->waiting);
	while (journey->extras) {
		struct extra_key *extra = journey->extras;

		journey->extras = extra->next;
		key_remove(extra->table, &extra->key);
		pool_give(&table->extras, extra);
	}
}

static void journey_release(struct journey_table *table, struct open_journey *journey)
{
	list_take(journey->resting ? &table->resting : &table->fresh, journey);
	keys_release(table, journey);
	hops_release(table, journey);
	pool_give(&table->drops, journey->drop);
	pool_give(&table->quotes, journey->quoted);
	pool_give(&table->payloads, journey->payload);
	pool_give(&table->answers, journey->answer);
	pool_give(&table->journeys, journey);
}

void journey_table_unseen(struct journey_table *table, uint64_t from_ns, uint64_t until_ns)
{
	struct span *newest = table->unseen;

	if (from_ns > newest->until_ns || !newest->until_ns) {
		memmove(newest + 1, newest, (UNSEEN_SPANS - 1) * sizeof(*newest));
		newest->from_ns = from_ns;
	}
	newest->until_ns = until_ns;
}

static bool went_unseen(const struct journey_table *table, const struct open_journey *open)
{
	for (int i = 0; i < UNSEEN_SPANS && table->unseen[i].until_ns; i++) {
		if (open->last_ns >= table->unseen[i].from_ns &&
		    open->last_ns <= table->unseen[i].until_ns)
			return journey_ending(table->places, open) == ENDING_MIDDLE;
	}
	return false;
}

static void journey_close(struct journey_table *table, struct open_journey *open)
{
	struct journey *journey = &table->scratch;
	bool benign, told;

	if (!open->drop && went_unseen(table, open))
		open->evicted = true;
	journey_fill(open, journey);
	told = journey_judge(table->places, open, journey, &benign);
	journey_release(table, open);
	if (benign)
		table->counts.benign++;
	if (!told)
		return;
	table->counts.verdicts[journey->verdict]++;
	if (table->config.closed)
		table->config.closed(table->config.context, journey);
}

/* Makes room by one: the oldest that is over, and only if there is none near, the oldest of all. */
static void journey_evict(struct journey_table *table)
{
	struct open_journey *victim;

	for (int looked = 0; looked < EVICT_LOOK && table->fresh.head; looked++) {
		victim = table->fresh.head;
		if (is_over(table, victim))
			goto evict;
		journey_rest(table, victim);
	}
	victim = table->resting.head ? table->resting.head : table->fresh.head;
evict:
	victim->evicted = true;
	table->counts.evicted++;
	journey_close(table, victim);
}

struct open_journey *journey_open(struct journey_table *table, const struct record_view *view)
{
	const struct record *record = view->record;
	struct open_journey *journey;

	while (journey_table_open(table) && (journey_table_open(table) >= table->config.max_open ||
					     table->used >= table->config.max_bytes))
		journey_evict(table);
	journey = pool_take(&table->journeys);
	if (!journey)
		return NULL;
	memset(journey, 0, sizeof(*journey));
	journey->id = ++table->last_id;
	journey->first_ns = journey->last_ns = record->time_ns;
	list_push(&table->fresh, journey);
	return journey;
}

int journey_add_key(struct journey_table *table, struct open_journey *journey,
		    struct key_table *keys, uint64_t hash)
{
	struct extra_key *extra = pool_take(&table->extras);

	if (!extra)
		return -ENOMEM;
	extra->table = keys;
	extra->next = journey->extras;
	journey->extras = extra;
	key_insert(keys, &extra->key, hash, journey);
	return 0;
}

int journey_table_add(struct journey_table *table, const void *bytes, size_t size)
{
	struct record_view view;

	table->counts.records++;
	if (record_parse(bytes, size, &view)) {
		table->counts.malformed++;
		return -EBADMSG;
	}
	if (view.record->type == RECORD_REFUSED)
		return 0; /* there is no packet: flow_table_refuse() takes it */
	if (view.record->time_ns > table->now_ns)
		table->now_ns = view.record->time_ns;
	place_refresh(table->places, table->now_ns);
	return journey_join(table, &view);
}

static bool quiet_for(const struct open_journey *journey, uint64_t now_ns, uint64_t span_ns)
{
	return now_ns > journey->last_ns && now_ns - journey->last_ns >= span_ns;
}

void journey_table_expire(struct journey_table *table, uint64_t now_ns)
{
	struct open_journey *journey;

	place_refresh(table->places, now_ns > table->now_ns ? now_ns : table->now_ns);
	while ((journey = table->fresh.head) &&
	       quiet_for(journey, now_ns, table->config.settle_ns)) {
		if (is_over(table, journey) || quiet_for(journey, now_ns, table->config.vanish_ns))
			journey_close(table, journey);
		else
			journey_rest(table, journey);
	}
	while ((journey = table->resting.head) &&
	       quiet_for(journey, now_ns, table->config.vanish_ns))
		journey_close(table, journey);
}

size_t journey_table_pending(const struct journey_table *table)
{
	size_t pending = table->resting.count;

	for (const struct open_journey *journey = table->fresh.head; journey;
	     journey = journey->next)
		pending += !is_over(table, journey);
	return pending;
}

size_t journey_table_open(const struct journey_table *table)
{
	return table->fresh.count + table->resting.count;
}

/* Those in the middle that were seen a moment ago were on their way still. */
static void spare_young(struct journey_table *table, struct journey_list *list, uint64_t now_ns)
{
	for (struct open_journey *open = list->head; open; open = open->next) {
		if (now_ns - open->last_ns < YOUNG_NS &&
		    journey_ending(table->places, open) == ENDING_MIDDLE)
			open->evicted = true;
	}
}

void journey_table_finish(struct journey_table *table, uint64_t now_ns)
{
	spare_young(table, &table->fresh, now_ns);
	spare_young(table, &table->resting, now_ns);
	journey_table_flush(table);
}

void journey_table_flush(struct journey_table *table)
{
	while (table->fresh.head || table->resting.head) {
		struct open_journey *fresh = table->fresh.head, *resting = table->resting.head;
		bool older = resting && (!fresh || resting->last_ns <= fresh->last_ns);

		journey_close(table, older ? resting : fresh);
	}
}

const struct journey_counts *journey_table_counts(const struct journey_table *table)
{
	return &table->counts;
}
