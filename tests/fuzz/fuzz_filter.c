/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a filter expression, and as a classic program with a packet: nothing may crash or
 * leak, and a program that is accepted must do what libpcap's interpreter does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/filter_machine.h"
#include "kernel/filter.h"

#define PACKET 64
#define INSNS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_expression(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct filter *filter;
	struct error error;

	/* Names would be looked up in the fuzzing machine's DNS. */
	for (char *c = text; c && *c; c++)
		if (*c == '.' && c[1] >= 'a')
			*c = '0';
	if (text && !filter_compile(text, &filter, &error))
		filter_free(filter);
	free(text);
}

/* What libpcap's interpreter leaves undefined: unset M[], shifts by 32 and more, endless loops. */
static bool defined(const struct sock_filter *classic, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t class = BPF_CLASS(classic[i].code), op = BPF_OP(classic[i].code);

		if (class == BPF_ALU && (op == BPF_LSH || op == BPF_RSH) && classic[i].k > 31)
			return false;
		if ((class == BPF_LD || class == BPF_LDX) && BPF_MODE(classic[i].code) == BPF_MEM)
			return false;
		if (class == BPF_JMP && op == BPF_JA && (int32_t)classic[i].k < 0)
			return false;
	}
	return true;
}

static void try_program(const uint8_t *data, size_t size)
{
	struct sock_filter classic[INSNS_MAX];
	size_t count = (size - PACKET) / sizeof(*classic), body_count;
	struct machine machine;
	struct bpf_insn *body;
	uint32_t got;

	if (count > INSNS_MAX)
		count = INSNS_MAX;
	memcpy(classic, data + PACKET, count * sizeof(*classic));
	if (filter_translate(classic, count, &body, &body_count))
		return;
	got = machine_run(&machine, body, body_count, data, 14, PACKET, PACKET);
	if (machine.fault)
		abort();
	if (defined(classic, count) && got != bpf_filter(classic, data, PACKET, PACKET))
		abort();
	free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] < 0x80)
		try_expression(data, size);
	else if (size > PACKET)
		try_program(data, size);
	return 0;
}
