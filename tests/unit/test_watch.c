// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor's memory: exact sums through readings, taken keys and full tables; history and
 * rates; findings that begin, share rows and end; counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "diagnose/watch.h"
#include "diagnose/watch_counters.h"

#define SECOND 1000000000ull
#define START (1000 * SECOND)

static struct drop_key key_of(uint32_t n)
{
	return (struct drop_key){.location = 0xffffffff81000000ull + n,
				 .netns = 0xf0000001,
				 .ifindex = n,
				 .reason = 7,
				 .ethertype = 0x0800,
				 .proto = 17};
}

static void reading(struct watch *watch, uint32_t n, uint64_t packets, uint64_t now)
{
	struct drop_key key = key_of(n);
	struct drop_sum sum = {
		.packets = packets, .bytes = packets * 100, .first_ns = START, .last_ns = now};

	watch_reading_begin(watch);
	watch_reading_add(watch, &key, &sum, false);
	watch_reading_end(watch, now);
}

static struct watch_row *row_named(struct watch *watch, uint32_t n, const char *reason, bool benign,
				   const char *pod)
{
	struct drop_key key = key_of(n);
	struct watch_row *row = watch_row_get(watch, &key);

	assert_non_null(row);
	row->named = true;
	row->benign = benign;
	text_copy(row->reason, sizeof(row->reason), reason);
	text_copy(row->proto, sizeof(row->proto), "UDP");
	row->kind = "pod";
	row->pod = pod ? strdup(pod) : NULL;
	return row;
}

static void sample(struct watch_row *row, uint8_t host, uint16_t sport, uint16_t dport,
		   uint64_t time)
{
	struct packet packet = {.ip_version = 4, .ethertype = 0x0800, .proto = 17};

	packet.src[3] = host;
	packet.sport = sport;
	packet.dport = dport;
	watch_row_sample(row, time, &packet);
}

static struct watch *watch_made(uint32_t max_pods)
{
	struct watch *watch = watch_new(max_pods);

	assert_non_null(watch);
	return watch;
}

static void test_parts_add_up(void **state)
{
	struct watch *watch = watch_made(4);
	struct drop_key key = key_of(1);
	struct drop_sum a = {
		.packets = 10, .bytes = 100, .first_ns = START + 5, .last_ns = START + 9};
	struct drop_sum b = {
		.packets = 5, .bytes = 50, .first_ns = START + 1, .last_ns = START + 7};
	struct watch_row *row;

	(void)state;
	for (int i = 0; i < 3; i++) { /* the same reading again gains nothing */
		watch_reading_begin(watch);
		watch_reading_add(watch, &key, &a, true);
		watch_reading_add(watch, &key, &b, false);
		watch_reading_end(watch, START + 10);
	}
	row = watch_row_of(watch, &key);
	assert_int_equal(row->packets, 15);
	assert_int_equal(row->bytes, 150);
	assert_int_equal(row->first_ns, START + 1);
	assert_int_equal(row->began_ns, START + 1);
	assert_int_equal(row->last_ns, START + 9);
	assert_true(row->placed);
	watch_free(watch);
}

static void test_a_moving_key_counts_once(void **state)
{
	struct watch *watch = watch_made(4);
	struct drop_key key = key_of(1);

	(void)state;
	reading(watch, 1, 100, START);
	reading(watch, 1, 0, START + 1); /* on its way from one place to another */
	reading(watch, 1, 103, START + 2);
	assert_int_equal(watch_row_of(watch, &key)->packets, 103);
	watch_free(watch);
}

static void test_taken_and_back(void **state)
{
	struct watch *watch = watch_made(4);
	struct drop_key key = key_of(1);
	struct drop_sum last = {
		.packets = 107, .bytes = 1, .first_ns = START, .last_ns = START + 3};
	struct watch_row *row;

	(void)state;
	reading(watch, 1, 100, START);
	row = watch_row_of(watch, &key);
	watch_row_taken(row, &last, START + 3);
	assert_int_equal(row->packets, 107);
	reading(watch, 1, 4, START + 4); /* it begins at 0 in the map */
	assert_int_equal(row->packets, 111);
	watch_free(watch);
}

