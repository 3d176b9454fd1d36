/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The translator, instruction by instruction: each classic form on values and lengths around
 * its edges, then random programs, against libpcap's interpreter.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "filter_cases.h"
#include "filter_machine.h"
#include "kernel/filter.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static const uint32_t edges[] = {0,          1,          2,          31,        32,     33,
				 0x7f,       0xff,       0x100,      0x1234,    0xffff, 0x10000,
				 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

/* Runs both on the packet; the translation must be free of faults and agree. Returns the result. */
static uint32_t agree(const struct sock_filter *classic, size_t count, const uint8_t *packet,
		      uint32_t avail, uint32_t wire_len)
{
	struct bpf_insn *body;
	struct machine machine;
	uint32_t want, got;
	size_t body_count;

	assert_int_equal(filter_translate(classic, count, &body, &body_count), 0);
	want = bpf_filter(classic, packet, wire_len, avail);
	got = machine_run(&machine, body, body_count, packet, 14, avail, wire_len);
	free(body);
	if (machine.fault || got != want)
		fail_msg("%u, libpcap says %u (%s); avail %u, program of %zu", got, want,
			 machine.fault ? machine.fault : "no fault", avail, count);
	return got;
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, 4);
}

static void loads_at_constant_offsets(void **state)
{
	static const uint16_t sizes[] = {BPF_W, BPF_H, BPF_B};
	static const uint32_t offsets[] = {0,   1,   13,  63,         251,        252,       253,
					   254, 255, 256, 0x7fffffff, 0xfffff004, 0xffffffff};
	uint8_t packet[256];

	(void)state;
	for (size_t i = 0; i < sizeof(packet); i++)
		packet[i] = i * 7 + 1;
	for (size_t s = 0; s < COUNT(sizes); s++)
		for (size_t o = 0; o < COUNT(offsets); o++)
			for (uint32_t avail = 0; avail <= 256; avail++) {
				const struct sock_filter classic[] = {
					BPF_STMT(BPF_LD | BPF_ABS | sizes[s], offsets[o]),
					BPF_STMT(BPF_RET | BPF_A, 0),
				};

				agree(classic, COUNT(classic), packet, avail, avail);
			}
}

static void loads_from_x(void **state)
{
	static const uint16_t sizes[] = {BPF_W, BPF_H, BPF_B};
	static const uint32_t offsets[] = {0, 1, 20, 200, 252, 253, 256, 0x80000000, 0xffffffff};
	static const uint32_t bases[] = {0,   1,   4,          55,         56,        252,
					 255, 256, 0x7fffffff, 0xfffffffc, 0xffffffff};
	uint8_t packet[256];

	(void)state;
	for (size_t i = 0; i < sizeof(packet); i++)
		packet[i] = i * 5 + 3;
	for (size_t s = 0; s < COUNT(sizes); s++)
		for (size_t o = 0; o < COUNT(offsets); o++)
			for (size_t b = 0; b < COUNT(bases); b++)
				for (uint32_t avail = 0; avail <= 256;
				     avail += avail < 8 ? 1 : 31) {
					const struct sock_filter classic[] = {
						BPF_STMT(BPF_LDX | BPF_IMM, bases[b]),
						BPF_STMT(BPF_LD | BPF_IND | sizes[s], offsets[o]),
						BPF_STMT(BPF_RET | BPF_A, 0),
					};

					agree(classic, COUNT(classic), packet, avail, avail);
				}
}

static void other_loads(void **state)
{
	const struct sock_filter header_length[] = {
		BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, 3),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_filter lengths[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	uint8_t packet[8] = {0, 0, 0, 0};

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		packet[3] = byte;
		for (uint32_t avail = 2; avail < 6; avail++)
			agree(header_length, COUNT(header_length), packet, avail, 100);
	}
	assert_int_equal(agree(lengths, COUNT(lengths), packet, 8, 1500), 3000);
	assert_int_equal(agree(lengths, COUNT(lengths), packet, 0, 70000), 140000);
}

