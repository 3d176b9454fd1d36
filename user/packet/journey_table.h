/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The inside of the journey table, shared by journey.c (lifetime), journey_join.c (which
 * journey a record belongs to), journey_answer.c (RST and ICMP errors) and verdict.c.
 *
 * An open journey is kept small (a few hundred bytes with its hops) and becomes a whole
 * struct journey only in the moment it is closed.
 */
#ifndef CNITRACE_PACKET_JOURNEY_TABLE_H
#define CNITRACE_PACKET_JOURNEY_TABLE_H

#include "packet/journey.h"
#include "packet/place.h"
#include "packet/pool.h"

_Static_assert(sizeof(struct encap) <= sizeof(struct packet), "they share a pool");

struct open_journey;

/* A place in a hash chain. */
struct key {
	struct key *next, **pprev; /* pprev NULL: in no chain */
	uint64_t hash;
	struct open_journey *owner;
};

struct key_table {
	struct key **buckets;
	size_t mask, count;
};

/* A further skb address (clone) or tuple (after NAT, or the tunnel's own) of a journey. */
struct extra_key {
	struct key key;
	struct key_table *table;
	struct extra_key *next;
};

/* A hop; the packet stands apart, and only where it is not simply the first one's. */
struct hop_cell {
	uint64_t time_ns;
	uint32_t netns, ifindex, len;
	uint16_t gso_size, gso_segs;
	struct hop_cell *next;
	struct packet *packet; /* NULL: as first seen but for len and ttl */
	struct encap *encap; /* from the pool of packets: it fits */
	uint8_t ttl;
	bool out, nat;
	uint16_t socket; /* PACKET_SOCKET of the record */
};

struct payload_cell {
	uint16_t length;
	uint8_t bytes[RECORD_MAX_PAYLOAD];
};

/* The RST or ICMP error that answers a journey. */
struct answer_cell {
	uint64_t id; /* of the journey that answers */
	struct packet packet;
	bool certain; /* else it counts only once the journey proves dropped */
	bool quotes_encap;
	uint16_t encap_dport;
};

struct open_journey {
	struct key skb, signature, tuple;
	struct key waiting; /* an answer whose question has not been seen: by quoted tuple */
	struct extra_key *extras;
	struct open_journey *prev, *next; /* in a journey_list */
	uint64_t id, first_ns, last_ns, answers;
	struct packet packet;
	struct hop_cell *first_hop, *last_hop;
	struct drop *drop;
	struct quoted *quoted;
	struct payload_cell *payload;
	struct answer_cell *answer;
	uint8_t hop_count;
	bool hops_cut, midway;
	bool stray; /* a copy flooded to a pod it was not meant for */
	bool merged; /* GRO put it into an earlier packet of its flow */
	bool arp; /* an ARP frame, and told: its copies for other ports are part of it */
	bool taken_along; /* a fragment whose bytes went out in another one, cut anew */
	bool carried; /* a tunnel took it up as the payload of another packet */
	bool resting; /* in the list of those that wait to be called vanished */
	bool evicted;
};

/* Ordered by last_ns, oldest first. */
struct journey_list {
	struct open_journey *head, *tail;
	size_t count;
};

enum ending {
	ENDING_MIDDLE, /* something should follow */
	ENDING_DELIVERED,
	ENDING_LEFT,
};

#define UNSEEN_SPANS 4

struct span {
	uint64_t from_ns, until_ns;
};

struct journey_table {
	struct journey_config config;
	struct span unseen[UNSEEN_SPANS]; /* the newest at [0] */
	struct journey_counts counts;
	struct place_cache *places;
	struct key_table by_skb, by_signature, by_tuple, by_quote;
	struct pool journeys, hops, packets, extras, drops, quotes, payloads, answers;
	size_t used; /* bytes in all pools */
	struct journey_list fresh; /* everything that had a record lately */
	struct journey_list resting; /* quiet for settle_ns and in the middle of the node */
	uint64_t last_id;
	uint64_t now_ns; /* latest record */
	struct journey scratch; /* what closed() sees */
};

/* journey_key.c */
int key_table_init(struct key_table *table);
void key_insert(struct key_table *table, struct key *key, uint64_t hash,
		struct open_journey *owner);
void key_remove(struct key_table *table, struct key *key);
/* First key of that hash in the chain from `key` on, newest first. */
struct key *key_match(struct key *key, uint64_t hash);
struct key *key_find(const struct key_table *table, uint64_t hash);

/* journey.c */
/* It had a record: to the end of those looked at after settle_ns. */
void journey_wake(struct journey_table *table, struct open_journey *journey);
/* It is over without a record of its own: no need to wait for it any longer. */
void journey_rouse(struct journey_table *table, struct open_journey *journey);
bool journey_is_dropped(const struct open_journey *journey); /* for a fault, not a benign drop */
struct packet hop_cell_packet(const struct open_journey *journey, const struct hop_cell *hop);
int journey_add_key(struct journey_table *table, struct open_journey *journey,
		    struct key_table *keys, uint64_t hash);

/* journey_join.c: finds or makes the record's journey and adds to it. 0 or -ENOMEM. */
int journey_join(struct journey_table *table, const struct record_view *view);
struct open_journey *journey_open(struct journey_table *table, const struct record_view *view);

/* journey_answer.c */
/* A new journey: answers an earlier one, or was answered already? 0 or -ENOMEM. */
int journey_answer(struct journey_table *table, struct open_journey *journey);
/* A journey has just been dropped: an answer that was in doubt is none any more. */
void journey_answer_confirm(struct journey_table *table, struct open_journey *journey);

/* verdict.c */
enum ending journey_ending(struct place_cache *places, const struct open_journey *journey);
/* Taken by the node for a Service that IPVS serves: it goes on, unless what serves is the node itself. */
bool journey_is_served(struct place_cache *places, const struct open_journey *journey);
/* Can a packet begin its way here? `hard`: it cannot have come from anywhere else. */
bool sighting_is_start(struct place_cache *places, const struct record *record, bool *hard);
bool sighting_is_stray(struct place_cache *places, const struct record *record);
/* A copy of an ARP frame for others than who has the address, if anybody here has it: a bridge gives one to each port. */
bool sighting_is_aside(struct place_cache *places, const struct record *record);
/* Sets verdict and end of a journey filled from `open`. False: not worth telling, or (*benign) only to be counted. */
bool journey_judge(struct place_cache *places, const struct open_journey *open,
		   struct journey *journey, bool *benign);

#endif
