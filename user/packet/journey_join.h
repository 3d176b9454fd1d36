/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What journey_join.c, which looks for a record's journey, and journey_same.c, which tells
 * one packet from its like, know in common: the record on its way, and what a journey was last.
 */
#ifndef CNITRACE_PACKET_JOURNEY_JOIN_H
#define CNITRACE_PACKET_JOURNEY_JOIN_H

#include "packet/journey_table.h"

#define PACKET_FRAGMENT (PACKET_FRAG_MF | PACKET_FRAG_OFFSET)
#define PACKET_TYPE_OTHERHOST 3 /* include/uapi/linux/if_packet.h */

/* A record on its way to a journey. */
struct sighting {
	const struct record_view *view;
	const struct record *record;
	uint64_t signature, signature_key;
	struct tuple tuple;
	uint16_t socket; /* PACKET_SOCKET of the record */
	bool is_hop, start, hard;
};

/* journey_same.c */
/* At the journey's own address: is the record's packet still that one? */
bool journey_same_packet(struct journey_table *table, const struct open_journey *journey,
			 const struct sighting *s);
/* Was it seen there, in that direction, with this TTL? No packet is twice: this one is another. */
bool journey_has_hop(const struct open_journey *journey, const struct record *record);
bool journey_begins_at(const struct open_journey *journey, const struct record *record);
/* Is the packet known by more than one address? Then it was flooded or copied. */
bool journey_is_copied(const struct journey_table *table, const struct open_journey *journey);
/* Freed where the journey's packet cannot have come to since its last hop. */
bool journey_drop_is_elsewhere(struct journey_table *table, const struct open_journey *journey,
			       const struct sighting *s);
bool journey_is_recent(const struct journey_table *table, const struct open_journey *journey,
		       const struct record *record);
struct packet journey_packet_last(const struct open_journey *journey);
enum device_role journey_role_of(struct journey_table *table, uint32_t netns, uint32_t ifindex);
bool packet_is_known(const struct packet *packet);
/* Does the signature alone tell this packet from its flow's others? */
bool packet_is_strong(const struct packet *packet);
/* Have they the same source, or the same destination? */
bool packets_touch(const struct packet *a, const struct packet *b);

#endif
