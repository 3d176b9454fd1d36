/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DNS messages (RFC 1035) as a probe needs them: a query written, an answer read whole, and the names
 * a resolver tries one after the other (resolv.conf's search list and ndots). Bytes of an answer
 * come from the network: everything is checked (fuzzed). Pure.
 */
#ifndef CNITRACE_PACKET_DNS_H
#define CNITRACE_PACKET_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/address.h"

#define DNS_TEXT 256 /* any name as text */
#define DNS_QUERY_MAX 300 /* header, question and EDNS record */
#define DNS_ANSWERS 16 /* kept of an answer; the rest is counted */
#define DNS_WALK_MAX 10 /* names a resolver tries: its search list and the name as it is */

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_AAAA = 28,
};

enum { DNS_NOERROR = 0, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

/* "A", "aaaa", "SRV", "TYPE257"; 0 when it is none. */
uint16_t dns_type_parse(const char *text);
const char *dns_type_text(uint16_t type, char buffer[16]);
/* Can the name (a final dot is allowed) be asked for? */
bool dns_name_valid(const char *name);

/* Writes a recursive query for one name without EDNS, as the C libraries send it. Bytes used, 0 when the name is invalid. */
size_t dns_query_write(uint8_t bytes[DNS_QUERY_MAX], uint16_t id, const char *name, uint16_t type);

struct dns_reply {
	uint16_t id;
	bool truncated, authoritative;
	uint8_t rcode;
	uint16_t type; /* of the question */
	char name[DNS_TEXT]; /* of the question, lower case, without the final dot */
	uint16_t answers; /* records in the answer section, as it says */
	uint8_t kept; /* of them addresses, in order */
	struct address addresses[DNS_ANSWERS];
	uint32_t ttl; /* smallest of the answers */
};

/* An answer to one question, without TCP's length. False when it is not whole and well-formed, or a query. */
bool dns_reply_read(const uint8_t *bytes, size_t size, struct dns_reply *reply);

struct dns_walk {
	uint8_t count;
	char names[DNS_WALK_MAX][DNS_TEXT];
};

/* The names that a resolver tries for `name`, in order: resolv.conf(5). */
void dns_walk_make(struct dns_walk *walk, const char *name, const char search[][256],
		   unsigned search_count, unsigned ndots);

#endif
