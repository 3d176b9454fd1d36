// SPDX-License-Identifier: GPL-2.0-only
/*
 * Printers: one JSON document per line, or the same documents as text. Text keeps
 * journeys back until something else is said or a flush is asked for, so that they fold.
 */
#include "output/printer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "output/document_node.h"
#include "output/json_read.h"
#include "output/page.h"
#include "output/report.h"
#include "output/report_drops.h"
#include "output/shape.h"

struct printer {
	enum print_format format;
	FILE *out;
	int error; /* of the first write that failed */
	struct page page;
	struct shapes shapes;
};

struct printer *printer_new(enum print_format format, FILE *out, bool colour)
{
	struct printer *printer = calloc(1, sizeof(*printer));

	if (!printer)
		return NULL;
	printer->format = format;
	printer->out = out;
	page_init(&printer->page, out, colour);
	return printer;
}

void printer_set_layout(struct printer *printer, unsigned width, bool ascii)
{
	if (width)
		printer->page.width = width;
	printer->page.ascii = ascii;
}

/*
 * One system call per line: a reader that follows live, or a second writer on the same pipe, sees whole lines.
 * What stdio holds goes first. 0 or negative errno.
 */
static int write_line(FILE *out, const char *line, size_t length)
{
	struct iovec parts[2] = {{(char *)line, length}, {"\n", 1}};
	int fd = fileno(out);
	ssize_t written;

	if (fflush(out))
		return -errno;
	while (parts[0].iov_len + parts[1].iov_len) {
		written = writev(fd, parts, 2);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN) { /* a pipe somebody made non-blocking */
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (written < 0)
			return -errno;
		for (unsigned i = 0; i < 2; i++) {
			size_t taken = (size_t)written < parts[i].iov_len ? (size_t)written
									  : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + taken;
			parts[i].iov_len -= taken;
			written -= taken;
		}
	}
	return 0;
}

static void flush(struct printer *printer)
{
	/* what did not fit stdio's buffer failed earlier: its errno is gone, unless it fails again */
	if (fflush(printer->out))
		printer->error = errno;
	else if (ferror(printer->out))
		printer->error = EIO;
	/* known here now: whoever asks the stream at the end shall not find it a second time */
	if (printer->error)
		clearerr(printer->out);
}

static void print_json(struct printer *printer, struct json_object *document)
{
	size_t length = 0;
	const char *line = json_object_to_json_string_length(
		document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

	if (!line)
		return;
	if (fileno(printer->out) >= 0) {
		printer->error = -write_line(printer->out, line, length);
		return;
	}
	/* a memory stream */
	fwrite(line, 1, length, printer->out);
	fputc('\n', printer->out);
	flush(printer);
}

static void print_text(struct printer *printer, struct json_object *document)
{
	static const struct {
		const char *type;
		void (*report)(struct page *page, struct json_object *document);
	} reports[] = {
		{"start", report_start},       {"finding", report_finding},
		{"refusal", report_refusal},   {"summary", report_summary},
		{"drops", report_drops},       {"hop_stats", report_hop_stats},
		{"node", report_node},         {"probe", report_probe},
		{"interval", report_interval}, {"counter", report_counter},
		{"sample", report_sample},     {"merge", report_merge},
		{"between", report_between},
	};
	const char *type = read_text(document, "type");
	void (*report)(struct page *, struct json_object *) = report_other;

	if (!strcmp(type, "journey")) {
		shapes_add(&printer->shapes, document);
		return;
	}
	shapes_print(&printer->page, &printer->shapes);
	for (unsigned i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
		if (!strcmp(type, reports[i].type))
			report = reports[i].report;
	}
	/* a check has no packets to sum up */
	if (report == report_summary && read_flag(document, "check"))
		report = report_check_summary;
	/* the monitor's own forms of what a trace says too */
	if (report == report_start && read_flag(document, "monitor"))
		report = report_monitor_start;
	else if (report == report_summary && read_has(document, "drops"))
		report = report_monitor_summary;
	else if (report == report_finding && read_has(document, "state") &&
		 strcmp(read_text(document, "state"), "new"))
		report = report_finding_again;
	report(&printer->page, document);
	flush(printer);
}

void printer_print(struct printer *printer, struct json_object *document)
{
	if (!document)
		return;
	if (printer->error)
		; /* half a line stands there already, or nobody reads */
	else if (printer->format == PRINT_JSON)
		print_json(printer, document);
	else
		print_text(printer, document);
	json_object_put(document);
}

void printer_flush(struct printer *printer)
{
	if (printer->error)
		return;
	if (printer->format == PRINT_TEXT)
		shapes_print(&printer->page, &printer->shapes);
	flush(printer);
}

int printer_error(const struct printer *printer)
{
	return printer->error;
}

void printer_free(struct printer *printer)
{
	if (!printer)
		return;
	printer_flush(printer);
	shapes_release(&printer->shapes);
	free(printer);
}
