/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/load.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && getenv("CNITRACE_DEBUG"))
		return vfprintf(stderr, format, args);
	return 0;
}

/* libbpf calls these with the fully relocated program, just before it loads it. */
static int prepare_filtered(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct load *load = (struct load *)cookie;

	return filter_prepare_load(prog, opts, load->filter);
}

static int prepare_traced(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct load *load = (struct load *)cookie;

	/* "trace_btf/kfree_skb" */
	if (strcmp(strchr(bpf_program__section_name(prog), '/') + 1, load->tracepoint.name) != 0)
		return -ENOENT;
	if (load->tracepoint.id < 0)
		return load->tracepoint.id;
	opts->attach_btf_id = load->tracepoint.id;
	return filter_prepare_load(prog, opts, load->filter);
}

/* "trace_fentry/tcp_conn_request", "trace_fexit/…" */
static int prepare_entry(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct load *load = (struct load *)cookie;

	opts->attach_btf_id = load->function_id;
	return filter_prepare_load(prog, opts, load->filter);
}

/* Arguments of the tracepoint whose typedef is `id`: those of its prototype less the private first one. */
static int tracepoint_args(const struct btf *btf, int id)
{
	const struct btf_type *type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);

	if (type && btf_is_ptr(type))
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_func_proto(type))
		return -EINVAL;
	return btf_vlen(type) - 1;
}

/* The kernel's BTF takes megabytes, and libbpf reads it again for itself: not kept. */
static void kernel_ask(struct load *load, const char *name,
		       void (*learn)(void *context, const struct btf *kernel), void *context)
{
	struct load_tracepoint *tracepoint = &load->tracepoint;
	struct btf *btf = btf__load_vmlinux_btf();
	char typedef_name[80];

	tracepoint->name = name;
	tracepoint->id = tracepoint->args = -ENOENT;
	load->casts = false;
	if (libbpf_get_error(btf))
		return;
	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	tracepoint->id = btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF);
	tracepoint->args =
		tracepoint->id < 0 ? tracepoint->id : tracepoint_args(btf, tracepoint->id);
	load->casts = btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
	if (learn)
		learn(context, btf);
	btf__free(btf);
}

void load_begin(struct load *load, const struct filter *filter,
		void (*learn)(void *context, const struct btf *kernel), void *context)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, plain, .cookie = (long)load,
		    .prog_prepare_load_fn = prepare_filtered);
	LIBBPF_OPTS(libbpf_prog_handler_opts, traced, .cookie = (long)load,
		    .prog_prepare_load_fn = prepare_traced);

	LIBBPF_OPTS(libbpf_prog_handler_opts, entry, .cookie = (long)load,
		    .prog_prepare_load_fn = prepare_entry);

	libbpf_set_print(quiet);
	load->filter = filter;
	kernel_ask(load, "kfree_skb", learn, context);
	load->handlers[0] =
		libbpf_register_prog_handler("hop/", BPF_PROG_TYPE_SCHED_CLS, 0, &plain);
	load->handlers[1] = libbpf_register_prog_handler("trace_btf/", BPF_PROG_TYPE_TRACING,
							 BPF_TRACE_RAW_TP, &traced);
	load->handlers[2] =
		libbpf_register_prog_handler("trace_raw/", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &plain);
	load->handlers[3] = libbpf_register_prog_handler("trace_fentry/", BPF_PROG_TYPE_TRACING,
							 BPF_TRACE_FENTRY, &entry);
	load->handlers[4] =
		libbpf_register_prog_handler("trace_kprobe/", BPF_PROG_TYPE_KPROBE, 0, &plain);
	load->handlers[5] = libbpf_register_prog_handler("trace_fexit/", BPF_PROG_TYPE_TRACING,
							 BPF_TRACE_FEXIT, &entry);
}

void load_end(struct load *load)
{
	for (int i = 0; i < LOAD_HANDLERS; i++) {
		if (load->handlers[i] > 0)
			libbpf_unregister_prog_handler(load->handlers[i]);
	}
	malloc_trim(0); /* libbpf's tables of types are gone: so shall be their pages */
}

int load_tracepoint_args(const struct load *load, const char *name)
{
	return strcmp(name, load->tracepoint.name) ? -ENOENT : load->tracepoint.args;
}

/* Runs the kernel refused because the program was already running on that CPU: never seen, so lost. */
uint64_t load_program_misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int fd = bpf_program__fd(prog);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return 0;
	return info.recursion_misses;
}
