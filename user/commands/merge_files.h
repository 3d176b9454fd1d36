/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of `cnitrace merge`: an index of their lines, the sightings that their journeys
 * hold, and what each node said of itself. Lines stay on disk; about 200 bytes are kept of each.
 */
#ifndef CNITRACE_COMMANDS_MERGE_FILES_H
#define CNITRACE_COMMANDS_MERGE_FILES_H

#include <stdio.h>

#include <json-c/json.h>

#include "base/error.h"
#include "packet/merge.h"

struct merge_line {
	int64_t time_ns;
	uint64_t id; /* of a journey, in its trace */
	uint64_t offset;
	uint64_t peer; /* hash of the address it was sent to when it left */
	uint32_t length;
	uint32_t left, arrived; /* sightings, MERGE_NONE none */
	uint16_t file, node;
	bool repeated; /* the same line was in another file too */
};

struct merge_file {
	const char *name;
	FILE *stream; /* can be read anywhere: what is not a regular file was copied */
};

struct merge_origin { /* what a node said of itself, beside merge.nodes */
	char name[256], version[32], kernel[128], filter[512], pod[520];
	uint64_t journeys, benign;
	uint64_t seen, filtered, recorded, lost, malformed, evicted, flows, flows_dropped;
	int64_t first_ns, last_ns; /* times of lines */
	bool started, ended; /* there was a start line, a summary */
};

struct merge_owner { /* which node holds an address */
	uint64_t address; /* hash, 0 empty */
	uint16_t node; /* MERGE_NO_NODE: several claim it */
};

struct merge_input {
	struct merge merge;
	struct merge_origin origins[MERGE_MAX_NODES];
	ARRAY(struct merge_file) files;
	ARRAY(struct merge_line) lines; /* journeys */
	ARRAY(struct merge_line) others; /* findings and refusals */
	struct merge_owner *owners; /* open addressing */
	size_t owner_room, owner_count;
	uint64_t bad_lines, repeated;
	uint64_t max_lines;
};

/* Reads a file ("-": standard input) into the index. */
int merge_file_read(struct merge_input *input, const char *name, struct error *error);
/* After the last file: repeated lines are put aside, sightings and the nodes' windows made complete. */
int merge_input_finish(struct merge_input *input, struct error *error);
/* The line's object, read anew; NULL when the file changed meanwhile. The caller owns it. */
struct json_object *merge_line_read(const struct merge_input *input, const struct merge_line *line);
void merge_input_free(struct merge_input *input);

#endif
