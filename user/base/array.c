/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void *array_grow(void **items, size_t *count, size_t *room, size_t size)
{
	char *slot;

	if (*count == *room) {
		size_t more = *room ? *room * 2 : 8;
		void *grown = reallocarray(*items, more, size);

		if (!grown)
			return NULL;
		*items = grown;
		*room = more;
	}
	slot = (char *)*items + size * (*count)++;
	return memset(slot, 0, size);
}

void array_release(void **items, size_t *count, size_t *room)
{
	free(*items);
	*items = NULL;
	*count = *room = 0;
}
