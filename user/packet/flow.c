/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows: which conversation a journey belongs to, and what is kept of it. Counts are
 * exact; journeys are kept as samples, few of those that went well. Judges nothing.
 */
#include "packet/flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "packet/flow_table.h"

#define DEFAULT_MAX_FLOWS 4096
#define MAX_ORPHANS 64
#define MAX_REFUSALS 256
/* Samples kept in the whole table: a struct journey is some 6 KiB. */
#define MAX_SAMPLES_PLAIN 256
#define MAX_SAMPLES_OTHER 1024
#define PORT_DNS 53

struct flow_table *flow_table_new(const struct topology *topology, uint32_t max_flows)
{
	struct flow_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->topology = topology;
	table->max_flows = max_flows ? max_flows : DEFAULT_MAX_FLOWS;
	table->index = flow_index_new();
	if (!table->index) {
		free(table);
		return NULL;
	}
	return table;
}

static void samples_free(struct flow_direction *direction)
{
	for (int i = 0; i < direction->sample_count; i++)
		free(direction->samples[i]);
}

void flow_table_free(struct flow_table *table)
{
	if (!table)
		return;
	array_each(flow, &table->flows) {
		samples_free(&(*flow)->forward);
		samples_free(&(*flow)->reverse);
		free(flow_entry_of(*flow));
	}
	array_free(&table->flows);
	array_free(&table->orphans);
	array_free(&table->refusals);
	flow_index_free(table->index);
	free(table);
}

static bool has_fault(const struct journey *journey)
{
	return journey->has_drop && !journey->drop.benign;
}

struct tuple_list {
	struct tuple tuples[FLOW_TUPLES];
	int count;
};

static void tuple_list_add(struct tuple_list *list, struct tuple tuple)
{
	for (int i = 0; i < list->count; i++) {
		if (tuple_equal(&list->tuples[i], &tuple))
			return;
	}
	if (list->count < FLOW_TUPLES)
		list->tuples[list->count++] = tuple;
}

/* Every name the packet had on its way, in order. A later fragment has no ports and tells nothing. */
static void journey_tuples(const struct journey *journey, struct tuple_list *list)
{
	list->count = 0;
	tuple_list_add(list, packet_tuple(&journey->packet));
	for (int i = 0; i < journey->hop_count; i++) {
		if (journey->hops[i].nat)
			tuple_list_add(list, packet_tuple(&journey->hops[i].packet));
	}
	if (has_fault(journey) && journey->drop.packet.ip_version &&
	    journey->drop.packet.proto == journey->packet.proto &&
	    !(journey->drop.packet.frag & PACKET_FRAG_OFFSET))
		tuple_list_add(list, packet_tuple(&journey->drop.packet));
}

static void tuple_list_reverse(struct tuple_list *list)
{
	struct tuple_list reverse = {.count = list->count};

	for (int i = 0; i < list->count; i++)
		reverse.tuples[i] = tuple_reverse(list->tuples[list->count - 1 - i]);
	*list = reverse;
}

/* Does the packet itself say that it goes forward (1) or back (-1)? 0: it does not. */
static int packet_says(const struct packet *packet)
{
	uint8_t flags = packet->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK);

	if (packet_is_echo_request(packet))
		return 1;
	if (packet_is_echo_reply(packet))
		return -1;
	if (packet->proto != IPPROTO_TCP || !(flags & PACKET_TCP_SYN))
		return 0;
	return flags == PACKET_TCP_SYN ? 1 : -1;
}

/* Servers have the lower port; ephemeral ones start at 32768 (net.ipv4.ip_local_port_range). */
static bool looks_reverse(const struct packet *packet)
{
	uint16_t ours = packet->sport, theirs = packet->dport;

	return ours && ((ours < 1024 && theirs >= 1024) || (ours < 32768 && theirs >= 32768));
}

static struct flow_entry *entry_new(struct flow_table *table, uint8_t proto)
{
	struct flow_entry *entry;
	struct flow **slot;

