// SPDX-License-Identifier: GPL-2.0-only
/*
 * Columns, wrapping, colour and escaping of text output. It knows characters and their
 * widths; it does not know what is said.
 */
#include "output/page.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 100
#define MIN_WIDTH 60
#define MAX_WIDTH 120

/* What a locale's name says: POSIX order of the variables. Unset means nobody chose: every terminal of today. */
static bool locale_is_utf8(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (unsigned i = 0; i < 3; i++) {
		const char *value = getenv(variables[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return true;
}

static unsigned terminal_width(FILE *out)
{
	struct winsize size;
	int fd = fileno(out);

	if (fd < 0 || !isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return DEFAULT_WIDTH;
	return size.ws_col < MIN_WIDTH   ? MIN_WIDTH
	       : size.ws_col > MAX_WIDTH ? MAX_WIDTH
					 : size.ws_col;
}

void page_init(struct page *page, FILE *out, bool colour)
{
	*page = (struct page){
		.out = out,
		.colour = colour,
		.ascii = !locale_is_utf8(),
		.width = terminal_width(out),
	};
}

/* Decodes one well-formed UTF-8 sequence; 0 when there is none. */
static unsigned utf8_decode(const char *text, uint32_t *code)
{
	const unsigned char *s = (const unsigned char *)text;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned length = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;

	if (!length || *s > 0xf4)
		return 0;
	*code = length == 1 ? *s : *s & (0x7f >> length);
	for (unsigned i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return length;
}

static bool code_in(uint32_t code, uint32_t first, uint32_t last)
{
	return code >= first && code <= last;
}

/* Controls, and characters that change how the rest of a line is shown. */
static bool code_is_unsafe(uint32_t code)
{
	return code < 0x20 || code_in(code, 0x7f, 0x9f) || code_in(code, 0x200b, 0x200f) ||
	       code_in(code, 0x2028, 0x202e) || code_in(code, 0x2060, 0x2069) || code == 0xfeff ||
	       code_in(code, 0xfff9, 0xfffb) || code_in(code, 0xe0000, 0xe0fff);
}

static unsigned code_width(uint32_t code)
{
	if (code_in(code, 0x300, 0x36f) || code_in(code, 0x1ab0, 0x1aff) ||
	    code_in(code, 0x20d0, 0x20ff) || code_in(code, 0xfe00, 0xfe0f) ||
	    code_in(code, 0xfe20, 0xfe2f))
		return 0;
	if (code_in(code, 0x1100, 0x115f) || code_in(code, 0x2e80, 0xa4cf) ||
	    code_in(code, 0xac00, 0xd7a3) || code_in(code, 0xf900, 0xfaff) ||
	    code_in(code, 0xfe30, 0xfe6f) || code_in(code, 0xff00, 0xff60) ||
	    code_in(code, 0xffe0, 0xffe6) || code_in(code, 0x1f300, 0x1faff) ||
	    code_in(code, 0x20000, 0x3fffd))
		return 2;
	return 1;
}

/* The signs this tool uses, for terminals without UTF-8. */
static const char *ascii_of(uint32_t code)
{
	static const struct {
		uint32_t code;
		const char *text;
	} signs[] = {
		{0x2192, "->"}, {0x2190, "<-"}, {0x00d7, "x"},   {0x00b5, "u"},
		{0x00b7, "|"},  {0x2013, "-"},  {0x2014, "-"},   {0x2212, "-"},
		{0x2713, "ok"}, {0x2717, "!!"}, {0x2026, "..."},
	};

	for (unsigned i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		if (signs[i].code == code)
			return signs[i].text;
	}
	return NULL;
}

/* One character as it is written: its bytes in `shown`, its columns; *text moves on. */
static unsigned next_shown(const struct page *page, const char **text, char shown[20])
{
	const char *sign = NULL;
	uint32_t code = 0;
	unsigned length = utf8_decode(*text, &code);

	if (length && !code_is_unsafe(code) && (code < 0x80 || !page->ascii)) {
		memcpy(shown, *text, length);
		shown[length] = '\0';
		*text += length;
		return code_width(code);
	}
	if (length && page->ascii)
		sign = ascii_of(code);
	if (sign) {
		strcpy(shown, sign);
		*text += length;
		return strlen(sign);
	}
	length = length ?: 1;
	for (unsigned i = 0; i < length; i++)
		snprintf(shown + 4 * i, 5, "\\x%02x", (unsigned char)(*text)[i]);
	*text += length;
	return 4 * length;
}

unsigned page_width(const struct page *page, const char *text)
{
	unsigned width = 0;
	char shown[20];

	while (*text)
		width += next_shown(page, &text, shown);
	return width;
}

unsigned page_fit(const struct page *page, char *dst, size_t size, const char *text,
		  unsigned columns)
{
	const char *mark = page->ascii ? "..." : "…";
	unsigned width = 0, mark_width = page_width(page, mark), cut_width = 0;
	size_t used = 0, cut = 0; /* cut: where the mark still fits behind */
	bool marks = mark_width <= columns && strlen(mark) < size;
	char shown[20];

	while (size && *text) {
		unsigned more = next_shown(page, &text, shown);
		size_t length = strlen(shown);

		if (width + more > columns || used + length >= size) {
			if (marks) {
				strcpy(dst + cut, mark);
				return cut_width + mark_width;
			}
			break;
		}
		memcpy(dst + used, shown, length);
		used += length;
		width += more;
		if (width + mark_width <= columns && used + strlen(mark) < size) {
			cut = used;
			cut_width = width;
		}
	}
	if (size)
		dst[used] = '\0';
	return width;
}

static void put_until(struct page *page, const char *text, const char *end)
{
	char shown[20];

	while (*text && text < end) {
		page->column += next_shown(page, &text, shown);
		fputs(shown, page->out);
	}
}

void page_put(struct page *page, const char *text)
{
	put_until(page, text, text + strlen(text));
}

void page_format(struct page *page, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return;
	page_put(page, text);
	free(text);
}

void page_style(struct page *page, enum page_style style)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = "\033[0m", [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
		[STYLE_RED] = "\033[31m",  [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
	};

	if (page->colour)
		fputs(codes[style], page->out);
}

void page_put_styled(struct page *page, enum page_style style, const char *text)
{
	page_style(page, style);
	page_put(page, text);
	page_style(page, STYLE_PLAIN);
}

void page_tab(struct page *page, unsigned column, unsigned least)
{
	unsigned spaces = page->column < column ? column - page->column : 0;

	if (spaces < least)
		spaces = least;
	page->column += spaces;
	fprintf(page->out, "%*s", (int)spaces, "");
}

void page_end_line(struct page *page)
{
	fputc('\n', page->out);
	page->column = 0;
}

/* Up to the next place where a line may be broken. */
static const char *word_end(const char *text)
{
	return text + strcspn(text, " ");
}

static unsigned width_until(const struct page *page, const char *text, const char *end)
{
	unsigned width = 0;
	char shown[20];

	while (*text && text < end)
		width += next_shown(page, &text, shown);
	return width;
}

void page_wrap(struct page *page, const char *text, unsigned indent)
{
	bool first = true;

	while (*(text += strspn(text, " "))) {
		const char *end = word_end(text);
		unsigned width = width_until(page, text, end);

		if (!first && page->column + 1 + width > page->width) {
			page_end_line(page);
			page_tab(page, indent, 0);
		} else if (!first) {
			page_tab(page, 0, 1);
		}
		put_until(page, text, end);
		text = end;
		first = false;
	}
}
