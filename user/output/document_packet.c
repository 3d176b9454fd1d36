// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets and encapsulations as JSON. Only what the packet's protocol has is there:
 * no ports of an ICMP message, no IP id of an IPv6 packet.
 */
#include "output/document_parts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void put_fragment(struct json_object *object, uint16_t frag)
{
	put_object(object, "df", json_object_new_boolean(frag & PACKET_FRAG_DF));
	put_flag(object, "more_fragments", frag & PACKET_FRAG_MF);
	put_nonzero(object, "fragment_offset", (frag & PACKET_FRAG_OFFSET) * 8U);
}

static bool icmp_reports_mtu(const struct packet *packet)
{
	return packet->proto == IPPROTO_ICMPV6 ? packet->icmp_type == 2
					       : packet->icmp_type == 3 && packet->icmp_code == 4;
}

static void put_icmp(struct json_object *object, const struct packet *packet)
{
	put_number(object, "icmp_type", packet->icmp_type);
	put_number(object, "icmp_code", packet->icmp_code);
	put_text(object, "icmp_name",
		 icmp_name(packet->ip_version, packet->icmp_type, packet->icmp_code));
	if (packet_is_echo_request(packet) || packet_is_echo_reply(packet)) {
		put_number(object, "icmp_id", packet->seq >> 16);
		put_number(object, "icmp_seq", packet->seq & 0xffff);
	} else if (icmp_reports_mtu(packet)) {
		put_number(object, "icmp_mtu", packet->ack);
	}
}

static void put_transport(struct json_object *object, const struct packet *packet)
{
	char flags[16];

	if (packet->frag & PACKET_FRAG_OFFSET)
		return; /* a later fragment: its first bytes are no header */
	switch (packet->proto) {
	case IPPROTO_TCP:
		tcp_flags_text(packet->tcp_flags, flags);
		put_text(object, "tcp_flags", flags);
		put_number(object, "tcp_flags_value", packet->tcp_flags);
		put_number(object, "seq", packet->seq);
		put_number(object, "ack", packet->ack);
		break;
	case IPPROTO_UDP:
		put_nonzero(object, "dns_id", packet->seq);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put_icmp(object, packet);
		break;
	}
}

static void put_mac(struct json_object *object, const char *key, const uint8_t mac[6])
{
	static const uint8_t unknown[6];
	char text[18];

	if (!memcmp(mac, unknown, sizeof(unknown)))
		return; /* it is what is asked for */
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	put_text(object, key, text);
}

static void put_arp(struct json_object *object, const struct packet *packet)
{
	put_text(object, "arp_op",
		 packet->seq == 1   ? "request"
		 : packet->seq == 2 ? "reply"
				    : "other");
	put_mac(object, "arp_sender_mac", packet->src + PACKET_ARP_MAC);
	put_mac(object, "arp_target_mac", packet->dst + PACKET_ARP_MAC);
}

struct json_object *document_packet(const struct packet *packet)
{
	struct json_object *object = json_object_new_object();

	put_number(object, "len", packet->len);
	if (packet->ip_version) {
		put_number(object, "ip_version", packet->ip_version);
		put_number(object, "protocol", packet->proto);
		put_number(object, "payload_len", packet_payload_len(packet));
		put_number(object, "ttl", packet->ttl);
		if (packet->ip_version == 4)
			put_number(object, "ip_id", packet->ip_id);
		put_fragment(object, packet->frag);
		put_transport(object, packet);
	} else {
		put_number(object, "ethertype", packet->ethertype);
		if (packet_is_arp(packet))
			put_arp(object, packet);
	}
	put_flag(object, "truncated", packet->flags & PACKET_TRUNCATED);
	put_flag(object, "multicast", packet->flags & PACKET_MULTICAST);
	return object;
}

const char *encap_name(unsigned kind)
{
	switch (kind) {
	case ENCAP_VXLAN:
		return "vxlan";
	case ENCAP_GENEVE:
		return "geneve";
	case ENCAP_IPIP:
		return "ipip";
	}
	return NULL;
}

struct json_object *document_encap(const struct encap *encap)
{
	struct json_object *object = json_object_new_object();
	bool udp = encap->kind == ENCAP_VXLAN || encap->kind == ENCAP_GENEVE;

	put_text(object, "kind", encap_name(encap->kind));
	if (udp)
		put_number(object, "vni", encap->vni);
	put_address(object, "src", address_make(encap->ip_version, encap->src));
	if (udp)
		put_number(object, "sport", encap->sport);
	put_address(object, "dst", address_make(encap->ip_version, encap->dst));
	if (udp)
		put_number(object, "dport", encap->dport);
	put_number(object, "len", encap->len);
	put_number(object, "ttl", encap->ttl);
	if (encap->ip_version == 4)
		put_number(object, "ip_id", encap->ip_id);
	put_fragment(object, encap->frag);
	if (udp)
		put_number(object, "udp_check", encap->udp_check);
	return object;
}
