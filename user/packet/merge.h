/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Merge: the journeys of several nodes joined into whole ones. A packet is sighted when it
 * leaves a node and when it arrives at the next; both sightings carry what NAT and tunnels
 * leave alone. Clocks are compared by the packets themselves: the fastest packet in each
 * direction bounds the offset from both sides (as NTP does, RFC 5905). Pure: no JSON, no files.
 *
 * Memory: one struct merge_sighting and 8 bytes of index per sighting. Time: n log n.
 */
#ifndef CNITRACE_PACKET_MERGE_H
#define CNITRACE_PACKET_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

#define MERGE_MAX_NODES 256
#define MERGE_NO_NODE UINT16_MAX
#define MERGE_NONE UINT32_MAX
#define MERGE_TRANSIT_NS                                                                           \
	2000000000LL /* a packet that takes longer between two nodes is another one */
#define MERGE_MARGIN_NS 500000000LL /* of a trace's end: what was under way then is nobody's loss */

enum merge_side { MERGE_LEFT, MERGE_ARRIVED };

enum merge_fate {
	MERGE_ALONE, /* nothing can be said: the other node is not among the traced ones */
	MERGE_JOINED,
	MERGE_PART, /* joined to a packet that was cut or put together on the way (GSO, GRO) */
	MERGE_DUPLICATE, /* arrived a second time */
	MERGE_LOST, /* left for a node that was watching, and never came */
	MERGE_UNSEEN, /* left while the other node's trace had not begun, or had ended */
};

struct merge_sighting {
	uint64_t
		signature; /* same at both ends whatever NAT and tunnels do; 0: cannot be told apart */
	uint64_t tuple; /* addresses and ports as they were between the nodes */
	uint64_t outer; /* the tunnel header's addresses, port and id; 0 none */
	int64_t time_ns; /* wall clock of its node */
	uint32_t journey; /* the caller's number */
	uint32_t seq, payload; /* TCP with payload: its range of the stream; payload 0 otherwise */
	uint32_t partner; /* the sighting at the other end, MERGE_NONE none */
	uint16_t node;
	uint16_t peer; /* LEFT: where it was bound for, MERGE_NO_NODE unknown */
	uint8_t side; /* enum merge_side */
	uint8_t fate; /* enum merge_fate */
	bool strong; /* the signature alone tells it from any other packet (TCP) */
};

struct merge_node {
	int64_t begin_ns, end_ns; /* when it was watching, by its own clock; end_ns 0 unknown */
	bool incomplete; /* it lost records, or looked at some packets only */
	/* Filled by merge_join. */
	int64_t offset_ns; /* add to its times to get those of node 0 */
	int64_t error_ns; /* the offset is right within this; -1 cannot be said */
	uint64_t clear; /* packets the estimate rests on */
	bool drifted; /* the two directions contradict each other: a clock was set meanwhile */
	bool known; /* false: nothing joins it to node 0, offset_ns is 0 */
};

/* What went from one node to another. */
struct merge_pair {
	uint16_t from, to;
	uint64_t left, joined, lost, unseen, duplicates;
	uint64_t outer_lost; /* of `lost`, those in a tunnel */
	int64_t min_ns, sum_ns, max_ns; /* transit by corrected clocks, of those joined */
	uint32_t lost_example; /* a sighting, MERGE_NONE none */
};

struct merge {
	ARRAY(struct merge_sighting) sightings;
	struct merge_node nodes[MERGE_MAX_NODES];
	unsigned node_count;
	ARRAY(struct merge_pair) pairs; /* those with traffic, by from and to */
};

/* Finds clock offsets, then partners and fates, then the pairs' totals. 0 or -ENOMEM. */
int merge_join(struct merge *merge);
int64_t merge_time(const struct merge *merge, const struct merge_sighting *sighting);
void merge_free(struct merge *merge);

/* Private to merge*.c: the indices 0 … n-1, sorted. NULL without memory. */
uint32_t *merge_sort(const struct merge *merge, int (*compare)(const void *, const void *, void *));
int merge_compare_clear(const void *a, const void *b, void *merge);
int merge_clocks(struct merge *merge);

#endif
