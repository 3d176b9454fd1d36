/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the drop monitor counts: the key and the value of its map, shared word for word by
 * the BPF program and the collector. Everything here is one kernel's numbers; names come
 * later.
 */
#ifndef CNITRACE_DROP_COUNT_H
#define CNITRACE_DROP_COUNT_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Drops that share all of this are one row. No holes: the map compares bytes. */
struct drop_key {
	__u64 location; /* return address in the function that freed the packet */
	__u64 cookie; /* of the network namespace, never used twice; 0 where the kernel has none */
	__u32 netns; /* its inode, used again after its end; 0 unknown */
	__u32 ifindex; /* device in that namespace, 0 none */
	__u32 reason;
	__u16 ethertype; /* host order; DROP_ETHERTYPE_OTHER beyond IPv4, IPv6 and ARP */
	__u8 proto; /* IPPROTO_* of the outer packet, 0 when it is not IP or not readable, DROP_PROTO_OTHER when rare */
	__u8 detail; /* DROP_DETAIL_*: what tells noise from loss among packets of one protocol */
	__u8 pkt_type; /* PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3, OUTGOING 4 */
	__u8 flags; /* DROP_KEY_* */
	__u8 pad[6];
};

#define DROP_ETHERTYPE_OTHER 0xffff
#define DROP_PROTO_OTHER 255 /* IANA: reserved */

#define DROP_KEY_DYING 1 /* the namespace was being destroyed */
#define DROP_KEY_MULTICAST 2 /* the destination address is multicast, or all ones */

/* TCP: SYN (2) and RST (4) of the flags. ICMP and ICMPv6: the type's class. Else 0. */
#define DROP_DETAIL_ICMP_OTHER 0
#define DROP_DETAIL_ICMP_ECHO 1 /* echo request */
#define DROP_DETAIL_ICMP_REPLY 2
#define DROP_DETAIL_ICMP_ERROR 3
#define DROP_DETAIL_ICMP_LOCAL 4 /* neighbour, router or multicast discovery */

/*
 * One per CPU and key. Times are jiffies: the cheapest clock there is; struct monitor_totals
 * has what turns them into nanoseconds.
 */
struct drop_count {
	__u64 packets; /* skbs: a GSO packet is one, as netfilter counts it */
	__u64 bytes;
	__u64 first, last; /* jiffies */
	__u32 window; /* about a second, in which samples were taken last … */
	__u32 samples; /* … and how many */
};

/*
 * The keys a CPU meets first have a place of their own, found without hashing; others that want the
 * same place go to the map of all keys. A key's count is the sum of both.
 */
#define DROP_PLACES 256
#define DROP_PLACE_IDLE_WINDOWS 64 /* then its owner moves to the map */

struct drop_place {
	struct drop_key key;
	struct drop_count count; /* packets 0: free */
};

/* What user space makes of it. */
struct drop_sum {
	__u64 packets, bytes;
	__u64 first_ns, last_ns; /* CLOCK_MONOTONIC, to a jiffy */
};

struct monitor_config {
	__u32 samples_per_second; /* per key and CPU */
	__u32 window_shift; /* jiffies >> this is about a second */
};

/* Per CPU. The others have been counted: see monitor_exactness(). */
struct monitor_totals {
	__u64 seen, filtered; /* filtered: not asked for */
	__u64 overflow; /* no room for another key */
	__u64 clock_ns, clock_jiffies; /* CLOCK_MONOTONIC and jiffies of one moment */
};

#define MONITOR_KEYS 8192

#endif