static void memory_words(void **state)
{
	/* libpcap leaves M[] unset, the kernel and this translator zero it. */
	const struct sock_filter unset[] = {
		BPF_STMT(BPF_LD | BPF_IMM, 5),
		BPF_STMT(BPF_LDX | BPF_MEM, 15),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_filter words[3 * 16 + 1];
	struct bpf_insn *body;
	struct machine machine;
	uint8_t packet[64];
	size_t count;

	(void)state;
	assert_int_equal(filter_translate(unset, COUNT(unset), &body, &count), 0);
	assert_int_equal(machine_run(&machine, body, count, packet, 0, 0, 0), 5);
	assert_null(machine.fault);
	free(body);

	/* Store A and X in turn, read one back; all others were written after it. */
	for (size_t i = 0; i < sizeof(packet); i++)
		packet[i] = i + 1;
	for (uint32_t word = 0; word < 16; word++) {
		for (uint32_t i = 0; i < 16; i++) {
			words[2 * i] = (struct sock_filter)BPF_STMT(
				(i & 1 ? BPF_LDX : BPF_LD) | BPF_IMM, 0x01010101 * (i + 1));
			words[2 * i + 1] =
				(struct sock_filter)BPF_STMT(i & 1 ? BPF_STX : BPF_ST, i);
		}
		words[32] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, word);
		words[33] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
		assert_int_equal(agree(words, 34, packet, 64, 64), 0x01010101 * (word + 1));
	}
}

static void arithmetic(void **state)
{
	static const uint16_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND,
				       BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
	uint8_t packet[8];

	(void)state;
	for (size_t o = 0; o < COUNT(ops); o++)
		for (size_t a = 0; a < COUNT(edges); a++)
			for (size_t b = 0; b < COUNT(edges); b++) {
				uint32_t k = edges[b];
				bool shift = ops[o] == BPF_LSH || ops[o] == BPF_RSH;
				bool divides = ops[o] == BPF_DIV || ops[o] == BPF_MOD;
				const struct sock_filter by_k[] = {
					BPF_STMT(BPF_LD | BPF_ABS | BPF_W, 0),
					BPF_STMT(BPF_ALU | ops[o] | BPF_K, k),
					BPF_STMT(BPF_RET | BPF_A, 0),
				};
				const struct sock_filter by_x[] = {
					BPF_STMT(BPF_LD | BPF_ABS | BPF_W, 4),
					BPF_STMT(BPF_MISC | BPF_TAX, 0),
					BPF_STMT(BPF_LD | BPF_ABS | BPF_W, 0),
					BPF_STMT(BPF_ALU | ops[o] | BPF_X, 0),
					BPF_STMT(BPF_RET | BPF_A, 0),
				};

				put32(packet, edges[a]);
				put32(packet + 4, k);
				if (!(divides && !k) && !(shift && k > 31))
					agree(by_k, COUNT(by_k), packet, 8, 8);
				if (ops[o] != BPF_NEG)
					agree(by_x, COUNT(by_x), packet, 8, 8);
			}
}

static void division_by_zero_is_no_match(void **state)
{
	/* Even where the quotient is not used. */
	const struct sock_filter unused[] = {
		BPF_STMT(BPF_LD | BPF_IMM, 7),
		BPF_STMT(BPF_LDX | BPF_IMM, 0),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
	};
	uint8_t packet[1] = {0};

	(void)state;
	assert_int_equal(agree(unused, COUNT(unused), packet, 1, 1), 0);
}

static void jumps(void **state)
{
	static const uint16_t ops[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET},
			      sizes[] = {BPF_W, BPF_H, BPF_B};
	/* next and next, next and far, far and next, far and far, same */
	static const uint8_t ways[][2] = {{0, 1}, {1, 0}, {1, 2}, {2, 1}, {2, 2}, {0, 0}};
	uint8_t packet[8];

	(void)state;
	for (size_t o = 0; o < COUNT(ops); o++)
		for (size_t s = 0; s < COUNT(sizes); s++)
			for (size_t a = 0; a < COUNT(edges); a++)
				for (size_t b = 0; b < COUNT(edges); b++)
					for (size_t w = 0; w < 2 * COUNT(ways); w++) {
						const uint8_t *way = ways[w / 2];
						uint16_t src = w & 1 ? BPF_X : BPF_K;
						const struct sock_filter classic[] = {
							BPF_STMT(BPF_LDX | BPF_IMM, edges[b]),
							BPF_STMT(BPF_LD | BPF_ABS | sizes[s], 0),
							BPF_JUMP(BPF_JMP | ops[o] | src, edges[b],
								 way[0], way[1]),
							BPF_STMT(BPF_RET | BPF_K, 0),
							BPF_STMT(BPF_RET | BPF_K, 2),
							BPF_STMT(BPF_RET | BPF_A, 0),
						};

						put32(packet, edges[a]);
						agree(classic, COUNT(classic), packet, 8, 8);
					}
}

