/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen's lines. Text from pods and files is made safe here, once.
 */
#include "output/screen_model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "output/page.h"

#define BENIGN_SHOWN 4

/* As the text printer writes it: what could move the cursor is escaped, the rest stays to be copied. */
static void make_safe(char *dst, size_t size, const char *text)
{
	static const struct page page = {};

	page_fit(&page, dst, size, text, UINT_MAX);
}

static void packet_text(char *text, size_t size, const struct packet *packet)
{
	struct tuple tuple = packet_tuple(packet);
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT], number[16];
	const char *proto = packet_proto_name(packet, number);

	address_text(tuple.src, src);
	address_text(tuple.dst, dst);
	if (packet->sport || packet->dport)
		snprintf(text, size, "%s %s:%u > %s:%u  %u B", proto, src, packet->sport, dst,
			 packet->dport, packet->len);
	else
		snprintf(text, size, "%s %s > %s  %u B", proto, src, dst, packet->len);
}

static void row_flows(struct screen_row *out, const struct watch_row *row)
{
	for (unsigned i = 0; i < row->sample_count; i++) {
		unsigned at = (row->sample_next + 2 * WATCH_SAMPLES - 1 - i) % WATCH_SAMPLES;

		packet_text(out->flows[i], sizeof(out->flows[i]), &row->samples[at].packet);
	}
	out->flow_count = row->sample_count;
}

static void row_fill(struct screen_row *out, const struct watch *watch, const struct watch_row *row,
		     uint64_t now_ns)
{
	const struct watch_finding *cause = watch_finding_of(watch, row->causes[0].finding);
	uint32_t history[WATCH_BUCKETS];

	memset(out, 0, sizeof(*out));
	out->key = row->key;
	out->benign = row->benign;
	/* the mark that draw_open_row() explains */
	text_append(out->reason, sizeof(out->reason), "%s%s", row->derived ? "~" : "", row->reason);
	snprintf(out->what, sizeof(out->what), "%s%s%s %s", row->hook, row->hook[0] ? " " : "",
		 row->proto, row->device);
	make_safe(out->pod, sizeof(out->pod), row->pod ? row->pod : row->netns);
	if (row->containers)
		text_append(out->containers, sizeof(out->containers), " [%s]", row->containers);
	if (row->peer[0])
		text_append(out->peer, sizeof(out->peer), " <-> %s", row->peer);
	text_copy(out->function, sizeof(out->function), row->function);
	if (row->why)
		text_copy(out->why, sizeof(out->why), row->why);
	if (cause) {
		text_copy(out->cause, sizeof(out->cause), cause->finding->id);
		out->finding = cause->id;
	}
	out->rate = watch_rate(row, now_ns);
	out->total = row->packets;
	out->bytes = row->bytes;
	out->last_ns = row->last_ns;
	watch_history(row, now_ns, history);
	for (unsigned i = 0; i < WATCH_BUCKETS; i++)
		out->spark[i * SPARK_COLUMNS / WATCH_BUCKETS] += history[i];
	row_flows(out, row);
}

static bool row_matches(const struct screen_row *row, const char *filter)
{
	const char *const texts[] = {row->reason,     row->what,  row->pod,
				     row->containers, row->cause, row->function};

	if (!filter[0])
		return true;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcasestr(texts[i], filter))
			return true;
	}
	for (unsigned i = 0; i < row->flow_count; i++) {
		if (strcasestr(row->flows[i], filter))
			return true;
	}
	return false;
}

