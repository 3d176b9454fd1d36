/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Splicing: calls, callback addresses and jumps on both sides of the stubs must lead where they
 * led before. Programs are built from numbered functions, so that each can be recognised.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/bpf.h>

#include "kernel/filter.h"

#define MAGIC_IP 0x636e6966696c7431ULL
#define MAGIC_ETHER 0x636e6966696c7432ULL
#define ROOM 64

struct program {
	struct bpf_insn insns[ROOM];
	size_t count;
};

static size_t add(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		  int32_t imm)
{
	p->insns[p->count] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
	return p->count++;
}

static size_t add_wide(struct program *p, uint8_t src, uint64_t value)
{
	size_t at = add(p, BPF_LD | BPF_IMM | BPF_DW, 1, src, 0, value);

	add(p, 0, 0, 0, 0, value >> 32);
	return at;
}

static size_t add_exit(struct program *p)
{
	return add(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* r0 = number; exit */
static size_t add_function(struct program *p, int32_t number)
{
	size_t at = add(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, number);

	add_exit(p);
	return at;
}

static size_t add_stub(struct program *p, uint64_t magic)
{
	size_t at = add(p, BPF_ALU | BPF_MOV | BPF_X, 2, 2, 0, 0);

	add_wide(p, 0, magic);
	add(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
	add_exit(p);
	return at;
}

static size_t add_call(struct program *p)
{
	return add(p, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
}

static void set_target(struct program *p, size_t at, size_t to)
{
	p->insns[at].imm = (int32_t)to - (int32_t)at - 1;
}

static struct filter *compiled(const char *expression)
{
	struct filter *filter;
	struct error error;

	if (filter_compile(expression, &filter, &error))
		fail_msg("%s", error.text);
	return filter;
}

/* More than 500 instructions. */
static struct filter *long_filter(void)
{
	char expression[8192] = "tcp port 1";

	for (int port = 2; port < 300; port++)
		snprintf(expression + strlen(expression), sizeof(expression) - strlen(expression),
			 " or port %d", port * 3);
	return compiled(expression);
}

static size_t target(const struct bpf_insn *insns, size_t at)
{
	return at + 1 + insns[at].imm;
}

static void assert_body_at(const struct bpf_insn *insns, size_t at, const struct filter *filter)
{
	size_t count;
	const struct bpf_insn *body = filter_body(filter, &count);

	assert_memory_equal(insns + at, body, count * sizeof(*body));
}

/* main calls f1, stub, f2, stub; f1 before the stub calls f2 behind it, and f2 calls f1 and the stub. */
static void calls_cross_the_stub(void **state)
{
	struct filter *filter = long_filter();
	struct program p = {0};
	size_t call[4], back[2], over, f1, f2, stub, body_count, count;
	struct bpf_insn *out;

	(void)state;
	filter_body(filter, &body_count);
	assert_true(body_count > 500);
	call[0] = add_call(&p);
	call[1] = add_call(&p);
	add(&p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0);
	call[2] = add_call(&p);
	call[3] = add_call(&p);
	add_exit(&p);
	f1 = add(&p, BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, 11);
	over = add_call(&p);
	add_exit(&p);
	stub = add_stub(&p, MAGIC_IP);
	f2 = add(&p, BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, 22);
	back[0] = add_call(&p);
	back[1] = add_call(&p);
	add(&p, BPF_JMP | BPF_JA, 0, 0, -4, 0);
	add_exit(&p);
	set_target(&p, call[0], f1);
	set_target(&p, call[1], stub);
	set_target(&p, call[2], f2);
	set_target(&p, call[3], stub);
	set_target(&p, over, f2);
	set_target(&p, back[0], f1);
	set_target(&p, back[1], stub);

	assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), 0);
	assert_int_equal(count, p.count - 5 + body_count);
	assert_int_equal(target(out, 0), f1);
	assert_int_equal(target(out, 1), stub);
	assert_int_equal(out[2].off, 2);
	assert_int_equal(out[target(out, 3)].imm, 22);
	assert_int_equal(target(out, 4), stub);
	assert_int_equal(out[target(out, over)].imm, 22);
	assert_body_at(out, stub, filter);
	back[0] += body_count - 5;
	back[1] += body_count - 5;
	assert_int_equal(out[target(out, back[0])].imm, 11);
	assert_int_equal(target(out, back[1]), stub);
	assert_int_equal(out[back[1] + 1].off, -4);
	free(out);
	filter_free(filter);
}

static void callback_addresses_move(void **state)
{
	struct filter *filter = compiled("tcp port 80");
	struct program p = {0};
	size_t before, behind, call, map, f, g, stub, count;
	struct bpf_insn *out;

	(void)state;
	before = add_wide(&p, BPF_PSEUDO_FUNC, 0);
	behind = add_wide(&p, BPF_PSEUDO_FUNC, 0);
	map = add_wide(&p, BPF_PSEUDO_MAP_FD, 7);
	call = add_call(&p);
	add_exit(&p);
	f = add_function(&p, 11);
	stub = add_stub(&p, MAGIC_IP);
	g = add_function(&p, 22);
	set_target(&p, before, f);
	set_target(&p, behind, g);
	set_target(&p, call, stub);

	assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), 0);
	assert_int_equal(out[target(out, before)].imm, 11);
	assert_int_equal(out[target(out, behind)].imm, 22);
	assert_int_equal(out[map].imm, 7);
	assert_int_equal(target(out, call), stub);
	assert_body_at(out, stub, filter);
	free(out);
	filter_free(filter);
}

