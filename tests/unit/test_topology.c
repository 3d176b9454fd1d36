// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at the node again: who is gone keeps its name for what was seen before, an address that another pod
 * has got is that one's, and a namespace's number that comes again names nobody by itself.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "packet/place.h"
#include "packet/topology.h"

#define NODE 1
#define SECOND 1000000000ull

static struct address ip(unsigned last)
{
	uint8_t bytes[16] = {10, 244, 1, (uint8_t)last};

	return address_make(4, bytes);
}

/* A pod's veth, its eth0 and its address. */
static void pod_add(struct topology *topology, const char *name, uint32_t netns, uint32_t ifindex,
		    unsigned last)
{
	struct device *host = array_push(&topology->devices), *inside;
	struct local_address *local = array_push(&topology->addresses);

	host->netns = NODE;
	host->ifindex = ifindex;
	host->role = ROLE_POD;
	host->peer_netns = netns;
	host->traced = true;
	snprintf(host->name, sizeof(host->name), "veth%u", ifindex);
	text_copy(host->pod, sizeof(host->pod), name);
	inside = array_push(&topology->devices);
	inside->netns = netns;
	inside->ifindex = 2;
	inside->role = ROLE_INSIDE;
	text_copy(inside->name, sizeof(inside->name), "eth0");
	text_copy(inside->pod, sizeof(inside->pod), name);
	local->netns = netns;
	local->address = ip(last);
}

static struct topology node(void)
{
	return (struct topology){.node_netns = NODE};
}

static void look(struct topology *topology, struct topology now, uint64_t now_ns)
{
	topology_keep(&now, topology, now_ns);
	topology_free(topology);
	*topology = now;
}

static void test_gone_keeps_its_name(void **state)
{
	struct topology topology = node();
	const struct device *device;

	(void)state;
	pod_add(&topology, "default/a", 100, 7, 5);
	look(&topology, node(), 10 * SECOND);
	device = topology_device(&topology, NODE, 7);
	assert_non_null(device);
	assert_true(device->gone);
	assert_string_equal(device->pod, "default/a");
	assert_null(topology_pod_of(&topology, ip(5)));
	assert_string_equal(topology_pod_at(&topology, ip(5), 9 * SECOND), "default/a");
	assert_string_equal(topology_pod_at(&topology, ip(5), 0), "default/a");
	assert_null(topology_pod_at(&topology, ip(5), 11 * SECOND));
	assert_null(topology_pod_at(&topology, ip(6), 9 * SECOND));
	/* … for a while */
	look(&topology, node(), 311 * SECOND);
	assert_null(topology_pod_at(&topology, ip(5), 9 * SECOND));
	topology_free(&topology);
}

static void test_reused_address(void **state)
{
	struct topology topology = node(), now = node();

	(void)state;
	pod_add(&topology, "default/a", 100, 7, 5);
	pod_add(&now, "default/b", 101, 9, 5);
	look(&topology, now, 10 * SECOND);
	assert_string_equal(topology_pod_of(&topology, ip(5)), "default/b");
	assert_string_equal(topology_pod_at(&topology, ip(5), 0), "default/b");
	assert_string_equal(topology_pod_at(&topology, ip(5), 9 * SECOND), "default/a");
	assert_string_equal(topology_pod_at(&topology, ip(5), 11 * SECOND), "default/b");
	/* a third: each time has its own */
	now = node();
	pod_add(&now, "default/c", 102, 11, 5);
	look(&topology, now, 20 * SECOND);
	assert_string_equal(topology_pod_at(&topology, ip(5), 9 * SECOND), "default/a");
	assert_string_equal(topology_pod_at(&topology, ip(5), 19 * SECOND), "default/b");
	assert_string_equal(topology_pod_at(&topology, ip(5), 21 * SECOND), "default/c");
	topology_free(&topology);
}

/* The kernel gives the lowest free number: the next pod most often gets that of the one before. */
static void test_reused_namespace(void **state)
{
	struct topology topology = node(), now = node();

	(void)state;
	pod_add(&topology, "default/a", 100, 7, 5);
	pod_add(&now, "", 100, 9, 5); /* its name is not known yet */
	look(&topology, now, 10 * SECOND);
	assert_null(topology_pod_of(&topology, ip(5)));
	assert_null(topology_pod_at(&topology, ip(5), 11 * SECOND));
	assert_string_equal(topology_pod_at(&topology, ip(5), 9 * SECOND), "default/a");
	assert_string_equal(topology_device(&topology, 100, 2)->pod, "");
	now = node();
	pod_add(&now, "default/b", 100, 9, 5);
	look(&topology, now, 11 * SECOND);
	assert_string_equal(topology_pod_at(&topology, ip(5), 12 * SECOND), "default/b");
	topology_free(&topology);
}

static void test_traced_stays_traced(void **state)
{
	struct topology topology = node(), now = node();

	(void)state;
	pod_add(&topology, "default/a", 100, 7, 5);
	pod_add(&now, "default/a", 100, 7, 5);
	pod_add(&now, "default/b", 101, 9, 6);
	now.devices.items[0].traced = now.devices.items[2].traced = false;
	look(&topology, now, 10 * SECOND);
	assert_true(topology_device(&topology, NODE, 7)->traced);
	assert_false(topology_device(&topology, NODE, 9)->traced);
	topology_free(&topology);
}

/* What was remembered of the view before must not be answered from its freed memory. */
static void test_caches_notice(void **state)
{
	struct topology topology = node(), now = node();
	struct place_cache *cache = place_cache_new(&topology);

	(void)state;
	pod_add(&topology, "", 100, 7, 5);
	place_refresh(cache, SECOND);
	assert_null(place_pod_of(cache, ip(5)));
	pod_add(&now, "default/a", 100, 7, 5); /* as many devices and addresses as before */
	look(&topology, now, SECOND + 1);
	place_refresh(cache, SECOND + 2);
	assert_string_equal(place_pod_of(cache, ip(5)), "default/a");
	free(cache);
	topology_free(&topology);
}

/* A tool that runs for months must not keep every pod there ever was. */
static void test_bounded(void **state)
{
	struct topology topology = node();

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct topology now = node();
		char name[32];

		snprintf(name, sizeof(name), "default/pod-%u", i);
		pod_add(&now, name, 100 + i, 7 + i, i % 200 + 2);
		look(&topology, now, i * SECOND / 100);
	}
	assert_in_range(topology.devices.count, 500, 2000);
	assert_in_range(topology.past.count, 500, 1100);
	assert_non_null(topology_device(&topology, NODE, 7 + 2998)); /* the newest are kept */
	assert_null(topology_device(&topology, NODE, 7));
	topology_free(&topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone_keeps_its_name),
		cmocka_unit_test(test_reused_address),
		cmocka_unit_test(test_reused_namespace),
		cmocka_unit_test(test_traced_stays_traced),
		cmocka_unit_test(test_caches_notice),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
