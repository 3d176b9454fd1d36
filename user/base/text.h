/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text made safe and readable: bytes that come from packets, pods or files are
 * escaped before they reach a terminal; numbers are printed with units.
 */
#ifndef CNITRACE_BASE_TEXT_H
#define CNITRACE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies src to dst (size bytes with the NUL), every control byte, backslash and invalid UTF-8 byte as \xNN. Returns dst. */
char *text_escape(char *dst, size_t size, const char *src);

/* True when `name` matches the shell pattern (fnmatch without path rules). */
bool text_glob(const char *pattern, const char *name);

/* strlcpy: copies at most size - 1 bytes and always ends with a NUL. */
void text_copy(char *dst, size_t size, const char *src);

/* Appends formatted text to a NUL-ended buffer of `size` bytes; cuts silently at its end. */
void text_append(char *dst, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
