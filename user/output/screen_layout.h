/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the columns of the live screen's list stand, for the width there is. Pure: no terminal.
 */
#ifndef CNITRACE_OUTPUT_SCREEN_LAYOUT_H
#define CNITRACE_OUTPUT_SCREEN_LAYOUT_H

/* As they stand from left to right. */
enum screen_column {
	COLUMN_REASON,
	COLUMN_WHERE,
	COLUMN_POD,
	COLUMN_RATE,
	COLUMN_TOTAL,
	COLUMN_SPARK,
	COLUMN_CAUSE,
	SCREEN_COLUMNS
};

struct screen_layout {
	int x[SCREEN_COLUMNS];
	int width[SCREEN_COLUMNS]; /* 0: no room for it */
};

void screen_layout_fit(struct screen_layout *layout, int width);

#endif
