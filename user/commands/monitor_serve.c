/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the monitor shows to those who ask: the pages of its HTTP side, and the look-back that
 * SIGUSR1 prints.
 */
#include "commands/monitor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "commands/common.h"
#include "diagnose/watch_counters.h"
#include "output/document_drops.h"
#include "output/http.h"
#include "output/metrics.h"

#define SCRAPE_FRESH_NS 500000000ull /* counts younger than that are not read anew */
#define LOOK_BACK_MAX 2000 /* examples in one answer */
#define STALE_NS 30000000000ull /* the loop stands still */

static uint64_t resident_bytes(void)
{
	unsigned long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return (uint64_t)resident * sysconf(_SC_PAGESIZE);
}

static double started_wall(const struct monitor_run *run)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec + now.tv_nsec / 1e9 - (common_now() - run->started_ns) / 1e9;
}

static char *page_metrics(struct monitor_run *run, size_t *length)
{
	struct metric_counter counters[32];
	struct utsname kernel;
	struct metrics_info info = {
		.watch = run->watch,
		.seen = run->exactness.seen,
		.lost = {.overflow = run->exactness.overflow + run->watch->rows_refused,
			 .missed = run->exactness.missed,
			 .samples = run->exactness.samples_lost},
		.counters = counters,
		.version = CNITRACE_VERSION,
		.way = monitor_probe(run->kernel)->way,
		.pods = run->session.facts->pods.count,
		.started = started_wall(run),
		.resident_bytes = resident_bytes(),
	};

	uname(&kernel);
	info.kernel = kernel.release;
	for (size_t i = 0; i < watched_counter_count && i < 32; i++)
		counters[info.counter_count++] = (struct metric_counter){
			.name = watched_counters[i].name, .gained = run->counters->gained[i]};
	return metrics_text(&info, length);
}

struct look_back {
	const struct watch_sample *sample;
	const struct watch_row *row;
};

static int look_back_compare(const void *left, const void *right)
{
	const struct look_back *a = left, *b = right;

	return a->sample->time_ns < b->sample->time_ns ? -1
						       : a->sample->time_ns > b->sample->time_ns;
}

/* The last examples, in order of time. Number of them; *list is the caller's. */
static size_t samples_last(const struct monitor_run *run, struct look_back **list)
{
	size_t room = run->watch->rows.count * WATCH_SAMPLES, count = 0;

	*list = calloc(room ? room : 1, sizeof(**list));
	if (!*list)
		return 0;
	array_each(row, &run->watch->rows) {
		if ((*row)->elsewhere)
			continue;
		for (unsigned i = 0; i < (*row)->sample_count; i++)
			(*list)[count++] = (struct look_back){&(*row)->samples[i], *row};
	}
	if (count)
		qsort(*list, count, sizeof(**list), look_back_compare);
	if (count > LOOK_BACK_MAX) {
		memmove(*list, *list + count - LOOK_BACK_MAX, LOOK_BACK_MAX * sizeof(**list));
		count = LOOK_BACK_MAX;
	}
	return count;
}

void monitor_look_back(struct monitor_run *run)
{
	struct look_back *list;
	size_t count = samples_last(run, &list);

	for (size_t i = 0; i < count; i++)
		printer_print(run->printer,
			      document_sample(list[i].row, list[i].sample, &run->session.names));
	printer_flush(run->printer);
	free(list);
}

static char *page_drops(struct monitor_run *run, size_t *length)
{
	struct json_object *page = json_object_new_object(), *rows = json_object_new_array();
	struct json_object *samples = json_object_new_array(), *findings = json_object_new_array();
	const struct names *names = &run->session.names;
	struct look_back *list;
	size_t count = samples_last(run, &list);
	const char *text;
	char *copy;

	array_each(row, &run->watch->rows) {
		if ((*row)->named && !(*row)->elsewhere && (*row)->packets)
			json_object_array_add(rows,
					      document_drops(*row, names, common_now(), false));
	}
	for (size_t i = 0; i < count; i++)
		json_object_array_add(samples, document_sample(list[i].row, list[i].sample, names));
	array_each(finding, &run->watch->findings)
		json_object_array_add(findings, document_watch_finding(finding, names));
	json_object_object_add(page, "drops", rows);
	json_object_object_add(page, "findings", findings);
	json_object_object_add(page, "samples", samples);
	text = json_object_to_json_string_length(
		page, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, length);
	copy = text ? strdup(text) : NULL;
	json_object_put(page);
	free(list);
	return copy;
}

static char *page_line(const char *line, size_t *length)
{
	*length = strlen(line);
	return strdup(line);
}

static char *page_of(void *context, const char *path, unsigned *status, const char **type,
		     size_t *length)
{
	struct monitor_run *run = context;
	uint64_t now = common_now();

	if (!strcmp(path, "/healthz"))
		return page_line("ok\n", length);
	if (!strcmp(path, "/readyz")) {
		bool ready = run->read_ns && now < run->read_ns + STALE_NS;

		*status = ready ? 200 : 503;
		return page_line(ready ? "ready\n" : "not ready\n", length);
	}
	if (strcmp(path, "/metrics") != 0 && strcmp(path, "/drops") != 0)
		return NULL;
	if (now > run->read_ns + SCRAPE_FRESH_NS)
		monitor_rows_read(run, now);
	if (!strcmp(path, "/metrics")) {
		*type = "text/plain; version=0.0.4; charset=utf-8";
		return page_metrics(run, length);
	}
	*type = "application/json";
	return page_drops(run, length);
}

int monitor_serve_open(struct monitor_run *run, struct error *error)
{
	return http_open(run->options->listen, page_of, run, &run->http, error);
}
