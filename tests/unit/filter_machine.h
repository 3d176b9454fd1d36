/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An interpreter for the eBPF that filter_translate() makes, strict where the verifier is:
 * memory outside the window or the stack, unset registers, jumps backward or out of the
 * program, and falling off its end all fail the test instead of giving an answer.
 */
#ifndef CNITRACE_FILTER_MACHINE_H
#define CNITRACE_FILTER_MACHINE_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/filter.h>

#define MACHINE_WINDOW 512

struct machine {
	uint8_t window[MACHINE_WINDOW];
	uint8_t stack[64], stack_set[64];
	const uint8_t *
		end; /* of the packet, where it is read directly: a load beyond is a fault. Else NULL. */
	uint64_t r[11];
	uint16_t set; /* registers that hold a value */
	const char *fault;
	size_t steps;
};

/* libpcap's interpreter; its header cannot stand beside <linux/bpf.h>. */
unsigned int bpf_filter(const void *program, const unsigned char *packet, unsigned int wire_len,
			unsigned int avail);

static inline uint8_t *machine_memory(struct machine *m, uint64_t address, unsigned int size)
{
	uintptr_t window = (uintptr_t)m->window, stack = (uintptr_t)m->stack;

	if (m->end && address >= window && address < stack && address + size > (uintptr_t)m->end) {
		m->fault = "memory behind the packet's end";
		return NULL;
	}
	if (address >= window && address + size <= window + sizeof(m->window))
		return m->window + (address - window);
	if (address >= stack && address + size <= stack + sizeof(m->stack))
		return m->stack + (address - stack);
	m->fault = "memory outside the window and the stack";
	return NULL;
}

static inline unsigned int machine_size(uint8_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static inline void machine_load(struct machine *m, const struct bpf_insn *i)
{
	unsigned int size = machine_size(i->code);
	uint8_t *at = machine_memory(m, m->r[i->src_reg] + i->off, size);
	uint32_t word = 0;
	uint16_t half;

	if (!at)
		return;
	if (at >= m->stack && at < m->stack + sizeof(m->stack) && !m->stack_set[at - m->stack])
		m->fault = "read of unset stack";
	if (size == 2) {
		memcpy(&half, at, 2);
		word = half;
	} else {
		memcpy(size == 4 ? (uint8_t *)&word : (uint8_t *)&half, at, size);
		word = size == 4 ? word : *at;
	}
	m->r[i->dst_reg] = word;
	m->set |= 1u << i->dst_reg;
}

static inline void machine_store(struct machine *m, const struct bpf_insn *i, uint32_t value)
{
	unsigned int size = machine_size(i->code);
	uint8_t *at = machine_memory(m, m->r[i->dst_reg] + i->off, size), byte = value;

	if (!at)
		return;
	if (i->dst_reg != BPF_REG_10 || size == 2) {
		m->fault = "store outside the stack";
		return;
	}
	memcpy(at, size == 4 ? (void *)&value : &byte, size);
	memset(m->stack_set + (at - m->stack), 1, size);
}

static inline uint64_t machine_alu(struct machine *m, const struct bpf_insn *i, uint64_t a,
				   uint64_t b)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint32_t a32 = a, b32 = b;

	if (BPF_OP(i->code) == BPF_END)
		return i->imm == 16 ? htons(a) : htonl(a);
	if (wide) {
		if (BPF_OP(i->code) == BPF_ADD)
			return a + b;
		if (BPF_OP(i->code) == BPF_MOV)
			return b;
		m->fault = "64-bit operation";
		return 0;
	}
	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		return a32 + b32;
	case BPF_SUB:
		return a32 - b32;
	case BPF_MUL:
		return a32 * b32;
	case BPF_DIV:
		return b32 ? a32 / b32 : 0;
	case BPF_MOD:
		return b32 ? a32 % b32 : a32;
	case BPF_OR:
		return a32 | b32;
	case BPF_AND:
		return a32 & b32;
	case BPF_XOR:
		return a32 ^ b32;
	case BPF_LSH:
		return a32 << (b32 & 31);
	case BPF_RSH:
		return a32 >> (b32 & 31);
	case BPF_NEG:
		return -a32;
	case BPF_MOV:
		return b32;
	default:
		m->fault = "unknown operation";
		return 0;
	}
}

