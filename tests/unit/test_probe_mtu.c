// SPDX-License-Identifier: GPL-2.0-only
/*
 * diagnose/probe_mtu.h: the search finds the exact size on any path with few packets, and each of the
 * six verdicts follows from what was met.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "diagnose/probe_mtu.h"

/* Searches a path that passes `real` bytes; `told`: each loss is answered by ICMP with that number. */
static unsigned search(struct mtu_search *s, uint32_t real, bool told)
{
	uint32_t size;

	while ((size = mtu_search_next(s))) {
		assert_true(size <= s->top);
		if (size <= real) {
			mtu_search_passed(s);
		} else {
			if (told)
				mtu_search_hint(s, real);
			mtu_search_failed(s, told);
		}
		assert_true(s->sent < 100);
	}
	return s->sent;
}

static void test_every_size_is_found(void **state)
{
	static const uint32_t tops[] = {1280, 1450, 1460, 1500, 9001, 65000};
	struct mtu_search s;

	(void)state;
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		for (uint32_t real = 84; real <= tops[i] + 10; real += real < 200 ? 1 : 37) {
			mtu_search_begin(&s, 84, tops[i]);
			search(&s, real, false);
			assert_int_equal(s.low, real < tops[i] ? real : tops[i]);
		}
	}
}

static void test_healthy_takes_two_packets(void **state)
{
	struct mtu_search s;

	(void)state;
	mtu_search_begin(&s, 84, 9001);
	assert_int_equal(search(&s, 9001, false), 2);
}

static void test_hint_takes_a_handful(void **state)
{
	struct mtu_search s;

	(void)state;
	mtu_search_begin(&s, 84, 1500);
	mtu_search_hint(&s, 1450);
	mtu_search_hint(&s, 1400);
	assert_true(search(&s, 1400, false) <= 8);
	assert_int_equal(s.low, 1400);
	mtu_search_begin(&s, 84, 1500);
	assert_true(search(&s, 1412, true) <= 4);
	assert_int_equal(s.low, 1412);
}

static void test_one_loss_is_no_proof(void **state)
{
	struct mtu_search s;

	(void)state;
	mtu_search_begin(&s, 84, 1500);
	assert_int_equal(mtu_search_next(&s), 84);
	mtu_search_failed(&s, false);
	assert_int_equal(mtu_search_next(&s), 84);
	mtu_search_passed(&s);
	assert_int_equal(mtu_search_next(&s), 1500);
	mtu_search_failed(&s, false);
	assert_int_equal(mtu_search_next(&s), 1500);
	mtu_search_passed(&s);
	assert_int_equal(mtu_search_next(&s), 0);
	assert_int_equal(s.low, 1500);
}

static void test_nothing_passes(void **state)
{
	struct probe_mtu mtu = {0};

	(void)state;
	mtu_search_begin(&mtu.search, 84, 1500);
	assert_int_equal(search(&mtu.search, 0, false), MTU_TRIES);
	probe_mtu_judge(&mtu);
	assert_int_equal(mtu.verdict, MTU_NO_ANSWER);
}

static struct probe_mtu met(uint32_t top, uint32_t real)
{
	struct probe_mtu mtu = {0};

	mtu_search_begin(&mtu.search, 84, top);
	search(&mtu.search, real, false);
	strcpy(mtu.links[0].name, "default/a eth0");
	mtu.links[0].mtu = mtu.links[0].room = top;
	strcpy(mtu.links[1].name, "cni0");
	mtu.links[1].mtu = mtu.links[1].room = top;
	mtu.link_count = 2;
	return mtu;
}

static enum mtu_verdict judged(struct probe_mtu *mtu)
{
	probe_mtu_judge(mtu);
	return mtu->verdict;
}

static void test_verdicts(void **state)
{
	struct probe_mtu mtu = met(1450, 1450);

	(void)state;
	assert_int_equal(judged(&mtu), MTU_FINE);
	mtu.links[1].mtu = mtu.links[1].room = 1400;
	assert_int_equal(judged(&mtu), MTU_MISMATCH);
	mtu = met(1450, 1400);
	assert_int_equal(judged(&mtu), MTU_BEYOND);
	mtu.dropped_here = true;
	assert_int_equal(judged(&mtu), MTU_SILENT);
	mtu.icmp_lost = true;
	assert_int_equal(judged(&mtu), MTU_ICMP_LOST);
	mtu.icmp_arrived = true;
	assert_int_equal(judged(&mtu), MTU_EXCEEDED);
	mtu.local = true;
	mtu.local_mtu = 1400;
	assert_int_equal(judged(&mtu), MTU_LOCAL);
	mtu.local_mtu = 1450; /* refused beyond what the device takes: not what limits it */
	assert_int_equal(judged(&mtu), MTU_EXCEEDED);
}

