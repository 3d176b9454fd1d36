// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sightings from journeys. The signature is what NAT, routing and tunnels leave alone, as
 * packet_signature() has it; here it is made of JSON, because that is all another node sends.
 */
#include "commands/merge_sighting.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "output/json_read.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return mix(hash, 0);
}

static uint64_t address_hash(const char *address)
{
	return *address ? mix_text(1, address) | 1 : 0;
}

static uint64_t signature_of(struct json_object *packet)
{
	int64_t protocol = read_number(packet, "protocol");
	uint64_t hash = mix(read_number(packet, "ip_version"), protocol);

	if (!read_number(packet, "ip_version") || read_flag(packet, "multicast"))
		return 0;
	hash = mix(hash, read_number(packet, "ip_id"));
	hash = mix(hash, read_number(packet, "fragment_offset") * 2 +
				 read_flag(packet, "more_fragments"));
	if (read_number(packet, "fragment_offset"))
		return mix(hash, read_number(packet, "len")) | 1;
	switch (protocol) {
	case IPPROTO_TCP:
		/* Without the length, which GSO and GRO change; SYN is 2, RST is 4. */
		hash = mix(hash, read_number(packet, "seq"));
		hash = mix(hash, read_number(packet, "ack"));
		hash = mix(hash, read_number(packet, "tcp_flags_value") & 6);
		return mix(hash, read_number(packet, "payload_len") > 0) | 1;
	case IPPROTO_UDP:
		if (!read_number(packet, "ip_id"))
			hash = mix(hash, read_number(packet, "dns_id"));
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		hash = mix(hash, read_number(packet, "icmp_type") << 8 |
					 read_number(packet, "icmp_code"));
		hash = mix(hash, read_number(packet, "icmp_seq"));
		hash = mix(hash, read_number(packet, "icmp_mtu"));
		break;
	}
	return mix(hash, read_number(packet, "payload_len")) | 1;
}

static uint64_t tuple_of(struct json_object *flow)
{
	uint64_t hash = mix_text(mix_text(7, read_text(flow, "src")), read_text(flow, "dst"));

	return mix(hash, read_number(flow, "sport") << 16 | read_number(flow, "dport"));
}

static uint64_t outer_of(struct json_object *hop)
{
	struct json_object *encap = read_child(hop, "encap");
	uint64_t hash;

	if (!encap || !read_number(encap, "ip_id"))
		return 0; /* every datagram of the tunnel would be alike */
	hash = mix_text(mix_text(9, read_text(encap, "src")), read_text(encap, "dst"));
	hash = mix(hash, read_number(encap, "sport"));
	return mix(hash, read_number(encap, "ip_id")) | 1;
}

static size_t owner_place(const struct merge_input *input, uint64_t address)
{
	size_t mask = input->owner_room - 1, place = address * 0x9e3779b97f4a7c15ULL >> 20 & mask;

	while (input->owners[place].address && input->owners[place].address != address)
		place = (place + 1) & mask;
	return place;
}

static int owners_grow(struct merge_input *input)
{
	size_t old_room = input->owner_room;
	struct merge_owner *old = input->owners;

	input->owner_room = old_room ? old_room * 2 : 1024;
	input->owners = calloc(input->owner_room, sizeof(*input->owners));
	if (!input->owners) {
		input->owners = old;
		input->owner_room = old_room;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].address)
			input->owners[owner_place(input, old[i].address)] = old[i];
	}
	free(old);
	return 0;
}

static int owner_claim(struct merge_input *input, const char *text, uint16_t node)
{
	uint64_t address = address_hash(text);
	struct merge_owner *owner;

	if (!address)
		return 0;
	if (input->owner_count * 2 >= input->owner_room && owners_grow(input))
		return -ENOMEM;
	owner = &input->owners[owner_place(input, address)];
	if (!owner->address) {
		*owner = (struct merge_owner){.address = address, .node = node};
		input->owner_count++;
	} else if (owner->node != node) {
		owner->node = MERGE_NO_NODE; /* a link-local or a bridge's address */
	}
	return 0;
}

int merge_owners_read(struct merge_input *input, uint16_t node, struct json_object *start)
{
	int err = 0;

	for (size_t i = 0; !err && i < read_count(start, "addresses"); i++) {
		struct json_object *address = read_item(start, "addresses", i);

		err = owner_claim(input, json_object_get_string(address) ?: "", node);
	}
	return err;
}

