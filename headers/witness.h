/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Witnesses: probes on functions of the drop paths, whose arguments and return values say why a
 * packet was freed. What a probe reads, and where, is data: struct witness_probe, filled by the
 * loader from the running kernel's types and constant for the verifier. Same layout on both sides.
 */
#ifndef CNITRACE_WITNESS_H
#define CNITRACE_WITNESS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* What a witness says; `ret`, `value` and `text` are those of struct witness_info. */
enum witness_what {
	WITNESS_NONE,
	WITNESS_NF_HOOK, /* in a netfilter hook: value hook number, family; text input and output device */
	WITNESS_NFT_CHAIN, /* in, or dropped by, an nftables chain: value hook; text table, chain */
	WITNESS_XT_TABLE, /* an iptables table said drop: value hook; text table */
	WITNESS_CONNTRACK, /* ret: verdict of nf_conntrack_in, NF_DROP 0: no room for an entry; NF_ACCEPT 1: invalid */
	WITNESS_CONFIRM, /* the entry could not be inserted */
	WITNESS_SOURCE, /* ret: negative errno, or since 6.13 drop reason, of the source validation */
	WITNESS_ROUTE_IN, /* ret: negative errno, or since 6.13 drop reason */
	WITNESS_ROUTE_OUT, /* ret: negative errno; value destination (IPv4, network order), of a tunnel's look-up */
	WITNESS_NEIGHBOUR, /* address resolution failed: value NUD_* state, address (16 bytes); text device */
	WITNESS_WAITING, /* queued for address resolution: as above */
	WITNESS_ICMP, /* an ICMP error is about to answer: value type, code, info (IPv4: network order) */
	WITNESS_VETH, /* being handed to a veth's other end: value its MTU, its IFF_* flags; text its name */
	WITNESS_BRIDGE, /* being forwarded to a bridge port: value BR_* flags, BR_STATE_*; text its name */
	WITNESS_VXLAN_OUT, /* being encapsulated: value VNI << 8, peer (IPv4), both in network order; text device */
	WITNESS_VXLAN_IN, /* being decapsulated: value VNI << 8 in network order */
	WITNESS_BACKLOG, /* being put into a CPU's input queue: value the CPU */
	WITNESS_QDISC, /* value enum qdisc_drop_reason; text discipline, device */
	WITNESS_RESET, /* a reset is about to answer: value enum sk_rst_reason, 0 where there is none */
	WITNESS_UDP_QUEUE, /* ret: -ENOMEM buffer full, -ENOBUFS protocol memory */
	WITNESS_SOCKET_QUEUE, /* value bytes held, bytes allowed */
	WITNESS_XDP, /* in an XDP program: value its id; text its name */
	WITNESS_CGROUP, /* a cgroup's program refused: ret; value cgroup, direction, cgroup (one of the two is 0) */
	WITNESS_SECURITY, /* a security module refused: ret */
	WITNESS_TC, /* a tc filter or action said drop */
	WITNESS_TC_PROGRAM, /* a tc program said drop: value its id */
	WITNESS_VXLAN_PEER, /* its peer is being looked for: value MAC address; text device */
	WITNESS_LISTEN, /* a SYN, and the accept queue is full: value its length, its limit */
	WITNESS_SYN_QUEUE, /* a SYN, and too many are half open: value how many, listen backlog, tcp_max_syn_backlog */
	WITNESS_SOCKET_BACKLOG, /* a busy TCP socket's backlog is full: value bytes in it, bytes held, receive buffer */
	WITNESS_FRAGMENT, /* being cut into fragments: value the MTU of its way out */
	/* What a task's own system call fails by; no packet exists yet. */
	WITNESS_LOCAL_PORT, /* ret: -EADDRNOTAVAIL; value the port it was bound to, 0 none */
	WITNESS_LOCAL_ROUTE, /* ret: negative errno of the route look-up */
	WITNESS_LOCAL_SIZE, /* larger than may be sent: value the MTU, the (positive) errno */
	WITNESS_WHATS,
};

#define WITNESS_VALUES 3
#define WITNESS_TEXTS 2
#define WITNESS_TEXT 32
#define WITNESS_MAX 4 /* of one packet */

