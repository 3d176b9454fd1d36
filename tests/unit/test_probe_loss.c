// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose/probe_loss.h: loss in part is told where a probe's own count shows it, once, and not where nothing
 * is answered at all or another finding has told it.
 */
#include "world.h"

#include "diagnose/probe_loss.h"

static struct world w;
static struct hop_table table;

static const struct tuple echo = {.dst = {.version = 4, .bytes = {10, 244, 2, 10}},
				  .proto = IPPROTO_ICMP};

static int begin(void **state)
{
	(void)state;
	world_make(&w);
	memset(&table, 0, sizeof(table));
	return 0;
}

static int end(void **state)
{
	(void)state;
	hop_table_free(&table);
	world_free(&w);
	return 0;
}

/* One echo request by cni0 and eth0, lost after that with `verdict`, or answered. */
static void sent(uint64_t key, enum verdict verdict, bool answered)
{
	static const uint32_t way[] = {CNI0, ETH0};
	struct hop_track track = {.key = key, .first_ns = key * 1000, .verdict = verdict};

	for (int i = 0; i < 2; i++)
		track.sights[track.count++] = (struct hop_sight){
			.time_ns = key * 1000 + i, .netns = NODE, .ifindex = way[i], .out = i == 1};
	hop_table_sent(&table, key, key * 1000);
	hop_table_track(&table, &track);
	if (!answered)
		return;
	track = (struct hop_track){.key = key,
				   .first_ns = key * 1000 + 500,
				   .reply = true,
				   .verdict = VERDICT_DELIVERED,
				   .count = 1};
	track.sights[0] =
		(struct hop_sight){.time_ns = key * 1000 + 500, .netns = NODE, .ifindex = ETH0};
	hop_table_track(&table, &track);
}

static size_t findings(void)
{
	hop_table_settle(&table, UINT64_MAX, UINT64_MAX);
	probe_loss_findings(&table, &w.diagnosis, echo, &w.list);
	return w.list.findings.count;
}

static void lost_beyond(void **state)
{
	const struct finding *finding;

	(void)state;
	for (uint64_t i = 1; i <= 20; i++)
		sent(i, VERDICT_LEFT_NODE, i % 5 != 0);
	assert_int_equal(findings(), 1);
	finding = w.list.findings.items[0];
	assert_string_equal(finding->id, "no-reply");
	assert_int_equal(finding->severity, SEVERITY_ERROR);
	assert_int_equal(finding->count, 4);
	assert_int_equal(finding->of, 20);
	assert_string_equal(finding->device, "eth0");
	assert_non_null(strstr(finding->summary, "20.0 %"));
	/* Told once. */
	assert_int_equal(findings(), 1);
}

static void one_of_many_is_a_warning(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 60; i++)
		sent(i, VERDICT_LEFT_NODE, i != 7);
	assert_int_equal(findings(), 1);
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_WARNING);
}

static void lost_inside(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 10; i++)
		sent(i, i % 2 ? VERDICT_VANISHED : VERDICT_LEFT_NODE, i % 2 == 0);
	assert_int_equal(findings(), 1);
	assert_string_equal(w.list.findings.items[0]->id, "vanished");
}

static void not_told(void **state)
{
	(void)state;
	assert_int_equal(findings(), 0);
	/* Nothing is answered: the rules of the trace tell that. */
	for (uint64_t i = 1; i <= 5; i++)
		sent(i, VERDICT_LEFT_NODE, false);
	assert_int_equal(findings(), 0);
	hop_table_free(&table);
	memset(&table, 0, sizeof(table));
	/* A drop is told by the rule that knows it. */
	for (uint64_t i = 1; i <= 5; i++)
		sent(i, i == 3 ? VERDICT_DROPPED : VERDICT_LEFT_NODE, i != 3);
	assert_int_equal(findings(), 0);
	hop_table_free(&table);
	memset(&table, 0, sizeof(table));
	for (uint64_t i = 1; i <= 5; i++)
		sent(i, VERDICT_LEFT_NODE, true);
	assert_int_equal(findings(), 0);
}

static void syn_queue(void **state)
{
	struct probe_syn syn = {.netns = WEB, .port = 80};
	struct tuple flow = {.dst = ip(WEB_IP), .dport = 80, .proto = IPPROTO_TCP};

	(void)state;
	assert_false(probe_syn_any(&syn));
	syn.cookies = 3;
	assert_true(probe_syn_any(&syn));
	probe_syn_finding(&syn, &w.diagnosis, flow, 0, 10, &w.list);
	assert_int_equal(w.list.findings.count, 1);
	assert_string_equal(w.list.findings.items[0]->id, "listen-overflow");
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_WARNING);
	assert_non_null(strstr(w.list.findings.items[0]->summary, "SYN queue"));
	/* The same server once. */
	probe_syn_finding(&syn, &w.diagnosis, flow, 4, 10, &w.list);
	assert_int_equal(w.list.findings.count, 1);
	flow.dst = ip(BUSYBOX_IP);
	syn.overflows = 4;
	probe_syn_finding(&syn, &w.diagnosis, flow, 4, 10, &w.list);
	assert_int_equal(w.list.findings.items[1]->severity, SEVERITY_ERROR);
	assert_non_null(strstr(w.list.findings.items[1]->summary, "accept queue"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lost_beyond), TEST(one_of_many_is_a_warning),
		TEST(lost_inside), TEST(not_told),
		TEST(syn_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
