/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/filter_analysis.h"

#include <stdlib.h>
#include <string.h>

/* A web is all the definitions of A that reach common uses; they agree on one byte order. */
struct web {
	int parent;
	uint8_t size; /* of the loads that define it, 0 when it is no load's value */
	bool host; /* some definition or use wants host order */
};

unsigned int filter_load_size(uint16_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_W:
		return 4;
	case BPF_H:
		return 2;
	default:
		return 1;
	}
}

size_t filter_successors(const struct sock_filter *insn, size_t at, size_t next[2])
{
	if (BPF_CLASS(insn->code) == BPF_RET)
		return 0;
	if (BPF_CLASS(insn->code) != BPF_JMP) {
		next[0] = at + 1;
		return 1;
	}
	if (BPF_OP(insn->code) == BPF_JA) {
		next[0] = at + 1 + insn->k;
		return 1;
	}
	next[0] = at + 1 + insn->jt;
	next[1] = at + 1 + insn->jf;
	return next[0] == next[1] ? 1 : 2;
}

static bool load_valid(const struct sock_filter *insn)
{
	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_LDX | BPF_IMM:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return insn->k < BPF_MEMWORDS;
	default:
		return false;
	}
}

static bool alu_valid(const struct sock_filter *insn)
{
	if (insn->code & ~(BPF_ALU | BPF_X | 0xf0))
		return false;
	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_LSH:
	case BPF_RSH:
	case BPF_XOR:
		return true;
	case BPF_NEG:
		return BPF_SRC(insn->code) == BPF_K;
	case BPF_DIV:
	case BPF_MOD:
		return BPF_SRC(insn->code) == BPF_X || insn->k;
	default:
		return false;
	}
}

static bool jump_valid(const struct sock_filter *insn, size_t at, size_t room)
{
	switch (insn->code) {
	case BPF_JMP | BPF_JA:
		return insn->k < room ||
		       ((int32_t)insn->k < 0 && -(int64_t)(int32_t)insn->k <= (int64_t)at + 1);
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		return insn->jt < room && insn->jf < room;
	default:
		return false;
	}
}

static bool insn_valid(const struct sock_filter *insn, size_t at, size_t room)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
		return alu_valid(insn);
	case BPF_JMP:
		return jump_valid(insn, at, room);
	case BPF_RET:
		return insn->code == (BPF_RET | BPF_K) || insn->code == (BPF_RET | BPF_A);
	case BPF_MISC:
		return insn->code == (BPF_MISC | BPF_TAX) || insn->code == (BPF_MISC | BPF_TXA);
	default:
		return load_valid(insn);
	}
}

bool filter_valid(const struct sock_filter *classic, size_t count)
{
	if (!count || BPF_CLASS(classic[count - 1].code) != BPF_RET)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!insn_valid(&classic[i], i, count - i - 1))
			return false;
	return true;
}

static bool reads_packet(uint16_t code, uint16_t mode)
{
	return BPF_CLASS(code) == BPF_LD && BPF_MODE(code) == mode;
}

static bool is_msh(uint16_t code)
{
	return code == (BPF_LDX | BPF_B | BPF_MSH);
}

static bool defines_a(uint16_t code)
{
	return BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_ALU ||
	       code == (BPF_MISC | BPF_TXA);
}

static bool defines_x(uint16_t code)
{
	return BPF_CLASS(code) == BPF_LDX || code == (BPF_MISC | BPF_TAX);
}

static bool uses_a(uint16_t code)
{
	switch (BPF_CLASS(code)) {
	case BPF_ALU:
	case BPF_ST:
		return true;
	case BPF_JMP:
		return BPF_OP(code) != BPF_JA;
	case BPF_RET:
		return BPF_RVAL(code) == BPF_A;
	default:
		return code == (BPF_MISC | BPF_TAX);
	}
}

static bool uses_x(uint16_t code)
{
	switch (BPF_CLASS(code)) {
	case BPF_ALU:
		return BPF_SRC(code) == BPF_X;
	case BPF_JMP:
		return BPF_OP(code) != BPF_JA && BPF_SRC(code) == BPF_X;
	case BPF_STX:
		return true;
	default:
		return reads_packet(code, BPF_IND) || code == (BPF_MISC | BPF_TXA);
	}
}

static uint32_t live_before(const struct sock_filter *insn, uint32_t live)
{
	uint16_t class = BPF_CLASS(insn->code);

	if (defines_a(insn->code))
		live &= ~FILTER_LIVE_A;
	if (defines_x(insn->code))
		live &= ~FILTER_LIVE_X;
	if (class == BPF_ST || class == BPF_STX)
		live &= ~(1u << insn->k);
	if (uses_a(insn->code))
		live |= FILTER_LIVE_A;
	if (uses_x(insn->code))
		live |= FILTER_LIVE_X;
	if ((class == BPF_LD || class == BPF_LDX) && BPF_MODE(insn->code) == BPF_MEM)
		live |= 1u << insn->k;
	return live;
}

static uint16_t max16(uint16_t a, uint16_t b)
{
	return a > b ? a : b;
}

static uint16_t min16(uint16_t a, uint16_t b)
{
	return a < b ? a : b;
}

/* End of the load at a constant offset (in units of the window, or from X), 0 for none. */
static uint16_t load_end(const struct sock_filter *insn, uint16_t mode)
{
	uint64_t end;

	if (reads_packet(insn->code, mode))
		end = (uint64_t)insn->k + filter_load_size(insn->code);
	else if (mode == BPF_ABS && is_msh(insn->code))
		end = (uint64_t)insn->k + 1;
	else
		return 0;
	return end > FILTER_REACH ? FILTER_NEVER : end;
}

