/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Visiting another network namespace. A visit moves the calling thread with setns()
 * and always ends at home; a socket opened during a visit stays bound to the namespace
 * visited. Only the network is changed: files are still those of the caller's mounts.
 */
#ifndef CNITRACE_NODE_NETNS_H
#define CNITRACE_NODE_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/facts.h"

struct netns_visit {
	int home; /* file of the namespace to come back to, -1 when it was not left */
};

/*
 * Enters the namespace that `path` names. `inode` 0 takes whatever is there, else another
 * namespace at that path (a reused PID) is refused with -ESTALE. Negative errno on failure,
 * the caller is then where it was. Every success is followed by netns_leave.
 */
int netns_enter(struct netns_visit *visit, const char *path, uint32_t inode);
void netns_leave(struct netns_visit *visit);

/* A file of the namespace, or negative errno; `inode` as above. */
int netns_open(const char *path, uint32_t inode);
/* Inode of the namespace that `path` names, 0 when it is none or not readable. */
uint32_t netns_inode(const char *path);
/* The namespace this thread is in. */
uint32_t netns_own(void);
/*
 * Its cookie, which no other namespace ever gets while the machine is up (an inode is used again);
 * 0 where the kernel tells none (before 5.14).
 */
uint64_t netns_own_cookie(void);

/* Every network namespace that a process is in or that is pinned under /run/netns, once each. */
struct netns_place {
	uint32_t inode;
	uint32_t pid; /* a process in it, 0 none: pinned only */
	char path[256]; /* openable here; a pinned name wins over a process */
};
struct netns_places {
	ARRAY(struct netns_place) items;
};
int netns_places_find(const char *root, struct netns_places *places);
void netns_places_free(struct netns_places *places);

#endif
