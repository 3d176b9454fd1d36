/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The witnesses as data: for each what it explains, the function or tracepoint that says it, and
 * by names of the kernel's types what is read there. Which of them this kernel has is not known
 * here. Pure.
 */
#ifndef CNITRACE_KERNEL_WITNESS_TABLE_H
#define CNITRACE_KERNEL_WITNESS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "witness.h"

/*
 * Where to read, in names. `arg`: a parameter's name, "struct TYPE" (the first that points to
 * one), "#N" (by position, for tracepoints, whose parameters have no names), or several of these
 * with '|' between them, of which the first that exists counts; NULL: nothing. Each field is
 * "TYPE.MEMBER[.MEMBER…][+N]" or "+N" (bytes); all but the last lead to a pointer.
 */
struct witness_path {
	const char *arg;
	const char *fields[WITNESS_STEPS];
	unsigned char size; /* of a value in bytes; 0: 8 */
};

enum witness_frame {
	FRAME_NF_HOOK,
	FRAME_NFT_CHAIN,
	FRAME_VETH,
	FRAME_BRIDGE,
	FRAME_VXLAN_OUT,
	FRAME_VXLAN_IN,
	FRAME_VXLAN_PEER,
	FRAME_BACKLOG,
	FRAME_XDP,
	FRAME_XDP_VETH,
	FRAME_FRAGMENT,
	FRAME_FRAGMENT6,
	FRAMES,
};

/* What a row is about alone: where a node has none of it, nobody would be heard. */
enum witness_serves {
	WITNESS_SERVES_ALL,
	WITNESS_SERVES_IPV6,
	WITNESS_SERVES_XDP,
};

struct witness_row {
	const char *
		name; /* rows of one name are one witness: the first that this kernel has is used */
	enum witness_what what;
	enum witness_style style;
	enum witness_rule rule;
	const char *function; /* NULL: a tracepoint, or BPF programs */
	const char *tracepoint;
	const char *module; /* which may hold the function, NULL the kernel proper */
	unsigned tracepoint_args; /* it must have so many */
	enum witness_frame frame; /* of style WITNESS_FRAME */
	/* 1 + the call whose packet it is about, where the function has no skb or its parameters are not known */
	unsigned in_frame;
	/*
	 * The compiler may have made a copy of it for constant parameters (NAME.constprop.0), which a kprobe may
	 * take: of style WITNESS_FRAME only, where a parameter that was not the packet would match no drop.
	 */
	bool copied;
	enum witness_serves serves;
	bool by_task; /* about the task's system call, not about a packet */
	bool of_programs; /* attached to BPF programs, and not to a function; the packet is their only parameter */
	const char
		*known_by; /* a drop reason that says as much: not needed where the kernel has it */
	struct witness_path skb, value[WITNESS_VALUES], text[WITNESS_TEXTS];
	const char *why; /* what it is for, a phrase */
};

extern const struct witness_row witness_rows[];
extern const size_t witness_row_count;

/* Is there a witness of that name (not ended by 0, but `length` long)? */
bool witness_named(const char *name, size_t length);

#endif
