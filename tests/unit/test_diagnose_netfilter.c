/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who refuses: netfilter rules and policies of the node and its pods, somebody's BPF programs,
 * routers that say so. The fault, the nearest one that is none, and what a kernel without
 * reasons leaves out.
 */
#include "world.h"

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

static struct flow *ping_web(struct world *world)
{
	return world_flow(world, IPPROTO_ICMP, BUSYBOX_IP, 7, WEB_IP, 7);
}

static void rule_drops(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule = world_rule(chain, RULE_DROP, "DROP",
					      "-A FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	struct finding *finding;
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);

	(void)state;
	rule->src = ip(BUSYBOX_IP);
	rule->src_len = 32;
	rule->proto = IPPROTO_ICMP;
	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->first.info.dst_ifindex = FLANNEL;
	finding = world_only(&w, "netfilter-drop");
	assert_text(finding, "chain", "FORWARD");
	assert_text(finding, "table", "filter");
	assert_text(finding, "rule", "-A FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	assert_text(finding, "namespace", "node");
	assert_remedy(finding,
		      "iptables-nft -t filter -D FORWARD -s 10.244.1.10/32 -p icmp -j DROP");
	assert_int_equal(finding->count, 3);
	assert_true(finding->confidence > 0.9);
}

static void rule_drops_without_names(void **state)
{
	/* 5.10: no reason, no hook; and the rules cannot be read. */
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct flow_drop *dropped = world_drop(flow, true, "", "nf_hook_slow", NODE, CNI0, 3, 84);
	struct finding *finding;

	(void)state;
	dropped->first.info.reason = 0;
	world_ns(&w, NODE)->known &= ~FACT_RULES;
	finding = world_only(&w, "netfilter-drop");
	assert_true(finding->confidence < 0.9);
}

static void rule_in_the_pod(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, BUSYBOX, "filter", "OUTPUT", "OUTPUT");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", BUSYBOX, 0, 3, 84);
	struct finding *finding;

	(void)state;
	world_rule(chain, RULE_DROP, "DROP", "-A OUTPUT -d 10.244.2.10/32 -j DROP");
	text_copy(dropped->first.hook, 16, "OUTPUT");
	finding = world_only(&w, "netfilter-drop");
	assert_text(finding, "chain", "OUTPUT");
	assert_string_equal(finding->pod, "default/busybox");
	assert_remedy(finding, "ip netns exec cni-busybox iptables-nft -t filter -D OUTPUT -d "
			       "10.244.2.10/32 -j DROP");
}

static void rule_rejects(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule =
		world_rule(chain, RULE_REJECT, "REJECT",
			   "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 1, 60);
	struct finding *finding;

	(void)state;
	rule->proto = IPPROTO_TCP;
	text_copy(rule->reject_with, sizeof(rule->reject_with), "tcp-reset");
	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->answered = true;
	world_answer(flow, REMOTE_IP, 0, 0, 1)->local = true;
	finding = world_only(&w, "netfilter-reject");
	assert_text(finding, "answer", "tcp-reset");
	assert_text(finding, "chain", "FORWARD");
}

static void policy_drops(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_ICMP, BUSYBOX_IP, 7, REMOTE_IP, 7);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);
	struct finding *finding;

	(void)state;
	chain->policy_drop = true;
	text_copy(dropped->first.hook, 16, "FORWARD");
	finding = world_only(&w, "forward-policy-drop");
	assert_text(finding, "chain", "FORWARD");
	assert_text(finding, "policy", "DROP");
	assert_remedy(finding, "iptables-nft -P FORWARD ACCEPT");
}

