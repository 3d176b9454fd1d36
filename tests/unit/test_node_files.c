/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that others wrote: CNI's, resolv.conf and /proc's counters as texts; then a whole
 * node's file system in a temporary directory, with links and FIFOs that lead astray.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "node/cni.h"
#include "node/counters.h"
#include "node/facts.h"
#include "node/files.h"
#include "node/resolv.h"
#include "node/sysctls.h"

static void check_address(struct address address, const char *text)
{
	char buffer[ADDRESS_TEXT];

	assert_string_equal(address_text(address, buffer), text);
}

static struct cni_conf parse(const char *text)
{
	struct cni_conf conf = {0};

	assert_int_equal(cni_parse_conf(text, strlen(text), &conf), 0);
	return conf;
}

static void test_bridge_conf(void **state)
{
	struct cni_conf conf = parse(
		"{\"cniVersion\":\"0.4.0\",\"name\":\"mynet\",\"plugins\":[{\"type\":\"bridge\","
		"\"bridge\":\"br7\",\"mtu\":1400,\"ipMasq\":true,\"hairpinMode\":true,"
		"\"isGateway\":true,\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":"
		"\"10.22.0.0/16\",\"rangeStart\":\"10.22.1.20\"}],[{\"subnet\":\"fd00:1::/"
		"64\"}]]}},"
		"{\"type\":\"portmap\"}]}");

	(void)state;
	assert_string_equal(conf.error, "");
	assert_string_equal(conf.name, "mynet");
	assert_string_equal(conf.type, "bridge");
	assert_string_equal(conf.bridge, "br7");
	assert_int_equal(conf.mtu, 1400);
	assert_true(conf.ip_masq && conf.hairpin && conf.is_gateway);
	assert_string_equal(conf.ipam_type, "host-local");
	assert_int_equal(conf.ranges.count, 2);
	check_address(conf.ranges.items[0].first, "10.22.1.20");
	check_address(conf.ranges.items[0].last, "10.22.255.254");
	check_address(conf.ranges.items[0].gateway, "10.22.0.1");
	check_address(conf.ranges.items[1].first, "fd00:1::1");
	check_address(conf.ranges.items[1].last, "fd00:1::ffff:ffff:ffff:ffff");
	array_free(&conf.ranges);
}

static void test_flannel_conf(void **state)
{
	struct node_config config = {0};
	struct cni_conf conf =
		parse("{\"name\":\"cbr0\",\"plugins\":[{\"type\":\"flannel\",\"delegate\":"
		      "{\"hairpinMode\":true,\"isDefaultGateway\":true}}]}");

	(void)state;
	assert_string_equal(conf.bridge, "cni0");
	assert_string_equal(conf.ipam_type, "host-local");
	assert_true(conf.hairpin && conf.is_gateway);
	assert_true(cni_parse_subnet_env("FLANNEL_NETWORK=10.244.0.0/16\r\n"
					 "FLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n"
					 "FLANNEL_IPMASQ=true\n",
					 &config));
	check_address(config.flannel_network, "10.244.0.0");
	check_address(config.flannel_subnet, "10.244.1.1");
	assert_int_equal(config.flannel_network_len, 16);
	assert_int_equal(config.flannel_subnet_len, 24);
	assert_int_equal(config.flannel_mtu, 1450);
	assert_true(config.flannel_ipmasq);
	assert_int_equal(cni_flannel_range(&config, &conf), 0);
	assert_int_equal(conf.mtu, 1450);
	assert_int_equal(conf.ranges.count, 1);
	check_address(conf.ranges.items[0].subnet, "10.244.1.0");
	check_address(conf.ranges.items[0].first, "10.244.1.1");
	check_address(conf.ranges.items[0].last, "10.244.1.254");
	array_free(&conf.ranges);
	assert_int_equal(config.flannel_network6.version, 0);
	assert_true(cni_parse_subnet_env("FLANNEL_IPV6_NETWORK=fd00:10:244::/48\n"
					 "FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64\n",
					 &config));
	check_address(config.flannel_network6, "fd00:10:244::");
	check_address(config.flannel_subnet6, "fd00:10:244:1::1");
	assert_int_equal(config.flannel_network6_len, 48);
	assert_int_equal(config.flannel_subnet6_len, 64);
	assert_false(cni_parse_subnet_env("FLANNEL_SUBNET=10.244.1.1/33\n", &config));
	assert_false(cni_parse_subnet_env("FLANNEL_SUBNET=\nnonsense", &config));
}

