/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the monitor remembers: rows (drops of one kind at one place), the series that
 * Prometheus sees, and the findings that are on now. Pure: numbers, names and time come from
 * the caller; everything is bounded and what does not fit is counted.
 */
#ifndef CNITRACE_DIAGNOSE_WATCH_H
#define CNITRACE_DIAGNOSE_WATCH_H

#include "diagnose/finding.h"
#include "drop_count.h"
#include "packet/journey.h"

#define WATCH_BUCKETS 60 /* of history: with the next, the last five minutes */
#define WATCH_BUCKET_NS 5000000000ull
#define WATCH_SAMPLES                                                                              \
	8 /* example packets per row: the last ones, of as many flows as there is room for */
#define WATCH_CAUSES 4 /* findings that share one row's packets */
#define WATCH_MAX_ROWS 8192
#define WATCH_MAX_SERIES 512
#define WATCH_MAX_FINDINGS 128

struct watch_sample {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	struct packet packet;
};

struct watch_series { /* {class, reason, device kind, protocol} */
	bool benign;
	char reason[48], kind[12], proto[12];
	uint64_t packets, bytes;
};

struct watch_pod { /* drops in one pod's namespace, or on the host end of its veth */
	char name[320]; /* "namespace/name" */
	uint64_t fault_packets, fault_bytes, benign_packets;
	bool gone; /* its series ends */
};

struct watch_cause {
	uint64_t finding; /* id of a watch_finding, 0 none */
	uint32_t weight; /* of the row's samples it explained */
};

struct watch_row {
	struct drop_key key;
	struct watch_row *next; /* private: of the same hash */
	bool named; /* what follows is filled in */
	bool elsewhere; /* in a namespace that is not this node's (so far): not shown */
	bool gone; /* its namespace has ended */
	bool pod_gone; /* its pod has, whose series has ended: what still comes is the overflow's */
	bool benign;
	bool derived; /* the reason was inferred: the kernel gave none */
	const char *why; /* why it is benign, a constant; NULL fault */
	char reason[48], function[48], hook[16], device[16], netns[64];
	const char *kind; /* of the device, a constant: "pod", "bridge", "tunnel", "uplink", … */
	char proto[12];
	char *pod; /* allocated, NULL none */
	char *containers; /* of that pod, "web,sidecar"; allocated, NULL unknown */
	char peer[16]; /* the device's other end, of a veth */
	uint64_t packets, bytes; /* in all */
	uint64_t began_ns; /* its first drop; CLOCK_MONOTONIC, as the others */
	uint64_t first_ns, last_ns; /* since a finding of its was over; else since it began */
	uint64_t interval_packets, interval_bytes; /* since watch_interval_end() */
	struct drop_sum reading; /* private: of the reading under way */
	uint64_t map_packets, map_bytes; /* private: as the last reading ended */
	bool placed; /* it cannot be taken out of the kernel */
	uint64_t settled_packets, settled_bytes; /* private: already in the series */
	uint64_t explained_packets; /* private: already in a finding's count */
	uint32_t history[WATCH_BUCKETS]; /* packets; see watch_history() */
	uint64_t bucket; /* private: the one written last, counted from 0 */
	struct watch_sample samples[WATCH_SAMPLES]; /* a ring, oldest first */
	uint8_t sample_count, sample_next;
	struct watch_cause causes[WATCH_CAUSES];
	uint64_t diagnosed_ns; /* when its samples were last judged, 0 never */
	struct watch_series *series;
	struct watch_pod *pod_series;
};

enum watch_state { WATCH_NEW, WATCH_UPDATE, WATCH_OVER };

/* A finding that is on: said once, then updated, then said to be over. */
struct watch_finding {
	uint64_t id; /* from 1 */
	struct finding *finding; /* owned; its count is ours */
	enum watch_state state;
	uint64_t first_ns, last_ns; /* of the drops it explains */
	uint64_t said_count; /* when it was last said */
	bool exact; /* its rows have no other cause: the count is no estimate */
};

struct watch_totals {
	uint64_t fault_packets, fault_bytes, benign_packets, benign_bytes, elsewhere_packets;
};

