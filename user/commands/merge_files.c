// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the files that merge is given. It knows how to find lines, whose they are and which
 * are repeated; what a journey says of the wire is in merge_sighting.c.
 */
#include "commands/merge_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/merge_sighting.h"
#include "output/json_read.h"

static int file_copy(FILE *from, FILE **stream)
{
	FILE *copy = tmpfile();
	char buffer[65536];
	size_t got;

	if (!copy)
		return -errno;
	while ((got = fread(buffer, 1, sizeof(buffer), from)) > 0) {
		if (fwrite(buffer, 1, got, copy) != got) {
			fclose(copy);
			return -ENOSPC;
		}
	}
	rewind(copy);
	*stream = copy;
	return 0;
}

static int file_open(struct merge_input *input, const char *name, struct error *error)
{
	FILE *stream = strcmp(name, "-") ? fopen(name, "re") : stdin;
	struct merge_file *file;
	struct stat status;
	char shown[300];
	int err = 0;

	text_escape(shown, sizeof(shown), name);
	if (!stream || fstat(fileno(stream), &status))
		return error_set(error, -errno, "merge: cannot open \"%s\": %s", shown,
				 strerror(errno));
	if (S_ISDIR(status.st_mode)) {
		fclose(stream);
		return error_set(error, -EISDIR, "merge: \"%s\" is a directory", shown);
	}
	if (!S_ISREG(status.st_mode)) {
		FILE *pipe = stream;

		err = file_copy(pipe, &stream);
		if (pipe != stdin)
			fclose(pipe);
		if (err)
			return error_set(error, err, "merge: cannot keep a copy of \"%s\": %s",
					 shown, strerror(-err));
	}
	file = array_push(&input->files);
	if (!file) {
		fclose(stream);
		return error_set(error, -ENOMEM, "merge: out of memory");
	}
	file->name = name;
	file->stream = stream;
	return 0;
}

/* The node's number, or negative errno. */
static int node_of(struct merge_input *input, const char *name, struct error *error)
{
	unsigned i;

	for (i = 0; i < input->merge.node_count; i++) {
		if (!strcmp(input->origins[i].name, name))
			return i;
	}
	if (i == MERGE_MAX_NODES)
		return error_set(error, -E2BIG, "merge: more than %u nodes", MERGE_MAX_NODES);
	text_copy(input->origins[i].name, sizeof(input->origins[i].name), name);
	input->merge.node_count++;
	return i;
}

static const char *file_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int origin_start(struct merge_input *input, unsigned node, struct json_object *start)
{
	struct merge_origin *origin = &input->origins[node];
	struct merge_node *window = &input->merge.nodes[node];
	int64_t time_ns = read_number(start, "time_ns");

	if (!origin->started || time_ns < window->begin_ns)
		window->begin_ns = time_ns;
	origin->started = true;
	text_copy(origin->version, sizeof(origin->version), read_text(start, "version"));
	text_copy(origin->kernel, sizeof(origin->kernel), read_text(start, "kernel"));
	text_copy(origin->filter, sizeof(origin->filter), read_text(start, "filter"));
	text_copy(origin->pod, sizeof(origin->pod), read_text(start, "pod"));
	return merge_owners_read(input, node, start);
}

static void origin_summary(struct merge_input *input, unsigned node, struct json_object *summary)
{
	struct merge_origin *origin = &input->origins[node];
	struct merge_node *window = &input->merge.nodes[node];
	struct json_object *records = read_child(summary, "records");

	if (read_number(summary, "time_ns") > window->end_ns)
		window->end_ns = read_number(summary, "time_ns");
	origin->ended = true;
	window->incomplete |= !read_flag(summary, "complete");
	origin->benign += read_number(read_child(summary, "journeys"), "benign");
	origin->seen += read_number(records, "seen");
	origin->filtered += read_number(records, "filtered");
	origin->recorded += read_number(records, "recorded");
	origin->lost += read_number(records, "lost");
	origin->malformed += read_number(records, "malformed");
	origin->evicted += read_number(records, "evicted");
	origin->flows += read_number(summary, "flows");
	origin->flows_dropped += read_number(summary, "flows_dropped");
}

static int line_add(struct merge_input *input, struct merge_line *line, struct json_object *object,
		    const char *type, struct error *error)
{
	struct merge_origin *origin = &input->origins[line->node];
	bool journey = !strcmp(type, "journey");
	struct merge_line *kept;

	if (!origin->first_ns || line->time_ns < origin->first_ns)
		origin->first_ns = line->time_ns;
	if (line->time_ns > origin->last_ns)
		origin->last_ns = line->time_ns;
	if (!strcmp(type, "start") && origin_start(input, line->node, object))
		return error_set(error, -ENOMEM, "merge: out of memory");
	if (!strcmp(type, "summary"))
		origin_summary(input, line->node, object);
	if (!journey && strcmp(type, "finding") && strcmp(type, "refusal"))
		return 0;
	if (input->lines.count + input->others.count >= input->max_lines)
		return error_set(error, -EFBIG,
				 "merge: more than %llu journeys: give fewer files, or more with "
				 "--memory",
				 (unsigned long long)input->max_lines);
	kept = journey ? array_push(&input->lines) : array_push(&input->others);
	if (!kept)
		return error_set(error, -ENOMEM, "merge: out of memory");
	*kept = *line;
	if (journey && merge_sighting_make(input, kept, object))
		return error_set(error, -ENOMEM, "merge: out of memory");
	return 0;
}

