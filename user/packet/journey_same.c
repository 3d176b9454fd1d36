/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is what is seen at an skb address still the packet that was seen there before? The slab gives
 * an address away again within microseconds, often to the next packet of the same flow, and many
 * packets are alike to the last bit (UDP with identification 0). So besides the packet's own
 * numbers it counts where it is seen: no packet is twice at one place, begins its way twice, comes
 * back from where it was delivered, or gets a socket it did not have.
 */
#include <netinet/in.h>
#include <string.h>

#include "packet/journey_join.h"

bool packet_is_known(const struct packet *packet)
{
	return packet->ip_version || packet->ethertype;
}

bool packet_is_strong(const struct packet *packet)
{
	return packet->ip_id || packet->proto == IPPROTO_TCP || packet_is_echo_request(packet) ||
	       packet_is_echo_reply(packet);
}

struct packet journey_packet_last(const struct open_journey *journey)
{
	return journey->last_hop ? hop_cell_packet(journey, journey->last_hop) : journey->packet;
}

enum device_role journey_role_of(struct journey_table *table, uint32_t netns, uint32_t ifindex)
{
	const struct device *device = place_device(table->places, netns, ifindex);

	return device ? device->role : ROLE_OTHER;
}

bool packets_touch(const struct packet *a, const struct packet *b)
{
	return !memcmp(a->src, b->src, sizeof(a->src)) || !memcmp(a->dst, b->dst, sizeof(a->dst));
}

bool journey_is_recent(const struct journey_table *table, const struct open_journey *journey,
		       const struct record *record)
{
	return record->time_ns < journey->last_ns ||
	       record->time_ns - journey->last_ns <= table->config.vanish_ns;
}

static bool is_at(const struct hop_cell *hop, const struct record *record)
{
	return hop->ifindex == record->ifindex && hop->netns == record->netns &&
	       hop->out == (record->type == RECORD_HOP_OUT) && hop->ttl == record->packet.ttl;
}

bool journey_begins_at(const struct open_journey *journey, const struct record *record)
{
	return journey->first_hop && is_at(journey->first_hop, record);
}

bool journey_has_hop(const struct open_journey *journey, const struct record *record)
{
	for (const struct hop_cell *hop = journey->first_hop; hop; hop = hop->next) {
		if (is_at(hop, record))
			return true;
	}
	return false;
}

bool journey_is_copied(const struct journey_table *table, const struct open_journey *journey)
{
	for (const struct extra_key *extra = journey->extras; extra; extra = extra->next) {
		if (extra->table == &table->by_skb)
			return true;
	}
	return false;
}

/* Was the packet seen going out to the pod in that namespace? */
static bool went_to(struct journey_table *table, const struct open_journey *journey, uint32_t netns)
{
	for (const struct hop_cell *hop = journey->first_hop; hop; hop = hop->next) {
		const struct device *device = place_device(table->places, hop->netns, hop->ifindex);

		if (hop->out && device && device->peer_netns == netns)
			return true;
	}
	return false;
}

static bool is_pod(const struct topology *topology, uint32_t netns)
{
	array_each(device, &topology->devices) {
		if (device->netns == topology->node_netns && device->role == ROLE_POD &&
		    device->peer_netns == netns)
			return true;
	}
	return false;
}

bool journey_drop_is_elsewhere(struct journey_table *table, const struct open_journey *journey,
			       const struct sighting *s)
{
	const struct record *record = s->record;
	const struct hop_cell *last = journey->last_hop;
	enum device_role role, at;

	/* a flooded frame is freed in pods that have no hop of their own in the journey */
	if (record->type != RECORD_DROP || !record->netns || !last || !last->out ||
	    s->view->drop->pkt_type == PACKET_TYPE_OTHERHOST)
		return false;
	role = journey_role_of(table, last->netns, last->ifindex);
	if (role != ROLE_POD && role != ROLE_UPLINK)
		return false;
	if (record->netns != last->netns)
		return is_pod(table->config.topology, record->netns) &&
		       !went_to(table, journey, record->netns);
	if (record->ifindex == last->ifindex || journey_is_copied(table, journey))
		return false;
	/* what leaves by a bond or a VLAN may be freed at the device below */
	at = journey_role_of(table, record->netns, record->ifindex);
	return role == ROLE_POD || !record->ifindex || at == ROLE_POD || at == ROLE_BRIDGE ||
	       at == ROLE_TUNNEL;
}

