/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An error that can be shown: the negative errno that travels inside, and the one
 * sentence for the edge. Functions that can fail in a way a user must understand
 * take a `struct error *` (never NULL) and return the same negative errno.
 */
#ifndef CNITRACE_BASE_ERROR_H
#define CNITRACE_BASE_ERROR_H

struct error {
	int code; /* negative errno, 0 none */
	char text[512];
};

/* Stores code and sentence, returns code. `code` is a negative errno. */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