static void network_policy(void **state)
{
	struct flow *flow = ping_web(&w);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped;
	struct finding *finding;

	(void)state;
	world_rule(chain, RULE_JUMP, "cali-fw-cali1234", "-A FORWARD -j cali-fw-cali1234");
	chain = world_chain(&w, NODE, "filter", "cali-fw-cali1234", NULL);
	world_rule(chain, RULE_DROP, "DROP", "-A cali-fw-cali1234 -j DROP");
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 3, 84);
	text_copy(dropped->first.hook, 16, "FORWARD");
	finding = world_only(&w, "network-policy-drop");
	assert_text(finding, "chain", "cali-fw-cali1234");
	assert_text(finding, "engine", "Calico");
}

static void conntrack_invalid_rule(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct filter_rule *rule;
	struct flow_drop *dropped;

	(void)state;
	rule = world_rule(chain, RULE_DROP, "DROP",
			  "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
	rule->ct_state = RULE_CT_INVALID;
	dropped = world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 1, 60);
	dropped->first.packet.tcp_flags = PACKET_TCP_ACK;
	text_copy(dropped->first.hook, 16, "FORWARD");
	assert_string_equal(world_only(&w, "conntrack-invalid")->class, "overload");
}

static void conntrack_full(void **state)
{
	struct flow *flow = world_ping_remote(&w, 0);
	struct finding *finding;
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, CNI0, 6, 84);

	(void)state;
	text_copy(dropped->first.hook, 16, "PREROUTING");
	world_ns(&w, NODE)->conntrack.count = world_ns(&w, NODE)->conntrack.max = 1024;
	finding = world_only(&w, "conntrack-full");
	assert_number(finding, "max", 1024);
	assert_number(finding, "count", 1024);
	/* A table with room leaves the rules to blame. */
	world_ns(&w, NODE)->conntrack.count = 10;
	world_only(&w, "netfilter-drop");
}

/* A router beyond the node says no: with its address, and what it says. */
static void refused_beyond(void **state)
{
	static const struct {
		uint8_t code;
		const char *id;
	} cases[] = {{0, "no-route"}, {1, "neighbour-failed"}, {13, "netfilter-reject"}};

	for (int i = 0; i < 3; i++) {
		struct flow *flow;

		if (i) {
			end(state);
			begin(state);
		}
		flow = world_ping_remote(&w, 3);
		world_answer(flow, "192.168.1.1", 3, cases[i].code, 3);
		assert_text(world_only(&w, cases[i].id), "router", "192.168.1.1");
	}
}

/* An answer that came all the same, one to what was sent before, one made on this node: no such fault. */
static void refused_elsewhere(void **state)
{
	struct flow *flow = world_ping_remote(&w, 3);
	struct flow_answer *answer = world_answer(flow, "192.168.1.1", 3, 0, 1);

	(void)state;
	world_reply(flow, 2, 84);
	world_nothing(&w);
	flow->reverse.packets = 0;
	flow->forward.packets = 0;
	world_nothing(&w);
	flow->forward.packets = 3;
	answer->local = true;
	world_diagnose(&w);
	array_each(finding, &w.list.findings)
		assert_string_not_equal((*finding)->id, "no-route");
}

static void foreign_program(void **state)
{
	struct flow *flow = ping_web(&w);

	(void)state;
	world_drop(flow, true, "TC_EGRESS", "__dev_queue_xmit", NODE, VETH_WEB, 3, 84);
	assert_text(world_only(&w, "bpf-drop"), "device", "vethb1");
}

static void foreign_filter_has_a_command(void **state)
{
	struct netns_facts *node = world_ns(&w, NODE);
	struct program_fact *program = array_push(&node->programs);

	(void)state;
	*program = (struct program_fact){.ifindex = VETH_WEB,
					 .id = 7,
					 .hook = "tc egress",
					 .kind = "bpf",
					 .name = "guard",
					 .priority = 49152,
					 .protocol = 3,
					 .handle = 1};
	node->known |= FACT_PROGRAMS;
	world_drop(ping_web(&w), true, "TC_EGRESS", "__dev_queue_xmit", NODE, VETH_WEB, 3, 84);
	assert_remedy(world_only(&w, "bpf-drop"),
		      "tc filter delete dev vethb1 egress protocol all pref 49152 handle 0x1 bpf");
}