/* 255 instructions both ways, and more by ja. */
static void large_jumps(void **state)
{
	struct sock_filter classic[1000];
	uint8_t packet[4] = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(classic); i++)
		classic[i] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, i);
	classic[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_ABS | BPF_B, 0);
	classic[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 255, 254);
	classic[256] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 700);
	classic[257] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 3);
	classic[999] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	for (packet[0] = 0; packet[0] < 3; packet[0]++)
		agree(classic, COUNT(classic), packet, 4, 4);
}

/* A place reached with A loaded as 16 bits and as 32 bits, or from a constant. */
static void byte_orders_meet(void **state)
{
	static const struct sock_filter loads[] = {
		BPF_STMT(BPF_LD | BPF_ABS | BPF_W, 4),       BPF_STMT(BPF_LD | BPF_ABS | BPF_H, 4),
		BPF_STMT(BPF_LD | BPF_ABS | BPF_B, 4),       BPF_STMT(BPF_LD | BPF_IMM, 0x0102),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
	};
	static const struct sock_filter uses[] = {
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00ff00),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 0x30004),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 0x304),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0x102),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0x10102),
	};
	uint8_t packet[8] = {0, 1, 2, 3, 1, 2, 3, 4};

	(void)state;
	for (size_t a = 0; a < COUNT(loads); a++)
		for (size_t b = 0; b < COUNT(loads); b++)
			for (size_t u = 0; u < COUNT(uses); u++)
				for (uint32_t k = 0; k < 3; k++) {
					const struct sock_filter classic[] = {
						BPF_STMT(BPF_LD | BPF_ABS | BPF_H, 0),
						BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2),
						loads[a],
						BPF_STMT(BPF_JMP | BPF_JA, 1),
						loads[b],
						uses[u],
						BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k * 0x0102, 0,
							 1),
						BPF_STMT(BPF_RET | BPF_K, 7),
						BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10200, 0, 1),
						BPF_STMT(BPF_RET | BPF_K, 8),
						BPF_STMT(BPF_RET | BPF_K, 9),
					};

					for (packet[1] = 1; packet[1] < 3; packet[1]++)
						agree(classic, COUNT(classic), packet, 8, 8);
				}
}

/* A random valid instruction at `at` of `count`. */
static struct sock_filter random_insn(struct dice *d, size_t at, size_t count)
{
	static const uint16_t sizes[] = {BPF_W, BPF_H, BPF_B};
	static const uint16_t alu[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND,
				       BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
	static const uint16_t jmp[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	uint32_t room = count - at - 1, k = roll(d, 2) ? roll(d, 40) : PICK(d, edges);
	uint16_t src = roll(d, 3) ? BPF_K : BPF_X, op;

	switch (roll(d, 10)) {
	case 0:
	case 1:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_ABS | PICK(d, sizes), roll(d, 40));
	case 2:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_IND | PICK(d, sizes), roll(d, 10));
	case 3:
		return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, roll(d, 40));
	case 4:
		return (struct sock_filter)BPF_STMT(
			roll(d, 2) ? BPF_LD | BPF_IMM : BPF_LDX | BPF_IMM, k);
	case 5:
		op = roll(d, 4);
		return (struct sock_filter)BPF_STMT(op == 0   ? BPF_ST
						    : op == 1 ? BPF_STX
						    : op == 2 ? BPF_LD | BPF_MEM
							      : BPF_LDX | BPF_MEM,
						    roll(d, 16));
	case 6:
		return (struct sock_filter)BPF_STMT(BPF_MISC | (roll(d, 2) ? BPF_TAX : BPF_TXA), 0);
	case 7:
		op = PICK(d, alu);
		if (op == BPF_LSH || op == BPF_RSH)
			k &= 31;
		if ((op == BPF_DIV || op == BPF_MOD) && !k)
			k = 3;
		return (struct sock_filter)BPF_STMT(BPF_ALU | op | (op == BPF_NEG ? 0 : src), k);
	case 8:
		if (!roll(d, 4))
			return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, roll(d, room));
		/* fall through */
	default:
		if (!roll(d, 10))
			return (struct sock_filter)BPF_STMT(BPF_RET | (roll(d, 2) ? BPF_A : BPF_K),
							    roll(d, 2));
		return (struct sock_filter)BPF_JUMP(BPF_JMP | PICK(d, jmp) | src, k, roll(d, room),
						    roll(d, room));
	}
}