static void test_remedy_names_the_odd_one(void **state)
{
	struct probe_mtu mtu = met(1450, 1400);
	char text[400];

	(void)state;
	mtu.dropped_here = true;
	mtu.links[2].mtu = mtu.links[2].room = 1400;
	strcpy(mtu.links[2].name, "default/web eth0");
	mtu.link_count = 3;
	probe_mtu_judge(&mtu);
	probe_mtu_remedy(&mtu, text, sizeof(text));
	assert_string_equal(text, "set mtu 1450 on default/web eth0 (it has 1400)");
	mtu.links[1].mtu = mtu.links[1].room =
		1400; /* most of the way is like that: it is the sender that is odd */
	probe_mtu_remedy(&mtu, text, sizeof(text));
	assert_non_null(strstr(text, "set mtu 1400 at the sender"));
}

/* A NIC of 1500 behind VXLAN has room for 1450: raising flannel.1 would help nobody. */
static void test_remedy_knows_the_tunnel(void **state)
{
	struct probe_mtu mtu = {.verdict = MTU_EXCEEDED, .link_count = 3};
	struct link tunnel = {.kind = "vxlan"}, plain = {.kind = "veth"};
	char text[200];

	(void)state;
	assert_true(address_parse("192.168.1.11", &tunnel.local));
	assert_int_equal(probe_mtu_overhead(&tunnel), 50);
	assert_true(address_parse("fd00::1", &tunnel.local));
	assert_int_equal(probe_mtu_overhead(&tunnel), 70);
	assert_int_equal(probe_mtu_overhead(&plain), 0);
	assert_int_equal(probe_mtu_overhead(NULL), 0);
	mtu_search_begin(&mtu.search, 84, 1500);
	mtu.search.low = 1450;
	strcpy(mtu.links[0].name, "default/a eth0");
	mtu.links[0].mtu = mtu.links[0].room = 1500;
	strcpy(mtu.links[1].name, "flannel.1");
	mtu.links[1].mtu = mtu.links[1].room = 1450;
	strcpy(mtu.links[2].name, "eth0");
	mtu.links[2].mtu = 1500;
	mtu.links[2].room = 1450;
	probe_mtu_remedy(&mtu, text, sizeof(text));
	assert_string_equal(text, "set mtu 1450 at the sender: flannel.1 has no more");
	/* A tunnel smaller than the NIC behind it allows is the odd one. */
	mtu.links[1].mtu = mtu.links[1].room = 1400;
	mtu.links[2].room = 1500;
	probe_mtu_remedy(&mtu, text, sizeof(text));
	assert_string_equal(text, "set mtu 1500 on flannel.1 (it has 1400)");
}

static void test_summaries(void **state)
{
	struct probe_mtu mtu = met(1450, 1400);
	char text[400];

	(void)state;
	mtu.reverse_small = true;
	probe_mtu_judge(&mtu);
	probe_mtu_summary(&mtu, text, sizeof(text));
	assert_non_null(strstr(text, "1400 bytes vanish on the way back"));
	for (int v = MTU_FINE; v <= MTU_MISMATCH; v++) {
		mtu.verdict = v;
		text[0] = '\0';
		probe_mtu_summary(&mtu, text, sizeof(text));
		assert_true(text[0] != '\0');
		assert_true(mtu_verdict_name(v)[0] != '\0');
	}
}

static void test_findings(void **state)
{
	struct topology topology = {0};
	struct diagnosis diagnosis = {.facts = facts_new(), .topology = &topology};
	struct probe_mtu mtu = met(1450, 1400);
	struct finding_list list = {0};
	struct tuple flow = {.dst = {.version = 4, .bytes = {10, 0, 0, 1}}};

	(void)state;
	probe_mtu_judge(&mtu);
	probe_mtu_finding(&mtu, &diagnosis, flow, &list);
	assert_int_equal(list.findings.count, 1);
	assert_string_equal(list.findings.items[0]->id, "mtu-blackhole");
	probe_mtu_finding(&mtu, &diagnosis, flow, &list); /* told already */
	assert_int_equal(list.findings.count, 1);
	finding_list_free(&list);
	memset(&list, 0, sizeof(list));
	mtu = met(1450, 1450);
	probe_mtu_judge(&mtu);
	probe_mtu_finding(&mtu, &diagnosis, flow, &list);
	assert_int_equal(list.findings.count, 0);
	finding_list_free(&list);
	facts_free(diagnosis.facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_is_found),
		cmocka_unit_test(test_healthy_takes_two_packets),
		cmocka_unit_test(test_hint_takes_a_handful),
		cmocka_unit_test(test_one_loss_is_no_proof),
		cmocka_unit_test(test_nothing_passes),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_remedy_names_the_odd_one),
		cmocka_unit_test(test_remedy_knows_the_tunnel),
		cmocka_unit_test(test_summaries),
		cmocka_unit_test(test_findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
