/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The readers against the running kernel: a small "node" in a namespace of its own with a
 * bridge, a pod, a VXLAN device and a veth uplink to another "machine". Needs root; skipped
 * where namespaces cannot be made.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "node/facts.h"
#include "node/netns.h"
#include "node/node_topology.h"

struct lab {
	struct facts *facts;
	struct netns_facts *node, *pod;
	pid_t pod_process, far_process;
	int listener;
	bool ready;
};

/* A process that only holds a network namespace. Negative when it cannot be made. */
static pid_t hold_netns(void)
{
	int ready[2];
	char byte = 0;
	pid_t child;

	if (pipe(ready))
		return -1;
	child = fork();
	if (!child) {
		byte = unshare(CLONE_NEWNET) == 0;
		if (write(ready[1], &byte, 1) != 1 || !byte)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		byte = 0;
	close(ready[0]);
	close(ready[1]);
	if (byte)
		return child;
	waitpid(child, NULL, 0);
	return -1;
}

static bool run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

static bool build_node(struct lab *lab)
{
	int pod = lab->pod_process, far = lab->far_process;

	return run("ip link set lo up && ip link add cni0 type bridge && "
		   "ip addr add 10.244.1.1/24 dev cni0 && ip link set cni0 mtu 1450 up") &&
	       run("ip link add vethp type veth peer name eth0 netns %d && "
		   "ip link set vethp master cni0 mtu 1450 up && "
		   "bridge link set dev vethp hairpin on isolated on",
		   pod) &&
	       run("nsenter -t %d -n sh -c 'ip link set lo up; ip link set eth0 mtu 1450 up; "
		   "ip addr add 10.244.1.5/24 dev eth0; ip route add default via 10.244.1.1'",
		   pod) &&
	       run("ip link add eth0 type veth peer name far0 netns %d && ip link set eth0 up && "
		   "nsenter -t %d -n ip link set far0 up && ip addr add 192.168.1.11/24 dev eth0",
		   far, far) &&
	       run("ip link add flannel.1 type vxlan id 7 dstport 8472 local 192.168.1.11 "
		   "dev eth0 nolearning && ip addr add 10.244.1.0/32 dev flannel.1 && "
		   "ip link set flannel.1 up && "
		   "ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink && "
		   "ip neigh add 10.244.2.0 dev flannel.1 lladdr 02:00:00:00:00:02 nud permanent "
		   "&& "
		   "ip neigh add proxy 10.9.9.9 dev eth0 && "
		   "bridge fdb add 02:00:00:00:00:02 dev flannel.1 dst 192.168.1.12") &&
	       run("ip route add unreachable 10.66.0.0/16 && ip route add prohibit 10.67.0.0/16 && "
		   "ip rule add fwmark 0x10/0xff lookup 100 priority 500 && "
		   "ip route add 10.68.0.0/16 via 192.168.1.99 table 100 && "
		   "ip route add 10.69.0.0/16 mtu 1300 nexthop via 192.168.1.7 nexthop via "
		   "192.168.1.8") &&
	       run("ip addr add fd00:1::1/64 dev cni0 nodad && "
		   "ip route add fd00:2::/64 via fd00:1::9 && ip route add unreachable fd66::/64 "
		   "&& "
		   "ip route add prohibit fd67::/64 && ip route add blackhole fd68::/64") &&
	       run("tc qdisc add dev vethp root tbf rate 1mbit burst 5000 limit 9000");
}

static int listen_in(struct lab *lab)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(8080),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct netns_visit visit;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)lab->pod_process);
	if (netns_enter(&visit, path, 0))
		return -1;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	netns_leave(&visit);
	/* Bound after the visit: a socket stays where it was opened. */
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 17)))
		return -1;
	return fd;
}

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct error error;
	char path[64];

	*state = lab;
	lab->listener = -1;
	if (geteuid() || unshare(CLONE_NEWNET))
		return 0;
	lab->pod_process = hold_netns();
	lab->far_process = hold_netns();
	if (lab->pod_process < 0 || lab->far_process < 0 || !build_node(lab))
		return 0;
	lab->listener = listen_in(lab);
	lab->facts = facts_new();
	lab->facts->reader = &node_reader;
	if (node_namespaces(lab->facts, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)lab->pod_process);
	lab->node = facts_netns(lab->facts, lab->facts->node_netns);
	lab->pod = facts_netns(lab->facts, netns_inode(path));
	lab->ready = true;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	if (lab->listener >= 0)
		close(lab->listener);
	if (lab->pod_process > 0 && !kill(lab->pod_process, SIGKILL))
		waitpid(lab->pod_process, NULL, 0);
	if (lab->far_process > 0 && !kill(lab->far_process, SIGKILL))
		waitpid(lab->far_process, NULL, 0);
	facts_free(lab->facts);
	free(lab);
	return 0;
}

