/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libpcap's parser says "syntax error" and no more. The longest prefix of the expression that
 * some continuation still completes tells where it stopped understanding: the next word is the
 * offender. Other messages mostly name the word; it is looked for in the expression.
 */
#include "kernel/filter_error.h"

#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

/* Columns that stand before the sentence on the terminal. */
#define EDGE_PREFIX "cnitrace: "
/* Of a longer expression only the part around the place is shown. */
#define SHOWN 60

struct word {
	size_t from, len;
};

struct words {
	ARRAY(struct word) list;
};

static bool is_name_char(char c, bool in_brackets)
{
	return isalnum((unsigned char)c) || (c && strchr("_.-", c)) || (c == ':' && !in_brackets);
}

/* Length of the word at `at`: a name, number or address, else an operator. */
static size_t word_length(const char *at, bool in_brackets)
{
	static const char *const pairs[] = {"&&", "||", "<<", ">>", "<=", ">=", "!=", "=="};
	size_t len = 0;

	while (is_name_char(at[len], in_brackets))
		len++;
	if (len)
		return len;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (!strncmp(at, pairs[i], 2))
			return 2;
	return 1;
}

static int split(const char *text, struct words *words)
{
	int brackets = 0;

	for (size_t i = 0; text[i];) {
		struct word *word;

		if (isspace((unsigned char)text[i])) {
			i++;
			continue;
		}
		brackets += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
		word = array_push(&words->list);
		if (!word)
			return -ENOMEM;
		word->from = i;
		word->len = word_length(text + i, brackets > 0);
		i += word->len;
	}
	return 0;
}

static bool word_is(const char *text, const struct word *word, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == word->len && !strncmp(text + word->from, *list, word->len))
			return true;
	return false;
}

static bool is_syntax_error(const char *message)
{
	return strstr(message, "syntax error") || strstr(message, "illegal token");
}

/* Does the text parse (whatever else is wrong with it)? */
static bool parses(pcap_t *pcap, const char *text)
{
	struct bpf_program program;

	if (pcap_compile(pcap, &program, text, 0, PCAP_NETMASK_UNKNOWN))
		return !is_syntax_error(pcap_geterr(pcap));
	pcap_freecode(&program);
	return true;
}

/*
 * Writes the first `count` words, with an address in place of each host's name (a resolver
 * must not be asked again and again), then what closes the brackets left open into `closing`.
 */
static void write_prefix(const char *text, const struct words *words, size_t count, char *out,
			 size_t size, char *closing)
{
	static const char *const hosts[] = {"host", "src", "dst", "net", "gateway", NULL};
	static const char *const names[] = {"port", "portrange", "proto", "protochain", NULL};
	static const char *const joins[] = {"and", "or", "not", "&&", "||", "!", "(", NULL};
	static const char *const heads[] = {
		"host", "port",  "net",  "src",   "dst",       "tcp",        "udp",     "ip", "ip6",
		"icmp", "icmp6", "sctp", "proto", "portrange", "protochain", "gateway", NULL};
	bool after_host = false, host_kind = false;
	size_t depth = 0;
	char stack[64];

	*out = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct word *word = &words->list.items[i];
		const char *at = text + word->from;
		bool name = isalpha((unsigned char)*at) && !word_is(text, word, heads) &&
			    !word_is(text, word, joins);

		if (name && after_host && host_kind)
			text_append(out, size, "127.0.0.1 ");
		else
			text_append(out, size, "%.*s ", (int)word->len, at);
		if (word_is(text, word, names))
			host_kind = false;
		else if (word_is(text, word, hosts))
			host_kind = true;
		after_host = word_is(text, word, hosts) || word_is(text, word, joins);
		if ((*at == '(' || *at == '[') && depth < sizeof(stack) - 1)
			stack[depth++] = *at == '(' ? ')' : ']';
		else if ((*at == ')' || *at == ']') && depth)
			depth--;
	}
	while (depth)
		*closing++ = stack[--depth];
	*closing = '\0';
}

