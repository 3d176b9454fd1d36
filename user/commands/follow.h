/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When the node is to be looked at anew while a command runs. The kernel tells of devices that come; a pod's name
 * comes later and unannounced, in files and with its first process, so there is another look until it is there.
 */
#ifndef CNITRACE_COMMANDS_FOLLOW_H
#define CNITRACE_COMMANDS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "commands/session.h"

/* A caller that waits at most so long between two follow_due() names a pod within a second. */
#define FOLLOW_NS 250000000ull

struct follow {
	uint64_t stamp, stamp_ns; /* of the files that name pods, and when it was taken */
	uint64_t changed_ns; /* the last change heard of */
	uint64_t due_ns; /* when the next look is due, 0 none */
	uint64_t asked_ns; /* when follow_due was asked last: until then nothing was new */
	uint64_t
		unseen_ns; /* since when a device may have come or gone that was not looked at, 0 none */
};

/* Everything of the session has just been read. */
void follow_start(struct follow *follow, const struct session *session, uint64_t now_ns);
/* Something is new: look at once. */
void follow_changed(struct follow *follow, uint64_t now_ns);
/* The kernel tells of a device: one that is not known is looked at at once, what goes with one soon. */
void follow_link(struct follow *follow, const struct session *session, uint32_t ifindex, bool gone,
		 uint64_t now_ns);
/* Is it time to look (session_refresh)? Asks the files, every FOLLOW_NS at the most. */
bool follow_due(struct follow *follow, const struct session *session, uint64_t now_ns);
/* The node was looked at from began_ns to now_ns. */
void follow_looked(struct follow *follow, const struct session *session, uint64_t began_ns,
		   uint64_t now_ns);
/* Since when devices were not looked at that came or went before the look just taken; 0 none. Once. */
uint64_t follow_unseen(struct follow *follow);

#endif