static void test_series_outlive_rows(void **state)
{
	struct watch *watch = watch_made(4);
	struct watch_row *row;

	(void)state;
	row = row_named(watch, 1, "NO_SOCKET", false, NULL);
	reading(watch, 1, 40, START);
	watch_settle(watch);
	watch_settle(watch);
	assert_int_equal(watch->totals.fault_packets, 40);
	watch_row_remove(watch, row);
	row_named(watch, 2, "NO_SOCKET", false, NULL);
	reading(watch, 2, 2, START + SECOND);
	watch_settle(watch);
	assert_int_equal(watch->series.count, 1);
	assert_int_equal(watch->series.items[0]->packets, 42);
	assert_int_equal(watch->totals.benign_packets, 0);
	watch_free(watch);
}

/* What was counted under one reason stays there when the row turns out to have another. */
static void test_a_reason_that_changes(void **state)
{
	struct watch *watch = watch_made(4);
	struct watch_row *row;

	(void)state;
	row = row_named(watch, 1, "", false, NULL);
	watch_row_reason(row, "", false);
	assert_string_equal(row->reason, "NOT_SPECIFIED");
	reading(watch, 1, 40, START);
	watch_settle(watch);
	watch_row_reason(row, "ROUTE_REFUSED", true);
	assert_true(row->derived);
	reading(watch, 1, 42, START + SECOND);
	watch_settle(watch);
	assert_int_equal(watch->series.count, 2);
	assert_string_equal(watch->series.items[0]->reason, "NOT_SPECIFIED");
	assert_int_equal(watch->series.items[0]->packets, 40);
	assert_string_equal(watch->series.items[1]->reason, "ROUTE_REFUSED");
	assert_int_equal(watch->series.items[1]->packets, 2);
	watch_free(watch);
}

static void test_elsewhere_is_not_ours_until_it_is(void **state)
{
	struct watch *watch = watch_made(4);
	struct watch_row *row = row_named(watch, 1, "NO_SOCKET", false, "a/b");

	(void)state;
	row->elsewhere = true;
	reading(watch, 1, 9, START);
	watch_settle(watch);
	assert_int_equal(watch->totals.fault_packets, 0);
	assert_int_equal(watch->totals.elsewhere_packets, 9);
	assert_int_equal(watch->pods.count, 0);
	row->elsewhere = false;
	watch_settle(watch);
	assert_int_equal(watch->totals.fault_packets, 9);
	assert_int_equal(watch->totals.elsewhere_packets, 0);
	assert_int_equal(watch->pods.items[0]->fault_packets, 9);
	watch_free(watch);
}

static void test_pods_are_capped_and_end(void **state)
{
	struct watch *watch = watch_made(2);
	uint64_t sum = 0;

	(void)state;
	for (uint32_t n = 1; n <= 5; n++) {
		char pod[16];

		snprintf(pod, sizeof(pod), "ns/p%u", n);
		row_named(watch, n, "NO_SOCKET", false, pod);
		reading(watch, n, 10 * n, START);
	}
	watch_settle(watch);
	assert_int_equal(watch->pods.count, 2);
	watch_pod_gone(watch, watch->pods.items[0]->name);
	assert_int_equal(watch->pods.count, 1);
	sum = watch->pods.items[0]->fault_packets + watch->pod_overflow.fault_packets;
	assert_int_equal(sum, 150);
	watch_free(watch);
}

/* Late drops of a pod that has gone do not begin its series again; its place is for one that had none. */
static void test_a_gone_pods_place_is_free(void **state)
{
	struct watch *watch = watch_made(1);

	(void)state;
	row_named(watch, 1, "NETFILTER_DROP", false, "ns/first");
	row_named(watch, 2, "NETFILTER_DROP", false, "ns/second");
	reading(watch, 1, 10, START);
	reading(watch, 2, 20, START);
	watch_settle(watch);
	assert_int_equal(watch->pods.count, 1);
	assert_int_equal(watch->pod_overflow.fault_packets, 20);
	watch_pod_gone(watch, "ns/first");
	reading(watch, 1, 13, START + SECOND);
	reading(watch, 2, 24, START + SECOND);
	watch_settle(watch);
	assert_int_equal(watch->pods.count, 1);
	assert_string_equal(watch->pods.items[0]->name, "ns/second");
	assert_int_equal(watch->pods.items[0]->fault_packets, 4);
	assert_int_equal(watch->pod_overflow.fault_packets, 33);
	watch_free(watch);
}