/* Can anything that follows make the first `count` words an expression? */
static bool viable(pcap_t *pcap, const char *text, const struct words *words, size_t count,
		   char *room, size_t size)
{
	static const char *const next[] = {
		"",
		"1",
		"ip",
		"127.0.0.1",
		"port 1",
		"host 127.0.0.1",
		"= 0",
		"0 = 0",
		"::1",
		"00:00:00:00:00:01",
		"1-2",
		"mask 255.0.0.0",
		"[0] = 0",
		"\\ip",
		"\\tcp",
		"dst port 1",
		"dst host 127.0.0.1",
		"host 00:00:00:00:00:01",
		"proto 1",
		"\\clnp",
		"0.0.0.0",
		"broadcast",
		"1 = 0",
		"dst net 10",
		"eth0",
		": 1",
		"/ 8",
	};
	static const char *const tails[] = {"", " = 0", ": 1] = 0"};
	char closing[64];
	size_t end;

	write_prefix(text, words, count, room, size, closing);
	end = strlen(room);
	for (size_t n = 0; n < sizeof(next) / sizeof(*next); n++) {
		for (size_t t = 0; t < sizeof(tails) / sizeof(*tails); t++) {
			room[end] = '\0';
			text_append(room, size, "%s%s%s", next[n], t == 2 ? "" : closing, tails[t]);
			if (parses(pcap, room))
				return true;
		}
	}
	return false;
}

/* The word at which the parser gives up; the number of words: it wants more of them. */
static size_t find_syntax_error(const char *text, int link_type, const struct words *words)
{
	size_t size = strlen(text) * 11 + 256, low = 0, high = words->list.count;
	char *room = malloc(size);
	pcap_t *pcap = pcap_open_dead(link_type, 65535);

	/* The first `low` words are viable. */
	while (room && pcap && low < high) {
		size_t middle = (low + high + 1) / 2;

		if (viable(pcap, text, words, middle, room, size))
			low = middle;
		else
			high = middle - 1;
	}
	if (pcap)
		pcap_close(pcap);
	free(room);
	return low;
}

/*
 * Does this much of the expression, completed as an expression of numbers where it must be, meet
 * the same complaint already?
 */
static bool complains(pcap_t *pcap, const char *text, const struct words *words, size_t count,
		      const char *message, char *room, size_t size)
{
	static const char *const tails[] = {"", " = 0"};
	struct bpf_program program;
	char closing[64];
	size_t end;

	write_prefix(text, words, count, room, size, closing);
	end = strlen(room);
	for (size_t t = 0; t < sizeof(tails) / sizeof(*tails); t++) {
		room[end] = '\0';
		text_append(room, size, "%s%s", closing, tails[t]);
		if (!pcap_compile(pcap, &program, room, 0, PCAP_NETMASK_UNKNOWN))
			pcap_freecode(&program);
		else if (!strcmp(pcap_geterr(pcap), message))
			return true;
	}
	return false;
}

/* The word with which the complaint begins; the number of words: it is about the whole. */
static size_t find_complaint(const char *text, int link_type, const char *message,
			     const struct words *words)
{
	size_t size = strlen(text) * 11 + 256, low = 1, high = words->list.count;
	char *room = malloc(size);
	pcap_t *pcap = pcap_open_dead(link_type, 65535);
	size_t found = words->list.count;

	if (room && pcap && high && complains(pcap, text, words, high, message, room, size)) {
		while (low < high) {
			size_t middle = (low + high) / 2;

			if (complains(pcap, text, words, middle, message, room, size))
				high = middle;
			else
				low = middle + 1;
		}
		found = high - 1;
	}
	if (pcap)
		pcap_close(pcap);
	free(room);
	return found;
}

/* The word that libpcap put in quotes. Returns the number of words if there is none. */
static size_t find_quoted(const char *text, const char *message, const struct words *words)
{
	const char *quote = strpbrk(message, "'\""),
		   *end = quote ? strchr(quote + 1, *quote) : NULL;

	for (size_t i = 0; end && i < words->list.count; i++) {
		const struct word *word = &words->list.items[i];

		if (word->len == (size_t)(end - quote - 1) &&
		    !strncmp(text + word->from, quote + 1, word->len))
			return i;
	}
	return words->list.count;
}

