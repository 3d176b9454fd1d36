/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names are those of enum skb_drop_reason of later kernels where they have one for it; the others
 * (VETH_MTU, BRIDGE_MTU, ROUTE_REFUSED, TTL_EXCEEDED, DEV_DOWN, SYN_QUEUE_FULL …) are ours.
 */
#include "diagnose/drop_reason.h"

#include <net/if.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/drop_signature.h"
#include "packet/witness_text.h"

static const struct {
	enum drop_kind kind;
	const char *reason;
} reasons[] = {
	{DROP_NETFILTER, "NETFILTER_DROP"},
	{DROP_ROUTE_REFUSES, "ROUTE_REFUSED"},
	{DROP_NOT_FORWARDED, "IP_INADDRERRORS"},
	{DROP_HOST_UNREACHABLE, "HOST_UNREACHABLE"},
	{DROP_RP_FILTER, "IP_RPFILTER"},
	{DROP_MARTIAN, "IP_INVALID_SOURCE"},
	{DROP_TTL, "TTL_EXCEEDED"},
	{DROP_TOO_BIG, "PKT_TOO_BIG"},
	{DROP_TOO_BIG_OUTPUT, "PKT_TOO_BIG"},
	{DROP_BRIDGE_MTU, "BRIDGE_MTU"},
	{DROP_DEVICE_DOWN, "DEV_DOWN"},
	{DROP_BRIDGE_NO_PORT, "NO_TX_TARGET"},
	{DROP_BRIDGE_INGRESS, "BRIDGE_INGRESS_STP_STATE"},
	{DROP_BRIDGE_VLAN, "VLAN_FILTER"},
	{DROP_NEIGHBOUR, "NEIGH_FAILED"},
	{DROP_NEIGHBOUR_QUEUE, "NEIGH_QUEUEFULL"},
	{DROP_NO_SOCKET, "NO_SOCKET"},
	{DROP_LISTEN_OVERFLOW, "TCP_LISTEN_OVERFLOW"},
	{DROP_SOCKET_BUFFER, "SOCKET_RCVBUFF"},
	{DROP_SOCKET_FILTER, "SOCKET_FILTER"},
	{DROP_SECURITY, "SECURITY_HOOK"},
	{DROP_QDISC, "QDISC_DROP"},
	{DROP_BACKLOG, "CPU_BACKLOG"},
	{DROP_XDP, "XDP"},
	{DROP_CGROUP_BPF, "BPF_CGROUP"},
	{DROP_TUNNEL_NO_PEER, "NO_TX_TARGET"},
	{DROP_TUNNEL_NO_ROUTE, "IP_OUTNOROUTES"},
	{DROP_TUNNEL_VNI, "VXLAN_VNI_NOT_FOUND"},
	{DROP_TUNNEL_HEADER, "VXLAN_INVALID_HDR"},
	{DROP_FRAGMENT, "FRAG_REASM_TIMEOUT"},
	{DROP_NO_PROTOCOL, "IP_NOPROTO"},
	{DROP_RAW_COPY, "SOCKET_FILTER"},
	{DROP_OTHERHOST, "OTHERHOST"},
};

/* Refused by the veth's other end: it is down, or its MTU is too small. Only a witness tells which. */
static const char *veth_reason(const struct drop *drop)
{
	const struct witness_info *peer = drop_witness(drop, WITNESS_VETH);

	if (!peer)
		return "VETH_FORWARD";
	return peer->value[1] & IFF_UP ? "VETH_MTU" : "DEV_DOWN";
}

static const char *reason_of(const struct drop *drop)
{
	enum drop_kind kind = drop_kind(drop);

	if (kind == DROP_VETH_FORWARD)
		return veth_reason(drop);
	if (kind == DROP_LISTEN_OVERFLOW && drop_witness(drop, WITNESS_SYN_QUEUE))
		return "SYN_QUEUE_FULL";
	if (kind == DROP_SOCKET_BUFFER && drop_witness(drop, WITNESS_SOCKET_BACKLOG))
		return "SOCKET_BACKLOG";
	if (kind == DROP_NO_ROUTE)
		return strncmp(drop->function, "ip_error", 8) ? "IP_OUTNOROUTES" : "IP_INNOROUTES";
	if (kind == DROP_TC)
		return strncmp(drop->function, "__dev_queue_xmit", 16) ? "TC_INGRESS" : "TC_EGRESS";
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].kind == kind)
			return reasons[i].reason;
	}
	return NULL;
}

void drop_derive(struct drop *drop)
{
	const struct witness_info *hook = drop_witness(drop, WITNESS_NF_HOOK);
	const char *reason;

	/* nothing was freed: the probe itself sits where the kernel decides */
	if (!drop->function[0] &&
	    (drop_witness(drop, WITNESS_LISTEN) || drop_witness(drop, WITNESS_SYN_QUEUE)))
		text_copy(drop->function, sizeof(drop->function), "tcp_conn_request");
	if (!drop->hook[0] && hook)
		text_copy(drop->hook, sizeof(drop->hook), witness_hook_name(hook->value[0]));
	if (drop->reason[0])
		return;
	reason = reason_of(drop);
	if (!reason)
		return;
	text_copy(drop->reason, sizeof(drop->reason), reason);
	drop->derived = true;
}

/* Does it speak of a drop of that kind? A packet may have waited for an address, and died of something else. */
static bool is_about(const struct witness_info *info, enum drop_kind kind)
{
	switch (info->what) {
	case WITNESS_WAITING:
		return kind == DROP_NEIGHBOUR || kind == DROP_NEIGHBOUR_QUEUE;
	case WITNESS_TC_PROGRAM:
		return kind == DROP_TC || kind == DROP_UNKNOWN;
	case WITNESS_FRAGMENT:
		return kind == DROP_TOO_BIG_OUTPUT || kind == DROP_UNKNOWN;
	case WITNESS_VXLAN_PEER:
		return kind == DROP_TUNNEL_NO_PEER;
	case WITNESS_CONNTRACK:
	case WITNESS_CONFIRM:
	case WITNESS_XT_TABLE:
	case WITNESS_NFT_CHAIN:
		return kind == DROP_NETFILTER || kind == DROP_BRIDGE_INGRESS ||
		       kind == DROP_UNKNOWN;
	}
	return true;
}

void drop_sift(struct drop *drop)
{
	enum drop_kind kind = drop_kind(drop);
	uint8_t kept = 0;

	for (uint8_t i = 0; i < drop->witness_count && !drop->benign; i++) {
		if (is_about(&drop->witnesses[i], kind))
			drop->witnesses[kept++] = drop->witnesses[i];
	}
	drop->witness_count = kept;
}
