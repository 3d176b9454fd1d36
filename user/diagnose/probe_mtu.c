// SPDX-License-Identifier: GPL-2.0-only
/*
 * A binary search that tries likely sizes first, and the verdict on what it met.
 */
#include "diagnose/probe_mtu.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"

void mtu_search_begin(struct mtu_search *s, uint32_t base, uint32_t top)
{
	memset(s, 0, sizeof(*s));
	s->base = base;
	s->top = top < base ? base : top;
	s->high = s->top + 1;
}

void mtu_search_hint(struct mtu_search *s, uint32_t size)
{
	for (unsigned i = 0; i < s->hint_count; i++) {
		if (s->hints[i] == size)
			return;
	}
	if (s->hint_count < MTU_HINTS)
		s->hints[s->hint_count++] = size;
}

/* The largest hint that is still open, or one above what passed: a hint is mostly exact. */
static uint32_t hint_next(struct mtu_search *s)
{
	uint32_t best = 0;

	for (unsigned i = 0; i < s->hint_count; i++) {
		if (s->hints[i] > s->low && s->hints[i] < s->high && s->hints[i] > best)
			best = s->hints[i];
		if (s->hints[i] == s->low && s->low + 1 < s->high)
			return s->low + 1;
	}
	return best;
}

uint32_t mtu_search_next(struct mtu_search *s)
{
	if (s->done)
		return 0;
	if (s->tries) { /* silence: once more */
		s->sent++;
		return s->size;
	}
	if (!s->low) {
		s->size = s->base;
	} else if (s->high - s->low <= 1) {
		s->done = true;
		return 0;
	} else if (s->high > s->top) {
		s->size = s->top;
	} else {
		s->size = hint_next(s);
		if (!s->size)
			s->size = s->low + (s->high - s->low) / 2;
	}
	s->sent++;
	return s->size;
}

void mtu_search_passed(struct mtu_search *s)
{
	s->tries = 0;
	if (s->size > s->low)
		s->low = s->size;
}

void mtu_search_failed(struct mtu_search *s, bool sure)
{
	if (!sure && ++s->tries < MTU_TRIES)
		return;
	s->tries = 0;
	if (s->size <= s->base)
		s->done = true;
	else if (s->size < s->high)
		s->high = s->size;
}

uint32_t probe_mtu_overhead(const struct link *link)
{
	return link && link_is_tunnel(link) ? mtu_overhead(link) : 0;
}

const char *mtu_verdict_name(enum mtu_verdict verdict)
{
	static const char *const names[] = {"fine",  "no-answer", "exceeded", "silent-drop",
					    "local", "icmp-lost", "beyond",   "mismatch"};

	return names[verdict];
}

const struct probe_mtu_link *probe_mtu_narrowest(const struct probe_mtu *mtu)
{
	const struct probe_mtu_link *least = NULL;

	for (unsigned i = 0; i < mtu->link_count; i++) {
		if (mtu->links[i].room && (!least || mtu->links[i].room < least->room))
			least = &mtu->links[i];
	}
	return least;
}

void probe_mtu_judge(struct probe_mtu *mtu)
{
	const struct mtu_search *s = &mtu->search;
	const struct probe_mtu_link *least = probe_mtu_narrowest(mtu);

	if (!s->low)
		mtu->verdict = MTU_NO_ANSWER;
	else if (mtu->local_mtu && mtu->local_mtu < s->low)
		mtu->verdict = MTU_LOCAL;
	else if (s->low >= s->top)
		mtu->verdict = least && least->room < s->top ? MTU_MISMATCH : MTU_FINE;
	else if (mtu->local && mtu->local_mtu && mtu->local_mtu <= s->low)
		mtu->verdict = MTU_LOCAL;
	else if (mtu->icmp_arrived)
		mtu->verdict = MTU_EXCEEDED;
	else if (mtu->icmp_lost)
		mtu->verdict = MTU_ICMP_LOST;
	else if (mtu->dropped_here)
		mtu->verdict = MTU_SILENT;
	else
		mtu->verdict = MTU_BEYOND;
}

static const char *way_back(const struct probe_mtu *mtu)
{
	return mtu->reverse_small ? " on the way back" : "";
}

void probe_mtu_summary(const struct probe_mtu *mtu, char *text, size_t size)
{
	const struct mtu_search *s = &mtu->search;
	const struct probe_mtu_link *least = probe_mtu_narrowest(mtu);
	char from[ADDRESS_TEXT];

	switch (mtu->verdict) {
	case MTU_FINE:
		snprintf(text, size,
			 "Packets of %u bytes pass both ways: all that the device allows.", s->low);
		return;
	case MTU_NO_ANSWER:
		snprintf(text, size, "Not even %u bytes are answered: this is no matter of size.",
			 s->base);
		return;
	case MTU_MISMATCH:
		snprintf(text, size,
			 "Packets of %u bytes pass both ways, though %s has an MTU of only %u%s.",
			 s->low, least->name, least->mtu,
			 least->room < least->mtu ? ": what the tunnel makes of them is fragmented"
						  : "");
		return;
	case MTU_LOCAL:
		snprintf(text, size,
			 "The sender's own kernel refuses packets over %u bytes (EMSGSIZE): "
			 "nothing is lost.",
			 mtu->local_mtu);
		return;
	case MTU_EXCEEDED:
		snprintf(text, size,
			 "Packets over %u bytes are too big%s, and %s says so (ICMP: at most %u).",
			 s->low, way_back(mtu), address_text(mtu->icmp_from, from), mtu->icmp_mtu);
		return;
	case MTU_ICMP_LOST:
		snprintf(text, size,
			 "Packets over %u bytes are too big%s; the ICMP error that says so is lost "
			 "at %s.",
			 s->low, way_back(mtu), mtu->icmp_lost_at);
		return;
	case MTU_SILENT:
		snprintf(text, size,
			 "Packets over %u bytes vanish%s at %s%s%s%s; no ICMP tells the sender.",
			 s->low, way_back(mtu), mtu->dropped_at, mtu->dropped_why[0] ? " (" : "",
			 mtu->dropped_why, mtu->dropped_why[0] ? ")" : "");
		return;
	case MTU_BEYOND:
		snprintf(text, size,
			 "Packets over %u bytes vanish%s, not on this node; no ICMP tells the "
			 "sender.",
			 s->low, way_back(mtu));
		return;
	}
}

