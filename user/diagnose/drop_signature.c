/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signature table. Rows are (reason, freeing function) → kind, first match wins; a kind
 * may then be refined by the fields that are still valid when a packet is freed. Observed on
 * 5.10, 6.1, 6.12, 6.18, 7.2 and 7.3; it does not know the node's state.
 */
#include "diagnose/drop_signature.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <netinet/in.h>

#include "packet/witness_text.h"

#define ANY NULL /* matches every name */
#define NONE "" /* the kernel gave no reason, or NOT_SPECIFIED */
#define LINK_STATE_NOCARRIER (1u << 2) /* include/linux/netdevice.h */
#define TCP_STATE_LISTEN 10
#define TCP_STATE_NEW_SYN_RECV 12

struct signature {
	const char *reason; /* a trailing '*' is a prefix */
	const char *function;
	enum drop_kind kind;
};

static const struct signature signatures[] = {
	{"NETFILTER_DROP", ANY, DROP_NETFILTER},
	{NONE, "nf_hook_slow", DROP_NETFILTER},
	{NONE, "nft_do_chain", DROP_NETFILTER},
	{NONE, "nf_hook_slow_list", DROP_NETFILTER},
	{NONE, "nf_reinject", DROP_NETFILTER},

	{"IP_OUTNOROUTES", "vxlan_xmit_one", DROP_TUNNEL_NO_ROUTE},
	{NONE, "vxlan_xmit_one", DROP_TUNNEL_NO_ROUTE},
	{"IP_INNOROUTES", ANY, DROP_NO_ROUTE},
	{"IP_OUTNOROUTES", ANY, DROP_NO_ROUTE},
	{"IP_INADDRERRORS", ANY, DROP_NOT_FORWARDED},
	{NONE, "ip_error", DROP_NO_ROUTE}, /* refined by dst_error */
	{NONE, "ip6_pkt_drop", DROP_NO_ROUTE},
	{NONE, "ip6_pkt_discard*", DROP_NO_ROUTE},
	{NONE, "ip6_pkt_prohibit*", DROP_ROUTE_REFUSES},
	{NONE, "dst_discard*", DROP_ROUTE_REFUSES},
	{NONE, "dst_blackhole*", DROP_ROUTE_REFUSES},
	{"IP_RPFILTER", ANY, DROP_RP_FILTER},
	{"IP_LOCALNET", ANY, DROP_MARTIAN},
	{"IP_LOCAL_SOURCE", ANY, DROP_MARTIAN},
	{"IP_INVALID_SOURCE", ANY, DROP_MARTIAN},
	{"IP_INVALID_DEST", ANY, DROP_MARTIAN},
	{NONE, "ip_rcv_finish_core*", DROP_MARTIAN}, /* refined: 5.10 does not name rp_filter */
	{"IP_INHDR", "ip_forward", DROP_TTL},
	{"IP_INHDR", "ip6_forward", DROP_TTL},
	{NONE, "ip_forward", DROP_UNKNOWN}, /* refined: TTL or size */
	{NONE, "ip6_forward", DROP_UNKNOWN},
	{"PKT_TOO_BIG", "ip_fragment*", DROP_TOO_BIG_OUTPUT},
	{"PKT_TOO_BIG", "ip6_fragment*", DROP_TOO_BIG_OUTPUT},
	{"PKT_TOO_BIG", ANY, DROP_TOO_BIG},
	{NONE, "ip_fragment*", DROP_TOO_BIG_OUTPUT},
	{NONE, "ip6_fragment*", DROP_TOO_BIG_OUTPUT},

	{NONE, "__dev_forward_skb*", DROP_VETH_FORWARD},
	{NONE, "veth_xmit", DROP_VETH_FORWARD},
	{NONE, "br_dev_queue_push_xmit", DROP_BRIDGE_MTU},
	{NONE, "br_nf_dev_queue_xmit", DROP_BRIDGE_MTU}, /* the same, called from br_netfilter */
	{"NO_TX_TARGET", "vxlan_xmit", DROP_TUNNEL_NO_PEER},
	{NONE, "vxlan_xmit", DROP_TUNNEL_NO_PEER},
	{"NO_TX_TARGET", ANY, DROP_BRIDGE_NO_PORT},
	{NONE, "br_dev_xmit", DROP_BRIDGE_NO_PORT},
	{NONE, "br_flood", DROP_BRIDGE_NO_PORT},
	{NONE, "br_forward", DROP_BRIDGE_NO_PORT},
	{"BRIDGE_INGRESS_STP_STATE", ANY, DROP_BRIDGE_INGRESS},
	{NONE, "br_handle_frame*", DROP_BRIDGE_INGRESS},
	{NONE, "br_allowed_ingress", DROP_BRIDGE_VLAN},
	{"VLAN_FILTER", ANY, DROP_BRIDGE_VLAN},
	{"MAC_INVALID_SOURCE", ANY, DROP_BRIDGE_INGRESS},

	{"NEIGH_QUEUEFULL", ANY, DROP_NEIGHBOUR_QUEUE},
	{"NEIGH_*", ANY, DROP_NEIGHBOUR},
	{NONE, "neigh_invalidate", DROP_NEIGHBOUR},
	{NONE, "arp_error_report", DROP_NEIGHBOUR},
	{NONE, "ndisc_error_report", DROP_NEIGHBOUR},
	{NONE, "neigh_timer_handler", DROP_NEIGHBOUR},
	{NONE, "__neigh_event_send", DROP_NEIGHBOUR_QUEUE},

	{"NO_SOCKET", "icmp_rcv", DROP_ECHO_REPLY},
	{"NO_SOCKET", "ping_rcv", DROP_ECHO_REPLY},
	{"NO_SOCKET", "icmpv6_rcv", DROP_ECHO_REPLY},
	{NONE, "icmp_rcv", DROP_ECHO_REPLY},
	{NONE, "ping_rcv", DROP_ECHO_REPLY},
	{"NO_SOCKET", "cookie_v4_check", DROP_LISTEN_OVERFLOW},
	{"NO_SOCKET", "cookie_v6_check", DROP_LISTEN_OVERFLOW},
	{"NO_SOCKET", ANY, DROP_NO_SOCKET},
	{"TCP_LISTEN_OVERFLOW", ANY, DROP_LISTEN_OVERFLOW},
	{NONE, "tcp_conn_request", DROP_LISTEN_OVERFLOW},
	{NONE, "tcp_v4_rcv", DROP_TCP_STATE}, /* refined by the socket */
	{NONE, "tcp_v6_rcv", DROP_TCP_STATE},
	{NONE, "tcp_v4_do_rcv", DROP_TCP_STATE},
	{NONE, "tcp_v6_do_rcv", DROP_TCP_STATE},
	{NONE, "__udp4_lib_rcv", DROP_NO_SOCKET},
	{NONE, "__udp6_lib_rcv", DROP_NO_SOCKET},
	{NONE, "udp_rcv", DROP_NO_SOCKET},
	{NONE, "udpv6_rcv", DROP_NO_SOCKET},
	{NONE, "udp_queue_rcv_one_skb", DROP_SOCKET_BUFFER}, /* refined by the socket */
	{NONE, "udpv6_queue_rcv_one_skb", DROP_SOCKET_BUFFER},
	{NONE, "raw_rcv*", DROP_SOCKET_BUFFER},
	{NONE, "rawv6_rcv*", DROP_SOCKET_BUFFER},
	{"SOCKET_RCVBUFF", ANY, DROP_SOCKET_BUFFER},
	{"SOCKET_BACKLOG", ANY, DROP_SOCKET_BUFFER},
	{"PROTO_MEM", ANY, DROP_SOCKET_BUFFER},
	{"TCP_OFO_QUEUE_PRUNE", ANY, DROP_SOCKET_BUFFER},
	{"TCP_OFO_DROP", ANY, DROP_SOCKET_BUFFER},
	{"SOCKET_FILTER", ANY, DROP_SOCKET_FILTER},
	{"SECURITY_HOOK", ANY, DROP_SECURITY},

	{"QDISC_*", ANY, DROP_QDISC},
	{"FQ_*", ANY, DROP_QDISC},
	{"CAKE_*", ANY, DROP_QDISC},
	{"DUALPI2_*", ANY, DROP_QDISC},
	{"DEV_READY", ANY, DROP_DEVICE_DOWN},
	{NONE, "__dev_queue_xmit", DROP_QDISC}, /* refined: 5.10 tells neither tc nor down apart */
	{NONE, "__dev_direct_xmit", DROP_DEVICE_DOWN},
	{NONE, "noop_enqueue", DROP_DEVICE_DOWN},
	{"CPU_BACKLOG", ANY, DROP_BACKLOG},
	{NONE, "enqueue_to_backlog", DROP_BACKLOG},
	{NONE, "gro_cells_receive", DROP_BACKLOG},
	{"TC_*", ANY, DROP_TC},
	{NONE, "__netif_receive_skb_core*", DROP_TC}, /* refined: frames that are not IP */
	{"XDP", ANY, DROP_XDP},
	{NONE, "do_xdp_generic", DROP_XDP},
	{NONE, "netif_receive_generic_xdp", DROP_XDP},
	{NONE, "veth_poll", DROP_XDP},
	{NONE, "veth_xdp_rcv*", DROP_XDP},
	{"BPF_CGROUP_EGRESS", ANY, DROP_CGROUP_BPF},

	{"VXLAN_VNI_NOT_FOUND", ANY, DROP_TUNNEL_VNI},
	{"VXLAN_INVALID_HDR", ANY, DROP_TUNNEL_HEADER},
	{NONE, "vxlan_rcv", DROP_TUNNEL_VNI},
	{"DUP_FRAG", ANY, DROP_NOISE},
	{"FRAG_*", ANY, DROP_FRAGMENT},
	{NONE, "ip_expire", DROP_FRAGMENT},
	{NONE, "ip6frag_expire_frag_queue*", DROP_FRAGMENT},
	{NONE, "ip_defrag", DROP_FRAGMENT},

	{"UDP_CSUM", ANY, DROP_CHECKSUM_UDP},
	{"*_CSUM", ANY, DROP_CHECKSUM},
	{"IP_INHDR", ANY, DROP_BAD_HEADER},
	{"PKT_TOO_SMALL", ANY, DROP_BAD_HEADER},
	{"HDR_TRUNC", ANY, DROP_BAD_HEADER},
	{"IPV6_BAD_EXTHDR", ANY, DROP_BAD_HEADER},
	{"IPV6_TOO_MANY_EXTHDRS", ANY, DROP_BAD_HEADER},
	{"OTHERHOST", ANY, DROP_OTHERHOST},
	{"IPV6_NDISC_NS_OTHERHOST", ANY, DROP_OTHERHOST},
	{NONE, "ip_rcv_core*", DROP_BAD_HEADER}, /* refined by pkt_type */
	{NONE, "br_nf_pre_routing", DROP_BAD_HEADER},
	{"IPV6DISABLED", ANY, DROP_UNHANDLED},
	{NONE, "ip6_rcv_core*", DROP_UNHANDLED},
	{"IP_NOPROTO", ANY, DROP_NO_PROTOCOL},
	{NONE, "tunnel4_rcv", DROP_NO_PROTOCOL}, /* no IPIP device takes it (net/ipv4/tunnel4.c) */
	{NONE, "ip_local_deliver_finish", DROP_NO_PROTOCOL},
	{NONE, "ip_protocol_deliver_rcu", DROP_NO_PROTOCOL},
	{"UNHANDLED_PROTO", ANY, DROP_UNHANDLED},
	{"INVALID_PROTO", ANY, DROP_UNHANDLED},
	{"MAC_IEEE_MAC_CONTROL", ANY, DROP_UNHANDLED},
	{"TAP_*", ANY, DROP_TEARDOWN},

	{"UNICAST_IN_L2_MULTICAST", ANY, DROP_NOISE},
	{"IPV6_NDISC_*", ANY, DROP_NOISE},
	{"LOCAL_MAC", ANY, DROP_NOISE},
	{"PACKET_SOCK_ERROR", ANY, DROP_NOISE},
	{"UNIX_*", ANY, DROP_NOISE},
	{"CONSUMED", ANY, DROP_NOISE},
	{NONE, "icmpv6_rcv", DROP_NOISE},
	{NONE, "ip6_mc_input", DROP_NOISE},
	{NONE, "igmp*", DROP_NOISE},
	{NONE, "mld_*", DROP_NOISE},
	{NONE, "arp_*", DROP_NOISE},
	{NONE, "netlink_*", DROP_NOISE},
	{NONE, "rtnetlink_*", DROP_NOISE},
	{NONE, "nfnetlink_*", DROP_NOISE},
	{NONE, "inet_rtm_getroute",
	 DROP_NOISE}, /* made to ask for a route, as "ip route get" does */
	{NONE, "inet6_rtm_getroute", DROP_NOISE},
	{NONE, "unix_*", DROP_NOISE},
	{NONE, "packet_rcv*", DROP_NOISE},
	{NONE, "tpacket_rcv", DROP_NOISE},
	{"SOCKET_CLOSE", ANY, DROP_TEARDOWN},
	{"QUEUE_PURGE", ANY, DROP_TEARDOWN},
	{NONE, "packet_release", DROP_TEARDOWN},
	{NONE, "skb_queue_purge*", DROP_TEARDOWN},
	{NONE, "skb_rbtree_purge", DROP_TEARDOWN},
	{NONE, "tcp_write_queue_purge", DROP_TEARDOWN},
	{NONE, "sk_stream_kill_queues", DROP_TEARDOWN},
	{NONE, "inet_sock_destruct", DROP_TEARDOWN},
	{NONE, "tcp_disconnect", DROP_TEARDOWN},
	{NONE, "tcp_v4_destroy_sock", DROP_TEARDOWN},
	{NONE, "udp_destruct*", DROP_TEARDOWN},
	{NONE, "__neigh_ifdown*", DROP_TEARDOWN},
	{NONE, "neigh_flush_dev*", DROP_TEARDOWN},
	{NONE, "neigh_destroy", DROP_TEARDOWN},
	{NONE, "pneigh_*", DROP_TEARDOWN},
	{NONE, "flush_backlog", DROP_TEARDOWN},
	{NONE, "dev_cpu_dead", DROP_TEARDOWN},
	{NONE, "qdisc_reset*", DROP_TEARDOWN},
	{NONE, "pfifo_fast_reset", DROP_TEARDOWN},
	{NONE, "__skb_complete_tx_timestamp", DROP_NOISE},
	{"TCP_*", ANY, DROP_TCP_STATE},
	{NONE, "tcp_*", DROP_TCP_STATE},
};