static bool has_fact(const struct finding *finding, const char *key)
{
	array_each(fact, &finding->facts) {
		if (!strcmp(fact->key, key))
			return true;
	}
	return false;
}

/* Of several programs the one that a witness saw is named; without, all are, and none is blamed. */
static void one_of_several_programs(void **state)
{
	struct netns_facts *node = world_ns(&w, NODE);
	struct program_fact first = {.ifindex = VETH_WEB,
				     .id = 7,
				     .hook = "tc egress",
				     .kind = "bpf",
				     .name = "watch",
				     .priority = 1,
				     .protocol = 3,
				     .handle = 1};
	struct program_fact second = first;
	struct flow_drop *dropped;
	struct finding *finding;

	(void)state;
	second.id = 8;
	second.priority = 2;
	text_copy(second.name, sizeof(second.name), "guard");
	*(struct program_fact *)array_push(&node->programs) = first;
	*(struct program_fact *)array_push(&node->programs) = second;
	node->known |= FACT_PROGRAMS;
	dropped = world_drop(ping_web(&w), true, "TC_EGRESS", "__dev_queue_xmit", NODE, VETH_WEB, 3,
			     84);
	finding = world_only(&w, "bpf-drop");
	assert_text(finding, "candidates", "watch, guard");
	assert_false(has_fact(finding, "program"));
	assert_remedy(finding,
		      "tc filter delete dev vethb1 egress protocol all pref 1 handle 0x1 bpf");
	assert_remedy(finding,
		      "tc filter delete dev vethb1 egress protocol all pref 2 handle 0x1 bpf");
	dropped->first.witness_count = 1;
	dropped->first.witnesses[0] =
		(struct witness_info){.what = WITNESS_TC_PROGRAM, .ret = 2, .value = {8}};
	finding = world_only(&w, "bpf-drop");
	assert_text(finding, "program", "guard");
	assert_number(finding, "program_id", 8);
	assert_false(has_fact(finding, "candidates"));
	assert_remedy(finding,
		      "tc filter delete dev vethb1 egress protocol all pref 2 handle 0x1 bpf");
}

/* A node where cgroup 77 refuses what it sends, and some other one what it receives. */
static int cgroup_of_test(struct facts *facts, struct netns_facts *ns, uint64_t cgroup, bool egress,
			  struct program_fact *programs, size_t max)
{
	(void)facts;
	assert_int_equal(ns->inode, BUSYBOX);
	assert_true(max > 0);
	programs[0] = (struct program_fact){.kind = "bpf"};
	programs[0].id = cgroup == 77 && egress ? 7 : 9;
	text_copy(programs[0].hook, sizeof(programs[0].hook),
		  egress ? "cgroup egress" : "cgroup ingress");
	text_copy(programs[0].name, sizeof(programs[0].name),
		  programs[0].id == 7 ? "seen" : "guess");
	return 1;
}

/* The program of the cgroup that a probe saw; without one, of those that the pod's processes are in. */
static void cgroup_program_has_a_name(void **state)
{
	static const struct facts_reader reader = {.cgroup_programs = cgroup_of_test};
	struct flow_drop *dropped = world_drop(ping_web(&w), true, "BPF_CGROUP_EGRESS",
					       "ip_finish_output", BUSYBOX, POD_ETH0, 3, 84);
	struct finding *finding;

	(void)state;
	w.facts->reader = &reader;
	finding = world_only(&w, "bpf-drop");
	assert_text(finding, "kind", "cgroup");
	assert_text(finding, "program", "guess");
	dropped->first.witness_count = 1;
	dropped->first.witnesses[0] = (struct witness_info){
		.what = WITNESS_CGROUP, .ret = -EPERM, .value = {0, 1, 77}}; /* before 5.15 */
	finding = world_only(&w, "bpf-drop");
	assert_text(finding, "program", "seen");
	assert_number(finding, "program_id", 7);
	assert_remedy(finding, "bpftool prog show id 7");
	dropped->first.witnesses[0].value[0] = 77;
	dropped->first.witnesses[0].value[1] = 0; /* it was receiving */
	assert_text(world_only(&w, "bpf-drop"), "program", "guess");
}

