/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random and mutated bytes through record_parse, the journey table and the flow table:
 * nothing may crash, leak or read outside. The input is a script of records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/flow.h"
#include "packet/journey.h"
#include "records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void closed(void *context, const struct journey *journey)
{
	uint64_t id;

	if (journey->hop_count > JOURNEY_MAX_HOPS || journey->verdict > VERDICT_VANISHED)
		abort();
	if (flow_table_add(context, journey, &id))
		abort();
}

static void name(void *context, struct drop *drop)
{
	(void)context;
	drop->benign = drop->info.reason & 1;
}

/* Each record: two bytes of length, then that many bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t bytes[RECORD_ROOM];
	struct journey_config config = {.closed = closed, .name_drop = name, .max_open = 50};
	struct topology topology;
	struct journey_table *table;
	struct record_view view;

	topology_example(&topology);
	config.topology = &topology;
	config.context = flow_table_new(&topology, 20);
	table = journey_table_new(&config);
	if (!config.context || !table)
		abort();
	while (size > 2) {
		size_t length = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		length = length > size ? size : length;
		length = length > RECORD_ROOM ? RECORD_ROOM : length;
		memcpy(bytes, data, length);
		if (!record_parse(bytes, length, &view)) {
			char text[16];

			packet_proto_name(&view.record->packet, text);
			if (view.refused && flow_table_refuse(config.context, &view))
				abort();
			journey_table_add(table, bytes, length);
			if (!(view.record->time_ns & 15))
				journey_table_expire(table, view.record->time_ns);
		} else if (journey_table_add(table, bytes, length) == 0) {
			abort();
		}
		data += length;
		size -= length;
	}
	journey_table_flush(table);
	flow_table_settle(config.context, UINT64_MAX);
	journey_table_free(table);
	flow_table_free(config.context);
	topology_free(&topology);
	return 0;
}

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static struct packet any_packet(void)
{
	static const char *const addresses[] = {ADDR_A,    ADDR_B,    ADDR_REMOTE, ADDR_SERVICE,
						ADDR_NODE, ADDR_CNI0, "224.0.0.1"};
	const char *src = addresses[roll(7)], *dst = addresses[roll(7)];
	uint16_t id = (uint16_t)roll(4);
	struct packet p;

	switch (roll(5)) {
	case 0:
		p = packet_tcp(src, (uint16_t)roll(3), dst, (uint16_t)roll(3), (uint8_t)roll(32),
			       roll(4000), roll(4), roll(5000));
		break;
	case 1:
		p = packet_udp(src, (uint16_t)roll(3), dst, 53, id, roll(3));
		break;
	case 2:
		p = packet_ping(src, dst, roll(2), 1, (uint16_t)roll(3), id, roll(3));
		break;
	case 3:
		p = packet_error(src, dst, 3, (uint8_t)roll(5), 1400, id);
		break;
	default:
		memset(&p, 0, sizeof(p));
		p.ethertype = roll(2) ? 0x0806 : 0;
	}
	if (!roll(8))
		p.frag = (uint16_t)roll(0x10000);
	p.ttl = (uint8_t)(60 + roll(4));
	return p;
}

static size_t any_record(uint8_t *bytes, uint64_t time_ns)
{
	static const uint32_t spaces[] = {NODE_NS, POD_A_NS, POD_B_NS, 5};
	static const uint32_t devices[] = {1, 2, 3, 4, 10, 11, 99};
	struct test_record r = record_make(1 + roll(5), time_ns, roll(8), spaces[roll(4)],
					   devices[roll(7)], any_packet());
	size_t size;

	if (!roll(3))
		r.head.tails |= TAIL_ENCAP;
	if (!roll(3))
		r.head.tails |= TAIL_QUOTED;
	if (!roll(3))
		r.head.tails |= TAIL_PAYLOAD;
	r.encap = encap_vxlan(ADDR_NODE, ADDR_NODE2, r.head.packet.len, (uint16_t)roll(3));
	r.quoted = quote(any_packet());
	r.quoted.packet.ip_version = 4;
	r.payload_len = (uint16_t)roll(RECORD_MAX_PAYLOAD + 1);
	r.drop.reason = roll(4);
	r.drop.pkt_type = (uint8_t)roll(4);
	r.head.gso_size = roll(3) ? 0 : 1400;
	size = record_write(&r, bytes);
	for (uint32_t flips = roll(4) ? 0 : roll(4); flips; flips--)
		bytes[roll((uint32_t)size)] = (uint8_t)roll(256);
	return roll(10) ? size : roll((uint32_t)size + 1);
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int from);

/* Half of the inputs are records that make sense to begin with: blind bytes seldom get past the lengths. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int from)
{
	_Alignas(8) uint8_t bytes[RECORD_ROOM];
	uint64_t now = 1000000000;
	size_t at = 0;

	if (size > 2 && from % 2)
		return LLVMFuzzerMutate(data, size, max_size);
	seed = (uint64_t)from << 20 | 1;
	for (uint32_t i = 1 + roll(255); i; i--) {
		size_t length = any_record(bytes, now += roll(2) ? roll(1000) : roll(2000000000));

		if (at + 2 + length > max_size)
			break;
		data[at++] = (uint8_t)length;
		data[at++] = (uint8_t)(length >> 8);
		memcpy(data + at, bytes, length);
		at += length;
	}
	return at;
}
