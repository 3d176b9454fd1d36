/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Closing descriptors that the kernel takes long to let go of, without waiting for it.
 */
#ifndef CNITRACE_KERNEL_RELEASE_H
#define CNITRACE_KERNEL_RELEASE_H

#include <stddef.h>

/* Leaves them to a child process; closes them itself where that cannot be. When it returns, the child holds nothing else. */
void release_later(const int *fds, size_t count);

#endif