	if (table->flows.count >= table->max_flows)
		return NULL;
	/* The arrays at its end are some 11 KiB: each item is cleared when it is first used. */
	entry = malloc(sizeof(*entry));
	if (entry)
		memset(entry, 0, offsetof(struct flow_entry, flow.drops));
	slot = entry ? array_push(&table->flows) : NULL;
	if (!slot) {
		free(entry);
		return NULL;
	}
	*slot = &entry->flow;
	entry->flow.id = ++table->index->last_id;
	entry->flow.proto = proto;
	return entry;
}

/* tuples[1] is the endpoint where there is a translation of the destination. */
static void flow_arrange(struct flow *flow)
{
	const struct tuple *first = &flow->tuples[0];

	flow->translated = false;
	for (int i = 1; i < flow->tuple_count && !flow->translated; i++) {
		struct tuple tuple = flow->tuples[i];

		/* masquerading may change an echo's id, which stands in both ports */
		if (address_equal(tuple.dst, first->dst) &&
		    (tuple.dport == first->dport || flow->proto == IPPROTO_ICMP ||
		     flow->proto == IPPROTO_ICMPV6))
			continue;
		flow->translated = true;
		flow->tuples[i] = flow->tuples[1];
		flow->tuples[1] = tuple;
	}
}

static bool flow_has_tuple(const struct flow *flow, const struct tuple *tuple)
{
	for (int i = 0; i < flow->tuple_count; i++) {
		if (tuple_equal(&flow->tuples[i], tuple))
			return true;
	}
	return false;
}

/* Indexed for the flow's later fragments (learn_fragments), but no name of it. */
static bool names_fragments(const struct flow_table *table, const struct flow_entry *entry,
			    const struct tuple *tuple)
{
	const struct flow_key *key = flow_index_find(table->index, tuple);

	return key && key->entry == entry;
}

/*
 * Where a new name belongs: before the first known one of those that follow it in its own journey, else at the end. The
 * pod that serves is traced: it sees the request translated already, and only its answer gets the Service's address back.
 */
static int tuple_place(const struct flow *flow, const struct tuple_list *list, int next)
{
	for (; next < list->count; next++) {
		for (int i = 0; i < flow->tuple_count; i++) {
			if (tuple_equal(&flow->tuples[i], &list->tuples[next]))
				return i;
		}
	}
	return flow->tuple_count;
}

/* Adds the forward tuples of a journey that the flow does not know yet; `whole`: the first is the client's own. */
static int flow_learn(struct flow_table *table, struct flow_entry *entry,
		      const struct tuple_list *list, bool whole)
{
	struct flow *flow = &entry->flow;
	bool changed = false;

	for (int i = 0; i < list->count && flow->tuple_count < FLOW_TUPLES; i++) {
		struct tuple tuple = list->tuples[i];
		int at, result;

		if (flow_has_tuple(flow, &tuple) || names_fragments(table, entry, &tuple))
			continue;
		at = i == 0 && whole ? 0 : tuple_place(flow, list, i + 1);
		result = flow_index_add(table->index, entry, tuple);
		if (result)
			return result;
		memmove(&flow->tuples[at + 1], &flow->tuples[at],
			(size_t)(flow->tuple_count - at) * sizeof(tuple));
		flow->tuples[at] = tuple;
		flow->tuple_count++;
		changed = true;
	}
	if (changed)
		flow_arrange(flow);
	return 0;
}

/* The trace began midway and the guess at the direction was wrong. */
static void flow_flip(struct flow_table *table, struct flow_entry *entry)
{
	struct flow *flow = &entry->flow;
	struct tuple_list list = {.count = flow->tuple_count};
	struct flow_direction forward = flow->forward;
	struct flow_sizes sizes = entry->sizes[1];

	flow_index_flip(table->index, entry);
	memcpy(list.tuples, flow->tuples, sizeof(list.tuples));
	tuple_list_reverse(&list);
	memcpy(flow->tuples, list.tuples, sizeof(list.tuples));
	flow->forward = flow->reverse;
	flow->reverse = forward;
	entry->sizes[1] = entry->sizes[0];
	entry->sizes[0] = sizes;
	for (int i = 0; i < flow->drop_count; i++)
		flow->drops[i].forward = !flow->drops[i].forward;
	for (int i = 0; i < flow->answer_count; i++)
		flow->answers[i].forward = !flow->answers[i].forward;
	flow_arrange(flow);
}

