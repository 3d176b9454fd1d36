/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end of a test: a pod of this node as target (--to), and a TCP listener opened in its namespace
 * (--listen), so that path and policy are tested without the application.
 */
#ifndef CNITRACE_COMMANDS_PROBE_LISTEN_H
#define CNITRACE_COMMANDS_PROBE_LISTEN_H

#include "commands/probe.h"

/* The target that --to and --listen mean, as text ("tcp://10.0.0.1:8080"); -ENOENT, -EINVAL or -EADDRINUSE with a sentence. */
int probe_listen_open(struct probe *probe, char target[128], struct error *error);
/* Takes and closes connections that wait. */
void probe_listen_accept(const struct probe *probe);

#endif