static struct lab *ready(void **state)
{
	struct lab *lab = *state;

	if (!lab->ready)
		skip();
	return lab;
}

static struct address ip(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

static void test_namespaces(void **state)
{
	struct lab *lab = ready(state);
	char path[64];

	assert_non_null(lab->pod);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)lab->far_process);
	assert_null(facts_netns(lab->facts, netns_inode(path))); /* another machine */
	assert_int_equal(netns_own(), lab->facts->node_netns); /* back home */
}

static void test_links(void **state)
{
	struct lab *lab = ready(state);
	const struct link *vxlan = facts_link_named(lab->facts, lab->node, "flannel.1");
	const struct link *port = facts_link_named(lab->facts, lab->node, "vethp");
	const struct link *bridge = facts_link_named(lab->facts, lab->node, "cni0");
	const struct link *inside = facts_link_named(lab->facts, lab->pod, "eth0");

	assert_int_equal(vxlan->vni, 7);
	assert_int_equal(vxlan->port, 8472);
	assert_true(address_equal(vxlan->local, ip("192.168.1.11")));
	assert_false(vxlan->learning);
	assert_string_equal(facts_link(lab->facts, lab->node, vxlan->lower)->name, "eth0");
	assert_true(port->is_port && port->hairpin && port->isolated);
	assert_int_equal(port->port_state, 3);
	assert_int_equal(port->master, bridge->ifindex);
	assert_int_equal(port->lower_netns, lab->pod->inode);
	assert_int_equal(port->lower, inside->ifindex);
	assert_int_equal(inside->lower_netns, lab->node->inode);
	assert_int_equal(inside->mtu, 1450);
	assert_string_equal(port->qdisc, "tbf");
	assert_string_equal(bridge->kind, "bridge");
	assert_true(port->carrier);
	assert_int_equal(port->operstate, 6);
}

static void check_device(const struct topology *topology, const char *name, uint32_t netns,
			 enum device_role role)
{
	array_each(device, &topology->devices) {
		if (!strcmp(device->name, name) && device->netns == netns) {
			assert_int_equal(device->role, role);
			return;
		}
	}
	fail_msg("no device %s", name);
}

static void test_topology(void **state)
{
	struct lab *lab = ready(state);
	struct topology topology = {0};
	struct error error;

	assert_int_equal(node_topology(lab->facts, &topology, &error), 0);
	check_device(&topology, "lo", lab->node->inode, ROLE_LOOPBACK);
	check_device(&topology, "eth0", lab->node->inode, ROLE_UPLINK);
	check_device(&topology, "cni0", lab->node->inode, ROLE_BRIDGE);
	check_device(&topology, "flannel.1", lab->node->inode, ROLE_TUNNEL);
	check_device(&topology, "vethp", lab->node->inode, ROLE_POD);
	check_device(&topology, "eth0", lab->pod->inode, ROLE_INSIDE);
	assert_true(topology_is_local(&topology, lab->pod->inode, ip("10.244.1.5")));
	assert_false(topology_is_local(&topology, lab->node->inode, ip("10.244.1.5")));
	topology_free(&topology);
}

static struct route_answer ask(struct lab *lab, struct netns_facts *ns, const char *dst,
			       const char *src, const char *iif, uint32_t mark)
{
	struct route_query query = {.dst = ip(dst), .mark = mark, .proto = 6, .dport = 80};
	struct route_answer answer;

	if (src)
		query.src = ip(src);
	snprintf(query.iif, sizeof(query.iif), "%s", iif ? iif : "");
	assert_true(facts_route(lab->facts, ns, &query, &answer));
	return answer;
}