static inline bool machine_jumps(struct machine *m, const struct bpf_insn *i, uint64_t a,
				 uint64_t b)
{
	if (BPF_CLASS(i->code) == BPF_JMP32) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return true;
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSET:
		return a & b;
	default:
		m->fault = "unknown jump";
		return false;
	}
}

/* Registers an instruction reads, as bits. */
static inline uint16_t machine_reads(const struct bpf_insn *i)
{
	uint16_t dst = 1u << i->dst_reg, src = 1u << i->src_reg;
	uint8_t op = BPF_OP(i->code);

	switch (BPF_CLASS(i->code)) {
	case BPF_LDX:
		return src;
	case BPF_ST:
		return dst;
	case BPF_STX:
		return dst | src;
	case BPF_ALU:
	case BPF_ALU64:
		if (op == BPF_END || op == BPF_NEG)
			return dst;
		return (op == BPF_MOV ? 0 : dst) | (BPF_SRC(i->code) == BPF_X ? src : 0);
	default:
		if (op == BPF_JA)
			return 0;
		if (op == BPF_EXIT)
			return 1;
		return dst | (BPF_SRC(i->code) == BPF_X ? src : 0);
	}
}

static inline bool machine_step(struct machine *m, const struct bpf_insn *i, size_t *pc,
				size_t count)
{
	uint64_t b = BPF_SRC(i->code) == BPF_X ? m->r[i->src_reg] : (uint64_t)(int64_t)i->imm;

	if (machine_reads(i) & ~m->set)
		m->fault = "read of an unset register";
	switch (BPF_CLASS(i->code)) {
	case BPF_LDX:
		machine_load(m, i);
		break;
	case BPF_ST:
		machine_store(m, i, i->imm);
		break;
	case BPF_STX:
		machine_store(m, i, m->r[i->src_reg]);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		m->r[i->dst_reg] = machine_alu(m, i, m->r[i->dst_reg], b);
		m->set |= 1u << i->dst_reg;
		break;
	case BPF_JMP:
	case BPF_JMP32:
		if (i->code == (BPF_JMP | BPF_EXIT))
			return false;
		if (i->off < 0 || *pc + i->off >= count)
			m->fault = "jump backward or out of the program";
		else if (machine_jumps(m, i, m->r[i->dst_reg], b))
			*pc += i->off;
		break;
	default:
		m->fault = "unknown class";
	}
	return !m->fault;
}

static inline uint32_t machine_go(struct machine *m, const struct bpf_insn *insns, size_t count)
{
	size_t pc = 0;

	m->r[10] = (uintptr_t)m->stack + sizeof(m->stack);
	m->set = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 10;
	for (;;) {
		m->steps++;
		if (pc >= count) {
			m->fault = "ran off the end";
			return 0;
		}
		if (!machine_step(m, &insns[pc++], &pc, count))
			return m->fault ? 0 : m->r[0];
	}
}

static inline void machine_fill(struct machine *m, const uint8_t *packet, uint32_t offset,
				uint32_t avail)
{
	memset(m, 0, sizeof(*m));
	/* What an earlier packet left behind must not matter. */
	memset(m->window, 0x45, sizeof(m->window));
	memcpy(m->window + offset, packet, avail);
}

/* Runs a translated body on `avail` bytes laid `offset` into the window; m->fault says what went wrong. */
static inline uint32_t machine_run(struct machine *m, const struct bpf_insn *insns, size_t count,
				   const uint8_t *packet, uint32_t offset, uint32_t avail,
				   uint32_t wire_len)
{
	machine_fill(m, packet, offset, avail);
	m->r[1] = (uintptr_t)m->window;
	/* The upper halves of 32-bit arguments hold anything. */
	m->r[2] = 0xdeadbeef00000000ull | offset;
	m->r[3] = 0xdeadbeef00000000ull | avail;
	m->r[4] = 0xdeadbeef00000000ull | wire_len;
	return machine_go(m, insns, count);
}

/* The same of a direct body. */
static inline uint32_t machine_run_direct(struct machine *m, const struct bpf_insn *insns,
					  size_t count, const uint8_t *packet, uint32_t avail,
					  uint32_t wire_len)
{
	machine_fill(m, packet, 0, avail);
	m->end = m->window + avail;
	m->r[1] = (uintptr_t)m->window;
	m->r[3] = (uintptr_t)m->end;
	m->r[4] = 0xdeadbeef00000000ull | wire_len;
	return machine_go(m, insns, count);
}

#endif
