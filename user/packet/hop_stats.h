/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of one path, hop by hop, as mtr shows them: samples are test packets with their answers,
 * rows are the hops they were seen at. A sample that was never answered is charged as lost to every row that
 * comes after the last one it reached (and to no row of another path, where packets take several). Pure.
 */
#ifndef CNITRACE_PACKET_HOP_STATS_H
#define CNITRACE_PACKET_HOP_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "packet/address.h"
#include "packet/journey.h"

/* Running numbers of one quantity (nanoseconds). */
struct hop_number {
	uint64_t count;
	double last, best, worst, mean, squares;
};

void hop_number_add(struct hop_number *number, double value);
double hop_number_stdev(const struct hop_number *number); /* of a sample (n - 1); 0 below two */

enum hop_leg { LEG_REQUEST, LEG_BEYOND, LEG_REPLY };

#define HOP_ROWS 64 /* one bit each */
#define HOP_ENDS 16

/* What names a row. Beyond the node: ttl and the router that answered. */
struct hop_place {
	enum hop_leg leg;
	uint32_t netns, ifindex;
	bool out;
	uint8_t nth; /* passes the same device more than once (hairpin) */
	uint8_t ttl;
	struct address router;
};

struct hop_row {
	struct hop_place place;
	struct address next_node; /* tunnel destination, version 0 none */
	struct hop_number time; /* since the sample's first hop */
	struct hop_number step; /* since the hop before */
	uint64_t seen, lost;
	uint64_t stopped; /* samples that got no further */
	uint64_t after; /* bit set of rows that were seen after this one */
};

/* How samples ended that were not answered. */
struct hop_end {
	uint8_t row; /* the last they reached, HOP_ROWS none */
	bool reply; /* it was the answer that was lost */
	enum verdict verdict; /* delivered or left-node: no answer came */
	uint32_t netns, ifindex;
	char reason[64], hook[16], function[64];
	uint64_t count;
};

/* One sighting, and one packet's way through the node. */
struct hop_sight {
	uint64_t time_ns;
	uint32_t netns, ifindex;
	bool out;
	struct address next_node;
};

struct hop_track {
	uint64_t key; /* which sample: icmp sequence number, local port, … */
	uint64_t first_ns;
	bool reply;
	enum verdict verdict;
	uint32_t end_netns, end_ifindex;
	char reason[64], hook[16], function[64];
	uint8_t count;
	struct hop_sight sights[JOURNEY_MAX_HOPS];
};

void hop_track_make(struct hop_track *track, const struct journey *journey, uint64_t key,
		    bool reply);

struct hop_sample {
	uint64_t key, sent_ns, first_ns, last_ns;
	bool requested, replied, answered, resent;
	bool told; /* the sender got an answer */
	enum verdict verdict;
	uint32_t end_netns, end_ifindex;
	char reason[64], hook[16], function[64];
	uint8_t path_count, path[HOP_ROWS];
};

struct hop_table {
	struct hop_row rows[HOP_ROWS];
	uint8_t row_count, order[HOP_ROWS]; /* order: ids of rows as they are shown */
	bool rows_cut;
	ARRAY(struct hop_sample) samples; /* those still open */
	ARRAY(struct hop_track) replies; /* waiting for their request */
	struct hop_end ends[HOP_ENDS];
	uint8_t end_count;
	uint64_t sent, answered, lost, resent;
	uint64_t stopped; /* seen nowhere */
};

/* A test packet was sent. -ENOMEM. */
int hop_table_sent(struct hop_table *table, uint64_t key, uint64_t now_ns);
/* Its answer reached the sender. */
void hop_table_answered(struct hop_table *table, uint64_t key);
/* Is such a sample open? */
bool hop_table_has(const struct hop_table *table, uint64_t key);
/*
 * The way of a request or an answer, as the trace closed it. A second request with the same key is a
 * retransmission: a sample of its own. Answers wait, so that requests closed later are known.
 */
int hop_table_track(struct hop_table *table, const struct hop_track *track);
/* A router beyond the node answered a TTL-limited packet after `ns`, or did not. */
void hop_table_router(struct hop_table *table, uint8_t ttl, struct address router, uint64_t ns);
/*
 * Joins the answers that began before `join_ns` with their requests, then ends the samples sent before
 * `end_ns`: those without an answer are lost. UINT64_MAX: all.
 */
void hop_table_settle(struct hop_table *table, uint64_t join_ns, uint64_t end_ns);
double hop_row_loss(const struct hop_row *row); /* percent */
void hop_table_free(struct hop_table *table);

#endif
