/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reason for drops that the kernel gives none for (5.10, and NOT_SPECIFIED since): inferred from
 * the freeing function and what witnesses said, in the words of kernels that do say it. Pure.
 */
#ifndef CNITRACE_DIAGNOSE_DROP_REASON_H
#define CNITRACE_DIAGNOSE_DROP_REASON_H

#include "packet/journey.h"

/* Fills reason and sets derived, when the drop has no reason and one can be inferred; and the hook, from a witness. */
void drop_derive(struct drop *drop);
/* Forgets what witnesses said that has nothing to do with this drop: it happened earlier on the packet's way. */
void drop_sift(struct drop *drop);

#endif
