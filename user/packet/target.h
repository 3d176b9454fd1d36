/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Targets of a probe as a person writes them: "icmp://web?size=1400&df=1", "10.0.0.1:80",
 * "dns:///web.default". Text only: names are not resolved here, nothing is sent. Pure.
 */
#ifndef CNITRACE_PACKET_TARGET_H
#define CNITRACE_PACKET_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum target_kind { TARGET_ICMP, TARGET_TCP, TARGET_UDP, TARGET_DNS, TARGET_MTU };

#define TARGET_SIZE_MAX 65000 /* bytes of payload: with headers still one IP packet */

struct target {
	enum target_kind kind;
	char text[320]; /* as it was given */
	char host[256]; /* name or address; dns: the server, "" those of resolv.conf */
	uint16_t port; /* tcp, udp, dns (53 unless given) */
	uint32_t size; /* payload bytes: icmp 56, udp 32 unless given */
	bool df; /* the packets must not be fragmented */
	char name[256]; /* dns: the name to look up */
	uint16_t type; /* dns: record type, 0: A and AAAA */
};

const char *target_kind_name(enum target_kind kind); /* "icmp", "tcp", … */
/* 0, or -EINVAL with a sentence that says what is wrong with it. */
int target_parse(const char *text, struct target *target, struct error *error);

#endif