/*
 * Failing early is the same as failing late (nothing a filter does is seen outside), so what
 * every way to a match will load can be checked at once, where the ways meet. A way that
 * returns 0 whatever it finds does not object.
 */
static void pass_backward(const struct sock_filter *classic, size_t count,
			  struct filter_point *points)
{
	for (size_t i = count; i-- > 0;) {
		const struct sock_filter *insn = &classic[i];
		struct filter_point *p = &points[i];
		size_t next[2], n = filter_successors(insn, i, next);
		uint32_t live = 0;

		p->need = p->need_x = n ? FILTER_NEVER : 0;
		for (size_t s = 0; s < n; s++) {
			const struct filter_point *q = &points[next[s]];

			if (q->need == FILTER_NEVER)
				continue;
			p->need = min16(p->need, q->need);
			p->need_x = min16(p->need_x, q->need_x);
			live |= q->live;
		}
		if (defines_x(insn->code) && p->need_x != FILTER_NEVER)
			p->need_x = 0;
		p->need = max16(p->need, load_end(insn, BPF_ABS));
		p->need_x = max16(p->need_x, load_end(insn, BPF_IND));
		if (p->need_x == FILTER_NEVER || (insn->code == (BPF_RET | BPF_K) && !insn->k))
			p->need = FILTER_NEVER;
		p->live = p->need == FILTER_NEVER ? 0 : live_before(insn, live);
	}
}

static int web_find(struct web *webs, int at)
{
	while (webs[at].parent != at)
		at = webs[at].parent = webs[webs[at].parent].parent;
	return at;
}

static int web_join(struct web *webs, int a, int b)
{
	if (a < 0)
		return b;
	a = web_find(webs, a);
	b = web_find(webs, b);
	if (a == b)
		return a;
	webs[a].host |= webs[b].host || webs[a].size != webs[b].size;
	webs[b].parent = a;
	return a;
}

/* Can this instruction work on A in network order? */
static bool order_indifferent(const struct sock_filter *insn, uint8_t size)
{
	bool fits = size == 4 || insn->k <= 0xffff;

	switch (insn->code) {
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_K:
		return true;
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_K:
		return fits;
	default:
		return false;
	}
}

/* The value in A after the instruction; web 0 is the zero A starts with, web i + 1 insn i's. */
static int web_after(const struct sock_filter *insn, size_t at, int before, struct web *webs)
{
	bool indifferent = false;

	if (uses_a(insn->code) && before >= 0) {
		struct web *web = &webs[web_find(webs, before)];

		indifferent = order_indifferent(insn, web->size);
		if (!indifferent)
			web->host = true;
	}
	if (!defines_a(insn->code) || (BPF_CLASS(insn->code) == BPF_ALU && indifferent))
		return before;
	if (reads_packet(insn->code, BPF_ABS) || reads_packet(insn->code, BPF_IND))
		webs[at + 1].size = filter_load_size(insn->code);
	webs[at + 1].host = webs[at + 1].size < 2;
	return at + 1;
}

static void pass_forward(const struct sock_filter *classic, size_t count,
			 struct filter_point *points, struct web *webs)
{
	points[0].reached = true;
	points[0].known = points[0].known_x = 0;
	points[0].web = points[0].live & FILTER_LIVE_A ? 0 : -1;
	for (size_t i = 0; i < count; i++) {
		struct filter_point *p = &points[i];
		size_t next[2], n = filter_successors(&classic[i], i, next);
		/* A plain jump checks nothing: it is no instruction in the translation. */
		bool checks = classic[i].code != (BPF_JMP | BPF_JA);
		uint16_t known = checks ? max16(p->known, p->need) : p->known;
		uint16_t known_x = checks ? max16(p->known_x, p->need_x) : p->known_x;

		if (!p->reached || p->need == FILTER_NEVER)
			continue;
		if (defines_x(classic[i].code))
			known_x = 0;
		p->web_out = web_after(&classic[i], i, p->web, webs);
		for (size_t s = 0; s < n; s++) {
			struct filter_point *q = &points[next[s]];

			q->reached = true;
			q->known = min16(q->known, known);
			q->known_x = min16(q->known_x, known_x);
			if (q->live & FILTER_LIVE_A && p->web_out >= 0)
				q->web = web_join(webs, q->web, p->web_out);
		}
	}
}

struct filter_point *filter_analyse(const struct sock_filter *classic, size_t count,
				    uint8_t **order)
{
	struct filter_point *points = calloc(count, sizeof(*points));
	struct web *webs = calloc(count + 1, sizeof(*webs));

	*order = calloc(count, 1);
	if (!points || !webs || !*order)
		goto out_of_memory;
	for (size_t i = 0; i <= count; i++)
		webs[i].parent = i;
	webs[0].host = true;
	for (size_t i = 0; i < count; i++) {
		points[i].web = points[i].web_out = -1;
		points[i].known = points[i].known_x = FILTER_NEVER;
	}
	pass_backward(classic, count, points);
	pass_forward(classic, count, points, webs);
	for (size_t i = 0; i < count; i++) {
		const struct web *before, *after;

		before = points[i].web < 0 ? NULL : &webs[web_find(webs, points[i].web)];
		after = points[i].web_out < 0 ? NULL : &webs[web_find(webs, points[i].web_out)];
		(*order)[i] = before && !before->host ? before->size : 0;
		points[i].keeps_order = after && !after->host;
	}
	free(webs);
	return points;

out_of_memory:
	free(points);
	free(webs);
	free(*order);
	*order = NULL;
	return NULL;
}
