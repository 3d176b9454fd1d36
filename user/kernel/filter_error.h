/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in a filter expression libpcap's parser stumbled. libpcap says what is wrong, never
 * where; the place is found by compiling parts of the expression.
 */
#ifndef CNITRACE_KERNEL_FILTER_ERROR_H
#define CNITRACE_KERNEL_FILTER_ERROR_H

#include "base/error.h"

/* Turns libpcap's `message` into a sentence with the place; stores and returns -EINVAL. */
int filter_explain(const char *expression, int link_type, const char *message, struct error *error);

#endif
