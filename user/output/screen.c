/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drawing and keys. The terminal is given back by screen_close(), whatever ends the program.
 */
#include "output/screen.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "base/text.h"
#include "output/page.h"
#include "output/screen_layout.h"
#include "output/screen_terminal.h"

enum { PAIR_RED = 1, PAIR_GREEN, PAIR_YELLOW };

struct screen {
	SCREEN *terminal;
	struct page page; /* what text becomes on this terminal; nothing is written to it */
	bool colour, filled, frozen, opened, typing, benign;
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
	screen->page.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
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

/*
 * All text goes through here: made safe, at most `room` columns of it, never beyond the line, and
 * not on the last one, which is for the keys. Where the next may stand.
 */
static int put(const struct screen *screen, int y, int x, int room, const char *text)
{
	char shown[1024];
	int width;

	if (room > COLS - x)
		room = COLS - x;
	if (y >= LINES - 1 || room <= 0)
		return x;
	width = page_fit(&screen->page, shown, sizeof(shown), text, room);
	mvaddstr(y, x, shown);
	return x + width;
}

static int put_format(const struct screen *screen, int y, int x, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int put_format(const struct screen *screen, int y, int x, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return put(screen, y, x, COLS, text);
}

static int width_of(const struct screen *screen, const char *text)
{
	return page_width(&screen->page, text);
}

/* What stands before the separators is the first that can be spared: a hook, a namespace. */
static const char *shortened(const struct screen *screen, const char *text, int room,
			     char separator)
{
	const char *next;

	while (width_of(screen, text) > room && (next = strchr(text, separator)) && next[1])
		text = next + 1;
	return text;
}

/* Bytes of `text` for a line of `room` columns: up to behind a space, when there is one. */
static size_t line_length(const struct screen *screen, const char *text, int room)
{
	size_t words = 0, at = 0;
	int width = 0;

	if (width_of(screen, text) <= room)
		return strlen(text);
	while (text[at]) {
		char one[5] = {text[at]};
		size_t length = 1;

		while (length < 4 && (text[at + length] & 0xc0) == 0x80) {
			one[length] = text[at + length];
			length++;
		}
		width += width_of(screen, one);
		if (width > room && at)
			break;
		at += length;
		if (one[0] == ' ')
			words = at;
	}
	return words ? words : at;
}

/* Over at most `most` lines, the further ones from column `indent` on; `more` ends all but the last. */
static int put_lines(const struct screen *screen, int y, int x, int indent, int most,
		     const char *text, const char *more)
{
	for (; *text && most > 0; most--) {
		size_t length = strlen(text);

		if (most > 1)
			length = line_length(screen, text, COLS - x - (int)strlen(more));
		put_format(screen, y++, x, "%.*s%s", (int)length, text, text[length] ? more : "");
		text += length;
		x = indent;
	}
	return y;
}

static void title_text(const struct screen *screen, const struct screen_info *info, int room,
		       char *text, size_t size)
{
	unsigned long minutes = info->uptime_ns / 60000000000ull;

	/* the kernel, the time and the node give way, in this order */
	for (int spared = 0; spared < 4; spared++) {
		snprintf(text, size, "cnitrace monitor");
		if (spared < 3)
			text_append(text, size, "  %s", info->names->node);
		if (spared < 1)
			text_append(text, size, "  %s", info->kernel);
		if (spared < 2)
			text_append(text, size, "  up %lu h %lu m", minutes / 60, minutes % 60);
		if (screen->frozen)
			text_append(text, size, "  FROZEN");
		if (width_of(screen, text) <= room)
			return;
	}
}

static void draw_title(const struct screen *screen, const struct screen_info *info)
{
	char left[512], right[96];
	int room;

	snprintf(right, sizeof(right), "faults %.0f/s   benign %.0f/s   lost %llu",
		 screen->model.fault_rate, screen->model.benign_rate,
		 (unsigned long long)info->lost);
	if (COLS < 70)
		snprintf(right, sizeof(right), "faults %.0f/s", screen->model.fault_rate);
	room = COLS - width_of(screen, right) - 2;
	title_text(screen, info, room, left, sizeof(left));
	paint(screen, 0, A_BOLD, true);
	put(screen, 0, 0, room, left);
	paint(screen, 0, A_BOLD, false);
	put(screen, 0, room > 0 ? room + 2 : 0, COLS, right);
}

static void draw_order(const struct screen *screen, int y)
{
	static const char *const sorts[] = {"rate", "total", "last seen", "reason", "pod"};
	int x = put_format(screen, y, 1, "by %s", sorts[screen->sort]);

	if (screen->filter[0] || screen->typing)
		put_format(screen, y, x, "   filter: %s%s", screen->filter,
			   screen->typing ? "_" : "");
}

static void draw_cell(const struct screen *screen, const struct screen_layout *layout, int y,
		      enum screen_column column, const char *text)
{
	bool number = column == COLUMN_RATE || column == COLUMN_TOTAL;
	int x = layout->x[column], room = layout->width[column];
	int spaces = number ? room - width_of(screen, text) : 0;

	put(screen, y, x + (spaces > 0 ? spaces : 0), room, text);
}

static void draw_row(const struct screen *screen, const struct screen_layout *layout, int y,
		     const struct screen_row *row, bool selected)
{
	char rate[32], total[16], spark[SPARK_COLUMNS * 4 + 1];
	const char *where = shortened(screen, row->what, layout->width[COLUMN_WHERE], ' ');
	const char *pod = shortened(screen, row->pod, layout->width[COLUMN_POD], '/');

	snprintf(rate, sizeof(rate), "%.*f/s", row->rate < 10 && row->rate > 0 ? 1 : 0, row->rate);
	screen_number(total, row->total);
	screen_spark(spark, sizeof(spark), row->spark, screen->page.ascii);
	if (selected) {
		attron(A_REVERSE);
		mvhline(y, 0, ' ', COLS);
	}
	paint(screen, row->benign ? 0 : PAIR_RED, row->benign ? A_DIM : 0, true);
	draw_cell(screen, layout, y, COLUMN_REASON, row->reason);
	paint(screen, row->benign ? 0 : PAIR_RED, row->benign ? A_DIM : 0, false);
	draw_cell(screen, layout, y, COLUMN_WHERE, where);
	draw_cell(screen, layout, y, COLUMN_POD, pod);
	draw_cell(screen, layout, y, COLUMN_RATE, rate);
	draw_cell(screen, layout, y, COLUMN_TOTAL, total);
	draw_cell(screen, layout, y, COLUMN_SPARK, spark);
	draw_cell(screen, layout, y, COLUMN_CAUSE, row->benign ? row->why : row->cause);
	if (selected)
		attroff(A_REVERSE);
}

static void draw_head(const struct screen *screen, const struct screen_layout *layout, int y)
{
	static const char *const titles[] = {
		[COLUMN_REASON] = "fault drops",
		[COLUMN_WHERE] = "where",
		[COLUMN_POD] = "pod",
		[COLUMN_RATE] = "rate",
		[COLUMN_TOTAL] = "total",
		[COLUMN_SPARK] = "last 5 min",
		[COLUMN_CAUSE] = "cause",
	};

	attron(A_UNDERLINE);
	mvhline(y, 0, ' ', COLS);
	for (int i = 0; i < SCREEN_COLUMNS; i++)
		draw_cell(screen, layout, y, i, titles[i]);
	attroff(A_UNDERLINE);
}

static const struct screen_finding *finding_of(const struct screen_model *model, uint64_t number)
{
	for (size_t i = 0; number && i < model->finding_count; i++) {
		if (model->findings[i].number == number)
			return &model->findings[i];
	}
	return NULL;
}

static void draw_remedy(const struct screen *screen, int y, const char *remedy)
{
	int x = put(screen, y, 3, COLS, "fix  ");

	/* a command on several lines is still one to paste: nothing stands before them, a backslash behind */
	if (remedy[0] == '#')
		put_lines(screen, y, x, x, LINES, remedy, "");
	else
		put_lines(screen, y, x, 0, LINES, remedy, "\\");
}

static int draw_finding(const struct screen *screen, int y, const struct screen_finding *finding,
			bool whole)
{
	static const char *const severities[] = {"INFO", "WARNING", "ERROR"};
	int pair = finding->severity == SEVERITY_ERROR ? PAIR_RED : PAIR_YELLOW;
	int x = 1, room = whole ? INT_MAX : COLS / 4;
	char clock[16], count[16];

	put_clock(clock, finding->first_ns);
	screen_number(count, finding->count);
	if (COLS >= 60)
		x = put_format(screen, y, x, "%s  ", clock);
	paint(screen, pair, A_BOLD, true);
	x = put_format(screen, y, x, "%-7s %s", severities[finding->severity], finding->id);
	paint(screen, pair, A_BOLD, false);
	x = put(screen, y, x + 2, room, shortened(screen, finding->place, room, '/'));
	x = put_format(screen, y, x + 2, "%s%sx", finding->exact ? "" : "about ", count);
	if (!whole) {
		put(screen, y, x + 2, COLS, finding->summary);
		return y + 1;
	}
	y = put_lines(screen, y + 1, 3, 3, 3, finding->summary, "");
	draw_remedy(screen, y, finding->remedy);
	return y + 1;
}

static void draw_open_row(const struct screen *screen, int y, const struct screen_row *row)
{
	const struct screen_finding *finding = finding_of(&screen->model, row->finding);
	char total[16];

	screen_number(total, row->total);
	paint(screen, 0, A_BOLD, true);
	put_format(screen, y++, 1, "%s  %s%s  %s%s", row->reason, row->what, row->peer, row->pod,
		   row->containers);
	paint(screen, 0, A_BOLD, false);
	put_format(screen, y++, 1, "dropped in %s, %s packets, %llu bytes", row->function, total,
		   (unsigned long long)row->bytes);
	if (row->reason[0] == '~')
		put(screen, y++, 1, COLS, "the kernel gave no reason: it was inferred");
	if (row->benign)
		put_format(screen, y++, 1, "benign: %s", row->why);
	y++;
	put(screen, y++, 1, COLS, "last packets");
	for (unsigned i = 0; i < row->flow_count; i++)
		put(screen, y++, 3, COLS, row->flows[i]);
	if (finding)
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
	struct screen_layout layout;
	size_t first = 0;

	screen_layout_fit(&layout, COLS);
	draw_head(screen, &layout, y++);
	screen->line = selected_line(screen);
	if (screen->line >= (size_t)room)
		first = screen->line - room + 1;
	for (size_t i = first; i < model->row_count && (int)(i - first) < room; i++)
		draw_row(screen, &layout, y++, model->rows[i], i == screen->line);
	if (!model->row_count)
		put(screen, y++, 1, COLS,
		    screen->filter[0] ? "nothing matches the filter" : "none so far");
	return y;
}

static void draw_list(struct screen *screen)
{
	const struct screen_model *model = &screen->model;
	int findings = model->finding_count > 6 ? 6 : (int)model->finding_count;
	int room = LINES - 6 - findings, y;

	draw_order(screen, 1);
	y = draw_rows(screen, 2, room > 1 ? room : 1);
	if (model->benign[0])
		put_format(screen, y++, 1, "benign: %s", model->benign);
	if (!findings)
		return;
	put(screen, y++, 1, COLS, "findings");
	for (int i = 0; i < findings; i++)
		y = draw_finding(screen, y, &model->findings[model->finding_count - 1 - i], false);
}

static void draw_keys(const struct screen *screen)
{
	char shown[512];

	/* what is cut on a narrow screen stands last; the very last place of a terminal stays free */
	page_fit(&screen->page, shown, sizeof(shown),
		 screen->typing   ? " type a filter, enter ends it, escape clears it"
		 : screen->opened ? " q: quit   enter: back   up/down: other rows   space: freeze"
				  : " q: quit   enter: flows   f: filter   s: sort   b: benign   "
				    "space: freeze",
		 COLS - 1);
	mvaddstr(LINES - 1, 0, shown);
}

/* Curses would see another size only with the next key, and draw once more for the old one. */
static void follow_size(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col &&
	    is_term_resized(size.ws_row, size.ws_col))
		resizeterm(size.ws_row, size.ws_col);
}

void screen_draw(struct screen *screen, const struct screen_info *info)
{
	struct screen_model *model = &screen->model;

	if (!screen->frozen || !screen->filled)
		screen_model_fill(model, info->watch, info->names, info->now_ns);
	screen->filled = true;
	screen_model_view(model, screen->sort, screen->filter, screen->benign);
	follow_size();
	erase();
	draw_title(screen, info);
	screen->line = selected_line(screen);
	if (screen->opened && model->row_count)
		draw_open_row(screen, 2, model->rows[screen->line]);
	else
		draw_list(screen);
	draw_keys(screen);
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