static int compare_numbers(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int row_compare(const struct screen_row *a, const struct screen_row *b,
		       enum screen_sort sort)
{
	int order = a->benign - b->benign;

	if (!order && sort == SORT_RATE)
		order = compare_numbers(a->rate, b->rate);
	if (!order && sort == SORT_LAST)
		order = compare_numbers(a->last_ns, b->last_ns);
	if (!order && sort == SORT_REASON)
		order = strcmp(a->reason, b->reason);
	if (!order && sort == SORT_POD)
		order = strcmp(a->pod, b->pod);
	if (!order)
		order = compare_numbers(a->total, b->total);
	return order ? order : memcmp(&a->key, &b->key, sizeof(a->key));
}

/* Keeps the SCREEN_ROWS first: a new row replaces the last one. */
static void row_insert(struct screen_model *model, const struct screen_row *row,
		       enum screen_sort sort)
{
	size_t at = model->row_count;

	while (at > 0 && row_compare(row, model->rows[at - 1], sort) < 0)
		at--;
	if (model->row_count == SCREEN_ROWS)
		model->rows_hidden++;
	else
		model->row_count++;
	if (at == SCREEN_ROWS)
		return;
	memmove(&model->rows[at + 1], &model->rows[at],
		(model->row_count - 1 - at) * sizeof(model->rows[0]));
	model->rows[at] = row;
}

static void finding_fill(struct screen_finding *out, const struct watch_finding *finding,
			 const struct names *names)
{
	const struct finding *f = finding->finding;
	const char *place = f->pod[0] ? f->pod : f->netns;

	memset(out, 0, sizeof(*out));
	out->number = finding->id;
	out->severity = f->severity;
	out->count = f->count;
	out->exact = finding->exact;
	out->first_ns = finding->first_ns + names->wall_offset_ns;
	text_copy(out->id, sizeof(out->id), f->id);
	make_safe(out->place, sizeof(out->place), place);
	make_safe(out->summary, sizeof(out->summary), f->summary);
	if (f->remedy.count)
		make_safe(out->remedy, sizeof(out->remedy), f->remedy.items[0]);
}

struct benign_rate {
	const char *reason;
	double rate;
};

static int benign_compare(const void *left, const void *right)
{
	return compare_numbers(((const struct benign_rate *)left)->rate,
			       ((const struct benign_rate *)right)->rate);
}

static void benign_fill(struct screen_model *model, const struct watch *watch, uint64_t now_ns)
{
	struct benign_rate rates[64] = {};
	size_t count = 0;

	array_each(at, &watch->rows) {
		const struct watch_row *row = *at;
		double rate;
		size_t i = 0;

		if (!row->named || row->elsewhere || !row->benign)
			continue;
		rate = watch_rate(row, now_ns);
		model->benign_rate += rate;
		while (i < count && strcmp(rates[i].reason, row->reason) != 0)
			i++;
		if (i == count && (rate <= 0 || count == 64))
			continue;
		if (i == count)
			rates[count++] = (struct benign_rate){.reason = row->reason};
		rates[i].rate += rate;
	}
	qsort(rates, count, sizeof(rates[0]), benign_compare);
	for (size_t i = 0; i < count && i < BENIGN_SHOWN; i++)
		text_append(model->benign, sizeof(model->benign), "%s%s %.0f/s", i ? ", " : "",
			    rates[i].reason, rates[i].rate);
}

void screen_model_fill(struct screen_model *model, const struct watch *watch,
		       const struct names *names, uint64_t now_ns)
{
	struct screen_row *row;

	model->all.count = model->row_count = model->finding_count = 0;
	model->fault_rate = model->benign_rate = 0;
	model->benign[0] = '\0';
	array_each(at, &watch->rows) {
		if (!(*at)->named || (*at)->elsewhere || !(*at)->packets)
			continue;
		row = array_push(&model->all);
		if (!row)
			break;
		row_fill(row, watch, *at, now_ns);
		if (!row->benign)
			model->fault_rate += row->rate;
	}
	benign_fill(model, watch, now_ns);
	array_each(finding, &watch->findings) {
		if (model->finding_count < SCREEN_FINDINGS)
			finding_fill(&model->findings[model->finding_count++], finding, names);
	}
}

void screen_model_view(struct screen_model *model, enum screen_sort sort, const char *filter,
		       bool benign)
{
	model->row_count = model->rows_hidden = 0;
	array_each(row, &model->all) {
		if (row->benign && !benign)
			continue;
		if (row_matches(row, filter))
			row_insert(model, row, sort);
		else
			model->rows_hidden++;
	}
}

void screen_model_free(struct screen_model *model)
{
	array_free(&model->all);
}

void screen_spark(char *text, size_t size, const uint32_t spark[SPARK_COLUMNS], bool ascii)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const letters[] = {".", ":", "-", "=", "+", "*", "#", "@"};
	uint32_t most = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < SPARK_COLUMNS; i++)
		most = spark[i] > most ? spark[i] : most;
	for (unsigned i = 0; i < SPARK_COLUMNS; i++) {
		unsigned level = most ? (uint64_t)spark[i] * 7 / most : 0;

		/* what is not nothing is to be seen */
		if (spark[i] && !level)
			level = 1;
		text_append(text, size, "%s",
			    spark[i] ? (ascii ? letters : blocks)[level]
			    : ascii  ? " "
				     : "▁");
	}
}

void screen_number(char text[16], uint64_t number)
{
	static const char units[] = " kMGTPE";
	double value = number;
	unsigned unit = 0;

	if (number < 1000000) {
		snprintf(text, 16, number < 1000 ? "%u" : "%u %03u",
			 number < 1000 ? (unsigned)number : (unsigned)(number / 1000),
			 (unsigned)(number % 1000));
		return;
	}
	for (; value >= 1000; unit++)
		value /= 1000;
	snprintf(text, 16, "%.2f %c", value, units[unit]);
}
