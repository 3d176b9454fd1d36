/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What several commands do alike at their edge: how --color and --ring are read, a filter's or
 * a command's words joined, the signals that end a command, the clock.
 */
#ifndef CNITRACE_COMMANDS_COMMON_H
#define CNITRACE_COMMANDS_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "commands/session.h"
#include "kernel/names.h"
#include "output/printer.h"
#include "packet/select.h"

uint64_t common_now(void); /* CLOCK_MONOTONIC, nanoseconds */
/* The words with a space between; the caller's. NULL: no memory. */
char *common_words(const char *const *words, size_t count);
/* `when`: auto, always, never; NULL is auto. *colour: is output coloured? */
int common_colour(const char *command, const char *when, bool *colour, struct error *error);
/* A printer on standard output, coloured as `when` says. */
int common_printer(const char *command, const char *when, bool json, struct printer **printer,
		   struct error *error);
/* Was all written? A reader that went away is no error; another is said, and -EIO. */
int common_printed(const struct printer *printer, struct error *error);
/* The same of what was printed without a printer, at the end of the program. */
int common_written(struct error *error);
/* 0 (the default), or a size the kernel takes for a ring buffer. */
int common_ring(const char *command, uint64_t bytes, struct error *error);
int common_min_len(const char *command, uint64_t bytes, struct error *error);
/* Does this kernel know a drop reason of each name that --reason gives? */
int common_reasons(const char *command, struct kernel_names *names,
		   const struct selection *selection, struct error *error);
/*
 * SIGINT, SIGTERM, SIGHUP and `extra` (0 none) wait to be read from the descriptor it returns;
 * writing to a closed pipe is an error, not the end.
 */
int common_signals(int extra);
/* Reads what has arrived. True: one of those that end a command. *extra (may be NULL): that one was among them. */
bool common_signals_read(int fd, int extra, bool *extra_came);
/* Opens the session and finds its subject. EXIT_OK, or the exit status with the error set. */
int common_session(struct session *session, const char *root, const char *pod, const char *netns,
		   bool drops_only, struct error *error);

#endif
