/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which journey a record belongs to. The skb address decides, as long as the packet
 * there is still the same one; else a clone, copy, segment or fragment is recognised by
 * what identifies the packet itself. When in doubt a record starts a journey of its own:
 * two packets made one is worse than one made two.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "packet/journey_join.h"
#include "packet/mix.h"

#define JOIN_WALK 64 /* keys of a chain looked at */

static uint64_t skb_key(uint64_t skb)
{
	return mix64(0, skb);
}

static uint64_t tuple_key(const struct tuple *tuple)
{
	return (uint64_t)1 << 32 | tuple_hash(tuple);
}

/* The address now holds the datagram of a tunnel that was not taken apart (WireGuard, an unusual port). */
static bool is_carried(struct journey_table *table, const struct open_journey *journey,
		       const struct sighting *s)
{
	const struct hop_cell *last = journey->last_hop;

	return s->record->type == RECORD_HOP_OUT && s->start && !journey->drop && last &&
	       last->out && journey_role_of(table, last->netns, last->ifindex) == ROLE_TUNNEL &&
	       journey_is_recent(table, journey, s->record);
}

/* May this sighting at a new address be the same packet going on? */
static bool copy_continues(struct journey_table *table, const struct open_journey *journey,
			   const struct sighting *s)
{
	struct packet before = journey_packet_last(journey);
	struct tuple tuple = packet_tuple(&before);
	bool same = tuple_equal(&tuple, &s->tuple);

	if (journey->stray || !journey_is_recent(table, journey, s->record) ||
	    journey_has_hop(journey, s->record))
		return false;
	if (!same && !(packet_is_strong(&before) && packets_touch(&before, &s->record->packet)))
		return false;
	if (s->record->type == RECORD_DROP)
		return packet_is_strong(&before) && journey->first_hop &&
		       !journey_drop_is_elsewhere(table, journey, s);
	if (s->hard || !journey->first_hop || journey->drop)
		return false;
	if (journey->arp)
		return true;
	/* a fragment that came in was put together with the others, and may have been made again */
	return journey_ending(table->places, journey) == ENDING_MIDDLE ||
	       (!journey->last_hop->out && (before.frag & PACKET_FRAGMENT));
}

/* A copy of a packet that is known, flooded to a pod it is not for. */
static bool is_stray_copy(struct journey_table *table, const struct sighting *s)
{
	struct key *key;

	if (!sighting_is_stray(table->places, s->record))
		return false;
	key = key_find(&table->by_signature, s->signature_key);
	return key && journey_is_recent(table, key->owner, s->record);
}

static struct open_journey *find_by_signature(struct journey_table *table, const struct sighting *s)
{
	struct key *key = key_find(&table->by_signature, s->signature_key);

	for (int walked = 0; key && walked < JOIN_WALK; walked++) {
		if (copy_continues(table, key->owner, s))
			return key->owner;
		key = key_match(key->next, s->signature_key);
	}
	return NULL;
}

/* A segment of a GSO packet, or the first fragment of a whole one, that goes on at a new address. */
static bool is_part_of(struct journey_table *table, const struct open_journey *journey,
		       const struct sighting *s)
{
	const struct packet *whole = &journey->packet, *part = &s->record->packet;
	uint32_t offset = part->seq - whole->seq;
	struct packet last;

	if (!journey->last_hop || journey->stray || journey_begins_at(journey, s->record) ||
	    !journey_is_recent(table, journey, s->record))
		return false;
	if (part->proto == IPPROTO_TCP)
		return whole->proto == IPPROTO_TCP && journey->first_hop->gso_size &&
		       packet_payload_len(part) && offset && offset < packet_payload_len(whole);
	if (part->ip_version == 6 && whole->frag & PACKET_FRAGMENT) {
		last = journey_packet_last(journey);
		whole = &last;
	}
	if (!(part->frag & PACKET_FRAGMENT) || whole->frag & PACKET_FRAGMENT ||
	    part->len >= whole->len)
		return false;
	/*
	 * IPv6 has an identification in fragments alone, and a node that put them together to look at the
	 * ports gives new ones (ip6_fragment): then the ports tell, which the first one has.
	 */
	if (part->ip_version == 6 && !whole->ip_id)
		return !(part->frag & PACKET_FRAG_OFFSET);
	return part->ip_id && part->ip_id == whole->ip_id;
}

