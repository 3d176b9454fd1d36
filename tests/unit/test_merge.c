// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merge: clocks that are wrong, packets that overtake, come twice, never come, or came
 * before anybody watched; identical packets; segments put together; many of all of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "packet/merge.h"

#define MS 1000000LL
#define SECOND 1000000000LL
#define START (1700000000LL * SECOND)

static int64_t clock_of[8]; /* what each node's clock is ahead of the true time */

static void setup(struct merge *merge, unsigned nodes)
{
	memset(merge, 0, sizeof(*merge));
	memset(clock_of, 0, sizeof(clock_of));
	merge->node_count = nodes;
	for (unsigned i = 0; i < nodes; i++)
		merge->nodes[i] = (struct merge_node){.begin_ns = START - 10 * SECOND,
						      .end_ns = START + 10000 * SECOND};
}

static struct merge_sighting *sight(struct merge *merge, enum merge_side side, unsigned node,
				    uint64_t signature, int64_t true_ns)
{
	struct merge_sighting *one = array_push(&merge->sightings);

	assert_non_null(one);
	*one = (struct merge_sighting){.side = side,
				       .node = node,
				       .peer = MERGE_NO_NODE,
				       .signature = signature,
				       .tuple = 77,
				       .strong = true,
				       .journey = merge->sightings.count - 1,
				       .time_ns = START + true_ns + clock_of[node]};
	return one;
}

static void left(struct merge *merge, unsigned from, unsigned to, uint64_t signature, int64_t ns)
{
	sight(merge, MERGE_LEFT, from, signature, ns)->peer = to;
}

/* Left at `ns`, arrived `transit` later. */
static void sent(struct merge *merge, unsigned from, unsigned to, uint64_t signature, int64_t ns,
		 int64_t transit)
{
	left(merge, from, to, signature, ns);
	sight(merge, MERGE_ARRIVED, to, signature, ns + transit);
}

static const struct merge_pair *pair(const struct merge *merge, unsigned from, unsigned to)
{
	array_each(one, &merge->pairs) {
		if (one->from == from && one->to == to)
			return one;
	}
	fail_msg("no pair %u to %u", from, to);
	return NULL;
}

static struct merge_sighting *item(struct merge *merge, size_t index)
{
	return &merge->sightings.items[index];
}

static void test_shifted_clocks(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	clock_of[1] = 3600 * SECOND;
	for (int i = 0; i < 50; i++) {
		sent(&merge, 0, 1, 100 + i, i * MS, 200000 + i * 1000);
		sent(&merge, 1, 0, 200 + i, i * MS + 500000, 300000 + (50 - i) * 1000);
	}
	assert_int_equal(merge_join(&merge), 0);
	assert_true(merge.nodes[1].known);
	assert_false(merge.nodes[1].drifted);
	assert_int_equal(merge.nodes[1].clear, 100);
	/* true offset -3600 s; transits 200 and 301 µs: half their difference off, within half their sum */
	assert_int_equal(merge.nodes[1].error_ns, 250500);
	assert_in_range(merge.nodes[1].offset_ns + 3600 * SECOND + 250500, 0, 501000);
	assert_int_equal(pair(&merge, 0, 1)->joined, 50);
	assert_int_equal(pair(&merge, 1, 0)->joined, 50);
	assert_int_equal(pair(&merge, 0, 1)->min_ns, 250500);
	assert_true(merge_time(&merge, item(&merge, 1)) > merge_time(&merge, item(&merge, 0)));
	merge_free(&merge);
}

static void test_one_direction(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	clock_of[1] = -5 * SECOND;
	sent(&merge, 0, 1, 1, 0, 400000);
	sent(&merge, 0, 1, 2, MS, 300000);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(merge.nodes[1].error_ns, -1);
	assert_int_equal(merge.nodes[1].offset_ns, 5 * SECOND - 300000);
	assert_int_equal(pair(&merge, 0, 1)->joined, 2);
	assert_int_equal(pair(&merge, 0, 1)->min_ns, 0);
	merge_free(&merge);
}

static void test_clock_set_meanwhile(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	sent(&merge, 0, 1, 1, 0, 100000);
	clock_of[1] = 7 * MS;
	sent(&merge, 1, 0, 2, MS, 100000);
	assert_int_equal(merge_join(&merge), 0);
	assert_true(merge.nodes[1].drifted);
	assert_int_equal(merge.nodes[1].error_ns, (7 * MS - 200000) / 2);
	merge_free(&merge);
}

/* Node 2 never talks to node 0: its clock is found by way of node 1. */
static void test_three_nodes(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 4);
	clock_of[1] = 2 * SECOND;
	clock_of[2] = -9 * SECOND;
	clock_of[3] = 1234;
	sent(&merge, 0, 1, 1, 0, 100000);
	sent(&merge, 1, 0, 2, MS, 100000);
	sent(&merge, 1, 2, 3, 0, 40000);
	sent(&merge, 2, 1, 4, MS, 40000);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(merge.nodes[2].offset_ns, 9 * SECOND);
	assert_int_equal(merge.nodes[2].error_ns, 140000);
	assert_false(merge.nodes[3].known);
	assert_int_equal(merge.nodes[3].offset_ns, 0);
	merge_free(&merge);
}

