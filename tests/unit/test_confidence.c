/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What severity and confidence mean: where confidence begins, what lowers it and how far, what
 * two findings of one fault have in common, and when the exit status is 10. The rules are
 * those of world.h's node; which fault is found is tested elsewhere.
 */
#include "commands/account.h"
#include "world.h"

#define GAP 0.06 /* a fact that could not be read; the man page names both */
#define LOST 0.1 /* records were lost */

static struct world w;

static int begin(void **state)
{
	(void)state;
	world_make(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_free(&w);
	return 0;
}

#define assert_confidence(finding, expected)                                                       \
	do {                                                                                       \
		double found_ = (finding)->confidence, expected_ = (expected);                     \
		if (found_ < expected_ - 0.001 || found_ > expected_ + 0.001)                      \
			fail_msg("confidence %.3f, expected %.3f", found_, expected_);             \
	} while (0)

/* Pings that a probe saw dropped by a rule that is known: the best there is. */
static struct flow_drop *drop_by_rule(void)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule = world_rule(chain, RULE_DROP, "DROP",
					      "-A FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);

	rule->src = ip(BUSYBOX_IP);
	rule->src_len = 32;
	rule->proto = IPPROTO_ICMP;
	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->first.info.dst_ifindex = FLANNEL;
	return dropped;
}

static void each_basis_has_its_start(void **state)
{
	(void)state;
	assert_true(basis_confidence(BASIS_SEEN) == 0.97);
	assert_true(basis_confidence(BASIS_COUNTER) == 0.9);
	assert_true(basis_confidence(BASIS_STATE) == 0.85);
	assert_true(basis_confidence(BASIS_ABSENCE) == 0.6);
}

static void seen_by_a_probe(void **state)
{
	(void)state;
	drop_by_rule();
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97);
}

/* No packet at all: the address of the bridge is what is wrong. */
static void explained_by_state(void **state)
{
	(void)state;
	w.diagnosis.check = true;
	w.facts->config.flannel_subnet = ip("10.244.7.1");
	assert_confidence(world_only(&w, "cni-subnet-mismatch"), 0.85);
}

/* Packets left, and nothing came back. */
static void leave_unanswered(uint64_t count)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, OUTSIDE_IP, 7);
	struct tuple outside = flow->tuples[0];
	struct journey *journey = world_journey(flow, true, VERDICT_LEFT_NODE, count, 84);

	outside.src = ip("192.168.1.11");
	world_hop(journey, NODE, VETH_BUSYBOX, false, flow->tuples[0]);
	world_hop(journey, NODE, CNI0, false, flow->tuples[0]);
	world_hop(journey, NODE, ETH0, true, outside);
}

static void inferred_from_absence(void **state)
{
	(void)state;
	leave_unanswered(3);
	assert_confidence(world_only(&w, "no-reply"), 0.6);
}

/* The answer may be among the records that were lost; of many it is not. */
static void few_that_did_not_come_are_no_error(void **state)
{
	(void)state;
	w.diagnosis.complete = false;
	leave_unanswered(3);
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 1);
	assert_string_equal(w.list.findings.items[0]->id, "no-reply");
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_WARNING);
	w.flows.flows.items[0]->forward.packets = 8;
	w.flows.flows.items[0]->forward.verdicts[VERDICT_LEFT_NODE] = 8;
	assert_confidence(world_only(&w, "no-reply"), 0.6 - LOST); /* an error */
}

static void each_unread_fact_costs(void **state)
{
	const struct finding *finding;

	(void)state;
	drop_by_rule();
	world_ns(&w, NODE)->failed = FACT_CONNTRACK;
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97 - GAP);
	world_ns(&w, NODE)->failed = FACT_CONNTRACK | FACT_QDISCS;
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97 - 2 * GAP);
	world_ns(&w, NODE)->failed = 0;
	world_ns(&w, WEB)->failed = FACT_RULES; /* it did not happen there */
	finding = world_only(&w, "netfilter-drop");
	assert_int_equal(finding->gaps, 0);
	assert_confidence(finding, 0.97);
}

/* Rules of which a part could not be read: the sentence is a gap, told once, and costs as much. */
static void half_read_rules_cost(void **state)
{
	char **sentence;

	(void)state;
	drop_by_rule();
	sentence = array_push(&world_ns(&w, NODE)->rules.unread);
	*sentence = strdup("nftables chain ip nat X: Timer expired");
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97 - GAP);
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97 - GAP);
	assert_int_equal(w.facts->gaps.count, 1);
	assert_non_null(strstr(w.facts->gaps.items[0], "nftables chain ip nat X: Timer expired"));
}

/* What the rule itself missed is not counted a second time. */
static void one_gap_is_counted_once(void **state)
{
	struct flow_drop *dropped = drop_by_rule();
	const struct finding *finding;
	double missed;

	(void)state;
	dropped->first.info.reason = 0;
	dropped->first.reason[0] = dropped->first.hook[0] = '\0';
	world_ns(&w, NODE)->known &= ~FACT_RULES; /* there is no reader: asking for them fails */
	finding = world_only(&w, "netfilter-drop");
	missed = finding->confidence;
	assert_true(finding->gaps >= 1);
	assert_true(missed < 0.97);
	assert_true(world_ns(&w, NODE)->failed & FACT_RULES);
	assert_confidence(world_only(&w, "netfilter-drop"), missed);
}

