/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a sysctl lives. "net.ipv4.conf.flannel.1.rp_filter" and sysctl(8)'s own
 * "net.ipv4.conf.flannel/1.rp_filter" both name the device flannel.1. Pure.
 */
#ifndef CNITRACE_NODE_SYSCTLS_H
#define CNITRACE_NODE_SYSCTLS_H

#include <stddef.h>

/* 0, -ENAMETOOLONG, or -EINVAL for a name that leads outside. */
int sysctl_path(const char *name, char *path, size_t size);

#endif
