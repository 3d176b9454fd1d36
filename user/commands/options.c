/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool duration_parse(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	double value;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	value = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0 && value > 0 && value * units[i].ns < 9e18) {
			*ns = value * units[i].ns;
			return *ns > 0;
		}
	}
	return false;
}

bool size_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno || *bytes >= 1ull << 40)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, toupper((unsigned char)*end));
	if (!unit || (end[1] && strcmp(end + 1, "iB") != 0 && strcmp(end + 1, "B") != 0))
		return false;
	*bytes <<= 10 * (unit - units + 1);
	return true;
}

static bool number_parse(const char *text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end && *number > 0;
}

static int option_store(const char *command, const struct option_spec *spec, const char *value,
			struct error *error)
{
	static const char *const wants[] = {
		[OPTION_NUMBER] = "a whole number, 1 or more",
		[OPTION_DURATION] = "a duration such as 30s, 500ms or 5m",
		[OPTION_SIZE] = "a size such as 4M or 65536",
	};
	struct text_list *list;
	const char **slot;
	char shown[96];
	bool ok = true;

	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)spec->target = true;
		break;
	case OPTION_TEXT:
		*(const char **)spec->target = value;
		break;
	case OPTION_LIST:
		list = spec->target;
		slot = array_push(&list->texts);
		if (!slot)
			return error_set(error, -ENOMEM, "out of memory");
		*slot = value;
		break;
	case OPTION_NUMBER:
		ok = number_parse(value, spec->target);
		break;
	case OPTION_DURATION:
		ok = duration_parse(value, spec->target);
		break;
	case OPTION_SIZE:
		ok = size_parse(value, spec->target);
		break;
	}
	if (!ok)
		return error_set(error, -EINVAL, "%s: --%s takes %s, not \"%s\"", command,
				 spec->name, wants[spec->kind],
				 text_escape(shown, sizeof(shown), value));
	return 0;
}

static const struct option_spec *option_find(const struct option_spec *specs, const char *word,
					     size_t *name_len)
{
	if (word[1] != '-') {
		*name_len = 1;
		for (; specs->name; specs++) {
			if (specs->letter && specs->letter == word[1])
				return specs;
		}
		return NULL;
	}
	word += 2;
	*name_len = strcspn(word, "=");
	for (; specs->name; specs++) {
		if (strlen(specs->name) == *name_len && !strncmp(specs->name, word, *name_len))
			return specs;
	}
	return NULL;
}

int options_parse(const char *command, const struct option_spec *specs, int argc, char **argv,
		  struct arguments *arguments, struct error *error)
{
	char shown[96];

	memset(arguments, 0, sizeof(*arguments));
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i], *value = NULL;
		const struct option_spec *spec;
		size_t name_len;
		int err;

		if (strcmp(word, "--") == 0) {
			if (!argv[i + 1])
				return error_set(error, -EINVAL, "%s: no command follows \"--\"",
						 command);
			arguments->command = &argv[i + 1];
			return 0;
		}
		if (word[0] != '-' || !word[1]) {
			const char **slot = array_push(&arguments->words);

			if (!slot)
				return error_set(error, -ENOMEM, "out of memory");
			*slot = word;
			continue;
		}
		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			arguments->help = true;
			return 0;
		}
		spec = option_find(specs, word, &name_len);
		if (!spec)
			return error_set(
				error, -EINVAL,
				"%s: unknown option \"%s\"; \"cnitrace %s --help\" lists them",
				command, text_escape(shown, sizeof(shown), word), command);
		if (word[1] == '-' && word[2 + name_len] == '=')
			value = word + 3 + name_len;
		else if (word[1] != '-' && word[2])
			value = word + 2;
		if (spec->kind == OPTION_FLAG && value)
			return error_set(error, -EINVAL, "%s: --%s takes no value", command,
					 spec->name);
		if (spec->kind != OPTION_FLAG && !value) {
			if (i + 1 >= argc)
				return error_set(error, -EINVAL, "%s: --%s needs %s", command,
						 spec->name, spec->argument);
			value = argv[++i];
		}
		err = option_store(command, spec, value, error);
		if (err)
			return err;
	}
	return 0;
}

void options_help(FILE *out, const struct option_spec *specs)
{
	for (; specs->name; specs++) {
		char left[64] = "";

		if (specs->letter)
			text_append(left, sizeof(left), "-%c, ", specs->letter);
		else
			text_append(left, sizeof(left), "    ");
		text_append(left, sizeof(left), "--%s", specs->name);
		if (specs->argument)
			text_append(left, sizeof(left), " %s", specs->argument);
		fprintf(out, "  %-28s %s\n", left, specs->help);
	}
	fprintf(out, "  %-28s %s\n", "-h, --help", "this text");
}

void arguments_free(struct arguments *arguments)
{
	array_free(&arguments->words);
}
