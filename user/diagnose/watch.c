/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows and series of the monitor. It knows keys and counts; names and classes are written
 * into the rows by whoever has them.
 */
#include "diagnose/watch.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "packet/mix.h"

#define SLOTS 4096 /* power of two */
#define JIFFY_NS 10000000ull /* the longest: times of counts are that coarse, samples' are exact */
#define RATE_BUCKETS 2 /* whole ones, beside the one that is being filled */

struct watch *watch_new(uint32_t max_pods)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->slots = calloc(SLOTS, sizeof(struct watch_row *));
	if (!watch->slots) {
		free(watch);
		return NULL;
	}
	watch->max_pods = max_pods;
	watch->benign_overflow.benign = true;
	text_copy(watch->fault_overflow.reason, sizeof(watch->fault_overflow.reason), "overflow");
	text_copy(watch->benign_overflow.reason, sizeof(watch->benign_overflow.reason), "overflow");
	text_copy(watch->pod_overflow.name, sizeof(watch->pod_overflow.name), "overflow");
	return watch;
}

static void row_free(struct watch_row *row)
{
	free(row->pod);
	free(row->containers);
	free(row);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	array_each(row, &watch->rows)
		row_free(*row);
	array_each(series, &watch->series)
		free(*series);
	array_each(pod, &watch->pods)
		free(*pod);
	array_each(finding, &watch->findings)
		finding_free(finding->finding);
	array_free(&watch->rows);
	array_free(&watch->series);
	array_free(&watch->pods);
	array_free(&watch->findings);
	free(watch->slots);
	free(watch);
}

static unsigned key_slot(const struct drop_key *key)
{
	uint64_t words[sizeof(*key) / 8], hash = 0;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = mix64(hash, words[i]);
	return hash & (SLOTS - 1);
}

struct watch_row *watch_row_of(const struct watch *watch, const struct drop_key *key)
{
	struct watch_row *row = watch->slots[key_slot(key)];

	while (row && memcmp(&row->key, key, sizeof(*key)) != 0)
		row = row->next;
	return row;
}

static struct watch_row *row_new(struct watch *watch, const struct drop_key *key)
{
	struct watch_row *row, **place;

	if (watch->rows.count >= WATCH_MAX_ROWS)
		return NULL;
	row = calloc(1, sizeof(*row));
	place = row ? array_push(&watch->rows) : NULL;
	if (!place) {
		free(row);
		return NULL;
	}
	*place = row;
	row->key = *key;
	row->kind = "none";
	row->next = watch->slots[key_slot(key)];
	watch->slots[key_slot(key)] = row;
	return row;
}

/* Moves the history on to the bucket of `now`; what was skipped is 0. */
static void history_advance(struct watch_row *row, uint64_t now_ns)
{
	uint64_t bucket = now_ns / WATCH_BUCKET_NS;
	uint64_t steps = bucket - row->bucket;

	if (bucket <= row->bucket)
		return;
	if (steps > WATCH_BUCKETS)
		steps = WATCH_BUCKETS;
	for (uint64_t i = 0; i < steps; i++)
		row->history[(bucket - i) % WATCH_BUCKETS] = 0;
	row->bucket = bucket;
}

struct watch_row *watch_row_get(struct watch *watch, const struct drop_key *key)
{
	struct watch_row *row = watch_row_of(watch, key);

	return row ? row : row_new(watch, key);
}

void watch_reading_add(struct watch *watch, const struct drop_key *key, const struct drop_sum *sum,
		       bool placed)
{
	struct watch_row *row = watch_row_get(watch, key);
	struct drop_sum *reading;

	if (!row) {
		watch->rows_refused += sum->packets;
		return;
	}
	reading = &row->reading;
	row->placed |= placed;
	reading->packets += sum->packets;
	reading->bytes += sum->bytes;
	if (!reading->first_ns || sum->first_ns < reading->first_ns)
		reading->first_ns = sum->first_ns;
	if (sum->last_ns > reading->last_ns)
		reading->last_ns = sum->last_ns;
}