static void late_segment_is_healthy(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "FORWARD", "FORWARD");
	struct flow_drop *dropped;

	(void)state;
	world_rule(chain, RULE_DROP, "DROP",
		   "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP")
		->ct_state = RULE_CT_INVALID;
	dropped = world_drop(flow, false, "NETFILTER_DROP", "nf_hook_slow", NODE, FLANNEL, 1, 60);
	dropped->first.packet.tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK;
	text_copy(dropped->first.hook, 16, "FORWARD");
	world_nothing(&w);
}

static bool has_evidence(const struct finding *finding, const char *line)
{
	array_each(evidence, &finding->evidence) {
		if (!strcmp(*evidence, line))
			return true;
	}
	return false;
}

static struct socket_fact *connection_at_the_client(uint8_t state, const char *remote)
{
	struct socket_fact *socket = array_push(&world_ns(&w, BUSYBOX)->sockets);

	assert_non_null(socket);
	*socket = (struct socket_fact){.version = 4,
				       .proto = IPPROTO_TCP,
				       .state = state,
				       .local = ip(BUSYBOX_IP),
				       .remote = ip(remote),
				       .local_port = 40000,
				       .remote_port = 80};
	return socket;
}

static void invalid_is(enum severity severity, const char *evidence)
{
	struct finding *finding;
	bool said = false;

	world_diagnose(&w);
	assert_int_equal(w.list.findings.count, 1);
	finding = w.list.findings.items[0];
	assert_string_equal(finding->id, "conntrack-invalid");
	assert_int_equal(finding->severity, severity);
	array_each(line, &finding->evidence)
		said |= strstr(*line, "connection") || strstr(*line, "waits");
	assert_int_equal(said, evidence != NULL);
	if (evidence)
		assert_true(has_evidence(finding, evidence));
}

/* A monitor sees no SYN that passes: of what conntrack calls INVALID only a SYN-ACK tells of a connection being made. */
static void invalid_to_a_monitor(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_TCP, BUSYBOX_IP, 40000, REMOTE_IP, 80);
	struct filter_chain *chain = world_chain(&w, NODE, "filter", "KUBE-FORWARD", "FORWARD");
	struct flow_drop *dropped;
	struct filter_rule *rule;
	struct socket_fact *socket;

	(void)state;
	w.diagnosis.drops_only = true;
	world_rule(chain, RULE_DROP, "DROP",
		   "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP")
		->ct_state = RULE_CT_INVALID;
	dropped = world_drop(flow, false, "NETFILTER_DROP", "nft_do_chain", NODE, FLANNEL, 1, 60);
	text_copy(dropped->first.hook, 16, "FORWARD");
	dropped->first.packet.tcp_flags = PACKET_TCP_ACK | PACKET_TCP_FIN;
	world_nothing(&w);
	/* The client has given up: answers come for a while yet. */
	dropped->first.packet.tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK;
	invalid_is(SEVERITY_INFO,
		   "fact 10.244.1.10 (default/busybox) has no such connection any more");
	/* It still waits. */
	socket = connection_at_the_client(2, REMOTE_IP);
	invalid_is(SEVERITY_ERROR,
		   "fact 10.244.1.10 (default/busybox) still waits for this answer");
	/* It asked a Service's address, or something else: why it is INVALID is not known. */
	socket->remote = ip(OUTSIDE_IP);
	invalid_is(SEVERITY_WARNING, NULL);
	world_ns(&w, BUSYBOX)->sockets.count = 0;
	world_ns(&w, BUSYBOX)->sockets_cut = true;
	invalid_is(SEVERITY_WARNING, NULL);
	world_ns(&w, BUSYBOX)->sockets_cut = false;
	/* Any other segment tells of a fault where its connection lives, and there alone. */
	dropped->first.packet.tcp_flags = PACKET_TCP_ACK | PACKET_TCP_FIN;
	socket = connection_at_the_client(1, REMOTE_IP);
	invalid_is(SEVERITY_WARNING, "fact the connection lives at 10.244.1.10 (default/busybox)");
	socket->state = 4; /* FIN_WAIT1 */
	world_nothing(&w);
	socket->state = 1;
	socket->remote_port = 81;
	world_nothing(&w);
	world_ns(&w, BUSYBOX)->sockets.count = 0;
	dropped->first.packet.tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK;
	/* A rule kept the SYN from conntrack. */
	rule = world_rule(world_chain(&w, NODE, "raw", "PREROUTING", "PREROUTING"), RULE_CONTINUE,
			  "CT", "-A PREROUTING -d 10.244.2.10/32 -p tcp -j CT --notrack");
	rule->dst = ip(REMOTE_IP);
	rule->dst_len = 32;
	world_only(&w, "conntrack-invalid");
	/* Another rule: nothing to do with conntrack. */
	w.facts->namespaces.items[0]->rules.chains.items[0].rules.items[0].ct_state = 0;
	world_only(&w, "netfilter-drop");
}

