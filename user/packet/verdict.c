/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a packet may begin and end its way through the node, judged from the last hop,
 * the drop, the answer and the topology. Knows no time: that a packet was quiet long
 * enough to be judged is journey.c's business.
 */
#include <string.h>

#include "packet/journey_table.h"

#define PKT_TYPE_OTHERHOST 3 /* PACKET_OTHERHOST, include/uapi/linux/if_packet.h */

const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_DELIVERED:
		return "delivered";
	case VERDICT_LEFT_NODE:
		return "left-node";
	case VERDICT_DROPPED:
		return "dropped";
	case VERDICT_REJECTED:
		return "rejected";
	case VERDICT_VANISHED:
		return "vanished";
	}
	return "unknown";
}

/* Frames for many, and frames that are not IP, have no single place to arrive at. */
static bool has_no_destination(const struct packet *packet)
{
	return !packet->ip_version || (packet->flags & PACKET_MULTICAST) ||
	       address_is_multicast(address_make(packet->ip_version, packet->dst));
}

static bool kind_is(const struct device *device, const char *kind)
{
	return !strcmp(device->kind, kind);
}

/* Seen going out of a device. What follows is only missed where it would have been seen. */
static enum ending ending_out(const struct place_cache *places, const struct device *device)
{
	if (!device)
		return ENDING_LEFT;
	switch (device->role) {
	case ROLE_POD:
	case ROLE_LOOPBACK:
		return ENDING_DELIVERED;
	case ROLE_UPLINK:
		return ENDING_LEFT;
	case ROLE_BRIDGE:
		return places->pods_traced && places->pod_traced ? ENDING_MIDDLE : ENDING_DELIVERED;
	case ROLE_TUNNEL:
		/* WireGuard encrypts: what follows is another packet. */
		return places->uplink_traced && !kind_is(device, "wireguard") ? ENDING_MIDDLE
									      : ENDING_LEFT;
	case ROLE_INSIDE:
		return places->pod_traced ? ENDING_MIDDLE : ENDING_LEFT;
	case ROLE_OTHER:
		break;
	}
	return kind_is(device, "veth") ? ENDING_DELIVERED : ENDING_LEFT;
}

/* It should go on to `dst`. Missed only where it would be seen: --device may leave devices out. */
static enum ending ending_onward(struct place_cache *places, struct address dst)
{
	if (place_pod_of(places, dst))
		return places->pods_traced ? ENDING_MIDDLE : ENDING_DELIVERED;
	return places->exits_traced ? ENDING_MIDDLE : ENDING_LEFT;
}

/* Seen coming in. Fragments end here: reassembly takes them, and what comes of it is another packet. */
static enum ending ending_in(struct place_cache *places, const struct open_journey *journey,
			     const struct device *device)
{
	const struct hop_cell *hop = journey->last_hop;
	const struct encap *encap = hop->encap;
	struct packet packet = hop_cell_packet(journey, hop);
	struct address dst = address_make(packet.ip_version, packet.dst);

	if (device && (device->role == ROLE_INSIDE || device->role == ROLE_LOOPBACK))
		return ENDING_DELIVERED;
	if (packet.frag & (PACKET_FRAG_MF | PACKET_FRAG_OFFSET))
		return ENDING_DELIVERED;
	if (encap) {
		struct address outer = address_make(encap->ip_version, encap->dst);

		if (!place_is_local(places, hop->netns, outer))
			return ENDING_MIDDLE;
		return places->tunnel_traced ? ENDING_MIDDLE : ENDING_DELIVERED;
	}
	if (place_is_local(places, hop->netns, dst))
		return ENDING_DELIVERED;
	return ending_onward(places, dst);
}

/*
 * Flooded to a pod it was not meant for, and nowhere to the right one: the bridge does not
 * know where that is. Where nobody known holds the address, the word of the pod's kernel
 * counts, which found another host's MAC on the frame.
 */
