/* SPDX-License-Identifier: GPL-2.0-only */
/* The store of facts without a kernel: what is read when, how often, and what failing leaves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/facts.h"

struct calls {
	int read, sysctl, route, config;
	uint32_t fail; /* parts that cannot be read */
};

static int count_read(struct facts *facts, struct netns_facts *ns, enum fact_part part)
{
	struct calls *calls = facts->reader_data;

	calls->read++;
	if (part == FACT_LINKS)
		array_push(&ns->links)->ifindex = 7; /* also when it then fails: half-read */
	if (!(calls->fail & part))
		return 0;
	snprintf(ns->error, sizeof(ns->error), "it is a test");
	return -EIO;
}

static int count_sysctl(struct facts *facts, struct netns_facts *ns, const char *name, char *value,
			size_t size)
{
	struct calls *calls = facts->reader_data;

	(void)ns;
	calls->sysctl++;
	if (!strcmp(name, "net.absent"))
		return -ENOENT;
	if (!strcmp(name, "net.secret"))
		return -EACCES;
	snprintf(value, size, "%s", !strcmp(name, "net.words") ? "none" : "17\t32");
	return !strcmp(name, "net.core.of_all");
}

static int refuse_config(struct facts *facts, struct node_config *config)
{
	struct calls *calls = facts->reader_data;

	calls->config++;
	array_push(&config->confs);
	return -EACCES;
}

static const struct facts_reader counting = {
	.read = count_read,
	.sysctl = count_sysctl,
	.config = refuse_config,
};

static struct facts *store(struct calls *calls, struct netns_facts **ns)
{
	struct facts *facts = facts_new();

	assert_non_null(facts);
	facts->reader = &counting;
	facts->reader_data = calls;
	facts->node_netns = 100;
	*ns = facts_add_netns(facts, 100, "/proc/1/ns/net", "node");
	return facts;
}

static void test_namespaces(void **state)
{
	struct facts *facts = facts_new();
	struct netns_facts *a, *b;

	(void)state;
	a = facts_add_netns(facts, 1, "/a", "a");
	b = facts_add_netns(facts, 2, "/b", "b");
	assert_ptr_equal(facts_netns(facts, 1), a);
	assert_ptr_equal(facts_netns(facts, 2), b);
	assert_null(facts_netns(facts, 3));
	assert_null(facts_netns(facts, 0));
	assert_ptr_equal(facts_add_netns(facts, 1, "", "ns/pod"),
			 a); /* known: takes the better name */
	assert_string_equal(a->label, "ns/pod");
	assert_string_equal(a->path, "/a");
	facts_remove_netns(facts, 1);
	assert_null(facts_netns(facts, 1));
	assert_ptr_equal(facts_netns(facts, 2), b);
	facts_free(facts);
}

static void test_read_once(void **state)
{
	struct calls calls = {0};
	struct netns_facts *ns;
	struct facts *facts = store(&calls, &ns);

	(void)state;
	assert_true(facts_need(facts, ns, FACT_LINKS | FACT_ROUTES));
	assert_int_equal(calls.read, 2);
	assert_true(facts_need(facts, ns, FACT_LINKS));
	assert_non_null(facts_link(facts, ns, 7));
	assert_null(facts_link(facts, ns, 8));
	assert_null(facts_link(facts, ns, 0));
	assert_int_equal(calls.read, 2);
	facts_forget(facts, FACT_LINKS);
	assert_int_equal(ns->links.count, 0);
	assert_true(facts_need(facts, ns, FACT_LINKS | FACT_ROUTES));
	assert_int_equal(calls.read, 3);
	assert_false(facts_need(facts, NULL, FACT_LINKS));
	facts_free(facts);
}

static void test_failure_is_noted_once(void **state)
{
	struct calls calls = {.fail = FACT_LINKS};
	struct netns_facts *ns;
	struct facts *facts = store(&calls, &ns);

	(void)state;
	assert_false(facts_need(facts, ns, FACT_LINKS | FACT_FDB));
	assert_true(facts_need(facts, ns, FACT_FDB));
	assert_false(facts_need(facts, ns, FACT_LINKS));
	assert_int_equal(calls.read, 2);
	assert_int_equal(ns->links.count, 0); /* half-read is not left behind */
	assert_null(facts_link(facts, ns, 7));
	assert_int_equal(facts->gaps.count, 1);
	assert_string_equal(facts->gaps.items[0],
			    "devices of node could not be read: it is a test");
	/* A new attempt, the same outcome: still one gap. Then it works. */
	facts_forget(facts, FACT_LINKS);
	assert_false(facts_need(facts, ns, FACT_LINKS));
	assert_int_equal(facts->gaps.count, 1);
	calls.fail = 0;
	facts_forget(facts, FACT_LINKS);
	assert_true(facts_need(facts, ns, FACT_LINKS));
	facts_free(facts);
}