static int line_read(struct merge_input *input, struct merge_line *line, const char *text,
		     struct json_tokener *tokener, struct error *error)
{
	struct json_object *object;
	const char *type, *node;
	int number, err;

	json_tokener_reset(tokener);
	object = json_tokener_parse_ex(tokener, text, line->length);
	type = read_text(object, "type");
	if (!*type || text[line->length - 1] != '\n') { /* cut while it was written, or no JSON */
		input->bad_lines++;
		json_object_put(object);
		return 0;
	}
	node = read_text(object, "node");
	if (!*node)
		node = read_text(read_child(object, "where"), "node");
	number = node_of(input, *node ? node : file_basename(input->files.items[line->file].name),
			 error);
	err = number < 0 ? number : 0;
	if (!err) {
		line->node = number;
		line->time_ns = read_number(object, "time_ns");
		line->id = read_number(object, "id");
		err = line_add(input, line, object, type, error);
	}
	json_object_put(object);
	return err;
}

int merge_file_read(struct merge_input *input, const char *name, struct error *error)
{
	struct json_tokener *tokener = json_tokener_new();
	uint64_t offset = 0;
	char *text = NULL;
	size_t room = 0;
	ssize_t length;
	int err;

	err = tokener ? file_open(input, name, error)
		      : error_set(error, -ENOMEM, "merge: out of memory");
	while (!err) {
		struct merge_line line = {.left = MERGE_NONE,
					  .arrived = MERGE_NONE,
					  .file = input->files.count - 1,
					  .offset = offset};

		length = getline(&text, &room, input->files.items[line.file].stream);
		if (length <= 0)
			break;
		offset += length;
		line.length = length;
		if (length > 1)
			err = line_read(input, &line, text, tokener, error);
	}
	free(text);
	json_tokener_free(tokener);
	return err;
}

static int compare_lines(const void *a, const void *b, void *lines)
{
	const struct merge_line *x = (struct merge_line *)lines + *(const uint32_t *)a;
	const struct merge_line *y = (struct merge_line *)lines + *(const uint32_t *)b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static void line_forget(struct merge_input *input, struct merge_line *line)
{
	struct merge_sighting *s = input->merge.sightings.items;

	line->repeated = true;
	input->repeated++;
	/* Nothing joins a sighting without a signature. */
	if (line->left != MERGE_NONE)
		s[line->left].signature = 0;
	if (line->arrived != MERGE_NONE)
		s[line->arrived].signature = 0;
}

/* The same file twice, or two that overlap: a node's journeys are told by number and time. */
static int lines_repeated(struct merge_input *input)
{
	size_t count = input->lines.count;
	uint32_t *order = malloc((count + 1) * sizeof(*order));
	struct merge_line *lines = input->lines.items;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare_lines, lines);
	for (size_t i = 1; i < count; i++) {
		const struct merge_line *before = &lines[order[i - 1]];
		struct merge_line *line = &lines[order[i]];

		if (before->node == line->node && before->time_ns == line->time_ns &&
		    before->id == line->id)
			line_forget(input, line);
	}
	free(order);
	return 0;
}

int merge_input_finish(struct merge_input *input, struct error *error)
{
	if (lines_repeated(input))
		return error_set(error, -ENOMEM, "merge: out of memory");
	for (unsigned i = 0; i < input->merge.node_count; i++) {
		struct merge_origin *origin = &input->origins[i];
		struct merge_node *window = &input->merge.nodes[i];

		if (!origin->started)
			window->begin_ns = origin->first_ns;
		/* No last line: it watched until what it wrote last, and the margin is no longer needed. */
		if (!origin->ended)
			window->end_ns = origin->last_ns + MERGE_MARGIN_NS;
	}
	array_each(line, &input->lines) {
		if (line->left != MERGE_NONE)
			input->merge.sightings.items[line->left].peer =
				merge_owner_of(input, line->peer);
		if (!line->repeated)
			input->origins[line->node].journeys++;
	}
	return 0;
}

struct json_object *merge_line_read(const struct merge_input *input, const struct merge_line *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = NULL;
	char *text = malloc(line->length);
	int fd = fileno(input->files.items[line->file].stream);

	if (tokener && text && pread(fd, text, line->length, line->offset) == line->length)
		object = json_tokener_parse_ex(tokener, text, line->length);
	free(text);
	if (tokener)
		json_tokener_free(tokener);
	return object;
}

void merge_input_free(struct merge_input *input)
{
	array_each(file, &input->files) {
		if (file->stream != stdin)
			fclose(file->stream);
	}
	array_free(&input->files);
	array_free(&input->lines);
	array_free(&input->others);
	free(input->owners);
	merge_free(&input->merge);
}
