/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The texts of /proc/net/{snmp,netstat,snmp6,softnet_stat} as named numbers. Pure.
 */
#ifndef CNITRACE_NODE_COUNTERS_H
#define CNITRACE_NODE_COUNTERS_H

#include "node/facts.h"

/* snmp and netstat: pairs of lines, "Ip: InReceives …" and "Ip: 17 …" → "Ip.InReceives". */
int counters_parse_pairs(char *text, struct netns_facts *ns);
/* snmp6: "Ip6InReceives  17" → "Ip6.InReceives". */
int counters_parse_snmp6(char *text, struct netns_facts *ns);
/* softnet_stat: a line of hexadecimal numbers per CPU → "Softnet.Dropped", "Softnet.cpu0.Dropped", … */
int counters_parse_softnet(char *text, struct netns_facts *ns);

#endif
