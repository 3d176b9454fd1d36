/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions put where they are called: the program does what it did, jumps over them lead where they
 * led, and what must stay a function stays one. Small programs are run by an interpreter of their own
 * before and after; made-up ones, by the thousand, too.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/bpf.h>

#include "kernel/program_inline.h"

#define ROOM 512
#define STEPS 100000
#define DEPTH 8

struct program {
	struct bpf_insn insns[ROOM];
	size_t count;
};

static size_t add(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		  int32_t imm)
{
	assert_true(p->count < ROOM);
	p->insns[p->count] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
	return p->count++;
}

static size_t add_move(struct program *p, uint8_t reg, int32_t number)
{
	return add(p, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, number);
}

static size_t add_plus(struct program *p, uint8_t reg, int32_t number)
{
	return add(p, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, number);
}

static size_t add_exit(struct program *p)
{
	return add(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static size_t add_call(struct program *p)
{
	return add(p, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
}

static size_t add_wide(struct program *p, uint8_t reg, uint8_t src, uint64_t value)
{
	size_t at = add(p, BPF_LD | BPF_IMM | BPF_DW, reg, src, 0, value);

	add(p, 0, 0, 0, 0, value >> 32);
	return at;
}

static void set_target(struct program *p, size_t at, size_t to)
{
	p->insns[at].imm = (int32_t)to - (int32_t)at - 1;
}

/*
 * Runs what these tests make of instructions. A call keeps r6 to r9 and takes r1 to r5 from its
 * caller, as the kernel's does: behind one they hold nothing that anybody may read.
 */
static uint64_t run(const struct bpf_insn *insns, size_t count, uint64_t argument)
{
	uint64_t r[11] = {0}, kept[DEPTH][4];
	size_t back[DEPTH], depth = 0, pc = 0;

	r[1] = argument;
	for (size_t step = 0; step < STEPS; step++) {
		const struct bpf_insn *i = &insns[pc];
		uint64_t b;

		assert_true(pc < count);
		pc++;
		b = BPF_SRC(i->code) == BPF_X ? r[i->src_reg] : (uint64_t)(int64_t)i->imm;
		switch (i->code) {
		case BPF_LD | BPF_IMM | BPF_DW:
			assert_true(pc < count);
			r[i->dst_reg] = (uint32_t)i->imm | (uint64_t)(uint32_t)insns[pc].imm << 32;
			pc++;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
		case BPF_ALU64 | BPF_MOV | BPF_X:
			r[i->dst_reg] = b;
			break;
		case BPF_ALU64 | BPF_ADD | BPF_K:
		case BPF_ALU64 | BPF_ADD | BPF_X:
			r[i->dst_reg] += b;
			break;
		case BPF_ALU64 | BPF_XOR | BPF_K:
		case BPF_ALU64 | BPF_XOR | BPF_X:
			r[i->dst_reg] ^= b;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->off;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += r[i->dst_reg] > b ? i->off : 0;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += r[i->dst_reg] & b ? i->off : 0;
			break;
		case BPF_JMP | BPF_CALL:
			assert_int_equal(i->src_reg, BPF_PSEUDO_CALL);
			assert_true(depth < DEPTH);
			memcpy(kept[depth], &r[6], sizeof(kept[depth]));
			back[depth++] = pc;
			pc += i->imm;
			break;
		case BPF_JMP | BPF_EXIT:
			if (!depth)
				return r[0];
			pc = back[--depth];
			memcpy(&r[6], kept[depth], sizeof(kept[depth]));
			break;
		default:
			fail_msg("instruction 0x%02x", i->code);
		}
	}
	fail_msg("the program does not end");
	return 0;
}

static size_t calls(const struct edited *e, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < e->place[count]; i++)
		found += e->insns[i].code == (BPF_JMP | BPF_CALL);
	return found;
}

/* What is made of it answers the same to all of these. */
static void assert_same(const struct program *p, struct edited *e)
{
	static const uint64_t arguments[] = {0, 1, 2, 3, 5, 8, 100, 1000, UINT32_MAX, UINT64_MAX};

	assert_int_equal(program_inline(p->insns, p->count, e), 0);
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
		assert_int_equal(run(e->insns, e->place[p->count], arguments[i]),
				 run(p->insns, p->count, arguments[i]));
}

/* main calls it twice, in a loop, across a jump; it has two ends. */
static void a_function_takes_the_place_of_its_calls(void **state)
{
	struct program p = {0};
	struct edited e;
	size_t first, second, function;

	(void)state;
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	add_move(&p, 7, 3);
	first = add_call(&p);
	add(&p, BPF_ALU64 | BPF_ADD | BPF_X, 6, 0, 0, 0);
	add(&p, BPF_JMP | BPF_JGT | BPF_K, 6, 0, 2, 1000);
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
	second = add_call(&p);
	add(&p, BPF_ALU64 | BPF_ADD | BPF_X, 6, 0, 0, 0);
	add_plus(&p, 7, -1);
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
	add(&p, BPF_JMP | BPF_JGT | BPF_K, 7, 0, -9, 0);
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 6, 0, 0);
	add_exit(&p);
	function = add(&p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, 2, 5);
	add_move(&p, 0, 11);
	add_exit(&p);
	add_wide(&p, 2, 0, 0x100000000ull);
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 2, 0, 0);
	add(&p, BPF_ALU64 | BPF_XOR | BPF_X, 0, 1, 0, 0);
	add_exit(&p);
	set_target(&p, first, function);
	set_target(&p, second, function);

	assert_same(&p, &e);
	assert_int_equal(calls(&e, p.count), 0);
	/* twice the function for two calls, and no function any more */
	assert_int_equal(e.place[p.count], function - 2 + 2 * (p.count - function));
	assert_int_equal(e.place[function], e.place[p.count]);
	edited_free(&e);
}

