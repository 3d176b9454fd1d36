// SPDX-License-Identifier: GPL-2.0-only
/*
 * cnitrace merge: the JSON of several nodes as one picture. Wiring only: files are read by
 * merge_files.c, packets are joined by packet/merge.c, lines are made by merge_document.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/common.h"
#include "commands/merge_document.h"
#include "commands/options.h"
#include "commands/session.h"
#include "output/json_read.h"
#include "output/printer.h"

#define BYTES_A_JOURNEY 256 /* its line's place, two sightings, orders, growth of arrays */

struct merge_start { /* where a chain is followed from, and when its packet set out */
	int64_t time_ns;
	uint32_t line;
};

static uint32_t line_at(const struct merge_input *input, uint32_t sighting)
{
	return input->merge.sightings.items[sighting].journey;
}

/* The sighting this one is joined to, MERGE_NONE none. */
static uint32_t partner_of(const struct merge_input *input, uint32_t sighting)
{
	return sighting == MERGE_NONE ? MERGE_NONE : input->merge.sightings.items[sighting].partner;
}

/*
 * Does a chain end here, as far as it is followed back? Yes where nothing follows, and where
 * what follows belongs to another one's chain first (segments that arrived as one packet).
 */
static bool chain_ends(const struct merge_input *input, const struct merge_line *line)
{
	uint32_t next = partner_of(input, line->left);

	return !line->repeated && (next == MERGE_NONE || partner_of(input, next) != line->left);
}

static struct merge_chain chain_of(const struct merge_input *input, uint32_t last)
{
	struct merge_chain chain = {};
	uint32_t back[MERGE_PARTS], before, after;
	unsigned count = 0;

	for (uint32_t line = last; count < MERGE_PARTS; line = line_at(input, before)) {
		const struct merge_line *item = &input->lines.items[line];

		back[count++] = line;
		if (item->arrived != MERGE_NONE)
			chain.duplicate |=
				input->merge.sightings.items[item->arrived].fate == MERGE_DUPLICATE;
		before = partner_of(input, item->arrived);
		if (before == MERGE_NONE)
			break;
	}
	while (count)
		chain.lines[chain.count++] = back[--count];
	while (chain.count < MERGE_PARTS &&
	       (after = partner_of(input, input->lines.items[last].left)) != MERGE_NONE) {
		last = line_at(input, after);
		chain.lines[chain.count++] = last;
	}
	return chain;
}

