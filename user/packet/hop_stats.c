// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running numbers (Welford), and the samples of one path joined to rows.
 */
#include "packet/hop_stats.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

#define BIT(n) (1ull << (n))

void hop_number_add(struct hop_number *n, double value)
{
	double delta = value - n->mean;

	n->count++;
	n->last = value;
	if (n->count == 1 || value < n->best)
		n->best = value;
	if (n->count == 1 || value > n->worst)
		n->worst = value;
	n->mean += delta / n->count;
	n->squares += delta * (value - n->mean);
}

/* Newton's method: no library is linked for one root. */
static double square_root(double value)
{
	double root = value > 1 ? value : 1;

	for (int i = 0; i < 64; i++) {
		double next = (root + value / root) / 2;

		if (next >= root)
			break;
		root = next;
	}
	return root;
}

double hop_number_stdev(const struct hop_number *n)
{
	return n->count < 2 || n->squares <= 0 ? 0 : square_root(n->squares / (n->count - 1));
}

double hop_row_loss(const struct hop_row *row)
{
	uint64_t all = row->seen + row->lost;

	return all ? 100.0 * row->lost / all : 0;
}

void hop_track_make(struct hop_track *track, const struct journey *journey, uint64_t key,
		    bool reply)
{
	const struct drop *drop = &journey->drop;

	memset(track, 0, sizeof(*track));
	track->key = key;
	track->first_ns = journey->first_ns;
	track->reply = reply;
	track->verdict = journey->verdict;
	track->end_netns = journey->end_netns;
	track->end_ifindex = journey->end_ifindex;
	if (journey->has_drop && journey->verdict != VERDICT_DELIVERED) {
		text_copy(track->reason, sizeof(track->reason), drop->reason);
		text_copy(track->hook, sizeof(track->hook), drop->hook);
		text_copy(track->function, sizeof(track->function), drop->function);
	}
	for (unsigned i = 0; i < journey->hop_count; i++) {
		const struct hop *hop = &journey->hops[i];
		struct hop_sight *sight = &track->sights[track->count++];

		sight->time_ns = hop->time_ns;
		sight->netns = hop->netns;
		sight->ifindex = hop->ifindex;
		sight->out = hop->out;
		if (hop->has_encap && hop->out)
			sight->next_node = address_make(hop->encap.ip_version, hop->encap.dst);
	}
}

int hop_table_sent(struct hop_table *table, uint64_t key, uint64_t now_ns)
{
	struct hop_sample *sample = array_push(&table->samples);

	if (!sample)
		return -ENOMEM;
	sample->key = key;
	sample->sent_ns = now_ns;
	table->sent++;
	return 0;
}

static bool place_equal(const struct hop_place *a, const struct hop_place *b)
{
	if (a->leg != b->leg)
		return false;
	if (a->leg == LEG_BEYOND)
		return a->ttl == b->ttl;
	return a->netns == b->netns && a->ifindex == b->ifindex && a->out == b->out &&
	       a->nth == b->nth;
}

/* Where a new row is shown: after row `previous` (HOP_ROWS: first of its leg), rows of later legs behind it. */
static unsigned order_of_new(const struct hop_table *table, const struct hop_place *place,
			     unsigned previous)
{
	unsigned at = 0;

	while (at < table->row_count) {
		const struct hop_place *other = &table->rows[table->order[at]].place;
		bool before = other->leg < place->leg ||
			      (other->leg == LEG_BEYOND && place->leg == LEG_BEYOND &&
			       other->ttl < place->ttl);

		if (!before)
			break;
		at++;
	}
	for (unsigned i = 0; previous < HOP_ROWS && i < table->row_count; i++) {
		if (table->order[i] == previous && i + 1 > at)
			return i + 1;
	}
	return at;
}

/* The row's id, HOP_ROWS when there is no room. */
static unsigned row_find(struct hop_table *table, const struct hop_place *place, unsigned previous)
{
	unsigned at, id = table->row_count;

	for (unsigned i = 0; i < table->row_count; i++) {
		if (place_equal(&table->rows[i].place, place))
			return i;
	}
	if (id == HOP_ROWS) {
		table->rows_cut = true;
		return HOP_ROWS;
	}
	at = order_of_new(table, place, previous);
	memmove(&table->order[at + 1], &table->order[at], id - at);
	table->order[at] = id;
	memset(&table->rows[id], 0, sizeof(table->rows[id]));
	table->rows[id].place = *place;
	table->row_count++;
	return id;
}

