/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells of one size, taken from chunks and given back to a free list: no malloc per
 * record, and no more memory than the busiest moment needed.
 */
#ifndef CNITRACE_PACKET_POOL_H
#define CNITRACE_PACKET_POOL_H

#include <stddef.h>

struct pool {
	size_t size; /* of a cell, a multiple of 8 */
	void *free; /* list through the cells' first word */
	void *chunks; /* list through the chunks' first word */
	size_t *used; /* bytes in use, shared by the pools of one table */
};

void pool_init(struct pool *pool, size_t size, size_t *used);
void *pool_take(struct pool *pool); /* not zeroed; NULL when memory ran out */
void pool_give(struct pool *pool, void *cell); /* NULL is fine */
void pool_free(struct pool *pool);

#endif
