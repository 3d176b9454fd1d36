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

static bool jumps_back(const struct sock_filter *insn)
{
	return insn->code == (BPF_JMP | BPF_JA) && (int32_t)insn->k < 0;
}

/*
 * One copy of the program per turn: a jump backward goes to the next copy instead. What is not
 * reached in a copy is dropped by the translation.
 */
int filter_unroll(const struct sock_filter *classic, size_t count, struct sock_filter **out,
		  size_t *out_count)
{
	size_t loops = 0, copies, total;
	struct sock_filter *insns;

	for (size_t i = 0; i < count; i++)
		loops += jumps_back(&classic[i]);
	copies = 1 + loops * (FILTER_REACH / STEP + 1);
	if (count >= INSNS_MAX || copies * count >= INSNS_MAX)
		return -E2BIG;
	total = copies * count + 1;
	insns = calloc(total, sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	for (size_t copy = 0; copy < copies; copy++)
		memcpy(insns + copy * count, classic, count * sizeof(*insns));
	insns[total - 1] = (struct sock_filter){.code = BPF_RET | BPF_K};
	for (size_t i = 0; i < total; i++) {
		if (!jumps_back(&insns[i]))
			continue;
		if (i + count < total - 1)
			insns[i].k += count;
		else
			insns[i].k = total - 1 - i - 1;
	}
	*out = insns;
	*out_count = total;
	return 0;
}