static void test_series_are_capped(void **state)
{
	struct watch *watch = watch_made(1);
	uint64_t sum;

	(void)state;
	for (uint32_t n = 1; n <= WATCH_MAX_SERIES + 50; n++) {
		char reason[16];

		snprintf(reason, sizeof(reason), "R%u", n);
		row_named(watch, n, reason, false, NULL);
		reading(watch, n, 1, START);
	}
	watch_settle(watch);
	assert_int_equal(watch->series.count, WATCH_MAX_SERIES);
	sum = watch->fault_overflow.packets;
	array_each(series, &watch->series)
		sum += (*series)->packets;
	assert_int_equal(sum, WATCH_MAX_SERIES + 50);
	watch_free(watch);
}

static void test_rows_are_capped_and_said(void **state)
{
	struct watch *watch = watch_made(1);
	struct drop_sum one = {.packets = 3, .bytes = 3, .first_ns = 1, .last_ns = 1};

	(void)state;
	watch_reading_begin(watch);
	for (uint32_t n = 0; n < WATCH_MAX_ROWS + 10; n++) {
		struct drop_key key = key_of(n);

		watch_reading_add(watch, &key, &one, false);
	}
	watch_reading_end(watch, START);
	assert_int_equal(watch->rows.count, WATCH_MAX_ROWS);
	assert_int_equal(watch->rows_refused, 30);
	watch_free(watch);
}

static void test_history_and_rate(void **state)
{
	struct watch *watch = watch_made(1);
	struct drop_key key = key_of(1);
	uint32_t history[WATCH_BUCKETS];
	struct watch_row *row;
	uint64_t sum = 0;

	(void)state;
	for (unsigned s = 0; s <= 60; s++)
		reading(watch, 1, 10 * (s + 1), START + s * SECOND);
	row = watch_row_of(watch, &key);
	assert_true(watch_rate(row, START + 60 * SECOND) > 9);
	assert_true(watch_rate(row, START + 60 * SECOND) < 11.5);
	watch_history(row, START + 60 * SECOND, history);
	for (unsigned i = 0; i < WATCH_BUCKETS; i++)
		sum += history[i];
	assert_int_equal(sum, 610);
	assert_int_equal(history[0], 0);
	assert_int_equal(history[WATCH_BUCKETS - 2], 50);
	/* an hour later all of it is past */
	watch_history(row, START + 3600 * SECOND, history);
	for (unsigned i = 0; i < WATCH_BUCKETS; i++)
		assert_int_equal(history[i], 0);
	assert_true(watch_rate(row, START + 3600 * SECOND) == 0);
	watch_free(watch);
}

static void test_quietest(void **state)
{
	struct watch *watch = watch_made(1);
	struct drop_key key = key_of(2);

	(void)state;
	reading(watch, 1, 1, START + 1 * SECOND);
	reading(watch, 2, 1, START + 2 * SECOND);
	reading(watch, 3, 1, START + 90 * SECOND);
	assert_null(watch_quietest(watch, START + 60 * SECOND)); /* not told yet */
	watch_interval_end(watch);
	assert_int_equal(watch_quietest(watch, START + 60 * SECOND)->key.ifindex, 1);
	watch_row_of(watch, &key)->gone = true;
	assert_int_equal(watch_quietest(watch, START + 60 * SECOND)->key.ifindex, 2);
	assert_null(watch_quietest(watch, START));
	watch_free(watch);
}

static uint64_t finding_on(struct watch *watch, const char *id, const char *key, uint64_t now)
{
	struct finding_list list = {};
	struct finding *finding = finding_new(&list, id, "port", SEVERITY_ERROR, BASIS_SEEN);
	uint64_t ids[1];

	finding_key(finding, "%s", key);
	finding->count = 99; /* of samples: not what is told */
	watch_findings_take(watch, &list, now, ids);
	assert_int_equal(list.findings.count, 0);
	finding_list_free(&list);
	return ids[0];
}

