/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a journey's JSON says of the wire between nodes.
 */
#ifndef CNITRACE_COMMANDS_MERGE_SIGHTING_H
#define CNITRACE_COMMANDS_MERGE_SIGHTING_H

#include "commands/merge_files.h"

/* Adds the sightings of a journey (it came in by an uplink, it went out by one), and who holds which address. */
int merge_sighting_make(struct merge_input *input, struct merge_line *line,
			struct json_object *journey);
/* Addresses a start line names. */
int merge_owners_read(struct merge_input *input, uint16_t node, struct json_object *start);
/* The node that holds an address (its hash), MERGE_NO_NODE when none or several do. */
uint16_t merge_owner_of(const struct merge_input *input, uint64_t address);

#endif
