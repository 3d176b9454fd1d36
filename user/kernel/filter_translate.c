/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classic BPF to eBPF, for the functions of bpf/filter.bpf.h. The kernel has a translator of
 * its own, but it works on sk_buffs; this one reads the header window. Semantics are those of
 * libpcap's bpf_filter(): 32-bit arithmetic, loads in network order, and no match when a load
 * lies outside the packet or a division is by zero.
 *
 * Registers: r0 A, r1 the packet's first byte, r2 scratch, r3 avail, r4 wire_len, r5 X; no
 * callee-saved one, so that a short one can be put where it is called (program_inline.h). M[] lies on
 * the stack.
 *
 * A direct translation reads the packet itself: r3 is its end, also for the verifier, which forgets
 * what it knew of a pointer once X was added to it, so that every indirect load is checked.
 *
 * For verifiers before 6.8, which learn nothing from comparing two registers, each variable
 * offset is also compared with a constant. All A and X arithmetic is 32-bit and so zero-extends.
 */
#include "kernel/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/filter.h>

#include "kernel/filter_analysis.h"
#include "kernel/filter_unroll.h"

#define REG_A BPF_REG_0
#define REG_PACKET BPF_REG_1
#define REG_OFFSET BPF_REG_2
#define REG_SCRATCH BPF_REG_2
#define REG_AVAIL BPF_REG_3
#define REG_END BPF_REG_3
#define REG_WIRE_LEN BPF_REG_4
#define REG_X BPF_REG_5

#define OFFSET_MASK 255
/* The labels of "return 0" and of "out of bounds", beside those of classic instructions. */
#define LABEL_FAIL SIZE_MAX
#define LABEL_SHORT (SIZE_MAX - 1)
#define RETURN_SHORT 1 /* FILTER_SHORT of bpf/filter.bpf.h */

struct fixup {
	size_t at, label;
};

struct emitter {
	const struct sock_filter *classic;
	size_t classic_count;
	const struct filter_point *points;
	const uint8_t *order;

	struct bpf_insn *insns;
	size_t count, room;
	struct fixup *fixups;
	size_t fixup_count, fixup_room;
	size_t *labels; /* where each classic instruction begins */
	bool direct;
	bool out_of_memory;
};

static void *grown(void *items, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? *room * 2 : 64;
	void *more;

	if (count < *room)
		return items;
	more = reallocarray(items, wanted, size);
	if (more)
		*room = wanted;
	return more;
}