/* A constant that looks like a call in the second half of a wide load must not be taken for one. */
static void wide_constants_stay(void **state)
{
	struct filter *filter = compiled("udp");
	struct program p = {0};
	size_t call, stub, count;
	struct bpf_insn *out;

	(void)state;
	add_wide(&p, 0, MAGIC_IP); /* in the main program: not a stub */
	add(&p, BPF_JMP | BPF_CALL, 0, 0, 0, 1);
	call = add_call(&p);
	add_exit(&p);
	stub = add_stub(&p, MAGIC_IP);
	set_target(&p, call, stub);
	assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), 0);
	assert_memory_equal(out, p.insns, stub * sizeof(*out));
	assert_body_at(out, stub, filter);
	free(out);
	filter_free(filter);
}

/* Each filter takes the stub of its link type, and leaves the other one. */
static void link_types_choose(void **state)
{
	static const char *const expressions[] = {"tcp port 80", "ether host 02:00:00:00:00:01"};
	struct program p = {0};
	size_t calls[2], stubs[2];

	(void)state;
	calls[0] = add_call(&p);
	calls[1] = add_call(&p);
	add_exit(&p);
	stubs[0] = add_stub(&p, MAGIC_IP);
	stubs[1] = add_stub(&p, MAGIC_ETHER);
	set_target(&p, calls[0], stubs[0]);
	set_target(&p, calls[1], stubs[1]);
	for (int kind = 0; kind < 2; kind++) {
		struct filter *filter = compiled(expressions[kind]);
		struct bpf_insn *out;
		size_t count, other;

		assert_int_equal(filter_is_ether(filter), kind);
		assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), 0);
		assert_body_at(out, target(out, calls[kind]), filter);
		other = target(out, calls[!kind]);
		assert_memory_equal(out + other, p.insns + stubs[!kind], 5 * sizeof(*out));
		free(out);
		filter_free(filter);
	}
}

static void no_stub_no_change(void **state)
{
	struct filter *filter = compiled("tcp");
	struct program p = {0};
	struct bpf_insn *out;
	size_t call, count;

	(void)state;
	call = add_call(&p);
	add_exit(&p);
	set_target(&p, call, add_function(&p, 11));
	assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), 0);
	assert_int_equal(count, p.count);
	assert_memory_equal(out, p.insns, count * sizeof(*out));
	free(out);
	filter_free(filter);
}

static void wild_targets_are_refused(void **state)
{
	struct filter *filter = compiled("tcp");
	struct program p = {0};
	struct bpf_insn *out;
	size_t call, count;

	(void)state;
	call = add_call(&p);
	add_exit(&p);
	p.insns[call].imm = 100;
	assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), -EINVAL);
	p.insns[call].imm = -100;
	assert_int_equal(filter_splice(p.insns, p.count, filter, &out, &count), -EINVAL);
	filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_cross_the_stub), cmocka_unit_test(callback_addresses_move),
		cmocka_unit_test(wide_constants_stay),  cmocka_unit_test(link_types_choose),
		cmocka_unit_test(no_stub_no_change),    cmocka_unit_test(wild_targets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
