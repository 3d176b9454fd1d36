/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Printers: take documents (output/document.h) in order and write them for a program
 * (JSON Lines) or a person (text). Text folds journeys of the same shape (×57), is coloured
 * only when asked, and escapes every string that came from packets, pods or files.
 */
#ifndef CNITRACE_OUTPUT_PRINTER_H
#define CNITRACE_OUTPUT_PRINTER_H

#include <stdbool.h>
#include <stdio.h>

#include <json-c/json.h>

enum print_format { PRINT_TEXT, PRINT_JSON };

struct printer;

struct printer *printer_new(enum print_format format, FILE *out, bool colour);
/*
 * Text: width 0 keeps the terminal's (100 where `out` is none); ascii writes "->", "x" and \xNN instead of
 * other characters. The default of ascii is what LC_ALL, LC_CTYPE and LANG say.
 */
void printer_set_layout(struct printer *printer, unsigned width, bool ascii);
/* Takes ownership of `document`. JSON: written and flushed at once. Text: journeys wait to be folded. */
void printer_print(struct printer *printer, struct json_object *document);
/* Text: writes the journeys folded so far (called when a live trace has been quiet, and before findings). */
void printer_flush(struct printer *printer);
/*
 * The errno of the first write that failed, 0 none: EPIPE when the reader has gone. Nothing is written after it. A
 * command that prints for as long as it runs asks now and then.
 */
int printer_error(const struct printer *printer);
void printer_free(struct printer *printer);

#endif
