/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signature table against what six kernels really said when about a hundred faults were
 * injected (5.10 gives no reasons, the others NOT_SPECIFIED where they do not know), and the
 * drops that must never become a finding against their nearest real fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/drop_class.h"
#include "diagnose/drop_signature.h"

enum kernel { K510, K61, K612, K618, K72, K73, KERNELS };

/* What was observed: "REASON@function", "" reason where none was given; NULL: same as the column before. */
struct observation {
	const char *fault;
	enum drop_kind kind;
	const char *seen[KERNELS];
	void (*setup)(struct drop *drop); /* fields the kernel leaves valid */
};

static void to_unreachable(struct drop *drop)
{
	drop->info.dst_error = -101;
}

static void to_host_unreachable(struct drop *drop)
{
	drop->info.dst_error = -113;
}

static void to_blackhole(struct drop *drop)
{
	drop->info.dst_error = -22;
}

static void ttl_used_up(struct drop *drop)
{
	drop->packet.ttl = 1;
}

static void longer_than_route(struct drop *drop)
{
	drop->packet.len = 1428;
	drop->info.dst_mtu = 1200;
}

static void longer_than_port(struct drop *drop)
{
	drop->info.len = 1442;
	drop->info.dev_mtu = 1000;
}

static void port_takes_it(struct drop *drop)
{
	drop->info.len = 98;
	drop->info.dev_mtu = 1000;
}

static void noop_queue(struct drop *drop)
{
	text_copy(drop->info.qdisc, sizeof(drop->info.qdisc), "noop");
	text_copy(drop->info.dev_name, sizeof(drop->info.dev_name), "cni0");
}

static void tbf_queue(struct drop *drop)
{
	text_copy(drop->info.qdisc, sizeof(drop->info.qdisc), "tbf");
}

static void no_queue(struct drop *drop)
{
	text_copy(drop->info.qdisc, sizeof(drop->info.qdisc), "noqueue");
}

static void tcp_syn(struct drop *drop)
{
	drop->packet.proto = IPPROTO_TCP;
	drop->packet.tcp_flags = PACKET_TCP_SYN;
}

static void full_listener(struct drop *drop)
{
	drop->packet.proto = IPPROTO_TCP;
	drop->packet.tcp_flags = PACKET_TCP_ACK;
	drop->info.sk_state = SK_LISTEN;
	drop->info.sk_ack_backlog = 2;
	drop->info.sk_max_ack_backlog = 1;
}

/* What stands where a full socket has its queue is no queue in a timewait socket. */
static void no_listener(struct drop *drop)
{
	full_listener(drop);
	drop->info.sk_state = SK_TIME_WAIT;
}

static void full_buffer(struct drop *drop)
{
	drop->info.sk_rmem = 2304;
	drop->info.sk_rcvbuf = 2304;
}

static void room_in_buffer(struct drop *drop)
{
	drop->info.sk_rmem = 0;
	drop->info.sk_rcvbuf = 212992;
}

static void other_host(struct drop *drop)
{
	drop->info.pkt_type = 3;
}

static void loopback_source(struct drop *drop)
{
	drop->packet.src[0] = 127;
}

#define SAME NULL
#define ALL5(text) text, SAME, SAME, SAME, SAME

