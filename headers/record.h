/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record: what a BPF program writes into the ring and the collector reads.
 * Shared word for word by both sides; tests/unit/layout checks that the BPF
 * compiler and the C compiler agree on every offset.
 *
 * A record is one `struct record` (96 bytes) followed by the tails its `tails`
 * field names, always in the order of the TAIL_ bits, each padded to 8 bytes.
 * `size` is the total. All integers are native byte order, ports included; only
 * addresses are bytes in network order. An IPv4 address fills the first 4 bytes
 * of its 16, the rest is 0.
 */
#ifndef CNITRACE_RECORD_H
#define CNITRACE_RECORD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "witness.h"

enum record_type {
	RECORD_HOP_IN =
		1, /* a device received it: its tc ingress, or tracepoint netif_receive_skb */
	RECORD_HOP_OUT =
		2, /* it is handed to a device: its tc egress, or tracepoint net_dev_queue */
	RECORD_DROP = 3, /* the kernel freed the packet (tracepoint kfree_skb) */
	RECORD_REFUSED =
		4, /* a system call refused to send: no packet exists; `packet` holds what is known */
};

enum record_tail {
	TAIL_ENCAP = 1 << 0, /* struct encap: the outer header `packet` was carried in */
	TAIL_QUOTED = 1 << 1, /* struct quoted: the packet an ICMP error complains about */
	TAIL_DROP = 1 << 2, /* struct drop_info */
	TAIL_STACK = 1 << 3, /* drop_info.stack_depth × __u64 return addresses, innermost first */
	TAIL_REFUSED = 1 << 4, /* struct refused_info */
	TAIL_WITNESS =
		1
		<< 5, /* struct witness_list, then its struct witness_info: see headers/witness.h */
	TAIL_PAYLOAD = 1 << 6, /* __u16 length, then that many L4 payload bytes, padded to 8 */
};

enum encap_kind {
	ENCAP_NONE = 0,
	ENCAP_VXLAN = 1, /* RFC 7348, UDP 8472 (Linux, flannel) or 4789 (IANA) */
	ENCAP_GENEVE = 2, /* RFC 8926, UDP 6081 */
	ENCAP_IPIP = 3, /* RFC 2003 and 6in4 */
};

/* IPv4 "frag" word as on the wire (RFC 791), host order; for IPv6 built from the fragment header. */
#define PACKET_FRAG_DF 0x4000
#define PACKET_FRAG_MF 0x2000
#define PACKET_FRAG_OFFSET 0x1fff /* in units of 8 bytes */

/*
 * Parsed headers of one packet: the innermost one where it is encapsulated.
 * ip_version 0 is a frame that is not IP: see ethertype (ARP: src and dst are
 * the sender's and target's protocol address and, from PACKET_ARP_MAC on, MAC address; seq is the opcode).
 */
struct packet {
	__u8 src[16], dst[16];
	__u16 sport, dport; /* 0 where the protocol has none, or in a later fragment */
	__u8 ip_version; /* 4, 6 or 0 */
	__u8 proto; /* IPPROTO_*: the one after IPv6 extension headers */
	__u8 ttl;
	__u8 tcp_flags; /* RFC 9293 order: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32 */
	__u16 ethertype;
	__u16 ip_id; /* IPv4 identification; 0 for IPv6 */
	__u32 seq; /* TCP sequence number · ICMP echo: id << 16 | seq · UDP port 53: DNS id · ARP: opcode */
	__u32 ack; /* TCP acknowledgement number · ICMP "too big": next-hop MTU */
	__u32 len; /* bytes from this IP header to the packet's end; over 65535 only with GSO */
	__u16 frag;
	__u8 icmp_type, icmp_code;
	__u16 header_len; /* L3 and L4 header bytes: len - header_len is the payload */
	__u16 flags; /* PACKET_* below */
};

#define PACKET_ARP_MAC 4
#define PACKET_ETHERTYPE_ARP 0x0806