static void test_broken_confs(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"7",
		"{\"name\":\"x\"}",
		"{\"type\":\"bridge\"}",
		"{\"name\":\"x\",\"plugins\":[]}",
		"{\"name\":\"x\",\"plugins\":7}",
		"{\"name\":\"x\",\"plugins\":[7]}",
		"{\"name\":7,\"type\":[]}",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
		"\"a\":"
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
		"\"a\":"
		"{\"a\":1}}}}}}}}}}}}}}}}}}}}}}}}}",
	};
	struct cni_conf conf;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		conf = parse(texts[i]);
		assert_string_not_equal(conf.error, "");
	}
	/* Wrong types and ranges inside a whole file are left out, the rest is kept. */
	conf = parse("{\"name\":\"x\",\"type\":\"bridge\",\"mtu\":-5,\"ipMasq\":\"yes\",\"ipam\":"
		     "{\"type\":{},\"ranges\":[{},[7,{\"subnet\":\"1.2.3.4\"},{\"subnet\":\"1.2.3."
		     "4/99\"},"
		     "{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":7}]]}}");
	assert_string_equal(conf.error, "");
	assert_int_equal(conf.mtu, 0);
	assert_false(conf.ip_masq);
	assert_int_equal(conf.ranges.count, 1);
	check_address(conf.ranges.items[0].first, "10.1.0.1");
	array_free(&conf.ranges);
}

static void test_reservation(void **state)
{
	struct reservation reservation = {0};

	(void)state;
	assert_true(cni_parse_reservation("10.244.1.5", "abc123\r\neth0", &reservation));
	assert_string_equal(reservation.container_id, "abc123");
	assert_string_equal(reservation.ifname, "eth0");
	assert_true(cni_parse_reservation("fd00::5", "abc123", &reservation));
	assert_string_equal(reservation.ifname, "");
	assert_false(cni_parse_reservation("last_reserved_ip.0", "10.244.1.9", &reservation));
	assert_false(cni_parse_reservation("lock", "", &reservation));
	assert_false(cni_parse_reservation("10.244.1.5", "", &reservation)); /* a crash cut it */
}

static void test_resolv(void **state)
{
	struct resolv_conf conf;

	(void)state;
	resolv_parse("# made by kubelet\nsearch old.example\nnameserver 10.96.0.10\n"
		     "nameserver fe80::1%eth0\nnameserver bad\n"
		     "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
		     "options ndots:5 timeout:99 single-request-reopen rotate\noptions use-vc\n",
		     &conf);
	assert_true(conf.known);
	assert_int_equal(conf.nameserver_count, 2);
	check_address(conf.nameservers[0], "10.96.0.10");
	check_address(conf.nameservers[1], "fe80::1");
	assert_int_equal(conf.search_count, 3);
	assert_string_equal(conf.search[0], "shop.svc.cluster.local");
	assert_int_equal(conf.ndots, 5);
	assert_int_equal(conf.timeout, 30);
	assert_int_equal(conf.attempts, 2);
	assert_true(conf.single_request_reopen && conf.rotate && conf.use_vc);
	assert_false(conf.single_request);
	resolv_parse("nameserver", &conf);
	assert_int_equal(conf.nameserver_count, 0);
	assert_int_equal(conf.ndots, 1);
}

static uint64_t counter(const struct netns_facts *ns, const char *name)
{
	array_each(one, &ns->counters) {
		if (!strcmp(one->name, name))
			return one->value;
	}
	fail_msg("no counter %s", name);
	return 0;
}

