/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/abilities.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/text.h"

static bool file_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

/* "none [integrity] confidentiality": the bracketed word is in force. */
static void lockdown_read(struct kernel_abilities *a)
{
	char line[128], *open, *close;

	if (!file_line("/sys/kernel/security/lockdown", line, sizeof(line)))
		return;
	open = strchr(line, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return;
	*close = '\0';
	text_copy(a->lockdown, sizeof(a->lockdown), open + 1);
}

const struct capability kernel_capability_list[CAPABILITY_COUNT] = {
	{"CAP_BPF", "no program loads", CAPABILITY_BPF, true},
	{"CAP_PERFMON", "no tracepoint, so no drops", CAPABILITY_PERFMON, true},
	{"CAP_NET_ADMIN",
	 "no tc program (a tcx link asks for CAP_SYS_ADMIN instead), so packets are seen at "
	 "devices by "
	 "tracepoints; no netfilter rules",
	 CAPABILITY_NET_ADMIN, false,
	 "no netfilter rules and no connection tracking, so neither is named as a cause"},
	{"CAP_NET_RAW", "probe sends no ICMP", CAPABILITY_NET_RAW, false, ""},
	{"CAP_SYS_ADMIN", "other namespaces cannot be entered: no facts of pods",
	 CAPABILITY_SYS_ADMIN, false},
	{"CAP_SYS_PTRACE", "processes and namespaces of pods cannot be found in /proc",
	 CAPABILITY_SYS_PTRACE, false},
	{.name = "CAP_DAC_READ_SEARCH",
	 .loss = "processes of other users than root that hold a socket are not named",
	 .bit = CAPABILITY_DAC_READ_SEARCH,
	 .said_when_missed = true},
	{"CAP_SYSLOG", "function names are hidden (kernel.kptr_restrict)", CAPABILITY_SYSLOG,
	 false},
};

bool kernel_symbols_visible(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[256];
	bool visible = false;

	for (int i = 0; file && i < 64 && !visible && fgets(line, sizeof(line), file); i++)
		visible = strtoull(line, NULL, 16) != 0;
	if (file)
		fclose(file);
	return visible;
}

static int program_load(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach,
		    .attach_btf_id = btf_id);

	return bpf_prog_load(type, "cnitrace_try", "GPL", pass, 2, &opts);
}

/* A device that does not exist: a kernel with tcx says so, one without does not know the type. */
static bool tcx_exists(void)
{
	int prog = program_load(BPF_PROG_TYPE_SCHED_CLS, 0, 0), link;

	if (prog < 0)
		return false;
	link = bpf_link_create(prog, 0x7ffffff0, 46, NULL);
	if (link >= 0)
		close(link);
	close(prog);
	return link == -ENODEV;
}

static int fentry_try(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "ip_forward", BTF_KIND_FUNC), fd;

	if (id < 0)
		return -ENOENT;
	fd = program_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

uint64_t kernel_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t held = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %lx", &held) == 1)
			break;
	}
	if (file)
		fclose(file);
	return held;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

void kernel_abilities_read(struct kernel_abilities *a)
{
	struct utsname name;
	struct btf *btf;
	char line[32];

	memset(a, 0, sizeof(*a));
	libbpf_set_print(silent);
	uname(&name);
	text_copy(a->release, sizeof(a->release), name.release);
	a->capabilities = kernel_capabilities();
	lockdown_read(a);
	a->symbols = kernel_symbols_visible();
	a->kprobes = !access("/sys/bus/event_source/devices/kprobe/type", R_OK);
	a->jit = file_line("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line)) &&
		 line[0] != '0';
	a->tcx = tcx_exists();
	a->fentry = -ENOENT;
	btf = btf__load_vmlinux_btf();
	if (libbpf_get_error(btf))
		return;
	a->btf = true;
	a->reasons = btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM) > 0;
	a->fentry = fentry_try(btf);
	btf__free(btf);
}

bool kernel_capable(const struct kernel_abilities *a, unsigned bit)
{
	uint64_t held = a->capabilities;

	if (held & 1ull << CAPABILITY_SYS_ADMIN)
		held |= 1ull << CAPABILITY_BPF | 1ull << CAPABILITY_PERFMON;
	if (held & 1ull << CAPABILITY_DAC_OVERRIDE)
		held |= 1ull << CAPABILITY_DAC_READ_SEARCH;
	return held & 1ull << bit;
}
