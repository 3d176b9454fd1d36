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

static const struct load_tracepoint *tracepoint_named(const struct load *load, const char *name)
{
	for (size_t i = 0; i < LOAD_TRACEPOINTS; i++) {
		if (!strcmp(name, load->tracepoints[i].name))
			return &load->tracepoints[i];
	}
	return NULL;
}

static int prepare_traced(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct load *load = (struct load *)cookie;

	/* "trace_btf/kfree_skb" */
	const struct load_tracepoint *tracepoint =
		tracepoint_named(load, strchr(bpf_program__section_name(prog), '/') + 1);

	if (!tracepoint)
		return -ENOENT;
	if (tracepoint->id < 0)
		return tracepoint->id;
	opts->attach_btf_id = tracepoint->id;
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

static const char typedef_prefix[] = "btf_trace_";

/* One pass over all types: there are more than a hundred thousand. */
static void kernel_types_read(struct load *load, const struct btf *btf)
{
	for (unsigned int id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		bool function = btf_is_func(type);
		const char *name;

		if (!function && !btf_is_typedef(type))
			continue;
		name = btf__name_by_offset(btf, type->name_off);
		if (function) {
			load->casts |= !strcmp(name, "bpf_rdonly_cast");
			continue;
		}
		if (strncmp(name, typedef_prefix, strlen(typedef_prefix)) != 0)
			continue;
		for (size_t i = 0; i < LOAD_TRACEPOINTS; i++) {
			struct load_tracepoint *one = &load->tracepoints[i];

			if (strcmp(name + strlen(typedef_prefix), one->name) != 0)
				continue;
			one->id = id;
			one->args = tracepoint_args(btf, id);
		}
	}
}

/* The kernel's BTF takes megabytes, and libbpf reads it again for itself: not kept. */
static void kernel_ask(struct load *load, void (*learn)(void *context, const struct btf *kernel),
		       void *context)
{
	static const char *const names[LOAD_TRACEPOINTS] = {"kfree_skb", "netif_receive_skb",
							    "net_dev_queue"};
	struct btf *btf = btf__load_vmlinux_btf();

	for (size_t i = 0; i < LOAD_TRACEPOINTS; i++)
		load->tracepoints[i] = (struct load_tracepoint){names[i], -ENOENT, -ENOENT};
	load->casts = false;
	if (libbpf_get_error(btf))
		return;
	kernel_types_read(load, btf);
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
	kernel_ask(load, learn, context);
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
	load_trim();
}

void load_trim(void)
{
	malloc_trim(0);
}

int load_tracepoint_args(const struct load *load, const char *name)
{
	const struct load_tracepoint *tracepoint = tracepoint_named(load, name);

	return tracepoint ? tracepoint->args : -ENOENT;
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
