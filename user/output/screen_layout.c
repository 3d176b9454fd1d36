/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every column gets the least that it can be read with, the most important first; what is left
 * over makes them wider.
 */
#include "output/screen_layout.h"

#include <limits.h>
#include <stdbool.h>

#include "output/screen_model.h"

#define COLUMN_COUNT ((int)(sizeof(columns) / sizeof(columns[0])))

/* The most important first. */
static const struct {
	enum screen_column column;
	int least, most;
	int from; /* on screens so wide: the others are not to be at their least for it */
} columns[] = {
	{COLUMN_REASON, 14, 22, 0},
	{COLUMN_RATE, 8, 9, 0},
	{COLUMN_TOTAL, 7, 8, 0},
	{COLUMN_POD, 12, 22, 0},
	{COLUMN_WHERE, 12, 26, 0},
	{COLUMN_CAUSE, 14, INT_MAX, 0},
	{COLUMN_SPARK, SPARK_COLUMNS, SPARK_COLUMNS, 100},
};

/* One more for each that wants it, until nothing is left. */
static void widen(struct screen_layout *layout, int left)
{
	bool taken = true;

	while (left > 0 && taken) {
		taken = false;
		for (int i = 0; i < COLUMN_COUNT && left > 0; i++) {
			int *width = &layout->width[columns[i].column];

			if (!*width || *width >= columns[i].most)
				continue;
			++*width;
			left--;
			taken = true;
		}
	}
}

void screen_layout_fit(struct screen_layout *layout, int width)
{
	int left = width, x = 0;

	*layout = (struct screen_layout){};
	for (int i = 0; i < COLUMN_COUNT; i++) {
		int least = columns[i].least;

		if (!i && least >= left)
			least = left - 1; /* one is there in any case */
		if (least < 1 || least + 1 > left || width < columns[i].from)
			break;
		layout->width[columns[i].column] = least;
		left -= least + 1;
	}
	widen(layout, left);
	for (int i = 0; i < SCREEN_COLUMNS; i++) {
		layout->x[i] = x + 1; /* a space before each */
		x += layout->width[i] ? layout->width[i] + 1 : 0;
	}
}