/* The least room on the way but for one device's. */
static uint32_t room_elsewhere(const struct probe_mtu *mtu, const struct probe_mtu_link *except)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < mtu->link_count; i++) {
		if (&mtu->links[i] != except && mtu->links[i].room < least)
			least = mtu->links[i].room;
	}
	return least;
}

void probe_mtu_remedy(const struct probe_mtu *mtu, char *text, size_t size)
{
	const struct probe_mtu_link *least = probe_mtu_narrowest(mtu);
	uint32_t top = mtu->search.top;

	text[0] = '\0';
	switch (mtu->verdict) {
	case MTU_FINE:
	case MTU_NO_ANSWER:
		return;
	case MTU_LOCAL:
		snprintf(text, size,
			 mtu->local_mtu < top
				 ? "send at most %u bytes, or raise the mtu of the sender's route "
				   "(ip "
				   "route get; \"ip route flush cache\" forgets a learned one)"
				 : "send at most %u bytes, or raise the MTU of the sender's device",
			 mtu->local_mtu);
		return;
	case MTU_ICMP_LOST:
		snprintf(
			text, size,
			"let ICMP \"fragmentation needed\" pass at %s, or set mtu %u at the sender",
			mtu->icmp_lost_at, mtu->search.low);
		return;
	default:
		break;
	}
	if (!least || least->room >= top)
		snprintf(text, size, "set mtu %u at the sender, or raise it where packets vanish",
			 mtu->search.low);
	else if (room_elsewhere(mtu, least) < top)
		snprintf(text, size, "set mtu %u at the sender: %s has no more", least->room,
			 least->name);
	else
		snprintf(text, size, "set mtu %u on %s (it has %u)",
			 top + (least->mtu - least->room), least->name, least->mtu);
}

static bool told_already(const struct finding_list *list, const struct tuple *flow)
{
	array_each(finding, &list->findings) {
		if ((*finding)->severity == SEVERITY_ERROR &&
		    address_equal((*finding)->flow.dst, flow->dst))
			return true;
	}
	return false;
}

void probe_mtu_finding(const struct probe_mtu *mtu, const struct diagnosis *d, struct tuple flow,
		       struct finding_list *list)
{
	static const char *const ids[] = {
		[MTU_EXCEEDED] = "mtu-exceeded", [MTU_SILENT] = "mtu-blackhole",
		[MTU_LOCAL] = "mtu-local",       [MTU_ICMP_LOST] = "mtu-blackhole",
		[MTU_BEYOND] = "mtu-blackhole",  [MTU_MISMATCH] = "mtu-mismatch"};
	bool mismatch = mtu->verdict == MTU_MISMATCH;
	const struct probe_mtu_link *least = probe_mtu_narrowest(mtu);
	char text[400], line[500] = "";
	struct finding *finding;

	if (mtu->verdict <= MTU_NO_ANSWER || told_already(list, &flow))
		return;
	finding = finding_new(list, ids[mtu->verdict], "mtu",
			      mismatch ? SEVERITY_WARNING : SEVERITY_ERROR,
			      mtu->verdict == MTU_BEYOND ? BASIS_ABSENCE : BASIS_SEEN);
	if (!finding)
		return;
	finding->flow = flow;
	finding->confidence =
		basis_confidence(mtu->verdict == MTU_BEYOND ? BASIS_ABSENCE : BASIS_SEEN);
	finding_where(finding, d, d->subject_netns, 0);
	probe_mtu_summary(mtu, text, sizeof(text));
	finding_summary(finding, "%s", text);
	if (mtu->search.high <= mtu->search.top)
		finding_evidence(
			finding,
			"seen largest that passed %u bytes, smallest lost %u, %u packets sent",
			mtu->search.low, mtu->search.high, mtu->search.sent);
	else
		finding_evidence(finding,
				 "seen %u bytes, all that the device takes, pass both ways; %u "
				 "packets sent",
				 mtu->search.low, mtu->search.sent);
	for (unsigned i = 0; i < mtu->link_count; i++)
		text_append(line, sizeof(line), "%s%s %u", i ? ", " : "", mtu->links[i].name,
			    mtu->links[i].mtu);
	if (line[0])
		finding_evidence(finding, "fact MTUs: %s", line);
	probe_mtu_remedy(mtu, text, sizeof(text));
	finding_remedy(finding, "# %s", text);
	finding_number(finding, "passed", mtu->search.low);
	if (mtu->verdict == MTU_LOCAL)
		finding_number(finding, "mtu", mtu->local_mtu);
	else if (least)
		finding_number(finding, "mtu", least->mtu);
}
