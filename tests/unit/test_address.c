/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses, and the topology's look-ups over them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "records.h"

static struct address parsed(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

static void parses_and_prints(void **state)
{
	const char *texts[] = {"10.244.1.10", "0.0.0.0", "255.255.255.255",
			       "fd00::1",     "::",      "2001:db8::ff"};
	char buffer[ADDRESS_TEXT];
	struct address address;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_string_equal(address_text(parsed(texts[i]), buffer), texts[i]);
	assert_false(address_parse("10.244.1", &address));
	assert_int_equal(address.version, 0);
	assert_false(address_parse("10.244.1.256", &address));
	assert_false(address_parse("", &address));
	assert_false(address_parse("fd00::1::2", &address));
	assert_string_equal(address_text(address, buffer), "-");
}

static void makes_only_what_it_knows(void **state)
{
	uint8_t bytes[16] = {10, 0, 0, 1, 99, 99};

	(void)state;
	assert_true(address_equal(address_make(4, bytes), parsed("10.0.0.1")));
	assert_int_equal(address_make(4, bytes).bytes[4], 0);
	assert_int_equal(address_make(5, bytes).version, 0);
	assert_false(address_equal(address_make(4, bytes), address_make(6, bytes)));
}

static void prefixes(void **state)
{
	(void)state;
	assert_true(address_in(parsed("10.244.1.10"), parsed("10.244.1.0"), 24));
	assert_false(address_in(parsed("10.244.2.10"), parsed("10.244.1.0"), 24));
	assert_true(address_in(parsed("10.244.1.255"), parsed("10.244.0.0"), 23));
	assert_false(address_in(parsed("10.244.2.0"), parsed("10.244.0.0"), 23));
	assert_true(address_in(parsed("1.2.3.4"), parsed("0.0.0.0"), 0));
	assert_true(address_in(parsed("1.2.3.4"), parsed("1.2.3.4"), 32));
	assert_false(address_in(parsed("1.2.3.5"), parsed("1.2.3.4"), 32));
	assert_false(address_in(parsed("1.2.3.4"), parsed("1.2.3.4"), 33));
	assert_true(address_in(parsed("fd00:1::9"), parsed("fd00:1::"), 64));
	assert_false(address_in(parsed("fd00:1::9"), parsed("fd00:1::"), 125));
	assert_false(address_in(parsed("fd00::1"), parsed("10.0.0.0"), 0));
}

static void special_ranges(void **state)
{
	(void)state;
	assert_true(address_is_multicast(parsed("224.0.0.1")));
	assert_true(address_is_multicast(parsed("239.255.255.250")));
	assert_true(address_is_multicast(parsed("255.255.255.255")));
	assert_false(address_is_multicast(parsed("240.0.0.1")));
	assert_true(address_is_multicast(parsed("ff02::2")));
	assert_false(address_is_multicast(parsed("fe80::1")));
	assert_true(address_is_loopback(parsed("127.0.0.53")));
	assert_true(address_is_loopback(parsed("::1")));
	assert_false(address_is_loopback(parsed("::2")));
	assert_true(address_is_unspecified(parsed("0.0.0.0")));
	assert_true(address_is_unspecified(parsed("::")));
	assert_false(address_is_unspecified(parsed("::1")));
	assert_true(address_is_link_local(parsed("169.254.1.1")));
	assert_true(address_is_link_local(parsed("febf::1")));
	assert_false(address_is_link_local(parsed("fec0::1")));
}

static void topology_answers(void **state)
{
	struct topology t;

	(void)state;
	topology_example(&t);
	assert_string_equal(topology_device(&t, NODE_NS, DEV_CNI0)->name, "cni0");
	assert_string_equal(topology_device(&t, POD_A_NS, POD_ETH0)->pod, "default/a");
	assert_null(topology_device(&t, NODE_NS, 99));
	assert_true(topology_is_local(&t, NODE_NS, parsed(ADDR_CNI0)));
	assert_true(topology_is_local(&t, POD_A_NS, parsed("127.0.0.1")));
	assert_false(topology_is_local(&t, NODE_NS, parsed(ADDR_A)));
	assert_string_equal(topology_pod_of(&t, parsed(ADDR_B)), "default/b");
	assert_null(topology_pod_of(&t, parsed(ADDR_NODE)));
	assert_null(topology_pod_of(&t, parsed(ADDR_REMOTE)));
	topology_free(&t);
	assert_int_equal(t.devices.count, 0);
}

/* A pod whose own devices are not listed is known by the host's end of its veth. */
static void pod_by_peer(void **state)
{
	struct topology t = {.node_netns = NODE_NS};

	(void)state;
	topology_put_device(&t, NODE_NS, 7, "veth7", "veth", ROLE_POD, true, "default/c");
	t.devices.items[0].peer_netns = 300;
	topology_put_address(&t, 300, "10.244.1.12");
	assert_string_equal(topology_pod_of(&t, parsed("10.244.1.12")), "default/c");
	topology_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_prints), cmocka_unit_test(makes_only_what_it_knows),
		cmocka_unit_test(prefixes),          cmocka_unit_test(special_ranges),
		cmocka_unit_test(topology_answers),  cmocka_unit_test(pod_by_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
