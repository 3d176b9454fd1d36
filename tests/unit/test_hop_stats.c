// SPDX-License-Identifier: GPL-2.0-only
/*
 * packet/hop_stats.h: numbers agree with the textbook, loss is charged to the rows a lost packet should
 * have reached and to no others, retransmissions are packets of their own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "packet/hop_stats.h"

static bool near(double a, double b)
{
	return a - b < 1e-6 && b - a < 1e-6;
}

static void test_numbers(void **state)
{
	static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
	struct hop_number n = {0};

	(void)state;
	assert_true(hop_number_stdev(&n) == 0);
	for (int i = 0; i < 8; i++)
		hop_number_add(&n, values[i]);
	assert_int_equal(n.count, 8);
	assert_true(near(n.last, 9) && near(n.best, 2) && near(n.worst, 9) && near(n.mean, 5));
	assert_true(near(hop_number_stdev(&n), 2.138089935));
}

static void test_one_number_has_no_deviation(void **state)
{
	struct hop_number n = {0};

	(void)state;
	hop_number_add(&n, 12345);
	assert_true(hop_number_stdev(&n) == 0);
	assert_true(near(n.best, 12345) && near(n.worst, 12345));
}

/* A packet seen at the devices of `path` (ifindexes; negative: out), 1000 ns apart. */
static struct hop_track track(uint64_t key, bool reply, uint64_t at, const int *path,
			      enum verdict verdict)
{
	struct hop_track t = {.key = key, .first_ns = at, .reply = reply, .verdict = verdict};

	for (; *path; path++) {
		struct hop_sight *sight = &t.sights[t.count];

		sight->time_ns = at + 1000u * t.count++;
		sight->netns = 1;
		sight->ifindex = *path < 0 ? -*path : *path;
		sight->out = *path < 0;
	}
	return t;
}

static void add(struct hop_table *table, uint64_t key, bool reply, uint64_t at, const int *path,
		enum verdict verdict)
{
	struct hop_track t = track(key, reply, at, path, verdict);

	hop_table_track(table, &t);
}

static const int whole[] = {1, 2, -3, 0}, half[] = {1, 2, 0}, back[] = {3, -1, 0};

static void send(struct hop_table *table, uint64_t key, uint64_t at, const int *request,
		 const int *reply)
{
	assert_int_equal(hop_table_sent(table, key, at), 0);
	add(table, key, false, at, request, request == half ? VERDICT_DROPPED : VERDICT_LEFT_NODE);
	if (reply)
		add(table, key, true, at + 50000, reply, VERDICT_DELIVERED);
}

static const struct hop_row *row(const struct hop_table *table, unsigned index)
{
	assert_true(index < table->row_count);
	return &table->rows[table->order[index]];
}

static void test_all_answered(void **state)
{
	struct hop_table t = {0};

	(void)state;
	for (int i = 1; i <= 4; i++)
		send(&t, i, i * 1000000, whole, back);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.row_count, 5);
	assert_int_equal(t.sent, 4);
	assert_int_equal(t.answered, 4);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(row(&t, i)->seen, 4);
		assert_int_equal(row(&t, i)->lost, 0);
	}
	assert_true(near(row(&t, 2)->time.mean, 2000));
	assert_true(near(row(&t, 3)->time.mean, 50000)); /* since the request's first hop */
	assert_true(near(row(&t, 3)->step.mean, 48000));
	assert_int_equal(row(&t, 3)->place.leg, LEG_REPLY);
	hop_table_free(&t);
}

static void test_loss_in_the_middle(void **state)
{
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, half, NULL); /* lost before the whole path was ever seen */
	send(&t, 2, 2000000, whole, back);
	send(&t, 3, 3000000, whole, NULL);
	send(&t, 4, 4000000, whole, back);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(row(&t, 1)->lost, 0);
	assert_int_equal(row(&t, 2)->lost, 1);
	assert_true(near(hop_row_loss(row(&t, 2)), 25));
	assert_int_equal(row(&t, 3)->lost, 2);
	assert_true(near(hop_row_loss(row(&t, 4)), 50));
	assert_int_equal(t.lost, 2);
	assert_int_equal(t.end_count, 2);
	assert_int_equal(t.ends[0].verdict, VERDICT_DROPPED);
	hop_table_free(&t);
}

/* Of two ways one never answers: what is lost there is missing where every answer ends. */
static void test_home(void **state)
{
	static const int other[] = {1, 4, -5, 0};
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, whole, back);
	send(&t, 2, 2000000, other, NULL);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.row_count, 7);
	assert_int_equal(row(&t, 6)->place.ifindex, 1);
	assert_int_equal(row(&t, 6)->place.leg, LEG_REPLY);
	assert_int_equal(row(&t, 6)->lost, 1);
	assert_int_equal(row(&t, 5)->lost, 0);
	hop_table_free(&t);
}