static void test_finding_counts_rows(void **state)
{
	struct watch *watch = watch_made(1);
	struct watch_row *row;
	uint64_t id;

	(void)state;
	reading(watch, 1, 1000, START);
	row = watch->rows.items[0];
	id = finding_on(watch, "port-closed", "a", START);
	watch_row_cause(row, id, 4);
	watch_explain(watch);
	watch_explain(watch);
	assert_int_equal(watch_finding_of(watch, id)->finding->count, 1000);
	assert_true(watch_finding_of(watch, id)->exact);
	/* judged anew: the same fault keeps its number and count */
	assert_int_equal(finding_on(watch, "port-closed", "a", START + SECOND), id);
	reading(watch, 1, 1500, START + SECOND);
	watch_explain(watch);
	assert_int_equal(watch_finding_of(watch, id)->finding->count, 1500);
	assert_int_equal(watch->findings.count, 1);
	watch_free(watch);
}

static void test_finding_shares_a_row(void **state)
{
	struct watch *watch = watch_made(1);
	uint64_t a, b;

	(void)state;
	reading(watch, 1, 1001, START);
	a = finding_on(watch, "port-closed", "a", START);
	b = finding_on(watch, "port-closed", "b", START);
	watch_row_cause(watch->rows.items[0], a, 3);
	watch_row_cause(watch->rows.items[0], b, 1);
	watch_explain(watch);
	assert_int_equal(watch_finding_of(watch, a)->finding->count, 750);
	assert_int_equal(watch_finding_of(watch, b)->finding->count, 251);
	assert_false(watch_finding_of(watch, a)->exact);
	watch_free(watch);
}

static void test_finding_ends_and_returns(void **state)
{
	struct watch *watch = watch_made(1);
	struct watch_row *row;
	uint64_t id, again;

	(void)state;
	reading(watch, 1, 10, START);
	row = watch->rows.items[0];
	id = finding_on(watch, "port-closed", "a", START);
	watch_row_cause(row, id, 1);
	row->diagnosed_ns = START;
	watch_explain(watch);
	watch_findings_expire(watch, START + 59 * SECOND, 60 * SECOND);
	assert_int_not_equal(watch_finding_of(watch, id)->state, WATCH_OVER);
	reading(watch, 1, 11, START + 59 * SECOND);
	watch_explain(watch);
	watch_findings_expire(watch, START + 100 * SECOND, 60 * SECOND);
	assert_int_not_equal(watch_finding_of(watch, id)->state, WATCH_OVER);
	watch_findings_expire(watch, START + 120 * SECOND, 60 * SECOND);
	assert_int_equal(watch_finding_of(watch, id)->state, WATCH_OVER);
	watch_finding_remove(watch, id);
	assert_null(watch_finding_of(watch, id));
	assert_int_equal(row->diagnosed_ns, 0); /* it may be judged at once when it comes back */
	/* new drops belong to a new finding, old ones are not counted again */
	sample(row, 1, 40000, 7777, START + 129 * SECOND);
	reading(watch, 1, 15, START + 130 * SECOND);
	again = finding_on(watch, "port-closed", "a", START + 130 * SECOND);
	assert_int_not_equal(again, id);
	watch_row_cause(row, again, 1);
	watch_explain(watch);
	assert_int_equal(watch_finding_of(watch, again)->finding->count, 4);
	/* and its first drop is its own, also when it goes on; the row's stays */
	row->diagnosed_ns = START + 130 * SECOND;
	reading(watch, 1, 16, START + 131 * SECOND);
	watch_explain(watch);
	assert_int_equal(watch_finding_of(watch, again)->first_ns, START + 129 * SECOND);
	assert_int_equal(row->began_ns, START);
	watch_free(watch);
}

static void test_findings_are_capped(void **state)
{
	struct watch *watch = watch_made(1);
	char key[16];

	(void)state;
	for (unsigned i = 0; i < WATCH_MAX_FINDINGS + 5; i++) {
		snprintf(key, sizeof(key), "%u", i);
		finding_on(watch, "port-closed", key, START);
	}
	assert_int_equal(watch->findings.count, WATCH_MAX_FINDINGS);
	assert_int_equal(watch->findings_refused, 5);
	watch_free(watch);
}

static unsigned samples_to(const struct watch_row *row, uint16_t dport)
{
	unsigned count = 0;

	for (unsigned i = 0; i < row->sample_count; i++)
		count += row->samples[i].packet.dport == dport;
	return count;
}

