/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/load.h"

#include <errno.h>
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
	char name[80];
	int id;

	/* "trace_btf/kfree_skb": the tracepoint's prototype is the typedef btf_trace_kfree_skb */
	snprintf(name, sizeof(name), "btf_trace_%s",
		 strchr(bpf_program__section_name(prog), '/') + 1);
	id = load->btf ? btf__find_by_name_kind(load->btf, name, BTF_KIND_TYPEDEF) : -ENOENT;
	if (id < 0)
		return id;
	opts->attach_btf_id = id;
	return filter_prepare_load(prog, opts, load->filter);
}

void load_begin(struct load *load, const struct filter *filter)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, plain, .cookie = (long)load,
		    .prog_prepare_load_fn = prepare_filtered);
	LIBBPF_OPTS(libbpf_prog_handler_opts, traced, .cookie = (long)load,
		    .prog_prepare_load_fn = prepare_traced);

	libbpf_set_print(quiet);
	load->filter = filter;
	load->btf = btf__load_vmlinux_btf();
	if (libbpf_get_error(load->btf))
		load->btf = NULL;
	load->handlers[0] =
		libbpf_register_prog_handler("hop/", BPF_PROG_TYPE_SCHED_CLS, 0, &plain);
	load->handlers[1] = libbpf_register_prog_handler("trace_btf/", BPF_PROG_TYPE_TRACING,
							 BPF_TRACE_RAW_TP, &traced);
	load->handlers[2] =
		libbpf_register_prog_handler("trace_raw/", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &plain);
}

void load_end(struct load *load)
{
	for (int i = 0; i < 3; i++) {
		if (load->handlers[i] > 0)
			libbpf_unregister_prog_handler(load->handlers[i]);
	}
	btf__free(load->btf);
	load->btf = NULL;
}

/* Number of arguments of a tracepoint: those of its BTF prototype less the private first one. */
int load_tracepoint_args(const struct load *load, const char *name)
{
	const struct btf *btf = load->btf;
	const struct btf_type *type;
	char typedef_name[80];
	int id;

	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	id = btf ? btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF) : -ENOENT;
	if (id < 0)
		return id;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	if (type && btf_is_ptr(type))
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_func_proto(type))
		return -EINVAL;
	return btf_vlen(type) - 1;
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