static void test_counters(void **state)
{
	char pairs[] = "Ip: Forwarding FragFails\nIp: 1 23\nTcp: MaxConn\nTcp: -1\n";
	char six[] = "Ip6InReceives                   \t17\nUdpLite6InErrors 4\nodd\n";
	char softnet[] = "0000000a 00000002 00000001 0 0 0 0 0 0 0 0 0 00000003\n"
			 "00000001 00000001 00000000 0 0 0 0 0 0 0 0 0 00000004\n";
	char torn[] = "Ip: A\nTcp: 1\n", short_line[] = "0000000a\n";
	struct netns_facts ns = {0};

	(void)state;
	assert_int_equal(counters_parse_pairs(pairs, &ns), 0);
	assert_int_equal(counters_parse_snmp6(six, &ns), 0);
	assert_int_equal(counters_parse_softnet(softnet, &ns), 0);
	assert_int_equal(counter(&ns, "Ip.FragFails"), 23);
	assert_int_equal(counter(&ns, "Ip6.InReceives"), 17);
	assert_int_equal(counter(&ns, "UdpLite6.InErrors"), 4);
	assert_int_equal(counter(&ns, "Softnet.Processed"), 11);
	assert_int_equal(counter(&ns, "Softnet.Dropped"), 3);
	assert_int_equal(counter(&ns, "Softnet.TimeSqueeze"), 1);
	assert_int_equal(counter(&ns, "Softnet.cpu3.Dropped"), 2);
	assert_int_equal(counter(&ns, "Softnet.cpu4.Dropped"), 1);
	assert_int_equal(counters_parse_pairs(torn, &ns), -EBADMSG);
	assert_int_equal(counters_parse_softnet(short_line, &ns), -EBADMSG);
	array_free(&ns.counters);
}

