// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes drops, as cheaply as a kernel can: `drops [-t THREADS] DEVICE COUNT [RATE]`. A program of its own, run by
 * BPF_PROG_TEST_RUN, hands clones of one small UDP packet to DEVICE, which must be down: the kernel frees each
 * (____dev_forward_skb) and counts it in the device's rx_dropped, whoever else counts. No socket, no
 * queue and no rule is in the way.
 *
 * COUNT is rounded up to what one run makes, for each thread. RATE is of all threads together; what
 * cannot be made in COUNT / RATE seconds is left out. Prints how many and how many a second.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define CLONES 16 /* by one run of the program */
#define THREADS 64
#define SECOND_NS 1000000000ll

struct worker {
	pthread_t thread;
	int prog;
	long runs, rate, made; /* rate: runs a second, 0 as many as go */
	long long begin_ns, end_ns; /* end: when it must be over, 0 never */
	int err;
};

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void sleep_until(long long ns)
{
	struct timespec until = {.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static int program_load(int ifindex)
{
	const struct bpf_insn body[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 7, .imm = CLONES},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = ifindex},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = BPF_F_INGRESS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_clone_redirect},
		{.code = BPF_ALU64 | BPF_SUB | BPF_K, .dst_reg = 7, .imm = 1},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 7, .off = -6, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bench_drops", "GPL", body,
			     sizeof(body) / sizeof(body[0]), NULL);
}

/* `runs` runs, CLONES drops each. */
static int drops_make(int prog, int runs)
{
	/* Ethernet, IPv4 192.0.2.1 -> 192.0.2.2, UDP 40000 -> 9, 18 bytes of payload */
	static const unsigned char packet[60] = {0,   0, 0,    0,  0,    0,    2,   0,  0,    0,
						 0,   1, 0x08, 0,  0x45, 0,    0,   46, 0x12, 0x34,
						 0,   0, 64,   17, 0xe2, 0x82, 192, 0,  2,    1,
						 192, 0, 2,    2,  0x9c, 0x40, 0,   9,  0,    26};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = runs);

	return bpf_prog_test_run_opts(prog, &opts);
}

static void *work(void *context)
{
	struct worker *w = context;
	long slice = w->rate ? w->rate / 1000 + 1 : 1000;

	while (w->made < w->runs && !w->err) {
		long runs = w->runs - w->made < slice ? w->runs - w->made : slice;

		if (w->rate)
			sleep_until(w->begin_ns + w->made * SECOND_NS / w->rate);
		if (w->end_ns && now_ns() >= w->end_ns)
			break;
		w->err = drops_make(w->prog, runs);
		if (!w->err)
			w->made += runs;
	}
	return NULL;
}

static int run(int prog, int threads, long count, long rate)
{
	struct worker workers[THREADS] = {};
	long long begin = now_ns(), took;
	long made = 0;
	int err = 0;

	for (int i = 0; i < threads; i++) {
		workers[i] = (struct worker){
			.prog = prog,
			.runs = (count / threads + CLONES - 1) / CLONES,
			.rate = rate / threads / CLONES,
			.begin_ns = begin,
			.end_ns = rate ? begin + count * SECOND_NS / rate : 0,
		};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return -EAGAIN;
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		made += workers[i].made * CLONES;
		err = err ? err : workers[i].err;
	}
	took = now_ns() - begin;
	printf("%ld %.0f\n", made, made * 1e9 / took);
	return err;
}

int main(int argc, char **argv)
{
	int option, threads = 1, ifindex, prog, err;
	long count, rate;

	while ((option = getopt(argc, argv, "t:")) > 0) {
		if (option != 't')
			return 2;
		threads = atoi(optarg);
	}
	argv += optind;
	argc -= optind;
	if (argc < 2 || argc > 3 || threads < 1 || threads > THREADS)
		return 2;
	ifindex = if_nametoindex(argv[0]);
	count = atol(argv[1]);
	rate = argc > 2 ? atol(argv[2]) : 0;
	if (!ifindex || count < 1 || (rate && rate < threads * CLONES)) {
		fprintf(stderr, "drops: no device, no count or too small a rate\n");
		return 2;
	}
	prog = program_load(ifindex);
	err = prog < 0 ? prog : run(prog, threads, count, rate);
	if (err)
		fprintf(stderr, "drops: %s\n", strerror(-err));
	return err ? 1 : 0;
}
