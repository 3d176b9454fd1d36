/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which conversations a filter shows one half of: by expression, by protocol, translated or not, and in a
 * tunnel; and those that are shown whole.
 */
#include "world.h"

#include "commands/answers.h"

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

static unsigned marked(const char *expression)
{
	struct filter *filter;
	struct error error;
	unsigned hidden;

	assert_int_equal(filter_compile(expression, &filter, &error), 0);
	hidden = answers_mark(&w.flows, filter);
	filter_free(filter);
	return hidden;
}

static void whole(struct flow *flow, const char *expression)
{
	marked(expression);
	if (flow->hides_answers || flow->hides_rest)
		fail_msg("\"%s\" hides something", expression);
}

static void hides_answers(struct flow *flow, const char *expression)
{
	marked(expression);
	if (!flow->hides_answers)
		fail_msg("\"%s\" hides no answers", expression);
}

static void one_way_of_tcp(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);

	(void)state;
	whole(flow, "");
	whole(flow, "tcp");
	whole(flow, "tcp port 80");
	whole(flow, "host " REMOTE_IP);
	whole(flow, "host " BUSYBOX_IP " and host " REMOTE_IP);
	whole(flow, "portrange 40-90");
	whole(flow, "not icmp");
	hides_answers(flow, "tcp dst port 80");
	hides_answers(flow, "src host " BUSYBOX_IP);
	hides_answers(flow, "dst host " REMOTE_IP);
	hides_answers(flow, "tcp[tcpflags] = tcp-syn");
	/* both SYNs, and nothing after them */
	marked("tcp[tcpflags] & tcp-syn != 0");
	assert_false(flow->hides_answers);
	assert_true(flow->hides_rest);
	/* an answer that has no payload is none of these */
	hides_answers(flow, "tcp dst port 80 or greater 1000");
}

static void one_way_of_others(void **state)
{
	struct flow *ping = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow *ping6 = world_flow(&w, IPPROTO_ICMPV6, "fd00::2", 7, "fd00::3", 7);
	struct flow *dns = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, REMOTE_IP, 53);

	(void)state;
	whole(ping, "icmp");
	whole(ping6, "icmp6");
	whole(dns, "udp port 53");
	hides_answers(ping, "icmp[icmptype] = icmp-echo");
	hides_answers(ping6, "icmp6[icmp6type] = icmp6-echo");
	hides_answers(ping6, "src host fd00::2");
	hides_answers(dns, "udp dst port 53");
	hides_answers(dns, "dst net 10.244.2.0/24");
	/* for Ethernet */
	whole(dns, "ether proto 0x800");
	hides_answers(dns, "ether proto 0x800 and udp dst port 53");
	marked("ether src 02:00:00:00:00:01");
	assert_true(dns->hides_way);
	marked("ether proto 0x800");
	assert_false(dns->hides_way);
	/* counted: the two unanswered ones of three */
	ping->reverse.packets = 1;
	assert_int_equal(marked("dst net 10.244.2.0/24 or dst host fd00::3"), 2);
	/* nobody owes one to a group */
	world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 5353, "224.0.0.251", 5353);
	assert_int_equal(
		marked("dst net 10.244.2.0/24 or dst host fd00::3 or dst host 224.0.0.251"), 2);
}

/* Matched before its translation and not behind it, its whole conversation is followed. */
static void translated(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, "10.96.0.20", 80);

	(void)state;
	world_translate(flow, WEB_IP, 8080);
	whole(flow, "dst host 10.96.0.20");
	whole(flow, "tcp dst port 80");
	whole(flow, "host " WEB_IP);
	hides_answers(flow, "dst host " WEB_IP);
	hides_answers(flow, "src host " BUSYBOX_IP);
	world_translate(flow, WEB_IP, 80);
	hides_answers(flow, "tcp dst port 80");
}

static void in_a_tunnel(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct journey *journey = world_journey(flow, true, VERDICT_LEFT_NODE, 1, 84);
	struct hop *hop = world_hop(journey, NODE, ETH0, true, flow->tuples[0]);
	struct address outer[2] = {ip("192.168.1.11"), ip(REMOTE_NODE)};

	(void)state;
	hop->has_encap = true;
	hop->encap = (struct encap){.ip_version = 4, .sport = 1234, .dport = 8472};
	memcpy(hop->encap.src, outer[0].bytes, 4);
	memcpy(hop->encap.dst, outer[1].bytes, 4);
	whole(flow, "host " REMOTE_NODE);
	whole(flow, "udp port 8472");
	hides_answers(flow, "src host 192.168.1.11");
	/* what these words cannot say of it is judged as if it were whole */
	whole(flow, "ip[8] = 63");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_way_of_tcp),
		TEST(one_way_of_others),
		TEST(translated),
		TEST(in_a_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
