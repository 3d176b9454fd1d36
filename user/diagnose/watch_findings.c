/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Findings while the monitor runs: each is said once, its count follows the rows it explains,
 * and it ends when they have been quiet for a while.
 */
#include "diagnose/watch.h"

#include <stdlib.h>
#include <string.h>

struct watch_finding *watch_finding_of(const struct watch *watch, uint64_t id)
{
	for (size_t i = 0; id && i < watch->findings.count; i++) {
		if (watch->findings.items[i].id == id)
			return &watch->findings.items[i];
	}
	return NULL;
}

static struct watch_finding *finding_same(const struct watch *watch, const struct finding *finding)
{
	array_each(known, &watch->findings) {
		if (!strcmp(known->finding->id, finding->id) &&
		    !strcmp(known->finding->key, finding->key))
			return known;
	}
	return NULL;
}

static struct watch_finding *finding_add(struct watch *watch, struct finding *finding,
					 uint64_t now_ns)
{
	struct watch_finding *new;

	if (watch->findings.count >= WATCH_MAX_FINDINGS)
		return NULL;
	new = array_push(&watch->findings);
	if (!new)
		return NULL;
	new->id = ++watch->next_finding;
	new->finding = finding;
	new->state = WATCH_NEW;
	new->first_ns = new->last_ns = now_ns;
	new->exact = true;
	return new;
}

void watch_findings_take(struct watch *watch, struct finding_list *list, uint64_t now_ns,
			 uint64_t *ids)
{
	for (size_t i = 0; i < list->findings.count; i++) {
		struct finding *finding = list->findings.items[i];
		struct watch_finding *known = finding_same(watch, finding);

		ids[i] = 0;
		if (known) {
			finding->count = known->finding->count;
			finding_free(known->finding);
			known->finding = finding;
		} else {
			finding->count = 0; /* from its rows: see watch_explain() */
			known = finding_add(watch, finding, now_ns);
			if (!known) {
				watch->findings_refused++;
				finding_free(finding);
				continue;
			}
		}
		finding->of = 0; /* of how many passed is not known: only drops are seen */
		known->last_ns = now_ns;
		ids[i] = known->id;
	}
	list->findings.count = 0;
}

void watch_row_cause(struct watch_row *row, uint64_t finding, uint32_t weight)
{
	for (unsigned i = 0; i < WATCH_CAUSES; i++) {
		struct watch_cause *cause = &row->causes[i];

		if (cause->finding && cause->finding != finding)
			continue;
		cause->finding = finding;
		cause->weight += weight;
		return;
	}
}

void watch_row_forget_causes(struct watch_row *row)
{
	memset(row->causes, 0, sizeof(row->causes));
}

static void cause_add(struct watch *watch, struct watch_row *row, const struct watch_cause *cause,
		      uint64_t packets, bool alone)
{
	struct watch_finding *finding = watch_finding_of(watch, cause->finding);

	if (!finding)
		return;
	finding->finding->count += packets;
	finding->exact &= alone;
	if (row->last_ns > finding->last_ns)
		finding->last_ns = row->last_ns;
	if (row->first_ns && row->first_ns < finding->first_ns)
		finding->first_ns = row->first_ns;
}

static void row_explain(struct watch *watch, struct watch_row *row, uint64_t packets)
{
	uint64_t weights = 0, shared = 0;
	unsigned causes = 0;

	for (; causes < WATCH_CAUSES && row->causes[causes].finding; causes++)
		weights += row->causes[causes].weight;
	if (!causes || !weights)
		return;
	for (unsigned i = 0; i < causes; i++) {
		/* the last takes what rounding left */
		uint64_t part =
			i + 1 == causes
				? packets - shared
				: (uint64_t)((double)packets * row->causes[i].weight / weights);

		shared += part;
		if (part)
			cause_add(watch, row, &row->causes[i], part, causes == 1);
	}
	row->explained_packets = row->packets;
}

void watch_explain(struct watch *watch)
{
	array_each(row, &watch->rows) {
		if ((*row)->packets > (*row)->explained_packets)
			row_explain(watch, *row, (*row)->packets - (*row)->explained_packets);
	}
}

void watch_findings_expire(struct watch *watch, uint64_t now_ns, uint64_t hold_ns)
{
	array_each(finding, &watch->findings) {
		if (finding->last_ns + hold_ns < now_ns)
			finding->state = WATCH_OVER;
	}
}

void watch_finding_remove(struct watch *watch, uint64_t id)
{
	array_each(row, &watch->rows) {
		for (unsigned i = 0; i < WATCH_CAUSES; i++) {
			if ((*row)->causes[i].finding == id) {
				watch_row_forget_causes(*row);
				(*row)->diagnosed_ns = 0;
				break;
			}
		}
	}
	for (size_t i = 0; i < watch->findings.count; i++) {
		if (watch->findings.items[i].id != id)
			continue;
		finding_free(watch->findings.items[i].finding);
		watch->findings.items[i] = watch->findings.items[--watch->findings.count];
		return;
	}
}
