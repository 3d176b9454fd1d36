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
#define CONFIG_REASONS 256 /* the kernel has about 130 */

struct tracer_config {
	__u32 node_netns; /* inode of the namespace whose devices are traced */
	__u32 wake_bytes; /* wake the collector each time the ring has filled this much; a power of two */
	/* The subject of --pod / --netns; has_subject 0: every packet. */
	__u32 subject_netns; /* inode, 0 none */
	__u32 subject_ifindex; /* host end of its veth, 0 none */
	__u32 min_len; /* only packets of so many bytes from their own IP header on; 0: of any size */
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
	__u8 filter_asks_len; /* the filter compares the packet's length */
	__u8 filter_fades; /* it asks for what a packet loses on its way: MAC addresses, hop limit */
	__u8 has_reasons; /* monitor: count only drops whose reason's bit is set */
	__u32 reasons[CONFIG_REASONS / 32];
};

/* What the programs are to know of a device of node_netns: the value of the map `devices`, by ifindex. */
#define DEVICE_ENTRANCE 1 /* packets begin there: what comes in was never on this node before */
#define DEVICE_TRACEPOINT 2 /* its packets are taken from the tracepoints, not from tc */
#define DEVICE_BARE 4 /* its packets have no Ethernet header */
#define DEVICES_MAX 4096

/*
 * The sets of bpf/track.bpf.h: of tracked packets, by skb address (the value is what neither NAT nor
 * encapsulation changes of the packet: a reused address does not match), and of followed conversations,
 * by their hash, the same both ways: a translated packet's replies, as they will be seen before they are
 * translated back.
 */
#define TRACK_WAYS 4
#define TRACK_BUCKETS 4096 /* each a power of two */
#define FOLLOW_BUCKETS 2048
#define TRACK_YOUNG_NS                                                                             \
	100000000ull /* put out earlier than this: it may have been on its way still */
#define FOLLOW_YOUNG_NS 60000000000ull
#define FADE_NS 4000000000ull /* longer than a neighbour is asked for */
#define FRAGMENT_NS 30000000000ull /* net.ipv4.ipfrag_time: so long fragments wait for each other */

struct track_slot {
	__u64 key, value, time_ns; /* time_ns 0: free */
	__u64 first; /* where a packet was seen first: it does not come back there as it was */
};

struct track_bucket {
	struct track_slot slots[TRACK_WAYS];
};

/* Shared by all programs of a trace, and read by user space. */
struct tracer_state {
	/* something is in a set: the way of packets that are not asked for needs no look-up before */
	__u32 tracking, following;
	__u64 tracked_evicted, followed_evicted; /* put out while young, of the fates too */
	/* Overload (bpf/sample.bpf.h). Of 2^flow_shift flows one is recorded, of 2^packet_shift of its packets one. */
	__u32 crowded, flow_shift, packet_shift;
	__u32 shift_max; /* the most that the two came to */
	__u32 lessened_at, pad; /* how full the ring was when the share fell last */
	__u64 lessened_ns;
	__u64 drops_window; /* the window that drops_told is of */
	__u32 drops_told, pad2; /* drops of what is left out that were recorded all the same */
	__u64 flows_seen; /* a bit for each of 64 kinds of flows */
};

#define SAMPLE_SHIFT_MAX 12
#define PACKET_SHIFT_FIRST                                                                         \
	6 /* so far packet_shift rises before flow_shift does, and falls after it */

#endif