static const struct observation observations[] = {
	{"baseline ping",
	 DROP_ECHO_REPLY,
	 {"@icmp_rcv", "NO_SOCKET@icmp_rcv", SAME, "NO_SOCKET@ping_rcv", SAME, SAME},
	 NULL},
	{"nft-forward-drop",
	 DROP_NETFILTER,
	 {"@nf_hook_slow", ALL5("NETFILTER_DROP@nft_do_chain[nf_tables]")},
	 NULL},
	{"iptables-legacy-forward-drop",
	 DROP_NETFILTER,
	 {"@nf_hook_slow", ALL5("NETFILTER_DROP@nf_hook_slow")},
	 NULL},
	{"nft-bridge-drop, 5.10", DROP_BRIDGE_INGRESS, {"@br_handle_frame[bridge]"}, NULL},
	{"no-route-forward",
	 DROP_NO_ROUTE,
	 {"@ip_error", ALL5("IP_INNOROUTES@ip_error")},
	 to_unreachable},
	{"blackhole-route-forward",
	 DROP_ROUTE_REFUSES,
	 {"@ip_error", ALL5("@ip_error")},
	 to_blackhole},
	{"unreachable-route-forward",
	 DROP_ROUTE_REFUSES,
	 {SAME, ALL5("@ip_error")},
	 to_host_unreachable},
	{"forwarding-disabled",
	 DROP_NOT_FORWARDED,
	 {SAME, ALL5("IP_INADDRERRORS@ip_error")},
	 to_host_unreachable},
	{"forwarding-disabled or unreachable, 5.10",
	 DROP_HOST_UNREACHABLE,
	 {"@ip_error"},
	 to_host_unreachable},
	{"rp-filter-strict",
	 DROP_RP_FILTER,
	 {"@ip_rcv_finish_core.constprop.0", ALL5("IP_RPFILTER@ip_rcv_finish_core")},
	 NULL},
	{"martian-src-127",
	 DROP_MARTIAN,
	 {"@ip_rcv_finish_core", "@ip_rcv_finish_core", SAME, "IP_LOCALNET@ip_rcv_finish_core",
	  SAME, SAME},
	 loopback_source},
	{"src-is-local-addr",
	 DROP_MARTIAN,
	 {SAME, "@ip_rcv_finish_core", SAME, "IP_LOCAL_SOURCE@ip_rcv_finish_core", SAME, SAME},
	 NULL},
	{"ttl-exceeded", DROP_TTL, {"@ip_forward", ALL5("IP_INHDR@ip_forward")}, ttl_used_up},
	{"frag-needed-forward-DF",
	 DROP_TOO_BIG,
	 {"@ip_forward", ALL5("PKT_TOO_BIG@ip_forward")},
	 longer_than_route},
	{"v6-pkt-too-big",
	 DROP_TOO_BIG,
	 {"@ip6_forward", ALL5("PKT_TOO_BIG@ip6_forward")},
	 longer_than_route},
	{"v6-hoplimit", DROP_TTL, {"@ip6_forward", ALL5("IP_INHDR@ip6_forward")}, ttl_used_up},
	{"v6-no-route",
	 DROP_NO_ROUTE,
	 {"@ip6_pkt_drop", "IP_INNOROUTES@ip6_pkt_drop", "IP_INNOROUTES@ip6_pkt_discard", SAME,
	  SAME, SAME},
	 NULL},
	{"mtu-veth-peer-smaller",
	 DROP_VETH_FORWARD,
	 {"@__dev_forward_skb", ALL5("@__dev_forward_skb2")},
	 NULL},
	{"mtu-bridge-port-smaller",
	 DROP_BRIDGE_MTU,
	 {"@br_dev_queue_push_xmit[bridge]", ALL5("@br_dev_queue_push_xmit[bridge]")},
	 longer_than_port},
	{"mtu-bridge-port-smaller, with br_netfilter",
	 DROP_BRIDGE_MTU,
	 {SAME, ALL5("@br_nf_dev_queue_xmit")},
	 longer_than_port},
	{"bridge port that went down",
	 DROP_DEVICE_DOWN,
	 {"@br_dev_queue_push_xmit[bridge]", ALL5("@br_dev_queue_push_xmit[bridge]")},
	 port_takes_it},
	{"mtu-vxlan-outer-DF-set",
	 DROP_TOO_BIG_OUTPUT,
	 {"@ip_fragment.constprop.0", ALL5("@ip_fragment")},
	 NULL},
	{"vxlan-no-fdb",
	 DROP_TUNNEL_NO_PEER,
	 {"@vxlan_xmit[vxlan]", "@vxlan_xmit[vxlan]", "NO_TX_TARGET@vxlan_xmit[vxlan]", SAME, SAME,
	  SAME},
	 NULL},
	{"vxlan-no-route-to-vtep",
	 DROP_TUNNEL_NO_ROUTE,
	 {"@vxlan_xmit_one[vxlan]", "@vxlan_xmit_one[vxlan]", SAME,
	  "IP_OUTNOROUTES@vxlan_xmit_one[vxlan]", SAME, SAME},
	 NULL},
	{"vxlan-vni-unknown-rx",
	 DROP_TUNNEL_VNI,
	 {"@vxlan_rcv[vxlan]", "@vxlan_rcv[vxlan]", "VXLAN_VNI_NOT_FOUND@vxlan_rcv[vxlan]", SAME,
	  SAME, SAME},
	 NULL},
	{"vxlan-badhdr-rx, 6.12 and later",
	 DROP_TUNNEL_HEADER,
	 {SAME, SAME, "VXLAN_INVALID_HDR@vxlan_rcv[vxlan]", SAME, SAME, SAME},
	 NULL},
	{"vxlan-inner-dmac-wrong",
	 DROP_OTHERHOST,
	 {"@ip_rcv_core", ALL5("OTHERHOST@ip_rcv_core")},
	 other_host},
	{"vxlan-remote-flannel-down",
	 DROP_NO_SOCKET,
	 {"@__udp4_lib_rcv", "NO_SOCKET@__udp4_lib_rcv", SAME, SAME, "NO_SOCKET@udp_rcv", SAME},
	 NULL},
	{"no-socket-tcp", DROP_NO_SOCKET, {"@tcp_v4_rcv", ALL5("NO_SOCKET@tcp_v4_rcv")}, tcp_syn},
	{"listen-overflow-ack-syncookie",
	 DROP_LISTEN_OVERFLOW,
	 {"@tcp_v4_do_rcv", "@tcp_v4_do_rcv", "NO_SOCKET@cookie_v4_check", SAME, SAME, SAME},
	 full_listener},
	{"listen-overflow-ack-nocookie",
	 DROP_LISTEN_OVERFLOW,
	 {"@tcp_v4_rcv", "@tcp_v4_rcv", SAME, "TCP_LISTEN_OVERFLOW@tcp_v4_rcv", SAME, SAME},
	 full_listener},
	{"late-segment-in-timewait",
	 DROP_TCP_STATE,
	 {"@tcp_v4_rcv", ALL5("@tcp_v4_rcv")},
	 no_listener},
	{"udp-rcvbuf-full",
	 DROP_SOCKET_BUFFER,
	 {"@udp_queue_rcv_one_skb", ALL5("SOCKET_RCVBUFF@udp_queue_rcv_one_skb")},
	 full_buffer},
	{"udp-socket-filter",
	 DROP_SOCKET_FILTER,
	 {"@udp_queue_rcv_one_skb", ALL5("SOCKET_FILTER@udp_queue_rcv_one_skb")},
	 room_in_buffer},
	{"two pings of one pod",
	 DROP_RAW_COPY,
	 {"@raw_rcv", ALL5("SOCKET_FILTER@raw_rcv")},
	 room_in_buffer},
	{"two pings of one pod, whose socket is not known", DROP_RAW_COPY, {"@raw_rcv"}, NULL},
	{"raw socket's buffer full",
	 DROP_SOCKET_BUFFER,
	 {"@raw_rcv", ALL5("SOCKET_RCVBUFF@raw_rcv")},
	 full_buffer},
	{"neigh-failed-forward",
	 DROP_NEIGHBOUR,
	 {"@neigh_invalidate", ALL5("NEIGH_FAILED@neigh_invalidate")},
	 NULL},
	{"neigh-queue-full",
	 DROP_NEIGHBOUR_QUEUE,
	 {"@__neigh_event_send", ALL5("NEIGH_QUEUEFULL@__neigh_event_send")},
	 NULL},
	{"v6-neigh-failed", DROP_NEIGHBOUR, {"@neigh_invalidate", ALL5("@neigh_invalidate")}, NULL},
	{"qdisc-tbf",
	 DROP_QDISC,
	 {"@kfree_skb_list<__dev_queue_xmit", "QDISC_DROP@kfree_skb_list_reason<__dev_queue_xmit",
	  "QDISC_DROP@__dev_queue_xmit", SAME, "QDISC_DROP@__tcf_kfree_skb_list<__dev_queue_xmit",
	  SAME},
	 tbf_queue},
	{"qdisc-fq_codel-limit, 6.18",
	 DROP_QDISC,
	 {SAME, SAME, SAME, "QDISC_OVERLIMIT@__dev_queue_xmit"},
	 tbf_queue},
	{"dev-down: host veth down",
	 DROP_DEVICE_DOWN,
	 {"@kfree_skb_list<__dev_queue_xmit", "QDISC_DROP@kfree_skb_list_reason<__dev_queue_xmit",
	  "QDISC_DROP@__dev_queue_xmit", SAME, "QDISC_DROP@__tcf_kfree_skb_list<__dev_queue_xmit",
	  SAME},
	 noop_queue},
	{"tc-clsact-egress-drop",
	 DROP_TC,
	 {"@__dev_queue_xmit", ALL5("TC_EGRESS@__dev_queue_xmit")},
	 no_queue},
	{"tc-clsact-ingress-drop",
	 DROP_TC,
	 {"@__netif_receive_skb_core", ALL5("TC_INGRESS@__netif_receive_skb_core")},
	 NULL},
	{"xdp-generic-drop",
	 DROP_XDP,
	 {"@netif_receive_generic_xdp", ALL5("@do_xdp_generic")},
	 NULL},
	{"xdp-native-drop-veth",
	 DROP_XDP,
	 {"@veth_poll[veth]", ALL5("@veth_xdp_rcv_skb[veth]")},
	 NULL},
	{"backlog-drop",
	 DROP_BACKLOG,
	 {"@enqueue_to_backlog", ALL5("CPU_BACKLOG@enqueue_to_backlog")},
	 NULL},
	{"vxlan receive queue",
	 DROP_BACKLOG,
	 {"@gro_cells_receive", ALL5("@gro_cells_receive")},
	 NULL},
	{"udp-csum-error, 6.1 and later",
	 DROP_CHECKSUM_UDP,
	 {SAME, "UDP_CSUM@__udp4_lib_rcv", SAME, SAME, "UDP_CSUM@udp_rcv", SAME},
	 NULL},
	{"ip-csum-error", DROP_CHECKSUM, {SAME, ALL5("IP_CSUM@ip_rcv_core")}, NULL},
	{"bad-ipver", DROP_BAD_HEADER, {"@ip_rcv_core", ALL5("IP_INHDR@ip_rcv_core")}, NULL},
	{"ipip-no-device", DROP_NO_PROTOCOL, {SAME, ALL5("@tunnel4_rcv")}, NULL},
	{"unknown-ipproto",
	 DROP_NO_PROTOCOL,
	 {"@ip_local_deliver_finish", ALL5("IP_NOPROTO@ip_local_deliver_finish")},
	 NULL},
	{"frag-reasm-timeout",
	 DROP_FRAGMENT,
	 {SAME, "@ip_expire", "FRAG_REASM_TIMEOUT@ip_expire", SAME, SAME, SAME},
	 NULL},
	{"pod-eth0-down: peer down",
	 DROP_BRIDGE_NO_PORT,
	 {"@br_dev_xmit[bridge]", "@br_dev_xmit[bridge]", SAME, "NO_TX_TARGET@br_dev_xmit[bridge]",
	  SAME, SAME},
	 NULL},
	{"bridge-stp-listening-ingress",
	 DROP_BRIDGE_INGRESS,
	 {"@br_handle_frame[bridge]", "@br_handle_frame[bridge]", SAME,
	  "BRIDGE_INGRESS_STP_STATE@br_handle_frame[bridge]", SAME, SAME},
	 NULL},
	{"bridge-vlan-filter",
	 DROP_BRIDGE_VLAN,
	 {"@br_allowed_ingress[bridge]", ALL5("@br_allowed_ingress[bridge]")},
	 NULL},
	{"flannel-down-on-n1: route gone",
	 DROP_NO_ROUTE,
	 {"@ip_error", ALL5("IP_INNOROUTES@ip_error")},
	 to_unreachable},
	{"tcp-rst-to-closed", DROP_TCP_STATE, {SAME, ALL5("TCP_OLD_DATA@tcp_data_queue")}, NULL},
	{"ipv6-setup", DROP_UNHANDLED, {"@ip6_rcv_core", ALL5("IPV6DISABLED@ip6_rcv_core")}, NULL},
	{"bcast-mcast-noise", DROP_UNHANDLED, {SAME, ALL5("INVALID_PROTO@icmp_rcv")}, NULL},
};