/* Compares up to a compiler suffix (".isra.0") or a module ("[vxlan]"); '*' at an end of the pattern is "anything". */
static bool name_matches(const char *pattern, const char *name)
{
	size_t length = strcspn(name, ".["), wanted;

	if (!pattern)
		return true;
	wanted = strlen(pattern);
	if (pattern[0] == '*')
		return length >= wanted - 1 &&
		       !strncmp(name + length - (wanted - 1), pattern + 1, wanted - 1);
	if (wanted && pattern[wanted - 1] == '*')
		return length >= wanted - 1 && !strncmp(name, pattern, wanted - 1);
	return length == wanted && !strncmp(name, pattern, wanted);
}

/* The list-free helpers hide who dropped; normally resolved before, but a stack may be all there is. */
static const char *freeing_function(const struct drop *drop)
{
	static const char *const helpers[] = {"kfree_skb_list*", "__tcf_kfree_skb_list",
					      "kfree_skb_reason", "sk_skb_reason_drop",
					      "kfree_skb"};

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		if (name_matches(helpers[i], drop->function) && drop->callers[0][0])
			return drop->callers[0];
	}
	return drop->function;
}

static const char *given_reason(const struct drop *drop)
{
	const char *reason = drop->derived ? NONE : drop->reason;

	if (!strncmp(reason, "SKB_DROP_REASON_", 16))
		reason += 16;
	return strcmp(reason, "NOT_SPECIFIED") ? reason : NONE;
}

