/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benign drops as data: a table of kinds that are noise by nature, and of packets that are noise
 * wherever they end. It does not know whether the packet's namespace is being torn down; whoever
 * knows must say so. cnitrace(8) explains the same table, tests/faults/95-monitor-benign.t makes
 * a drop of each.
 */
#include "diagnose/drop_class.h"

#include <netinet/in.h>
#include <string.h>

#include "diagnose/drop_signature.h"

#define ETHERTYPE_ARP 0x0806
#define ICMP6_ROUTER_SOLICIT 133
#define ICMP6_REDIRECT 137
#define ICMP6_MLD_FIRST 130
#define ICMP6_MLD_LAST 132
#define ICMP6_MLD2_REPORT 143
/* skb->pkt_type: include/uapi/linux/if_packet.h */
#define KERNEL_BROADCAST 1
#define KERNEL_MULTICAST 2
#define KERNEL_LOOPBACK 5 /* a copy of one's own broadcast or multicast */

static bool is_ipv6_housekeeping(const struct drop *drop)
{
	const struct packet *packet = &drop->packet;

	return packet->ip_version == 6 && packet->proto == IPPROTO_ICMPV6 &&
	       ((packet->icmp_type >= ICMP6_ROUTER_SOLICIT &&
		 packet->icmp_type <= ICMP6_REDIRECT) ||
		(packet->icmp_type >= ICMP6_MLD_FIRST && packet->icmp_type <= ICMP6_MLD_LAST) ||
		packet->icmp_type == ICMP6_MLD2_REPORT);
}

static const char nobodys[] = "a buffer of no device, socket or route, freed without a reason";

/* Not even a frame: no device carried it, and nothing was ever put into it that has a protocol (a netlink message). */
static bool is_no_frame(const struct drop *drop)
{
	return !drop->packet.ip_version && !drop->packet.ethertype && !drop->netns &&
	       !drop->ifindex && !drop->reason[0];
}

/* Of no device either, but a socket's: it carried bytes from process to process, or to the kernel. */
static bool is_no_packet(const struct drop *drop)
{
	return !drop->packet.ip_version && !drop->packet.ethertype && !drop->ifindex;
}

/* ARP is not among them: it decides reachability. */
static bool is_link_frame(const struct drop *drop)
{
	const struct packet *packet = &drop->packet;

	return packet->ip_version == 0 && packet->ethertype != ETHERTYPE_ARP;
}

/* A subnet's broadcast address looks like any other: the kernel knows, and so does what it loops back. */
static bool is_multicast(const struct drop *drop)
{
	const struct packet *packet = &drop->packet;
	uint8_t type = drop->info.pkt_type;

	return packet->ip_version != 0 &&
	       (type == KERNEL_BROADCAST || type == KERNEL_MULTICAST || type == KERNEL_LOOPBACK ||
		(packet->flags & PACKET_MULTICAST) ||
		address_is_multicast(address_make(packet->ip_version, packet->dst)));
}

static bool is_reset(const struct drop *drop)
{
	const struct packet *packet = &drop->packet;

	return packet->proto == IPPROTO_TCP && (packet->tcp_flags & PACKET_TCP_RST);
}

/* A segment for a connection that is gone is answered by RST and forgotten; only SYNs ask for something. */
static bool is_late_segment(const struct drop *drop)
{
	const struct packet *packet = &drop->packet;

	return packet->proto == IPPROTO_TCP && !(packet->tcp_flags & PACKET_TCP_SYN);
}

#define ANY_KIND ((enum drop_kind) - 1)

/* The first that fits is the reason. Whatever drops the packets of the first five, no conversation is hurt. */
static const struct benign_class {
	enum drop_kind kind;
	bool (*fits)(const struct drop *drop); /* NULL: any packet */
	const char *why;
} classes[] = {
	{ANY_KIND, is_no_frame, nobodys},
	{ANY_KIND, is_no_packet, "a buffer of a unix or netlink socket, no packet"},
	{ANY_KIND, is_link_frame, "frame that is not IP (LLDP, STP or another link protocol)"},
	{ANY_KIND, is_ipv6_housekeeping, "IPv6 neighbour, router or multicast housekeeping"},
	{ANY_KIND, is_multicast, "multicast or broadcast nobody listens to"},
	{DROP_OTHERHOST, NULL,
	 "frame for another host, seen because the port is flooded or promiscuous"},
	{DROP_ECHO_REPLY, NULL, "echo reply: the waiting socket has its own copy"},
	{DROP_RAW_COPY, NULL,
	 "a raw socket's copy of what is for another, such as two pings' answers"},
	{DROP_TCP_STATE, NULL, "old, duplicate or out-of-window TCP segment"},
	{DROP_TEARDOWN, NULL, "a socket or device was closed with packets queued"},
	{DROP_UNHANDLED, NULL, "protocol nobody on this host handles"},
	{DROP_NOISE, NULL, "kernel housekeeping"},
	{DROP_NO_SOCKET, is_reset, "RST to a closed or closing socket"},
	{DROP_NO_SOCKET, is_late_segment, "late segment of a connection already closed"},
};

static bool is_tunnel_name(const char *name)
{
	return !strncmp(name, "flannel", 7) || !strncmp(name, "vxlan", 5);
}

bool drop_is_benign(const struct drop *drop, const char **why)
{
	enum drop_kind kind = drop_kind(drop);
	const char *found = NULL;

	/* On a point-to-point overlay nothing is flooded: another host's MAC there is a wrong entry. */
	if (kind == DROP_OTHERHOST && (drop->misaddressed || is_tunnel_name(drop->info.dev_name)))
		kind = DROP_UNKNOWN;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]) && !found; i++) {
		const struct benign_class *class = &classes[i];

		if ((class->kind == ANY_KIND || class->kind == kind) &&
		    (!class->fits || class->fits(drop)))
			found = class->why;
	}
	if (why)
		*why = found;
	return found != NULL;
}

bool drop_is_nobodys(const struct drop *drop, bool ending, const char **why)
{
	*why = NULL;
	if (ending)
		*why = "the network namespace is being destroyed";
	else if (!drop->netns && !drop->reason[0])
		*why = nobodys;
	return *why != NULL;
}
