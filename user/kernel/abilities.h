/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel and these privileges allow, found by trying: nothing is attached to
 * any device and nothing stays behind.
 */
#ifndef CNITRACE_KERNEL_ABILITIES_H
#define CNITRACE_KERNEL_ABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_abilities {
	char release[128];
	char lockdown[32]; /* "none", "integrity", "confidentiality", "" unknown */
	bool btf, tcx, reasons, symbols, kprobes, jit;
	int fentry; /* 0 allowed, or the negative errno the kernel answers */
	uint64_t capabilities; /* effective set */
};

void kernel_abilities_read(struct kernel_abilities *abilities);
/* The effective set of this process, by capability number. */
uint64_t kernel_capabilities(void);
/* Is capability number `bit` held? CAP_SYS_ADMIN counts for CAP_BPF and CAP_PERFMON. */
bool kernel_capable(const struct kernel_abilities *abilities, unsigned bit);

#define CAPABILITY_DAC_OVERRIDE 1
#define CAPABILITY_DAC_READ_SEARCH 2
#define CAPABILITY_NET_ADMIN 12
#define CAPABILITY_NET_RAW 13
#define CAPABILITY_SYS_PTRACE 19
#define CAPABILITY_SYS_ADMIN 21
#define CAPABILITY_SYSLOG 34
#define CAPABILITY_PERFMON 38
#define CAPABILITY_BPF 39

struct capability {
	const char *name, *loss; /* "CAP_…"; what is lost without it */
	unsigned bit;
	bool needed; /* without it nothing is traced at all */
	const char
		*drops_loss; /* what it is to who looks at drops alone; "" nothing, NULL the same */
	bool said_when_missed; /* most runs do without: the one that cannot says so itself */
};

#define CAPABILITY_COUNT 8
extern const struct capability kernel_capability_list[CAPABILITY_COUNT];
/* Are function names shown (kernel.kptr_restrict, CAP_SYSLOG)? */
bool kernel_symbols_visible(void);

#endif
