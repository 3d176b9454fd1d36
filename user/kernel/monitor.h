/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The drop monitor's kernel side: one small BPF object that counts drops by key and samples
 * some of each. Apart from the tracer: it attaches to no device and costs nothing on packets
 * that are not dropped.
 */
#ifndef CNITRACE_KERNEL_MONITOR_H
#define CNITRACE_KERNEL_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config.h"
#include "kernel/filter.h"
#include "drop_count.h"
#include "output/document.h"

#define MONITOR_RING_DEFAULT (1u << 20)

struct monitor_options {
	struct tracer_config config; /* kfree_skb_args and has_expression are filled in */
	const struct filter *filter; /* NULL: every drop */
	size_t ring_bytes; /* a power of two, at least a page; 0: default */
	uint32_t samples_per_second; /* per key and CPU */
	uint32_t rows; /* keys of the map, 0: as many as fit in 24 MB, at most MONITOR_KEYS */
	const char *probes; /* comma list of ways to allow, NULL all */
};

/* How exact the counts are: seen = filtered + counted + overflow + missed. */
struct monitor_exactness {
	uint64_t seen, filtered, counted;
	uint64_t overflow; /* more kinds of drops than the map holds: counted, not told apart */
	uint64_t missed; /* the program was already running on that CPU: seen, nothing else */
	uint64_t samples, samples_lost; /* of those due: in the ring, or not */
};

struct monitor;

/* Loads it. -EPERM: privileges, -EOPNOTSUPP: this kernel cannot. */
int monitor_open(const struct monitor_options *options, struct monitor **out, struct error *error);
/* The kernel's types as load_types() gives them: until monitor_close. */
const char *monitor_types(const struct monitor *monitor);
int monitor_attach(struct monitor *monitor, struct error *error);
void monitor_detach(struct monitor *monitor);

/*
 * Calls `part` for every key, and again for the same key where its count is kept in two parts: the
 * sum counts. `placed`: this part cannot be taken. 0 or negative errno.
 */
typedef void (*monitor_part)(void *context, const struct drop_key *key, const struct drop_sum *sum,
			     bool placed);
int monitor_read(struct monitor *monitor, monitor_part part, void *context);
/* Takes a key out of the map; what it held. -ENOENT when it is not there. */
int monitor_take(struct monitor *monitor, const struct drop_key *key, struct drop_sum *sum);
/* As of the last monitor_read(), and of what has been taken since. */
int monitor_exactness(struct monitor *monitor, struct monitor_exactness *exactness);
/* Keys the map has room for. */
uint32_t monitor_room(const struct monitor *monitor);

typedef void (*monitor_sample)(void *context, const struct drop_key *key, const void *record,
			       size_t size);
/* Hands on the samples that have come. Never waits. */
void monitor_samples(struct monitor *monitor, monitor_sample sample, void *context);
/* An epoll descriptor: readable once the ring has filled a good part. */
int monitor_fd(const struct monitor *monitor);
const struct probe_state *monitor_probe(const struct monitor *monitor);
void monitor_close(struct monitor *monitor);

#endif
