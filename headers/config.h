/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space tells the BPF programs before they are loaded: constants, so that
 * the verifier removes what is not asked for. Same layout on both sides.
 */
#ifndef CNITRACE_CONFIG_H
#define CNITRACE_CONFIG_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define CONFIG_ADDRESSES 4
#define CONFIG_TUNNEL_PORTS 4

struct tracer_config {
	__u32 node_netns; /* inode of the namespace whose devices carry the tc programs */
	__u32 wake_bytes; /* wake the collector each time the ring has filled this much; a power of two */
	/* The subject of --pod / --netns; has_subject 0: every packet. */
	__u32 subject_netns; /* inode, 0 none */
	__u32 subject_ifindex; /* host end of its veth, 0 none */
	__u8 has_subject;
	__u8 has_expression; /* a filter expression was spliced in */
	__u8 expression_is_ether; /* … and starts at the Ethernet header */
	__u8 address_count;
	__u8 address_version[CONFIG_ADDRESSES];
	__u8 address[CONFIG_ADDRESSES][16]; /* network order, IPv4 in the first 4 bytes */
	__u16 vxlan_ports[CONFIG_TUNNEL_PORTS]; /* host order, 0 none */
	__u16 geneve_port;
	__u8 kfree_skb_args; /* of this kernel's tracepoint: 2, 3 (reason) or 4 (reason, sock) */
	/* the filter looks at no byte beyond this many from its header on; 255: it may look anywhere */
	__u8 filter_reach;
};

/* Key of the map of followed tuples: a translated packet's reply, as it will be seen before it is translated back. */
struct follow_key {
	__u8 src[16], dst[16];
	__u16 sport, dport;
	__u8 proto, pad[3];
};

/* Value of the map of tracked packets, keyed by skb address. */
struct track_value {
	__u64 signature; /* NAT-invariant; a reused address does not match */
};

/* Set by the programs once something is in a map, so that the miss path needs no look-up before. */
struct tracer_state {
	__u32 tracking; /* tracked packets exist */
	__u32 following; /* followed tuples exist */
};

#endif