static int compare_starts(const void *a, const void *b)
{
	const struct merge_start *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int journeys_print(const struct merge_input *input, struct printer *printer,
			  struct merge_totals *totals)
{
	struct merge_start *starts = malloc((input->lines.count + 1) * sizeof(*starts));
	size_t count = 0;

	if (!starts)
		return -ENOMEM;
	for (size_t i = 0; i < input->lines.count; i++) {
		const struct merge_line *first;

		if (!chain_ends(input, &input->lines.items[i]))
			continue;
		first = &input->lines.items[chain_of(input, i).lines[0]];
		starts[count++] = (struct merge_start){
			first->time_ns + input->merge.nodes[first->node].offset_ns, i};
	}
	qsort(starts, count, sizeof(*starts), compare_starts);
	for (size_t i = 0; i < count; i++) {
		struct merge_chain chain = chain_of(input, starts[i].line);

		printer_print(printer, merge_document_journey(input, &chain, i + 1, totals));
	}
	free(starts);
	return 0;
}

static void others_print(const struct merge_input *input, struct printer *printer,
			 struct merge_totals *totals)
{
	array_each(line, &input->others) {
		struct json_object *object = merge_line_read(input, line);
		const char *severity = read_text(object, "severity");

		if (!object)
			totals->changed++;
		else if (!strcmp(severity, "error"))
			totals->findings[0]++;
		else if (!strcmp(severity, "warning"))
			totals->findings[1]++;
		else if (!strcmp(severity, "info"))
			totals->findings[2]++;
		printer_print(printer, object);
	}
}

static int merge_print(const struct merge_input *input, struct printer *printer)
{
	struct merge_totals totals = {};
	int err, status;

	printer_print(printer, merge_document_nodes(input));
	err = journeys_print(input, printer, &totals);
	if (err)
		return err;
	array_each(pair, &input->merge.pairs)
		printer_print(printer, merge_document_pair(input, pair));
	array_each(pair, &input->merge.pairs)
		printer_print(printer, merge_document_loss(input, pair, &totals));
	others_print(input, printer, &totals);
	status = totals.findings[0] ? EXIT_FOUND : EXIT_OK;
	printer_print(printer, merge_document_summary(input, &totals, status));
	return status;
}

static void notices(const struct merge_input *input)
{
	if (input->bad_lines)
		fprintf(stderr, "cnitrace: %llu line%s no whole JSON and %s left out\n",
			(unsigned long long)input->bad_lines,
			input->bad_lines == 1 ? " is" : "s are",
			input->bad_lines == 1 ? "was" : "were");
	if (input->merge.node_count == 1)
		fprintf(stderr, "cnitrace: these files are of one node only (%s)\n",
			input->origins[0].name);
}

static int merge_run(const struct arguments *arguments, bool json, uint64_t memory,
		     struct error *error)
{
	struct merge_input *input = calloc(1, sizeof(*input));
	struct printer *printer = NULL;
	int err = input ? 0 : error_set(error, -ENOMEM, "merge: out of memory");

	if (input)
		input->max_lines = memory / BYTES_A_JOURNEY;
	for (size_t i = 0; !err && i < arguments->words.count; i++)
		err = merge_file_read(input, arguments->words.items[i], error);
	if (!err)
		err = merge_input_finish(input, error);
	if (!err && !input->lines.count && !input->others.count && !input->merge.node_count)
		err = error_set(error, -EINVAL, "merge: no line of cnitrace --json in these files");
	if (!err && merge_join(&input->merge))
		err = error_set(error, -ENOMEM, "merge: out of memory");
	if (!err) {
		printer = printer_new(json ? PRINT_JSON : PRINT_TEXT, stdout, isatty(1));
		err = printer ? merge_print(input, printer) : -ENOMEM;
		if (err == -ENOMEM)
			error_set(error, err, "merge: out of memory");
		else if (common_printed(printer, error))
			err = error->code;
		notices(input);
	}
	printer_free(printer);
	if (input)
		merge_input_free(input);
	free(input);
	return err;
}

int command_merge(int argc, char **argv)
{
	uint64_t memory = 1ULL << 30;
	bool json = false;
	const struct option_spec specs[] = {
		{"json", 'j', OPTION_FLAG, &json, NULL, "JSON Lines on standard output"},
		{"memory", 0, OPTION_SIZE, &memory, "SIZE",
		 "refuse more journeys than fit into this (default 1024M; 256 bytes each)"},
		{},
	};
	struct arguments arguments;
	struct error error = {};
	int err;

	err = options_parse("merge", specs, argc, argv, &arguments, &error);
	if (!err && arguments.help) {
		printf("usage: cnitrace merge FILE… [options]\n\n"
		       "Joins the JSON of several nodes (trace --json; \"-\" is standard input) "
		       "into whole "
		       "journeys,\nshows how far the nodes' clocks differ, and says what was lost "
		       "between "
		       "them.\n\n");
		options_help(stdout, specs);
		arguments_free(&arguments);
		return EXIT_OK;
	}
	if (!err && !arguments.words.count)
		err = error_set(&error, -EINVAL,
				"merge: no file given; make one on each node with \"cnitrace trace "
				"--json > FILE\"");
	if (!err)
		err = merge_run(&arguments, json, memory, &error);
	arguments_free(&arguments);
	if (err >= 0)
		return err;
	fprintf(stderr, "cnitrace: %s\n", error.text);
	return err == -ENOMEM || err == -EFBIG || err == -E2BIG || err == -ENOSPC || err == -EIO
		       ? EXIT_FAILED
		       : EXIT_USAGE;
}
