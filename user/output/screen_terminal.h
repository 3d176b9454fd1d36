/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the terminal can show a screen at all.
 */
#ifndef CNITRACE_OUTPUT_SCREEN_TERMINAL_H
#define CNITRACE_OUTPUT_SCREEN_TERMINAL_H

#include <stdbool.h>

/* False for TERM=dumb, none, and what terminfo does not know: lines are all they can show. */
bool screen_terminal_can(void);

#endif
