/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets with a bound, for what is remembered from packet to packet: arrays of small buckets, where
 * a new entry takes the place of the oldest. Knows keys and values as numbers, not what they mean.
 *
 * An LRU hash would cost a lock and some hundred nanoseconds per new packet; here a look-up is a
 * handful of loads, and who was put out too early can be counted, which an LRU hash does not tell.
 * Two CPUs may write one slot at once: then one of the two is forgotten, or a slot holds the key of
 * one and the value of the other, which no reader takes for either.
 */
#ifndef CNITRACE_TRACK_BPF_H
#define CNITRACE_TRACK_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "config.h"

static __always_inline __u64 track_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static __always_inline struct track_bucket *track_bucket_of(void *map, __u64 key, __u32 buckets)
{
	__u32 at = track_mix(0, key) & (buckets - 1);

	return bpf_map_lookup_elem(map, &at);
}

/* The slot of `key`, or NULL. */
static __always_inline struct track_slot *track_find(void *map, __u64 key, __u32 buckets)
{
	struct track_bucket *bucket = track_bucket_of(map, key, buckets);

	if (!bucket)
		return NULL;
#pragma unroll
	for (__u32 i = 0; i < TRACK_WAYS; i++) {
		if (bucket->slots[i].key == key)
			return &bucket->slots[i];
	}
	return NULL;
}

/*
 * The slot that `key` has or now gets, with value 0 if it was another's, or NULL. *replaced: when what
 * had to give way was seen last, 0 where nothing had to.
 */
static __always_inline struct track_slot *track_claim(void *map, __u64 key, __u64 now,
						      __u32 buckets, __u64 *replaced)
{
	struct track_bucket *bucket = track_bucket_of(map, key, buckets);
	struct track_slot *slot;

	*replaced = 0;
	if (!bucket)
		return NULL;
	slot = &bucket->slots[0];
#pragma unroll
	for (__u32 i = 0; i < TRACK_WAYS; i++) {
		if (bucket->slots[i].key == key) {
			slot = &bucket->slots[i];
			slot->time_ns = now;
			return slot;
		}
		if (bucket->slots[i].time_ns < slot->time_ns)
			slot = &bucket->slots[i];
	}
	*replaced = slot->time_ns;
	slot->value = 0;
	slot->key = key;
	slot->time_ns = now;
	return slot;
}

/* Did something give way that was younger than `young_ns`? Asked last: verifiers look at each answer apart. */
static __always_inline bool track_early(__u64 replaced, __u64 now, __u64 young_ns)
{
	return replaced && now - replaced < young_ns;
}

/* `first` holds for a new value only. True when something younger than `young_ns` had to give way. */
static __always_inline bool track_put(void *map, __u64 key, __u64 value, __u64 first, __u64 now,
				      __u64 young_ns, __u32 buckets)
{
	__u64 replaced;
	struct track_slot *slot = track_claim(map, key, now, buckets, &replaced);

	if (!slot)
		return false;
	if (slot->value != value)
		slot->first = first;
	slot->value = value;
	return track_early(replaced, now, young_ns);
}

/* The slot is free again. */
static __always_inline void track_drop(struct track_slot *slot)
{
	slot->key = 0;
	slot->time_ns = 0;
}

#endif
