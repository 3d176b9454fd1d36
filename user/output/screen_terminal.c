/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asked of terminfo before curses starts: newterm() takes a terminal that cannot move its
 * cursor, too. Apart from screen.c for <term.h>, which defines words like "lines" and "columns".
 */
#include "output/screen_terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

bool screen_terminal_can(void)
{
	const char *name = getenv("TERM");
	int found = 0;
	bool can;

	if (!name || !*name || setupterm(NULL, STDOUT_FILENO, &found) != OK)
		return false;
	can = cursor_address && clear_screen;
	del_curterm(cur_term);
	return can;
}
