/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a drop's call stack says: the function that gave the packet up, past those that
 * only free, and the netfilter hook it happened in. Pure.
 */
#ifndef CNITRACE_KERNEL_DROP_STACK_H
#define CNITRACE_KERNEL_DROP_STACK_H

#include "packet/journey.h"

/* Frames are function names, innermost first, starting with the one that called the free function ("location"). */
void drop_stack_read(const char *const *frames, size_t count, struct drop *drop);

#endif
