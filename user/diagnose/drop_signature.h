/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drop signatures: what a freed packet's reason, freeing function, route and device say
 * about why it was freed, as one enum. The names differ between kernels and some mislead
 * (a device that is down says QDISC_DROP, an expired TTL says IP_INHDR); only this file
 * knows them, the rules speak in kinds. Pure: it sees one drop, no node state, so where a
 * kernel leaves two causes open (5.10) the kind is named for both and the rule asks facts.
 */
#ifndef CNITRACE_DIAGNOSE_DROP_SIGNATURE_H
#define CNITRACE_DIAGNOSE_DROP_SIGNATURE_H

#include "packet/journey.h"

enum drop_kind {
	DROP_UNKNOWN,
	DROP_NETFILTER, /* a netfilter hook's verdict: a rule, conntrack full, NAT clash, IPVS */
	DROP_NO_ROUTE, /* no route to the destination */
	DROP_ROUTE_REFUSES, /* an unreachable, prohibit or blackhole route */
	DROP_NOT_FORWARDED, /* not for an address of ours, and forwarding is off */
	DROP_HOST_UNREACHABLE, /* 5.10: DROP_ROUTE_REFUSES or DROP_NOT_FORWARDED */
	DROP_RP_FILTER, /* reverse-path filter */
	DROP_MARTIAN, /* source or destination that must not be on a wire */
	DROP_TTL, /* TTL or hop limit used up */
	DROP_TOO_BIG, /* forwarding: larger than the next device's MTU with DF, ICMP sent */
	DROP_TOO_BIG_OUTPUT, /* a tunnel's outer packet with DF larger than the underlay's MTU */
	DROP_VETH_FORWARD, /* the veth peer's MTU is smaller than the frame, or it is down */
	DROP_BRIDGE_MTU, /* the bridge port's MTU is smaller than the frame */
	DROP_DEVICE_DOWN, /* down or without carrier */
	DROP_BRIDGE_NO_PORT, /* the bridge has no port to send it to */
	DROP_BRIDGE_INGRESS, /* the port does not forward (STP, locked), or (5.10) a bridge-family rule */
	DROP_BRIDGE_VLAN,
	DROP_NEIGHBOUR, /* address resolution failed */
	DROP_NEIGHBOUR_QUEUE, /* too many packets waited for it */
	DROP_NO_SOCKET, /* nothing listens on the port */
	DROP_LISTEN_OVERFLOW, /* accept or SYN queue full */
	DROP_SOCKET_BUFFER, /* receive buffer or protocol memory full */
	DROP_SOCKET_FILTER, /* a socket's BPF filter, or an LSM on the socket */
	DROP_SECURITY,
	DROP_QDISC,
	DROP_BACKLOG,
	DROP_TC, /* a tc classifier or action */
	DROP_XDP,
	DROP_CGROUP_BPF,
	DROP_TUNNEL_NO_PEER, /* VXLAN: no FDB entry */
	DROP_TUNNEL_NO_ROUTE, /* VXLAN: no route to the other end */
	DROP_TUNNEL_VNI, /* VXLAN: unknown network identifier (or, 6.1 and older, a bad header) */
	DROP_TUNNEL_HEADER,
	DROP_FRAGMENT, /* reassembly timed out or failed */
	DROP_CHECKSUM_UDP,
	DROP_CHECKSUM,
	DROP_BAD_HEADER,
	DROP_NO_PROTOCOL, /* no handler for the IP protocol */
	/* The rest harms nobody; see drop_class.h. */
	DROP_OTHERHOST,
	DROP_RAW_COPY, /* a raw socket's filter passed its copy over: two pings hear each other's answers */
	DROP_ECHO_REPLY, /* the kernel's own end of an echo reply: a raw socket got its copy */
	DROP_TCP_STATE, /* TCP discards old, duplicate or unexpected segments by its own rules */
	DROP_TEARDOWN, /* a socket, queue or namespace is closed with packets in it */
	DROP_UNHANDLED, /* a protocol nobody asked for */
	DROP_NOISE, /* kernel housekeeping: neighbour discovery, multicast, netlink */
};

enum drop_kind drop_kind(const struct drop *drop);
/* For people and evidence lines: "netfilter", "no route", … */
const char *drop_kind_name(enum drop_kind kind);

#endif
