/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command-line options as tables: one entry makes an option parse, and its line in --help.
 */
#ifndef CNITRACE_COMMANDS_OPTIONS_H
#define CNITRACE_COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/array.h"
#include "base/error.h"

enum option_kind {
	OPTION_FLAG, /* bool */
	OPTION_TEXT, /* const char * */
	OPTION_LIST, /* struct text_list: may be repeated */
	OPTION_NUMBER, /* uint64_t, at least 1 */
	OPTION_DURATION, /* uint64_t nanoseconds: 500ms, 30s, 5m, 2h; a bare number is seconds */
	OPTION_SIZE, /* uint64_t bytes: 4096, 64K, 4M */
};

struct text_list {
	ARRAY(const char *) texts;
};

struct option_spec {
	const char *name; /* without "--"; NULL ends the table */
	char letter; /* short form, 0 none */
	enum option_kind kind;
	void *target;
	const char *argument; /* as --help shows it */
	const char *help;
};

struct arguments {
	ARRAY(const char *) words; /* those that are no options, in order */
	char **command; /* after "--", NULL none */
	bool help;
};

/* 0, or -EINVAL with a sentence. `command` is the sub-command's name, for the sentence. */
int options_parse(const char *command, const struct option_spec *specs, int argc, char **argv,
		  struct arguments *arguments, struct error *error);
void options_help(FILE *out, const struct option_spec *specs);
void arguments_free(struct arguments *arguments);

/* Reads "30s"; false when it is no duration. */
bool duration_parse(const char *text, uint64_t *ns);
bool size_parse(const char *text, uint64_t *bytes);

#endif