static void test_without_reader(void **state)
{
	struct facts *facts = facts_new();
	struct netns_facts *ns = facts_add_netns(facts, 1, "", "pod");
	struct sysctl_fact *sysctl;
	long value;

	(void)state;
	ns->known = FACT_LINKS;
	assert_true(facts_need(facts, ns, FACT_LINKS));
	assert_false(facts_need(facts, ns, FACT_LINKS | FACT_SOCKETS));
	assert_null(facts_config(facts));
	sysctl = array_push(&facts->sysctls);
	*sysctl = (struct sysctl_fact){.netns = 1, .name = "net.x", .value = "2"};
	assert_true(facts_sysctl(facts, ns, "net.x", &value));
	assert_int_equal(value, 2);
	assert_false(facts_sysctl(facts, ns, "net.y", &value));
	facts->config_known = true;
	assert_ptr_equal(facts_config(facts), &facts->config);
	facts_free(facts);
}

static void test_sysctls(void **state)
{
	struct calls calls = {0};
	struct netns_facts *ns;
	struct facts *facts = store(&calls, &ns);
	long value = 0;

	(void)state;
	assert_true(facts_sysctl(facts, ns, "net.x", &value));
	assert_true(facts_sysctl(facts, ns, "net.x", &value));
	assert_int_equal(value, 17);
	assert_int_equal(calls.sysctl, 1);
	assert_false(facts_sysctl(facts, ns, "net.words", &value));
	assert_false(facts_sysctl(facts, ns, "net.absent", &value));
	assert_false(facts_sysctl(facts, ns, "net.absent", &value));
	assert_int_equal(calls.sysctl, 3);
	assert_int_equal(facts->gaps.count, 0); /* its absence is a fact */
	assert_false(facts_sysctl(facts, ns, "net.secret", &value));
	assert_int_equal(facts->gaps.count, 1);
	facts_forget(facts, FACT_SYSCTLS);
	assert_true(facts_sysctl(facts, ns, "net.x", &value));
	assert_int_equal(calls.sysctl, 5);
	assert_string_equal(facts_sysctl_enter(facts, ns, "net.x"), "");
	assert_string_equal(facts_sysctl_enter(facts, ns, "net.absent"), "");
	assert_string_equal(facts_sysctl_enter(facts, ns, "net.core.of_all"), "nsenter -t 1 -n ");
	assert_true(facts_sysctl(facts, ns, "net.core.of_all", &value));
	facts_free(facts);
}

static void test_config(void **state)
{
	struct calls calls = {0};
	struct netns_facts *ns;
	struct facts *facts = store(&calls, &ns);

	(void)state;
	assert_null(facts_config(facts));
	assert_null(facts_config(facts));
	assert_int_equal(calls.config, 1);
	assert_int_equal(facts->gaps.count, 1);
	assert_int_equal(facts->config.confs.count, 0);
	facts_forget(facts, FACT_CONFIG);
	assert_null(facts_config(facts));
	assert_int_equal(calls.config, 2);
	facts_free(facts);
}

static void add_pod(struct facts *facts, const char *namespace, const char *name,
		    const char *address, uint32_t netns, bool host)
{
	struct pod *pod = array_push(&facts->pods);

	snprintf(pod->namespace, sizeof(pod->namespace), "%s", namespace);
	snprintf(pod->name, sizeof(pod->name), "%s", name);
	assert_true(address_parse(address, &pod->addresses[0]));
	pod->address_count = 1;
	pod->netns = netns;
	pod->host_network = host;
}

static void test_pods(void **state)
{
	struct facts *facts = facts_new();
	struct address address;

	(void)state;
	add_pod(facts, "kube-system", "flannel", "192.168.1.11", 1, true);
	add_pod(facts, "shop", "web", "10.244.1.5", 5, false);
	add_pod(facts, "shop-2", "web", "10.244.1.6", 6, false);
	add_pod(facts, "shop", "db", "10.244.1.7", 0, false);
	address_parse("10.244.1.6", &address);
	assert_string_equal(facts_pod_of_address(facts, address)->namespace, "shop-2");
	address_parse("192.168.1.11", &address); /* the node's, no pod's */
	assert_null(facts_pod_of_address(facts, address));
	assert_null(facts_pod_of_address(facts, (struct address){0}));
	assert_string_equal(facts_pod_of_netns(facts, 5)->name, "web");
	assert_null(facts_pod_of_netns(facts, 1));
	assert_null(facts_pod_of_netns(facts, 0));
	assert_string_equal(facts_pod_named(facts, "shop/web")->namespace, "shop");
	assert_string_equal(facts_pod_named(facts, "db")->name, "db");
	assert_null(facts_pod_named(facts, "web")); /* ambiguous */
	assert_null(facts_pod_named(facts, "shop/we"));
	assert_null(facts_pod_named(facts, "sho/web"));
	facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_read_once),
		cmocka_unit_test(test_failure_is_noted_once),
		cmocka_unit_test(test_without_reader),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_pods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
