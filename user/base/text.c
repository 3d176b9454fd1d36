/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/text.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80                   ? 1
			: s[0] >= 0xc2 && s[0] < 0xe0 ? 2
			: s[0] >= 0xe0 && s[0] < 0xf0 ? 3
			: s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						      : 0;

	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if (length == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return 0; /* C1 controls */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

char *text_escape(char *dst, size_t size, const char *src)
{
	size_t at = 0;

	if (!size)
		return dst;
	while (*src) {
		const unsigned char *s = (const unsigned char *)src;
		size_t length = utf8_length(s);

		if (length && *s >= 0x20 && *s != 0x7f && *s != '\\') {
			if (at + length >= size)
				break;
			memcpy(dst + at, src, length);
			at += length;
			src += length;
			continue;
		}
		if (at + 4 >= size)
			break;
		snprintf(dst + at, 5, "\\x%02x", *s);
		at += 4;
		src++;
	}
	dst[at] = '\0';
	return dst;
}

bool text_glob(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, 0) == 0;
}

void text_copy(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src);
}

void text_append(char *dst, size_t size, const char *format, ...)
{
	size_t used = strnlen(dst, size);
	va_list args;

	if (used >= size)
		return;
	va_start(args, format);
	vsnprintf(dst + used, size - used, format, args);
	va_end(args);
}
