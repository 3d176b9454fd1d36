/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules about DNS: queries refused, lost, answered late or with an error, a resolv.conf that
 * is not the cluster's, and the messages themselves, which are bytes from outside.
 */
#include "dns_world.h"

#include "diagnose/dns_message.h"

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

static void dns_healthy(void **state)
{
	(void)state;
	/* Walking the search list for an outside name ends well. */
	ask(&w, "example.com.default.svc.cluster.local", 3, 1000);
	ask(&w, "example.com.svc.cluster.local", 3, 1000);
	ask(&w, "example.com.cluster.local", 3, 1000);
	ask(&w, "example.com", 0, 1000);
	world_nothing(&w);
}

static void dns_error(void **state)
{
	struct finding *finding;

	(void)state;
	ask(&w, "web.default.svc.cluster.local", 3, 1000);
	finding = world_only(&w, "dns-error");
	assert_text(finding, "rcode", "NXDOMAIN");
	assert_text(finding, "name", "web.default.svc.cluster.local");
}

static void dns_servfail(void **state)
{
	(void)state;
	ask(&w, "example.com", 2, 1000);
	assert_text(world_only(&w, "dns-error"), "rcode", "SERVFAIL");
}

static void dns_slow(void **state)
{
	(void)state;
	ask(&w, "web.default.svc.cluster.local", 0, 2000000000ULL);
	assert_number(world_only(&w, "dns-slow"), "worst_ms", 2000);
}

/* One more query or answer in the flow of ask(), at a time of its own. */
static void ask_more(struct flow *flow, const char *name, uint16_t id, bool aaaa, int rcode,
		     uint64_t at)
{
	struct journey *journey;

	if (rcode < 0) {
		journey = world_journey(flow, true, VERDICT_DELIVERED, 1, 70);
		world_hop(journey, NODE, VETH_WEB, true, flow->tuples[1]);
	} else {
		journey = world_reply(flow, 1, 120);
	}
	journey->first_ns = at;
	put_dns(journey, id, name, rcode);
	if (aaaa)
		journey->payload[journey->payload_len - 3] = 28;
}

#define SECOND 1000000000ULL

/* The 5-second race as glibc lives through it: A and AAAA from one socket, one lost, both asked again. */
static void dns_twin_lost(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, name, 0, 500000);
	struct finding *finding;

	(void)state;
	ask_more(flow, name, 78, true, -1, 2000);
	ask_more(flow, name, 77, false, -1, 5 * SECOND);
	ask_more(flow, name, 77, false, 0, 5 * SECOND + 500000);
	ask_more(flow, name, 78, true, -1, 5 * SECOND + 1000000);
	ask_more(flow, name, 78, true, 0, 5 * SECOND + 1500000);
	finding = world_only(&w, "dns-timeout");
	assert_text(finding, "name", name);
	assert_text(finding, "query", "AAAA");
	assert_text(finding, "twin", "A");
	assert_number(finding, "waited_ms", 5000);
}

/* Asked again from another socket: no twin to compare with. */
static void dns_lost_and_asked_again(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, "other.default.svc.cluster.local", 0, 500000), *again;

	(void)state;
	ask_more(flow, name, 80, false, -1, 1000);
	again = ask(&w, name, 0, 500000);
	again->forward.samples[0]->first_ns = SECOND;
	again->reverse.samples[0]->first_ns = SECOND + 500000;
	assert_text(world_only(&w, "dns-timeout"), "name", name);
}

/* Late, and asked again meanwhile, is late: both answers come. Asked again soon is no loss at all. */
static void dns_late_is_not_lost(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, name, 0, 2 * SECOND);

	(void)state;
	ask_more(flow, name, 77, false, -1, SECOND + 1000);
	ask_more(flow, name, 77, false, 0, 2 * SECOND + 2000);
	assert_text(world_only(&w, "dns-slow"), "name", name);
}

static void dns_asked_twice_by_two(void **state)
{
	const char *name = "web.default.svc.cluster.local";
	struct flow *flow = ask(&w, name, 0, 500000);

	(void)state;
	ask_more(flow, name, 79, false, -1, 2000);
	ask_more(flow, name, 80, false, -1, 500000000);
	ask_more(flow, name, 80, false, 0, 500500000);
	world_nothing(&w);
}

static void dns_timeout(void **state)
{
	(void)state;
	ask(&w, "web.default.svc.cluster.local", -1, 0);
	assert_text(world_only(&w, "dns-timeout"), "server", DNS_IP);
	/* That no answer came is no proof where records were lost: it may be among them. */
	w.diagnosis.complete = false;
	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 1);
	assert_string_equal(w.list.findings.items[0]->id, "dns-timeout");
	assert_int_equal(w.list.findings.items[0]->severity, SEVERITY_WARNING);
}

