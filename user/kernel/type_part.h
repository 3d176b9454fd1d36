/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of the kernel's types: those that are named, and what lies in them. What they point to is left out, for no
 * offset depends on it. libbpf relocates our programs by such a part as well as by all of them, in a fraction of
 * the time: it reads what it is given anew for each object.
 */
#ifndef CNITRACE_KERNEL_TYPE_PART_H
#define CNITRACE_KERNEL_TYPE_PART_H

#include <stddef.h>

struct btf; /* <bpf/btf.h> */

/* Names, kinds, sizes, members and values as in `from`; ids of its own; the caller's to free. NULL: no memory. */
struct btf *type_part(const struct btf *from, const unsigned *ids, size_t count);

#endif