static struct open_journey *find_whole(struct journey_table *table, const struct sighting *s)
{
	const struct packet *packet = &s->record->packet;
	uint64_t hash = tuple_key(&s->tuple);
	struct key *key;

	if (!packet->ip_version ||
	    (packet->proto != IPPROTO_TCP && !(packet->frag & PACKET_FRAGMENT)))
		return NULL;
	key = key_find(&table->by_tuple, hash);
	for (int walked = 0; key && walked < JOIN_WALK; walked++) {
		if (is_part_of(table, key->owner, s))
			return key->owner;
		key = key_match(key->next, hash);
	}
	return NULL;
}

/* Every fragment of an IPv4 datagram, whatever its size: its identification stays when it is cut anew. */
static uint64_t datagram_key(const struct packet *packet)
{
	return mix64(2, (uint64_t)packet->proto << 16 | packet->ip_id);
}

static bool is_fragment4(const struct packet *packet)
{
	return packet->ip_version == 4 && packet->ip_id && (packet->frag & PACKET_FRAGMENT);
}

static bool have_same_ends(const struct packet *a, const struct packet *b)
{
	return !memcmp(a->src, b->src, sizeof(a->src)) && !memcmp(a->dst, b->dst, sizeof(a->dst));
}

/* A fragment that came in and has not gone on, of the datagram that this one may be cut from. */
static bool is_waiting_part(struct journey_table *table, const struct open_journey *journey,
			    const struct sighting *s)
{
	const struct packet *packet = &s->record->packet;
	struct packet last = journey_packet_last(journey);

	if (!journey->last_hop || journey->stray || journey->merged || journey->drop ||
	    last.proto != packet->proto || last.ip_id != packet->ip_id ||
	    !packets_touch(&last, packet) || !journey_is_recent(table, journey, s->record) ||
	    journey_has_hop(journey, s->record))
		return false;
	/* what goes out whole is cut behind a bridge's device, where its filter had it put together */
	return !journey->last_hop->out || (!(last.frag & PACKET_FRAGMENT) &&
					   journey_ending(table->places, journey) == ENDING_MIDDLE);
}

/* What first fragments tell beyond their datagram's key: at the end that was left alone, the port is the same. */
static bool first_fits(const struct packet *part, const struct packet *packet)
{
	bool same_src = !memcmp(part->src, packet->src, sizeof(part->src));

	if (part->proto == IPPROTO_ICMP)
		return part->icmp_type == packet->icmp_type &&
		       !((part->seq ^ packet->seq) & 0xffff);
	return same_src ? part->sport == packet->sport : part->dport == packet->dport;
}

/* Of two parts of a datagram, of which one may be none yet: the one that begins earlier. */
static struct open_journey *earlier_part(struct open_journey *a, struct open_journey *b)
{
	if (!a)
		return b;
	return (b->packet.frag & PACKET_FRAG_OFFSET) < (a->packet.frag & PACKET_FRAG_OFFSET) ? b
											     : a;
}

/*
 * A fragment of another size than those that came in: they were put together on the way (conntrack does so)
 * and cut anew. The first goes on from the first, the others in their order, once that has. NULL: there is
 * none, or parts of two datagrams are meant, which a masquerade makes alike.
 */
static struct open_journey *find_part(struct journey_table *table, const struct sighting *s)
{
	const struct packet *packet = &s->record->packet, *any = NULL;
	bool is_first = !(packet->frag & PACKET_FRAG_OFFSET);
	uint64_t hash = datagram_key(packet);
	struct open_journey *found = NULL;
	struct key *key;