static bool kernel_has_reasons(const struct drop *drop)
{
	return drop->info.reason != 0 || (drop->reason[0] && !drop->derived);
}

static enum drop_kind refine_route(const struct drop *drop)
{
	int error = drop->info.dst_error < 0 ? -drop->info.dst_error : drop->info.dst_error;

	if (error == 101) /* ENETUNREACH */
		return DROP_NO_ROUTE;
	if (error ==
	    113) /* EHOSTUNREACH: an unreachable route, or (5.10 does not say) forwarding is off */
		return kernel_has_reasons(drop) ? DROP_ROUTE_REFUSES : DROP_HOST_UNREACHABLE;
	return error ? DROP_ROUTE_REFUSES : DROP_NO_ROUTE;
}

static enum drop_kind refine_forward(const struct drop *drop)
{
	if (drop->packet.ttl <= 1)
		return DROP_TTL;
	if (drop->info.dst_mtu && drop->packet.len > drop->info.dst_mtu)
		return DROP_TOO_BIG;
	return DROP_UNKNOWN;
}

static enum drop_kind refine_source(const struct drop *drop)
{
	struct address src = address_make(drop->packet.ip_version, drop->packet.src);
	struct address dst = address_make(drop->packet.ip_version, drop->packet.dst);
	const struct witness_info *said = drop_witness(drop, WITNESS_SOURCE);

