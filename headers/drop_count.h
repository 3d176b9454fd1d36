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
	__u8 what; /* DROP_KEY_* */
};

#define DROP_ETHERTYPE_OTHER 0xffff
#define DROP_PROTO_OTHER 255 /* IANA: reserved */

#define DROP_KEY_DETAIL 7 /* these bits: DROP_DETAIL_* */
#define DROP_KEY_PKT_TYPE_SHIFT                                                                    \
	3 /* three bits: PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3, OUTGOING 4 */
#define DROP_KEY_DYING 0x40 /* the namespace was being destroyed */
#define DROP_KEY_MULTICAST 0x80 /* the destination address is multicast, or all ones */

static inline __u8 drop_key_detail(const struct drop_key *key)
{
	return key->what & DROP_KEY_DETAIL;
}

static inline __u8 drop_key_pkt_type(const struct drop_key *key)
{
	return key->what >> DROP_KEY_PKT_TYPE_SHIFT & 7;
}

/*
 * What tells noise from loss among packets of one protocol. TCP: SYN (2) and RST (4) of the flags. ICMP
 * and ICMPv6: the type's class. Else 0.
 */
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
	__u64 first; /* jiffies */
	/* jiffies, and in the lower bits how many samples were taken in the window of about a second around them */
	__u64 last;
};

#define DROP_SAMPLES_BITS 16
#define DROP_SAMPLES_MASK 0xffff

/*
 * Each CPU has some places of its own for the keys it meets first, found without a hash table; others that
 * want the same place go to the map of all keys. A key's count is the sum of all its parts.
 * The CPU's places are DROP_PLACES elements of an array, from its number times that on.
 */
#define DROP_PLACES 256 /* a power of two */
#define DROP_PLACE_IDLE_WINDOWS 64 /* then its owner moves to the map */

struct drop_place { /* a line of the cache */
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
	__u32 restricted; /* not every drop is asked for */
};

/* Per CPU, of drops that no key counts. */
struct monitor_totals {
	__u64 filtered; /* not asked for */
	__u64 overflow; /* no room for another key */
	__u64 clock_ns, clock_jiffies; /* CLOCK_MONOTONIC and jiffies of one moment */
};

#define MONITOR_KEYS 8192

#endif
