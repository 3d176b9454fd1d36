/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `protochain` is the one word of the filter language that makes a loop (over IPv6 extension
 * headers). The verifier could not see its end, so it is written out.
 */
#ifndef CNITRACE_KERNEL_FILTER_UNROLL_H
#define CNITRACE_KERNEL_FILTER_UNROLL_H

#include <stddef.h>

#include <linux/filter.h>

/*
 * The same (valid) program without backward jumps, malloc'ed. Each turn of such a loop steps over a
 * header of at least 8 bytes, so that as many turns as fit the window are enough; one more
 * returns 0. -E2BIG: too long when written out; -ENOMEM.
 */
int filter_unroll(const struct sock_filter *classic, size_t count, struct sock_filter **out,
		  size_t *out_count);

#endif