	if (s->record->type != RECORD_HOP_OUT || !is_fragment4(packet))
		return NULL;
	key = key_find(&table->by_signature, hash);
	for (int walked = 0; key && walked < JOIN_WALK; walked++) {
		const struct packet *part = &key->owner->packet;
		bool part_is_first = !(part->frag & PACKET_FRAG_OFFSET);

		if (is_waiting_part(table, key->owner, s)) {
			if ((any && !have_same_ends(any, part)) ||
			    (part_is_first && (!is_first || !first_fits(part, packet))))
				return NULL;
			any = part;
			if (part_is_first == is_first)
				found = earlier_part(found, key->owner);
		}
		key = key_match(key->next, hash);
	}
	return found;
}

/*
 * The first of new IPv6 fragments, at an address where an old one was, when another journey has what
 * they were put together to: it goes on there.
 */
static bool is_cut_from_another(struct journey_table *table, const struct open_journey *journey,
				const struct sighting *s)
{
	const struct packet *packet = &s->record->packet;
	const struct open_journey *whole;

	if (packet->ip_version != 6 || !(packet->frag & PACKET_FRAGMENT) ||
	    (packet->frag & PACKET_FRAG_OFFSET) || s->signature_key == journey->signature.hash)
		return false;
	whole = find_whole(table, s);
	return whole && whole != journey;
}

static struct open_journey *find_by_address(struct journey_table *table, const struct sighting *s)
{
	struct key *key = key_find(&table->by_skb, skb_key(s->record->skb));
	struct open_journey *journey = key ? key->owner : NULL;

	if (!journey ||
	    (journey_same_packet(table, journey, s) && !is_cut_from_another(table, journey, s)))
		return journey;
	table->counts.reused++;
	if (is_carried(table, journey, s)) {
		journey->carried = true;
		journey_rouse(table, journey);
	}
	key_remove(&table->by_skb, key);
	return NULL;
}

/* The packet is known now: index by it. */
static int journey_name(struct journey_table *table, struct open_journey *journey,
			const struct sighting *s)
{
	journey->packet = s->record->packet;
	journey->arp = table->config.tells_arp && packet_is_arp(&journey->packet);
	key_remove(&table->by_signature, &journey->signature);
	key_remove(&table->by_tuple, &journey->tuple);
	if (s->signature)
		key_insert(&table->by_signature, &journey->signature, s->signature_key, journey);
	if (journey->packet.ip_version)
		key_insert(&table->by_tuple, &journey->tuple, tuple_key(&s->tuple), journey);
	if (is_fragment4(&journey->packet))
		return journey_add_key(table, journey, &table->by_signature,
				       datagram_key(&journey->packet));
	return 0;
}

static int add_encap(struct journey_table *table, struct open_journey *journey,
		     struct hop_cell *hop, const struct encap *encap)
{
	struct tuple outer = {.sport = encap->sport, .dport = encap->dport, .proto = IPPROTO_UDP};

	hop->encap = pool_take(&table->packets);
	if (!hop->encap)
		return -ENOMEM;
	*hop->encap = *encap;
	if (!hop->out || encap->kind == ENCAP_IPIP)
		return 0;
	/* An ICMP error may quote no more than the tunnel's own header. */
	outer.src = address_make(encap->ip_version, encap->src);
	outer.dst = address_make(encap->ip_version, encap->dst);
	return journey_add_key(table, journey, &table->by_tuple, tuple_key(&outer));
}

static int add_packet(struct journey_table *table, struct open_journey *journey,
		      struct hop_cell *hop, const struct packet *packet)
{
	struct packet plain = *packet;

	plain.ttl = journey->packet.ttl;
	plain.flags = (plain.flags & ~PACKET_SOCKET) | (journey->packet.flags & PACKET_SOCKET);
	plain.len = journey->packet.len;
	if (!memcmp(&plain, &journey->packet, sizeof(plain)))
		return 0;
	hop->packet = pool_take(&table->packets);
	if (!hop->packet)
		return -ENOMEM;
	*hop->packet = *packet;
	return 0;
}

