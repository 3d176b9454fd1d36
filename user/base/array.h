/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growable arrays of plain structs: `ARRAY(struct link) links;` has .items and .count.
 * array_push returns a pointer to a new zeroed element, NULL when memory ran out;
 * pointers to elements are valid until the next push.
 */
#ifndef CNITRACE_BASE_ARRAY_H
#define CNITRACE_BASE_ARRAY_H

#include <stddef.h>

#define ARRAY(type)                                                                                \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t count, room;                                                                \
	}

#define array_push(array)                                                                          \
	((__typeof__((array)->items))array_grow((void **)&(array)->items, &(array)->count,         \
						&(array)->room, sizeof(*(array)->items)))
#define array_free(array) array_release((void **)&(array)->items, &(array)->count, &(array)->room)
#ifdef CNITRACE_LINT /* cppcheck cannot read two declarations in a for */
#define array_each(item, array)                                                                    \
	for (size_t item##_n = 0; item##_n < (array)->count; item##_n++)                           \
		for (__typeof__(*(array)->items) *item = &(array)->items[item##_n]; item;          \
		     item = NULL)
#else
#define array_each(item, array)                                                                    \
	for (__typeof__((array)->items + 0) item = (array)->items,                                 \
					    item##_end = item ? item + (array)->count : item;      \
	     item != item##_end; item++)
#endif

void *array_grow(void **items, size_t *count, size_t *room, size_t size);
void array_release(void **items, size_t *count, size_t *room);

#endif
