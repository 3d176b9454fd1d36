/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benign drops as data: kinds that are noise by nature, and packets that are noise wherever
 * they end. It does not know whether the packet's namespace is being torn down; whoever
 * reads facts must say so.
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

static const struct {
	enum drop_kind kind;
	const char *why;
} noisy_kinds[] = {
	{DROP_OTHERHOST, "frame for another host, seen because the port is flooded or promiscuous"},
	{DROP_ECHO_REPLY, "echo reply: the waiting socket has its own copy"},
	{DROP_TCP_STATE, "old, duplicate or out-of-window TCP segment"},
	{DROP_TEARDOWN, "a socket or device was closed with packets queued"},
	{DROP_UNHANDLED, "protocol nobody on this host handles"},
	{DROP_NOISE, "kernel housekeeping"},
};

static const char *noisy_kind(enum drop_kind kind)
{
	for (size_t i = 0; i < sizeof(noisy_kinds) / sizeof(noisy_kinds[0]); i++) {
		if (noisy_kinds[i].kind == kind)
			return noisy_kinds[i].why;
	}
	return NULL;
}

static bool is_ipv6_housekeeping(const struct packet *packet)
{
	return packet->ip_version == 6 && packet->proto == IPPROTO_ICMPV6 &&
	       ((packet->icmp_type >= ICMP6_ROUTER_SOLICIT &&
		 packet->icmp_type <= ICMP6_REDIRECT) ||
		(packet->icmp_type >= ICMP6_MLD_FIRST && packet->icmp_type <= ICMP6_MLD_LAST) ||
		packet->icmp_type == ICMP6_MLD2_REPORT);
}

/* Whatever drops these, no conversation is hurt. ARP is not among them: it decides reachability. */
static const char *noisy_packet(const struct packet *packet)
{
	if (packet->ip_version == 0)
		return packet->ethertype == ETHERTYPE_ARP
			       ? NULL
			       : "frame that is not IP (LLDP, STP or another link protocol)";
	if (is_ipv6_housekeeping(packet))
		return "IPv6 neighbour, router or multicast housekeeping";
	if ((packet->flags & PACKET_MULTICAST) ||
	    address_is_multicast(address_make(packet->ip_version, packet->dst)))
		return "multicast or broadcast nobody listens to";
	return NULL;
}

/* A segment for a connection that is gone is answered by RST and forgotten; only SYNs ask for something. */
static const char *noisy_segment(const struct packet *packet)
{
	if (packet->proto != IPPROTO_TCP || (packet->tcp_flags & PACKET_TCP_SYN))
		return NULL;
	return packet->tcp_flags & PACKET_TCP_RST ? "RST to a closed or closing socket"
						  : "late segment of a connection already closed";
}

static bool is_tunnel_name(const char *name)
{
	return !strncmp(name, "flannel", 7) || !strncmp(name, "vxlan", 5);
}

bool drop_is_benign(const struct drop *drop, const char **why)
{
	enum drop_kind kind = drop_kind(drop);
	const char *found = noisy_packet(&drop->packet);

	/* On a point-to-point overlay nothing is flooded: another host's MAC there is a wrong entry. */
	if (!found && kind == DROP_OTHERHOST && is_tunnel_name(drop->info.dev_name))
		kind = DROP_UNKNOWN;
	if (!found)
		found = noisy_kind(kind);
	if (!found && kind == DROP_NO_SOCKET)
		found = noisy_segment(&drop->packet);
	if (!found && kind == DROP_NO_SOCKET && packet_is_icmp_error(&drop->packet))
		found = "ICMP error for a socket already closed";
	if (why)
		*why = found;
	return found != NULL;
}