/* Finds or makes the flow of these tuples. NULL: no room or no memory (*result says which). */
static struct flow_entry *flow_find(struct flow_table *table, const struct packet *packet,
				    struct tuple_list *list, bool whole, bool *forward, int *result)
{
	int says = packet_says(packet);
	struct flow_entry *entry = NULL;

	*result = 0;
	for (int i = 0; i < list->count && !entry; i++) {
		struct flow_key *key = flow_index_find(table->index, &list->tuples[i]);

		if (!key)
			continue;
		entry = key->entry;
		*forward = key->forward;
	}
	if (entry && says && !entry->sure && *forward != (says > 0)) {
		flow_flip(table, entry);
		*forward = says > 0;
	}
	if (!entry) {
		*forward = says ? says > 0 : !looks_reverse(packet);
		entry = entry_new(table, packet->proto);
		if (!entry) {
			*result = table->flows.count >= table->max_flows ? 0 : -ENOMEM;
			table->flows_dropped += !*result;
			return NULL;
		}
	}
	entry->sure |= says != 0;
	if (!*forward)
		tuple_list_reverse(list);
	*result = flow_learn(table, entry, list, whole && *forward);
	return entry;
}

static bool same_drop(const struct drop *a, const struct drop *b)
{
	return a->netns == b->netns && a->ifindex == b->ifindex &&
	       a->info.reason == b->info.reason && a->info.location == b->info.location &&
	       ((a->derived && b->derived) || !strcmp(a->reason, b->reason)) &&
	       !strcmp(a->function, b->function) && !strcmp(a->hook, b->hook);
}

static void drop_count(struct flow_drop *drop, const struct journey *journey)
{
	uint32_t len = journey->drop.packet.len;

	/* one that a witness spoke of stands for all */
	if (journey->drop.witness_count > drop->first.witness_count)
		drop->first = journey->drop;
	drop->count++;
	if (drop->count == 1 || len < drop->min_len)
		drop->min_len = len;
	if (len > drop->max_len)
		drop->max_len = len;
	if (journey->verdict == VERDICT_REJECTED && journey->answered_by) {
		drop->answered = true;
		drop->answer = journey->answer;
	}
}

static void drop_begin(struct flow_drop *drop, const struct journey *journey, bool forward)
{
	memset(drop, 0, sizeof(*drop));
	drop->first = journey->drop;
	drop->forward = forward;
	drop->packet = journey->packet;
	drop->journey_id = journey->id;
}

static void flow_add_drop(struct flow *flow, const struct journey *journey, bool forward)
{
	int i = 0;

	while (i < flow->drop_count && (flow->drops[i].forward != forward ||
					!same_drop(&flow->drops[i].first, &journey->drop)))
		i++;
	if (i == FLOW_DROPS) {
		flow->drops_more++;
		return;
	}
	if (i == flow->drop_count) {
		drop_begin(&flow->drops[i], journey, forward);
		flow->drop_count++;
	}
	drop_count(&flow->drops[i], journey);
}

static int add_orphan(struct flow_table *table, const struct journey *journey)
{
	struct flow_drop *found = NULL;

	if (!has_fault(journey))
		return 0;
	array_each(drop, &table->orphans) {
		if (same_drop(&drop->first, &journey->drop))
			found = drop;
	}
	if (!found && table->orphans.count < MAX_ORPHANS) {
		found = array_push(&table->orphans);
		if (!found)
			return -ENOMEM;
		drop_begin(found, journey, true);
	}
	if (found)
		drop_count(found, journey);
	return 0;
}

/* Was it made here? Not when it came in by an uplink or out of a tunnel. */
static bool made_here(const struct flow_table *table, const struct journey *journey)
{
	const struct hop *hop = &journey->hops[0];
	const struct device *device;

	if (!journey->hop_count || hop->out || !table->topology)
		return true;
	device = topology_device(table->topology, hop->netns, hop->ifindex);
	return !device || (device->role != ROLE_UPLINK && device->role != ROLE_TUNNEL);
}