	if (!said)
		said = drop_witness(drop, WITNESS_ROUTE_IN);
	if (said && (said->ret == -EXDEV || said->ret == -EINVAL))
		return said->ret == -EXDEV ? DROP_RP_FILTER : DROP_MARTIAN;
	if (kernel_has_reasons(drop) || address_is_loopback(src) || address_is_loopback(dst) ||
	    address_is_multicast(dst) || address_is_unspecified(src))
		return DROP_MARTIAN;
	return DROP_RP_FILTER;
}

/* A device that is down has the "noop" discipline, which drops all it is given. */
static bool device_is_down(const struct drop_info *info)
{
	return !strcmp(info->qdisc, "noop") || (info->dev_state & LINK_STATE_NOCARRIER) ||
	       (info->dev_name[0] && info->dev_flags && !(info->dev_flags & IFF_UP));
}

static enum drop_kind refine_transmit(const struct drop *drop, bool named)
{
	if (device_is_down(&drop->info))
		return DROP_DEVICE_DOWN;
	if (!named && (drop_witness(drop, WITNESS_TC) || drop_witness(drop, WITNESS_TC_PROGRAM)))
		return DROP_TC;
	/* Without a queue nothing can overflow: on 5.10 this is tc egress. */
	if (!named && !strcmp(drop->info.qdisc, "noqueue"))
		return DROP_TC;
	return DROP_QDISC;
}

