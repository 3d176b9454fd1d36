/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many records a second become journeys (and flows) on one core, and in how much
 * memory. Not a test: `bench_journey [RECORDS]` prints one line per mix of traffic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "packet/flow.h"
#include "records.h"

#define FLOWS 500u

struct run {
	struct flow_table *flows; /* NULL: journeys only */
	uint64_t closed;
};

static void closed(void *context, const struct journey *journey)
{
	struct run *run = context;
	uint64_t id;

	run->closed++;
	if (run->flows && flow_table_add(run->flows, journey, &id))
		abort();
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Records laid out beforehand: five hops of one packet, to another node. */
struct laid_out {
	_Alignas(8) uint8_t bytes[5][256];
	size_t size[5];
};

static void lay_out(struct laid_out *way, uint32_t i)
{
	struct packet p = packet_tcp(ADDR_A, (uint16_t)(32768 + i % FLOWS), ADDR_SERVICE, 80,
				     PACKET_TCP_ACK, i * 1400, 7, 1400);
	struct packet q = packet_translate(p, ADDR_A, p.sport, ADDR_REMOTE, 8080);
	const uint32_t devices[5] = {DEV_VETH_A, DEV_CNI0, DEV_FLANNEL, DEV_ETH0, DEV_ETH0};
	_Alignas(8) uint8_t bytes[RECORD_ROOM];

	for (int hop = 0; hop < 4; hop++) {
		struct test_record r = record_make(hop < 2 ? RECORD_HOP_IN : RECORD_HOP_OUT, 0, 0,
						   NODE_NS, devices[hop], hop < 2 ? p : q);

		if (hop == 3) {
			r.head.tails = TAIL_ENCAP;
			r.encap = encap_vxlan(ADDR_NODE, ADDR_NODE2, q.len, (uint16_t)i);
		}
		way->size[hop] = record_write(&r, bytes);
		memcpy(way->bytes[hop], bytes, way->size[hop]);
	}
}

static void measure(const char *what, uint32_t records, bool with_flows)
{
	enum { WAYS = 4096 };
	struct laid_out *ways = aligned_alloc(8, sizeof(*ways) * WAYS);
	struct run run = {0};
	struct journey_config config = {.closed = closed, .context = &run};
	struct journey_table *table;
	struct topology topology;
	struct rusage usage;
	uint64_t now = 1000000000;
	double begin, spent;

	topology_example(&topology);
	for (uint32_t i = 0; i < 250; i++) { /* a full node */
		char name[16];

		snprintf(name, sizeof(name), "veth%u", i);
		topology_put_device(&topology, NODE_NS, 100 + i, name, "veth", ROLE_POD, true,
				    name);
	}
	config.topology = &topology;
	table = journey_table_new(&config);
	if (with_flows)
		run.flows = flow_table_new(&topology, 0);
	for (uint32_t i = 0; i < WAYS; i++)
		lay_out(&ways[i], i);
	begin = seconds();
	for (uint32_t done = 0, i = 0; done < records; i++) {
		struct laid_out *way = &ways[i % WAYS];

		for (int hop = 0; hop < 4; hop++, done++) {
			struct record *record = (struct record *)way->bytes[hop];

			record->time_ns = now += 1000; /* a million records a second */
			record->skb = 0xff1100000000ull + 256ull * (i % 300);
			record->packet.ip_id = (uint16_t)i;
			journey_table_add(table, way->bytes[hop], way->size[hop]);
		}
		if (i % 10000 == 0)
			journey_table_expire(table, now);
	}
	journey_table_flush(table);
	spent = seconds() - begin;
	getrusage(RUSAGE_SELF, &usage);
	printf("%-22s %.2f M records/s  %.0f ns/record  %llu journeys  %llu evicted  peak %ld KiB "
	       "(of them %zu input)\n",
	       what, records / spent / 1e6, spent / records * 1e9, (unsigned long long)run.closed,
	       (unsigned long long)journey_table_counts(table)->evicted, usage.ru_maxrss,
	       sizeof(*ways) * WAYS / 1024);
	journey_table_free(table);
	flow_table_free(run.flows);
	topology_free(&topology);
	free(ways);
}

int main(int argc, char **argv)
{
	uint32_t records = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 4000000;

	measure("journeys", records, false);
	measure("journeys and flows", records, true);
	return 0;
}
