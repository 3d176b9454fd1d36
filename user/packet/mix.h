/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One small hash for the tables of packet/: spreads 64-bit words well enough for
 * power-of-two tables. Not meant to resist an attacker who picks the words: chains
 * that such a one could make long are walked only so far (see journey_answer.c).
 */
#ifndef CNITRACE_PACKET_MIX_H
#define CNITRACE_PACKET_MIX_H

#include <stdint.h>

static inline uint64_t mix64(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
	return hash ^ (hash >> 32);
}

#endif