static void test_reordering(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	for (int i = 0; i < 20; i++) /* each is overtaken by those behind it */
		sent(&merge, 0, 1, 100 + i, i * 10000, 900000 - i * 30000);
	assert_int_equal(merge_join(&merge), 0);
	for (unsigned i = 0; i < 40; i += 2)
		assert_int_equal(item(&merge, i)->partner, i + 1);
	merge_free(&merge);
}

static void test_loss_and_duplicates(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	for (int i = 0; i < 10; i++) {
		if (i == 4)
			left(&merge, 0, 1, 104, 4 * MS);
		else
			sent(&merge, 0, 1, 100 + i, i * MS, 50000);
		sent(&merge, 1, 0, 200 + i, i * MS, 50000);
	}
	sight(&merge, MERGE_ARRIVED, 1, 102, 2 * MS + 80000);
	item(&merge, 16)->outer = 5; /* the lost one wore a tunnel header */
	assert_int_equal(item(&merge, 16)->signature, 104);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(pair(&merge, 0, 1)->left, 10);
	assert_int_equal(pair(&merge, 0, 1)->lost, 1);
	assert_int_equal(pair(&merge, 0, 1)->outer_lost, 1);
	assert_int_equal(pair(&merge, 0, 1)->lost_example, 16);
	assert_int_equal(pair(&merge, 0, 1)->duplicates, 1);
	assert_int_equal(pair(&merge, 1, 0)->lost, 0);
	assert_int_equal(item(&merge, 16)->fate, MERGE_LOST);
	merge_free(&merge);
}

/* Not yet, and no longer, watching: nobody's loss. A node that is not there at all: nothing to say. */
static void test_not_watching(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	clock_of[1] = 50 * SECOND;
	merge.nodes[1].begin_ns = START + clock_of[1] + 5 * SECOND;
	merge.nodes[1].end_ns = START + clock_of[1] + 9 * SECOND;
	left(&merge, 0, 1, 1, 1 * SECOND);
	sent(&merge, 0, 1, 2, 6 * SECOND, 20000);
	sent(&merge, 1, 0, 3, 6 * SECOND, 20000);
	left(&merge, 0, 1, 4, 7 * SECOND);
	left(&merge, 0, 1, 5, 9 * SECOND - MS);
	sight(&merge, MERGE_LEFT, 0, 6, 7 * SECOND);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(item(&merge, 0)->fate, MERGE_UNSEEN);
	assert_int_equal(item(&merge, 1)->fate, MERGE_JOINED);
	assert_int_equal(item(&merge, 5)->fate, MERGE_LOST);
	assert_int_equal(item(&merge, 6)->fate, MERGE_UNSEEN);
	assert_int_equal(item(&merge, 7)->fate, MERGE_ALONE);
	assert_int_equal(pair(&merge, 0, 1)->unseen, 2);
	assert_int_equal(pair(&merge, 0, 1)->lost, 1);
	merge_free(&merge);
}

/* UDP without an IP id: all alike but for the tunnel header, or but for the time. */
static void test_identical_packets(void **state)
{
	struct merge merge;

	(void)state;
	for (int tunnel = 0; tunnel < 2; tunnel++) {
		setup(&merge, 2);
		sent(&merge, 0, 1, 900, 0, 100000);
		sent(&merge, 1, 0, 901, 0, 100000);
		for (int i = 0; i < 6; i++) {
			int64_t at = i * (tunnel ? 1000 : 100 * MS);

			sight(&merge, MERGE_LEFT, 0, 5, at)->peer = 1;
			merge.sightings.items[merge.sightings.count - 1].outer =
				tunnel ? 10 + i : 0;
			merge.sightings.items[merge.sightings.count - 1].strong = false;
			if (i == 2)
				continue;
			sight(&merge, MERGE_ARRIVED, 1, 5, at + 110000)->strong = false;
			merge.sightings.items[merge.sightings.count - 1].outer =
				tunnel ? 10 + i : 0;
		}
		assert_int_equal(merge_join(&merge), 0);
		assert_int_equal(pair(&merge, 0, 1)->lost, 1);
		assert_int_equal(item(&merge, 8)->fate, MERGE_LOST); /* the third, and no other */
		assert_int_equal(pair(&merge, 0, 1)->duplicates, 0);
		merge_free(&merge);
	}
}

