/* SPDX-License-Identifier: GPL-2.0-only */
#include "packet/witness_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define NF_DROP 0
#define BR_HAIRPIN_MODE 1 /* BIT(0), include/linux/if_bridge.h */
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP6_TOO_BIG 2

static const char *const what_names[WITNESS_WHATS] = {
	[WITNESS_NF_HOOK] = "nf-hook",
	[WITNESS_NFT_CHAIN] = "nft-chain",
	[WITNESS_XT_TABLE] = "xt-table",
	[WITNESS_CONNTRACK] = "conntrack",
	[WITNESS_CONFIRM] = "conntrack-insert",
	[WITNESS_SOURCE] = "rp-filter",
	[WITNESS_ROUTE_IN] = "route-in",
	[WITNESS_ROUTE_OUT] = "route-out",
	[WITNESS_NEIGHBOUR] = "neighbour",
	[WITNESS_WAITING] = "neighbour-queue",
	[WITNESS_ICMP] = "icmp-error",
	[WITNESS_VETH] = "veth-peer",
	[WITNESS_BRIDGE] = "bridge-port",
	[WITNESS_VXLAN_OUT] = "vxlan-out",
	[WITNESS_VXLAN_IN] = "vxlan-in",
	[WITNESS_BACKLOG] = "backlog",
	[WITNESS_QDISC] = "qdisc",
	[WITNESS_RESET] = "tcp-reset",
	[WITNESS_UDP_QUEUE] = "udp-queue",
	[WITNESS_SOCKET_QUEUE] = "socket-queue",
	[WITNESS_XDP] = "xdp",
	[WITNESS_CGROUP] = "cgroup",
	[WITNESS_SECURITY] = "security",
	[WITNESS_TC] = "tc-filter",
	[WITNESS_TC_PROGRAM] = "tc-program",
	[WITNESS_VXLAN_PEER] = "vxlan-peer",
	[WITNESS_LISTEN] = "listen-queue",
	[WITNESS_SYN_QUEUE] = "syn-queue",
	[WITNESS_SOCKET_BACKLOG] = "socket-backlog",
	[WITNESS_FRAGMENT] = "fragment",
	[WITNESS_LOCAL_PORT] = "local-port",
	[WITNESS_LOCAL_ROUTE] = "local-route",
	[WITNESS_LOCAL_SIZE] = "local-size",
};

const char *witness_what_name(uint16_t what)
{
	return what < WITNESS_WHATS && what_names[what] ? what_names[what] : "unknown";
}

const char *witness_hook_name(uint64_t hook)
{
	static const char *const names[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
					    "POSTROUTING"};

	return hook < sizeof(names) / sizeof(names[0]) ? names[hook] : "";
}

const struct witness_info *drop_witness(const struct drop *drop, enum witness_what what)
{
	for (int i = drop->witness_count; i > 0; i--) {
		if (drop->witnesses[i - 1].what == what)
			return &drop->witnesses[i - 1];
	}
	return NULL;
}

bool witness_conntrack_full(const struct witness_info *info)
{
	return info && info->what == WITNESS_CONNTRACK && (info->ret & 0xff) == NF_DROP;
}

uint32_t witness_icmp_mtu(const struct witness_info *info, uint8_t ip_version)
{
	if (!info || info->what != WITNESS_ICMP)
		return 0;
	if (ip_version == 6)
		return info->value[0] == ICMP6_TOO_BIG ? (uint32_t)info->value[2] : 0;
	if (info->value[0] != ICMP_UNREACHABLE || info->value[1] != ICMP_FRAGMENTATION_NEEDED)
		return 0;
	return ntohl((uint32_t)info->value[2]);
}

/* An errno, or since 6.13 the number of a drop reason with the sign of one. */
static const char *source_error(int32_t ret)
{
	switch (ret < 0 ? -ret : ret) {
	case EXDEV:
		return "the way back leads elsewhere (EXDEV)";
	case EINVAL:
		return "an address that must not come from there (EINVAL)";
	case EHOSTUNREACH:
		return "no way there (EHOSTUNREACH)";
	case ENETUNREACH:
		return "no way there (ENETUNREACH)";
	}
	return NULL;
}

static void source_text(const char *who, int32_t ret, char *buffer)
{
	const char *error = source_error(ret);

	if (error)
		snprintf(buffer, WITNESS_PHRASE, "%s refused it: %s", who, error);
	else
		snprintf(buffer, WITNESS_PHRASE, "%s refused it (%d)", who, ret);
}

static void address_put(char text[ADDRESS_TEXT], const struct witness_info *info,
			uint8_t ip_version)
{
	uint8_t bytes[16] = {};

	memcpy(bytes, &info->value[1], 8);
	if (ip_version == 6)
		memcpy(bytes + 8, &info->value[2], 8);
	address_text(address_make(ip_version == 6 ? 6 : 4, bytes), text);
}

