// SPDX-License-Identifier: GPL-2.0-only
/*
 * Static rules about devices, routes, tunnels, forwarding and pods: each fault, the nearest
 * state that is none, and the healthy node, which must be silent.
 */
#include "check_world.h"

static void healthy_is_silent(void **state)
{
	expect_silence(*state);
}

static void device_of_a_pod_is_down(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, VETH_WEB)->flags = 0;
	assert_string_equal(expect(w, "link-down", SEVERITY_ERROR)->device, "vethb1");
	world_link(w, NODE, VETH_WEB)->flags = IFF_UP;
	world_link(w, WEB, POD_ETH0)->flags = 0;
	assert_string_equal(expect(w, "link-down", SEVERITY_ERROR)->pod, "default/web");
}

/* Written by somebody: it stays wrong. The kernel looks by itself whether what it learned still holds. */
static void entry_has_another_mac(void **state)
{
	struct world *w = *state;
	struct netns_facts *pod = world_ns(w, BUSYBOX), *node = world_ns(w, NODE);

	world_link(w, BUSYBOX, POD_ETH0)->mac[5] = 0xb0;
	world_link(w, NODE, CNI0)->mac[5] = 0xc0;
	world_add_neighbour(w, NODE, CNI0, BUSYBOX_IP, 0xb0, 0x80);
	world_add_neighbour(w, BUSYBOX, POD_ETH0, "10.244.1.1", 0xc0, 0x80);
	expect_silence(w);
	node->neighbours.items[node->neighbours.count - 1].mac[5] = 0x99;
	assert_string_equal(expect(w, "neighbour-failed", SEVERITY_ERROR)->netns, "node");
	node->neighbours.items[node->neighbours.count - 1].state = 0x04;
	expect_silence(w);
	pod->neighbours.items[pod->neighbours.count - 1].mac[5] = 0x99;
	assert_string_equal(expect(w, "neighbour-failed", SEVERITY_ERROR)->pod, "default/busybox");
	pod->neighbours.items[pod->neighbours.count - 1].state = 0x02;
	expect_silence(w);
}

static void port_is_detached(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, VETH_WEB)->master = 0;
	expect(w, "bridge-port-detached", SEVERITY_ERROR);
}

/* A pod that is routed to (Calico) beside a docker0 that has nothing to do with it. */
static void routed_pod_needs_no_bridge(void **state)
{
	struct world *w = *state;
	struct netns_facts *node = world_ns(w, NODE);

	world_link(w, NODE, VETH_WEB)->master = 0;
	world_link(w, NODE, VETH_WEB)->is_port = false;
	array_each(entry, &node->addresses) {
		if (entry->ifindex == CNI0)
			entry->address = ip("172.17.0.1");
	}
	w->facts->config.has_subnet_env = false;
	expect_silence(w);
}

static void nic_is_down(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, ETH0)->carrier = false;
	assert_string_equal(expect(w, "link-down", SEVERITY_ERROR)->device, "eth0");
}

static void overlay_is_down_or_missing(void **state)
{
	struct world *w = *state;
	struct link *overlay = world_link(w, NODE, FLANNEL);

	overlay->flags = 0;
	world_del_route(w, NODE, "10.244.2.0", 24);
	assert_non_null(
		strstr(expect(w, "overlay-down", SEVERITY_ERROR)->summary, "10.244.0.0/16"));
	text_copy(overlay->kind, sizeof(overlay->kind), "other");
	assert_non_null(strstr(expect(w, "overlay-down", SEVERITY_ERROR)->summary, "missing"));
	w->facts->config.flannel_mtu = 1500; /* host-gw needs no tunnel */
	world_add_route(w, NODE, "10.244.2.0", 24, REMOTE_NODE, ETH0);
	expect_silence(w);
}

static void vpn_that_rests_is_no_overlay(void **state)
{
	struct world *w = *state;
	struct link *overlay = world_link(w, NODE, FLANNEL);

	text_copy(overlay->name, sizeof(overlay->name), "wg0");
	text_copy(overlay->kind, sizeof(overlay->kind), "wireguard");
	overlay->flags = 0;
	w->facts->config.flannel_mtu = 1500;
	world_del_route(w, NODE, "10.244.2.0", 24);
	expect_silence(w);
}

