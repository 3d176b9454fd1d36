/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/program_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

bool insn_is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

bool insn_is_reference(const struct bpf_insn *insn)
{
	if (insn->code == (BPF_JMP | BPF_CALL))
		return insn->src_reg == BPF_PSEUDO_CALL;
	return insn_is_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC;
}

bool insn_is_jump(const struct bpf_insn *insn)
{
	uint8_t class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* A reference, or the jump that has its distance in imm (gotol, since 6.6). */
static bool is_by_imm(const struct bpf_insn *insn)
{
	return insn_is_reference(insn) || insn->code == (BPF_JMP32 | BPF_JA);
}

int64_t insn_target(const struct bpf_insn *insn, size_t at, size_t count)
{
	int64_t to = (int64_t)at + 1 + (is_by_imm(insn) ? insn->imm : insn->off);

	if (!is_by_imm(insn) && !insn_is_jump(insn))
		return -1;
	return to >= 0 && to < (int64_t)count ? to : -1;
}

int insn_move(struct bpf_insn *insn, size_t at, size_t count, const uint32_t *place)
{
	int64_t to = insn_target(insn, at, count), distance;

	if (!is_by_imm(insn) && !insn_is_jump(insn))
		return 0;
	if (to < 0)
		return -EINVAL;
	distance = (int64_t)place[to] - place[at] - 1;
	if (is_by_imm(insn))
		insn->imm = distance;
	else if (distance < INT16_MIN || distance > INT16_MAX)
		return -E2BIG;
	else
		insn->off = distance;
	return 0;
}

void edited_free(struct edited *edited)
{
	free(edited->insns);
	free(edited->place);
	*edited = (struct edited){0};
}

/*
 * A table of func_info or line_info records, which begin with the instruction's number, in rising
 * order. Of those that now speak of the same instruction the last is left, for the others spoke of
 * what is gone. How many are left. The table is const only in the interface.
 */
static uint32_t move_info(const void *table, uint32_t records, uint32_t size, size_t count,
			  const uint32_t *place)
{
	char *to = (char *)table;
	uint32_t left = 0, before = 0, at;

	for (uint32_t i = 0; i < records; i++) {
		const char *record = (const char *)table + (size_t)i * size;

		memcpy(&at, record, sizeof(at));
		if (at >= count || place[at] >= place[count])
			continue;
		at = place[at];
		if (left && at == before)
			left--;
		memmove(to + (size_t)left * size, record, size);
		memcpy(to + (size_t)left * size, &at, sizeof(at));
		before = at;
		left++;
	}
	return left;
}

int program_put(struct bpf_program *prog, struct bpf_prog_load_opts *opts,
		const struct bpf_insn *insns, const uint32_t *place)
{
	size_t count = bpf_program__insn_cnt(prog);
	int err = bpf_program__set_insns(prog, (struct bpf_insn *)insns, place[count]);

	if (err)
		return err;
	opts->func_info_cnt = move_info(opts->func_info, opts->func_info_cnt,
					opts->func_info_rec_size, count, place);
	opts->line_info_cnt = move_info(opts->line_info, opts->line_info_cnt,
					opts->line_info_rec_size, count, place);
	return 0;
}
