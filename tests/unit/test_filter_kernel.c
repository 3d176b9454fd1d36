/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spliced programs in the running kernel: the verifier takes each, and BPF_PROG_TEST_RUN says of
 * real packets what libpcap's interpreter says. Skipped without the right to load programs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include <bpf/bpf.h>

#include "filter_cases.h"
#include "filter_machine.h"
#include "kernel/filter.h"
#include "kernel/program_inline.h"

#define EXPRESSIONS 300
#define PACKETS 25
#define FRAME 14

/* The map's value: what the program hands to the stub, all of it unknown to the verifier. */
struct input {
	uint8_t window[MACHINE_WINDOW];
	uint32_t offset, avail, wire_len, result;
};

struct kernel {
	int map;
	struct input *input;
	size_t pages, directs; /* programs that read the packet itself */
	size_t put_in, called; /* programs by what became of the filter */
};

static int kernel_open(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -1;
	*state = k;
	k->pages = sysconf(_SC_PAGESIZE);
	k->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "filter_test", 4, sizeof(struct input), 1,
				&opts);
	if (k->map < 0)
		return 0;
	k->input = mmap(NULL, k->pages, PROT_READ | PROT_WRITE, MAP_SHARED, k->map, 0);
	return k->input == MAP_FAILED ? -1 : 0;
}

static int kernel_close(void **state)
{
	struct kernel *k = *state;

	if (k->map >= 0) {
		munmap(k->input, k->pages);
		close(k->map);
	}
	free(k);
	return 0;
}

static struct bpf_insn load_input(uint8_t reg, size_t field)
{
	return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
				 .dst_reg = reg,
				 .src_reg = BPF_REG_6,
				 .off = field};
}

/* As the loader does it: a short filter is put where it is called. */
static size_t filter_put(struct kernel *k, const struct bpf_insn *with_stub, size_t stub_count,
			 const struct filter *filter, struct bpf_insn **insns)
{
	struct bpf_insn *spliced;
	struct edited edited;
	size_t count;

	assert_int_equal(filter_splice(with_stub, stub_count, filter, &spliced, &count), 0);
	assert_true(count != stub_count);
	assert_int_equal(program_inline(spliced, count, &edited), 0);
	k->put_in += edited.place[count] < count;
	k->called += edited.place[count] == count;
	count = edited.place[count];
	*insns = edited.insns;
	free(edited.place);
	free(spliced);
	return count;
}

static int instructions_load(struct kernel *k, const struct bpf_insn *with_stub, size_t stub_count,
			     const struct filter *filter)
{
	static char log[65536];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log));
	struct bpf_insn *insns;
	size_t count = filter_put(k, with_stub, stub_count, filter, &insns);
	int fd;

	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "filter_test", "GPL", insns, count, NULL);
	if (fd < 0) {
		log[0] = '\0';
		opts.log_level = 1;
		fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "filter_test", "GPL", insns, count,
				   &opts);
	}
	if (fd < 0)
		print_error("%s\n", log + (strlen(log) > 2000 ? strlen(log) - 2000 : 0));
	free(insns);
	return fd;
}

/* Calls the stub with what the map says and stores its result there; returns the program's fd. */
static int program_load(struct kernel *k, const struct filter *filter)
{
	uint64_t magic = filter_is_ether(filter) ? 0x636e6966696c7432 : 0x636e6966696c7431;
	const struct bpf_insn with_stub[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_6,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = k->map},
		{0},
		load_input(BPF_REG_2, offsetof(struct input, offset)),
		load_input(BPF_REG_3, offsetof(struct input, avail)),
		load_input(BPF_REG_4, offsetof(struct input, wire_len)),
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 3},
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_6,
		 .src_reg = BPF_REG_0,
		 .off = offsetof(struct input, result)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_5, .imm = (uint32_t)magic},
		{.imm = magic >> 32},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return instructions_load(k, with_stub, sizeof(with_stub) / sizeof(*with_stub), filter);
}

/* The same with the stub that reads the packet itself. */
static int direct_load(struct kernel *k, const struct filter *filter)
{
	const struct bpf_insn with_stub[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_7,
		 .src_reg = BPF_REG_1,
		 .off = offsetof(struct __sk_buff, data)},
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_3,
		 .src_reg = BPF_REG_1,
		 .off = offsetof(struct __sk_buff, data_end)},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_6,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = k->map},
		{0},
		load_input(BPF_REG_4, offsetof(struct input, wire_len)),
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_7},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = FRAME},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 3},
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_6,
		 .src_reg = BPF_REG_0,
		 .off = offsetof(struct input, result)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_5,
		 .imm = (uint32_t)0x636e6966696c7433},
		{.imm = 0x636e6966696c7433 >> 32},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return instructions_load(k, with_stub, sizeof(with_stub) / sizeof(*with_stub), filter);
}