struct witness_info {
	__u16 what; /* enum witness_what */
	__u16 pad;
	__s32 ret;
	__u64 value[WITNESS_VALUES];
	char text[WITNESS_TEXTS][WITNESS_TEXT]; /* always ends with 0; cut where longer */
};

/* TAIL_WITNESS: this, then `count` times struct witness_info, oldest first. */
struct witness_list {
	__u32 count;
	__u32 pad;
};

#define WITNESS_ARGS 6 /* those in registers on x86-64; a function's later ones are not read */
#define WITNESS_STEPS 3
#define WITNESS_ROWS 56
#define WITNESS_FRAMES 12

/* Stands for the row in the templates of bpf/witness.bpf.c; the loader puts each copy's own in its place. */
#define WITNESS_ROW_MAGIC 1618033989
#define WITNESS_TAG_MAGIC                                                                          \
	1414213562 /* and for what the copy is about: a BPF program's id, else 0 */
#define WITNESS_TAG_WORDS                                                                          \
	(1u << 31) /* in it: the program's types do not say what it is given, so five words are */

/* Where to read: argument `arg`, then each offset; all but the last lead to a pointer that is followed. */
struct witness_source {
	__u16 offset[WITNESS_STEPS];
	__u8 steps; /* 0: the argument itself */
	__u8 arg; /* WITNESS_NO_ARG: nothing is read */
	__u8 size; /* of a value: 1, 2, 4 or 8 */
	__u8 pad;
};

#define WITNESS_NO_ARG 255

enum witness_style {
	WITNESS_ENTRY, /* being called says it */
	WITNESS_EXIT, /* the return value says it, by `rule` */
	WITNESS_FRAME, /* a packet freed while the call lasts is freed by it; also `rule` on return, if any */
	WITNESS_RECORD, /* the call is the drop: bpf/listen.bpf.c writes its record */
};

enum witness_rule {
	WITNESS_RULE_NONE,
	WITNESS_RULE_NEGATIVE, /* an int below 0 */
	WITNESS_RULE_NONZERO,
	WITNESS_RULE_TRUE, /* a bool: of the register only the lowest byte is its */
	WITNESS_RULE_NF_DROP, /* a netfilter verdict: NF_DROP */
	WITNESS_RULE_ERROR_POINTER,
	WITNESS_RULE_SHOT, /* TC_ACT_SHOT */
	WITNESS_RULE_CONNTRACK, /* NF_DROP, or NF_ACCEPT without an entry: invalid */
};

struct witness_probe {
	__u16 what; /* enum witness_what */
	__u8 style, rule;
	__u8 args; /* bits: which arguments are read */
	__u8 arg_count; /* of the function: a fexit program finds the return value behind them */
	__u8 frame; /* place of WITNESS_FRAME's calls */
	__u8 in_frame; /* 1 + the frame whose packet it is about, 0: the packet is `skb` */
	struct witness_source skb, value[WITNESS_VALUES], text[WITNESS_TEXTS];
	__u8 by_task; /* it is about no packet, but about the system call it is made in */
	__u8 pad[1];
};

/* Offsets in struct sk_buff, from the kernel's types. */
struct witness_layout {
	__u16 head, network_header, nfct, pad;
};

/* A call that lasts, by CPU and frame. */
struct witness_call {
	__u64 skb; /* 0: none */
	__u64 stack; /* its place on the stack: nobody else's while it lasts */
	__u64 args[WITNESS_ARGS];
};

/* What entry leaves for the return, keyed by the stack pointer, which is the call's own while it lasts. */
struct witness_state_key {
	__u64 stack;
	__u64 row;
};

struct witness_state {
	__u64 args[WITNESS_ARGS];
};

/*
 * A kernel stack is so large at least and lies at a multiple of that (THREAD_SIZE of x86 and arm64): with these bits
 * off a place on it tells the task. Interrupts and softirqs have a stack of their own.
 */
#define WITNESS_TASK_STACK 16384

/* What was said of a packet, until it is freed. */
struct witness_hint_key {
	__u64 skb; /* its address, or the task's stack */
	__u64 number; /* from 0 */
};

struct witness_hint {
	__u64 word; /* of the packet's own bytes: an address that is used again does not match */
	__u64 time_ns;
	struct witness_info info;
};

#endif
