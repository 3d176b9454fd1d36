/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generated expressions on generated packets: the translation, interpreted, must say what
 * libpcap's own interpreter says of the classic program.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include "filter_cases.h"
#include "filter_machine.h"
#include "kernel/filter.h"

#define EXPRESSIONS 2000
#define PACKETS 60
#define SHORT 1 /* a direct body: it depends on bytes behind the end */

/*
 * The direct body never contradicts: what is short is a match nowhere, and with all the bytes there
 * are it says what libpcap says, also where only a part of them can be read.
 */
static void compare_direct(const struct filter *filter, const char *expression,
			   const struct case_packet *packet, uint32_t want, struct dice *d)
{
	uint32_t part = roll(d, packet->len + 1), got;
	size_t count;
	const struct bpf_insn *body = filter_direct_body(filter, &count);
	struct machine machine;

	got = machine_run_direct(&machine, body, count, packet->bytes, packet->len,
				 packet->wire_len);
	if (machine.fault || (got == SHORT ? 0 : got) != want)
		fail_msg("%s, direct: %u, libpcap says %u (%s)", expression, got, want,
			 machine.fault ? machine.fault : "no fault");
	got = machine_run_direct(&machine, body, count, packet->bytes, part, packet->wire_len);
	if (machine.fault || (got != SHORT && got != want))
		fail_msg("%s, direct, %u of %u bytes: %u, libpcap says %u (%s)", expression, part,
			 packet->len, got, want, machine.fault ? machine.fault : "no fault");
}

static void compare(const struct filter *filter, const char *expression, struct dice *d,
		    size_t *hits)
{
	bool ether = filter_is_ether(filter);
	size_t count, classic_count;
	const struct bpf_insn *body = filter_body(filter, &count);
	const struct sock_filter *classic = filter_program(filter, &classic_count);
	struct case_packet packet;
	struct machine machine;

	for (int i = 0; i < PACKETS; i++) {
		uint32_t offset = roll(d, 193), want, got;

		case_packet_make(d, ether, &packet);
		if (packet.len > sizeof(machine.window) - 256)
			packet.len = sizeof(machine.window) - 256;
		want = bpf_filter(classic, packet.bytes, packet.wire_len, packet.len);
		got = machine_run(&machine, body, count, packet.bytes, offset, packet.len,
				  packet.wire_len);
		if (machine.fault || got != want)
			fail_msg("%s: packet %d: %u, libpcap says %u (%s)", expression, i, got,
				 want, machine.fault ? machine.fault : "no fault");
		*hits += !!got;
		compare_direct(filter, expression, &packet, want, d);
	}
}

static void run(uint64_t seed, bool link)
{
	struct dice d = {seed};
	size_t compiled = 0, ether = 0, hits = 0, refused = 0;

	while (compiled < EXPRESSIONS && refused < 50 * EXPRESSIONS) {
		struct filter *filter;
		struct error error;
		char expression[1024];

		case_expression(&d, link, expression, sizeof(expression));
		if (filter_compile(expression, &filter, &error)) {
			/* libpcap itself refuses: contradictions, constant shifts, divisions by zero. */
			if (error.code != -EINVAL)
				fail_msg("%s: %s", expression, error.text);
			refused++;
			continue;
		}
		compiled++;
		ether += filter_is_ether(filter);
		compare(filter, expression, &d, &hits);
		filter_free(filter);
	}
	print_message(
		"%zu expressions (%zu refused), %zu for Ethernet, %d packets each, %zu matches\n",
		compiled, refused, ether, PACKETS, hits);
	assert_int_equal(compiled, EXPRESSIONS);
	assert_true(hits > EXPRESSIONS * PACKETS / 20);
	if (link)
		assert_int_equal(ether, compiled);
	else
		assert_int_equal(ether, 0);
}

static void ip_expressions(void **state)
{
	(void)state;
	run(0x9e3779b97f4a7c15, false);
}

static void ether_expressions(void **state)
{
	(void)state;
	run(0xc2b2ae3d27d4eb4f, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_expressions),
		cmocka_unit_test(ether_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
