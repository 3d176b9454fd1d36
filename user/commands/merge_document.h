/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines merge writes: which nodes and how their clocks differ, whole journeys, what went
 * between each two nodes, findings about what got lost there, and the summary.
 */
#ifndef CNITRACE_COMMANDS_MERGE_DOCUMENT_H
#define CNITRACE_COMMANDS_MERGE_DOCUMENT_H

#include "commands/merge_files.h"
#include "packet/journey.h"

#define MERGE_PARTS 8 /* nodes one journey may pass */

struct merge_chain { /* lines of one packet, in order of its way */
	uint32_t lines[MERGE_PARTS];
	unsigned count;
	bool duplicate; /* the copy that arrived later */
};

struct merge_totals {
	uint64_t verdicts[VERDICT_VANISHED + 1];
	uint64_t findings[3]; /* error, warning, info */
	uint64_t lost,
		changed; /* journeys lost between nodes; lines that could not be read again */
};

struct json_object *merge_document_nodes(const struct merge_input *input);
/* The packet's whole way; counts its verdict. NULL when a line could not be read again. */
struct json_object *merge_document_journey(const struct merge_input *input,
					   const struct merge_chain *chain, uint64_t id,
					   struct merge_totals *totals);
struct json_object *merge_document_pair(const struct merge_input *input,
					const struct merge_pair *pair);
/* NULL when nothing was lost. */
struct json_object *merge_document_loss(const struct merge_input *input,
					const struct merge_pair *pair, struct merge_totals *totals);
struct json_object *merge_document_summary(const struct merge_input *input,
					   const struct merge_totals *totals, int exit_status);
/* Could the node have missed what came to it? A sentence; "" no. */
void merge_doubt(const struct merge_input *input, const struct merge_pair *pair, char *text,
		 size_t size);

#endif