/* A short flow stays while a busy one goes on, with a new port for every packet or not; the newest stands last. */
static void test_samples_of_flows(void **state)
{
	struct watch *watch = watch_made(1);
	struct watch_row *row = row_named(watch, 1, "NETFILTER_DROP", false, NULL);
	uint64_t now = START;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		sample(row, 1, 40000, 8888, ++now);
	for (unsigned i = 0; i < 60; i++)
		sample(row, 2, 40000 + i, 7777, ++now);
	assert_int_equal(row->sample_count, WATCH_SAMPLES);
	assert_int_equal(samples_to(row, 8888), 3);
	for (uint16_t port = 1; port <= WATCH_SAMPLES - 2; port++)
		sample(row, 3, 40000, port, ++now);
	assert_int_equal(samples_to(row, 8888), 1);
	assert_int_equal(samples_to(row, 7777), 1);
	sample(row, 2, 50000, 7777, ++now);
	assert_int_equal(samples_to(row, 8888), 1);
	for (unsigned i = 1; i < WATCH_SAMPLES; i++)
		assert_true(row->samples[i].time_ns > row->samples[i - 1].time_ns);
	assert_int_equal(row->samples[WATCH_SAMPLES - 1].time_ns, now);
	assert_int_equal(row->sample_next, 0);
	/* no room for another flow: the oldest goes */
	sample(row, 3, 40000, WATCH_SAMPLES - 1, ++now);
	assert_int_equal(samples_to(row, 8888), 0);
	assert_int_equal(samples_to(row, 7777), 1);
	watch_free(watch);
}

static void test_key_packet(void **state)
{
	struct drop_key key = key_of(1);
	struct packet packet;

	(void)state;
	key.proto = 6;
	key.what = PACKET_TCP_RST;
	watch_key_packet(&key, &packet);
	assert_int_equal(packet.ip_version, 4);
	assert_int_equal(packet.tcp_flags, PACKET_TCP_RST);
	key.ethertype = 0x86dd;
	key.proto = 58;
	key.what = DROP_DETAIL_ICMP_LOCAL | 2 << DROP_KEY_PKT_TYPE_SHIFT;
	watch_key_packet(&key, &packet);
	assert_int_equal(packet.ip_version, 6);
	assert_int_equal(packet.icmp_type, 135);
	assert_true(packet.flags & PACKET_MULTICAST);
}

static void test_counters(void **state)
{
	struct watch_counters *counters = watch_counters_new();

	(void)state;
	assert_int_equal(watch_counter_tell(counters, 2, 10, 0, 500, 0), 0); /* as it was found */
	assert_int_equal(watch_counter_tell(counters, 1, 10, 0, 7, 0), 0);
	assert_int_equal(watch_counter_tell(counters, 2, 9, 0, 3, 0), 0);
	assert_int_equal(watch_counter_tell(counters, 2, 10, 0, 520, 0), 20);
	assert_int_equal(watch_counter_tell(counters, 2, 10, 0, 520, 0), 0);
	assert_int_equal(watch_counter_tell(counters, 2, 9, 0, 4, 0), 1);
	assert_int_equal(watch_counter_tell(counters, 2, 10, 0, 5, 0), 0); /* another namespace */
	assert_int_equal(watch_counter_tell(counters, 2, 10, 0, 6, 0), 1);
	/* What another counter stands for is not told again; that one may move alone. */
	assert_int_equal(watch_counter_tell(counters, 1, 11, 0, 100, 50), 0);
	assert_int_equal(watch_counter_tell(counters, 1, 11, 0, 104, 54), 0);
	assert_int_equal(watch_counter_tell(counters, 1, 11, 0, 104, 60), 0);
	assert_int_equal(watch_counter_tell(counters, 1, 11, 0, 107, 61), 2);
	assert_int_equal(counters->gained[2], 22);
	watch_counters_forget(counters, 10);
	assert_int_equal(counters->states.count, 2);
	watch_counters_free(counters);
}

static unsigned counter_named(const char *name)
{
	for (unsigned i = 0; i < watched_counter_count; i++) {
		if (!strcmp(watched_counters[i].name, name))
			return i;
	}
	fail_msg("no counter %s", name);
	return 0;
}