/* Two packets clash where entries are made, and nowhere else. */
static void a_race_is_lost_at_the_end_of_the_way(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, OUTSIDE_IP, 5353);
	struct netns_facts *node = world_ns(&w, NODE);
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, ETH0, 1, 60);

	(void)state;
	w.diagnosis.drops_only = true;
	node->has_conntrack_before = true;
	node->conntrack.max = 1024;
	node->conntrack.insert_failed = 1;
	text_copy(dropped->first.hook, 16, "POSTROUTING");
	world_only(&w, "conntrack-race");
	text_copy(dropped->first.hook, 16, "FORWARD");
	world_only(&w, "netfilter-drop");
	text_copy(dropped->first.hook, 16, "POSTROUTING");
	node->conntrack_before.insert_failed = 1;
	world_only(&w, "netfilter-drop");
}

/* A monitor is no trace, and compares with its last reading. */
static void counters_say_since_when(void **state)
{
	struct flow *flow = world_flow(&w, IPPROTO_UDP, BUSYBOX_IP, 40000, OUTSIDE_IP, 5353);
	struct netns_facts *node = world_ns(&w, NODE);
	struct flow_drop *dropped =
		world_drop(flow, true, "NETFILTER_DROP", "nf_hook_slow", NODE, ETH0, 1, 60);

	(void)state;
	node->has_conntrack_before = true;
	node->conntrack.max = 1024;
	node->conntrack.insert_failed = 2;
	text_copy(dropped->first.hook, 16, "POSTROUTING");
	assert_true(has_evidence(world_only(&w, "conntrack-race"),
				 "count insert_failed grew by 2 during the trace"));
	w.diagnosis.drops_only = true;
	assert_true(has_evidence(world_only(&w, "conntrack-race"),
				 "count insert_failed grew by 2 since the last reading"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rule_drops),
		TEST(rule_drops_without_names),
		TEST(rule_in_the_pod),
		TEST(rule_rejects),
		TEST(policy_drops),
		TEST(network_policy),
		TEST(conntrack_invalid_rule),
		TEST(conntrack_full),
		TEST(refused_beyond),
		TEST(refused_elsewhere),
		TEST(foreign_program),
		TEST(cgroup_program_has_a_name),
		TEST(foreign_filter_has_a_command),
		TEST(one_of_several_programs),
		TEST(late_segment_is_healthy),
		TEST(invalid_to_a_monitor),
		TEST(a_race_is_lost_at_the_end_of_the_way),
		TEST(counters_say_since_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