/* A function between others: those behind it move, and are still called. */
static void what_lies_around_it_is_found_again(void **state)
{
	struct program p = {0};
	struct edited e;
	size_t call[3], before, middle, behind;

	(void)state;
	call[0] = add_call(&p);
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
	call[1] = add_call(&p);
	add_exit(&p);
	before = add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	call[2] = add_call(&p);
	add(&p, BPF_ALU64 | BPF_ADD | BPF_X, 0, 6, 0, 0);
	add_exit(&p);
	middle = add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 0, 0);
	add_plus(&p, 0, 7);
	add_exit(&p);
	behind = add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 7, 1, 0, 0);
	add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 7, 0, 0);
	add(&p, BPF_ALU64 | BPF_XOR | BPF_K, 0, 0, 0, 0x55);
	add_exit(&p);
	set_target(&p, call[0], before);
	set_target(&p, call[1], behind);
	set_target(&p, call[2], middle);

	assert_same(&p, &e);
	assert_int_equal(calls(&e, p.count), 2);
	assert_int_equal(e.place[p.count], p.count - 1);
	assert_int_equal(e.insns[e.place[behind]].dst_reg, 7);
	edited_free(&e);
}

/* main calls what `function` makes; true: that has become part of it. */
static bool is_put_in(size_t (*function)(struct program *))
{
	struct program p = {0};
	struct edited e;
	size_t call = add_call(&p);
	bool put;

	add_exit(&p);
	set_target(&p, call, p.count);
	function(&p);
	assert_int_equal(program_inline(p.insns, p.count, &e), 0);
	put = e.insns[0].code != (BPF_JMP | BPF_CALL);
	if (!put)
		assert_memory_equal(e.insns, p.insns, p.count * sizeof(*p.insns));
	edited_free(&e);
	return put;
}

static size_t with_length(struct program *p, size_t length)
{
	for (size_t i = 1; i < length; i++)
		add_move(p, 0, i);
	return add_exit(p);
}

static size_t longest(struct program *p)
{
	return with_length(p, INLINE_MAX);
}

static size_t too_long(struct program *p)
{
	return with_length(p, INLINE_MAX + 1);
}

static size_t on_stack(struct program *p)
{
	add(p, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 1);
	add(p, BPF_LDX | BPF_MEM | BPF_W, 0, BPF_REG_10, -4, 0);
	return add_exit(p);
}

static size_t with_r6(struct program *p)
{
	add_move(p, 6, 1);
	add(p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 6, 0, 0);
	return add_exit(p);
}

static size_t with_helper(struct program *p)
{
	add(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns);
	return add_exit(p);
}

static size_t with_itself(struct program *p)
{
	size_t call = add_call(p);

	set_target(p, call, call);
	return add_exit(p);
}

static size_t with_loop(struct program *p)
{
	add_plus(p, 1, -1);
	add(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, -2, 0);
	add_move(p, 0, 1);
	return add_exit(p);
}

static size_t with_packet_access(struct program *p)
{
	add_wide(p, 0, 0, 77);
	return add(p, BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0);
}

static size_t jumping_out(struct program *p)
{
	add(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, -2, 0);
	return add_exit(p);
}

