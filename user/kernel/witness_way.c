/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Order matters where a witness has two programs. A call that is remembered while it lasts must
 * not be remembered for ever, so the program that forgets it is attached first and let go last. A
 * return is of no use without its entry, and is counted as lost, so there the entry comes first.
 */
#include "kernel/witness_way.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

static int file_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	int number = -ENOENT;

	if (!file)
		return -errno;
	if (fscanf(file, format, &number) != 1)
		number = -EINVAL;
	fclose(file);
	return number;
}

static int fentry_try(int btf_id)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = btf_id);
	int fd;

	if (!btf_id)
		return -ENOENT;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "cnitrace_try", "GPL", pass, 2, &opts);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void witness_ways_try(struct witness_ways *ways, int btf_id)
{
	int bit = file_number("/sys/bus/event_source/devices/kprobe/format/retprobe", "config:%d");

	ways->kprobe_type = file_number("/sys/bus/event_source/devices/kprobe/type", "%d");
	ways->return_bit = bit < 0 ? 0 : bit;
	ways->fentry = fentry_try(btf_id);
}

static int link_keep(struct witness_links *links, int fd)
{
	if (fd < 0)
		return fd;
	links->fds[links->count++] = fd;
	return 0;
}

void witness_links_close(struct witness_links *links)
{
	for (int i = 0; i < links->count; i++)
		close(links->fds[i]);
	links->count = 0;
}

/* So that what was attached last is let go first. */
static void links_reverse(struct witness_links *links)
{
	for (int i = 0; i < links->count / 2; i++) {
		int fd = links->fds[i];

		links->fds[i] = links->fds[links->count - 1 - i];
		links->fds[links->count - 1 - i] = fd;
	}
}

int witness_attach_raw_tp(const struct witness_programs *programs, const struct witness_row *row,
			  uint32_t index, struct witness_links *links)
{
	const struct witness_target none = {};
	int prog = witness_program_load(programs, TEMPLATE_RAW_TP, index, &none), link;

	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(row->tracepoint, prog);
	if (link < 0)
		link = -errno;
	close(prog);
	return link_keep(links, link);
}

/* A link's descriptor, or a negative errno. */
static int trampoline_link(const struct witness_programs *programs, enum witness_template which,
			   uint32_t index, const struct witness_target *target)
{
	int prog = witness_program_load(programs, which, index, target), link;

	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(NULL, prog);
	if (link < 0)
		link = -errno;
	close(prog);
	return link;
}

static int trampoline_attach(const struct witness_programs *programs, enum witness_template which,
			     const struct witness_resolved *resolved, uint32_t index, int btf_fd,
			     struct witness_links *links)
{
	const struct witness_target target = {.btf_id = resolved->btf_id, .btf_fd = btf_fd};

	return link_keep(links, trampoline_link(programs, which, index, &target));
}

/* Types of a BPF program's own function: its number in the program's BTF, or a negative errno. */
static int program_types(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	struct bpf_func_info function = {};

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.type != BPF_PROG_TYPE_SCHED_CLS || !info.btf_id || !info.nr_func_info ||
	    info.func_info_rec_size < sizeof(function))
		return -ENODATA;
	memset(&info, 0, sizeof(info));
	info.nr_func_info = 1;
	info.func_info_rec_size = sizeof(function);
	info.func_info = (uint64_t)(uintptr_t)&function;
	size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	return function.type_id ? (int)function.type_id : -ENODATA;
}

/*
 * Where a program's function is not what its types say (its parameter is not called struct __sk_buff), the kernel gives a
 * tracing program five words in place of the arguments, and the return value lies behind them (btf_ctx_access). A
 * program that reads the fifth loads only then.
 */