static void icmp_text(const struct witness_info *info, uint8_t ip_version, char *buffer)
{
	uint32_t mtu = witness_icmp_mtu(info, ip_version);
	const char *name = ip_version == 6 ? "ICMPv6" : "ICMP";

	snprintf(buffer, WITNESS_PHRASE, "it was answered with %s type %llu code %llu", name,
		 (unsigned long long)info->value[0], (unsigned long long)info->value[1]);
	if (mtu)
		text_append(buffer, WITNESS_PHRASE, " (too big, next-hop MTU %u)", mtu);
}

static void bridge_text(const struct witness_info *info, const char *device, char *buffer)
{
	static const char *const states[] = {"disabled", "listening", "learning", "forwarding",
					     "blocking"};

	snprintf(buffer, WITNESS_PHRASE, "the bridge was sending it to port %s (%s, hairpin %s)",
		 device, info->value[1] < 5 ? states[info->value[1]] : "unknown state",
		 info->value[0] & BR_HAIRPIN_MODE ? "on" : "off");
}

static void tunnel_text(const struct witness_info *info, const char *device, char *buffer)
{
	char peer[INET_ADDRSTRLEN] = "";
	uint32_t address = (uint32_t)info->value[1];

	inet_ntop(AF_INET, &address, peer, sizeof(peer));
	if (info->what == WITNESS_VXLAN_IN)
		snprintf(buffer, WITNESS_PHRASE, "it came with VXLAN network %u",
			 ntohl((uint32_t)info->value[0]) >> 8);
	else
		snprintf(buffer, WITNESS_PHRASE, "%s was sending it to peer %s, VXLAN network %u",
			 device, peer, ntohl((uint32_t)info->value[0]) >> 8);
}

static void netfilter_text(const struct witness_info *info, const char *first, const char *second,
			   char *buffer)
{
	const char *hook = witness_hook_name(info->value[0]);

	switch (info->what) {
	case WITNESS_NF_HOOK:
		snprintf(buffer, WITNESS_PHRASE, "it was in the netfilter hook %s%s%s%s%s",
			 *hook ? hook : "of another family", *first ? ", in " : "", first,
			 *second ? ", out " : "", second);
		break;
	case WITNESS_NFT_CHAIN:
		if (*second)
			snprintf(buffer, WITNESS_PHRASE, "nftables chain %s of table %s dropped it",
				 second, first);
		else
			snprintf(buffer, WITNESS_PHRASE, "an nftables chain dropped it");
		break;
	case WITNESS_XT_TABLE:
		snprintf(buffer, WITNESS_PHRASE, "iptables (legacy)%s%s dropped it",
			 *first ? " table " : "", first);
		break;
	case WITNESS_CONNTRACK:
		snprintf(buffer, WITNESS_PHRASE, "%s",
			 witness_conntrack_full(info) ? "conntrack had no room for its connection"
						      : "conntrack called it INVALID");
		break;
	default:
		snprintf(buffer, WITNESS_PHRASE, "conntrack could not insert its connection");
	}
}

static void socket_text(const struct witness_info *info, char *buffer)
{
	int32_t error = info->ret ? info->ret : (int32_t)info->value[0];

	switch (info->what) {
	case WITNESS_UDP_QUEUE:
		snprintf(buffer, WITNESS_PHRASE, "the socket did not take it: %s",
			 error == -ENOBUFS ? "protocol memory is used up (ENOBUFS)"
					   : "its buffer was full (ENOMEM)");
		break;
	case WITNESS_SOCKET_QUEUE:
		snprintf(buffer, WITNESS_PHRASE, "the socket's buffer was full: %llu of %llu bytes",
			 (unsigned long long)info->value[0], (unsigned long long)info->value[1]);
		break;
	case WITNESS_SOCKET_BACKLOG:
		snprintf(buffer, WITNESS_PHRASE,
			 "the socket was busy and its backlog full: %llu bytes wait, %llu are in "
			 "its buffer of %llu",
			 (unsigned long long)info->value[0], (unsigned long long)info->value[1],
			 (unsigned long long)info->value[2]);
		break;
	case WITNESS_CGROUP:
		snprintf(buffer, WITNESS_PHRASE, "a cgroup's BPF program refused it at %s",
			 info->value[1] ? "egress" : "ingress");
		break;
	case WITNESS_SECURITY:
		snprintf(buffer, WITNESS_PHRASE, "a security module refused it (%d)", info->ret);
		break;
	default:
		snprintf(buffer, WITNESS_PHRASE, "it was answered with a reset");
	}
}

/* What a listener does not take. */
static void listener_text(const struct witness_info *info, char *buffer)
{
	if (info->what == WITNESS_LISTEN)
		snprintf(buffer, WITNESS_PHRASE,
			 "the listener's accept queue was full: %llu wait, %llu may",
			 (unsigned long long)info->value[0], (unsigned long long)info->value[1]);
	else
		snprintf(buffer, WITNESS_PHRASE,
			 "too many of the listener's connections were half open: %llu, with a "
			 "backlog of %llu and tcp_max_syn_backlog %llu",
			 (unsigned long long)info->value[0], (unsigned long long)info->value[1],
			 (unsigned long long)info->value[2]);
}

