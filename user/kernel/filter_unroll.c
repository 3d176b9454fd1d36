/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/filter_unroll.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/filter_analysis.h"

#define STEP 8 /* the smallest header a turn steps over */
#define INSNS_MAX 32768
#define BRIDGE 3 /* instructions between one turn and the next */

static bool jumps_back(const struct sock_filter *insn)
{
	return insn->code == (BPF_JMP | BPF_JA) && (int32_t)insn->k < 0;
}

/* A word of M[] that the program leaves alone, or -1. */
static int unused_word(const struct sock_filter *classic, size_t count)
{
	uint32_t used = 0;

	for (size_t i = 0; i < count; i++) {
		uint16_t class = BPF_CLASS(classic[i].code);
		bool load = class == BPF_LD || class == BPF_LDX;

		if (class == BPF_ST || class == BPF_STX ||
		    (load && BPF_MODE(classic[i].code) == BPF_MEM))
			used |= 1u << classic[i].k;
	}
	for (int word = 0; word < BPF_MEMWORDS; word++)
		if (!(used & 1u << word))
			return word;
	return -1;
}

/*
 * X to memory and back (filter_translate() makes the verifier forget what it knew of X there):
 * headers of different kinds leave X with different bounds, and the verifier would follow
 * each combination of kinds through all turns.
 */
static void write_bridge(struct sock_filter *at, int word, uint32_t distance)
{
	at[0] = (struct sock_filter){.code = word < 0 ? BPF_JMP | BPF_JA : BPF_STX,
				     .k = word < 0 ? 0 : word};
	at[1] = (struct sock_filter){.code = word < 0 ? BPF_JMP | BPF_JA : BPF_LDX | BPF_MEM,
				     .k = word < 0 ? 0 : word};
	at[2] = (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = distance};
}

/*
 * One copy of the program per turn, followed by a bridge for each of its backward jumps, which
 * leads to the jump's target in the next copy. What is not reached in a copy is dropped by the
 * translation.
 */
int filter_unroll(const struct sock_filter *classic, size_t count, struct sock_filter **out,
		  size_t *out_count)
{
	size_t loops = 0, copies, stride, total;
	int word = unused_word(classic, count);
	struct sock_filter *insns;

	for (size_t i = 0; i < count; i++)
		loops += jumps_back(&classic[i]);
	copies = 1 + loops * (FILTER_REACH / STEP + 1);
	stride = count + loops * BRIDGE;
	if (count >= INSNS_MAX || copies * stride >= INSNS_MAX)
		return -E2BIG;
	total = copies * stride;
	insns = calloc(total + 1, sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	for (size_t base = 0; base < total; base += stride) {
		size_t bridge = base + count;

		memcpy(insns + base, classic, count * sizeof(*insns));
		for (size_t i = base; i < base + count; i++) {
			size_t to = i + stride + 1 + (int32_t)insns[i].k;

			if (!jumps_back(&insns[i]))
				continue;
			insns[i].k = bridge - i - 1;
			bridge += BRIDGE;
			/* After the last turn: the one return 0 behind everything. */
			write_bridge(&insns[bridge - BRIDGE], word,
				     (to < total ? to : total) - bridge);
		}
	}
	insns[total] = (struct sock_filter){.code = BPF_RET | BPF_K};
	*out = insns;
	*out_count = loops ? total + 1 : count;
	return 0;
}