static bool accept_queue_full(const struct drop_info *info)
{
	return info->sk_state == SK_LISTEN && info->sk_max_ack_backlog &&
	       info->sk_ack_backlog >= info->sk_max_ack_backlog;
}

static enum drop_kind refine_tcp(const struct drop *drop, const char *function)
{
	if (drop_witness(drop, WITNESS_SOCKET_BACKLOG))
		return DROP_SOCKET_BUFFER;
	if (accept_queue_full(&drop->info))
		return DROP_LISTEN_OVERFLOW;
	/* 5.10: no socket and no reason, where the later kernels say NO_SOCKET. */
	if (!kernel_has_reasons(drop) && !drop->info.sk_state && strstr(function, "_rcv") &&
	    !strstr(function, "do_rcv"))
		return DROP_NO_SOCKET;
	return DROP_TCP_STATE;
}

/* Every raw socket gets a copy of its own (raw_v4_input); the packet goes on to whom it is for. */
static bool is_raw_copy(const struct drop *drop)
{
	const char *function = freeing_function(drop);

	return name_matches("raw_rcv*", function) || name_matches("rawv6_rcv*", function);
}

static enum drop_kind refine(const struct drop *drop, const struct signature *row,
			     const char *function)
{
	const struct drop_info *info = &drop->info;
	bool named = row->reason && row->reason[0];

	if (row->kind == DROP_QDISC)
		return refine_transmit(drop, named);
	if (named || !row->function)
		return row->kind;
	if (!strcmp(row->function, "ip_error") || !strcmp(row->function, "ip6_pkt_drop"))
		return refine_route(drop);
	if (!strncmp(row->function, "ip_rcv_finish_core", 18))
		return refine_source(drop);
	if (row->kind == DROP_UNKNOWN)
		return refine_forward(drop);
	if (row->kind == DROP_BRIDGE_MTU)
		return info->dev_mtu && info->len && info->len <= info->dev_mtu + 18
			       ? DROP_DEVICE_DOWN
			       : DROP_BRIDGE_MTU;
	if (row->kind == DROP_TCP_STATE && function[0] == 't')
		return refine_tcp(drop, function);
	if (row->kind == DROP_SOCKET_BUFFER &&
	    (drop_witness(drop, WITNESS_UDP_QUEUE) || drop_witness(drop, WITNESS_SOCKET_QUEUE)))
		return DROP_SOCKET_BUFFER;
	if (row->kind == DROP_SOCKET_BUFFER && is_raw_copy(drop) && !info->sk_rcvbuf)
		return DROP_SOCKET_FILTER; /* 5.10 does not say whose it is */
	if (row->kind == DROP_SOCKET_BUFFER)
		return info->sk_rcvbuf && info->sk_rmem + drop->packet.len < info->sk_rcvbuf
			       ? DROP_SOCKET_FILTER
			       : DROP_SOCKET_BUFFER;
	if (row->kind == DROP_TC && drop->packet.ip_version == 0)
		return DROP_UNHANDLED;
	if (row->kind == DROP_BAD_HEADER && info->pkt_type == 3)
		return DROP_OTHERHOST;
	return row->kind;
}

