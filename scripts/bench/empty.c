// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every cost is measured against: an empty program on the tracepoint kfree_skb and,
 * where a device is named, one at its tc ingress. Says "ready", then stays attached until
 * its standard input ends.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define ATTACH_TCX_INGRESS 46 /* include/uapi/linux/bpf.h of 6.6 */

static int empty_load(enum bpf_prog_type type, const char *name, int result,
		      struct bpf_prog_load_opts *opts)
{
	const struct bpf_insn body[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = result},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(type, name, "GPL", body, 2, opts);
}

static int tracepoint_attach(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP);
	struct btf *btf = btf__load_vmlinux_btf();
	int prog;

	opts.attach_btf_id = btf__find_by_name_kind(btf, "btf_trace_kfree_skb", BTF_KIND_TYPEDEF);
	btf__free(btf);
	prog = empty_load(BPF_PROG_TYPE_TRACING, "bench_empty_tp", 0, &opts);
	return prog < 0 ? prog : bpf_raw_tracepoint_open(NULL, prog);
}

static int device_attach(const char *device)
{
	int prog = empty_load(BPF_PROG_TYPE_SCHED_CLS, "bench_empty_tc", -1, NULL);

	if (prog < 0)
		return prog;
	return bpf_link_create(prog, if_nametoindex(device), ATTACH_TCX_INGRESS, NULL);
}

int main(int argc, char **argv)
{
	char byte;

	if (tracepoint_attach() < 0 || (argc > 1 && device_attach(argv[1]) < 0)) {
		fprintf(stderr, "an empty program could not be attached: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
