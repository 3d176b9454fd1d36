/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/program_inline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

/* For each instruction that begins a function, what is known of it. */
struct function {
	size_t end; /* behind its last; 0: no function begins here */
	bool stays;
};

struct inlining {
	const struct bpf_insn *insns;
	size_t count;
	struct function *functions;
};

static bool is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
}

static int find_functions(struct inlining *l)
{
	size_t last = 0;

	l->functions[0] = (struct function){1, true};
	for (size_t i = 0; i < l->count; i++) {
		const struct bpf_insn *insn = &l->insns[i];

		if (insn_is_reference(insn)) {
			int64_t to = insn_target(insn, i, l->count);

			if (to < 0)
				return -EOPNOTSUPP;
			l->functions[to].end = 1;
			l->functions[to].stays |= !is_call(insn);
		}
		i += insn_is_wide(insn);
	}
	for (size_t i = 1; i <= l->count; i++) {
		if (i < l->count && !l->functions[i].end)
			continue;
		l->functions[last].end = i;
		last = i;
	}
	return 0;
}

/* Does it leave alone what is its caller's? */
static bool is_plain(const struct bpf_insn *insn)
{
	uint8_t class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	if (insn_is_wide(insn))
		return !insn_is_reference(insn) && insn->dst_reg <= BPF_REG_5;
	if (class == BPF_LD || ((class == BPF_JMP || class == BPF_JMP32) && op == BPF_CALL))
		return false;
	return insn->dst_reg <= BPF_REG_5 && insn->src_reg <= BPF_REG_5;
}

static bool fits_in(const struct inlining *l, size_t begin)
{
	size_t end = l->functions[begin].end;

	if (end - begin > INLINE_MAX || insn_is_wide(&l->insns[end - 1]))
		return false;
	for (size_t i = begin; i < end; i++) {
		const struct bpf_insn *insn = &l->insns[i];
		int64_t to;

		if (!is_plain(insn))
			return false;
		to = insn_is_jump(insn) ? insn_target(insn, i, l->count) : (int64_t)begin;
		if (to < (int64_t)begin || to >= (int64_t)end)
			return false;
		i += insn_is_wide(insn);
	}
	return true;
}

/* The function that takes the place of the instruction; NULL: none does. */
static const struct function *called(const struct inlining *l, size_t at)
{
	const struct function *function;

	if (!is_call(&l->insns[at]))
		return NULL;
	function = &l->functions[insn_target(&l->insns[at], at, l->count)];
	return function->stays ? NULL : function;
}

static size_t length(const struct inlining *l, const struct function *function)
{
	return function->end - (size_t)(function - l->functions);
}

static void lay_out(const struct inlining *l, uint32_t *place)
{
	uint32_t at = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct function *here = &l->functions[i];
		const struct function *put;

		if (here->end && !here->stays) {
			for (; i < here->end; i++)
				place[i] = at;
			i--;
			continue;
		}
		put = called(l, i);
		place[i] = at;
		at += put ? length(l, put) : 1;
		if (insn_is_wide(&l->insns[i]) && i + 1 < l->count)
			place[++i] = at++;
	}
	place[l->count] = at;
}

static void put_body(const struct inlining *l, const struct function *function,
		     struct bpf_insn *out)
{
	size_t count = length(l, function);

	memcpy(out, &l->insns[function - l->functions], count * sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		if (out[i].code == (BPF_JMP | BPF_EXIT))
			out[i] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = count - i - 1};
		i += insn_is_wide(&out[i]);
	}
}

static int copy(const struct inlining *l, struct edited *out)
{
	int err = 0;

	for (size_t i = 0; i < l->count && !err; i++) {
		const struct function *here = &l->functions[i], *put;
		struct bpf_insn *to = &out->insns[out->place[i]];

		if (here->end && !here->stays) {
			i = here->end - 1;
			continue;
		}
		put = called(l, i);
		if (put) {
			put_body(l, put, to);
			continue;
		}
		*to = l->insns[i];
		err = insn_move(to, i, l->count, out->place);
		if (insn_is_wide(to) && i + 1 < l->count)
			to[1] = l->insns[++i];
	}
	return err;
}

static int inline_all(struct inlining *l, struct edited *out)
{
	int err = find_functions(l);

	for (size_t i = 0; i < l->count && !err; i++) {
		if (l->functions[i].end && !fits_in(l, i))
			l->functions[i].stays = true;
	}
	if (err)
		return err;
	lay_out(l, out->place);
	out->insns = calloc(out->place[l->count] + 1, sizeof(*out->insns));
	return out->insns ? copy(l, out) : -ENOMEM;
}

int program_inline(const struct bpf_insn *insns, size_t count, struct edited *edited)
{
	struct inlining l = {insns, count, NULL};
	int err;

	*edited = (struct edited){0};
	if (!count)
		return -EOPNOTSUPP;
	l.functions = calloc(count + 1, sizeof(*l.functions));
	edited->place = calloc(count + 1, sizeof(*edited->place));
	err = l.functions && edited->place ? inline_all(&l, edited) : -ENOMEM;
	free(l.functions);
	if (err)
		edited_free(edited);
	return err;
}

int program_inline_prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts)
{
	struct edited edited;
	int err = program_inline(bpf_program__insns(prog), bpf_program__insn_cnt(prog), &edited);

	if (!err)
		err = program_put(prog, opts, edited.insns, edited.place);
	edited_free(&edited);
	return err == -EOPNOTSUPP || err == -E2BIG ? 0 : err;
}