static void check_routes(struct lab *lab)
{
	uint32_t tunnel = facts_link_named(lab->facts, lab->node, "flannel.1")->ifindex;
	struct route_answer answer = ask(lab, lab->node, "10.244.2.9", NULL, NULL, 0);

	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.ifindex, tunnel);
	assert_true(address_equal(answer.gateway, ip("10.244.2.0")));
	assert_int_equal(answer.table, 254);
	assert_int_equal(ask(lab, lab->node, "8.8.8.8", NULL, NULL, 0).error, -ENETUNREACH);
	assert_int_equal(ask(lab, lab->node, "10.66.1.1", NULL, NULL, 0).error, -EHOSTUNREACH);
	assert_int_equal(ask(lab, lab->node, "10.67.1.1", NULL, NULL, 0).error, -EACCES);
	assert_int_equal(ask(lab, lab->node, "10.68.1.1", NULL, NULL, 0).error, -ENETUNREACH);
	answer = ask(lab, lab->node, "10.68.1.1", NULL, NULL, 0x10);
	assert_int_equal(answer.table, 100);
	assert_true(address_equal(answer.gateway, ip("192.168.1.99")));
	assert_int_equal(ask(lab, lab->node, "10.244.1.1", NULL, NULL, 0).type, 2);
	assert_true(address_equal(ask(lab, lab->pod, "8.8.8.8", NULL, NULL, 0).gateway,
				  ip("10.244.1.1")));
	assert_int_equal(ask(lab, lab->node, "10.69.1.1", NULL, NULL, 0).mtu, 1300);
	assert_true(address_equal(ask(lab, lab->node, "fd00:2::2", NULL, NULL, 0).gateway,
				  ip("fd00:1::9")));
	assert_int_equal(ask(lab, lab->node, "fd99::1", NULL, NULL, 0).error, -ENETUNREACH);
	assert_int_equal(ask(lab, lab->node, "fd66::1", NULL, NULL, 0).error, -EHOSTUNREACH);
	assert_int_equal(ask(lab, lab->node, "fd67::1", NULL, NULL, 0).error, -EACCES);
	assert_int_equal(ask(lab, lab->node, "fd68::1", NULL, NULL, 0).error, -EINVAL);
}

/* The kernel's answers, and ours from the routes read, are the same. */
static void test_routes(void **state)
{
	struct lab *lab = ready(state);
	struct facts_reader without = node_reader;
	struct route_answer answer;

	check_routes(lab);
	assert_true(facts_need(lab->facts, lab->node, FACT_ROUTES));
	without.route = NULL;
	lab->facts->reader = &without;
	check_routes(lab);
	lab->facts->reader = &node_reader;
	array_each(route, &lab->node->routes) {
		if (address_equal(route->dst, ip("10.69.0.0")))
			assert_int_equal(route->next_hops, 2);
	}
	/* Forwarding is off: what arrives from the pod gets no further. */
	assert_true(run("echo 0 > /proc/sys/net/ipv4/ip_forward"));
	answer = ask(lab, lab->node, "10.244.2.9", "10.244.1.5", "cni0", 0);
	assert_int_equal(answer.error, -EHOSTUNREACH);
	assert_true(run("echo 1 > /proc/sys/net/ipv4/ip_forward"));
	answer = ask(lab, lab->node, "10.244.2.9", "10.244.1.5", "cni0", 0);
	assert_int_equal(answer.error, 0);
}

static void test_neighbours_and_fdb(void **state)
{
	struct lab *lab = ready(state);
	bool permanent = false, proxy = false, vtep = false;

	assert_true(facts_need(lab->facts, lab->node, FACT_NEIGHBOURS | FACT_FDB));
	array_each(neighbour, &lab->node->neighbours) {
		if (address_equal(neighbour->address, ip("10.244.2.0")))
			permanent = neighbour->state == 0x80 && neighbour->mac[5] == 2;
		if (address_equal(neighbour->address, ip("10.9.9.9")))
			proxy = neighbour->proxy;
	}
	array_each(entry, &lab->node->fdb) {
		if (entry->mac[0] == 2 && entry->mac[5] == 2 && !entry->local)
			vtep = address_equal(entry->dst, ip("192.168.1.12"));
	}
	assert_true(permanent);
	assert_true(proxy);
	assert_true(vtep);
}

static void test_sockets(void **state)
{
	struct lab *lab = ready(state);
	struct socket_fact *found = NULL;

	assert_true(facts_need(lab->facts, lab->pod, FACT_SOCKETS));
	array_each(socket, &lab->pod->sockets) {
		if (socket->local_port == 8080)
			found = socket;
	}
	assert_non_null(found);
	assert_int_equal(found->state, 10);
	assert_int_equal(found->send_queue, 17);
	assert_true(address_is_loopback(found->local));
	assert_true(found->receive_buffer > 0);
	/* We hold it from outside the namespace: not one of its processes. */
	assert_false(facts_socket_process(lab->facts, lab->pod, found));
}