static void only_what_may_be_put_in_is(void **state)
{
	(void)state;
	assert_true(is_put_in(longest));
	assert_true(is_put_in(with_loop));
	assert_false(is_put_in(too_long));
	assert_false(is_put_in(on_stack));
	assert_false(is_put_in(with_r6));
	assert_false(is_put_in(with_helper));
	assert_false(is_put_in(with_itself));
	assert_false(is_put_in(with_packet_access));
	assert_false(is_put_in(jumping_out));
}

/* A callback's address leads to it. */
static void a_callback_stays(void **state)
{
	struct program p = {0};
	struct edited e;
	size_t call = add_call(&p), address = add_wide(&p, 2, BPF_PSEUDO_FUNC, 0);

	(void)state;
	add_exit(&p);
	set_target(&p, call, p.count);
	set_target(&p, address, p.count);
	add_move(&p, 0, 1);
	add_exit(&p);
	assert_int_equal(program_inline(p.insns, p.count, &e), 0);
	assert_int_equal(e.place[p.count], p.count);
	assert_memory_equal(e.insns, p.insns, p.count * sizeof(*p.insns));
	edited_free(&e);
}

static void wild_targets_are_refused(void **state)
{
	struct program p = {0};
	struct edited e;

	(void)state;
	add_call(&p);
	add_exit(&p);
	p.insns[0].imm = 5;
	assert_int_equal(program_inline(p.insns, p.count, &e), -EOPNOTSUPP);
	p.insns[0].imm = -7;
	assert_int_equal(program_inline(p.insns, p.count, &e), -EOPNOTSUPP);
	p.insns[0] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = 9};
	assert_int_equal(program_inline(p.insns, p.count, &e), -EINVAL);
	assert_int_equal(program_inline(p.insns, 0, &e), -EOPNOTSUPP);
	assert_null(e.insns);
	assert_null(e.place);
}

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % sides;
}

/*
 * A function of `length` with jumps forward, which reads what it was given alone, as the compiler
 * makes them: a call leaves nothing in r1 to r5.
 */
static void add_random(struct program *p, uint32_t *seed, size_t length, bool own_registers)
{
	size_t begin = p->count, end = begin + length;

	for (uint8_t reg = 2; reg < 6; reg++)
		add_move(p, reg, dice(seed, 50));
	add(p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 0, 0);
	if (own_registers)
		add_move(p, 8, dice(seed, 50));
	while (p->count < end) {
		uint8_t dst = dice(seed, 6), src = dice(seed, 6);

		switch (dice(seed, 5)) {
		case 0:
			add(p, BPF_JMP | (dice(seed, 2) ? BPF_JGT : BPF_JSET) | BPF_K, dst, 0,
			    dice(seed, end - p->count), dice(seed, 60));
			break;
		case 1:
			add(p, BPF_ALU64 | BPF_XOR | BPF_K, dst, 0, 0, dice(seed, 1000));
			break;
		case 2:
			add_exit(p);
			break;
		default:
			add(p, BPF_ALU64 | BPF_ADD | BPF_X, dst, src, 0, 0);
		}
	}
	add_exit(p);
}

static void random_programs_answer_the_same(void **state)
{
	uint32_t seed = 7;
	size_t put_in = 0, left = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct program p = {0};
		size_t call[6], functions[4], count = 1 + dice(&seed, 6);
		struct edited e;

		add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
		for (size_t i = 0; i < count; i++) {
			add(&p, BPF_JMP | BPF_JSET | BPF_K, 6, 0, dice(&seed, 2) ? 3 : 0,
			    dice(&seed, 8));
			add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
			call[i] = add_call(&p);
			add(&p, BPF_ALU64 | BPF_ADD | BPF_X, 6, 0, 0, 0);
		}
		add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 0, 6, 0, 0);
		add_exit(&p);
		for (size_t i = 0; i < 4; i++) {
			functions[i] = p.count;
			add_random(&p, &seed, 8 + dice(&seed, 40), i == 3);
		}
		/* one that nobody calls would be refused by the kernel anyway */
		for (size_t i = 0; i < count; i++)
			set_target(&p, call[i], functions[dice(&seed, 4)]);
		assert_same(&p, &e);
		left += calls(&e, p.count);
		put_in += count - calls(&e, p.count);
		edited_free(&e);
	}
	assert_true(put_in > 1000);
	assert_true(left > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_takes_the_place_of_its_calls),
		cmocka_unit_test(what_lies_around_it_is_found_again),
		cmocka_unit_test(only_what_may_be_put_in_is),
		cmocka_unit_test(a_callback_stays),
		cmocka_unit_test(wild_targets_are_refused),
		cmocka_unit_test(random_programs_answer_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
