/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libbpf hands a program over, fully relocated, just before it loads it: here that is where the
 * instructions are taken; libbpf itself loads one that does nothing.
 */
#include "kernel/witness_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/witness.skel.h"

static const struct bpf_insn nothing[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	{.code = BPF_JMP | BPF_EXIT},
};

static const char *const sections[TEMPLATES] = {
	[TEMPLATE_FENTRY] = "witness/fentry",       [TEMPLATE_FEXIT] = "witness/fexit",
	[TEMPLATE_RAW_TP] = "witness/raw_tp",       [TEMPLATE_KPROBE] = "witness/kprobe",
	[TEMPLATE_KRETPROBE] = "witness/kretprobe",
};

static int template_take(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct witness_programs *programs = (struct witness_programs *)cookie;
	size_t count = bpf_program__insn_cnt(prog);

	for (int i = 0; i < TEMPLATES; i++) {
		if (strcmp(bpf_program__section_name(prog), sections[i]) != 0)
			continue;
		programs->insns[i] = malloc(count * sizeof(struct bpf_insn));
		if (!programs->insns[i])
			return -ENOMEM;
		memcpy(programs->insns[i], bpf_program__insns(prog),
		       count * sizeof(struct bpf_insn));
		programs->counts[i] = count;
	}
	opts->func_info_cnt = opts->line_info_cnt = 0;
	opts->prog_btf_fd = 0;
	return bpf_program__set_insns(prog, (struct bpf_insn *)nothing, 2);
}

int witness_programs_open(struct witness_programs *programs, const struct witness_probe *probes,
			  const struct witness_layout *layout, int counters_fd)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, take, .cookie = (long)programs,
		    .prog_prepare_load_fn = template_take);
	int handler = libbpf_register_prog_handler("witness/", BPF_PROG_TYPE_KPROBE, 0, &take);
	int err;

	memset(programs, 0, sizeof(*programs));
	if (handler < 0)
		return handler;
	programs->bpf = witness_bpf__open();
	err = programs->bpf ? 0 : -errno;
	if (!err) {
		memcpy((void *)&programs->bpf->rodata->witness_probes, probes,
		       sizeof(programs->bpf->rodata->witness_probes));
		memcpy((void *)&programs->bpf->rodata->witness_layout, layout, sizeof(*layout));
		bpf_map__reuse_fd(programs->bpf->maps.counters, counters_fd);
		err = witness_bpf__load(programs->bpf);
	}
	libbpf_unregister_prog_handler(handler);
	if (err)
		witness_programs_close(programs);
	return err;
}

struct bpf_map *witness_hints_map(const struct witness_programs *programs)
{
	return programs->bpf->maps.witness_hints;
}

struct bpf_map *witness_calls_map(const struct witness_programs *programs)
{
	return programs->bpf->maps.witness_calls;
}

size_t witness_mark_put(struct bpf_insn *insns, size_t count, int32_t mark, uint32_t value)
{
	size_t put = 0;

	for (size_t i = 0; i < count; i++) {
		if (insns[i].code != (BPF_ALU64 | BPF_MOV | BPF_K) || insns[i].imm != mark)
			continue;
		insns[i].imm = (int32_t)value;
		put++;
	}
	return put;
}

static void load_options(struct bpf_prog_load_opts *opts, enum witness_template which,
			 const struct witness_target *target)
{
	if (which != TEMPLATE_FENTRY && which != TEMPLATE_FEXIT)
		return;
	opts->expected_attach_type = which == TEMPLATE_FENTRY ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
	opts->attach_btf_id = target->btf_id;
	opts->attach_btf_obj_fd = target->btf_fd;
	opts->attach_prog_fd = target->program_fd;
}

/* What the verifier says, for who looks for the reason. */
static void refusal_print(enum bpf_prog_type type, const struct bpf_insn *insns, size_t count,
			  struct bpf_prog_load_opts *opts)
{
	size_t size = 1 << 20;
	char *log = malloc(size);
	int fd;

	if (!log)
		return;
	log[0] = '\0';
	opts->log_buf = log;
	opts->log_size = size;
	opts->log_level = 1;
	fd = bpf_prog_load(type, "cnitrace_wit", "GPL", insns, count, opts);
	if (fd >= 0)
		close(fd);
	fprintf(stderr, "%s\n", log);
	free(log);
}

int witness_program_load(const struct witness_programs *programs, enum witness_template which,
			 uint32_t row, const struct witness_target *target)
{
	static const enum bpf_prog_type types[TEMPLATES] = {
		[TEMPLATE_FENTRY] = BPF_PROG_TYPE_TRACING,
		[TEMPLATE_FEXIT] = BPF_PROG_TYPE_TRACING,
		[TEMPLATE_RAW_TP] = BPF_PROG_TYPE_RAW_TRACEPOINT,
		[TEMPLATE_KPROBE] = BPF_PROG_TYPE_KPROBE,
		[TEMPLATE_KRETPROBE] = BPF_PROG_TYPE_KPROBE,
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	size_t count = programs->counts[which];
	struct bpf_insn *insns = malloc(count * sizeof(*insns));
	int fd;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, programs->insns[which], count * sizeof(*insns));
	witness_mark_put(insns, count, WITNESS_TAG_MAGIC, target->tag);
	if (!witness_mark_put(insns, count, WITNESS_ROW_MAGIC, row)) {
		free(insns);
		return -EINVAL;
	}
	load_options(&opts, which, target);
	fd = bpf_prog_load(types[which], "cnitrace_wit", "GPL", insns, count, &opts);
	if (fd < 0 && getenv("CNITRACE_DEBUG"))
		refusal_print(types[which], insns, count, &opts);
	free(insns);
	return fd;
}

void witness_programs_close(struct witness_programs *programs)
{
	for (int i = 0; i < TEMPLATES; i++)
		free(programs->insns[i]);
	witness_bpf__destroy(programs->bpf);
	memset(programs, 0, sizeof(*programs));
}