/* Behind a frame header of its own, for the kernel looks into what it takes for IP. */
static uint32_t direct_run(const struct kernel *k, int fd, const struct case_packet *packet)
{
	uint8_t frame[FRAME + sizeof(packet->bytes)] = {[FRAME - 2] = 0x88, [FRAME - 1] = 0xb5};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME + packet->len);

	memcpy(frame + FRAME, packet->bytes, packet->len);
	k->input->wire_len = packet->wire_len;
	k->input->result = 0xbad;
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	/* 1: it depends on bytes that do not exist */
	return k->input->result == 1 ? 0 : k->input->result;
}

static uint32_t program_run(const struct kernel *k, int fd, uint32_t offset,
			    const struct case_packet *packet)
{
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	memset(k->input->window, 0x45, sizeof(k->input->window));
	memcpy(k->input->window + offset, packet->bytes, packet->len);
	k->input->offset = offset;
	k->input->avail = packet->len;
	k->input->wire_len = packet->wire_len;
	k->input->result = 0xbad;
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	return k->input->result;
}

static void compare(struct kernel *k, const char *expression, struct dice *d, size_t *hits)
{
	struct case_packet packet;
	struct filter *filter;
	struct error error;
	const struct sock_filter *classic;
	size_t count;
	int fd, direct = -1;

	if (filter_compile(expression, &filter, &error))
		fail_msg("%s", error.text);
	classic = filter_program(filter, &count);
	fd = program_load(k, filter);
	if (fd < 0)
		fail_msg("the kernel refuses \"%s\": %d", expression, fd);
	if (filter_reach(filter) <= 64) {
		direct = direct_load(k, filter);
		k->directs++;
		if (direct < 0)
			fail_msg("the kernel refuses \"%s\", direct: %d", expression, direct);
	}
	for (int i = 0; i < PACKETS; i++) {
		uint32_t want, got;

		case_packet_make(d, filter_is_ether(filter), &packet);
		want = bpf_filter(classic, packet.bytes, packet.wire_len, packet.len);
		got = program_run(k, fd, roll(d, 193), &packet);
		if (got != want)
			fail_msg("%s: packet %d: %u, libpcap says %u", expression, i, got, want);
		*hits += !!got;
		if (direct < 0 || !packet.len)
			continue;
		got = direct_run(k, direct, &packet);
		if (got != want)
			fail_msg("%s, direct: packet %d: %u, libpcap says %u", expression, i, got,
				 want);
	}
	close(fd);
	if (direct >= 0)
		close(direct);
	filter_free(filter);
}

static void generated_expressions(void **state)
{
	struct kernel *k = *state;
	struct dice d = {0x9e3779b97f4a7c15};
	size_t hits = 0;

	if (k->map < 0)
		skip();
	for (int done = 0; done < EXPRESSIONS;) {
		struct filter *filter;
		struct error error;
		char expression[1024];

		case_expression(&d, done % 3 == 0, expression, sizeof(expression));
		if (filter_compile(expression, &filter, &error))
			continue;
		filter_free(filter);
		compare(k, expression, &d, &hits);
		done++;
	}
	assert_true(hits > EXPRESSIONS * PACKETS / 20);
	assert_true(k->directs > EXPRESSIONS / 4);
	assert_true(k->put_in > EXPRESSIONS / 4);
	assert_true(k->called > EXPRESSIONS / 20);
}

/* Shapes that generated ones seldom have: loops, memory words, hundreds of branches. */
static void hard_expressions(void **state)
{
	static const char *const expressions[] = {
		"",
		"ip6 protochain 17",
		"ip protochain 17 or ip6 protochain 6",
		"(ip[0] + ip[ip[ip[1] & 3] & 15] * ip[3]) / (ip[4] & 3) % 7 = 1 or ip[ip[2:2]] = 3",
		"tcp[((tcp[12] & 0xf0) >> 2) : 4] = 0x47455420",
		"ip[ip[2] << 2 : 4] - ip[8:4] > ip[0:4] ^ len",
		"vlan and vlan and ip and tcp[0] << ip[0] > 2",
	};
	struct kernel *k = *state;
	struct dice d = {0x853c49e6748fea9b};
	char ports[8192] = "port 1";
	size_t hits = 0;

	if (k->map < 0)
		skip();
	for (size_t i = 0; i < sizeof(expressions) / sizeof(*expressions); i++)
		compare(k, expressions[i], &d, &hits);
	for (int port = 2; port < 250; port++)
		say(ports, sizeof(ports), " or src port %d", port * 7);
	compare(k, ports, &d, &hits);
	assert_true(hits > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_expressions),
		cmocka_unit_test(hard_expressions),
	};

	return cmocka_run_group_tests(tests, kernel_open, kernel_close);
}