static uint8_t pass_of(const struct hop_track *track, unsigned index)
{
	const struct hop_sight *sight = &track->sights[index];
	uint8_t nth = 0;

	for (unsigned i = 0; i < index; i++)
		nth += track->sights[i].netns == sight->netns &&
		       track->sights[i].ifindex == sight->ifindex &&
		       track->sights[i].out == sight->out;
	return nth;
}

static void sample_walk(struct hop_table *table, struct hop_sample *sample,
			const struct hop_track *track)
{
	unsigned previous = HOP_ROWS;

	for (unsigned i = 0; i < track->count; i++) {
		const struct hop_sight *sight = &track->sights[i];
		struct hop_place place = {.leg = track->reply ? LEG_REPLY : LEG_REQUEST,
					  .netns = sight->netns,
					  .ifindex = sight->ifindex,
					  .out = sight->out,
					  .nth = pass_of(track, i)};
		unsigned id = row_find(table, &place, previous);
		struct hop_row *row;

		if (id == HOP_ROWS)
			continue;
		row = &table->rows[id];
		row->seen++;
		if (sight->next_node.version)
			row->next_node = sight->next_node;
		hop_number_add(&row->time, (double)(int64_t)(sight->time_ns - sample->first_ns));
		if (sample->last_ns)
			hop_number_add(&row->step,
				       (double)(int64_t)(sight->time_ns - sample->last_ns));
		sample->last_ns = sight->time_ns;
		if (sample->path_count < HOP_ROWS)
			sample->path[sample->path_count++] = id;
		previous = id;
	}
	sample->verdict = track->verdict;
	sample->end_netns = track->end_netns;
	sample->end_ifindex = track->end_ifindex;
	text_copy(sample->reason, sizeof(sample->reason), track->reason);
	text_copy(sample->hook, sizeof(sample->hook), track->hook);
	text_copy(sample->function, sizeof(sample->function), track->function);
}

static int request_track(struct hop_table *table, const struct hop_track *track)
{
	struct hop_sample *sample = NULL, *same = NULL;

	array_each(one, &table->samples) {
		if (one->key != track->key)
			continue;
		same = one;
		if (!one->requested)
			sample = one;
	}
	if (!same)
		return -ENOENT;
	if (!sample) {
		sample = array_push(&table->samples);
		if (!sample)
			return -ENOMEM;
		sample->key = track->key;
		sample->resent = true;
		sample->sent_ns = track->first_ns;
		table->sent++;
		table->resent++;
	}
	sample->requested = true;
	sample->first_ns = track->first_ns;
	sample_walk(table, sample, track);
	return 0;
}

/* The last request before it, for an answer to a retransmission must not count for the first. */
static void reply_join(struct hop_table *table, const struct hop_track *track)
{
	struct hop_sample *sample = NULL;

	array_each(one, &table->samples) {
		if (one->key != track->key || !one->requested || one->replied ||
		    one->first_ns > track->first_ns)
			continue;
		if (!sample || one->first_ns > sample->first_ns)
			sample = one;
	}
	if (!sample)
		return;
	sample->replied = true;
	sample_walk(table, sample, track);
	if (track->verdict == VERDICT_DELIVERED)
		sample->answered = true;
}

int hop_table_track(struct hop_table *table, const struct hop_track *track)
{
	struct hop_track *waiting;

	if (!track->reply)
		return request_track(table, track);
	waiting = array_push(&table->replies);
	if (!waiting)
		return -ENOMEM;
	*waiting = *track;
	return 0;
}

bool hop_table_has(const struct hop_table *table, uint64_t key)
{
	array_each(one, &table->samples) {
		if (one->key == key)
			return true;
	}
	return false;
}

void hop_table_answered(struct hop_table *table, uint64_t key)
{
	array_each(sample, &table->samples) {
		if (sample->key == key && !sample->resent)
			sample->told = true;
	}
}

void hop_table_router(struct hop_table *table, uint8_t ttl, struct address router, uint64_t ns)
{
	struct hop_place place = {.leg = LEG_BEYOND, .ttl = ttl};
	unsigned id = row_find(table, &place, HOP_ROWS);
	struct hop_row *row;

	if (id == HOP_ROWS)
		return;
	row = &table->rows[id];
	if (!router.version) {
		row->lost++;
		return;
	}
	row->place.router = router;
	row->seen++;
	hop_number_add(&row->time, ns);
}