/* A connection that the accept queue has no room for moves both: it is said once. */
static void test_counters_of_one_event(void **state)
{
	(void)state;
	assert_string_equal(watched_counters[counter_named("TcpExt.ListenDrops")].within,
			    "TcpExt.ListenOverflows");
	assert_string_equal(watched_counters[counter_named("Conntrack.drop")].within,
			    "Conntrack.insert_failed");
	for (unsigned i = 0; i < watched_counter_count; i++) {
		if (watched_counters[i].within)
			assert_null(
				watched_counters[counter_named(watched_counters[i].within)].within);
	}
}

static void test_gains_are_held(void **state)
{
	struct watch_counters *counters = watch_counters_new();

	(void)state;
	watch_counter_hold(counters, 2, 10, 3);
	watch_counter_hold(counters, 2, 11, 1);
	watch_counter_hold(counters, 2, 10, 4);
	watch_counter_hold(counters, 1, 10, 5);
	assert_int_equal(counters->gains.count, 3);
	assert_int_equal(counters->gains.items[0].gained, 7);
	watch_counters_forget(counters, 10);
	assert_int_equal(counters->gains.count, 1);
	assert_int_equal(counters->gains.items[0].netns, 11);
	watch_counters_free(counters);
}

/* What drops tell says more; another fault, or another counter's word, says nothing of it. */
static void test_counter_told_by_drops(void **state)
{
	unsigned race = counter_named("Conntrack.insert_failed");
	unsigned too_big = counter_named("Ip.FragFails");
	struct finding finding = {.id = "conntrack-race", .key = "1"};

	(void)state;
	assert_true(watch_counter_is_told(race, &finding));
	assert_false(watch_counter_is_told(too_big, &finding));
	assert_false(watch_counter_is_told(counter_named("Link.rx_errors"), &finding));
	text_copy(finding.key, sizeof(finding.key), "counter Conntrack.insert_failed the node");
	assert_false(watch_counter_is_told(race, &finding));
	finding = (struct finding){.id = "ports-exhausted", .key = "1"};
	assert_true(watch_counter_is_told(race, &finding));
	finding = (struct finding){.id = "mtu-blackhole", .key = "1"};
	assert_true(watch_counter_is_told(too_big, &finding));
	finding = (struct finding){.id = "netfilter-drop", .key = "1"};
	assert_false(watch_counter_is_told(race, &finding));
}

static void test_counter_findings_are_of_the_catalogue(void **state)
{
	(void)state;
	for (unsigned i = 0; i < watched_counter_count; i++) {
		struct finding_list list = {};
		struct finding *finding = watch_counter_finding(&list, i, "the node", 3);

		if (watched_counters[i].finding) {
			assert_non_null(finding);
			assert_string_equal(finding->id, watched_counters[i].finding);
			assert_int_not_equal(finding->remedy.count, 0);
		} else {
			assert_null(finding);
		}
		finding_list_free(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_add_up),
		cmocka_unit_test(test_a_moving_key_counts_once),
		cmocka_unit_test(test_taken_and_back),
		cmocka_unit_test(test_series_outlive_rows),
		cmocka_unit_test(test_a_reason_that_changes),
		cmocka_unit_test(test_elsewhere_is_not_ours_until_it_is),
		cmocka_unit_test(test_pods_are_capped_and_end),
		cmocka_unit_test(test_a_gone_pods_place_is_free),
		cmocka_unit_test(test_series_are_capped),
		cmocka_unit_test(test_rows_are_capped_and_said),
		cmocka_unit_test(test_history_and_rate),
		cmocka_unit_test(test_quietest),
		cmocka_unit_test(test_finding_counts_rows),
		cmocka_unit_test(test_finding_shares_a_row),
		cmocka_unit_test(test_finding_ends_and_returns),
		cmocka_unit_test(test_findings_are_capped),
		cmocka_unit_test(test_samples_of_flows),
		cmocka_unit_test(test_key_packet),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_counters_of_one_event),
		cmocka_unit_test(test_gains_are_held),
		cmocka_unit_test(test_counter_told_by_drops),
		cmocka_unit_test(test_counter_findings_are_of_the_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