/* "REASON@function<caller" as the matrix writes it. */
static void drop_make(struct drop *drop, const char *seen, enum kernel kernel)
{
	const char *at = strchr(seen, '@'), *caller = strchr(seen, '<');

	*drop = (struct drop){.packet = {.ip_version = 4,
					 .proto = IPPROTO_UDP,
					 .ttl = 64,
					 .len = 84,
					 .src = {10, 244, 1, 10},
					 .dst = {10, 244, 2, 10}}};
	drop->info.dev_flags = IFF_UP;
	drop->info.reason = kernel == K510 ? 0 : 2;
	memcpy(drop->reason, seen, (size_t)(at - seen));
	text_copy(drop->function, sizeof(drop->function), at + 1);
	if (caller) {
		drop->function[caller - at - 1] = '\0';
		text_copy(drop->callers[0], sizeof(drop->callers[0]), caller + 1);
	}
}

static void every_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(observations) / sizeof(observations[0]); i++) {
		const struct observation *row = &observations[i];
		const char *seen = NULL;

		for (int kernel = K510; kernel < KERNELS; kernel++) {
			struct drop drop;

			if (row->seen[kernel])
				seen = row->seen[kernel];
			if (!seen || (kernel > K510 && !row->seen[K61] && !row->seen[K612] &&
				      !row->seen[K618]))
				continue;
			drop_make(&drop, seen, kernel);
			if (row->setup)
				row->setup(&drop);
			if (drop_kind(&drop) != row->kind)
				fail_msg("%s, column %d, %s: %s instead of %s", row->fault, kernel,
					 seen, drop_kind_name(drop_kind(&drop)),
					 drop_kind_name(row->kind));
		}
	}
}

