/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Losses that the kernel counts but tells no drop tracepoint of (or not on every kernel): which
 * counters are watched, what each means, and how much each has gained. Pure.
 */
#ifndef CNITRACE_DIAGNOSE_WATCH_COUNTERS_H
#define CNITRACE_DIAGNOSE_WATCH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "diagnose/finding.h"

enum counter_scope {
	COUNTER_OF_NETNS, /* each namespace has its own */
	COUNTER_OF_NODE, /* one for the machine: read in the node's namespace */
	COUNTER_OF_DEVICE,
};

struct watched_counter {
	const char *name; /* as node/counters.h names it; "Conntrack.x" and "Link.x" beside */
	enum counter_scope scope;
	const char *finding; /* id of the catalogue, NULL: told, but no fault of the catalogue */
	const char *meaning; /* what one more means */
	const char *remedy; /* where to look next */
	const char *within; /* another that never moves without this one and says more; NULL none */
};

extern const struct watched_counter watched_counters[];
extern const size_t watched_counter_count;

struct counter_state {
	uint32_t netns, ifindex;
	unsigned counter;
	uint64_t value;
	uint64_t explained; /* of that, what another counter stands for */
};

/* What a counter gained and no finding has told yet. */
struct counter_gain {
	uint32_t netns;
	unsigned counter;
	uint64_t gained;
};

struct watch_counters {
	ARRAY(struct counter_state) states; /* by netns, counter and ifindex */
	ARRAY(struct counter_gain) gains;
	uint64_t *gained; /* per watched counter, since the start */
	uint64_t refused; /* values there was no room for */
};

struct watch_counters *watch_counters_new(void);
void watch_counters_free(struct watch_counters *counters);
/*
 * What a counter says now. How much it gained since it was last told: 0 the first time, and 0 when
 * it fell (a namespace or device that is another one now). `explained`: another counter that moves
 * with this one and stands for a fault of its own; what that gained is not told again. 0 none.
 */
uint64_t watch_counter_tell(struct watch_counters *counters, unsigned counter, uint32_t netns,
			    uint32_t ifindex, uint64_t value, uint64_t explained);
/* Keeps what it gained until drops of the same moment have been judged: they may say more. */
void watch_counter_hold(struct watch_counters *counters, unsigned counter, uint32_t netns,
			uint64_t gained);
/* Is it told already, by a finding that was made of drops? */
bool watch_counter_is_told(unsigned counter, const struct finding *finding);
void watch_counters_forget(struct watch_counters *counters, uint32_t netns);
/* The finding a counter that moved stands for; NULL none. `place` is for people. */
struct finding *watch_counter_finding(struct finding_list *list, unsigned counter,
				      const char *place, uint64_t gained);

#endif