/* Same address, same signature: does the packet go on, or has the slab brought up its like? */
static bool hop_continues(struct journey_table *table, const struct open_journey *journey,
			  const struct sighting *s)
{
	const struct hop_cell *last = journey->last_hop;
	struct packet before = journey_packet_last(journey);
	struct tuple tuple = packet_tuple(&before);
	bool same = tuple_equal(&tuple, &s->tuple);
	enum device_role role;
	bool gone;

	if (!last)
		return true;
	/* on its way an skb may lose its socket (skb_orphan); another one only another packet has */
	if (journey_has_hop(journey, s->record) || (s->socket && s->socket != last->socket))
		return false;
	role = journey_role_of(table, last->netns, last->ifindex);
	if (journey->arp)
		return !s->hard || (last->out && role == ROLE_INSIDE);
	if (s->hard && !(last->out && role == ROLE_INSIDE))
		return same && s->record->packet.ttl < before.ttl; /* a routing loop */
	if (journey_role_of(table, s->record->netns, s->record->ifindex) == ROLE_INSIDE && same)
		return true;
	gone = last->out && journey_ending(table->places, journey) != ENDING_MIDDLE;
	if (gone && role == ROLE_POD)
		return false; /* what a pod sends on comes in by a pod's device */
	if (same)
		return !gone || packet_is_strong(&s->record->packet);
	return !gone &&
	       (packet_is_strong(&s->record->packet) || packets_touch(&before, &s->record->packet));
}

/* Reassembly gives the last fragment's skb the whole packet (skb_morph in ip_frag_reasm). */
static bool is_reassembled(const struct open_journey *journey, const struct packet *packet)
{
	const struct packet *part = &journey->packet;

	return (part->frag & PACKET_FRAGMENT) && !(packet->frag & PACKET_FRAGMENT) &&
	       part->ip_version == packet->ip_version && part->proto == packet->proto &&
	       part->ip_id == packet->ip_id && packets_touch(part, packet);
}

/*
 * Of IPv6 fragments alone have an identification, and those that are cut from what was put together
 * get another (ip6_fragment): the same skbs, the last one of the old as the first of the new.
 */
static bool is_made_anew(struct journey_table *table, const struct open_journey *journey,
			 const struct sighting *s)
{
	const struct packet *packet = &s->record->packet;
	struct packet before = journey_packet_last(journey);
	bool was_part = before.frag & PACKET_FRAGMENT, is_part = packet->frag & PACKET_FRAGMENT;

	if (packet->ip_version != 6 || before.ip_version != 6 || packet->proto != before.proto ||
	    !(journey->packet.frag & PACKET_FRAGMENT) || !packets_touch(&before, packet) ||
	    (s->is_hop && journey_has_hop(journey, s->record)) ||
	    (journey->last_hop && journey->last_hop->out &&
	     journey_ending(table->places, journey) != ENDING_MIDDLE))
		return false;
	if (!is_part)
		return was_part && packet->len > before.len;
	if (!was_part)
		return !(packet->frag & PACKET_FRAG_OFFSET) && packet->len < before.len;
	return !(packet->frag & PACKET_FRAG_OFFSET) ||
	       (packet->frag & PACKET_FRAGMENT) == (before.frag & PACKET_FRAGMENT);
}

/* UDP segmentation and its undoing change the length, which is part of the signature. */
static bool is_resized(const struct open_journey *journey, const struct sighting *s)
{
	struct packet before = journey_packet_last(journey);
	struct tuple tuple = packet_tuple(&before);

	return before.proto == IPPROTO_UDP && before.ip_id == s->record->packet.ip_id &&
	       (s->record->gso_size || (journey->last_hop && journey->last_hop->gso_size)) &&
	       tuple_equal(&tuple, &s->tuple);
}

bool journey_same_packet(struct journey_table *table, const struct open_journey *journey,
			 const struct sighting *s)
{
	const struct packet *packet = &s->record->packet;

	if (!journey_is_recent(table, journey, s->record))
		return false;
	if (!packet_is_known(&journey->packet))
		return true; /* a record that could not tell the packet */
	if (!s->signature)
		return !s->is_hop;
	if (s->signature_key != journey->signature.hash)
		return (!s->hard &&
			(is_reassembled(journey, packet) || is_made_anew(table, journey, s))) ||
		       is_resized(journey, s);
	if (s->is_hop)
		return hop_continues(table, journey, s);
	if (journey_drop_is_elsewhere(table, journey, s))
		return false;
	return packet_is_strong(packet) || packets_touch(&journey->packet, packet);
}
