/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which journeys are shown: by their verdict, and by the reason of their drop. What pcap's
 * language cannot say, for a packet does not know it; only what became of it tells.
 */
#ifndef CNITRACE_PACKET_SELECT_H
#define CNITRACE_PACKET_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "packet/journey.h"

#define SELECTION_REASONS 16

struct selection {
	unsigned verdicts; /* 1 << enum verdict; 0: any */
	char reasons[SELECTION_REASONS][64]; /* shell patterns in capitals */
	size_t reason_count; /* 0: any, or none at all */
};

/* Both take words with commas between. 0, or -EINVAL with a sentence that names `command`. */
int selection_add_verdicts(struct selection *selection, const char *command, const char *words,
			   struct error *error);
int selection_add_reasons(struct selection *selection, const char *command, const char *words,
			  struct error *error);
bool selection_is_empty(const struct selection *selection);
/* A drop that harms nobody has no reason to be looked for; "" is NOT_SPECIFIED. */
bool selection_wants_reason(const struct selection *selection, const char *reason);
bool selection_wants(const struct selection *selection, const struct journey *journey);
/* "verdict dropped, vanished; reason NETFILTER_*"; "" when empty. */
void selection_text(const struct selection *selection, char *text, size_t size);

#endif