/* GRO put the packets that follow into this one: they go on in it. */
static void merge_followers(struct journey_table *table, const struct open_journey *journey,
			    const struct packet *packet)
{
	uint64_t hash = journey->tuple.hash;
	struct key *key = key_find(&table->by_tuple, hash);

	for (int walked = 0; key && walked < JOIN_WALK; walked++) {
		struct open_journey *other = key->owner;
		uint32_t offset = other->packet.seq - packet->seq;

		if (other != journey && other->packet.proto == IPPROTO_TCP && !other->drop &&
		    offset && offset < packet_payload_len(packet) &&
		    journey_ending(table->places, other) == ENDING_MIDDLE) {
			other->merged = true;
			journey_rouse(table, other);
		}
		key = key_match(key->next, hash);
	}
}

/* The next hop to fill; the last one again when there are as many as are kept. */
static struct hop_cell *hop_next(struct journey_table *table, struct open_journey *journey)
{
	struct hop_cell *hop = journey->last_hop;

	if (journey->hop_count == JOURNEY_MAX_HOPS) {
		journey->hops_cut = true;
		pool_give(&table->packets, hop->packet);
		pool_give(&table->packets, hop->encap);
		memset(hop, 0, sizeof(*hop));
		return hop;
	}
	hop = pool_take(&table->hops);
	if (!hop)
		return NULL;
	memset(hop, 0, sizeof(*hop));
	if (journey->last_hop)
		journey->last_hop->next = hop;
	else
		journey->first_hop = hop;
	journey->last_hop = hop;
	journey->hop_count++;
	return hop;
}

/* Packets of different tuples: a later fragment has no ports, so of it only addresses tell. */
static bool is_translated(const struct packet *before, const struct packet *packet)
{
	bool moved = memcmp(before->src, packet->src, sizeof(packet->src)) ||
		     memcmp(before->dst, packet->dst, sizeof(packet->dst));

	if (before->frag & PACKET_FRAG_OFFSET)
		return moved && !(packet->frag & PACKET_FRAG_OFFSET);
	return moved || !(packet->frag & PACKET_FRAG_OFFSET);
}

static int add_hop(struct journey_table *table, struct open_journey *journey,
		   const struct sighting *s)
{
	const struct record *record = s->record;
	bool first = !journey->last_hop;
	struct packet before = journey_packet_last(journey);
	struct tuple tuple = packet_tuple(&before);
	struct hop_cell *hop;
	int result;

	if (!first && sighting_is_stray(table->places, record) && journey->last_hop->out &&
	    journey_ending(table->places, journey) == ENDING_DELIVERED)
		return 0; /* flooded: a clone reached the right pod, the packet itself goes to another */
	if (!first && journey->arp && sighting_is_aside(table->places, record))
		return 0;
	hop = hop_next(table, journey);
	if (!hop)
		return -ENOMEM;
	hop->time_ns = record->time_ns;
	hop->netns = record->netns;
	hop->ifindex = record->ifindex;
	hop->len = record->packet.len;
	hop->ttl = record->packet.ttl;
	hop->out = record->type == RECORD_HOP_OUT;
	hop->socket = s->socket;
	hop->gso_size = record->gso_size;
	hop->gso_segs = record->gso_segs;
	if (first)
		journey->midway = !s->start && !journey->drop;
	result = add_packet(table, journey, hop, &record->packet);
	if (!result && s->view->encap)
		result = add_encap(table, journey, hop, s->view->encap);
	if (!result && !first && !tuple_equal(&tuple, &s->tuple)) {
		hop->nat = is_translated(&before, &record->packet);
		result = journey_add_key(table, journey, &table->by_tuple, tuple_key(&s->tuple));
	}
	if (!first && before.proto == IPPROTO_TCP &&
	    packet_payload_len(&record->packet) > packet_payload_len(&before))
		merge_followers(table, journey, &record->packet);
	return result;
}

/*
 * The last of the new fragments went on from `last`: where there are fewer than came in, those that are left went in
 * them.
 */
