/* SPDX-License-Identifier: GPL-2.0-only */
/* What devices are for, on nodes as the usual CNI plugins build them. */
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/node_topology.h"

#define NODE 100
#define POD 200

static struct facts *facts;
static struct netns_facts *node;

static int setup(void **state)
{
	(void)state;
	facts = facts_new();
	facts->node_netns = NODE;
	node = facts_add_netns(facts, NODE, "", "node");
	node->known = FACT_LINKS | FACT_ADDRESSES;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	facts_free(facts);
	return 0;
}

static struct link *add(struct netns_facts *ns, uint32_t ifindex, const char *name,
			const char *kind)
{
	struct link *link = array_push(&ns->links);

	link->ifindex = ifindex;
	link->lower_nsid = -1;
	link->flags = IFF_UP;
	snprintf(link->name, sizeof(link->name), "%s", name);
	snprintf(link->kind, sizeof(link->kind), "%s", kind);
	return link;
}

static struct link *add_veth(uint32_t ifindex, const char *name, uint32_t master)
{
	struct link *link = add(node, ifindex, name, "veth");

	link->master = master;
	link->lower = 2;
	link->lower_elsewhere = true;
	return link;
}

static void add_address(struct netns_facts *ns, uint32_t ifindex, const char *text, uint8_t length)
{
	struct link_address *address = array_push(&ns->addresses);

	assert_true(address_parse(text, &address->address));
	address->ifindex = ifindex;
	address->prefix_len = length;
	address->scope =
		address_is_link_local(address->address) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

static void check(const char *name, enum device_role role)
{
	const struct link *link = facts_link_named(facts, node, name);

	assert_non_null(link);
	if (node_role(facts, node, link) != role)
		fail_msg("%s: role %d, not %d", name, node_role(facts, node, link), role);
}

static void test_flannel(void **state)
{
	(void)state;
	add(node, 1, "lo", "")->flags |= IFF_LOOPBACK;
	add(node, 2, "eth0", "");
	add(node, 3, "flannel.1", "vxlan")->lower = 2;
	add(node, 4, "cni0", "bridge");
	add_veth(5, "veth1", 4)->is_port = true;
	add_veth(6, "veth2", 0); /* taken off its bridge: a pod's all the same */
	add(node, 7, "docker0", "bridge");
	add(node, 8, "kube-ipvs0", "dummy");
	add_address(node, 2, "192.168.1.11", 24);
	add_address(node, 3, "10.244.1.0", 32);
	add_address(node, 4, "10.244.1.1", 24);
	add_address(node, 8, "10.96.0.10", 32);
	check("lo", ROLE_LOOPBACK);
	check("eth0", ROLE_UPLINK);
	check("flannel.1", ROLE_TUNNEL);
	check("cni0", ROLE_BRIDGE);
	check("veth1", ROLE_POD);
	check("veth2", ROLE_POD);
	check("docker0", ROLE_BRIDGE);
	check("kube-ipvs0", ROLE_OTHER);
}

/* The node is itself a container: its NIC is a veth. */
static void test_veth_uplink(void **state)
{
	(void)state;
	add_veth(2, "eth0", 0);
	add_veth(3, "eth1", 0);
	add(node, 4, "vxlan.calico", "vxlan")->lower = 3;
	add_address(node, 2, "192.168.1.11", 24);
	check("eth0", ROLE_UPLINK);
	check("eth1", ROLE_UPLINK); /* no address, but the tunnel stands on it */
}

static void test_calico(void **state)
{
	(void)state;
	add(node, 2, "ens5", "");
	add_veth(3, "cali0123456789a", 0);
	add(node, 4, "tunl0", "ipip");
	add(node, 5, "wireguard.cali", "wireguard");
	add_address(node, 3, "169.254.1.1", 32);
	add_address(node, 3, "fe80::ecee:eeff:feee:eeee", 64);
	add_address(node, 4, "10.244.1.0", 32);
	check("cali0123456789a", ROLE_POD);
	check("tunl0", ROLE_TUNNEL);
	check("wireguard.cali", ROLE_TUNNEL);
	check("ens5", ROLE_UPLINK);
}

/* ptp puts the gateway on each veth; a CNI result may say so, the address form does too. */
static void test_ptp(void **state)
{
	struct pod *pod = array_push(&facts->pods);

	(void)state;
	add_veth(3, "veth3", 0);
	add_veth(4, "veth4", 0);
	add_address(node, 3, "10.244.1.1", 32);
	add_address(node, 4, "10.0.0.1", 24);
	check("veth3", ROLE_POD);
	check("veth4", ROLE_UPLINK);
	snprintf(pod->name, sizeof(pod->name), "web");
	snprintf(pod->host_name, sizeof(pod->host_name), "veth4");
	check("veth4", ROLE_POD);
}

static void test_bond_and_vlan(void **state)
{
	(void)state;
	add(node, 2, "ens1", "")->master = 4;
	add(node, 3, "ens2", "")->master = 4;
	add(node, 4, "bond0", "bond");
	add(node, 5, "bond0.100", "vlan")->lower = 4;
	add(node, 6, "bond0.200", "vlan")->lower = 4;
	add(node, 7, "geneve0", "geneve")->lower = 6;
	add_address(node, 5, "10.0.0.5", 24);
	check("ens1", ROLE_UPLINK);
	check("bond0", ROLE_UPLINK);
	check("bond0.100", ROLE_UPLINK);
	check("bond0.200", ROLE_UPLINK);
	add(node, 8, "bond0.300", "vlan")->lower = 4; /* nothing uses it */
	check("bond0.300", ROLE_OTHER);
}

/* Two bridges joined by a veth whose ends are both here: no pod behind it. */
static void test_patch_cable(void **state)
{
	struct link *link;

	(void)state;
	add(node, 2, "br0", "bridge");
	link = add_veth(3, "patch0", 2);
	link->lower = 4;
	link->lower_elsewhere = false;
	check("patch0", ROLE_OTHER);
}

static const struct device *device_named(const struct topology *topology, const char *name)
{
	array_each(device, &topology->devices) {
		if (!strcmp(device->name, name))
			return device;
	}
	fail_msg("no device %s", name);
	return NULL;
}

static void test_topology(void **state)
{
	struct netns_facts *inside = facts_add_netns(facts, POD, "", "shop/web");
	struct topology topology = {0};
	const struct device *device;
	struct error error;
	struct address address;
	struct pod *pod = array_push(&facts->pods);

	(void)state;
	snprintf(pod->namespace, sizeof(pod->namespace), "shop");
	snprintf(pod->name, sizeof(pod->name), "web");
	address_parse("10.244.1.5", &pod->addresses[0]);
	pod->address_count = 1; /* known by its address only, as from a log's name */
	inside->known = FACT_LINKS | FACT_ADDRESSES;
	add(inside, 2, "eth1", "veth")->lower = 5;
	inside->links.items[0].lower_elsewhere = true;
	inside->links.items[0].lower_netns = NODE;
	inside->links.items[0].mtu = 1450;
	add_address(inside, 2, "10.244.1.5", 24);
	add(node, 4, "cni0", "bridge");
	add(node, 9, "ens5", "");
	add_veth(5, "veth1", 4)->lower_netns = POD;
	assert_int_equal(node_topology(facts, &topology, &error), 0);
	assert_int_equal(topology.node_netns, NODE);
	assert_int_equal(topology.devices.count, 4);
	device = device_named(&topology, "veth1");
	assert_int_equal(device->role, ROLE_POD);
	assert_int_equal(device->peer_netns, POD);
	assert_int_equal(device->peer_ifindex, 2);
	assert_int_equal(device->master_ifindex, 4);
	assert_string_equal(device->peer_name, "eth1");
	assert_string_equal(device->pod, "shop/web");
	device = device_named(&topology, "eth1");
	assert_int_equal(device->role, ROLE_INSIDE);
	assert_int_equal(device->mtu, 1450);
	assert_string_equal(device->pod, "shop/web");
	assert_string_equal(device_named(&topology, "ens5")->kind, "device");
	address_parse("10.244.1.5", &address);
	assert_true(topology_is_local(&topology, POD, address));
	assert_string_equal(topology_pod_of(&topology, address), "shop/web");
	topology_free(&topology);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flannel),  TEST(test_veth_uplink),   TEST(test_calico),
		TEST(test_ptp),      TEST(test_bond_and_vlan), TEST(test_patch_cable),
		TEST(test_topology),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