static void full_reason_names(void **state)
{
	struct drop drop;

	(void)state;
	drop_make(&drop, "SKB_DROP_REASON_NETFILTER_DROP@nf_hook_slow", K618);
	assert_int_equal(drop_kind(&drop), DROP_NETFILTER);
	drop_make(&drop, "NOT_SPECIFIED@__dev_forward_skb2", K618);
	assert_int_equal(drop_kind(&drop), DROP_VETH_FORWARD);
	drop_make(&drop, "@some_new_function", K73);
	assert_int_equal(drop_kind(&drop), DROP_UNKNOWN);
	drop_make(&drop, "@", K73);
	assert_int_equal(drop_kind(&drop), DROP_UNKNOWN);
	assert_string_equal(drop_kind_name((enum drop_kind)4711), "unknown");
}

static bool benign(const char *seen, void (*setup)(struct drop *drop))
{
	struct drop drop;
	const char *why = "unset";
	bool result;

	drop_make(&drop, seen, K618);
	if (setup)
		setup(&drop);
	result = drop_is_benign(&drop, &why);
	assert_true(result ? why && why[0] : !why);
	return result;
}

static void tcp_rst(struct drop *drop)
{
	drop->packet.proto = IPPROTO_TCP;
	drop->packet.tcp_flags = PACKET_TCP_RST;
}

