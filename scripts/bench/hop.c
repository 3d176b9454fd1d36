// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nanoseconds per tc hop by BPF_PROG_TEST_RUN: the programs of bpf/hop.bpf.c, loaded as
 * the tool loads them, beside an empty program in the same rounds. Prints one sample a
 * line, "NAME VALUE"; scripts/bench.sh makes the table. Attaches nothing.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "config.h"

#include "bpf/hop.skel.h"
#include "kernel/load.h"

#define ROUNDS 15
#define REPEAT 200000
#define REPEAT_RECORDED 20000 /* what the ring holds without a reader */
#define RING_BYTES (8u << 20)

struct subject {
	const char *name;
	int prog;
	bool records;
	struct hop_bpf *hop; /* NULL: the empty program */
	struct ring_buffer *ring;
	struct filter *filter;
};

/* Ethernet, IPv4 10.244.1.2 -> 10.244.2.3, TCP 40000 -> 80, ACK, 1386 bytes of payload. */
static void packet_plain(unsigned char *p, size_t size)
{
	static const unsigned char head[] = {
		2,    0, 0,    0,    0,    1,    2,    0,    0,  0,  0, 2, 0x08, 0,
		0x45, 0, 0x05, 0x92, 0x12, 0x34, 0x40, 0,    64, 6,  0, 0, 10,   244,
		1,    2, 10,   244,  2,    3,    0x9c, 0x40, 0,  80, 0, 0, 0,    1,
		0,    0, 0,    1,    0x50, 0x10, 1,    0,    0,  0,  0, 0};

	memset(p, 0, size);
	memcpy(p, head, sizeof(head));
}

/* The same packet inside VXLAN to port 8472, 192.168.0.1 -> 192.168.0.2. */
static void packet_vxlan(unsigned char *p, size_t size)
{
	static const unsigned char head[] = {
		2,    0,    0,    0,    0,    3,    2,  0, 0, 0,   0,   4, 0x08, 0,   0x45, 0, 0x05,
		0xc4, 0x12, 0x34, 0,    0,    64,   17, 0, 0, 192, 168, 0, 1,    192, 168,  0, 2,
		0xc0, 1,    0x21, 0x18, 0x05, 0xb0, 0,  0, 8, 0,   0,   0, 0,    0,   1,    0};

	packet_plain(p + sizeof(head), size - sizeof(head));
	memcpy(p, head, sizeof(head));
}

static int empty_load(void)
{
	const struct bpf_insn body[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", body, 2, NULL);
}

static int ignore(void *context, void *bytes, size_t size)
{
	(void)context;
	(void)bytes;
	(void)size;
	return 0;
}

static int subject_load(struct subject *s, const char *name, const char *expression,
			const struct tracer_config *base, bool records)
{
	struct tracer_config config = *base;
	struct error error;
	struct load load;
	int err;

	s->name = name;
	s->records = records;
	if (expression) {
		err = filter_compile(expression, &s->filter, &error);
		if (err) {
			fprintf(stderr, "%s\n", error.text);
			return err;
		}
		config.has_expression = 1;
		config.expression_is_ether = filter_is_ether(s->filter);
		config.filter_reach = filter_reach(s->filter);
		config.filter_asks_len = filter_asks_len(s->filter);
	}
	config.wake_bytes = RING_BYTES / 8;
	load_begin(&load, &(struct load_options){.filter = s->filter});
	s->hop = hop_bpf__open();
	if (!s->hop)
		return -errno;
	memcpy((void *)&s->hop->rodata->config, &config, sizeof(config));
	bpf_map__set_max_entries(s->hop->maps.ring, RING_BYTES);
	err = hop_bpf__load(s->hop);
	load_end(&load);
	if (err) {
		fprintf(stderr, "%s: the tc programs do not load: %s\n", name, strerror(-err));
		return err;
	}
	s->prog = bpf_program__fd(s->hop->progs.cnitrace_in);
	s->ring = ring_buffer__new(bpf_map__fd(s->hop->maps.ring), ignore, NULL, NULL);
	return s->ring ? 0 : -errno;
}

static int sample(struct subject *s, void *packet, unsigned size, const char *suffix)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = size,
		    .repeat = s->records ? REPEAT_RECORDED : REPEAT);
	int err = bpf_prog_test_run_opts(s->prog, &o);

	if (err)
		return err;
	printf("hop.%s%s %u\n", s->name, suffix, o.duration);
	if (s->ring)
		ring_buffer__consume(s->ring);
	return 0;
}

static int instructions(const struct subject *s)
{
	struct bpf_prog_info info = {};
	unsigned size = sizeof(info);

	if (bpf_obj_get_info_by_fd(s->prog, &info, &size))
		return -errno;
	printf("hop.verified %u\nhop.jited %u\n", info.verified_insns, info.jited_prog_len);
	return 0;
}

int main(void)
{
	struct tracer_config config = {.node_netns = 1, .vxlan_ports = {8472, 4789}};
	struct tracer_config other = config;
	struct subject subjects[5] = {{.name = "empty"}};
	unsigned char plain[1440], vxlan[1490];
	int err;

	packet_plain(plain, sizeof(plain));
	packet_vxlan(vxlan, sizeof(vxlan));
	other.has_subject = 1;
	other.subject_netns = 2;
	other.address_count = 1;
	other.address_version[0] = 4;
	memcpy(other.address[0], (const unsigned char[]){10, 244, 1, 77}, 4);
	/* libbpf 1.1 frees its table when the last handler goes, and writes to it with the next one */
	libbpf_register_prog_handler("bench/", BPF_PROG_TYPE_SCHED_CLS, 0, NULL);
	subjects[0].prog = empty_load();
	if (subjects[0].prog < 0) {
		fprintf(stderr, "no BPF here: %s\n", strerror(errno));
		return 77;
	}
	err = subject_load(&subjects[1], "miss_filter", "host 10.244.1.77 and tcp port 443",
			   &config, false);
	if (!err)
		err = subject_load(&subjects[2], "miss_subject", NULL, &other, false);
	if (!err)
		err = subject_load(&subjects[3], "record", NULL, &config, true);
	if (!err)
		err = subject_load(&subjects[4], "match", "host 10.244.1.2 and tcp port 80",
				   &config, true);
	if (err)
		return 1;
	instructions(&subjects[4]);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 5; i++) {
			err = sample(&subjects[i], plain, sizeof(plain), "");
			if (!err && i)
				err = sample(&subjects[i], vxlan, sizeof(vxlan), "_vxlan");
			if (err) {
				fprintf(stderr, "BPF_PROG_TEST_RUN: %s\n", strerror(-err));
				return 1;
			}
		}
	}
	return 0;
}
