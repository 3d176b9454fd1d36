/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command after "--": run in the traced namespace once everything is attached.
 * Its standard output joins standard error, so that ours stays a report.
 */
#ifndef CNITRACE_COMMANDS_RUN_H
#define CNITRACE_COMMANDS_RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* -ENOENT with a sentence when argv[0] is no program that can be run. */
int run_check(char *const *argv, struct error *error);
/*
 * Starts it; `netns` "" stays in this namespace. `resolv` (or NULL) is a file that the command sees
 * as /etc/resolv.conf, in a mount namespace of its own: nothing changes for anyone else.
 * The child's signal mask is cleared. Returns its pid or a negative errno.
 */
pid_t run_start(char *const *argv, const char *netns, const char *resolv, struct error *error);
/* Exit status as a shell gives it (128 + signal), or -1 while it still runs. */
int run_status(pid_t pid);

#endif