static void tcp_data(struct drop *drop)
{
	drop->packet.proto = IPPROTO_TCP;
	drop->packet.tcp_flags = PACKET_TCP_ACK | PACKET_TCP_PSH;
}

static void multicast_frame(struct drop *drop)
{
	drop->packet.flags = PACKET_MULTICAST;
}

static void multicast_address(struct drop *drop)
{
	drop->packet.dst[0] = 224;
}

static void lldp(struct drop *drop)
{
	drop->packet.ip_version = 0;
	drop->packet.ethertype = 0x88cc;
}

static void arp(struct drop *drop)
{
	drop->packet.ip_version = 0;
	drop->packet.ethertype = 0x0806;
	drop->packet.flags = PACKET_MULTICAST;
}

static void router_solicitation(struct drop *drop)
{
	drop->packet.ip_version = 6;
	drop->packet.proto = IPPROTO_ICMPV6;
	drop->packet.icmp_type = 133;
}

static void echo_v6(struct drop *drop)
{
	drop->packet.ip_version = 6;
	drop->packet.proto = IPPROTO_ICMPV6;
	drop->packet.icmp_type = 128;
}

static void on_flannel(struct drop *drop)
{
	text_copy(drop->info.dev_name, sizeof(drop->info.dev_name), "flannel.1");
}

