/* SPDX-License-Identifier: GPL-2.0-only */
/* Queries to the cluster's DNS and their answers on world.h's node, with the messages as captured. */
#ifndef CNITRACE_TESTS_DNS_WORLD_H
#define CNITRACE_TESTS_DNS_WORLD_H

#include "world.h"

/* A query (or its answer) for a name, as captured. */
static inline void put_dns(struct journey *journey, uint16_t id, const char *name, int rcode)
{
	uint8_t *out = journey->payload;
	size_t at = 12;

	memset(out, 0, 12);
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	out[2] = rcode >= 0 ? 0x81 : 0x01;
	out[3] = rcode >= 0 ? (uint8_t)rcode : 0;
	out[5] = 1;
	while (*name) {
		size_t length = strcspn(name, ".");

		out[at++] = (uint8_t)length;
		memcpy(out + at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	out[at++] = 0;
	out[at + 1] = 1;
	out[at + 3] = 1;
	journey->payload_len = (uint16_t)(at + 4);
	journey->packet.seq = id;
}

static inline struct flow *ask(struct world *world, const char *name, int rcode, uint64_t delay_ns)
{
	struct flow *flow = world_flow(world, IPPROTO_UDP, BUSYBOX_IP,
				       (uint16_t)(41000 + world->flows.flows.count), DNS_IP, 53);
	struct journey *journey;

	world_translate(flow, WEB_IP, 53);
	journey = world_journey(flow, true, VERDICT_DELIVERED, 1, 70);
	journey->first_ns = 1000;
	world_hop(journey, NODE, VETH_WEB, true, flow->tuples[1]);
	put_dns(journey, 77, name, -1);
	if (rcode < 0)
		return flow;
	journey = world_reply(flow, 1, 120);
	journey->first_ns = 1000 + delay_ns;
	put_dns(journey, 77, name, rcode);
	return flow;
}

#endif