static void unreadable_setting_costs_absent_one_does_not(void **state)
{
	struct sysctl_fact *sysctl;

	(void)state;
	drop_by_rule();
	world_sysctl(&w, NODE, "net.ipv4.conf.all.rp_filter", "");
	sysctl = &w.facts->sysctls.items[w.facts->sysctls.count - 1];
	sysctl->error = -ENOENT;
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97);
	sysctl->error = -EACCES;
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97 - GAP);
}

/* The other node refuses the tunnel: a fault of the CNI, so its files would have had a say. */
static void unread_cni_files_cost_what_is_about_them(void **state)
{
	struct flow_answer *answer = world_answer(world_ping_remote(&w, 3), REMOTE_NODE, 3, 3, 3);

	(void)state;
	answer->quoted.encap_kind = ENCAP_VXLAN;
	answer->quoted.encap_dport = 8472;
	assert_confidence(world_only(&w, "remote-overlay-down"), 0.97);
	w.facts->config_failed = true;
	assert_confidence(world_only(&w, "remote-overlay-down"), 0.97 - GAP);
}

/* What we lost sight of is not what the node lost. */
static void as_few_as_were_forgotten_have_not_vanished(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 7, WEB_IP, 7);

	(void)state;
	world_hop(world_journey(flow, true, VERDICT_VANISHED, 3, 84), NODE, VETH_BUSYBOX, false,
		  flow->tuples[0]);
	flow->forward.verdicts[VERDICT_VANISHED] = 20;
	flow->forward.packets = 1000;
	w.diagnosis.complete = false;
	w.diagnosis.forgotten = 0.02;
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 0);
	w.diagnosis.forgotten = 0.019;
	assert_confidence(world_only(&w, "vanished"), 0.6 - LOST);
}

/* … but what a flow loses for the most part is told, however much was forgotten. */
static void half_at_most_was_forgotten(void **state)
{
	struct hook_totals hooks[2] = {{.recorded = 600}, {.recorded = 400}};
	struct summary_info summary = {.hooks = hooks, .hook_count = 2};

	(void)state;
	assert_true(account_forgotten(&summary) == 0);
	summary.sampling.tracked_evicted = 20;
	assert_true(account_forgotten(&summary) > 0.0199 && account_forgotten(&summary) < 0.0201);
	summary.sampling.tracked_evicted = 5000;
	assert_true(account_forgotten(&summary) == 0.5);
}

static void lost_records_cost(void **state)
{
	(void)state;
	drop_by_rule();
	w.diagnosis.complete = false;
	assert_confidence(world_only(&w, "netfilter-drop"), 0.97 - LOST);
}

static void never_below_a_tenth(void **state)
{
	(void)state;
	drop_by_rule();
	w.diagnosis.complete = false;
	world_ns(&w, NODE)->failed = 0x7ffff;
	assert_confidence(world_only(&w, "netfilter-drop"), 0.1);
}

/* One fault in two flows: one finding, as grave and as sure as the better of both. */
static void one_fault_twice(void **state)
{
	const struct finding *finding;

	(void)state;
	drop_by_rule();
	world_drop(world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 8, REMOTE_IP, 8), true,
		   "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 2, 84)
		->first.info.dst_ifindex = FLANNEL;
	text_copy(w.flows.flows.items[1]->drops[0].first.hook, 16, "FORWARD");
	finding = world_only(&w, "netfilter-drop");
	assert_int_equal(finding->count, 5);
	assert_confidence(finding, 0.97);
}

/* Exit status 10 is for errors alone. */
static void only_errors_count_as_faults(void **state)
{
	struct finding_list list = {0};

	(void)state;
	finding_new(&list, "a", "mtu", SEVERITY_INFO, BASIS_STATE);
	finding_new(&list, "b", "mtu", SEVERITY_WARNING, BASIS_SEEN);
	assert_false(finding_list_has_error(&list));
	finding_new(&list, "c", "mtu", SEVERITY_ERROR, BASIS_ABSENCE);
	assert_true(finding_list_has_error(&list));
	finding_list_free(&list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_basis_has_its_start),
		TEST(seen_by_a_probe),
		TEST(explained_by_state),
		TEST(inferred_from_absence),
		TEST(few_that_did_not_come_are_no_error),
		TEST(each_unread_fact_costs),
		TEST(half_read_rules_cost),
		TEST(one_gap_is_counted_once),
		TEST(unreadable_setting_costs_absent_one_does_not),
		TEST(unread_cni_files_cost_what_is_about_them),
		TEST(as_few_as_were_forgotten_have_not_vanished),
		TEST(half_at_most_was_forgotten),
		TEST(lost_records_cost),
		TEST(never_below_a_tenth),
		TEST(one_fault_twice),
		TEST(only_errors_count_as_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
