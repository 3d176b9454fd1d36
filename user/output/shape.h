/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shapes: journeys that differ only in time, size and client port, folded to one. A shape
 * keeps what a person reads, not the documents, so its memory is small and bounded.
 */
#ifndef CNITRACE_OUTPUT_SHAPE_H
#define CNITRACE_OUTPUT_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "output/page.h"

#define SHAPES_MAX 256
#define SHAPE_SAMPLES 15

struct shape_step {
	bool drop; /* the line of the drop, not of a hop */
	bool benign;
	char direction[4];
	char *device, *note;
	uint64_t min_len, max_len;
	int64_t offsets[SHAPE_SAMPLES]; /* ns since the first hop, of the first journeys */
	uint8_t offset_count;
};

struct shape_end { /* source or destination as shown */
	char *address, *owner;
	uint16_t port;
	bool port_varies;
};

struct shape {
	uint64_t key;
	char *what; /* "ICMP echo", "TCP" */
	char flags[16]; /* TCP flags of the first */
	bool flags_vary;
	char *about; /* what an ICMP error quotes, what ARP asks or answers, "" none */
	struct shape_end src, dst;
	struct shape_step *steps;
	unsigned step_count;
	bool steps_cut;
	char mark; /* '+' fine, '!' lost, '.' harmless */
	char *verdict;
	uint64_t count; /* since it was printed last */
	uint64_t printed; /* journeys of it printed before */
};

/* What makes two journeys the same shape. */
uint64_t shape_key(struct json_object *journey);
/* 0 or -ENOMEM (then nothing is kept). */
int shape_make(struct shape *shape, struct json_object *journey, uint64_t key);
/* Counts one more journey of the same key. */
void shape_add(struct shape *shape, struct json_object *journey);
void shape_release(struct shape *shape);
/* The whole block, or one line if it was printed before. */
void shape_print(struct page *page, struct shape *shape);

struct shapes {
	struct shape *items[SHAPES_MAX];
	unsigned count;
	uint64_t more; /* journeys of shapes beyond */
};

void shapes_add(struct shapes *shapes, struct json_object *journey);
void shapes_print(struct page *page, struct shapes *shapes);
void shapes_release(struct shapes *shapes);

/* "10.0.0.1:80", "[fd00::1]:80", without port when it is 0. */
void shape_endpoint(char *text, size_t size, const char *address, uint64_t port);

#endif
