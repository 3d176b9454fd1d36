/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/load.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "kernel_call.h"
#include "kernel/program_inline.h"
#include "kernel/type_names.h"
#include "kernel/type_part.h"

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && getenv("CNITRACE_DEBUG"))
		return vfprintf(stderr, format, args);
	return 0;
}

static int prepare_last(const struct load *load, struct bpf_program *prog,
			struct bpf_prog_load_opts *opts)
{
	int err = filter_prepare_load(prog, opts, load->filter);

	return err ? err : program_inline_prepare(prog, opts);
}

/* libbpf calls these with the fully relocated program, just before it loads it. */
static int prepare_filtered(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	return prepare_last((struct load *)cookie, prog, opts);
}

static const struct load_tracepoint *tracepoint_named(const struct load *load, const char *name)
{
	for (size_t i = 0; i < LOAD_TRACEPOINTS; i++) {
		if (!strcmp(name, load->tracepoints[i].name))
			return &load->tracepoints[i];
	}
	return NULL;
}

/* The kernel's ids where the program has our numbers (kernel_call.h). */
static int casts_put(const struct load *load, struct bpf_program *prog)
{
	struct bpf_insn *insns = (struct bpf_insn *)bpf_program__insns(prog);

	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++) {
		bool call = insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg;
		bool move = (insns[i].code & ~(BPF_ALU | BPF_ALU64)) == (BPF_MOV | BPF_K);

		if (!(call && insns[i].imm == CALL_RDONLY_CAST) &&
		    !(move && insns[i].imm == TYPE_IPV6HDR))
			continue;
		if (!load_casts(load))
			return -ENOENT;
		insns[i].imm = call ? load->cast_function : load->cast_type;
		if (call)
			insns[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
	}
	return 0;
}

/*
 * libbpf would read all of the kernel's types for an object with a program of this type, to find the id that is known
 * already. So it gets it late.
 */
static int prepare_tracing(const struct load *load, struct bpf_program *prog,
			   struct bpf_prog_load_opts *opts, enum bpf_attach_type attach, int id)
{
	opts->expected_attach_type = attach;
	opts->attach_btf_id = id;
	if (bpf_program__set_type(prog, BPF_PROG_TYPE_TRACING))
		return -EINVAL;
	if (casts_put(load, prog))
		return -ENOENT;
	return prepare_last(load, prog, opts);
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
	return prepare_tracing(load, prog, opts, BPF_TRACE_RAW_TP, tracepoint->id);
}

/* "trace_fentry/tcp_conn_request" */
static int prepare_entry(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct load *load = (struct load *)cookie;

	return prepare_tracing(load, prog, opts, BPF_TRACE_FENTRY, load->function_id);
}

