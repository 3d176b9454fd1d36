/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a witness said, as a phrase, and looking for what one said among a drop's. Pure.
 */
#ifndef CNITRACE_PACKET_WITNESS_TEXT_H
#define CNITRACE_PACKET_WITNESS_TEXT_H

#include "packet/journey.h"

#define WITNESS_PHRASE 400

/* "nftables chain FORWARD of table filter dropped it". `ip_version`: of the packet. Returns buffer. */
const char *witness_text(const struct witness_info *info, uint8_t ip_version,
			 char buffer[WITNESS_PHRASE]);
/* The last that said `what` of the packet, NULL none. */
const struct witness_info *drop_witness(const struct drop *drop, enum witness_what what);
/* As in JSON: "nf-hook". */
const char *witness_what_name(uint16_t what);
/* Hook of a number of struct nf_hook_state, "" unknown. */
const char *witness_hook_name(uint64_t hook);
/* The packet was given to a conntrack that had no room for it. */
bool witness_conntrack_full(const struct witness_info *info);
/* The next-hop MTU of a "too big" that answers; 0: it is none, or the probe does not know. */
uint32_t witness_icmp_mtu(const struct witness_info *info, uint8_t ip_version);

#endif