static enum drop_kind signature_kind(const struct drop *drop)
{
	const char *reason = given_reason(drop), *function = freeing_function(drop);

	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *row = &signatures[i];

		if (name_matches(row->reason, reason) && name_matches(row->function, function))
			return refine(drop, row, function);
	}
	return DROP_UNKNOWN;
}

/* A socket's filter, a security module and a cgroup's program all refuse in one place: witnesses tell them apart. */
enum drop_kind drop_kind(const struct drop *drop)
{
	enum drop_kind kind = signature_kind(drop);

	if (kind != DROP_UNKNOWN && kind != DROP_SOCKET_FILTER && kind != DROP_SOCKET_BUFFER)
		return kind;
	if (drop_witness(drop, WITNESS_CGROUP))
		return DROP_CGROUP_BPF;
	if (drop_witness(drop, WITNESS_SECURITY))
		return DROP_SECURITY;
	return kind == DROP_SOCKET_FILTER && is_raw_copy(drop) ? DROP_RAW_COPY : kind;
}

const char *drop_kind_name(enum drop_kind kind)
{
	static const char *const names[] = {
		[DROP_UNKNOWN] = "unknown",
		[DROP_NETFILTER] = "netfilter",
		[DROP_NO_ROUTE] = "no route",
		[DROP_ROUTE_REFUSES] = "refusing route",
		[DROP_NOT_FORWARDED] = "not forwarded",
		[DROP_HOST_UNREACHABLE] = "host unreachable",
		[DROP_RP_FILTER] = "reverse-path filter",
		[DROP_MARTIAN] = "martian address",
		[DROP_TTL] = "TTL exceeded",
		[DROP_TOO_BIG] = "too big to forward",
		[DROP_TOO_BIG_OUTPUT] = "too big after encapsulation",
		[DROP_VETH_FORWARD] = "refused by the veth peer",
		[DROP_BRIDGE_MTU] = "too big for the bridge port",
		[DROP_DEVICE_DOWN] = "device down",
		[DROP_BRIDGE_NO_PORT] = "no bridge port",
		[DROP_BRIDGE_INGRESS] = "bridge port does not forward",
		[DROP_BRIDGE_VLAN] = "bridge VLAN filter",
		[DROP_NEIGHBOUR] = "neighbour unresolved",
		[DROP_NEIGHBOUR_QUEUE] = "neighbour queue full",
		[DROP_NO_SOCKET] = "no socket",
		[DROP_LISTEN_OVERFLOW] = "listen queue full",
		[DROP_SOCKET_BUFFER] = "socket buffer full",
		[DROP_SOCKET_FILTER] = "socket filter",
		[DROP_SECURITY] = "security hook",
		[DROP_QDISC] = "queue discipline",
		[DROP_BACKLOG] = "input queue full",
		[DROP_TC] = "tc program",
		[DROP_XDP] = "XDP program",
		[DROP_CGROUP_BPF] = "cgroup program",
		[DROP_TUNNEL_NO_PEER] = "no tunnel peer",
		[DROP_TUNNEL_NO_ROUTE] = "no route to the tunnel peer",
		[DROP_TUNNEL_VNI] = "unknown tunnel network",
		[DROP_TUNNEL_HEADER] = "bad tunnel header",
		[DROP_FRAGMENT] = "fragment lost",
		[DROP_CHECKSUM_UDP] = "bad UDP checksum",
		[DROP_CHECKSUM] = "bad checksum",
		[DROP_BAD_HEADER] = "bad header",
		[DROP_NO_PROTOCOL] = "no such protocol",
		[DROP_OTHERHOST] = "for another host",
		[DROP_ECHO_REPLY] = "echo reply",
		[DROP_RAW_COPY] = "raw socket's copy",
		[DROP_TCP_STATE] = "TCP state",
		[DROP_TEARDOWN] = "teardown",
		[DROP_UNHANDLED] = "unhandled protocol",
		[DROP_NOISE] = "housekeeping",
	};

	return (size_t)kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind]
									      : "unknown";
}