static bool same_answer(const struct flow_answer *answer, const struct packet *packet, bool forward)
{
	const struct packet *known = &answer->packet;

	return answer->forward == forward && known->proto == packet->proto &&
	       known->icmp_type == packet->icmp_type && known->icmp_code == packet->icmp_code &&
	       !memcmp(known->src, packet->src, sizeof(known->src));
}

/* The answer that `journey` is: to the forward packets of the flow, or to the reverse ones. */
static void flow_add_answer(struct flow_table *table, struct flow *flow,
			    const struct journey *journey, bool forward)
{
	struct flow_answer *answer;
	int i = 0;

	while (i < flow->answer_count && !same_answer(&flow->answers[i], &journey->packet, forward))
		i++;
	if (i == FLOW_ANSWERS)
		return;
	answer = &flow->answers[i];
	if (i == flow->answer_count) {
		flow->answer_count++;
		memset(answer, 0, sizeof(*answer));
		answer->packet = journey->packet;
		answer->quoted = journey->quoted;
		answer->forward = forward;
		answer->local = made_here(table, journey);
		answer->from_netns =
			journey->hop_count ? journey->hops[0].netns : journey->drop.netns;
		answer->from_ifindex =
			journey->hop_count ? journey->hops[0].ifindex : journey->drop.ifindex;
	}
	answer->count++;
	answer->delivered |= journey->verdict == VERDICT_DELIVERED;
	if (has_fault(journey) && !answer->drop.time_ns)
		answer->drop = journey->drop;
}

/* An ICMP error belongs to the flow it complains about. */
static int add_icmp_error(struct flow_table *table, const struct journey *journey,
			  uint64_t *flow_id)
{
	struct tuple_list list = {.count = 0};
	struct flow_entry *entry;
	bool forward;
	int result;

	tuple_list_add(&list, packet_tuple(&journey->quoted.packet));
	entry = flow_find(table, &journey->quoted.packet, &list, false, &forward, &result);
	if (!entry || result)
		return result;
	*flow_id = entry->flow.id;
	flow_add_answer(table, &entry->flow, journey, forward);
	return 0;
}

static bool is_dns(const struct packet *packet)
{
	return packet->proto == IPPROTO_UDP &&
	       (packet->sport == PORT_DNS || packet->dport == PORT_DNS);
}

/* RFC 1035 4.1.1: a response with a code other than 0. */
static bool is_dns_error(const struct journey *journey)
{
	return is_dns(&journey->packet) && journey->payload_len >= 4 &&
	       (journey->payload[2] & 0x80) && (journey->payload[3] & 0x0f);
}

static bool same_end(const struct journey *a, const struct journey *b)
{
	return a->verdict == b->verdict && a->end_netns == b->end_netns &&
	       a->end_ifindex == b->end_ifindex && a->has_drop == b->has_drop &&
	       a->tracked_midway == b->tracked_midway &&
	       (!a->has_drop || same_drop(&a->drop, &b->drop)) && !is_dns(&a->packet);
}

static void keep_sample(struct flow_table *table, struct flow_direction *direction,
			const struct journey *journey, uint64_t flow_id)
{
	bool plain =
		!journey->has_drop && !is_dns_error(journey) &&
		(journey->verdict == VERDICT_DELIVERED || journey->verdict == VERDICT_LEFT_NODE);
	uint32_t *kept = plain ? &table->index->samples_plain : &table->index->samples_other;
	struct journey *sample;

	if (direction->sample_count == FLOW_SAMPLES ||
	    *kept >= (plain ? MAX_SAMPLES_PLAIN : MAX_SAMPLES_OTHER))
		return;
	for (int i = 0; i < direction->sample_count; i++) {
		if (same_end(direction->samples[i], journey))
			return;
	}
	sample = malloc(sizeof(*sample));
	if (!sample)
		return; /* samples are a help, not a promise */
	*sample = *journey;
	sample->flow_id = flow_id;
	direction->samples[direction->sample_count++] = sample;
	(*kept)++;
}

