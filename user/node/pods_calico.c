// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calico's device names. Its CNI plugin names the host's end of a pod's veth after a
 * SHA-1, which is used here as a name only: nothing is trusted because of it. A library
 * of cryptography for that one name would weigh more than the tool.
 */
#include "node/pods_parse.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

/* One block of SHA-1 (RFC 3174, section 6.1). */
static void sha1_block(uint32_t h[5], const uint8_t block[64])
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (unsigned t = 0; t < 16; t++) {
		memcpy(&w[t], block + 4 * t, 4);
		w[t] = be32toh(w[t]);
	}
	for (unsigned t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (unsigned t = 0; t < 80; t++) {
		uint32_t f = t < 20   ? (b & c) | (~b & d)
			     : t < 40 ? b ^ c ^ d
			     : t < 60 ? (b & c) | (b & d) | (c & d)
				      : b ^ c ^ d;
		static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
		uint32_t next = rotate(a, 5) + f + e + w[t] + k[t / 20];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

static void sha1(const char *text, size_t length, uint32_t h[5])
{
	static const uint32_t start[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
					 0xc3d2e1f0};
	uint64_t bits = htobe64((uint64_t)length * 8);
	uint8_t tail[128] = {0};
	size_t rest = length % 64, tail_size = rest < 56 ? 64 : 128;

	memcpy(h, start, sizeof(start));
	for (size_t at = 0; at + 64 <= length; at += 64)
		sha1_block(h, (const uint8_t *)text + at);
	memcpy(tail, text + length - rest, rest);
	tail[rest] = 0x80;
	memcpy(tail + tail_size - 8, &bits, 8);
	for (size_t at = 0; at < tail_size; at += 64)
		sha1_block(h, tail + at);
}

void pods_calico_name(const char *namespace, const char *name, char device[16])
{
	char text[520];
	uint32_t h[5];

	snprintf(text, sizeof(text), "%s.%s", namespace, name);
	sha1(text, strlen(text), h);
	snprintf(device, 16, "cali%08x%03x", h[0], h[1] >> 20);
}
