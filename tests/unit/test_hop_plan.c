// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which way each device is seen by: few devices by tc, many by the tracepoints, what these do not see by tc,
 * and whatever is left when one of the two cannot be had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/hop_plan.h"

static const struct hop_device veth = {.ifindex = 5, .name = "veth0", .kind = "veth"};
static const struct hop_device vlan = {.ifindex = 6, .name = "eth0.7", .kind = "vlan"};

static void few_by_tc(void **state)
{
	struct hop_plan plan = {.tc = true, .tracepoint = true};

	(void)state;
	assert_int_equal(hop_plan_way(&plan, &veth), HOP_TC);
	assert_int_equal(hop_plan_way(&plan, &vlan), HOP_TC);
}

static void many_by_tracepoints(void **state)
{
	struct hop_plan plan = {.tc = true, .tracepoint = true, .many = true};

	(void)state;
	assert_int_equal(hop_plan_way(&plan, &veth), HOP_TRACEPOINT);
	/* the kernel hands it up inside __netif_receive_skb_core */
	assert_int_equal(hop_plan_way(&plan, &vlan), HOP_TC);
}

static void one_is_left(void **state)
{
	struct hop_plan plan = {.tracepoint = true};

	(void)state;
	assert_int_equal(hop_plan_way(&plan, &veth), HOP_TRACEPOINT);
	assert_int_equal(hop_plan_way(&plan, &vlan), HOP_TRACEPOINT);
	plan = (struct hop_plan){.tc = true, .many = true};
	assert_int_equal(hop_plan_way(&plan, &veth), HOP_TC);
	plan.tc = false;
	assert_int_equal(hop_plan_way(&plan, &veth), HOP_NONE);
}

static void kinds(void **state)
{
	static const char *const seen[] = {"veth", "bridge", "vxlan", "device",
					   "ipip", "geneve", ""};
	static const char *const unseen[] = {"vlan",    "bond",   "team",  "macvlan",
					     "macvtap", "ipvlan", "ipvtap"};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_true(hop_plan_sees(seen[i]));
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		assert_false(hop_plan_sees(unseen[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_by_tc),
		cmocka_unit_test(many_by_tracepoints),
		cmocka_unit_test(one_is_left),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
