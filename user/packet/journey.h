/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Journeys: records of one packet put in order and given a verdict.
 *
 * Identity: the skb address names a packet until it is freed; packet_signature()
 * checks it, so that an address the slab reuses starts a new journey. A sighting at
 * a new address (clone, copy, fragment) joins by signature when the earlier sightings
 * cannot have been the end. The open set is bounded; evictions are counted.
 *
 * closed() hears of every journey that is worth telling. Not told, only counted in benign:
 * packets that only a benign drop ended, and copies flooded to other pods. Not told at all:
 * ARP (unless journey_config.tells_arp) and other non-IP frames, unless dropped for a fault. A delivered journey may carry a
 * drop that is benign: has_drop with drop.benign, and the verdict stays.
 *
 * Pure: time comes from the records and from the caller.
 */
#ifndef CNITRACE_PACKET_JOURNEY_H
#define CNITRACE_PACKET_JOURNEY_H

#include "packet/packet.h"
#include "packet/topology.h"

#define JOURNEY_MAX_HOPS 32

enum verdict {
	VERDICT_DELIVERED, /* reached its pod, or the node itself */
	VERDICT_LEFT_NODE, /* went out by an uplink */
	VERDICT_DROPPED, /* the kernel freed it */
	VERDICT_REJECTED, /* answered with RST or an ICMP error (whoever answered) */
	VERDICT_VANISHED, /* neither: last seen in the middle of the node */
};

const char *verdict_name(enum verdict verdict); /* "delivered", "left-node", … as in JSON */

struct hop {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t netns, ifindex;
	bool out; /* false: ingress */
	bool nat; /* addresses or ports differ from the hop before */
	bool has_encap;
	uint16_t gso_size, gso_segs;
	struct packet packet; /* innermost, as seen here */
	struct encap encap;
};

struct drop {
	uint64_t time_ns;
	uint32_t netns, ifindex;
	struct packet packet;
	bool has_encap;
	uint16_t gso_size, gso_segs;
	struct encap encap;
	struct drop_info info;
	uint64_t stack[RECORD_MAX_STACK];
	struct witness_info witnesses[WITNESS_MAX]; /* what probes said of it, oldest first */
	uint8_t witness_count;
	/* Names, filled by whoever has them (kernel/ through journey_config.name_drop); "" unknown. */
	char reason
		[64]; /* "NETFILTER_DROP"; "" where the kernel gives none or says NOT_SPECIFIED */
	char function[64]; /* that freed it, resolved past list-free helpers */
	char hook
		[16]; /* netfilter hook: PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING, INGRESS; "" none */
	char callers[4][48]; /* next frames outward, for evidence */
	bool derived; /* the reason was inferred, not given by the kernel */
	bool benign; /* see drop_class.h */
	bool misaddressed; /* passed over as another host's by the pod that has the address: a wrong MAC address */
};

struct journey {
	uint64_t id; /* from 1, in order of first sighting */
	uint64_t flow_id;
	uint64_t first_ns, last_ns;
	struct packet packet; /* as first seen (before NAT), innermost */
	struct hop hops[JOURNEY_MAX_HOPS];
	uint8_t hop_count;
	bool hops_cut; /* more hops than fit */
	bool has_drop;
	struct drop drop;
	bool has_quoted; /* this packet is an ICMP error: what it complains about */
	struct quoted quoted;
	uint16_t payload_len; /* captured L4 payload (DNS), from the first record that had one */
	uint8_t payload[RECORD_MAX_PAYLOAD];

	enum verdict verdict;
	uint32_t end_netns, end_ifindex; /* where it ended */
	uint64_t answered_by; /* id of the journey that rejected it, 0 none */
	uint64_t answers; /* this is a RST or ICMP error: id of the journey it answers, 0 unknown */
	/* Who answered, when REJECTED: a copy, for the journey that answered may be gone. */
	struct packet answer; /* RST or ICMP error; ip_version 0 none */
	bool answer_quotes_encap; /* the ICMP error quoted the tunnel datagram (remote overlay down) */
	uint16_t answer_encap_dport;
	bool tracked_midway; /* the first hop is not where such a packet starts (trace began late, filter matched late) */
	bool evicted; /* closed before its time for want of room, or devices came or went: a VANISHED then means "not followed to its end" */
};

struct journey_config {
	const struct topology *topology;
	uint64_t
		settle_ns; /* quiet time after which a journey at an end is closed (default 300 ms): late drops, answers */
	uint64_t
		vanish_ns; /* quiet time after which a journey in the middle is closed (default 4 s: ARP gives up after 3) */
	uint32_t max_open; /* default 65536; the oldest is closed beyond, counted in evicted */
	size_t max_bytes; /* of memory for open journeys, default 8 MiB; beyond as max_open */
	bool tells_arp; /* who is seen asking for ARP: its frames are journeys like others */
	void (*closed)(void *context, const struct journey *journey);
	void (*name_drop)(void *context, struct drop *drop); /* may be NULL */
	void *context;
};

struct journey_counts {
	uint64_t records, malformed, evicted;
	uint64_t reused; /* an skb address that came back as another packet */
	uint64_t verdicts[VERDICT_VANISHED + 1];
	uint64_t benign; /* journeys whose only drop is benign: not in verdicts */
};

struct journey_table;

struct journey_table *journey_table_new(const struct journey_config *config);
/* One record from the ring. 0, -EBADMSG when malformed (counted), -ENOMEM. Never allocates per record. */
int journey_table_add(struct journey_table *table, const void *bytes, size_t size);
/* Closes what has been quiet long enough at `now_ns` (CLOCK_MONOTONIC). Call it a few times a second. */
void journey_table_expire(struct journey_table *table, uint64_t now_ns);
/* How many open journeys are not at an end (the tool may wait for them), and how many are open at all. */
size_t journey_table_pending(const struct journey_table *table);
size_t journey_table_open(const struct journey_table *table);
/*
 * The end of a trace at `now_ns`: closes everything, but a packet last seen in the middle of the node
 * a moment ago has not vanished: nobody looked any longer (journey.evicted).
 */
void journey_table_finish(struct journey_table *table, uint64_t now_ns);
/*
 * Between these times a device came or went that was not looked at: a packet that was in the middle of
 * the node then may have gone on by it, and has not vanished (journey.evicted).
 */
void journey_table_unseen(struct journey_table *table, uint64_t from_ns, uint64_t until_ns);
/* Closes everything, oldest first. */
void journey_table_flush(struct journey_table *table);
const struct journey_counts *journey_table_counts(const struct journey_table *table);
void journey_table_free(struct journey_table *table);

#endif
