/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text of a resolv.conf (resolv.conf(5)). Pure; any bytes may come in (fuzzed).
 */
#ifndef CNITRACE_NODE_RESOLV_H
#define CNITRACE_NODE_RESOLV_H

#include "node/facts.h"

/* Fills conf with what the C library would use: its defaults, then what the text says. */
void resolv_parse(const char *text, struct resolv_conf *conf);

#endif
