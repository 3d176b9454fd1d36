/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small HTTP server for a few fixed pages. It has no thread: the caller waits for its
 * descriptor and lets it work. Clients are strangers: a connection has a deadline, their
 * number and memory are bounded, and when there are too many the oldest goes.
 */
#ifndef CNITRACE_OUTPUT_HTTP_H
#define CNITRACE_OUTPUT_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http;

/*
 * What a page says: fills *type (a constant) and *length, returns a text of malloc() that the server
 * frees, NULL: no such page. *status is 200 before.
 */
typedef char *(*http_page)(void *context, const char *path, unsigned *status, const char **type,
			   size_t *length);

/* "ADDRESS:PORT", "[v6]:PORT" or ":PORT" (loopback). -EINVAL or another errno with a sentence. */
int http_open(const char *listen, http_page page, void *context, struct http **out,
	      struct error *error);
/* Waits on this one; -1 none. */
int http_fd(const struct http *http);
/* Does what can be done without waiting. Call it when the descriptor is readable, and now and then. */
void http_work(struct http *http, uint64_t now_ns);
/* What is listened on: as in --listen, with the address written out, and the port that the kernel chose for port 0. */
const char *http_address(const struct http *http);
void http_close(struct http *http);

#endif