/* What is to come is another episode: all that there was is counted to a finding that is over. */
static bool episode_ended(const struct watch_row *row)
{
	return row->packets && row->explained_packets == row->packets && !row->diagnosed_ns;
}

/* Its first drop since the last that was told: a sample's time where there is one, else the reading's last. */
static uint64_t episode_began(const struct watch_row *row)
{
	for (unsigned i = 0; i < row->sample_count; i++) {
		if (row->samples[i].time_ns > row->last_ns + JIFFY_NS)
			return row->samples[i].time_ns;
	}
	return row->reading.last_ns;
}

static void row_gain(struct watch_row *row, uint64_t now_ns)
{
	const struct drop_sum *reading = &row->reading;
	uint64_t packets =
		reading->packets > row->map_packets ? reading->packets - row->map_packets : 0;
	uint64_t bytes = reading->bytes > row->map_bytes ? reading->bytes - row->map_bytes : 0;
	uint32_t *bucket;

	history_advance(row, now_ns);
	if (!packets)
		return;
	row->map_packets = reading->packets;
	row->map_bytes = reading->bytes;
	if (episode_ended(row))
		row->first_ns = episode_began(row);
	else if (!row->began_ns ||
		 (row->first_ns == row->began_ns && reading->first_ns < row->began_ns))
		row->first_ns = reading->first_ns;
	if (!row->began_ns || reading->first_ns < row->began_ns)
		row->began_ns = reading->first_ns;
	row->packets += packets;
	row->bytes += bytes;
	row->interval_packets += packets;
	row->interval_bytes += bytes;
	if (reading->last_ns > row->last_ns)
		row->last_ns = reading->last_ns;
	bucket = &row->history[row->bucket % WATCH_BUCKETS];
	*bucket = packets > UINT32_MAX - *bucket ? UINT32_MAX : *bucket + packets;
}

void watch_reading_begin(struct watch *watch)
{
	watch->rows_refused = 0; /* said anew by every reading */
	array_each(row, &watch->rows) {
		memset(&(*row)->reading, 0, sizeof((*row)->reading));
		(*row)->placed = false;
	}
}

void watch_reading_end(struct watch *watch, uint64_t now_ns)
{
	array_each(row, &watch->rows)
		row_gain(*row, now_ns);
}

void watch_row_taken(struct watch_row *row, const struct drop_sum *sum, uint64_t now_ns)
{
	row->reading = *sum;
	row_gain(row, now_ns);
	row->map_packets = row->map_bytes = 0;
}

/* A client takes a new port for every try: the lower one is the server's. */
static uint16_t flow_port(const struct packet *packet)
{
	return packet->sport < packet->dport ? packet->sport : packet->dport;
}

static bool same_flow(const struct packet *a, const struct packet *b)
{
	return !memcmp(a->src, b->src, sizeof(a->src)) && !memcmp(a->dst, b->dst, sizeof(a->dst)) &&
	       a->ethertype == b->ethertype && a->proto == b->proto &&
	       a->icmp_type == b->icmp_type && flow_port(a) == flow_port(b);
}

/* Which of the samples, all places being taken, makes room for this packet's. */
static unsigned sample_replaced(const struct watch_row *row, const struct packet *packet)
{
	for (unsigned i = 0; i < WATCH_SAMPLES; i++) {
		if (same_flow(&row->samples[i].packet, packet))
			return i;
	}
	for (unsigned i = 0; i < WATCH_SAMPLES; i++) {
		for (unsigned newer = i + 1; newer < WATCH_SAMPLES; newer++) {
			if (same_flow(&row->samples[i].packet, &row->samples[newer].packet))
				return i;
		}
	}
	return 0;
}

void watch_row_sample(struct watch_row *row, uint64_t time_ns, const struct packet *packet)
{
	if (row->sample_count == WATCH_SAMPLES) {
		unsigned replaced = sample_replaced(row, packet);

		row->sample_count--;
		memmove(&row->samples[replaced], &row->samples[replaced + 1],
			(row->sample_count - replaced) * sizeof(row->samples[0]));
	}
	row->samples[row->sample_count++] =
		(struct watch_sample){.time_ns = time_ns, .packet = *packet};
	row->sample_next = row->sample_count % WATCH_SAMPLES;
}

