/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What came of a probe, and the documents made of it: one "hop_stats" per row of its table, then one
 * "probe" with the counts of the target. Times inside are nanoseconds.
 */
#ifndef CNITRACE_OUTPUT_DOCUMENT_PROBE_H
#define CNITRACE_OUTPUT_DOCUMENT_PROBE_H

#include "output/document.h"
#include "packet/dns.h"
#include "packet/hop_stats.h"
#include "packet/target.h"

#define PROBE_NOTES 8

/* A sentence and how often it was true. */
struct probe_note {
	char text[200];
	uint64_t count;
};

/* One question sent to one server, as it ended. */
struct probe_query {
	uint64_t sent_ns;
	int64_t took_ns; /* -1: no answer */
	char name[DNS_TEXT];
	uint16_t type;
	struct address server, answered_by; /* answered_by: version 0 nobody */
	bool tcp, truncated;
	bool searched; /* the name was made with the search list */
	bool wasted; /* it led to nothing, and another name did */
	uint8_t rcode;
	uint16_t answers;
	uint8_t address_count;
	struct address addresses[4];
	char error[80]; /* why it was not sent or not answered, "" none */
};

struct probe_mtu; /* diagnose/probe_mtu.h */

struct probe_result {
	struct target target;
	struct address address; /* what the host's name was resolved to */
	struct address source;
	char pod[320]; /* that sends, "" the node */
	uint64_t sent, answered, refused, unreachable, silent, failed, resent;
	struct hop_number rtt;
	unsigned note_count;
	struct probe_note notes[PROBE_NOTES];
	ARRAY(struct probe_query) queries;
	const struct probe_mtu *mtu; /* NULL none */
};

void probe_note_add(struct probe_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What an ICMP error says: "ICMP port unreachable". */
void probe_complaint_text(uint8_t ip_version, uint8_t type, uint8_t code, char text[64]);

/* Row `index` of the order in which rows are shown. */
struct json_object *document_hop_stats(const struct probe_result *result,
				       const struct hop_table *table, unsigned index,
				       const struct names *names);
struct json_object *document_probe(const struct probe_result *result, const struct hop_table *table,
				   const struct names *names);

#endif
