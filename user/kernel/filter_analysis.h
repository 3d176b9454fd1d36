/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is true at each instruction of a classic BPF program, found before it is translated:
 * which registers are still read, how much of the packet every way to a match needs, and
 * which loaded values may stay in network byte order. Classic jumps only go forward, so one
 * pass in each direction is exact.
 */
#ifndef CNITRACE_KERNEL_FILTER_ANALYSIS_H
#define CNITRACE_KERNEL_FILTER_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

/* The window's filled part: a load beyond it never finds its bytes. */
#define FILTER_REACH 256
#define FILTER_NEVER UINT16_MAX

/* Bits of filter_point.live; bits 0..15 are M[0..15]. */
#define FILTER_LIVE_A (1u << 16)
#define FILTER_LIVE_X (1u << 17)

struct filter_point {
	uint32_t live; /* what is read from here on before it is written */
	/*
	 * Bytes that every way from here to a non-zero return loads: at constant offsets, and
	 * counted from X while X keeps its value. FILTER_NEVER: there is no such way, this place
	 * returns 0.
	 */
	uint16_t need, need_x;
	uint16_t known, known_x; /* bytes already checked on every way to here */
	bool reached;
	bool keeps_order; /* a 2 or 4 byte load whose value stays in network order */
	int web; /* of the value in A before this instruction, -1 none */
	int web_out; /* and after it */
};

/* Instructions a classic instruction can lead to; count 0 for a return. */
size_t filter_successors(const struct sock_filter *insn, size_t at, size_t next[2]);
/* Bytes of a load instruction (1, 2, 4). */
unsigned int filter_load_size(uint16_t code);

/* Valid: known instructions, jumps inside the program (backward only by ja), no way past its end. */
bool filter_valid(const struct sock_filter *classic, size_t count);

/*
 * One point per instruction of a valid program without backward jumps. `order`[i] says, for an instruction that uses A,
 * whether the value is in network order there: 0 no, else its size. Both malloc'ed. NULL: no memory.
 */
struct filter_point *filter_analyse(const struct sock_filter *classic, size_t count,
				    uint8_t **order);

#endif
