// SPDX-License-Identifier: GPL-2.0-only
/*
 * DNS messages written and read. Compression pointers are followed backwards only, so that a
 * message cannot make the reader go round.
 */
#include "packet/dns.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define HEADER 12
#define CLASS_IN 1
#define LABEL_MAX 63
#define NAME_MAX_WIRE 255

static const struct {
	const char *name;
	uint16_t type;
} types[] = {
	{"A", 1},    {"NS", 2},    {"CNAME", 5}, {"SOA", 6},   {"PTR", 12},   {"MX", 15},
	{"TXT", 16}, {"AAAA", 28}, {"SRV", 33},  {"CAA", 257}, {"HTTPS", 65}, {"ANY", 255},
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

uint16_t dns_type_parse(const char *text)
{
	unsigned long number;
	char *end;

	for (size_t i = 0; i < TYPE_COUNT; i++) {
		if (!strcasecmp(text, types[i].name))
			return types[i].type;
	}
	if (strncasecmp(text, "TYPE", 4) || !isdigit((unsigned char)text[4]))
		return 0;
	number = strtoul(text + 4, &end, 10);
	return *end || number > UINT16_MAX ? 0 : number;
}

const char *dns_type_text(uint16_t type, char buffer[16])
{
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		if (types[i].type == type)
			return types[i].name;
	}
	snprintf(buffer, 16, "TYPE%u", type);
	return buffer;
}

static uint16_t word(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void word_put(uint8_t *bytes, uint16_t value)
{
	bytes[0] = value >> 8;
	bytes[1] = value;
}

/* Bytes written, 0 when the name has an empty or too long label. */
static size_t name_write(uint8_t *bytes, size_t room, const char *name)
{
	size_t at = 0;

	if (!*name)
		return 0;
	if (!strcmp(name, ".")) {
		bytes[0] = 0;
		return 1;
	}
	while (*name) {
		size_t length = strcspn(name, ".");

		if (!length || length > LABEL_MAX || at + length + 2 > room)
			return 0;
		bytes[at++] = length;
		memcpy(bytes + at, name, length);
		at += length;
		name += length;
		if (*name == '.')
			name++;
	}
	bytes[at++] = 0;
	return at;
}

bool dns_name_valid(const char *name)
{
	uint8_t bytes[NAME_MAX_WIRE];

	for (const char *c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-_.*", *c))
			return false;
	}
	return name_write(bytes, sizeof(bytes), name) != 0;
}

size_t dns_query_write(uint8_t bytes[DNS_QUERY_MAX], uint16_t id, const char *name, uint16_t type)
{
	size_t used;

	memset(bytes, 0, HEADER);
	word_put(bytes, id);
	bytes[2] = 0x01; /* recursion desired */
	bytes[5] = 1; /* one question */
	used = name_write(bytes + HEADER, NAME_MAX_WIRE, name);
	if (!used)
		return 0;
	word_put(bytes + HEADER + used, type);
	word_put(bytes + HEADER + used + 2, CLASS_IN);
	return HEADER + used + 4;
}

struct reader {
	const uint8_t *bytes;
	size_t size, at;
};

static bool label_put(const struct reader *r, size_t at, size_t length, char *name, size_t *out)
{
	if (at + length > r->size || *out + length + 2 > DNS_TEXT)
		return false;
	if (*out)
		name[(*out)++] = '.';
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = r->bytes[at + i];

		name[(*out)++] = isalnum(byte) || byte == '-' || byte == '_' ? tolower(byte) : '?';
	}
	return true;
}

/* Moves past the name; its text goes to `name` (DNS_TEXT bytes). */
static bool name_read(struct reader *r, char *name)
{
	size_t at = r->at, out = 0, lowest = r->at;
	bool jumped = false;

	for (;;) {
		uint8_t length;

		if (at >= r->size)
			return false;
		length = r->bytes[at];
		if ((length & 0xc0) == 0xc0) {
			size_t to;

			if (at + 1 >= r->size)
				return false;
			to = word(r->bytes + at) & 0x3fff;
			if (!jumped)
				r->at = at + 2;
			if (to >= lowest)
				return false;
			lowest = at = to;
			jumped = true;
			continue;
		}
		if (length > LABEL_MAX)
			return false;
		at++;
		if (!length)
			break;
		if (!label_put(r, at, length, name, &out))
			return false;
		at += length;
	}
	name[out] = '\0';
	if (!jumped)
		r->at = at;
	return true;
}

static bool record_read(struct reader *r, struct dns_reply *reply)
{
	char name[DNS_TEXT];
	uint16_t type, length;
	uint32_t ttl;

	if (!name_read(r, name) || r->at + 10 > r->size)
		return false;
	type = word(r->bytes + r->at);
	ttl = (uint32_t)word(r->bytes + r->at + 4) << 16 | word(r->bytes + r->at + 6);
	length = word(r->bytes + r->at + 8);
	r->at += 10;
	if (r->at + length > r->size)
		return false;
	if (ttl < reply->ttl)
		reply->ttl = ttl;
	if (reply->kept < DNS_ANSWERS) {
		if (type == DNS_TYPE_A && length == 4)
			reply->addresses[reply->kept++] = address_make(4, r->bytes + r->at);
		else if (type == DNS_TYPE_AAAA && length == 16)
			reply->addresses[reply->kept++] = address_make(6, r->bytes + r->at);
	}
	r->at += length;
	return true;
}

bool dns_reply_read(const uint8_t *bytes, size_t size, struct dns_reply *reply)
{
	struct reader r = {bytes, size, HEADER};

	memset(reply, 0, sizeof(*reply));
	if (size < HEADER || !(bytes[2] & 0x80) || word(bytes + 4) != 1)
		return false;
	reply->id = word(bytes);
	reply->authoritative = bytes[2] & 0x04;
	reply->truncated = bytes[2] & 0x02;
	reply->rcode = bytes[3] & 0x0f;
	reply->answers = word(bytes + 6);
	if (!name_read(&r, reply->name) || r.at + 4 > size)
		return false;
	reply->type = word(bytes + r.at);
	r.at += 4;
	reply->ttl = UINT32_MAX;
	for (unsigned i = 0; i < reply->answers; i++) {
		if (!record_read(&r, reply))
			return reply->truncated; /* a cut answer may end anywhere */
	}
	if (reply->ttl == UINT32_MAX)
		reply->ttl = 0;
	return true;
}

static void walk_add(struct dns_walk *walk, const char *name, const char *suffix)
{
	char full[600];
	size_t length;

	snprintf(full, sizeof(full), "%s%s%s", name, *suffix ? "." : "", suffix);
	length = strlen(full);
	if (length > 1 && full[length - 1] == '.')
		full[length - 1] = '\0';
	if (walk->count < DNS_WALK_MAX && strlen(full) < DNS_TEXT && dns_name_valid(full))
		text_copy(walk->names[walk->count++], DNS_TEXT, full);
}

void dns_walk_make(struct dns_walk *walk, const char *name, const char search[][256],
		   unsigned search_count, unsigned ndots)
{
	size_t length = strlen(name);
	unsigned dots = 0;
	bool absolute = length && name[length - 1] == '.';

	walk->count = 0;
	for (const char *c = name; *c; c++)
		dots += *c == '.';
	if (absolute || dots >= ndots)
		walk_add(walk, name, "");
	if (absolute)
		return;
	for (unsigned i = 0; i < search_count; i++) {
		if (strcmp(search[i], ".") != 0)
			walk_add(walk, name, search[i]);
	}
	if (dots < ndots)
		walk_add(walk, name, "");
}
