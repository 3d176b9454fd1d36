/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the header and the first question of a DNS message. Compression pointers do not
 * occur in a first question, so one is treated as malformed.
 */
#include "diagnose/dns_message.h"

#include <ctype.h>
#include <string.h>

#define DNS_HEADER 12

static uint16_t word(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Returns the bytes the name takes, 0 when it is malformed. */
static size_t read_name(const uint8_t *bytes, size_t size, char name[DNS_NAME_TEXT])
{
	size_t at = 0, out = 0;

	while (at < size && bytes[at]) {
		size_t length = bytes[at++];

		if (length > 63 || at + length > size || out + length + 2 > DNS_NAME_TEXT)
			return 0;
		if (out)
			name[out++] = '.';
		for (size_t i = 0; i < length; i++) {
			uint8_t byte = bytes[at + i];

			name[out++] = isalnum(byte) || byte == '-' || byte == '_'
					      ? (char)tolower(byte)
					      : '?';
		}
		at += length;
	}
	if (at >= size)
		return 0;
	name[out] = '\0';
	return at + 1;
}

bool dns_parse(const uint8_t *bytes, size_t size, bool over_tcp, struct dns_message *message)
{
	size_t used;

	memset(message, 0, sizeof(*message));
	if (over_tcp) {
		if (size < 2)
			return false;
		bytes += 2;
		size -= 2;
	}
	if (size < DNS_HEADER || word(bytes + 4) == 0)
		return false;
	message->id = word(bytes);
	message->response = bytes[2] & 0x80;
	message->truncated = bytes[2] & 0x02;
	message->rcode = bytes[3] & 0x0f;
	message->answers = word(bytes + 6);
	used = read_name(bytes + DNS_HEADER, size - DNS_HEADER, message->name);
	if (!used || DNS_HEADER + used + 4 > size)
		return false;
	message->type = word(bytes + DNS_HEADER + used);
	return true;
}

bool dns_may_ask(const uint8_t *bytes, size_t size)
{
	return size < DNS_HEADER || (!(bytes[2] & 0x80) && word(bytes + 4));
}

const char *dns_rcode_name(uint8_t rcode)
{
	static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : "another error";
}