void watch_row_reason(struct watch_row *row, const char *reason, bool derived)
{
	row->derived = derived;
	if (!reason[0])
		reason = "NOT_SPECIFIED";
	if (!strcmp(row->reason, reason))
		return;
	text_copy(row->reason, sizeof(row->reason), reason);
	row->series = NULL;
}

void watch_row_remove(struct watch *watch, struct watch_row *row)
{
	struct watch_row **at = &watch->slots[key_slot(&row->key)];

	while (*at && *at != row)
		at = &(*at)->next;
	if (*at)
		*at = row->next;
	for (size_t i = 0; i < watch->rows.count; i++) {
		if (watch->rows.items[i] != row)
			continue;
		watch->rows.items[i] = watch->rows.items[--watch->rows.count];
		break;
	}
	row_free(row);
}

void watch_key_packet(const struct drop_key *key, struct packet *packet)
{
	uint8_t detail = drop_key_detail(key), type = drop_key_pkt_type(key);

	memset(packet, 0, sizeof(*packet));
	packet->ethertype = key->ethertype;
	packet->proto = key->proto;
	if (key->ethertype == 0x0800)
		packet->ip_version = 4;
	else if (key->ethertype == 0x86dd)
		packet->ip_version = 6;
	if ((key->what & DROP_KEY_MULTICAST) || type == 1 || type == 2)
		packet->flags |= PACKET_MULTICAST;
	if (key->proto == IPPROTO_TCP)
		packet->tcp_flags = detail ? detail : PACKET_TCP_ACK;
	if (key->proto == IPPROTO_ICMP)
		packet->icmp_type = detail == DROP_DETAIL_ICMP_ECHO    ? 8
				    : detail == DROP_DETAIL_ICMP_REPLY ? 0
				    : detail == DROP_DETAIL_ICMP_ERROR ? 3
								       : 255;
	if (key->proto == IPPROTO_ICMPV6)
		packet->icmp_type = detail == DROP_DETAIL_ICMP_ECHO    ? 128
				    : detail == DROP_DETAIL_ICMP_REPLY ? 129
				    : detail == DROP_DETAIL_ICMP_ERROR ? 1
				    : detail == DROP_DETAIL_ICMP_LOCAL ? 135
								       : 255;
}

static bool series_is(const struct watch_series *series, const struct watch_row *row)
{
	return series->benign == row->benign && !strcmp(series->reason, row->reason) &&
	       !strcmp(series->kind, row->kind) && !strcmp(series->proto, row->proto);
}

static struct watch_series *row_series(struct watch *watch, const struct watch_row *row)
{
	struct watch_series *overflow =
		row->benign ? &watch->benign_overflow : &watch->fault_overflow;
	struct watch_series *series, **place;

	array_each(known, &watch->series) {
		if (series_is(*known, row))
			return *known;
	}
	if (watch->series.count >= WATCH_MAX_SERIES)
		return overflow;
	series = calloc(1, sizeof(*series));
	place = series ? array_push(&watch->series) : NULL;
	if (!place) {
		free(series);
		return overflow;
	}
	*place = series;
	series->benign = row->benign;
	text_copy(series->reason, sizeof(series->reason), row->reason);
	text_copy(series->kind, sizeof(series->kind), row->kind);
	text_copy(series->proto, sizeof(series->proto), row->proto);
	return series;
}

static struct watch_pod *row_pod(struct watch *watch, const struct watch_row *row)
{
	struct watch_pod *pod, **place;

	array_each(known, &watch->pods) {
		if (!strcmp((*known)->name, row->pod))
			return *known;
	}
	if (watch->pods.count >= watch->max_pods)
		return &watch->pod_overflow;
	pod = calloc(1, sizeof(*pod));
	place = pod ? array_push(&watch->pods) : NULL;
	if (!place) {
		free(pod);
		return &watch->pod_overflow;
	}
	*place = pod;
	text_copy(pod->name, sizeof(pod->name), row->pod);
	return pod;
}

