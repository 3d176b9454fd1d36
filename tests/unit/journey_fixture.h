/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of journeys share: a table on the node of records.h, records put into it one
 * microsecond after the other, and the journeys it has closed. Judges nothing itself.
 */
#ifndef CNITRACE_TESTS_JOURNEY_FIXTURE_H
#define CNITRACE_TESTS_JOURNEY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "packet/journey.h"
#include "records.h"

#define MS 1000000ull
#define MAX_CLOSED 64

struct fixture {
	struct topology topology;
	struct journey_table *table;
	struct journey closed[MAX_CLOSED];
	size_t count;
	uint64_t now;
};

static inline void keep(void *context, const struct journey *journey)
{
	struct fixture *f = context;

	if (f->count < MAX_CLOSED)
		f->closed[f->count] = *journey;
	f->count++;
}

/* In these tests a drop says by its reason what it is: odd numbers are benign. */
#define FAULT 2
#define BENIGN 3

static inline void name(void *context, struct drop *drop)
{
	(void)context;
	drop->benign = drop->info.reason & 1;
}

static inline struct fixture *start_with(struct journey_config config)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	topology_example(&f->topology);
	config.topology = &f->topology;
	config.closed = keep;
	config.name_drop = name;
	config.context = f;
	f->table = journey_table_new(&config);
	assert_non_null(f->table);
	f->now = 1000 * MS;
	return f;
}

static inline struct fixture *start(void)
{
	return start_with((struct journey_config){0});
}

static inline void stop(struct fixture *f)
{
	journey_table_flush(f->table);
	assert_int_equal(journey_table_open(f->table), 0);
	journey_table_free(f->table);
	topology_free(&f->topology);
	test_free(f);
}

static inline void put(struct fixture *f, struct test_record *r)
{
	static _Alignas(8) uint8_t bytes[RECORD_ROOM];

	f->now += 1000;
	r->head.time_ns = f->now;
	assert_int_equal(journey_table_add(f->table, bytes, record_write(r, bytes)), 0);
}

static inline void hop(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
		       struct packet packet)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	put(f, &r);
}

static inline void hop_encap(struct fixture *f, uint64_t skb, uint32_t ifindex,
			     const char *direction, struct packet packet, struct encap encap)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	r.head.tails = TAIL_ENCAP;
	r.encap = encap;
	put(f, &r);
}

static inline void hop_gso(struct fixture *f, uint64_t skb, uint32_t ifindex, const char *direction,
			   struct packet packet, uint16_t gso_size)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	r.head.gso_size = gso_size;
	put(f, &r);
}

static inline void hop_quoting(struct fixture *f, uint64_t skb, uint32_t ifindex,
			       const char *direction, struct packet packet, struct packet quoted)
{
	struct test_record r = record_make(direction[0] == 'o' ? RECORD_HOP_OUT : RECORD_HOP_IN, 0,
					   skb, NODE_NS, ifindex, packet);

	r.head.tails = TAIL_QUOTED;
	r.quoted = quote(quoted);
	put(f, &r);
}

static inline void drop(struct fixture *f, uint64_t skb, uint32_t netns, uint32_t ifindex,
			uint32_t reason, struct packet packet)
{
	struct test_record r = record_make(RECORD_DROP, 0, skb, netns, ifindex, packet);

	r.drop.reason = reason;
	put(f, &r);
}

static inline void later(struct fixture *f, uint64_t ns)
{
	f->now += ns;
	journey_table_expire(f->table, f->now);
}

static inline const struct journey *only(struct fixture *f, enum verdict verdict)
{
	later(f, 5000 * MS);
	assert_int_equal(f->count, 1);
	assert_string_equal(verdict_name(f->closed[0].verdict), verdict_name(verdict));
	assert_int_equal(journey_table_counts(f->table)->verdicts[verdict], 1);
	return &f->closed[0];
}

static inline struct packet ping(const char *src, const char *dst)
{
	return packet_ping(src, dst, false, 42, 1, 77, 56);
}

#endif
