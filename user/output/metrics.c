/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Metrics as text. It sums nothing: every number is one that struct watch keeps.
 */
#include "output/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/*
 * A label's value: backslash, quote and newline escaped as the format wants; other bytes of control
 * and what is not UTF-8 become '?', for Prometheus refuses a whole page for one of them.
 */
static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if (*c == '\\' || *c == '"')
			fprintf(out, "\\%c", *c);
		else if (*c == '\n')
			fputs("\\n", out);
		else
			fputc(*c < 0x20 || *c >= 0x7f ? '?' : *c, out);
	}
	fputc('"', out);
}

static void put_series_labels(FILE *out, const struct watch_series *series)
{
	put_label(out, "reason", series->reason);
	fputc(',', out);
	put_label(out, "device_kind", series->kind[0] ? series->kind : "overflow");
	fputc(',', out);
	put_label(out, "protocol", series->proto[0] ? series->proto : "overflow");
}

static void put_series(FILE *out, const char *name, const struct watch_series *series,
		       uint64_t value)
{
	fprintf(out, "%s{", name);
	put_series_labels(out, series);
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void put_class(FILE *out, const struct watch *watch, bool benign)
{
	const char *packets =
		benign ? "cnitrace_benign_drop_packets_total" : "cnitrace_drop_packets_total";
	const char *bytes =
		benign ? "cnitrace_benign_drop_bytes_total" : "cnitrace_drop_bytes_total";
	const struct watch_series *overflow =
		benign ? &watch->benign_overflow : &watch->fault_overflow;

	head(out, packets, "counter",
	     benign ? "Packets the kernel dropped that harm nobody."
		    : "Packets the kernel dropped that somebody misses.");
	array_each(series, &watch->series) {
		if ((*series)->benign == benign)
			put_series(out, packets, *series, (*series)->packets);
	}
	put_series(out, packets, overflow, overflow->packets);
	head(out, bytes, "counter", "Their bytes, as the kernel held them when it dropped them.");
	array_each(series, &watch->series) {
		if ((*series)->benign == benign)
			put_series(out, bytes, *series, (*series)->bytes);
	}
	put_series(out, bytes, overflow, overflow->bytes);
}

static void put_pods(FILE *out, const struct watch *watch)
{
	static const char name[] = "cnitrace_pod_drop_packets_total";

	head(out, name, "counter",
	     "Packets dropped in a pod's namespace or at the host end of its veth, without benign "
	     "ones. The series ends with the pod.");
	array_each(at, &watch->pods) {
		char namespace[320];
		const char *slash = strchr((*at)->name, '/');
		size_t length = slash ? (size_t)(slash - (*at)->name) : 0;

		memcpy(namespace, (*at)->name, length);
		namespace[length] = '\0';
		fprintf(out, "%s{", name);
		put_label(out, "namespace", namespace);
		fputc(',', out);
		put_label(out, "pod", slash ? slash + 1 : (*at)->name);
		fprintf(out, "} %" PRIu64 "\n", (*at)->fault_packets);
	}
	head(out, "cnitrace_pod_drop_overflow_packets_total", "counter",
	     "The same for pods that have gone, and for pods beyond --max-pods.");
	fprintf(out, "cnitrace_pod_drop_overflow_packets_total %" PRIu64 "\n",
		watch->pod_overflow.fault_packets);
}

static void put_lost(FILE *out, const struct metrics_info *info)
{
	head(out, "cnitrace_lost_total", "counter",
	     "What could not be told: drops of no row (overflow), drops the program could not "
	     "see (missed), example packets (samples).");
	fprintf(out,
		"cnitrace_lost_total{what=\"overflow\"} %" PRIu64
		"\ncnitrace_lost_total{what=\"missed\"} %" PRIu64
		"\ncnitrace_lost_total{what=\"samples\"} %" PRIu64 "\n",
		info->lost.overflow, info->lost.missed, info->lost.samples);
	head(out, "cnitrace_seen_drops_total", "counter",
	     "Every drop the kernel told of, those of other namespaces included.");
	fprintf(out, "cnitrace_seen_drops_total %" PRIu64 "\n", info->seen);
}

static const char *severity_name(enum severity severity)
{
	static const char *const names[] = {"info", "warning", "error"};

	return names[severity];
}

/* Findings of one id are one series. */
static void put_findings(FILE *out, const struct watch *watch)
{
	head(out, "cnitrace_findings", "gauge", "Faults that are on now, by id of the catalogue.");
	array_each(one, &watch->findings) {
		unsigned count = 0;
		bool first = true;

		array_each(other, &watch->findings) {
			bool same = !strcmp(other->finding->id, one->finding->id) &&
				    other->finding->severity == one->finding->severity;

			count += same;
			first &= !same || other >= one;
		}
		if (!first)
			continue;
		fprintf(out, "cnitrace_findings{");
		put_label(out, "id", one->finding->id);
		fputc(',', out);
		put_label(out, "severity", severity_name(one->finding->severity));
		fprintf(out, "} %u\n", count);
	}
}

static void put_counters(FILE *out, const struct metrics_info *info)
{
	head(out, "cnitrace_kernel_losses_total", "counter",
	     "Losses the kernel only counts, over all of the node's namespaces, since the start.");
	for (size_t i = 0; i < info->counter_count; i++) {
		fprintf(out, "cnitrace_kernel_losses_total{");
		put_label(out, "counter", info->counters[i].name);
		fprintf(out, "} %" PRIu64 "\n", info->counters[i].gained);
	}
}

static void put_own(FILE *out, const struct metrics_info *info)
{
	head(out, "cnitrace_pods", "gauge", "Pods of this node whose names are known.");
	fprintf(out, "cnitrace_pods %" PRIu64 "\n", info->pods);
	head(out, "cnitrace_rows", "gauge", "Kinds of drops that are told apart now.");
	fprintf(out, "cnitrace_rows %zu\n", info->watch->rows.count);
	head(out, "cnitrace_build_info", "gauge", "Always 1; what runs, and how it sees drops.");
	fputs("cnitrace_build_info{", out);
	put_label(out, "version", info->version);
	fputc(',', out);
	put_label(out, "kernel", info->kernel);
	fputc(',', out);
	put_label(out, "drop_probe", info->way);
	fputs("} 1\n", out);
	head(out, "process_start_time_seconds", "gauge", "When it started, seconds since 1970.");
	fprintf(out, "process_start_time_seconds %.3f\n", info->started);
	head(out, "process_resident_memory_bytes", "gauge", "Its resident memory.");
	fprintf(out, "process_resident_memory_bytes %" PRIu64 "\n", info->resident_bytes);
}

char *metrics_text(const struct metrics_info *info, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (!out)
		return NULL;
	put_class(out, info->watch, false);
	put_class(out, info->watch, true);
	put_pods(out, info->watch);
	put_lost(out, info);
	put_findings(out, info->watch);
	put_counters(out, info);
	put_own(out, info);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