/* Bytes that are no query are not answered by a server that is well; one query among them is. */
static void dns_nonsense_is_not_answered(void **state)
{
	struct flow *flow = ask(&w, "web.default.svc.cluster.local", -1, 0);

	(void)state;
	memset(flow->forward.samples[0]->payload, 0, flow->forward.samples[0]->payload_len);
	world_nothing(&w);
	flow = ask(&w, "web.default.svc.cluster.local", -1, 0);
	flow->forward.samples[0]->payload[2] |= 0x80; /* an answer nobody asked for */
	world_nothing(&w);
	ask_more(flow, "web.default.svc.cluster.local", 78, false, -1, 2000);
	assert_text(world_only(&w, "dns-timeout"), "server", DNS_IP);
}

static void dns_refused(void **state)
{
	struct flow *flow = ask(&w, "web.default.svc.cluster.local", -1, 0);

	(void)state;
	world_answer(flow, WEB_IP, 3, 3, 1);
	assert_text(world_only(&w, "dns-server-unreachable"), "server", DNS_IP);
}

static void dns_behind_another_fault(void **state)
{
	/* The root is the rule; that names do not resolve is its consequence. */
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 41000, DNS_IP, 53);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped;

	(void)state;
	world_translate(flow, REMOTE_IP, 53);
	world_rule(chain, RULE_DROP, "DROP", "-A FORWARD -j DROP");
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 70);
	text_copy(dropped->first.hook, 16, "FORWARD");
	assert_true(world_only(&w, "netfilter-drop")->consequences.count == 1);
}

static int pod_resolv_conf(struct facts *facts, const struct pod *pod, struct resolv_conf *conf)
{
	(void)facts;
	(void)pod;
	conf->known = true;
	conf->nameservers[0] = ip("203.0.113.53");
	conf->nameserver_count = 1;
	return 0;
}

static void dns_config(void **state)
{
	static const struct facts_reader reader = {.resolv_conf = pod_resolv_conf};
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 41000, "203.0.113.53", 53);
	struct filter_chain *chain = world_chain(&w, NODE, "nat", "KUBE-SERVICES", NULL);
	struct filter_rule *rule = world_rule(chain, RULE_JUMP, "KUBE-SVC-DNS", "-A KUBE-SERVICES");
	struct tuple out = flow->tuples[0];
	struct finding *finding;

	(void)state;
	w.facts->reader = &reader;
	rule->dst = ip(DNS_IP);
	rule->dst_len = 32;
	rule->proto = IPPROTO_UDP;
	rule->dport_min = rule->dport_max = 53;
	rule->comment = strdup("kube-system/kube-dns:dns cluster IP");
	out.src = ip("192.168.1.11");
	world_hop(world_journey(flow, true, VERDICT_LEFT_NODE, 2, 70), NODE, ETH0, true, out);
	finding = world_only(&w, "dns-config");
	assert_text(finding, "expected", "nameserver 10.96.0.10");
	assert_text(finding, "found", "nameserver 203.0.113.53");
}

static void dns_bytes_from_outside(void **state)
{
	struct dns_message message;
	uint8_t bytes[64] = {0};

	(void)state;
	assert_false(dns_parse(bytes, 0, false, &message));
	assert_false(dns_parse(bytes, 12, false, &message));
	bytes[5] = 1;
	assert_false(dns_parse(bytes, 12, false, &message)); /* no question */
	bytes[12] = 0xc0; /* a pointer */
	assert_false(dns_parse(bytes, sizeof(bytes), false, &message));
	bytes[12] = 63; /* a label beyond the end */
	assert_false(dns_parse(bytes, 40, false, &message));
	memcpy(bytes + 12, "\003A\033b\0\0\001\0\001", 9);
	assert_true(dns_parse(bytes, 21, false, &message));
	assert_string_equal(message.name, "a?b");
	assert_false(dns_parse(bytes, 20, false, &message));
	assert_false(dns_parse(bytes, 1, true, &message));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dns_healthy),          TEST(dns_error),
		TEST(dns_servfail),         TEST(dns_slow),
		TEST(dns_twin_lost),        TEST(dns_lost_and_asked_again),
		TEST(dns_late_is_not_lost), TEST(dns_asked_twice_by_two),
		TEST(dns_timeout),          TEST(dns_nonsense_is_not_answered),
		TEST(dns_refused),          TEST(dns_behind_another_fault),
		TEST(dns_config),           TEST(dns_bytes_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
