/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The inside of the flow table, shared by flow.c (which flow a journey belongs to and
 * what is kept of it), flow_index.c (tuples → flows) and flow_size.c (which packet
 * sizes passed and which were lost).
 */
#ifndef CNITRACE_PACKET_FLOW_TABLE_H
#define CNITRACE_PACKET_FLOW_TABLE_H

#include <stddef.h>

#include "packet/flow.h"

#define FLOW_OUTSTANDING 16

/* Sent and not yet acknowledged (TCP) or answered (echo, UDP). */
struct outstanding {
	uint32_t seq, end; /* TCP: sequence space; echo and DNS: seq alone names it */
	uint32_t wire; /* length of one packet on the wire */
	uint64_t time_ns;
	bool used, again; /* again: it had to be sent more than once */
};

struct flow_sizes {
	struct outstanding sent[FLOW_OUTSTANDING];
	uint8_t next;
	uint32_t lost_min, lost_max; /* certainly lost */
	uint32_t full; /* longest packet on the wire so far */
	bool acked; /* sent an ACK or data after the handshake */
};

struct flow_entry {
	struct flow_sizes sizes[2]; /* [1] forward, [0] reverse */
	bool sure; /* a SYN or an echo said which direction is forward */
	struct flow flow; /* what the public sees; last, for its end is seldom used */
};

struct flow_key {
	struct flow_key *next;
	struct flow_entry *entry;
	struct tuple tuple;
	uint32_t hash;
	bool forward;
};

struct flow_index {
	struct flow_key **buckets;
	uint32_t mask, count;
	uint64_t last_id, latest_ns;
	uint32_t samples_plain, samples_other; /* kept in the whole table */
};

static inline struct flow_entry *flow_entry_of(struct flow *flow)
{
	return (struct flow_entry *)((char *)flow - offsetof(struct flow_entry, flow));
}

/* flow_index.c */
struct flow_index *flow_index_new(void);
void flow_index_free(struct flow_index *index);
struct flow_key *flow_index_find(const struct flow_index *index, const struct tuple *tuple);
/* Both directions of a forward tuple. 0 or -ENOMEM; a tuple that another flow holds stays there. */
int flow_index_add(struct flow_index *index, struct flow_entry *entry, struct tuple forward);
void flow_index_flip(struct flow_index *index, struct flow_entry *entry);

/* flow_size.c */
uint32_t wire_length(const struct packet *packet, uint16_t gso_size);
void flow_sizes_add(struct flow_entry *entry, bool forward, const struct journey *journey);
void flow_sizes_judge(struct flow_entry *entry, uint64_t now_ns);

#endif