static void random_programs(void **state)
{
	struct dice d = {0x2545f4914f6cdd1d};
	struct sock_filter classic[64];
	size_t zero = 0, other = 0;

	(void)state;
	for (int round = 0; round < 30000; round++) {
		size_t count = 20 + roll(&d, 40);
		uint8_t packet[64];

		/* libpcap's M[] starts unset. */
		for (size_t i = 0; i < 16; i++)
			classic[i] = (struct sock_filter)BPF_STMT(BPF_STX, i);
		for (size_t i = 16; i < count - 1; i++)
			classic[i] = random_insn(&d, i, count);
		classic[count - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
		for (int n = 0; n < 8; n++) {
			uint32_t avail = roll(&d, 3) ? sizeof(packet) : roll(&d, sizeof(packet));

			for (size_t i = 0; i < sizeof(packet); i++)
				packet[i] = roll(&d, 3) ? roll(&d, 4) : roll(&d, 256);
			if (agree(classic, count, packet, avail, avail + roll(&d, 9)))
				other++;
			else
				zero++;
		}
	}
	/* Both outcomes are common, or the test would say nothing. */
	assert_true(zero > 10000 && other > 10000);
}

static void invalid_programs_are_refused(void **state)
{
	static const struct sock_filter programs[][2] = {
		{BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_LD | BPF_IMM, 1)},
		{BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_JUMP(BPF_JMP | BPF_JEQ, 1, 0, 1), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(BPF_LD | BPF_MEM, 16), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(BPF_ALU | 0xd0, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(BPF_MISC | 0x40, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(BPF_LDX | BPF_MSH | BPF_W, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
		{BPF_STMT(0xffff, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
	};
	struct bpf_insn *body;
	size_t count;

	(void)state;
	for (size_t i = 0; i < COUNT(programs); i++)
		assert_int_equal(filter_translate(programs[i], 2, &body, &count), -EINVAL);
	assert_int_equal(filter_translate(programs[0], 0, &body, &count), -EINVAL);
}

/* What speed rests on: one length check on the way of a miss, no swaps, no work for M[]. */
static void the_code_is_tight(void **state)
{
	struct filter *filter;
	struct error error;
	struct machine machine;
	const struct bpf_insn *body;
	const uint8_t udp[28] = {0x45, [9] = 17};
	size_t count, swaps = 0;

	(void)state;
	assert_int_equal(filter_compile("tcp port 80", &filter, &error), 0);
	body = filter_body(filter, &count);
	for (size_t i = 0; i < count; i++)
		swaps += BPF_OP(body[i].code) == BPF_END && BPF_CLASS(body[i].code) == BPF_ALU;
	assert_int_equal(swaps, 0);
	assert_true(count <= 45);
	assert_int_equal(machine_run(&machine, body, count, udp, 14, sizeof(udp), sizeof(udp)), 0);
	assert_true(machine.steps <= 14);
	filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_at_constant_offsets),
		cmocka_unit_test(loads_from_x),
		cmocka_unit_test(other_loads),
		cmocka_unit_test(memory_words),
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(division_by_zero_is_no_match),
		cmocka_unit_test(jumps),
		cmocka_unit_test(large_jumps),
		cmocka_unit_test(byte_orders_meet),
		cmocka_unit_test(random_programs),
		cmocka_unit_test(invalid_programs_are_refused),
		cmocka_unit_test(the_code_is_tight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