struct watch {
	ARRAY(struct watch_row *) rows;
	ARRAY(struct watch_series *) series;
	ARRAY(struct watch_pod *) pods;
	ARRAY(struct watch_finding) findings;
	struct watch_series fault_overflow, benign_overflow; /* beyond WATCH_MAX_SERIES */
	struct watch_pod pod_overflow; /* beyond max_pods, and pods whose series has ended */
	struct watch_totals totals;
	uint64_t rows_refused; /* packets of rows beyond WATCH_MAX_ROWS */
	uint64_t findings_refused;
	uint32_t max_pods;
	uint64_t next_finding;
	struct watch_row **slots; /* private: hash table */
};

struct watch *watch_new(uint32_t max_pods);
void watch_free(struct watch *watch);

/* The row of a key, made when there is none. NULL: no room. */
struct watch_row *watch_row_get(struct watch *watch, const struct drop_key *key);
/*
 * A reading: every part of every key's count is added, then the reading ends and the rows take
 * what they gained. Counts only grow while a key is where it is; a smaller one is a key that was
 * moving, and is put right by the next reading.
 */
void watch_reading_begin(struct watch *watch);
void watch_reading_add(struct watch *watch, const struct drop_key *key, const struct drop_sum *sum,
		       bool placed);
void watch_reading_end(struct watch *watch, uint64_t now_ns);
/* The last that is heard of a key: it has been taken out of the map with this sum. */
void watch_row_taken(struct watch_row *row, const struct drop_sum *sum, uint64_t now_ns);
struct watch_row *watch_row_of(const struct watch *watch, const struct drop_key *key);
/*
 * Keeps it as an example. When all places are taken it replaces an older one of the same flow, else one of a flow that has
 * several, else the oldest: a busy flow does not push out a short one.
 */
void watch_row_sample(struct watch_row *row, uint64_t time_ns, const struct packet *packet);
/* Another reason than the row had so far; what it has counted stays with that one. "" is NOT_SPECIFIED. */
void watch_row_reason(struct watch_row *row, const char *reason, bool derived);
/* Forgets a row; what it counted stays in the series. Pointers to it end. */
void watch_row_remove(struct watch *watch, struct watch_row *row);
/* The packet of a key, as far as the key tells: for classing a row that has no sample. */
void watch_key_packet(const struct drop_key *key, struct packet *packet);

/* Adds what named rows have gained to the series, the pods and the totals. */
void watch_settle(struct watch *watch);
/* The pod is gone: its series ends, its counts move to the overflow, and its place is another's. */
void watch_pod_gone(struct watch *watch, const char *name);
/* Packets of the WATCH_BUCKETS buckets up to now, oldest first. */
void watch_history(const struct watch_row *row, uint64_t now_ns, uint32_t out[WATCH_BUCKETS]);
/* Packets per second over the last 10 to 15 seconds. */
double watch_rate(const struct watch_row *row, uint64_t now_ns);
void watch_interval_end(struct watch *watch);
/* The row that has been quiet longest (of those gone first), NULL when all moved since `since_ns`. */
struct watch_row *watch_quietest(const struct watch *watch, uint64_t since_ns);

/*
 * Takes findings over from `list` (it is left empty). One that is on already keeps its count
 * and first time and takes the newer words. Ids of list order are written to ids[] (count of
 * list), 0 where there was no room.
 */
void watch_findings_take(struct watch *watch, struct finding_list *list, uint64_t now_ns,
			 uint64_t *ids);
struct watch_finding *watch_finding_of(const struct watch *watch, uint64_t id);
/* A row's packets are (also) this finding's. Weights say how they are shared out. */
void watch_row_cause(struct watch_row *row, uint64_t finding, uint32_t weight);
void watch_row_forget_causes(struct watch_row *row);
/* Shares what the rows gained out to their findings. */
void watch_explain(struct watch *watch);
/* Findings whose rows were quiet for hold_ns become WATCH_OVER; the caller says so and removes them. */
void watch_findings_expire(struct watch *watch, uint64_t now_ns, uint64_t hold_ns);
void watch_finding_remove(struct watch *watch, uint64_t id);

#endif