/* "trace_fexit/tcp_conn_request" */
static int prepare_exit(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct load *load = (struct load *)cookie;

	return prepare_tracing(load, prog, opts, BPF_TRACE_FEXIT, load->function_id);
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
static const char cast_function[] = "bpf_rdonly_cast";
static const char cast_type[] = "ipv6hdr";

/* Types that the programs name; and the drop reasons, of the subsystems too (include/net/dropreason.h). */
static const struct part_name {
	const char *name;
	unsigned kind;
} part_names[] = {
#include "bpf/type_names.h"
	{"skb_drop_reason", BTF_KIND_ENUM},
	{"mac80211_drop_reason", BTF_KIND_ENUM},
	{"ovs_drop_reason", BTF_KIND_ENUM},
	{"qdisc_drop_reason", BTF_KIND_ENUM},
};

#define PART_NAMES (sizeof(part_names) / sizeof(part_names[0]))

struct kernel_reading {
	struct load *load;
	const struct btf *btf;
	struct type_names names;
	ARRAY(unsigned) part;
};

static int kernel_want(struct kernel_reading *r)
{
	char name[TYPE_NAME_LENGTH];
	int err = type_names_want(&r->names, cast_function, strlen(cast_function), BTF_KIND_FUNC);

	if (!err)
		err = type_names_want(&r->names, cast_type, strlen(cast_type), BTF_KIND_STRUCT);
	for (size_t i = 0; i < LOAD_TRACEPOINTS && !err; i++) {
		snprintf(name, sizeof(name), "%s%s", typedef_prefix, r->load->tracepoints[i].name);
		err = type_names_want(&r->names, name, strlen(name), BTF_KIND_TYPEDEF);
	}
	for (size_t i = 0; i < PART_NAMES && !err; i++)
		err = type_names_want(&r->names, part_names[i].name, strlen(part_names[i].name),
				      part_names[i].kind);
	return err;
}

static int kernel_found(void *context, size_t wanted, unsigned id)
{
	struct kernel_reading *r = context;
	const struct type_wanted *type = &r->names.wanted.items[wanted];
	unsigned *slot;

	if (type->kind == BTF_KIND_FUNC) {
		r->load->cast_function = id;
		return 0;
	}
	if (type->kind == BTF_KIND_STRUCT && !strcmp(type->name, cast_type) && !r->load->cast_type)
		r->load->cast_type = id;
	for (size_t i = 0; i < LOAD_TRACEPOINTS; i++) {
		struct load_tracepoint *one = &r->load->tracepoints[i];

		if (type->kind != BTF_KIND_TYPEDEF ||
		    strncmp(type->name, typedef_prefix, strlen(typedef_prefix)) != 0 ||
		    strcmp(type->name + strlen(typedef_prefix), one->name) != 0)
			continue;
		one->id = id;
		one->args = tracepoint_args(r->btf, id);
		return 0;
	}
	slot = array_push(&r->part);
	if (!slot)
		return -ENOMEM;
	*slot = id;
	return 0;
}

/* In memory, for libbpf takes no types but from a file. */
static void part_keep(struct load *load, const struct btf *part)
{
	uint32_t size;
	const void *bytes = btf__raw_data(part, &size);

	load->types_fd = memfd_create("cnitrace-types", MFD_CLOEXEC);
	if (load->types_fd < 0)
		return;
	snprintf(load->types, sizeof(load->types), "/proc/self/fd/%d", load->types_fd);
	if (!bytes || write(load->types_fd, bytes, size) != (ssize_t)size ||
	    access(load->types, R_OK))
		load->types[0] = '\0';
}

/* The kernel's BTF takes megabytes: not kept. */
static void kernel_ask(struct load *load, const struct load_options *options)
{
	static const char *const names[LOAD_TRACEPOINTS] = {"kfree_skb", "netif_receive_skb",
							    "net_dev_queue"};
	struct kernel_reading reading = {.load = load};
	struct btf *btf = btf__load_vmlinux_btf();

	for (size_t i = 0; i < LOAD_TRACEPOINTS; i++)
		load->tracepoints[i] = (struct load_tracepoint){names[i], -ENOENT, -ENOENT};
	load->cast_function = load->cast_type = 0;
	if (libbpf_get_error(btf))
		return;
	reading.btf = btf;
	if (!kernel_want(&reading) &&
	    !type_names_find(&reading.names, btf, 1, kernel_found, &reading)) {
		struct btf *part = type_part(btf, reading.part.items, reading.part.count);

		if (part)
			part_keep(load, part);
		btf__free(part);
	}
	type_names_free(&reading.names);
	array_free(&reading.part);
	if (options->learn)
		options->learn(options->context, btf);
	btf__free(btf);
}

bool load_casts(const struct load *load)
{
	return load->cast_function && load->cast_type;
}

const char *load_types(const struct load *load)
{
	return load->types[0] ? load->types : NULL;
}

/* By the beginning of a section's name. */
static const struct section {
	const char *prefix;
	enum bpf_prog_type type;
	libbpf_prog_prepare_load_fn_t prepare;
} sections[LOAD_HANDLERS] = {
	{"hop/", BPF_PROG_TYPE_SCHED_CLS, prepare_filtered},
	{"trace_btf/", BPF_PROG_TYPE_RAW_TRACEPOINT, prepare_traced},
	{"trace_raw/", BPF_PROG_TYPE_RAW_TRACEPOINT, prepare_filtered},
	{"trace_fentry/", BPF_PROG_TYPE_RAW_TRACEPOINT, prepare_entry},
	{"trace_fexit/", BPF_PROG_TYPE_RAW_TRACEPOINT, prepare_exit},
	{"trace_kprobe/", BPF_PROG_TYPE_KPROBE, prepare_filtered},
};

void load_begin(struct load *load, const struct load_options *options)
{
	libbpf_set_print(quiet);
	load->filter = options->filter;
	load->types_fd = -1;
	load->types[0] = '\0';
	kernel_ask(load, options);
	for (int i = 0; i < LOAD_HANDLERS; i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .cookie = (long)load,
			    .prog_prepare_load_fn = sections[i].prepare);

		load->handlers[i] = libbpf_register_prog_handler(sections[i].prefix,
								 sections[i].type, 0, &handler);
	}
}

void load_end(struct load *load)
{
	for (int i = 0; i < LOAD_HANDLERS; i++) {
		if (load->handlers[i] > 0)
			libbpf_unregister_prog_handler(load->handlers[i]);
	}
	if (load->types_fd > 0)
		close(load->types_fd);
	load->types_fd = -1;
	load->types[0] = '\0';
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