static void test_socket_process(void **state)
{
	struct lab *lab = ready(state);
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(8081)};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct socket_fact *found = NULL;

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(facts_need(lab->facts, lab->node, FACT_SOCKETS));
	array_each(one, &lab->node->sockets) {
		if (one->local_port == 8081)
			found = one;
	}
	assert_non_null(found);
	assert_int_equal(found->version, 6);
	assert_int_equal(found->proto, IPPROTO_UDP);
	assert_false(found->v6only);
	assert_true(facts_socket_process(lab->facts, lab->node, found));
	assert_int_equal(found->pid, getpid());
	close(fd);
}

static void test_qdiscs(void **state)
{
	struct lab *lab = ready(state);
	uint32_t port = facts_link_named(lab->facts, lab->node, "vethp")->ifindex;
	bool found = false;

	assert_true(facts_need(lab->facts, lab->node, FACT_QDISCS));
	array_each(qdisc, &lab->node->qdiscs) {
		if (qdisc->ifindex == port && !strcmp(qdisc->kind, "tbf"))
			found = qdisc->limit == 9000;
	}
	assert_true(found);
}

static void test_sysctls(void **state)
{
	struct lab *lab = ready(state);
	long value = -1;

	assert_true(run("echo 2 > /proc/sys/net/ipv4/conf/flannel.1/rp_filter"));
	assert_true(
		facts_sysctl(lab->facts, lab->node, "net.ipv4.conf.flannel.1.rp_filter", &value));
	assert_int_equal(value, 2);
	/* The pod has no such device: its settings are its own. */
	assert_false(
		facts_sysctl(lab->facts, lab->pod, "net.ipv4.conf.flannel.1.rp_filter", &value));
	assert_true(facts_sysctl(lab->facts, lab->pod, "net.ipv4.conf.eth0.forwarding", &value));
}

static void test_counters(void **state)
{
	struct lab *lab = ready(state);
	uint64_t value;

	assert_true(facts_counter(lab->facts, lab->pod, "Ip.FragFails", &value));
	assert_int_equal(value, 0);
	assert_true(facts_counter(lab->facts, lab->pod, "TcpExt.ListenOverflows", &value));
	assert_true(facts_counter(lab->facts, lab->pod, "Softnet.Dropped", &value));
	assert_true(facts_counter(lab->facts, lab->pod, "Ip6.InReceives", &value));
	assert_true(facts_need(lab->facts, lab->pod, FACT_CONNTRACK));
}

static void test_conntrack(void **state)
{
	struct lab *lab = ready(state);
	struct tuple tuple = {.src = ip("10.244.1.1"),
			      .dst = ip("10.244.1.1"),
			      .sport = 4001,
			      .dport = 4002,
			      .proto = IPPROTO_UDP};
	struct conntrack_entry entry;

	if (!run("conntrack -I -s 10.244.1.1 -d 10.244.1.1 -p udp --sport 4001 --dport 4002 "
		 "-t 60 >/dev/null 2>&1"))
		skip();
	assert_int_equal(node_reader.conntrack(lab->facts, lab->node, &tuple, &entry), 0);
	assert_true(tuple_equal(&entry.original, &tuple));
	assert_int_equal(entry.reply.sport, 4002);
	tuple.sport = 4003;
	assert_int_equal(node_reader.conntrack(lab->facts, lab->node, &tuple, &entry), -ENOENT);
	assert_true(facts_need(lab->facts, lab->node, FACT_CONNTRACK));
	assert_true(lab->node->conntrack.count >= 1);
	assert_true(lab->node->conntrack.max > 0);
}

/* The pod ends: what is left to read of it fails once, with a sentence; then it is forgotten. */
static void test_gone(void **state)
{
	struct lab *lab = ready(state);
	struct error error;
	uint32_t inode = lab->pod->inode;

	if (lab->listener >= 0)
		close(lab->listener);
	lab->listener = -1;
	kill(lab->pod_process, SIGKILL);
	waitpid(lab->pod_process, NULL, 0);
	lab->pod_process = -1;
	assert_false(facts_need(lab->facts, lab->pod, FACT_FDB));
	assert_non_null(strstr(lab->facts->gaps.items[0], "gone"));
	assert_int_equal(node_namespaces(lab->facts, &error), 0);
	assert_null(facts_netns(lab->facts, inode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_topology),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_neighbours_and_fdb),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_socket_process),
		cmocka_unit_test(test_qdiscs),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_conntrack),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