static void of_its_own_address(struct drop *drop)
{
	drop->misaddressed = true;
}

static void noise(void **state)
{
	(void)state;
	assert_true(benign("NO_SOCKET@ping_rcv", NULL));
	assert_true(benign("TCP_OLD_DATA@tcp_data_queue", tcp_data));
	assert_true(benign("TCP_ZEROWINDOW@tcp_data_queue", tcp_data));
	assert_true(benign("TCP_OFOMERGE@tcp_data_queue_ofo", tcp_data));
	assert_true(benign("NO_SOCKET@tcp_v4_rcv", tcp_rst));
	assert_true(benign("NO_SOCKET@tcp_v4_rcv", tcp_data));
	assert_true(benign("QUEUE_PURGE@packet_release", NULL));
	assert_true(benign("SOCKET_CLOSE@__tcp_close", tcp_data));
	assert_true(benign("OTHERHOST@ip_rcv_core", NULL));
	assert_true(benign("UNHANDLED_PROTO@__netif_receive_skb_core", lldp));
	assert_true(benign("@__netif_receive_skb_core", lldp));
	assert_true(benign("NO_SOCKET@__udp4_lib_rcv", multicast_frame));
	assert_true(benign("NO_SOCKET@__udp4_lib_rcv", multicast_address));
	assert_true(benign("NO_TX_TARGET@vxlan_xmit", router_solicitation));
	assert_true(benign("IPV6DISABLED@ip6_rcv_core", NULL));
	assert_true(benign("@neigh_flush_dev", NULL));
	assert_true(benign("UNIX_DISCONNECT@unix_dgram_sendmsg", NULL));
}

static void faults_are_not_noise(void **state)
{
	(void)state;
	assert_false(benign("NETFILTER_DROP@nf_hook_slow", NULL));
	assert_false(benign("NO_SOCKET@tcp_v4_rcv", tcp_syn));
	assert_false(benign("NO_SOCKET@__udp4_lib_rcv", NULL));
	assert_false(benign("OTHERHOST@ip_rcv_core", on_flannel));
	assert_false(benign("OTHERHOST@ip_rcv_core", of_its_own_address));
	assert_false(benign("NO_TX_TARGET@br_dev_xmit", arp));
	assert_false(benign("NO_TX_TARGET@vxlan_xmit", echo_v6));
	assert_false(benign("@__dev_forward_skb2", NULL));
	assert_false(benign("TCP_LISTEN_OVERFLOW@tcp_v4_rcv", full_listener));
	assert_true(benign("@tcp_v4_rcv", no_listener));
	assert_false(benign("@some_new_function", NULL));
	assert_true(drop_is_benign(&(struct drop){.packet = {.ip_version = 0}}, NULL));
}

static void what_is_no_packet_is_told_from_a_frame(void **state)
{
	struct drop drop = {.netns = 4026531840, .reason = "SOCKET_CLOSE"};
	const char *why;

	(void)state;
	assert_true(drop_is_benign(&drop, &why));
	assert_string_equal(why, "a buffer of a unix or netlink socket, no packet");
	drop.ifindex = 3;
	assert_true(drop_is_benign(&drop, &why));
	assert_non_null(strstr(why, "not IP"));
	drop = (struct drop){
		.netns = 4026531840, .reason = "NOT_SPECIFIED", .packet = {.ethertype = 0x0806}};
	assert_false(drop_is_benign(&drop, &why));
	assert_null(why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kernel),
		cmocka_unit_test(full_reason_names),
		cmocka_unit_test(noise),
		cmocka_unit_test(faults_are_not_noise),
		cmocka_unit_test(what_is_no_packet_is_told_from_a_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