static bool is_astray(struct place_cache *places, const struct open_journey *journey,
		      const struct device *device)
{
	struct packet packet = hop_cell_packet(journey, journey->last_hop);
	const char *owner = place_pod_of(places, address_make(packet.ip_version, packet.dst));

	if (!device || device->role != ROLE_POD || !device->master_ifindex)
		return false;
	if (!owner)
		return journey->drop && journey->drop->benign &&
		       journey->drop->info.pkt_type == PKT_TYPE_OTHERHOST;
	for (const struct hop_cell *hop = journey->first_hop; hop; hop = hop->next) {
		const struct device *at = place_device(places, hop->netns, hop->ifindex);

		if (hop->out && at && !strcmp(at->pod, owner))
			return false;
	}
	return true;
}

/* Its last hop is another fragment's, and no more will be heard of its own. */
static enum ending ending_along(struct place_cache *places, const struct packet *packet,
				const struct device *device)
{
	bool to_pod = place_pod_of(places, address_make(packet->ip_version, packet->dst)) != NULL;

	return to_pod || (device && device->role == ROLE_POD) ? ENDING_DELIVERED : ENDING_LEFT;
}

static const char *arp_owner(struct place_cache *places, const struct packet *packet)
{
	return place_pod_of(places, address_make(4, packet->dst));
}

bool sighting_is_aside(struct place_cache *places, const struct record *record)
{
	const struct packet *packet = &record->packet;
	const struct device *device = place_device(places, record->netns, record->ifindex);
	const char *owner = arp_owner(places, packet);
	bool to_pod = record->type == RECORD_HOP_OUT && device && device->role == ROLE_POD;

	if (owner)
		return to_pod ? strcmp(device->pod, owner) != 0 : record->type == RECORD_HOP_IN;
	return to_pod && place_is_local(places, record->netns, address_make(4, packet->dst));
}

/* Where an ARP frame ends: nobody known has the address and all ports got it, then no port counts more than others. */
static const struct hop_cell *arp_end(struct place_cache *places,
				      const struct open_journey *journey)
{
	const struct hop_cell *last = journey->last_hop;
	const struct device *device = place_device(places, last->netns, last->ifindex);

	return last->out && device && device->role == ROLE_POD &&
			       journey->packet.flags & PACKET_MULTICAST &&
			       !arp_owner(places, &journey->packet)
		       ? journey->first_hop
		       : last;
}

/* One pod says it to another by a bridge, and to it alone: it has to arrive there. */
static bool is_missed_arp(struct place_cache *places, const struct open_journey *journey)
{
	const struct hop_cell *hop = journey->last_hop;
	const struct device *device = place_device(places, hop->netns, hop->ifindex);

	return !hop->out && !(journey->packet.flags & PACKET_MULTICAST) && places->pods_traced &&
	       device && device->role == ROLE_POD && device->master_ifindex &&
	       arp_owner(places, &journey->packet);
}

static enum ending ending_arp(struct place_cache *places, const struct open_journey *journey)
{
	const struct device *device;
	const struct hop_cell *end;

	if (!journey->last_hop)
		return ENDING_DELIVERED;
	if (is_missed_arp(places, journey))
		return ENDING_MIDDLE;
	end = arp_end(places, journey);
	device = place_device(places, end->netns, end->ifindex);
	return end->out && device && device->role == ROLE_UPLINK ? ENDING_LEFT : ENDING_DELIVERED;
}

enum ending journey_ending(struct place_cache *places, const struct open_journey *journey)
{
	const struct hop_cell *hop = journey->last_hop;
	const struct device *device;

	if (journey->merged || journey->stray)
		return ENDING_DELIVERED;
	if (journey->carried)
		return ENDING_LEFT;
	if (journey->arp)
		return ending_arp(places, journey);
	if (has_no_destination(&journey->packet))
		return ENDING_DELIVERED;
	if (!hop)
		return ENDING_MIDDLE;
	device = place_device(places, hop->netns, hop->ifindex);
	if (journey->taken_along) {
		struct packet packet = hop_cell_packet(journey, hop);

		return ending_along(places, &packet, device);
	}
	if (hop->out && is_astray(places, journey, device))
		return ENDING_MIDDLE;
	return hop->out ? ending_out(places, device) : ending_in(places, journey, device);
}

bool journey_is_served(struct place_cache *places, const struct open_journey *journey)
{
	const struct hop_cell *hop = journey->last_hop;
	struct packet packet;

	if (!hop || hop->out || hop->encap)
		return false;
	packet = hop_cell_packet(journey, hop);
	return place_is_served(places, hop->netns, address_make(packet.ip_version, packet.dst));
}

