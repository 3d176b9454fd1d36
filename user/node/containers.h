/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which containers a pod has, and their names: living processes' cgroups say which, kubelet's
 * log links and the runtimes' files how they are called. A file of a container that has ended
 * names nobody.
 */
#ifndef CNITRACE_NODE_CONTAINERS_H
#define CNITRACE_NODE_CONTAINERS_H

#include "node/facts.h"
#include "node/pods_process.h"

/* Fills facts->containers, whose pods are known by now. 0 or -ENOMEM. */
int containers_read(struct facts *facts, const struct pod_processes *processes);
/* The container of a living process, by name or by the first digits of its id. 0 or -ENOENT. */
int container_of_process(struct facts *facts, uint32_t pid, char *name, size_t size);
/*
 * Reads the runtime's file of a container, whichever runtime it is. 0, -ENOENT, or -EINVAL for what is no id; the
 * caller frees *text.
 */
int container_file_read(const struct facts *facts, const char *id, char **text, size_t *size);

#endif
