/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IP addresses as 16 bytes in network order plus a family; IPv4 fills the first 4.
 */
#ifndef CNITRACE_PACKET_ADDRESS_H
#define CNITRACE_PACKET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT 48 /* bytes that hold any address or address/prefix as text */

struct address {
	uint8_t version; /* 4, 6 or 0 for none */
	uint8_t bytes[16];
};

struct address address_make(uint8_t version, const void *bytes);
/* Parses "10.0.0.1" or "fd00::1"; false if it is neither. */
bool address_parse(const char *text, struct address *address);
/* Writes at most ADDRESS_TEXT bytes into buffer and returns it; "-" for none. */
const char *address_text(struct address address, char buffer[ADDRESS_TEXT]);
bool address_equal(struct address a, struct address b);
/* Is the address inside base/prefix_len? False when the versions differ. */
bool address_in(struct address address, struct address base, unsigned prefix_len);
bool address_is_multicast(struct address address); /* also the IPv4 limited broadcast */
bool address_is_loopback(struct address address);
bool address_is_unspecified(struct address address);
bool address_is_link_local(struct address address);

#endif
