/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program for devices without Ethernet header, in the running kernel: BPF_PROG_TEST_RUN shows it a packet
 * as kernels up to 5.13 show what comes out of an IPIP tunnel, with the outer frame's header before it. Skipped
 * without the right to load programs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "config.h"
#include "bpf/hop.skel.h"
#include "kernel/load.h"
#include "record.h"

#define RING_BYTES (1 << 16)
#define ETHER 14
#define ECHO 84 /* an IPv4 echo with 56 bytes, as ping sends it */
#define FRAME_ROOM 160

struct hops {
	struct hop_bpf *bpf;
	struct ring_buffer *ring;
	struct record last;
	unsigned count;
};

static int take(void *context, void *bytes, size_t size)
{
	struct hops *hops = context;

	assert_true(size >= sizeof(hops->last));
	memcpy(&hops->last, bytes, sizeof(hops->last));
	hops->count++;
	return 0;
}

static int hops_open(void **state)
{
	static struct hops hops;
	const struct tracer_config config = {.node_netns = 1, .wake_bytes = RING_BYTES / 8};
	struct load load;
	int err;

	load_begin(&load, &(struct load_options){});
	hops.bpf = hop_bpf__open();
	assert_non_null(hops.bpf);
	memcpy((void *)&hops.bpf->rodata->config, &config, sizeof(config));
	bpf_map__set_max_entries(hops.bpf->maps.ring, RING_BYTES);
	err = hop_bpf__load(hops.bpf);
	load_end(&load);
	if (!err) {
		hops.ring = ring_buffer__new(bpf_map__fd(hops.bpf->maps.ring), take, &hops, NULL);
		assert_non_null(hops.ring);
	} else if (err != -EPERM) {
		return err;
	}
	*state = &hops;
	return 0;
}

static int hops_close(void **state)
{
	struct hops *hops = *state;

	ring_buffer__free(hops->ring);
	hop_bpf__destroy(hops->bpf);
	return 0;
}

/* Runs it over the frame; how many records came of it. */
static unsigned seen(struct hops *hops, struct bpf_program *program, const uint8_t *frame,
		     uint32_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size);

	hops->count = 0;
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &opts), 0);
	assert_int_equal((int)opts.retval, -1);
	ring_buffer__consume(hops->ring);
	return hops->count;
}

/* 172.31.0.2 > 172.31.0.1, behind an Ethernet header whose first byte looks like an IP header's. */
static void echo_reply(uint8_t frame[FRAME_ROOM])
{
	static const uint8_t ether[ETHER] = {0x45, 0, 0, 84, 0, 2, 0x45, 0, 0, 84, 0, 1, 8, 0};
	static const uint8_t ip[] = {0x45, 0, 0,   ECHO, 0x12, 0x34, 0, 0, 64, 1, 0, 0, 172, 31,
				     0,    2, 172, 31,   0,    1,    0, 0, 0,  0, 0, 7, 0,   3};

	memset(frame, 0, FRAME_ROOM);
	memcpy(frame, ether, sizeof(ether));
	memcpy(frame + ETHER, ip, sizeof(ip));
}

static void test_behind_outer_frame(void **state)
{
	struct hops *hops = *state;
	uint8_t frame[FRAME_ROOM];

	if (!hops->ring)
		skip();
	echo_reply(frame);
	assert_int_equal(seen(hops, hops->bpf->progs.cnitrace_in_l3, frame, ETHER + ECHO), 1);
	assert_int_equal(hops->last.type, RECORD_HOP_IN);
	assert_int_equal(hops->last.packet.ip_version, 4);
	assert_int_equal(hops->last.packet.ip_id, 0x1234);
	assert_int_equal(hops->last.packet.len, ECHO);
	assert_int_equal(hops->last.packet.proto, 1);
	assert_int_equal(hops->last.packet.seq & 0xffff, 3);
	assert_memory_equal(hops->last.packet.src, "\xac\x1f\x00\x02", 4);
}

static void test_behind_outer_frame_ipv6(void **state)
{
	struct hops *hops = *state;
	uint8_t frame[FRAME_ROOM] = {0x60, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
	uint8_t *ip = frame + ETHER;

	if (!hops->ring)
		skip();
	ip[0] = 0x60;
	ip[5] = 64; /* behind the header of 40 */
	ip[6] = 17;
	ip[7] = 60;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 2;
	ip[39] = 1;
	ip[42] = 0x30;
	ip[45] = 64;
	assert_int_equal(seen(hops, hops->bpf->progs.cnitrace_in_l3, frame, ETHER + 104), 1);
	assert_int_equal(hops->last.packet.ip_version, 6);
	assert_int_equal(hops->last.packet.len, 104);
	assert_int_equal(hops->last.packet.dport, 0x3000);
	assert_int_equal(hops->last.packet.src[15], 2);
}

/* Where the packet begins cannot be told from its length: nothing is made up. */
static void test_not_to_be_found(void **state)
{
	struct hops *hops = *state;
	uint8_t frame[FRAME_ROOM];

	if (!hops->ring)
		skip();
	echo_reply(frame);
	frame[0] = 2;
	assert_int_equal(seen(hops, hops->bpf->progs.cnitrace_in_l3, frame, ETHER + ECHO + 6), 1);
	assert_int_equal(hops->last.packet.ip_version, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behind_outer_frame),
		cmocka_unit_test(test_behind_outer_frame_ipv6),
		cmocka_unit_test(test_not_to_be_found),
	};

	return cmocka_run_group_tests(tests, hops_open, hops_close);
}