/* Other addresses on the way (a cloud's NAT): a strong signature is enough, a weak one is not. */
static void test_other_addresses(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	sent(&merge, 0, 1, 1, 0, 100000);
	sent(&merge, 0, 1, 2, MS, 100000);
	item(&merge, 1)->tuple = 78;
	item(&merge, 3)->tuple = 78;
	item(&merge, 2)->strong = item(&merge, 3)->strong = false;
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(item(&merge, 0)->partner, 1);
	assert_int_equal(item(&merge, 2)->partner, MERGE_NONE);
	assert_int_equal(item(&merge, 2)->fate, MERGE_LOST);
	merge_free(&merge);
}

/* The sender's card cuts one packet in three; the receiver's puts three together. */
static void test_segments(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	sent(&merge, 0, 1, 1, 0, 100000);
	item(&merge, 0)->seq = item(&merge, 1)->seq = 0x7ffffff0;
	item(&merge, 0)->payload = 3000;
	item(&merge, 1)->payload = 1000;
	for (unsigned i = 1; i < 3; i++) {
		sight(&merge, MERGE_ARRIVED, 1, 10 + i, 100000 + i * 10)->payload = 1000;
		item(&merge, 1 + i)->seq = 0x7ffffff0 + i * 1000;
	}
	for (unsigned i = 0; i < 3; i++) {
		left(&merge, 0, 1, 20 + i, MS + i * 10);
		item(&merge, 4 + i)->tuple = 80;
		item(&merge, 4 + i)->seq = 5000 + i * 1000;
		item(&merge, 4 + i)->payload = 1000;
	}
	sight(&merge, MERGE_ARRIVED, 1, 20, MS + 100000)->payload = 3000;
	item(&merge, 7)->tuple = 80;
	item(&merge, 7)->seq = 5000;
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(pair(&merge, 0, 1)->lost, 0);
	assert_int_equal(item(&merge, 3)->partner, 0);
	assert_int_equal(item(&merge, 3)->fate, MERGE_PART);
	assert_int_equal(item(&merge, 4)->partner, 7);
	assert_int_equal(item(&merge, 6)->partner, 7);
	assert_int_equal(item(&merge, 6)->fate, MERGE_JOINED);
	merge_free(&merge);
}

/* A node in the middle (a NodePort on another node): both its sightings find their partners. */
static void test_through_a_third_node(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 3);
	sent(&merge, 0, 1, 1, 0, 100000);
	sent(&merge, 1, 2, 1, 150000, 100000);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(item(&merge, 0)->partner, 1);
	assert_int_equal(item(&merge, 2)->partner, 3);
	merge_free(&merge);
}

static void test_nothing(void **state)
{
	struct merge merge;

	(void)state;
	setup(&merge, 0);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(merge.pairs.count, 0);
	merge_free(&merge);
	setup(&merge, 2);
	sight(&merge, MERGE_LEFT, 0, 0, 0)->peer = 1;
	sight(&merge, MERGE_ARRIVED, 1, 0, 10);
	assert_int_equal(merge_join(&merge), 0);
	assert_int_equal(item(&merge, 0)->fate, MERGE_ALONE);
	merge_free(&merge);
}

/* A million sightings; half of them all alike, which must not take the square of their number. */
static void test_a_million(void **state)
{
	struct timespec begin, end;
	struct rusage usage;
	struct merge merge;

	(void)state;
	setup(&merge, 2);
	clock_of[1] = 3 * SECOND;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < 250000; i++) {
		uint64_t signature = 1000 + (uint64_t)i * 7919;

		if (i % 1000 == 7)
			left(&merge, i & 1, !(i & 1), signature, i * 10000LL);
		else
			sent(&merge, i & 1, !(i & 1), signature, i * 10000LL, 200000);
		left(&merge, 0, 1, 5, i * 10000LL);
		sight(&merge, MERGE_ARRIVED, 1, 5, i * 10000LL + 200000);
	}
	assert_int_equal(merge_join(&merge), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	getrusage(RUSAGE_SELF, &usage);
	assert_int_equal(pair(&merge, 1, 0)->lost, 250);
	assert_int_equal(pair(&merge, 0, 1)->lost, 0);
	assert_int_equal(pair(&merge, 0, 1)->joined, 125000 + 250000);
	/* Far beyond what it takes (1 s, 100 MB), far below what n² would. */
	assert_in_range(end.tv_sec - begin.tv_sec, 0, 60);
	assert_in_range(merge.sightings.room * sizeof(struct merge_sighting), 1, 200 << 20);
	print_message("# %zu sightings, %.1f s, %ld MiB\n", merge.sightings.count,
		      (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9,
		      usage.ru_maxrss / 1024);
	merge_free(&merge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shifted_clocks),
		cmocka_unit_test(test_one_direction),
		cmocka_unit_test(test_clock_set_meanwhile),
		cmocka_unit_test(test_three_nodes),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_loss_and_duplicates),
		cmocka_unit_test(test_not_watching),
		cmocka_unit_test(test_identical_packets),
		cmocka_unit_test(test_other_addresses),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_through_a_third_node),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
