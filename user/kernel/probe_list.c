/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/probe_list.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "kernel/witness_table.h"

enum word {
	WORD_UNKNOWN,
	WORD_NAME, /* one of the tracer's own probes */
	WORD_WAY, /* a way that only those have */
	WORD_TRACEPOINT, /* a way that both have */
	WORD_WITNESS, /* a witness's name */
	WORD_WITNESS_WAY,
};

static const struct {
	const char *text;
	enum word word;
} words[] = {
	{"tc", WORD_NAME},
	{"kfree_skb", WORD_NAME},
	{"sys_exit", WORD_NAME},
	{"netif_receive_skb", WORD_NAME},
	{"net_dev_queue", WORD_NAME},
	{"tcx", WORD_WAY},
	{"clsact", WORD_WAY},
	{"tp_btf", WORD_TRACEPOINT},
	{"raw_tp", WORD_TRACEPOINT},
	{"tracepoint", WORD_TRACEPOINT},
	{"fentry", WORD_WITNESS_WAY},
	{"kprobe", WORD_WITNESS_WAY},
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static bool is(const char *at, size_t length, const char *text)
{
	return strlen(text) == length && !strncmp(text, at, length);
}

static enum word word_of(const char *at, size_t length)
{
	for (size_t i = 0; i < WORD_COUNT; i++) {
		if (is(at, length, words[i].text))
			return words[i].word;
	}
	return witness_named(at, length) ? WORD_WITNESS : WORD_UNKNOWN;
}

/* The next word of the list; NULL at its end. */
static const char *word_next(const char **at, size_t *length)
{
	const char *word = *at;

	if (!word || !*word)
		return NULL;
	*length = strcspn(word, ",");
	*at = word + *length + (word[*length] == ',');
	return word;
}

int probe_list_check(const char *list, struct error *error)
{
	char known[1024] = "", shown[64], bad[64];
	const char *at = list, *word;
	size_t length;

	while ((word = word_next(&at, &length))) {
		if (word_of(word, length) != WORD_UNKNOWN)
			continue;
		text_copy(bad, length < sizeof(bad) ? length + 1 : sizeof(bad), word);
		for (size_t i = 0; i < WORD_COUNT; i++)
			text_append(known, sizeof(known), "%s%s", i ? ", " : "", words[i].text);
		for (size_t i = 0; i < witness_row_count; i++) {
			if (!i || strcmp(witness_rows[i].name, witness_rows[i - 1].name) != 0)
				text_append(known, sizeof(known), ", %s", witness_rows[i].name);
		}
		return error_set(error, -EINVAL, "--probes: no probe or way \"%s\"; known: %s",
				 text_escape(shown, sizeof(shown), bad), known);
	}
	return 0;
}

/* "tracepoint" stands for both of its ways. */
static bool way_is(const char *word, size_t length, const char *way)
{
	if (is(word, length, "tracepoint"))
		return !strcmp(way, "tp_btf") || !strcmp(way, "raw_tp");
	return is(word, length, way);
}

/*
 * tc and the tracepoints of devices are two ways to the same: a list that says how to attach to tc, and does not name
 * the tracepoint, is for tc.
 */
bool probe_list_allows(const char *list, const char *name, const char *way)
{
	bool names = false, ways = false, name_ok = false, way_ok = false, tc_way = false;
	bool is_tc = !strcmp(name, "tc");
	const char *at = list, *word;
	size_t length;

	while ((word = word_next(&at, &length))) {
		enum word kind = word_of(word, length);

		tc_way |= kind == WORD_WAY;
		if (kind == WORD_NAME) {
			names = true;
			name_ok |= is(word, length, name);
		} else if (kind == WORD_WAY || (kind == WORD_TRACEPOINT && !is_tc)) {
			/* "tracepoint" says how to see drops, not to see no devices */
			ways = true;
			way_ok |= way_is(word, length, way);
		}
	}
	if (tc_way && !name_ok &&
	    (!strcmp(name, "netif_receive_skb") || !strcmp(name, "net_dev_queue")))
		return false;
	return (!names || name_ok) && (!ways || way_ok);
}

bool probe_list_names_witnesses(const char *list)
{
	const char *at = list, *word;
	size_t length;

	while ((word = word_next(&at, &length))) {
		enum word kind = word_of(word, length);

		if (kind == WORD_WITNESS || kind == WORD_WITNESS_WAY)
			return true;
	}
	return false;
}

bool probe_list_allows_witness(const char *list, const char *name, const char *way)
{
	bool names = false, ways = false, name_ok = false, way_ok = false;
	const char *at = list, *word;
	size_t length;

	if (!list || !*list)
		return true;
	while ((word = word_next(&at, &length))) {
		enum word kind = word_of(word, length);

		if (kind == WORD_WITNESS) {
			names = true;
			name_ok |= is(word, length, name);
		} else if (kind == WORD_WITNESS_WAY || kind == WORD_TRACEPOINT) {
			ways = true;
			way_ok |= way_is(word, length, way);
		}
	}
	return (names || ways) && (!names || name_ok) && (!ways || way_ok);
}
