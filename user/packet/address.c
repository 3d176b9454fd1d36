/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IP addresses as bytes: text, comparison, prefixes and the few special ranges that
 * the packet model needs. Knows nothing of packets or of this node.
 */
#include "packet/address.h"

#include <arpa/inet.h>
#include <string.h>

static size_t address_size(uint8_t version)
{
	return version == 4 ? 4 : version == 6 ? 16 : 0;
}

struct address address_make(uint8_t version, const void *bytes)
{
	struct address address = {.version = version};

	if (!address_size(version))
		address.version = 0;
	memcpy(address.bytes, bytes, address_size(version));
	return address;
}

bool address_parse(const char *text, struct address *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		address->version = 4;
	else if (inet_pton(AF_INET6, text, address->bytes) == 1)
		address->version = 6;
	return address->version != 0;
}

const char *address_text(struct address address, char buffer[ADDRESS_TEXT])
{
	int family = address.version == 6 ? AF_INET6 : AF_INET;

	if (!address_size(address.version) ||
	    !inet_ntop(family, address.bytes, buffer, ADDRESS_TEXT))
		memcpy(buffer, "-", 2);
	return buffer;
}

bool address_equal(struct address a, struct address b)
{
	return a.version == b.version && !memcmp(a.bytes, b.bytes, address_size(a.version));
}

bool address_in(struct address address, struct address base, unsigned prefix_len)
{
	size_t size = address_size(address.version);
	unsigned whole = prefix_len / 8, rest = prefix_len % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (address.version != base.version || !size || prefix_len > size * 8)
		return false;
	if (memcmp(address.bytes, base.bytes, whole))
		return false;
	return !rest || ((address.bytes[whole] ^ base.bytes[whole]) & mask) == 0;
}

bool address_is_multicast(struct address address)
{
	if (address.version == 6)
		return address.bytes[0] == 0xff; /* RFC 4291 2.7 */
	if (address.version != 4)
		return false;
	return (address.bytes[0] & 0xf0) == 0xe0 || !memcmp(address.bytes, "\xff\xff\xff\xff", 4);
}

bool address_is_loopback(struct address address)
{
	static const uint8_t one[16] = {[15] = 1};

	if (address.version == 6)
		return !memcmp(address.bytes, one, sizeof(one));
	return address.version == 4 && address.bytes[0] == 127;
}

bool address_is_unspecified(struct address address)
{
	static const uint8_t zero[16];

	return !memcmp(address.bytes, zero, address_size(address.version));
}

bool address_is_link_local(struct address address)
{
	if (address.version == 6) /* fe80::/10 */
		return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
	return address.version == 4 && address.bytes[0] == 169 && address.bytes[1] == 254;
}