static void direction_count(struct flow_direction *direction, const struct journey *journey)
{
	const struct packet *packet = &journey->packet;

	if (!direction->packets || journey->first_ns < direction->first_ns)
		direction->first_ns = journey->first_ns;
	if (journey->last_ns > direction->last_ns)
		direction->last_ns = journey->last_ns;
	direction->packets++;
	direction->bytes += packet->len;
	if (!(journey->evicted && journey->verdict == VERDICT_VANISHED))
		direction->verdicts[journey->verdict]++;
	direction->benign += journey->has_drop && journey->drop.benign;
	if (packet->proto != IPPROTO_TCP)
		return;
	direction->syns += !!(packet->tcp_flags & PACKET_TCP_SYN);
	direction->rsts += !!(packet->tcp_flags & PACKET_TCP_RST);
	direction->fins += !!(packet->tcp_flags & PACKET_TCP_FIN);
}

/* Later fragments carry no ports: let them find the flow by the first one. */
static int learn_fragment(struct flow_table *table, struct flow_entry *entry,
			  const struct packet *packet, bool forward)
{
	struct tuple tuple = packet_tuple(packet);

	if (!(packet->frag & PACKET_FRAG_MF) || (packet->frag & PACKET_FRAG_OFFSET))
		return 0;
	tuple.sport = tuple.dport = 0;
	return flow_index_add(table->index, entry, forward ? tuple : tuple_reverse(tuple));
}

/* The packet, or what was cut from it on its way. */
static int learn_fragments(struct flow_table *table, struct flow_entry *entry,
			   const struct journey *journey, bool forward)
{
	int result = learn_fragment(table, entry, &journey->packet, forward);

	for (int i = 0; !result && i < journey->hop_count; i++)
		result = learn_fragment(table, entry, &journey->hops[i].packet, forward);
	return result;
}

int flow_table_add(struct flow_table *table, const struct journey *journey, uint64_t *flow_id)
{
	struct flow_direction *direction;
	struct flow_entry *entry;
	struct tuple_list list;
	bool forward;
	int result;

	*flow_id = 0;
	if (journey->last_ns > table->index->latest_ns)
		table->index->latest_ns = journey->last_ns;
	if (!journey->packet.ip_version)
		return add_orphan(table, journey);
	if (journey->has_quoted && packet_is_icmp_error(&journey->packet))
		return add_icmp_error(table, journey, flow_id);
	journey_tuples(journey, &list);
	entry = flow_find(table, &journey->packet, &list, !journey->tracked_midway, &forward,
			  &result);
	if (entry && !result)
		result = learn_fragments(table, entry, journey, forward);
	if (!entry || result)
		return result;
	*flow_id = entry->flow.id;
	direction = forward ? &entry->flow.forward : &entry->flow.reverse;
	direction_count(direction, journey);
	flow_sizes_add(entry, forward, journey);
	if (has_fault(journey))
		flow_add_drop(&entry->flow, journey, forward);
	if (journey->answers)
		flow_add_answer(table, &entry->flow, journey, !forward);
	keep_sample(table, direction, journey, entry->flow.id);
	return 0;
}

int flow_table_refuse(struct flow_table *table, const struct record_view *refused)
{
	const struct refused_info *info = refused->refused;
	struct tuple tuple = packet_tuple(&refused->record->packet);
	struct refusal *refusal;

	array_each(known, &table->refusals) {
		if (known->error == info->error && known->netns == refused->record->netns &&
		    known->pid == info->pid && known->syscall == info->syscall &&
		    known->tuple.dport == tuple.dport && known->tuple.proto == tuple.proto &&
		    address_equal(known->tuple.dst, tuple.dst)) {
			known->count++;
			return 0;
		}
	}
	if (table->refusals.count >= MAX_REFUSALS)
		return 0;
	refusal = array_push(&table->refusals);
	if (!refusal)
		return -ENOMEM;
	refusal->error = info->error;
	refusal->tuple = tuple;
	refusal->netns = refused->record->netns;
	refusal->pid = info->pid;
	refusal->syscall = info->syscall;
	text_copy(refusal->comm, sizeof(refusal->comm), info->comm);
	refusal->count = 1;
	refusal->witness = refused->witness_count ? refused->witnesses[0] : (struct witness_info){};
	return 0;
}

void flow_table_settle(struct flow_table *table, uint64_t now_ns)
{
	array_each(flow, &table->flows)
		flow_sizes_judge(flow_entry_of(*flow), now_ns);
}