#define PACKET_TRUNCATED 1 /* a header was cut off or lay beyond what a program may read */
#define PACKET_MULTICAST 2 /* the frame's destination MAC is multicast or broadcast */
#define PACKET_SOCKET_SHIFT 4
#define PACKET_SOCKET                                                                              \
	0xfff0 /* in a record: which socket the skb belongs to (a hash, never 0), 0 none */

/* A sighting or a drop. */
struct record {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 skb; /* kernel address of the sk_buff: the packet's identity until it is freed */
	__u32 netns; /* inode of the network namespace, as stat() of /proc/PID/ns/net gives; 0 unknown */
	__u32 ifindex; /* device in that namespace; 0 none */
	__u16 size; /* of the whole record */
	__u8 type; /* enum record_type */
	__u8 tails; /* enum record_tail */
	__u16 gso_size, gso_segs;
	struct packet packet;
};

struct encap {
	__u8 src[16], dst[16];
	__u32 vni; /* VXLAN / GENEVE network identifier */
	__u32 len; /* bytes from the outer IP header to the end */
	__u16 sport, dport;
	__u16 ip_id;
	__u16 frag;
	__u8 kind; /* enum encap_kind */
	__u8 ip_version;
	__u8 ttl;
	__u8 flags; /* PACKET_* */
	__u16 udp_check;
	__u16 pad;
};

struct quoted {
	struct packet packet; /* the innermost packet that is quoted */
	__u8 encap_kind; /* it was quoted inside this encapsulation */
	__u8 pad;
	__u16 encap_dport; /* UDP port of that encapsulation, or of the quoted datagram itself */
	__u32 vni;
};

/* include/net/tcp_states.h: states that drop_info.sk_state takes and the rules look at */
enum { SK_TIME_WAIT = 6, SK_LISTEN = 10, SK_NEW_SYN_RECV = 12 };

struct drop_info {
	__u64 location; /* return address in the function that freed the packet */
	__u32 reason; /* enum skb_drop_reason of the running kernel, subsystem in the high 16 bits; 0 where it has none */
	__s32 dst_error; /* dst_entry.error of the packet's route, 0 or negative errno */
	__u32 dst_ifindex; /* device the packet's route leads to */
	__u32 dst_mtu; /* MTU of that device */
	__u32 dev_mtu;
	__u32 dev_flags; /* IFF_* */
	__u32 dev_state; /* net_device.state: bit 0 START, 2 NOCARRIER (include/linux/netdevice.h) */
	__u32 mark;
	__u32 skb_iif;
	__u32 sk_ack_backlog,
		sk_max_ack_backlog; /* of the socket the packet belonged to; 0 where it is no full one */
	__u32 sk_rmem, sk_rcvbuf;
	__u32 len; /* skb->len when freed */
	__u16 sk_lport;
	__u8 sk_state; /* TCP_* state, 0 no socket */
	__u8 pkt_type; /* PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3 */
	__u8 stack_depth;
	__u8 from_socket; /* 1: the socket above came with the tracepoint or owns the skb */
	__u16 cpu;
	char dev_name[16];
	char qdisc[16]; /* kind of the transmit queue's discipline, "" none */
};

struct refused_info {
	__s32 error; /* negative errno */
	__u32 pid; /* in the initial PID namespace */
	__u32 syscall;
	__u32 pad;
	char comm[16];
};

#define RECORD_MAX_STACK 16
#define RECORD_MAX_PAYLOAD 256

/* Counters every hook keeps: seen = filtered + recorded + lost. Index of the per-CPU array `counters`. */
enum counter_hook {
	COUNTER_TC_IN,
	COUNTER_TC_OUT,
	COUNTER_DROP,
	COUNTER_REFUSED,
	COUNTER_WITNESS,
	COUNTER_LISTEN,
	COUNTER_NET_IN, /* packets of the devices that the tracepoints are for: */
	COUNTER_NET_OUT,
	COUNTER_HOOKS,
};

struct hook_counters {
	__u64 seen; /* times the program ran */
	__u64 filtered; /* not asked for */
	__u64 recorded; /* in the ring */
	__u64 lost; /* the ring was full, the packet could not be read, or it was left out: */
	__u64 sampled_out; /* of those lost, left out on purpose, with all of its journey */
};

#endif