static void check_sysctl(const char *name, const char *path)
{
	char buffer[256];

	assert_int_equal(sysctl_path(name, buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, path);
}

static void test_sysctl_paths(void **state)
{
	char buffer[32];

	(void)state;
	check_sysctl("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward");
	check_sysctl("net.ipv4.conf.all.rp_filter", "/proc/sys/net/ipv4/conf/all/rp_filter");
	check_sysctl("net.ipv4.conf.flannel.1.rp_filter",
		     "/proc/sys/net/ipv4/conf/flannel.1/rp_filter");
	check_sysctl("net.ipv4.conf.flannel/1.rp_filter",
		     "/proc/sys/net/ipv4/conf/flannel.1/rp_filter");
	check_sysctl("net.netfilter.nf_conntrack_max", "/proc/sys/net/netfilter/nf_conntrack_max");
	assert_int_equal(sysctl_path("net.ipv4.a_long_name_indeed", buffer, sizeof(buffer)),
			 -ENAMETOOLONG);
	assert_int_equal(sysctl_path("net.//.x", buffer, sizeof(buffer)), -EINVAL);
}

/* A node's file system. */
static void write_file(const char *root, const char *path, const char *text)
{
	char whole[600], *slash;
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_root(char *root, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, size, "%s/cnitrace-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(root));
}

static void remove_root(const char *root)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	assert_int_equal(system(command), 0);
}

static void test_safe_reading(void **state)
{
	char root[128], path[300], *text;
	size_t size;

	(void)state;
	make_root(root, sizeof(root));
	write_file(root, "etc/hostname", "inside\n");
	snprintf(path, sizeof(path), "%s/link", root);
	assert_int_equal(symlink("/etc/hostname", path), 0); /* absolute: of that root, not ours */
	assert_int_equal(file_read(root, "/link", 100, &text, &size), 0);
	assert_string_equal(text, "inside\n");
	assert_int_equal(size, 7);
	free(text);
	assert_int_equal(file_read(root, "/link", 6, &text, NULL), -EFBIG);
	assert_int_equal(file_read(root, "../../../../etc/passwd", 1 << 20, &text, NULL), -ENOENT);
	snprintf(path, sizeof(path), "%s/fifo", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(root, "fifo", 100, &text, NULL), -EINVAL); /* and did not wait */
	assert_int_equal(file_read("", "/dev/zero", 100, &text, NULL), -EINVAL);
	assert_int_equal(file_exists(root, "/absent"), -ENOENT);
	assert_int_equal(file_exists(root, "/link"), 0);
	remove_root(root);
}

static void write_node(const char *root)
{
	write_file(root, "etc/hostname", "worker-1\n");
	write_file(
		root, "run/flannel/subnet.env",
		"FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n");
	write_file(root, "etc/cni/net.d/10-flannel.conflist",
		   "{\"name\":\"cbr0\",\"plugins\":[{\"type\":\"flannel\"}]}");
	write_file(root, "etc/cni/net.d/05-broken.conf", "{");
	write_file(root, "etc/cni/net.d/99.conf.bak", "{}");
	write_file(root, "var/lib/cni/networks/cbr0/10.244.1.2", "alive\r\neth0");
	write_file(root, "var/lib/cni/networks/cbr0/10.244.1.3", "dead\r\neth0");
	write_file(root, "var/lib/cni/networks/cbr0/10.244.1.4", "unheard-of\r\neth0");
	write_file(root, "var/lib/cni/networks/cbr0/10.244.1.5", "puzzling\r\neth0");
	write_file(root, "var/lib/cni/networks/cbr0/last_reserved_ip.0", "10.244.1.5");
	write_file(root, "var/lib/cni/results/cbr0-alive-eth0",
		   "{\"netns\":\"/var/run/netns/cni-1\"}");
	write_file(root, "var/lib/cni/results/cbr0-dead-eth0",
		   "{\"netns\":\"/var/run/netns/cni-2\"}");
	write_file(root, "var/lib/cni/results/cbr0-puzzling-eth0", "{\"netns\":7}");
	write_file(root, "run/netns/cni-1", "");
}

static void test_node_config(void **state)
{
	struct facts *facts = facts_new();
	const struct node_config *config;
	char path[600];

	(void)state;
	make_root(facts->root, sizeof(facts->root));
	facts->reader = &node_reader;
	write_node(facts->root);
	snprintf(path, sizeof(path), "%s/var/run", facts->root);
	assert_int_equal(symlink("/run", path), 0); /* as on every distribution */
	config = facts_config(facts);
	assert_non_null(config);
	assert_string_equal(config->hostname, "worker-1");
	assert_true(config->has_subnet_env);
	assert_int_equal(config->confs.count, 2);
	assert_string_equal(config->confs.items[0].file, "05-broken.conf");
	assert_string_not_equal(config->confs.items[0].error, "");
	assert_string_equal(config->confs.items[1].name, "cbr0");
	assert_int_equal(config->confs.items[1].ranges.count, 1);
	assert_int_equal(config->reservations.count, 4);
	array_each(reservation, &config->reservations) {
		uint8_t last = reservation->address.bytes[3];

		assert_string_equal(reservation->network, "cbr0");
		assert_int_equal(reservation->stale, last == 3 || last == 4);
	}
	remove_root(facts->root);
	facts_free(facts);
}

/* No CNI at all is a fact, not a failure. */
static void test_empty_node(void **state)
{
	struct facts *facts = facts_new();

	(void)state;
	make_root(facts->root, sizeof(facts->root));
	facts->reader = &node_reader;
	assert_non_null(facts_config(facts));
	assert_int_equal(facts->config.confs.count, 0);
	assert_false(facts->config.has_subnet_env);
	remove_root(facts->root);
	facts_free(facts);
}

static void test_pod_resolv(void **state)
{
	struct facts *facts = facts_new();
	struct pod pod = {.netns_path = "/var/run/netns/cni-1"};
	struct resolv_conf conf;

	(void)state;
	make_root(facts->root, sizeof(facts->root));
	facts->reader = &node_reader;
	assert_false(facts_resolv_conf(facts, &pod, &conf)); /* never the node's own */
	write_file(facts->root, "etc/netns/cni-1/resolv.conf", "nameserver 10.0.0.1\n");
	assert_true(facts_resolv_conf(facts, &pod, &conf));
	check_address(conf.nameservers[0], "10.0.0.1");
	snprintf(pod.container_id, sizeof(pod.container_id), "abc");
	write_file(facts->root, "var/lib/docker/containers/abc/resolv.conf",
		   "nameserver 10.0.0.2\n");
	assert_true(facts_resolv_conf(facts, &pod, &conf));
	check_address(conf.nameservers[0], "10.0.0.2");
	snprintf(pod.container_id, sizeof(pod.container_id), "../containers/abc");
	assert_false(facts_resolv_conf(facts, &pod, &conf));
	remove_root(facts->root);
	facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bridge_conf),  cmocka_unit_test(test_flannel_conf),
		cmocka_unit_test(test_broken_confs), cmocka_unit_test(test_reservation),
		cmocka_unit_test(test_resolv),       cmocka_unit_test(test_counters),
		cmocka_unit_test(test_sysctl_paths), cmocka_unit_test(test_safe_reading),
		cmocka_unit_test(test_node_config),  cmocka_unit_test(test_empty_node),
		cmocka_unit_test(test_pod_resolv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