static void test_two_paths(void **state)
{
	static const int other[] = {1, -9, 0}, other_back[] = {9, -1, 0};
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, whole, back);
	send(&t, 2, 2000000, other, other_back);
	send(&t, 3, 3000000, other, NULL);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	for (unsigned i = 0; i < t.row_count; i++) {
		const struct hop_row *one = row(&t, i);

		/* what got as far as device 9 is missing in its answers only */
		if (one->place.leg == LEG_REQUEST || one->place.ifindex == 3)
			assert_int_equal(one->lost, 0);
		else
			assert_int_equal(one->lost, 1);
	}
	hop_table_free(&t);
}

static void test_retransmission(void **state)
{
	struct hop_table t = {0};

	(void)state;
	hop_table_sent(&t, 7, 1000000);
	hop_table_answered(&t, 7); /* connected in the end */
	add(&t, 7, false, 1000000, whole, VERDICT_LEFT_NODE);
	add(&t, 7, true, 1001050000, back, VERDICT_DELIVERED);
	add(&t, 7, false, 1001000000, whole, VERDICT_LEFT_NODE);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.sent, 2);
	assert_int_equal(t.resent, 1);
	assert_int_equal(t.answered, 1);
	assert_int_equal(t.lost, 1);
	assert_true(near(row(&t, 3)->time.last, 50000)); /* of the second, not of the first */
	assert_true(near(hop_row_loss(row(&t, 3)), 50));
	hop_table_free(&t);
}

static void test_open_samples_are_no_loss(void **state)
{
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, whole, back);
	send(&t, 2, 9000000, whole, NULL);
	hop_table_settle(&t, 5000000, 5000000);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.answered, 1);
	assert_true(hop_table_has(&t, 2));
	assert_false(hop_table_has(&t, 1));
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.lost, 1);
	hop_table_free(&t);
}

static void test_seen_nowhere(void **state)
{
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, whole, back);
	hop_table_sent(&t, 2, 2000000);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	for (unsigned i = 0; i < t.row_count; i++)
		assert_int_equal(row(&t, i)->lost, 1);
	assert_int_equal(t.ends[0].row, HOP_ROWS);
	hop_table_free(&t);
}

static void test_unknown_packets_are_not_counted(void **state)
{
	struct hop_table t = {0};
	struct hop_track stranger = track(99, false, 1000, whole, VERDICT_LEFT_NODE);

	(void)state;
	assert_true(hop_table_track(&t, &stranger) < 0);
	stranger.reply = true;
	hop_table_track(&t, &stranger);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.row_count, 0);
	assert_int_equal(t.sent, 0);
	hop_table_free(&t);
}

static void test_same_device_twice(void **state)
{
	static const int hairpin[] = {1, 5, 1, -5, 0};
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, hairpin, NULL);
	send(&t, 2, 2000000, hairpin, NULL);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.row_count, 4);
	assert_int_equal(row(&t, 0)->seen, 2);
	assert_int_equal(row(&t, 2)->place.nth, 1);
	hop_table_free(&t);
}

static void test_more_rows_than_fit(void **state)
{
	struct hop_table t = {0};

	(void)state;
	for (int i = 1; i <= HOP_ROWS + 5; i++) {
		int path[] = {i, 0};

		send(&t, i, i * 1000000ull, path, NULL);
	}
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(t.row_count, HOP_ROWS);
	assert_true(t.rows_cut);
	hop_table_free(&t);
}

static void test_routers_between(void **state)
{
	struct address router = {.version = 4, .bytes = {10, 0, 0, 1}}, none = {0};
	struct hop_table t = {0};

	(void)state;
	send(&t, 1, 1000000, whole, back);
	hop_table_settle(&t, UINT64_MAX, UINT64_MAX);
	hop_table_router(&t, 3, router, 500);
	hop_table_router(&t, 2, none, 0);
	hop_table_router(&t, 3, none, 0);
	assert_int_equal(row(&t, 3)->place.ttl, 2);
	assert_int_equal(row(&t, 4)->place.ttl, 3);
	assert_int_equal(row(&t, 5)->place.leg, LEG_REPLY);
	assert_true(near(hop_row_loss(row(&t, 4)), 50));
	assert_true(near(hop_row_loss(row(&t, 3)), 100));
	hop_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_one_number_has_no_deviation),
		cmocka_unit_test(test_all_answered),
		cmocka_unit_test(test_loss_in_the_middle),
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_two_paths),
		cmocka_unit_test(test_retransmission),
		cmocka_unit_test(test_open_samples_are_no_loss),
		cmocka_unit_test(test_seen_nowhere),
		cmocka_unit_test(test_unknown_packets_are_not_counted),
		cmocka_unit_test(test_same_device_twice),
		cmocka_unit_test(test_more_rows_than_fit),
		cmocka_unit_test(test_routers_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