static void peer_lacks_an_entry(void **state)
{
	struct world *w = *state;
	struct netns_facts *node = world_ns(w, NODE);
	struct finding *finding;

	node->fdb.items[0].mac[5] = 0x99;
	finding = expect(w, "overlay-peer-missing", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "FDB"));
	node->fdb.items[0].mac[5] = 0x12;
	node->neighbours.items[0].has_mac = false;
	finding = expect(w, "overlay-peer-missing", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "neighbour"));
	assert_non_null(strstr(finding->evidence.items[finding->evidence.count - 1], REMOTE_NODE));
	/* A tunnel that learns finds out by itself. */
	world_link(w, NODE, FLANNEL)->learning = true;
	expect_silence(w);
}

static void old_mac_of_a_known_node_is_no_fault(void **state)
{
	struct world *w = *state;
	struct fdb_entry *old = array_push(&world_ns(w, NODE)->fdb);

	memset(old, 0, sizeof(*old));
	old->ifindex = FLANNEL;
	old->mac[5] = 0x77;
	old->dst = ip(REMOTE_NODE);
	expect_silence(w);
	old->dst = ip("192.168.1.13"); /* … of a node that nothing else names */
	expect(w, "overlay-peer-missing", SEVERITY_WARNING);
}

static void route_to_a_peer_is_gone(void **state)
{
	struct world *w = *state;
	struct finding *finding;

	world_del_route(w, NODE, "10.244.2.0", 24);
	finding = expect(w, "overlay-route-missing", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "10.244.2.0/24"));
	assert_non_null(strstr(finding->summary, "eth0"));
}

static void strict_filter_on_the_wrong_way_back(void **state)
{
	struct world *w = *state;

	world_del_route(w, NODE, "10.244.2.0", 24);
	world_add_route(w, NODE, "10.244.2.0", 24, REMOTE_NODE, ETH0);
	expect_silence(w); /* host-gw beside an old tunnel */
	world_sysctl(w, NODE, "net.ipv4.conf.all.rp_filter", "1");
	assert_string_equal(expect(w, "rp-filter", SEVERITY_ERROR)->device, "flannel.1");
	world_sysctl(w, NODE, "net.ipv4.conf.flannel.1.rp_filter", "2"); /* the larger one counts */
	expect_silence(w);
}

static void mtus_do_not_fit(void **state)
{
	struct world *w = *state;

	world_link(w, WEB, POD_ETH0)->mtu = world_link(w, NODE, VETH_WEB)->mtu = 1500;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_ERROR)->pod, "default/web");
	world_link(w, WEB, POD_ETH0)->mtu = world_link(w, NODE, VETH_WEB)->mtu = 1450;
	world_link(w, NODE, CNI0)->mtu = 1400;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_WARNING)->device, "cni0");
	world_link(w, NODE, CNI0)->mtu = 1450;
	w->facts->config.flannel_mtu = 1480;
	expect(w, "mtu-mismatch", SEVERITY_WARNING);
	w->facts->config.flannel_mtu = 1450;
	world_link(w, NODE, FLANNEL)->mtu = 1500;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_ERROR)->device, "flannel.1");
}

static void smallest_port_explains_the_bridge(void **state)
{
	struct world *w = *state;

	world_link(w, NODE, VETH_WEB)->mtu = world_link(w, NODE, CNI0)->mtu = 1400;
	assert_string_equal(expect(w, "mtu-mismatch", SEVERITY_WARNING)->pod, "default/web");
}

static void forwarding_is_off(void **state)
{
	struct world *w = *state;

	world_sysctl(w, NODE, "net.ipv4.conf.cni0.forwarding", "0");
	assert_string_equal(expect(w, "ip-forward-disabled", SEVERITY_ERROR)->device, "cni0");
	world_sysctl(w, NODE, "net.ipv4.ip_forward", "0");
	assert_string_equal(expect(w, "ip-forward-disabled", SEVERITY_ERROR)->device, "");
	w->facts->pods.count = 0; /* no router is needed where no pods are */
	expect_silence(w);
}

static void bridge_netfilter_is_off(void **state)
{
	struct world *w = *state;
	const char *name = "net.bridge.bridge-nf-call-iptables";

	world_sysctl(w, NODE, name, "0");
	expect(w, "bridge-netfilter-off", SEVERITY_ERROR);
	array_each(fact, &w->facts->sysctls) {
		if (!strcmp(fact->name, name))
			fact->error = -ENOENT;
	}
	assert_string_equal(expect(w, "bridge-netfilter-off", SEVERITY_ERROR)->remedy.items[0],
			    "modprobe br_netfilter");
	array_each(fact, &w->facts->sysctls) {
		if (!strcmp(fact->name, name))
			fact->error = -EACCES; /* not known: nothing to say */
	}
	expect_silence(w);
}