static void peer_text(const struct witness_info *info, const char *device, char *buffer)
{
	uint8_t mac[8];

	memcpy(mac, &info->value[0], sizeof(mac));
	snprintf(buffer, WITNESS_PHRASE,
		 "%s was looking for the peer of MAC address %02x:%02x:%02x:%02x:%02x:%02x", device,
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* The kernel's functions that made a system call fail; no packet exists. */
static void local_text(const struct witness_info *info, uint8_t ip_version, char *buffer)
{
	/* what a record holds need not be an errno */
	const char *name = info->ret < 0 && info->ret >= -4095 ? strerrorname_np(-info->ret) : NULL;

	switch (info->what) {
	case WITNESS_LOCAL_PORT:
		if (info->value[0])
			snprintf(buffer, WITNESS_PHRASE,
				 "__inet_hash_connect found port %llu taken for that destination",
				 (unsigned long long)info->value[0]);
		else
			snprintf(buffer, WITNESS_PHRASE,
				 "__inet_hash_connect found no free port for that destination");
		break;
	case WITNESS_LOCAL_ROUTE:
		snprintf(buffer, WITNESS_PHRASE, "the route look-up in %s failed: %s",
			 ip_version == 6 ? "ip6_dst_lookup_flow" : "ip_route_output_key_hash_rcu",
			 name ? name : "an unknown error");
		break;
	default:
		snprintf(buffer, WITNESS_PHRASE,
			 "%s was told that it is larger than the MTU of its route, %llu",
			 ip_version == 6 ? "ipv6_local_error" : "ip_local_error",
			 (unsigned long long)info->value[0]);
	}
}

const char *witness_text(const struct witness_info *info, uint8_t ip_version,
			 char buffer[WITNESS_PHRASE])
{
	char first[WITNESS_TEXT * 4], second[WITNESS_TEXT * 4], address[ADDRESS_TEXT];

	text_escape(first, sizeof(first), info->text[0]);
	text_escape(second, sizeof(second), info->text[1]);
	switch (info->what) {
	case WITNESS_NF_HOOK:
	case WITNESS_NFT_CHAIN:
	case WITNESS_XT_TABLE:
	case WITNESS_CONNTRACK:
	case WITNESS_CONFIRM:
		netfilter_text(info, first, second, buffer);
		break;
	case WITNESS_SOURCE:
		source_text("the source validation", info->ret, buffer);
		break;
	case WITNESS_ROUTE_IN:
		source_text("routing", info->ret, buffer);
		break;
	case WITNESS_ROUTE_OUT:
		source_text("the tunnel's route look-up", info->ret, buffer);
		break;
	case WITNESS_NEIGHBOUR:
	case WITNESS_WAITING:
		address_put(address, info, ip_version);
		snprintf(buffer, WITNESS_PHRASE, "it waited for the MAC address of %s on %s%s",
			 address, first,
			 info->what == WITNESS_NEIGHBOUR ? ", which did not come" : "");
		break;
	case WITNESS_ICMP:
		icmp_text(info, ip_version, buffer);
		break;
	case WITNESS_VETH:
		snprintf(buffer, WITNESS_PHRASE,
			 "it was being handed to %s, whose MTU is %llu and which is %s", first,
			 (unsigned long long)info->value[0],
			 info->value[1] & IFF_UP ? "up" : "down");
		break;
	case WITNESS_BRIDGE:
		bridge_text(info, first, buffer);
		break;
	case WITNESS_VXLAN_OUT:
	case WITNESS_VXLAN_IN:
		tunnel_text(info, first, buffer);
		break;
	case WITNESS_VXLAN_PEER:
		peer_text(info, first, buffer);
		break;
	case WITNESS_LISTEN:
	case WITNESS_SYN_QUEUE:
		listener_text(info, buffer);
		break;
	case WITNESS_FRAGMENT:
		snprintf(buffer, WITNESS_PHRASE, "it was to be cut into fragments for %s%s%llu",
			 first, *first ? ", whose MTU is " : "an MTU of ",
			 (unsigned long long)info->value[0]);
		break;
	case WITNESS_LOCAL_PORT:
	case WITNESS_LOCAL_ROUTE:
	case WITNESS_LOCAL_SIZE:
		local_text(info, ip_version, buffer);
		break;
	case WITNESS_BACKLOG:
		snprintf(buffer, WITNESS_PHRASE, "the input queue of CPU %llu did not take it",
			 (unsigned long long)info->value[0]);
		break;
	case WITNESS_QDISC:
		snprintf(buffer, WITNESS_PHRASE, "the discipline %s on %s dropped it", first,
			 second);
		break;
	case WITNESS_XDP:
		snprintf(buffer, WITNESS_PHRASE, "it was in the XDP program %s, id %llu", first,
			 (unsigned long long)info->value[0]);
		break;
	case WITNESS_TC_PROGRAM:
		snprintf(buffer, WITNESS_PHRASE, "the tc program with id %llu dropped it",
			 (unsigned long long)info->value[0]);
		break;
	case WITNESS_TC:
		snprintf(buffer, WITNESS_PHRASE, "a tc filter or action dropped it");
		break;
	default:
		socket_text(info, buffer);
	}
	return buffer;
}
