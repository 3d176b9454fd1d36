/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tells when devices of this namespace come or go, from rtnetlink's notifications.
 */
#ifndef CNITRACE_NODE_LINK_WATCH_H
#define CNITRACE_NODE_LINK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* A non-blocking socket that becomes readable on a change, or a negative errno. */
int link_watch_open(void);
/*
 * Reads what has come. Calls `change` for each device made (or changed) and each deleted.
 * True when notifications were lost (the caller reads everything anew).
 */
bool link_watch_read(int fd, void (*change)(void *context, uint32_t ifindex, bool gone),
		     void *context);

#endif
