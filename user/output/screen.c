/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drawing and keys. The terminal is given back by screen_close(), whatever ends the program.
 */
#include "output/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "base/text.h"
#include "output/screen_terminal.h"

enum { PAIR_RED = 1, PAIR_GREEN, PAIR_YELLOW };

struct screen {
	SCREEN *terminal;
	bool ascii, colour, filled, frozen, opened, typing, benign;
	enum screen_sort sort;
	char filter[64];
	struct drop_key selected; /* the row, not the line: it stays when the order changes */
	size_t line;
	struct screen_model model;
};

struct screen *screen_open(bool benign, bool colour)
{
	struct screen *screen;

	if (!screen_terminal_can())
		return NULL;
	screen = calloc(1, sizeof(*screen));
	if (!screen)
		return NULL;
	setlocale(LC_CTYPE, "");
	screen->ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	screen->benign = benign;
	screen->terminal = newterm(NULL, stdout, stdin);
	if (!screen->terminal) {
		free(screen);
		return NULL;
	}
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	if (colour && has_colors()) {
		screen->colour = true;
		start_color();
		use_default_colors();
		init_pair(PAIR_RED, COLOR_RED, -1);
		init_pair(PAIR_GREEN, COLOR_GREEN, -1);
		init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	}
	return screen;
}

void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen->terminal);
	screen_model_free(&screen->model);
	free(screen);
}

static void paint(const struct screen *screen, int pair, int attributes, bool on)
{
	int wanted = attributes | (screen->colour && pair ? COLOR_PAIR(pair) : 0);

	if (on)
		attron(wanted);
	else
		attroff(wanted);
}

static void put_clock(char text[16], int64_t ns)
{
	time_t seconds = ns / 1000000000;
	struct tm when;

	text[0] = '\0';
	if (localtime_r(&seconds, &when))
		strftime(text, 16, "%H:%M:%S", &when);
}

static void draw_title(struct screen *screen, const struct screen_info *info)
{
	unsigned long minutes = info->uptime_ns / 60000000000ull;
	char right[96];
	int at;

	paint(screen, 0, A_BOLD, true);
	mvprintw(0, 0, "cnitrace monitor  %s  %s  up %lu h %lu m%s", info->names->node,
		 info->kernel, minutes / 60, minutes % 60, screen->frozen ? "  FROZEN" : "");
	paint(screen, 0, A_BOLD, false);
	snprintf(right, sizeof(right), "faults %.0f/s   benign %.0f/s   lost %llu",
		 screen->model.fault_rate, screen->model.benign_rate,
		 (unsigned long long)info->lost);
	at = COLS - (int)strlen(right);
	if (at > 0)
		mvaddstr(0, at, right);
}

static void draw_row(struct screen *screen, int y, const struct screen_row *row, bool selected)
{
	char total[16], spark[SPARK_COLUMNS * 4 + 1];

	screen_number(total, row->total);
	screen_spark(spark, sizeof(spark), row->spark, screen->ascii);
	if (selected)
		attron(A_REVERSE);
	paint(screen, row->benign ? 0 : PAIR_RED, row->benign ? A_DIM : 0, true);
	mvprintw(y, 0, " %-22.22s", row->reason);
	paint(screen, row->benign ? 0 : PAIR_RED, row->benign ? A_DIM : 0, false);
	printw(" %-26.26s %-22.22s %7.*f/s %10s  %s  %s", row->what, row->pod,
	       row->rate < 10 && row->rate > 0 ? 1 : 0, row->rate, total, spark,
	       row->benign ? row->why : row->cause);
	if (selected)
		attroff(A_REVERSE);
}

static void draw_head(const struct screen *screen, int y)
{
	static const char *const sorts[] = {"rate", "total", "last seen", "reason", "pod"};

	attron(A_UNDERLINE);
	mvprintw(y, 0, " %-22s %-26s %-22s %9s %10s  %-20s  by %s", "fault drops", "where", "pod",
		 "rate", "total", "last 5 min", sorts[screen->sort]);
	attroff(A_UNDERLINE);
	if (screen->filter[0] || screen->typing)
		printw("   filter: %s%s", screen->filter, screen->typing ? "_" : "");
}

static const struct screen_finding *finding_of(const struct screen_model *model, uint64_t number)
{
	for (size_t i = 0; number && i < model->finding_count; i++) {
		if (model->findings[i].number == number)
			return &model->findings[i];
	}
	return NULL;
}

static int draw_finding(struct screen *screen, int y, const struct screen_finding *finding,
			bool whole)
{
	static const char *const severities[] = {"INFO", "WARNING", "ERROR"};
	int pair = finding->severity == SEVERITY_ERROR ? PAIR_RED : PAIR_YELLOW;
	char clock[16], count[16];

	put_clock(clock, finding->first_ns);
	screen_number(count, finding->count);
	mvprintw(y, 1, "%s  ", clock);
	paint(screen, pair, A_BOLD, true);
	printw("%-7s %s", severities[finding->severity], finding->id);
	paint(screen, pair, A_BOLD, false);
	printw("  %s  %s%sx  ", finding->place, finding->exact ? "" : "about ", count);
	if (!whole) {
		addnstr(finding->summary, COLS > getcurx(stdscr) ? COLS - getcurx(stdscr) : 0);
		return y + 1;
	}
	mvaddnstr(y + 1, 3, finding->summary, 2 * COLS - 4);
	y = getcury(stdscr);
	mvprintw(y + 1, 3, "fix  ");
	addnstr(finding->remedy, COLS - 9);
	return y + 2;
}

