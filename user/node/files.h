/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading small files that others wrote: bounded, never waiting on a FIFO or device, and,
 * under a root that is not ours (the node's file system in a pod, a pod's own), with
 * symbolic links resolved inside that root.
 */
#ifndef CNITRACE_NODE_FILES_H
#define CNITRACE_NODE_FILES_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_MAX (256 * 1024)

/*
 * Text of root/path with a NUL added, *text to be freed. `root` "" is our own file system.
 * Negative errno; -EFBIG beyond `max` bytes. *size (may be NULL) is without the NUL.
 */
int file_read(const char *root, const char *path, size_t max, char **text, size_t *size);
/* NULL with errno set. */
DIR *file_list(const char *root, const char *path);
/* When root/path last changed (a directory: when an entry came or went), 0 when it cannot be asked. */
int64_t file_changed_ns(const char *root, const char *path);
/* Is there anything at root/path? 0, or negative errno. */
int file_exists(const char *root, const char *path);

#endif
