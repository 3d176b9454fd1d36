/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools of equal cells. Chunks are given back only when the whole pool is freed: the
 * tables that use them are bounded by bytes in use, not by chunks.
 */
#include "packet/pool.h"

#include <stdlib.h>

#define POOL_CHUNK (32 * 1024)

void pool_init(struct pool *pool, size_t size, size_t *used)
{
	pool->size = (size + 7) & ~(size_t)7;
	pool->free = pool->chunks = NULL;
	pool->used = used;
}

static int pool_grow(struct pool *pool)
{
	size_t cells = (POOL_CHUNK - sizeof(void *)) / pool->size;
	char *chunk;

	if (!cells)
		cells = 1;
	/* cppcheck-suppress pointerSize ; a chunk opens with a pointer to the chunk before it */
	chunk = malloc(sizeof(void *) + cells * pool->size);
	if (!chunk)
		return -1;
	*(void **)chunk = pool->chunks;
	pool->chunks = chunk;
	for (size_t i = cells; i-- > 0;) {
		void **cell = (void **)(chunk + sizeof(void *) + i * pool->size);

		*cell = pool->free;
		pool->free = cell;
	}
	return 0;
}

void *pool_take(struct pool *pool)
{
	void **cell;

	if (!pool->free && pool_grow(pool))
		return NULL;
	cell = pool->free;
	pool->free = *cell;
	*pool->used += pool->size;
	return cell;
}

void pool_give(struct pool *pool, void *cell)
{
	if (!cell)
		return;
	*(void **)cell = pool->free;
	pool->free = cell;
	*pool->used -= pool->size;
}

void pool_free(struct pool *pool)
{
	while (pool->chunks) {
		void *chunk = pool->chunks;

		pool->chunks = *(void **)chunk;
		free(chunk);
	}
	pool->free = NULL;
}
