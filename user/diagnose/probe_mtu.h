/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The search for the largest packet that passes, and what its outcome means: one of six verdicts, with the
 * number to set and where. Sizes are whole IP packets. Pure: knows sizes, answers and MTUs, sends nothing.
 */
#ifndef CNITRACE_DIAGNOSE_PROBE_MTU_H
#define CNITRACE_DIAGNOSE_PROBE_MTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diagnose/finding.h"

#define MTU_HINTS 16
#define MTU_TRIES 2 /* silence is believed after so many packets */

struct mtu_search {
	uint32_t base; /* a small packet, sent first */
	uint32_t low; /* largest that passed, 0 none yet */
	uint32_t top; /* largest that the sender's device takes */
	uint32_t high; /* smallest known to fail; top + 1 at first */
	uint32_t size; /* being tried */
	uint32_t hints[MTU_HINTS]; /* sizes worth trying: MTUs on the way, what an ICMP said */
	unsigned hint_count, tries, sent;
	bool done;
};

void mtu_search_begin(struct mtu_search *search, uint32_t base, uint32_t top);
void mtu_search_hint(struct mtu_search *search, uint32_t size);
/* The size to send now, 0 when the search is over. */
uint32_t mtu_search_next(struct mtu_search *search);
void mtu_search_passed(struct mtu_search *search);
/* `sure`: an ICMP error or the kernel says so; else silence, which is tried again. */
void mtu_search_failed(struct mtu_search *search, bool sure);

enum mtu_verdict {
	MTU_FINE, /* as large as the sender's device allows */
	MTU_NO_ANSWER, /* not even a small packet is answered */
	MTU_EXCEEDED, /* 1: too big at a routed hop, and the sender is told */
	MTU_SILENT, /* 2: dropped at a device of this node without a word */
	MTU_LOCAL, /* 3: the sender's own kernel refuses */
	MTU_ICMP_LOST, /* 4: the ICMP error is made and does not arrive */
	MTU_BEYOND, /* 5: lost beyond this node without a word */
	MTU_MISMATCH, /* 6: everything passes, yet the devices on the way disagree */
};

struct probe_mtu_link {
	char name[340]; /* "vethb1", "default/web eth0" */
	uint32_t mtu;
	uint32_t room; /* for the packet: the MTU, less the header of a tunnel it is inside */
};

struct probe_mtu {
	struct mtu_search search; /* round trip */
	bool direction_known, reverse_small; /* one way was asked alone */
	uint32_t forward; /* largest known to pass towards the target, 0 unknown */
	uint32_t icmp_mtu; /* what an ICMP error said, 0 none */
	struct address icmp_from;
	bool icmp_arrived, icmp_lost;
	char icmp_lost_at[64];
	bool local; /* refused with EMSGSIZE */
	uint32_t local_mtu; /* beyond it the sender's kernel refuses what may not be fragmented */
	bool dropped_here, dropped_reply; /* a packet of the search was dropped on this node */
	char dropped_at[64], dropped_why[80];
	unsigned link_count;
	struct probe_mtu_link links[12]; /* the devices on the way, in order */
	enum mtu_verdict verdict;
};

const char *mtu_verdict_name(enum mtu_verdict verdict); /* "fine", "silent-drop", … */
void probe_mtu_judge(struct probe_mtu *mtu);
/* What the tunnel device puts around a packet, in bytes; 0 when it is none. */
uint32_t probe_mtu_overhead(const struct link *link);
/* The device on the way with the least room, NULL none. */
const struct probe_mtu_link *probe_mtu_narrowest(const struct probe_mtu *mtu);
/* One sentence, and what to do ("" nothing). */
void probe_mtu_summary(const struct probe_mtu *mtu, char *text, size_t size);
void probe_mtu_remedy(const struct probe_mtu *mtu, char *text, size_t size);
/* A finding for a bad verdict that no rule of the list has told yet. */
void probe_mtu_finding(const struct probe_mtu *mtu, const struct diagnosis *d, struct tuple flow,
		       struct finding_list *list);

#endif
