/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The live screen of the monitor, on ncurses. It shows a screen_model and turns keys into what
 * is shown of it; it changes nothing else.
 */
#ifndef CNITRACE_OUTPUT_SCREEN_H
#define CNITRACE_OUTPUT_SCREEN_H

#include "output/screen_model.h"

struct screen;

struct screen_info {
	const struct watch *watch;
	const struct names *names;
	const char *kernel;
	uint64_t uptime_ns, now_ns, lost;
};

/* NULL when the terminal cannot do it. */
struct screen *screen_open(bool benign, bool colour);
/* Draws it anew; while frozen, what was. */
void screen_draw(struct screen *screen, const struct screen_info *info);
/* Reads the keys that were pressed. False: the user wants to leave. */
bool screen_keys(struct screen *screen);
void screen_close(struct screen *screen);

#endif
