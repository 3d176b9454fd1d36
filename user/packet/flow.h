/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows: the journeys of one conversation, both directions, NAT translations joined.
 * Forward is the direction of the first packet seen (a SYN, an echo request or a packet
 * towards the lower, well-known port wins over "first seen" when the trace began midway).
 * Bounded: counts are exact, journeys are kept as samples. Pure.
 */
#ifndef CNITRACE_PACKET_FLOW_H
#define CNITRACE_PACKET_FLOW_H

#include "packet/journey.h"

#define FLOW_SAMPLES 8 /* journeys kept whole per direction: the first ones of each distinct end */
#define FLOW_TUPLES 8
#define FLOW_DROPS 8
#define FLOW_ANSWERS 4

/* Drops of one kind at one place. */
struct flow_drop {
	struct drop first; /* the first one, whole */
	uint64_t count;
	bool forward;
	uint32_t min_len, max_len; /* packet.len of those lost */
	struct packet packet; /* journey's packet as first seen */
	uint64_t journey_id;
	bool answered; /* an ICMP error or RST was sent for it */
	struct packet answer;
};

/* RST or ICMP error received for packets of this flow. */
struct flow_answer {
	struct packet
		packet; /* the answer itself (src = who answers; icmp_type/code or TCP RST; ack = next-hop MTU) */
	struct quoted quoted; /* all 0 for a RST */
	uint64_t count;
	bool forward; /* it answers forward packets */
	bool delivered; /* it reached the sender's pod (or node) */
	bool local; /* made on this node or in one of its pods (first hop is not an uplink or tunnel "in") */
	uint32_t from_netns, from_ifindex; /* its first hop */
	struct drop drop; /* where the answer itself was lost, when it was (drop.time_ns != 0) */
};

struct flow_direction {
	uint64_t packets, bytes;
	uint64_t verdicts[VERDICT_VANISHED + 1];
	uint64_t retransmits; /* TCP: same seq and payload seen again; ICMP/UDP: none */
	uint64_t syns, rsts, fins;
	uint32_t
		passed_max_len; /* largest packet.len that was delivered or left the node and was answered / not lost; per wire packet (GSO counted by segment) */
	uint32_t
		lost_min_len; /* smallest packet.len dropped, vanished, or never acknowledged; 0 none */
	uint32_t lost_max_len;
	uint64_t benign;
	uint64_t first_ns, last_ns;
	struct journey *samples[FLOW_SAMPLES];
	uint8_t sample_count;
};

struct flow {
	uint64_t id;
	struct tuple tuples
		[FLOW_TUPLES]; /* forward tuples: [0] as the client sent it, then as translated */
	uint8_t tuple_count;
	bool translated; /* a DNAT was seen: tuples[1].dst is the endpoint */
	bool established; /* TCP: both directions carried data or ACKs after the handshake */
	/* What the trace's filter leaves out, so that its absence says nothing; set by who knows the filter. */
	bool hides_answers; /* whatever answers the forward direction */
	bool hides_rest; /* TCP: what comes after SYN and its answer */
	bool hides_way; /* it asks for a MAC address: with a new head the packet may be lost sight of on its way */
	uint8_t proto;
	struct flow_direction forward, reverse;
	uint8_t drop_count;
	uint64_t drops_more; /* of kinds beyond FLOW_DROPS */
	uint8_t answer_count;
	/* Last, and set only up to their counts, so that what a healthy flow never uses costs no memory. */
	struct flow_drop drops[FLOW_DROPS];
	struct flow_answer answers[FLOW_ANSWERS];
};

/* A send or connect refused by the sender's own kernel: no packet exists. */
struct refusal {
	int error; /* negative errno */
	struct tuple tuple; /* dst and dport are known, the rest may be 0 */
	uint32_t netns, pid, syscall;
	char comm[16];
	char container[64]; /* of the process, "" none or unknown; the caller's to fill in */
	uint64_t count;
	struct witness_info witness; /* what a probe said of the first; `what` 0: nothing */
};

struct flow_table {
	ARRAY(struct flow *) flows; /* in order of appearance */
	ARRAY(struct flow_drop)
	orphans; /* non-benign drops of packets that belong to no IP flow (ARP) */
	ARRAY(struct refusal) refusals;
	uint64_t flows_dropped; /* flows beyond max_flows: counted only */
	uint32_t max_flows; /* default 4096 */
	const struct topology *topology;
	struct flow_index *index; /* private */
};

struct flow_table *flow_table_new(const struct topology *topology, uint32_t max_flows);
/* Takes a copy of what it keeps. Sets *flow_id. 0 or -ENOMEM. */
int flow_table_add(struct flow_table *table, const struct journey *journey, uint64_t *flow_id);
int flow_table_refuse(struct flow_table *table, const struct record_view *refused);
/*
 * Counts as lost what was sent more than a second before now_ns (CLOCK_MONOTONIC) and never
 * answered or acknowledged. Call it before the flows are judged; UINT64_MAX at the end of a trace.
 */
void flow_table_settle(struct flow_table *table, uint64_t now_ns);
void flow_table_free(struct flow_table *table);

#endif
