/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a drop a fault or noise? Noise is counted apart with its reason and never becomes a
 * finding. Pure: one drop at a time, no node state.
 */
#ifndef CNITRACE_DIAGNOSE_DROP_CLASS_H
#define CNITRACE_DIAGNOSE_DROP_CLASS_H

#include "packet/journey.h"

/* True when the drop harms nobody; *why (may be NULL) is then a constant phrase, else NULL. */
bool drop_is_benign(const struct drop *drop, const char **why);
/*
 * What of a drop that is not benign by its packet is nobody's loss all the same. `ending`: its
 * namespace was being destroyed.
 */
bool drop_is_nobodys(const struct drop *drop, bool ending, const char **why);

#endif