static void row_settle(struct watch *watch, struct watch_row *row, uint64_t packets, uint64_t bytes)
{
	if (!row->series)
		row->series = row_series(watch, row);
	row->series->packets += packets;
	row->series->bytes += bytes;
	if (row->benign) {
		watch->totals.benign_packets += packets;
		watch->totals.benign_bytes += bytes;
	} else {
		watch->totals.fault_packets += packets;
		watch->totals.fault_bytes += bytes;
	}
	if (!row->pod)
		return;
	if (!row->pod_series)
		row->pod_series =
			row->gone || row->pod_gone ? &watch->pod_overflow : row_pod(watch, row);
	if (row->benign) {
		row->pod_series->benign_packets += packets;
	} else {
		row->pod_series->fault_packets += packets;
		row->pod_series->fault_bytes += bytes;
	}
}

void watch_settle(struct watch *watch)
{
	watch->totals.elsewhere_packets = 0;
	array_each(at, &watch->rows) {
		struct watch_row *row = *at;
		uint64_t packets = row->packets - row->settled_packets;
		uint64_t bytes = row->bytes - row->settled_bytes;

		if (!row->named || row->elsewhere) {
			watch->totals.elsewhere_packets += packets;
			continue;
		}
		if (!packets)
			continue;
		row_settle(watch, row, packets, bytes);
		row->settled_packets = row->packets;
		row->settled_bytes = row->bytes;
	}
}

void watch_pod_gone(struct watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->pods.count; i++) {
		struct watch_pod *pod = watch->pods.items[i];

		if (strcmp(pod->name, name) != 0)
			continue;
		watch->pod_overflow.fault_packets += pod->fault_packets;
		watch->pod_overflow.fault_bytes += pod->fault_bytes;
		watch->pod_overflow.benign_packets += pod->benign_packets;
		array_each(row, &watch->rows) {
			(*row)->pod_gone |= (*row)->pod_series == pod;
			/* those that found no place look for one again */
			if ((*row)->pod_series == pod || (*row)->pod_series == &watch->pod_overflow)
				(*row)->pod_series = NULL;
		}
		free(pod);
		watch->pods.items[i] = watch->pods.items[--watch->pods.count];
		return;
	}
}

void watch_history(const struct watch_row *row, uint64_t now_ns, uint32_t out[WATCH_BUCKETS])
{
	uint64_t now = now_ns / WATCH_BUCKET_NS;

	for (unsigned i = 0; i < WATCH_BUCKETS; i++) {
		uint64_t bucket = now - (WATCH_BUCKETS - 1 - i);

		out[i] = bucket <= row->bucket && bucket + WATCH_BUCKETS > row->bucket
				 ? row->history[bucket % WATCH_BUCKETS]
				 : 0;
	}
}

double watch_rate(const struct watch_row *row, uint64_t now_ns)
{
	uint32_t history[WATCH_BUCKETS];
	uint64_t sum = 0, span = now_ns % WATCH_BUCKET_NS + RATE_BUCKETS * WATCH_BUCKET_NS;

	watch_history(row, now_ns, history);
	for (unsigned i = 0; i <= RATE_BUCKETS; i++)
		sum += history[WATCH_BUCKETS - 1 - i];
	/* a row that has just begun: over its own life, a second at least */
	if (row->began_ns && now_ns - row->began_ns < span) {
		span = now_ns - row->began_ns;
		if (span < 1000000000ull)
			span = 1000000000ull;
	}
	return sum * 1e9 / span;
}

void watch_interval_end(struct watch *watch)
{
	array_each(row, &watch->rows)
		(*row)->interval_packets = (*row)->interval_bytes = 0;
}

struct watch_row *watch_quietest(const struct watch *watch, uint64_t since_ns)
{
	struct watch_row *found = NULL;

	array_each(at, &watch->rows) {
		struct watch_row *row = *at;

		/* what an interval has not told yet stays */
		if (row->last_ns >= since_ns || row->interval_packets || row->placed)
			continue;
		if (!found || row->gone > found->gone ||
		    (row->gone == found->gone && row->last_ns < found->last_ns))
			found = row;
	}
	return found;
}