static bool start_in(const struct place_cache *places, const struct device *device, bool *hard)
{
	if (!device)
		return true;
	switch (device->role) {
	case ROLE_POD:
	case ROLE_UPLINK:
		*hard = true;
		return true;
	case ROLE_BRIDGE:
		return !places->pod_traced;
	case ROLE_TUNNEL:
		/* What WireGuard decrypts was another packet before. */
		return !places->uplink_traced || kind_is(device, "wireguard");
	case ROLE_INSIDE:
		return false;
	case ROLE_LOOPBACK:
	case ROLE_OTHER:
		break;
	}
	return true;
}

bool sighting_is_start(struct place_cache *places, const struct record *record, bool *hard)
{
	const struct device *device = place_device(places, record->netns, record->ifindex);
	const struct packet *packet = &record->packet;

	*hard = false;
	if (record->type == RECORD_HOP_IN)
		return start_in(places, device, hard);
	if (device && (device->role == ROLE_INSIDE || device->role == ROLE_LOOPBACK)) {
		*hard = true;
		return true;
	}
	if (!packet->ip_version)
		return true;
	return place_is_local(places, record->netns, address_make(packet->ip_version, packet->src));
}

bool sighting_is_stray(struct place_cache *places, const struct record *record)
{
	const struct device *device;
	const char *pod;

	if (record->type != RECORD_HOP_OUT || has_no_destination(&record->packet))
		return false;
	device = place_device(places, record->netns, record->ifindex);
	if (!device || device->role != ROLE_POD || !device->pod[0])
		return false;
	pod = place_pod_of(places, address_make(record->packet.ip_version, record->packet.dst));
	return pod && strcmp(pod, device->pod) != 0;
}

static void end_at_last_hop(struct journey *journey)
{
	if (!journey->hop_count)
		return;
	journey->end_netns = journey->hops[journey->hop_count - 1].netns;
	journey->end_ifindex = journey->hops[journey->hop_count - 1].ifindex;
}

static void end_at_arp(struct place_cache *places, const struct open_journey *open,
		       struct journey *journey)
{
	const struct hop_cell *end;

	if (!open->last_hop)
		return;
	end = arp_end(places, open);
	journey->end_netns = end->netns;
	journey->end_ifindex = end->ifindex;
}

static void end_at_drop(struct journey *journey)
{
	const struct drop *drop = &journey->drop;

	end_at_last_hop(journey);
	if (drop->netns && drop->netns != journey->end_netns) {
		journey->end_netns = drop->netns;
		journey->end_ifindex = drop->ifindex;
	} else if (drop->ifindex) {
		journey->end_ifindex = drop->ifindex;
	}
}

bool journey_judge(struct place_cache *places, const struct open_journey *open,
		   struct journey *journey, bool *benign)
{
	bool fault = journey->has_drop && !journey->drop.benign;
	enum ending ending;

	*benign = open->stray;
	if (open->stray || (!journey->hop_count && !journey->has_drop))
		return false; /* a copy */
	if (fault)
		end_at_drop(journey);
	else if (open->arp)
		end_at_arp(places, open, journey);
	else
		end_at_last_hop(journey);
	if (open->answer && (open->answer->certain || fault)) {
		journey->verdict = VERDICT_REJECTED;
		return true;
	}
	if (fault) {
		journey->verdict = VERDICT_DROPPED;
		return true;
	}
	if ((!journey->packet.ip_version && !open->arp) || !journey->hop_count) {
		*benign = journey->has_drop;
		return false;
	}
	/* A router solicitation that nobody wanted is noise: counted, not told. */
	if (journey->has_drop && !open->arp && has_no_destination(&journey->packet)) {
		*benign = true;
		return false;
	}
	ending = journey_ending(places, open);
	if (ending == ENDING_MIDDLE && journey->has_drop && !open->arp &&
	    journey->drop.info.pkt_type != PKT_TYPE_OTHERHOST) {
		*benign = true;
		return false;
	}
	journey->verdict = ending == ENDING_DELIVERED ? VERDICT_DELIVERED
			   : ending == ENDING_LEFT    ? VERDICT_LEFT_NODE
						      : VERDICT_VANISHED;
	return true;
}