static int rest_goes_on(struct journey_table *table, const struct open_journey *last,
			const struct sighting *s)
{
	uint64_t hash = datagram_key(&last->packet);
	struct key *key = key_find(&table->by_signature, hash);

	for (int walked = 0; key && walked < JOIN_WALK; walked++) {
		struct open_journey *rest = key->owner;

		if (rest != last && have_same_ends(&rest->packet, &last->packet) &&
		    is_waiting_part(table, rest, s)) {
			if (add_hop(table, rest, s))
				return -ENOMEM;
			rest->taken_along = true;
			rest->last_ns = s->record->time_ns;
			journey_wake(table, rest);
		}
		key = key_match(key->next, hash);
	}
	return 0;
}

/* A fragment that was cut anew goes on in `journey`: it is found again by what it is now. */
static int add_part(struct journey_table *table, struct open_journey *journey,
		    const struct sighting *s)
{
	int result = journey_add_key(table, journey, &table->by_signature, s->signature_key);

	if (!result && !(s->record->packet.frag & PACKET_FRAG_MF))
		result = rest_goes_on(table, journey, s);
	return result;
}

static void drop_fill(const struct record_view *view, struct drop *drop)
{
	const struct record *record = view->record;

	memset(drop, 0, sizeof(*drop));
	drop->time_ns = record->time_ns;
	drop->netns = record->netns;
	drop->ifindex = record->ifindex;
	drop->packet = record->packet;
	drop->gso_size = record->gso_size;
	drop->gso_segs = record->gso_segs;
	drop->has_encap = view->encap != NULL;
	if (view->encap)
		drop->encap = *view->encap;
	drop->info = *view->drop;
	if (view->stack)
		memcpy(drop->stack, view->stack, view->drop->stack_depth * sizeof(uint64_t));
	else
		drop->info.stack_depth = 0;
	drop->witness_count = view->witness_count;
	if (view->witness_count)
		memcpy(drop->witnesses, view->witnesses,
		       view->witness_count * sizeof(drop->witnesses[0]));
}

/* It had left by an uplink. On one machine that stands for two nodes the packet is freed on the other: not our drop. */
static bool is_beyond(struct journey_table *table, const struct open_journey *journey,
		      const struct record *record)
{
	const struct hop_cell *last = journey->last_hop;

	return last && last->out && record->netns && record->netns != last->netns &&
	       journey_role_of(table, last->netns, last->ifindex) == ROLE_UPLINK;
}

/*
 * A pod that has the address passes the frame over as another host's: the sender knows a wrong MAC address for it. A
 * bridge that does not know that one either floods it, so all other pods say the same, with right.
 */
static bool is_misaddressed(struct journey_table *table, const struct record_view *view)
{
	const struct record *record = view->record;
	const struct packet *packet = &record->packet;

	return record->type == RECORD_DROP && view->drop->pkt_type == PACKET_TYPE_OTHERHOST &&
	       packet->ip_version && record->netns &&
	       record->netns != table->config.topology->node_netns &&
	       place_is_local(table->places, record->netns,
			      address_make(packet->ip_version, packet->dst));
}

/* The kernel freed the packet, or (`copy`) a copy of it: what is no fault of a copy is nothing to the packet. */
static int add_drop(struct journey_table *table, struct open_journey *journey,
		    const struct record_view *view, bool copy)
{
	struct drop drop;

	if (is_beyond(table, journey, view->record))
		return 0;
	drop_fill(view, &drop);
	drop.misaddressed = is_misaddressed(table, view);
	if (table->config.name_drop)
		table->config.name_drop(table->config.context, &drop);
	if (copy && !drop.misaddressed &&
	    (drop.benign || drop.info.pkt_type == PACKET_TYPE_OTHERHOST))
		return 0;
	if (journey->drop && (drop.benign || !journey->drop->benign))
		return 0;
	if (!journey->drop)
		journey->drop = pool_take(&table->drops);
	if (!journey->drop)
		return -ENOMEM;
	*journey->drop = drop;
	journey_answer_confirm(table, journey);
	return 0;
}