uint16_t merge_owner_of(const struct merge_input *input, uint64_t address)
{
	const struct merge_owner *owner;

	if (!address || !input->owner_room)
		return MERGE_NO_NODE;
	owner = &input->owners[owner_place(input, address)];
	return owner->address ? owner->node : MERGE_NO_NODE;
}

static bool between_nodes(struct json_object *hop, const char *direction)
{
	const char *role = read_text(hop, "role");

	return !strcmp(read_text(hop, "direction"), direction) &&
	       (!strcmp(role, "uplink") || !strcmp(role, "tunnel"));
}

/* What ended inside a tunnel device did not leave; where no uplink is traced the verdict tells. */
static bool left_node(struct json_object *journey, struct json_object *last)
{
	const char *kind = read_text(read_child(journey, "verdict"), "kind");

	return between_nodes(last, "out") && strcmp(kind, "dropped") &&
	       (!strcmp(read_text(last, "role"), "uplink") || !strcmp(kind, "left-node"));
}

/* Addresses as they were at the last hop: the last translation, or those it began with. */
static struct json_object *flow_at_end(struct json_object *journey)
{
	for (size_t i = read_count(journey, "hops"); i-- > 0;) {
		struct json_object *nat = read_child(read_item(journey, "hops", i), "nat");

		if (nat)
			return nat;
	}
	return read_child(journey, "flow");
}

static uint32_t sighting_add(struct merge_input *input, const struct merge_line *line,
			     struct json_object *journey, struct json_object *flow,
			     struct json_object *hop, enum merge_side side)
{
	struct merge_sighting *one = array_push(&input->merge.sightings);
	struct json_object *packet = read_child(journey, "packet");
	bool tcp = read_number(packet, "protocol") == IPPROTO_TCP;

	if (!one)
		return MERGE_NONE;
	one->signature = signature_of(packet);
	one->tuple = tuple_of(flow);
	one->outer = outer_of(hop);
	one->time_ns = read_number(hop, "time_ns");
	one->journey = line - input->lines.items;
	one->seq = tcp ? read_number(packet, "seq") : 0;
	one->payload = tcp ? read_number(packet, "payload_len") : 0;
	one->partner = MERGE_NONE;
	one->node = line->node;
	one->peer = MERGE_NO_NODE;
	one->side = side;
	/* A RST without acknowledgement numbers could be any. */
	one->strong = tcp && (read_number(packet, "seq") || read_number(packet, "ack"));
	return input->merge.sightings.count - 1;
}

/* What a node calls by a pod's name, or its own, is its own; so are the tunnel's ends here. */
static int addresses_claim(struct merge_input *input, const struct merge_line *line,
			   struct json_object *flow, struct json_object *first,
			   struct json_object *last)
{
	int err = 0;

	if (*read_text(flow, "src_pod"))
		err = owner_claim(input, read_text(flow, "src"), line->node);
	if (!err && *read_text(flow, "dst_pod"))
		err = owner_claim(input, read_text(flow, "dst"), line->node);
	if (!err && between_nodes(first, "in"))
		err = owner_claim(input, read_text(read_child(first, "encap"), "dst"), line->node);
	if (!err && between_nodes(last, "out"))
		err = owner_claim(input, read_text(read_child(last, "encap"), "src"), line->node);
	return err;
}

int merge_sighting_make(struct merge_input *input, struct merge_line *line,
			struct json_object *journey)
{
	size_t hops = read_count(journey, "hops");
	struct json_object *first = read_item(journey, "hops", 0);
	struct json_object *last = hops ? read_item(journey, "hops", hops - 1) : NULL;
	struct json_object *flow = read_child(journey, "flow");

	if (!hops)
		return 0;
	if (addresses_claim(input, line, flow, first, last))
		return -ENOMEM;
	if (between_nodes(first, "in")) {
		line->arrived = sighting_add(input, line, journey, flow, first, MERGE_ARRIVED);
		if (line->arrived == MERGE_NONE)
			return -ENOMEM;
	}
	if (left_node(journey, last)) {
		struct json_object *encap = read_child(last, "encap");
		struct json_object *wire = flow_at_end(journey);

		line->left = sighting_add(input, line, journey, wire, last, MERGE_LEFT);
		line->peer = address_hash(read_text(encap ?: wire, "dst"));
		if (line->left == MERGE_NONE)
			return -ENOMEM;
	}
	return 0;
}
