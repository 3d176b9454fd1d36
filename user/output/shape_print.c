// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shapes on a page: title, aligned hop list, verdict, and the table that folds journeys
 * into them. A shape that was printed before and comes again takes one line.
 */
#include "output/shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *flags_title(const struct shape *shape)
{
	static const struct {
		const char *flags, *title;
	} titles[] = {
		{"S", " SYN"}, {"S.", " SYN+ACK"}, {"R", " RST"}, {"R.", " RST"}, {"F.", " FIN"},
	};

	for (unsigned i = 0; !shape->flags_vary && i < sizeof(titles) / sizeof(*titles); i++) {
		if (!strcmp(shape->flags, titles[i].flags))
			return titles[i].title;
	}
	return strchr(shape->flags, 'R') ? " RST" : "";
}

static void end_put(struct page *page, const struct shape_end *end)
{
	char text[96];

	shape_endpoint(text, sizeof(text), end->address, end->port_varies ? 0 : end->port);
	page_put(page, *text ? text : "-");
	if (*end->owner)
		page_format(page, " (%s)", end->owner);
}

static void title_put(struct page *page, const struct shape *shape)
{
	page_format(page, "%s%s ", shape->what, flags_title(shape));
	end_put(page, &shape->src);
	page_put(page, " → ");
	end_put(page, &shape->dst);
	if (*shape->about)
		page_format(page, " %s", shape->about);
}

static void verdict_put(struct page *page, const struct shape *shape)
{
	page_style(page, shape->mark == '+'   ? STYLE_GREEN
			 : shape->mark == '!' ? STYLE_RED
					      : STYLE_DIM);
	page_format(page, "%s %s",
		    shape->mark == '+'   ? "✓"
		    : shape->mark == '!' ? "✗"
					 : "·",
		    shape->verdict);
	page_style(page, STYLE_PLAIN);
}

static int compare_offsets(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median says what is usual; one packet that waited for ARP does not hide it. */
static void offset_text(struct shape_step *step, bool first, char text[32])
{
	double us;

	text[0] = '\0';
	if (!step->offset_count)
		return;
	qsort(step->offsets, step->offset_count, sizeof(*step->offsets), compare_offsets);
	us = step->offsets[step->offset_count / 2] / 1e3;
	if (us >= 1e7)
		snprintf(text, 32, "+%.1f s", us / 1e6);
	else if (us >= 1e4)
		snprintf(text, 32, "+%.1f ms", us / 1e3);
	else
		snprintf(text, 32, "%s%.0f µs", first ? "" : "+", us);
}

static void len_text(const struct shape_step *step, char text[48])
{
	if (step->min_len == step->max_len)
		snprintf(text, 48, "%llu B", (unsigned long long)step->max_len);
	else
		snprintf(text, 48, "%llu–%llu B", (unsigned long long)step->min_len,
			 (unsigned long long)step->max_len);
}

static void step_print(struct page *page, struct shape_step *step, bool first,
		       unsigned device_width, unsigned len_width)
{
	unsigned device_column = 2 + 10 + 2 + 3 + 2;
	unsigned len_end = device_column + device_width + 2 + len_width;
	char text[48];

	offset_text(step, first, text);
	page_tab(page, 12 - page_width(page, text), 0);
	page_style(page, STYLE_DIM);
	page_put(page, text);
	page_style(page, STYLE_PLAIN);
	page_tab(page, 14, 1);
	if (step->drop)
		page_put_styled(page, step->benign ? STYLE_DIM : STYLE_RED,
				step->benign ? "·" : "✗");
	else
		page_put(page, step->direction);
	page_tab(page, device_column, 1);
	page_put(page, step->device);
	len_text(step, text);
	page_tab(page, len_end - page_width(page, text), 1);
	page_put(page, text);
	if (*step->note) {
		page_tab(page, len_end + 2, 2);
		page_wrap(page, step->note, len_end + 2);
	}
	page_end_line(page);
}

static void count_put(struct page *page, uint64_t count)
{
	char text[32];

	if (count < 2)
		return;
	snprintf(text, sizeof(text), "×%llu", (unsigned long long)count);
	page_tab(page, page->width - page_width(page, text), 2);
	page_put_styled(page, STYLE_BOLD, text);
}

static void steps_print(struct page *page, struct shape *shape)
{
	unsigned device_width = 0, len_width = 0;
	char text[48];

	for (unsigned i = 0; i < shape->step_count; i++) {
		unsigned device = page_width(page, shape->steps[i].device), len;

		len_text(&shape->steps[i], text);
		len = page_width(page, text);
		device_width = device > device_width ? device : device_width;
		len_width = len > len_width ? len : len_width;
	}
	for (unsigned i = 0; i < shape->step_count; i++)
		step_print(page, &shape->steps[i], i == 0, device_width, len_width);
	if (shape->steps_cut) {
		page_put(page, "              … more hops than are kept");
		page_end_line(page);
	}
}

void shape_print(struct page *page, struct shape *shape)
{
	if (!shape->count)
		return;
	if (shape->printed) {
		page_format(page, "again ×%llu  ", (unsigned long long)shape->count);
		title_put(page, shape);
		page_put(page, "  ");
		verdict_put(page, shape);
		page_end_line(page);
	} else {
		page_style(page, STYLE_BOLD);
		title_put(page, shape);
		page_style(page, STYLE_PLAIN);
		count_put(page, shape->count);
		page_end_line(page);
		steps_print(page, shape);
		page_put(page, "  ");
		verdict_put(page, shape);
		page_end_line(page);
		page_end_line(page);
	}
	shape->printed += shape->count;
	shape->count = 0;
}

static struct shape *shapes_find(struct shapes *shapes, uint64_t key)
{
	for (unsigned i = 0; i < shapes->count; i++) {
		if (shapes->items[i]->key == key)
			return shapes->items[i];
	}
	return NULL;
}

void shapes_add(struct shapes *shapes, struct json_object *journey)
{
	uint64_t key = shape_key(journey);
	struct shape *shape = shapes_find(shapes, key);

	if (!shape && shapes->count < SHAPES_MAX) {
		shape = malloc(sizeof(*shape));
		if (shape && shape_make(shape, journey, key)) {
			free(shape);
			shape = NULL;
		}
		if (shape)
			shapes->items[shapes->count++] = shape;
	}
	if (shape)
		shape_add(shape, journey);
	else
		shapes->more++;
}

void shapes_print(struct page *page, struct shapes *shapes)
{
	bool again = false;

	for (unsigned i = 0; i < shapes->count; i++) {
		if (!shapes->items[i]->printed || !shapes->items[i]->count)
			continue;
		shape_print(page, shapes->items[i]);
		again = true;
	}
	if (again)
		page_end_line(page);
	for (unsigned i = 0; i < shapes->count; i++) {
		if (!shapes->items[i]->printed)
			shape_print(page, shapes->items[i]);
	}
	if (shapes->more) {
		page_format(page, "and %llu more journeys of other shapes (--json shows them all)",
			    (unsigned long long)shapes->more);
		page_end_line(page);
		page_end_line(page);
	}
	shapes->more = 0;
	/* A full table would hide every new shape of a long trace: begin anew. */
	if (shapes->count == SHAPES_MAX)
		shapes_release(shapes);
}

void shapes_release(struct shapes *shapes)
{
	for (unsigned i = 0; i < shapes->count; i++) {
		shape_release(shapes->items[i]);
		free(shapes->items[i]);
	}
	shapes->count = 0;
}