static int add_tails(struct journey_table *table, struct open_journey *journey,
		     const struct record_view *view)
{
	if (view->quoted && !journey->quoted) {
		journey->quoted = pool_take(&table->quotes);
		if (!journey->quoted)
			return -ENOMEM;
		*journey->quoted = *view->quoted;
	}
	if (view->payload_len && !journey->payload) {
		journey->payload = pool_take(&table->payloads);
		if (!journey->payload)
			return -ENOMEM;
		journey->payload->length = view->payload_len;
		memcpy(journey->payload->bytes, view->payload, view->payload_len);
	}
	return 0;
}

static void sighting_make(struct journey_table *table, const struct record_view *view,
			  struct sighting *s)
{
	memset(s, 0, sizeof(*s));
	s->view = view;
	s->record = view->record;
	s->signature = packet_signature(&s->record->packet);
	s->signature_key = mix64(1, s->signature);
	s->tuple = packet_tuple(&s->record->packet);
	s->socket = s->record->packet.flags & PACKET_SOCKET;
	s->is_hop = s->record->type == RECORD_HOP_IN || s->record->type == RECORD_HOP_OUT;
	if (s->is_hop)
		s->start = sighting_is_start(table->places, s->record, &s->hard);
}

static struct open_journey *open_for(struct journey_table *table, const struct sighting *s)
{
	bool stray = s->is_hop && is_stray_copy(table, s);
	struct open_journey *journey = journey_open(table, s->view);

	if (!journey)
		return NULL;
	journey->stray = stray;
	key_insert(&table->by_skb, &journey->skb, skb_key(s->record->skb), journey);
	return journey;
}

/* The address is free again, or will be when the record's packet is. */
static void forget_address(struct journey_table *table, uint64_t skb)
{
	struct key *key = key_find(&table->by_skb, skb_key(skb));

	if (key)
		key_remove(&table->by_skb, key);
}

/* How a packet goes on at a new address. */
enum going_on { GOES_WHOLE, GOES_CUT_ANEW, GOES_IN_PART };

static struct open_journey *find_copied(struct journey_table *table, const struct sighting *s,
					enum going_on *how)
{
	struct open_journey *journey;

	if (!s->signature || s->hard || (s->is_hop && is_stray_copy(table, s)))
		return NULL;
	journey = find_by_signature(table, s);
	if (journey)
		return journey;
	journey = find_part(table, s);
	if (journey) {
		*how = GOES_CUT_ANEW;
		return journey;
	}
	journey = find_whole(table, s);
	if (journey && !(s->record->packet.frag & PACKET_FRAGMENT))
		*how = GOES_IN_PART;
	return journey;
}

int journey_join(struct journey_table *table, const struct record_view *view)
{
	enum going_on how = GOES_WHOLE;
	bool copy = false, fresh, named;
	struct open_journey *journey;
	struct sighting s;
	int result = 0;

	sighting_make(table, view, &s);
	journey = find_by_address(table, &s);
	if (journey && s.record->type == RECORD_DROP)
		copy = view->drop->pkt_type == PACKET_TYPE_OTHERHOST &&
		       journey_is_copied(table, journey);
	if (!journey) {
		journey = find_copied(table, &s, &how);
		copy = journey != NULL;
		if (journey && s.is_hop)
			result = journey_add_key(table, journey, &table->by_skb,
						 skb_key(s.record->skb));
	}
	fresh = !journey;
	if (fresh)
		journey = open_for(table, &s);
	if (!journey || result)
		return -ENOMEM;
	if (s.record->time_ns > journey->last_ns)
		journey->last_ns = s.record->time_ns;
	if (!fresh)
		journey_wake(table, journey);
	named = !packet_is_known(&journey->packet) && packet_is_known(&s.record->packet);
	if (named)
		result = journey_name(table, journey, &s);
	if (!result && s.is_hop && how != GOES_IN_PART)
		result = add_hop(table, journey, &s);
	if (!result && how == GOES_CUT_ANEW)
		result = add_part(table, journey, &s);
	if (!result)
		result = add_tails(table, journey, view);
	if (!result && view->drop) {
		result = add_drop(table, journey, view, copy);
		forget_address(table, s.record->skb);
	}
	if (!result && named)
		result = journey_answer(table, journey);
	return result;
}
