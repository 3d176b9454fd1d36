/* SPDX-License-Identifier: GPL-2.0-only */
#include "packet/select.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

#define VERDICTS (VERDICT_VANISHED + 1)

/* The next word of a list with commas; its length, 0 at the end. */
static size_t next_word(const char **words, const char **word)
{
	size_t length;

	while (**words == ',' || **words == ' ')
		(*words)++;
	*word = *words;
	length = strcspn(*words, ", ");
	*words += length;
	return length;
}

static int verdict_of(const char *word, size_t length)
{
	for (int v = 0; v < VERDICTS; v++) {
		const char *name = verdict_name(v);

		if (strlen(name) == length && !strncmp(name, word, length))
			return v;
	}
	return -1;
}

int selection_add_verdicts(struct selection *selection, const char *command, const char *words,
			   struct error *error)
{
	char list[128] = "", shown[64], one[64];
	unsigned before = selection->verdicts;
	const char *word;
	size_t length;

	while ((length = next_word(&words, &word))) {
		int verdict = verdict_of(word, length);

		if (verdict >= 0) {
			selection->verdicts |= 1u << verdict;
			continue;
		}
		for (int v = 0; v < VERDICTS; v++)
			text_append(list, sizeof(list), "%s%s", v ? ", " : "", verdict_name(v));
		text_copy(one, length + 1 < sizeof(one) ? length + 1 : sizeof(one), word);
		return error_set(error, -EINVAL, "%s: no verdict \"%s\"; verdicts are: %s", command,
				 text_escape(shown, sizeof(shown), one), list);
	}
	if (selection->verdicts == before && !before)
		return error_set(error, -EINVAL, "%s: --verdict needs a verdict", command);
	return 0;
}

int selection_add_reasons(struct selection *selection, const char *command, const char *words,
			  struct error *error)
{
	const char *word;
	size_t length;

	while ((length = next_word(&words, &word))) {
		char *to;

		if (selection->reason_count == SELECTION_REASONS)
			return error_set(error, -EINVAL, "%s: at most %d reasons", command,
					 SELECTION_REASONS);
		to = selection->reasons[selection->reason_count];
		if (length >= sizeof(selection->reasons[0]))
			return error_set(error, -EINVAL, "%s: --reason takes names of drop reasons",
					 command);
		for (size_t i = 0; i < length; i++)
			to[i] = toupper((unsigned char)word[i]);
		to[length] = '\0';
		selection->reason_count++;
	}
	if (!selection->reason_count)
		return error_set(error, -EINVAL, "%s: --reason needs a name", command);
	return 0;
}

bool selection_is_empty(const struct selection *selection)
{
	return !selection->verdicts && !selection->reason_count;
}

bool selection_wants_reason(const struct selection *selection, const char *reason)
{
	for (size_t i = 0; i < selection->reason_count; i++) {
		if (text_glob(selection->reasons[i], reason[0] ? reason : "NOT_SPECIFIED"))
			return true;
	}
	return !selection->reason_count;
}

bool selection_wants(const struct selection *selection, const struct journey *journey)
{
	if (selection->verdicts && !(selection->verdicts & 1u << journey->verdict))
		return false;
	if (!selection->reason_count)
		return true;
	return journey->has_drop && !journey->drop.benign &&
	       selection_wants_reason(selection, journey->drop.reason);
}

void selection_text(const struct selection *selection, char *text, size_t size)
{
	const char *lead = "verdict ";

	text[0] = '\0';
	for (int v = 0; v < VERDICTS; v++) {
		if (!(selection->verdicts & 1u << v))
			continue;
		text_append(text, size, "%s%s", lead, verdict_name(v));
		lead = ", ";
	}
	lead = text[0] ? "; reason " : "reason ";
	for (size_t i = 0; i < selection->reason_count; i++) {
		text_append(text, size, "%s%s", lead, selection->reasons[i]);
		lead = ", ";
	}
}