static void end_count(struct hop_table *table, const struct hop_sample *sample)
{
	unsigned last = sample->path_count ? sample->path[sample->path_count - 1] : HOP_ROWS;
	struct hop_end *end = NULL;

	for (unsigned i = 0; i < table->end_count && !end; i++) {
		struct hop_end *one = &table->ends[i];

		if (one->row == last && one->reply == sample->replied &&
		    one->verdict == sample->verdict && !strcmp(one->reason, sample->reason) &&
		    !strcmp(one->hook, sample->hook) && !strcmp(one->function, sample->function))
			end = one;
	}
	if (!end && table->end_count < HOP_ENDS) {
		end = &table->ends[table->end_count++];
		memset(end, 0, sizeof(*end));
		end->row = last;
		end->reply = sample->replied;
		end->verdict = sample->requested ? sample->verdict : VERDICT_VANISHED;
		end->netns = sample->end_netns;
		end->ifindex = sample->end_ifindex;
		text_copy(end->reason, sizeof(end->reason), sample->reason);
		text_copy(end->hook, sizeof(end->hook), sample->hook);
		text_copy(end->function, sizeof(end->function), sample->function);
	}
	if (end)
		end->count++;
}

static void sample_lose(struct hop_table *table, const struct hop_sample *sample)
{
	table->lost++;
	end_count(table, sample);
	if (sample->path_count)
		table->rows[sample->path[sample->path_count - 1]].stopped++;
	else
		table->stopped++;
}

/* Where every answer must pass, whichever way it came: the device that the requests were first seen at. */
static bool is_home(const struct hop_table *table, const struct hop_place *place)
{
	const struct hop_place *first = &table->rows[table->order[0]].place;

	return place->leg == LEG_REPLY && first->leg == LEG_REQUEST &&
	       place->netns == first->netns && place->ifindex == first->ifindex &&
	       place->out != first->out && !place->nth;
}

/*
 * What stopped at a row is missing at those that were ever seen after it. Counted anew each time, for a
 * path may be learned after the first loss on it.
 */
static void losses_count(struct hop_table *table)
{
	for (unsigned i = 0; i < table->row_count; i++) {
		struct hop_row *row = &table->rows[i];

		if (row->place.leg == LEG_BEYOND)
			continue;
		row->lost = table->stopped;
		for (unsigned j = 0; j < table->row_count; j++) {
			if (table->rows[j].after & BIT(i) ||
			    (i != j && is_home(table, &row->place)))
				row->lost += table->rows[j].stopped;
		}
	}
}

static void path_learn(struct hop_table *table, const struct hop_sample *sample)
{
	uint64_t behind = 0;

	for (unsigned i = sample->path_count; i-- > 0;) {
		table->rows[sample->path[i]].after |= behind;
		behind |= BIT(sample->path[i]);
	}
}

/* The sender's word counts where the trace saw no answer to any packet of that key. */
static bool sample_answered(const struct hop_table *table, const struct hop_sample *sample)
{
	if (sample->answered || !sample->told || sample->replied)
		return sample->answered;
	array_each(other, &table->samples) {
		if (other->key == sample->key && other->answered)
			return false;
	}
	return true;
}

static void sample_end(struct hop_table *table, const struct hop_sample *sample)
{
	if (sample->answered)
		table->answered++;
	else
		sample_lose(table, sample);
}

void hop_table_settle(struct hop_table *table, uint64_t join_ns, uint64_t end_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->replies.count; i++) {
		struct hop_track *reply = &table->replies.items[i];

		if (reply->first_ns < join_ns)
			reply_join(table, reply);
		else
			table->replies.items[kept++] = *reply;
	}
	table->replies.count = kept;
	array_each(sample, &table->samples) {
		path_learn(table, sample);
		if (sample->sent_ns < end_ns)
			sample->answered = sample_answered(table, sample);
	}
	kept = 0;
	for (size_t i = 0; i < table->samples.count; i++) {
		struct hop_sample *sample = &table->samples.items[i];

		if (sample->sent_ns < end_ns)
			sample_end(table, sample);
		else
			table->samples.items[kept++] = *sample;
	}
	table->samples.count = kept;
	losses_count(table);
}

void hop_table_free(struct hop_table *table)
{
	array_free(&table->samples);
	array_free(&table->replies);
}