/* Does the message speak of this word, as a word of its own? */
static bool names_word(const char *message, const char *word, size_t len)
{
	for (const char *at = message; (at = strstr(at, word)); at++) {
		bool starts = at == message || !is_name_char(at[-1], false);

		if (starts && !is_name_char(at[len], false))
			return true;
	}
	return false;
}

/* The word the message is about: the longest it names. Returns the number of words if none. */
static size_t find_named(const char *text, const char *message, const struct words *words)
{
	size_t best = words->list.count, best_len = 0;

	for (size_t i = 0; i < words->list.count; i++) {
		const struct word *word = &words->list.items[i];
		char *copy;

		if (!isalnum((unsigned char)text[word->from]) || word->len <= best_len)
			continue;
		copy = strndup(text + word->from, word->len);
		if (copy && names_word(message, copy, word->len)) {
			best = i;
			best_len = word->len;
		}
		free(copy);
	}
	return best;
}

/* "sentence (expression)" and, below, the caret. */
static int show(struct error *error, const char *sentence, const char *text, size_t from,
		size_t len)
{
	size_t total = strlen(text), start = from > SHOWN / 2 ? from - SHOWN / 2 : 0;
	size_t room = total - start > SHOWN ? SHOWN : total - start;
	char shown[SHOWN * 4 + 1], part[SHOWN + 1], marks[SHOWN + 2] = "^", line[512];
	int column;

	if (total <= SHOWN)
		start = 0, room = total;
	text_copy(part, room + 1, text + start);
	for (char *c = part; *c; c++)
		*c = isspace((unsigned char)*c) ? ' ' : *c;
	snprintf(line, sizeof(line), EDGE_PREFIX "filter: %s (%s", sentence, start ? "..." : "");
	column = strlen(line) + (from - start);
	if (len > room - (from - start))
		len = room - (from - start);
	memset(marks + 1, '~', len ? len - 1 : 0);
	marks[len ? len : 1] = '\0';
	return error_set(error, -EINVAL, "filter: %s (%s%s%s)\n%*s%s", sentence, start ? "..." : "",
			 text_escape(shown, sizeof(shown), part), start + room < total ? "..." : "",
			 column, "", marks);
}

/* Cheap ways first; only the bisection is sure, but it must not ask a resolver. */
static size_t find_place(const char *text, int link_type, const char *message,
			 const struct words *words)
{
	size_t at;

	if (is_syntax_error(message))
		return find_syntax_error(text, link_type, words);
	at = find_quoted(text, message, words);
	if (at == words->list.count)
		at = find_complaint(text, link_type, message, words);
	if (at == words->list.count)
		at = find_named(text, message, words);
	return at;
}

int filter_explain(const char *expression, int link_type, const char *message, struct error *error)
{
	bool syntax = is_syntax_error(message);
	struct words words = {0};
	char sentence[256], word[64], shown[160];
	size_t at;

	if (split(expression, &words)) {
		array_free(&words.list);
		return error_set(error, -ENOMEM, "filter: out of memory");
	}
	at = find_place(expression, link_type, message, &words);
	if (at < words.list.count) {
		struct word found = words.list.items[at];

		snprintf(word, sizeof(word), "%.*s", (int)found.len, expression + found.from);
		snprintf(sentence, sizeof(sentence), syntax ? "syntax error at \"%s\"" : "%s",
			 syntax ? text_escape(shown, sizeof(shown), word) : message);
		show(error, sentence, expression, found.from, found.len);
	} else if (syntax) {
		show(error, "syntax error, more is expected at the end", expression,
		     strlen(expression), 0);
	} else {
		error_set(error, -EINVAL, "filter: %s (%s)", message,
			  text_escape(shown, sizeof(shown), expression));
	}
	array_free(&words.list);
	return -EINVAL;
}
