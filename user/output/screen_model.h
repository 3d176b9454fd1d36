/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the live screen shows, as plain lines: rows filtered and sorted, sparklines, findings.
 * A copy of everything, so that a frozen screen stays as it was and can still be sorted and
 * filtered. Pure: no terminal.
 */
#ifndef CNITRACE_OUTPUT_SCREEN_MODEL_H
#define CNITRACE_OUTPUT_SCREEN_MODEL_H

#include "base/array.h"
#include "diagnose/watch.h"
#include "output/document.h"

#define SCREEN_ROWS 256
#define SCREEN_FINDINGS 32
#define SPARK_COLUMNS 20 /* of 15 seconds each */

enum screen_sort { SORT_RATE, SORT_TOTAL, SORT_LAST, SORT_REASON, SORT_POD, SORTS };

struct screen_row {
	struct drop_key key;
	bool benign;
	char reason[48], what[96], pod[96], cause[48], why[96], function[64];
	char containers[200], peer[24]; /* of an opened row: " [web]", " <-> eth0", "" unknown */
	double rate;
	uint64_t total, bytes, last_ns;
	uint32_t spark[SPARK_COLUMNS]; /* packets, oldest first */
	char flows[WATCH_SAMPLES][160]; /* newest first */
	unsigned flow_count;
	uint64_t finding; /* number of it, 0 none */
};

struct screen_finding {
	uint64_t number;
	enum severity severity;
	char id[32], place[128], summary[512], remedy[512];
	uint64_t count;
	bool exact;
	int64_t first_ns; /* wall clock */
};

struct screen_model {
	ARRAY(struct screen_row) all; /* in no order */
	const struct screen_row *rows[SCREEN_ROWS]; /* of `all`: what is shown, in order */
	size_t row_count,
		rows_hidden; /* hidden: beyond SCREEN_ROWS, or not matched by the filter */
	struct screen_finding findings[SCREEN_FINDINGS];
	size_t finding_count;
	double fault_rate, benign_rate;
	char benign[256]; /* "TCP_OLD_DATA 201/s · OTHERHOST 90/s" */
};

/* Copies what is to be seen now; screen_model_view() then says what is shown of it. */
void screen_model_fill(struct screen_model *model, const struct watch *watch,
		       const struct names *names, uint64_t now_ns);
/* `filter`: rows that contain it (case does not matter); "" all. `benign`: their rows too. */
void screen_model_view(struct screen_model *model, enum screen_sort sort, const char *filter,
		       bool benign);
void screen_model_free(struct screen_model *model);
/* SPARK_COLUMNS signs of 1 column each; `ascii`: without UTF-8. */
void screen_spark(char *text, size_t size, const uint32_t spark[SPARK_COLUMNS], bool ascii);
/* "12 411", "1.2 M" */
void screen_number(char text[16], uint64_t number);

#endif