static void draw_open_row(struct screen *screen, int y, const struct screen_row *row)
{
	const struct screen_finding *finding = finding_of(&screen->model, row->finding);
	char total[16];

	screen_number(total, row->total);
	paint(screen, 0, A_BOLD, true);
	mvprintw(y++, 1, "%s  %s%s  %s%s", row->reason, row->what, row->peer, row->pod,
		 row->containers);
	paint(screen, 0, A_BOLD, false);
	mvprintw(y++, 1, "dropped in %s, %s packets, %llu bytes", row->function, total,
		 (unsigned long long)row->bytes);
	if (row->reason[0] == '~')
		mvaddstr(y++, 1, "the kernel gave no reason: it was inferred");
	if (row->benign)
		mvprintw(y++, 1, "benign: %s", row->why);
	y++;
	mvaddstr(y++, 1, "last packets");
	for (unsigned i = 0; i < row->flow_count && y < LINES - 2; i++)
		mvprintw(y++, 3, "%s", row->flows[i]);
	if (finding && y < LINES - 5)
		draw_finding(screen, y + 1, finding, true);
}

static size_t selected_line(struct screen *screen)
{
	const struct screen_model *model = &screen->model;

	for (size_t i = 0; i < model->row_count; i++) {
		if (!memcmp(&model->rows[i]->key, &screen->selected, sizeof(screen->selected)))
			return i;
	}
	return 0;
}

static int draw_rows(struct screen *screen, int y, int room)
{
	const struct screen_model *model = &screen->model;
	size_t first = 0;

	screen->line = selected_line(screen);
	if (screen->line >= (size_t)room)
		first = screen->line - room + 1;
	for (size_t i = first; i < model->row_count && (int)(i - first) < room; i++)
		draw_row(screen, y++, model->rows[i], i == screen->line);
	if (!model->row_count)
		mvaddstr(y++, 1, screen->filter[0] ? "nothing matches the filter" : "none so far");
	return y;
}

static void draw_list(struct screen *screen)
{
	const struct screen_model *model = &screen->model;
	int findings = model->finding_count > 6 ? 6 : (int)model->finding_count;
	int room = LINES - 6 - findings, y;

	draw_head(screen, 2);
	y = draw_rows(screen, 3, room > 1 ? room : 1);
	if (model->benign[0])
		mvprintw(y++, 1, "benign: %s", model->benign);
	if (!findings)
		return;
	mvaddstr(y++, 1, "findings");
	for (int i = 0; i < findings && y < LINES - 1; i++)
		y = draw_finding(screen, y, &model->findings[model->finding_count - 1 - i], false);
}

void screen_draw(struct screen *screen, const struct screen_info *info)
{
	struct screen_model *model = &screen->model;

	if (!screen->frozen || !screen->filled)
		screen_model_fill(model, info->watch, info->names, info->now_ns);
	screen->filled = true;
	screen_model_view(model, screen->sort, screen->filter, screen->benign);
	erase();
	draw_title(screen, info);
	screen->line = selected_line(screen);
	if (screen->opened && model->row_count)
		draw_open_row(screen, 2, model->rows[screen->line]);
	else
		draw_list(screen);
	mvaddnstr(LINES - 1, 0,
		  screen->typing   ? " type a filter, enter ends it, escape clears it"
		  : screen->opened ? " enter: back   up/down: other rows   space: freeze   q: quit"
				   : " enter: flows   f: filter   s: sort   b: benign   space: "
				     "freeze   q: quit",
		  COLS - 1);
	refresh();
}

static void filter_key(struct screen *screen, int key)
{
	size_t length = strlen(screen->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		screen->typing = false;
	} else if (key == 27) {
		screen->filter[0] = '\0';
		screen->typing = false;
	} else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && length) {
		screen->filter[length - 1] = '\0';
	} else if (key >= ' ' && key < 127 && length + 1 < sizeof(screen->filter)) {
		screen->filter[length] = key;
		screen->filter[length + 1] = '\0';
	}
}

static void move_to(struct screen *screen, int step)
{
	const struct screen_model *model = &screen->model;
	long line = (long)screen->line + step;

	if (!model->row_count)
		return;
	line = line < 0 ? 0 : line >= (long)model->row_count ? (long)model->row_count - 1 : line;
	screen->line = line;
	screen->selected = model->rows[line]->key;
}

bool screen_keys(struct screen *screen)
{
	int key;

	while ((key = getch()) != ERR) {
		if (screen->typing) {
			filter_key(screen, key);
			continue;
		}
		if (key == 'q' || key == 'Q')
			return false;
		if (key == ' ')
			screen->frozen = !screen->frozen;
		else if (key == 's')
			screen->sort = (screen->sort + 1) % SORTS;
		else if (key == 'b')
			screen->benign = !screen->benign;
		else if (key == 'f' || key == '/')
			screen->typing = true;
		else if (key == '\n' || key == '\r' || key == KEY_ENTER)
			screen->opened = !screen->opened;
		else if (key == 27)
			screen->opened = false;
		else if (key == KEY_UP || key == 'k')
			move_to(screen, -1);
		else if (key == KEY_DOWN || key == 'j')
			move_to(screen, 1);
		else if (key == KEY_NPAGE)
			move_to(screen, LINES - 8);
		else if (key == KEY_PPAGE)
			move_to(screen, -(LINES - 8));
	}
	return true;
}