static void emit(struct emitter *e, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		 int32_t imm)
{
	struct bpf_insn *insns = grown(e->insns, e->count, &e->room, sizeof(*insns));

	if (!insns) {
		e->out_of_memory = true;
		return;
	}
	e->insns = insns;
	insns[e->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

static void emit_jump(struct emitter *e, uint8_t code, uint8_t dst, uint8_t src, uint32_t imm,
		      size_t label)
{
	struct fixup *fixups = grown(e->fixups, e->fixup_count, &e->fixup_room, sizeof(*fixups));

	if (!fixups) {
		e->out_of_memory = true;
		return;
	}
	e->fixups = fixups;
	fixups[e->fixup_count++] = (struct fixup){e->count, label};
	emit(e, code, dst, src, 0, imm);
}

static void emit_imm(struct emitter *e, uint8_t reg, uint32_t value)
{
	emit(e, BPF_ALU | BPF_MOV | BPF_K, reg, 0, 0, value);
}

static void emit_return(struct emitter *e)
{
	emit(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Where a jump to classic instruction `to` really goes: places that can only return 0 are one. */
static size_t label_of(const struct emitter *e, size_t to)
{
	while (e->points[to].need != FILTER_NEVER && e->classic[to].code == (BPF_JMP | BPF_JA))
		to += 1 + e->classic[to].k;
	return e->points[to].need == FILTER_NEVER ? LABEL_FAIL : to;
}

static bool emitted(const struct emitter *e, size_t at)
{
	return e->points[at].reached && e->points[at].need != FILTER_NEVER &&
	       e->classic[at].code != (BPF_JMP | BPF_JA);
}

/* What follows in the translation: the label execution falls into after `at`. */
static size_t label_after(const struct emitter *e, size_t at)
{
	for (size_t i = at + 1; i < e->classic_count; i++)
		if (emitted(e, i))
			return i;
	return LABEL_FAIL;
}

static uint32_t slot_of(uint32_t word)
{
	return -4 * (int32_t)(word + 1);
}

static uint8_t ldx_of(unsigned int size)
{
	return BPF_LDX | BPF_MEM | (size == 4 ? BPF_W : size == 2 ? BPF_H : BPF_B);
}

static void emit_order(struct emitter *e, size_t at, unsigned int size)
{
	if (size > 1 && !e->points[at].keeps_order)
		emit(e, BPF_ALU | BPF_END | BPF_TO_BE, REG_A, 0, 0, size * 8);
}

/* Is the value that the instruction leaves in A read at all? */
static bool result_used(const struct emitter *e, size_t at)
{
	return e->points[at + 1].live & FILTER_LIVE_A;
}

static void emit_load(struct emitter *e, size_t at)
{
	const struct sock_filter *insn = &e->classic[at];
	unsigned int size = filter_load_size(insn->code);

	if (!result_used(e, at))
		return;
	switch (BPF_MODE(insn->code)) {
	case BPF_ABS:
		emit(e, ldx_of(size), REG_A, REG_PACKET, insn->k, 0);
		emit_order(e, at, size);
		break;
	case BPF_IND:
		emit(e, BPF_ALU64 | BPF_MOV | BPF_X, REG_SCRATCH, REG_PACKET, 0, 0);
		emit(e, BPF_ALU64 | BPF_ADD | BPF_X, REG_SCRATCH, REG_X, 0, 0);
		if (e->direct) {
			emit(e, BPF_ALU64 | BPF_ADD | BPF_K, REG_SCRATCH, 0, 0, insn->k + size);
			emit_jump(e, BPF_JMP | BPF_JGT | BPF_X, REG_SCRATCH, REG_END, 0,
				  LABEL_SHORT);
		}
		emit(e, ldx_of(size), REG_A, REG_SCRATCH, e->direct ? -(int)size : (int)insn->k, 0);
		emit_order(e, at, size);
		break;
	case BPF_LEN:
		emit(e, BPF_ALU | BPF_MOV | BPF_X, REG_A, REG_WIRE_LEN, 0, 0);
		break;
	case BPF_MEM:
		emit(e, BPF_LDX | BPF_MEM | BPF_W, REG_A, BPF_REG_10, slot_of(insn->k), 0);
		break;
	default:
		emit_imm(e, REG_A, insn->k);
		break;
	}
}

static void emit_load_x(struct emitter *e, const struct sock_filter *insn)
{
	switch (BPF_MODE(insn->code)) {
	case BPF_MSH:
		emit(e, BPF_LDX | BPF_MEM | BPF_B, REG_X, REG_PACKET, insn->k, 0);
		emit(e, BPF_ALU | BPF_AND | BPF_K, REG_X, 0, 0, 0xf);
		emit(e, BPF_ALU | BPF_LSH | BPF_K, REG_X, 0, 0, 2);
		break;
	case BPF_LEN:
		emit(e, BPF_ALU | BPF_MOV | BPF_X, REG_X, REG_WIRE_LEN, 0, 0);
		break;
	case BPF_MEM:
		emit(e, BPF_LDX | BPF_MEM | BPF_W, REG_X, BPF_REG_10, slot_of(insn->k), 0);
		break;
	default:
		emit_imm(e, REG_X, insn->k);
		break;
	}
}

/* A constant as a value in network order of `size` bytes is seen by this machine; 0: host order. */
static uint32_t constant_in(uint32_t value, uint8_t size)
{
	if (size == 4)
		return htonl(value);
	return size == 2 ? htons(value & 0xffff) : value;
}

static void emit_alu(struct emitter *e, size_t at)
{
	const struct sock_filter *insn = &e->classic[at];
	uint8_t op = BPF_OP(insn->code), src = BPF_SRC(insn->code);
	bool shift = op == BPF_LSH || op == BPF_RSH;

	/* eBPF divides by zero to 0; classic BPF gives the packet up. */
	if (src == BPF_X && (op == BPF_DIV || op == BPF_MOD))
		emit_jump(e, BPF_JMP32 | BPF_JEQ | BPF_K, REG_X, 0, 0, LABEL_FAIL);
	if (!result_used(e, at))
		return;
	if (op == BPF_NEG) {
		emit(e, BPF_ALU | BPF_NEG, REG_A, 0, 0, 0);
	} else if (src == BPF_X) {
		if (shift) {
			emit(e, BPF_JMP32 | BPF_JLT | BPF_K, REG_X, 0, 1, 32);
			emit_imm(e, REG_A, 0);
		}
		emit(e, BPF_ALU | op | BPF_X, REG_A, REG_X, 0, 0);
	} else if (shift && insn->k > 31) {
		emit_imm(e, REG_A, 0);
	} else {
		emit(e, BPF_ALU | op | BPF_K, REG_A, 0, 0, constant_in(insn->k, e->order[at]));
	}
}

/* The jump taken exactly when `op` is not; 0 where eBPF has none. */
static uint8_t inverse(uint8_t op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	default:
		return 0;
	}
}

static void emit_always(struct emitter *e, size_t label)
{
	emit_jump(e, BPF_JMP | BPF_JA, 0, 0, 0, label);
}

static void emit_branch(struct emitter *e, size_t at)
{
	const struct sock_filter *insn = &e->classic[at];
	size_t yes = label_of(e, at + 1 + insn->jt), no = label_of(e, at + 1 + insn->jf);
	size_t next = label_after(e, at);
	uint8_t op = BPF_OP(insn->code), src = BPF_SRC(insn->code);
	uint8_t reg = src == BPF_X ? REG_X : 0;
	uint32_t imm = src == BPF_X ? 0 : constant_in(insn->k, e->order[at]);

	if (yes == no) {
		if (yes != next)
			emit_always(e, yes);
		return;
	}
	if (yes == next && inverse(op)) {
		emit_jump(e, BPF_JMP32 | inverse(op) | src, REG_A, reg, imm, no);
		return;
	}
	if (yes == next)
		emit(e, BPF_JMP32 | op | src, REG_A, reg, 1, imm);
	else
		emit_jump(e, BPF_JMP32 | op | src, REG_A, reg, imm, yes);
	if (no != next)
		emit_always(e, no);
}

/*
 * X to memory and straight back serves to forget (filter_unroll.c): writing its first byte once
 * more, alone, makes the verifier take the word for unknown bytes instead of a spilled X.
 */
static void emit_store_x(struct emitter *e, size_t at)
{
	const struct sock_filter *insn = &e->classic[at];
	int16_t low = htons(1) == 1 ? 3 : 0;

	emit(e, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, REG_X, slot_of(insn->k), 0);
	if (insn[1].code == (BPF_LDX | BPF_MEM) && insn[1].k == insn->k)
		emit(e, BPF_STX | BPF_MEM | BPF_B, BPF_REG_10, REG_X, slot_of(insn->k) + low, 0);
}

static void emit_insn(struct emitter *e, size_t at)
{
	const struct sock_filter *insn = &e->classic[at];

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		emit_load(e, at);
		break;
	case BPF_LDX:
		if (e->points[at + 1].live & FILTER_LIVE_X)
			emit_load_x(e, insn);
		break;
	case BPF_ST:
		emit(e, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, REG_A, slot_of(insn->k), 0);
		break;
	case BPF_STX:
		emit_store_x(e, at);
		break;
	case BPF_ALU:
		emit_alu(e, at);
		break;
	case BPF_JMP:
		emit_branch(e, at);
		break;
	case BPF_RET:
		if (BPF_RVAL(insn->code) == BPF_K)
			emit_imm(e, REG_A, insn->k);
		emit_return(e);
		break;
	default:
		if (BPF_MISCOP(insn->code) == BPF_TAX)
			emit(e, BPF_ALU | BPF_MOV | BPF_X, REG_X, REG_A, 0, 0);
		else
			emit(e, BPF_ALU | BPF_MOV | BPF_X, REG_A, REG_X, 0, 0);
		break;
	}
}

/* The bytes that everything from here on needs and nobody checked yet. */
static void emit_checks(struct emitter *e, const struct filter_point *p)
{
	if (p->need > p->known)
		emit_jump(e, BPF_JMP32 | BPF_JLT | BPF_K, REG_AVAIL, 0, p->need, LABEL_FAIL);
	if (p->need_x > p->known_x) {
		emit_jump(e, BPF_JMP | BPF_JGT | BPF_K, REG_X, 0, FILTER_REACH - p->need_x,
			  LABEL_FAIL);
		emit(e, BPF_ALU | BPF_MOV | BPF_X, REG_SCRATCH, REG_X, 0, 0);
		emit(e, BPF_ALU | BPF_ADD | BPF_K, REG_SCRATCH, 0, 0, p->need_x);
		emit_jump(e, BPF_JMP32 | BPF_JGT | BPF_X, REG_SCRATCH, REG_AVAIL, 0, LABEL_FAIL);
	}
}

static void emit_checks_direct(struct emitter *e, const struct filter_point *p)
{
	if (p->need > p->known) {
		emit(e, BPF_ALU64 | BPF_MOV | BPF_X, REG_SCRATCH, REG_PACKET, 0, 0);
		emit(e, BPF_ALU64 | BPF_ADD | BPF_K, REG_SCRATCH, 0, 0, p->need);
		emit_jump(e, BPF_JMP | BPF_JGT | BPF_X, REG_SCRATCH, REG_END, 0, LABEL_SHORT);
	}
	if (p->need_x > p->known_x) /* a bound for the verifier; the load itself checks */
		emit_jump(e, BPF_JMP | BPF_JGT | BPF_K, REG_X, 0, FILTER_REACH - p->need_x,
			  LABEL_SHORT);
}

static bool touches_packet(const struct emitter *e)
{
	for (size_t i = 0; i < e->classic_count; i++)
		if (emitted(e, i) && (e->points[i].need || e->points[i].need_x))
			return true;
	return false;
}

static void emit_entry(struct emitter *e)
{
	uint32_t live = e->points[0].live;

	if (touches_packet(e) && !e->direct) {
		emit(e, BPF_ALU | BPF_AND | BPF_K, REG_OFFSET, 0, 0, OFFSET_MASK);
		emit(e, BPF_ALU64 | BPF_ADD | BPF_X, REG_PACKET, REG_OFFSET, 0, 0);
	}
	if (live & FILTER_LIVE_A)
		emit_imm(e, REG_A, 0);
	if (live & FILTER_LIVE_X)
		emit_imm(e, REG_X, 0);
	for (uint32_t word = 0; word < BPF_MEMWORDS; word++)
		if (live & 1u << word)
			emit(e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, slot_of(word), 0);
}

/* Does execution fall into the plain jump at `at`, so that it cannot just be left out? */
static bool falls_into(const struct emitter *e, size_t at)
{
	uint16_t class;

	if (!at)
		return true;
	class = BPF_CLASS(e->classic[at - 1].code);
	return emitted(e, at - 1) && class != BPF_JMP && class != BPF_RET;
}

static bool is_plain_jump(const struct emitter *e, size_t at)
{
	return e->points[at].reached && e->points[at].need != FILTER_NEVER &&
	       e->classic[at].code == (BPF_JMP | BPF_JA);
}

static void emit_all(struct emitter *e)
{
	if (e->points[0].need == FILTER_NEVER) {
		emit_imm(e, REG_A, 0);
		emit_return(e);
		return;
	}
	emit_entry(e);
	for (size_t i = 0; i < e->classic_count; i++) {
		if (is_plain_jump(e, i) && falls_into(e, i) && label_of(e, i) != label_after(e, i))
			emit_always(e, label_of(e, i));
		if (!emitted(e, i))
			continue;
		e->labels[i] = e->count;
		if (e->direct)
			emit_checks_direct(e, &e->points[i]);
		else
			emit_checks(e, &e->points[i]);
		emit_insn(e, i);
	}
}

/* A shared return, where something goes to `label`: its place. */
static size_t emit_exit(struct emitter *e, size_t label, uint32_t value)
{
	size_t at = e->count;
	bool used = false;

	for (size_t i = 0; i < e->fixup_count; i++)
		used |= e->fixups[i].label == label;
	if (used) {
		emit_imm(e, REG_A, value);
		emit_return(e);
	}
	return at;
}

/* Adds the shared returns and sets every jump's offset. */
static int resolve(struct emitter *e)
{
	size_t fail = emit_exit(e, LABEL_FAIL, 0), out = emit_exit(e, LABEL_SHORT, RETURN_SHORT);

	if (e->out_of_memory)
		return -ENOMEM;
	for (size_t i = 0; i < e->fixup_count; i++) {
		const struct fixup *f = &e->fixups[i];
		size_t to = f->label == LABEL_FAIL    ? fail
			    : f->label == LABEL_SHORT ? out
						      : e->labels[f->label];

		if (to - f->at - 1 > INT16_MAX)
			return -E2BIG;
		e->insns[f->at].off = to - f->at - 1;
	}
	return 0;
}

static int translate(const struct sock_filter *classic, size_t count, struct emitter *e)
{
	struct filter_point *points;
	uint8_t *order;
	int err = -ENOMEM;

	points = filter_analyse(classic, count, &order);
	if (!points)
		return -ENOMEM;
	e->classic = classic;
	e->classic_count = count;
	e->points = points;
	e->order = order;
	e->labels = calloc(count, sizeof(*e->labels));
	if (e->labels) {
		emit_all(e);
		err = resolve(e);
	}
	free(points);
	free(order);
	free(e->labels);
	free(e->fixups);
	return err;
}

static int translate_for(const struct sock_filter *classic, size_t count, bool direct,
			 struct bpf_insn **ebpf, size_t *ebpf_count)
{
	struct sock_filter *straight;
	struct emitter e = {.direct = direct};
	int err;

	if (!filter_valid(classic, count))
		return -EINVAL;
	err = filter_unroll(classic, count, &straight, &count);
	if (err)
		return err;
	err = translate(straight, count, &e);
	free(straight);
	if (err) {
		free(e.insns);
		return err;
	}
	*ebpf = e.insns;
	*ebpf_count = e.count;
	return 0;
}

int filter_translate(const struct sock_filter *classic, size_t count, struct bpf_insn **ebpf,
		     size_t *ebpf_count)
{
	return translate_for(classic, count, false, ebpf, ebpf_count);
}

int filter_translate_direct(const struct sock_filter *classic, size_t count, struct bpf_insn **ebpf,
			    size_t *ebpf_count)
{
	return translate_for(classic, count, true, ebpf, ebpf_count);
}
