/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The little of a DNS message (RFC 1035) that a diagnosis needs: id, whether it is an answer,
 * its code and the first question. Bytes come from the network: everything is checked. Pure.
 */
#ifndef CNITRACE_DIAGNOSE_DNS_MESSAGE_H
#define CNITRACE_DIAGNOSE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_TEXT 256

struct dns_message {
	uint16_t id;
	bool response, truncated;
	uint8_t rcode; /* 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED */
	uint16_t answers;
	uint16_t type; /* of the question: 1 A, 28 AAAA */
	char name
		[DNS_NAME_TEXT]; /* without the final dot, lower case; bytes outside letters as '?' */
};

/* `over_tcp`: a two-byte length comes first. False when it is not a whole header and question. */
bool dns_parse(const uint8_t *bytes, size_t size, bool over_tcp, struct dns_message *message);
/* May this UDP payload ask something? Not when its whole header is there and says that it is an answer or has no question. */
bool dns_may_ask(const uint8_t *bytes, size_t size);
const char *dns_rcode_name(uint8_t rcode);

#endif