static bool program_has_words(const struct witness_target *target)
{
	const struct bpf_insn fifth[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_DW,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_REG_1,
		 .off = 4 * 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = target->btf_id, .attach_prog_fd = target->program_fd);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "cnitrace_try", "GPL", fifth, 3, &opts);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int witness_attach_program(const struct witness_programs *programs, uint32_t index, uint32_t id)
{
	struct witness_target target = {.program_fd = bpf_prog_get_fd_by_id(id), .tag = id};
	int link;

	if (target.program_fd < 0)
		return -errno;
	link = target.btf_id = program_types(target.program_fd);
	if (link > 0) {
		target.tag |= program_has_words(&target) ? WITNESS_TAG_WORDS : 0;
		link = trampoline_link(programs, TEMPLATE_FEXIT, index, &target);
	}
	close(target.program_fd);
	return link;
}

int witness_attach_fentry(const struct witness_programs *programs,
			  const struct witness_resolved *resolved, uint32_t index, int btf_fd,
			  struct witness_links *links)
{
	uint8_t style = resolved->probe.style;
	int err = 0;

	if (style != WITNESS_ENTRY)
		err = trampoline_attach(programs, TEMPLATE_FEXIT, resolved, index, btf_fd, links);
	if (!err && style != WITNESS_EXIT)
		err = trampoline_attach(programs, TEMPLATE_FENTRY, resolved, index, btf_fd, links);
	links_reverse(links);
	if (err)
		witness_links_close(links);
	return err;
}

/* A probe of its own, bound to a performance event: gone with its descriptor. */
static int kprobe_open(const struct witness_ways *ways, const char *function, bool at_return)
{
	struct perf_event_attr attr = {.type = (uint32_t)ways->kprobe_type,
				       .size = sizeof(attr),
				       .sample_period = 1,
				       .wakeup_events = 1};
	int fd;

	if (at_return)
		attr.config = 1ull << ways->return_bit;
	attr.kprobe_func = (uint64_t)(uintptr_t)function;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int kprobe_open_row(const struct witness_ways *ways, const struct witness_row *row,
			   bool at_return)
{
	char copy[80];
	int fd = kprobe_open(ways, row->function, at_return);

	if (fd != -ENOENT || !row->copied)
		return fd;
	snprintf(copy, sizeof(copy), "%s.constprop.0", row->function);
	return kprobe_open(ways, copy, at_return);
}

static int kprobe_bind(int fd, int prog)
{
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int kprobe_attach(const struct witness_programs *programs, const struct witness_ways *ways,
			 const struct witness_row *row, uint32_t index, bool at_return,
			 struct witness_links *links)
{
	enum witness_template which = at_return ? TEMPLATE_KRETPROBE : TEMPLATE_KPROBE;
	const struct witness_target none = {};
	int fd = kprobe_open_row(ways, row, at_return), prog;

	if (fd < 0)
		return fd;
	prog = witness_program_load(programs, which, index, &none);
	if (prog < 0) {
		close(fd);
		return prog;
	}
	fd = kprobe_bind(fd, prog);
	close(prog);
	return link_keep(links, fd);
}

int witness_attach_loaded(const struct witness_ways *ways, const struct witness_row *row,
			  const char *way, bool at_return, int prog, struct witness_links *links)
{
	int fd;

	if (strcmp(way, "kprobe") == 0) {
		fd = kprobe_open_row(ways, row, at_return);
		return fd < 0 ? fd : link_keep(links, kprobe_bind(fd, prog));
	}
	fd = bpf_raw_tracepoint_open(NULL, prog);
	return link_keep(links, fd < 0 ? -errno : fd);
}

int witness_attach_kprobe(const struct witness_programs *programs, const struct witness_ways *ways,
			  const struct witness_row *row, uint32_t index,
			  struct witness_links *links)
{
	bool forgets = row->style == WITNESS_FRAME;
	int err = kprobe_attach(programs, ways, row, index, forgets, links);

	if (!err && row->style != WITNESS_ENTRY)
		err = kprobe_attach(programs, ways, row, index, !forgets, links);
	links_reverse(links);
	if (err)
		witness_links_close(links);
	return err;
}
