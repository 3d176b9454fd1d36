/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a program finds the arguments of the function it is attached to: in its context by number
 * (fentry, fexit, raw tracepoints), in the registers (kprobe). It knows no function's signature.
 */
#ifndef CNITRACE_ARGUMENTS_BPF_H
#define CNITRACE_ARGUMENTS_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/*
 * A word of the context, at a place the verifier sees in the instruction itself: it takes no
 * pointer into a context that was computed, as the compiler would.
 */
#define CONTEXT_WORD(value, ctx, number)                                                           \
	asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value) : "r"(ctx), "i"((number)*8))

/* The registers at a function's entry, as the kernel lays them out for kprobe programs (a fixed ABI). */
#if defined(__TARGET_ARCH_x86)
struct registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
		flags, sp, ss;
};

static __always_inline void registers_args(const struct registers *r, __u64 *args)
{
	args[0] = r->di;
	args[1] = r->si;
	args[2] = r->dx;
	args[3] = r->cx;
	args[4] = r->r8;
	args[5] = r->r9;
}

#define RESULT(r) ((r)->ax)
#define RETURN_SLOT 8 /* the return address has been taken off the stack */
#elif defined(__TARGET_ARCH_arm64)
struct registers {
	__u64 x[31], sp, pc, pstate;
};

static __always_inline void registers_args(const struct registers *r, __u64 *args)
{
	args[0] = r->x[0];
	args[1] = r->x[1];
	args[2] = r->x[2];
	args[3] = r->x[3];
	args[4] = r->x[4];
	args[5] = r->x[5];
}

#define RESULT(r) ((r)->x[0])
#define RETURN_SLOT 0
#endif

#endif
