/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel structures the BPF programs read, cut down to the fields they use.
 * preserve_access_index makes libbpf fix every offset from the running kernel's BTF
 * at load (CO-RE), so nothing here depends on the kernel the tool was built on.
 * Names and types are the kernel's; order and holes mean nothing.
 */
#ifndef CNITRACE_KERNEL_H
#define CNITRACE_KERNEL_H

#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

struct ns_common {
	unsigned int inum;
	refcount_t count; /* since 5.11; __ns_ref since 6.18 */
};

struct ns_common___ref {
	refcount_t __ns_ref;
};

struct netns_ipv4 {
	int sysctl_tcp_syncookies; /* one byte since 5.13 */
	int sysctl_max_syn_backlog;
};

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
	u64 net_cookie; /* since 5.12; an atomic before */
};

struct net___count { /* before 5.11 */
	refcount_t count;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct Qdisc_ops {
	char id[16];
};

struct Qdisc {
	const struct Qdisc_ops *ops;
};

struct netdev_queue {
	struct Qdisc *qdisc;
};

struct net_device {
	char name[16];
	unsigned int mtu;
	unsigned int flags;
	unsigned long state;
	int ifindex;
	possible_net_t nd_net;
	struct netdev_queue *_tx;
};

struct dst_entry {
	struct net_device *dev;
	short error;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned int len;
	unsigned int data_len;
	__u16 queue_mapping;
	__u8 pkt_type : 3;
	int skb_iif;
	__u32 mark;
	__be16 protocol;
	__be16 vlan_proto;
	__u16 vlan_tci;
	__u16 network_header;
	__u16 mac_header;
	unsigned int tail;
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

struct sk_buff___flag { /* before 6.2; since then vlan_proto is 0 without a tag */
	__u8 vlan_present : 1;
};

struct skb_shared_info {
	unsigned short gso_size;
	unsigned short gso_segs;
};

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	__u16 skc_num;
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	int sk_rcvbuf;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	atomic_t sk_drops;
};

struct inet_connection_sock {
	struct {
		atomic_t qlen; /* connections that are half open */
	} icsk_accept_queue;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
	int pid, tgid;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long orig_ax, di, si, r8, r9, dx, r10, ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

#pragma clang attribute pop

#endif