static void address_is_held_twice(void **state)
{
	struct world *w = *state;
	struct finding *finding;

	world_add_link(w, WEB, 7, "docker0", "bridge", 1500, ROLE_OTHER, "");
	world_add_link(w, BUSYBOX, 7, "docker0", "bridge", 1500, ROLE_OTHER, "");
	world_add_address(w, WEB, 7, "172.17.0.1", 16);
	world_add_address(w, BUSYBOX, 7, "172.17.0.1", 16);
	expect_silence(w); /* containers in pods */
	world_add_address(w, BUSYBOX, POD_ETH0, WEB_IP, 24);
	finding = expect(w, "ip-conflict", SEVERITY_ERROR);
	assert_non_null(strstr(finding->summary, "default/web"));
	assert_non_null(strstr(finding->summary, "default/busybox"));
}

static void routes_refuse(void **state)
{
	struct world *w = *state;
	struct route *route = world_add_route(w, NODE, "203.0.113.0", 24, NULL, 0);

	route->type = 6;
	expect(w, "no-route", SEVERITY_WARNING);
	route->protocol = 80; /* Calico's own block */
	expect_silence(w);
	world_del_route(w, NODE, "0.0.0.0", 0);
	assert_non_null(strstr(expect(w, "no-route", SEVERITY_WARNING)->summary, "default"));
}

static void gateway_is_silent(void **state)
{
	struct world *w = *state;

	world_add_neighbour(w, NODE, ETH0, "192.168.1.1", 0, 0x20);
	expect(w, "neighbour-failed", SEVERITY_WARNING);
}

static void hairpin_is_off(void **state)
{
	struct world *w = *state;

	w->facts->config.confs.items[0].hairpin = true;
	world_link(w, NODE, VETH_WEB)->hairpin = true;
	assert_string_equal(expect(w, "hairpin-off", SEVERITY_WARNING)->pod, "default/busybox");
	world_link(w, NODE, CNI0)->flags |= IFF_PROMISC; /* kubelet's promiscuous-bridge */
	expect_silence(w);
}

static void pod_lost_its_route(void **state)
{
	struct world *w = *state;

	world_del_route(w, WEB, "0.0.0.0", 0);
	assert_string_equal(expect(w, "pod-config", SEVERITY_ERROR)->pod, "default/web");
}

static void many_pods_are_one_finding(void **state)
{
	struct finding_list list = {0};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct finding *finding = finding_new(&list, i == 3 ? "link-down" : "mtu-mismatch",
						      "mtu", SEVERITY_WARNING, BASIS_STATE);

		snprintf(finding->pod, sizeof(finding->pod), "default/pod-%u", i);
	}
	check_fold_pods(&list);
	assert_int_equal(list.findings.count, 2);
	assert_non_null(strstr(list.findings.items[0]->evidence.items[0], "8 pods"));
	assert_non_null(strstr(list.findings.items[0]->evidence.items[0], "default/pod-1"));
	assert_string_equal(list.findings.items[1]->id, "link-down");
	finding_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy_is_silent),
		TEST(device_of_a_pod_is_down),
		TEST(entry_has_another_mac),
		TEST(port_is_detached),
		TEST(routed_pod_needs_no_bridge),
		TEST(nic_is_down),
		TEST(overlay_is_down_or_missing),
		TEST(vpn_that_rests_is_no_overlay),
		TEST(peer_lacks_an_entry),
		TEST(old_mac_of_a_known_node_is_no_fault),
		TEST(route_to_a_peer_is_gone),
		TEST(strict_filter_on_the_wrong_way_back),
		TEST(mtus_do_not_fit),
		TEST(smallest_port_explains_the_bridge),
		TEST(forwarding_is_off),
		TEST(bridge_netfilter_is_off),
		TEST(address_is_held_twice),
		TEST(routes_refuse),
		TEST(gateway_is_silent),
		TEST(hairpin_is_off),
		TEST(pod_lost_its_route),
		cmocka_unit_test(many_pods_are_one_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
