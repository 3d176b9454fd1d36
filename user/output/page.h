/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page: text output that knows its column. Everything the text printer writes goes
 * through page_put, which is the one place where bytes from packets, pods and files are
 * made safe for a terminal: control characters (C0, C1, DEL), invalid UTF-8 and the
 * bidirectional overrides come out as \xNN. Without UTF-8, the signs used here are
 * written in ASCII ("->", "x", "us") and anything else is escaped.
 */
#ifndef CNITRACE_OUTPUT_PAGE_H
#define CNITRACE_OUTPUT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum page_style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW };

struct page {
	FILE *out;
	bool colour, ascii;
	unsigned width; /* columns to wrap at */
	unsigned column; /* where the next character goes */
};

/* Takes colour as asked; width from the terminal if `out` is one, UTF-8 from the environment. */
void page_init(struct page *page, FILE *out, bool colour);
void page_put(struct page *page, const char *text);
void page_format(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_style(struct page *page, enum page_style style);
/* Styled text, then plain again. */
void page_put_styled(struct page *page, enum page_style style, const char *text);
/* Spaces up to `column`; at least `least` of them. */
void page_tab(struct page *page, unsigned column, unsigned least);
void page_end_line(struct page *page);
/* Words of `text`, broken at page->width, further lines indented to `indent`. */
void page_wrap(struct page *page, const char *text, unsigned indent);
/* Columns `text` takes on this page. */
unsigned page_width(const struct page *page, const char *text);
/*
 * What page_put() would write of `text`, for who draws it himself: into dst (size bytes with the
 * NUL), at most `columns` wide; what is cut ends with an ellipsis. The columns it takes.
 */
unsigned page_fit(const struct page *page, char *dst, size_t size, const char *text,
		  unsigned columns);

#endif
