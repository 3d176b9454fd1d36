/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the rules, then makes one list of what they said: the same fault seen in several
 * flows is one finding, what another finding explains is folded under it, and causes come
 * first. Confidence is the basis (finding.h) minus a share for every fact that was missing
 * and for records lost. It knows how ids relate, not how any of them is found.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check.h"
#include "diagnose/lookup.h"

#define GAP_COST 0.06
#define INCOMPLETE_COST 0.1
#define CONFIDENCE_FLOOR 0.1
#define ABSENCE_ENOUGH 8 /* so many of a flow are hardly left out by chance */
#define DEPTH_UNKNOWN 50

/*
 * How deep an id lies: of two findings about one flow the one with the smaller number is the
 * cause. Devices before routes, routes before rules that look at what was routed, and what is
 * inferred from silence last.
 */
static const struct {
	const char *id;
	unsigned depth;
} depths[] = {
	{"link-down", 10},
	{"overlay-down", 10},
	{"remote-overlay-down", 10},
	{"bridge-port-detached", 10},
	{"ip-conflict", 12},
	{"pod-config", 12},
	{"ipam-exhausted", 14},
	{"cni-subnet-mismatch", 14},
	{"dns-config", 18},
	{"overlay-route-missing", 20},
	{"overlay-peer-missing", 20},
	{"overlay-mismatch", 20},
	{"overlay-checksum", 20},
	{"ip-forward-disabled", 20},
	{"conntrack-full", 20},
	{"conntrack-race", 22},
	{"ports-exhausted", 22},
	{"conntrack-invalid", 22},
	{"network-policy-drop", 24},
	{"service-no-endpoints", 24},
	{"forward-policy-drop", 25},
	{"netfilter-drop", 26},
	{"netfilter-reject", 26},
	{"bpf-drop", 26},
	{"security-hook", 26},
	{"rp-filter", 26},
	{"service-rules-missing", 28},
	{"bridge-netfilter-off", 28},
	{"hairpin-off", 24},
	{"masquerade-missing", 28},
	{"ttl-exceeded", 30},
	{"no-route", 32},
	{"mtu-exceeded", 34},
	{"mtu-blackhole", 34},
	{"mtu-local", 34},
	{"mtu-mismatch", 36},
	{"listen-loopback", 40},
	{"service-port-wrong", 40},
	{"nodeport-refused", 41},
	{"port-closed", 42},
	{"listen-overflow", 42},
	{"socket-buffer-full", 42},
	{"qdisc-drop", 44},
	{"backlog-drop", 44},
	{"service-endpoint-dead", 45},
	{"neighbour-failed", 46},
	{"fragments-lost", 48},
	{"dns-server-unreachable", 62},
	{"dns-timeout", 64},
	{"dns-error", 66},
	{"dns-slow", 68},
	{"overlay-blocked", 70},
	{"no-reply", 90},
	{"vanished", 92},
};

static unsigned finding_depth(const struct finding *finding)
{
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		if (!strcmp(depths[i].id, finding->id))
			return depths[i].depth;
	}
	return DEPTH_UNKNOWN;
}

static bool has_flow(const struct finding *finding, uint64_t id)
{
	array_each(known, &finding->flows) {
		if (*known == id)
			return true;
	}
	return false;
}

static bool share_a_flow(const struct finding *a, const struct finding *b)
{
	array_each(id, &b->flows) {
		if (has_flow(a, *id))
			return true;
	}
	return false;
}

static int adopt_flows(struct finding *into, const struct finding *from)
{
	array_each(id, &from->flows) {
		uint64_t *slot;

		if (has_flow(into, *id))
			continue;
		slot = array_push(&into->flows);
		if (!slot)
			return -ENOMEM;
		*slot = *id;
	}
	return 0;
}

static void list_remove(struct finding_list *list, size_t at)
{
	finding_free(list->findings.items[at]);
	memmove(&list->findings.items[at], &list->findings.items[at + 1],
		(list->findings.count - at - 1) * sizeof(list->findings.items[0]));
	list->findings.count--;
}

/* The same fault seen in another flow: its packets count, its words are already there. */
static int merge_same(struct finding_list *list)
{
	for (size_t i = 0; i < list->findings.count; i++) {
		struct finding *keep = list->findings.items[i];

		for (size_t k = i + 1; k < list->findings.count;) {
			struct finding *other = list->findings.items[k];

			if (strcmp(keep->id, other->id) || strcmp(keep->key, other->key)) {
				k++;
				continue;
			}
			keep->count += other->count;
			/* Two kinds of drop in one flow: the packets of the flow count once. */
			if (!share_a_flow(keep, other))
				keep->of += other->of;
			if (other->severity > keep->severity)
				keep->severity = other->severity;
			if (other->confidence > keep->confidence) {
				keep->confidence = other->confidence;
				keep->basis = other->basis;
			}
			if (adopt_flows(keep, other))
				return -ENOMEM;
			list_remove(list, k);
		}
	}
	return 0;
}

static const char *fact_text(const struct finding *finding, const char *key)
{
	array_each(fact, &finding->facts) {
		if (!strcmp(fact->key, key) && !fact->is_number)
			return fact->text;
	}
	return NULL;
}

/* A fault of the tunnel to a node explains every silence behind that node. */
static bool same_node(const struct finding *cause, const struct finding *effect)
{
	const char *node = fact_text(cause, "node"), *other = fact_text(effect, "node");

	return node && other && !strcmp(node, other) && !strcmp(cause->class, "cni") &&
	       finding_depth(cause) < finding_depth(effect);
}

/* A fault of a device or of the whole node explains what is not about a flow, too. */
static bool explains(const struct finding *cause, const struct finding *effect)
{
	unsigned cause_depth = finding_depth(cause), effect_depth = finding_depth(effect);

	if (cause->severity < effect->severity)
		return false;
	if (share_a_flow(cause, effect)) {
		if (cause_depth != effect_depth)
			return cause_depth < effect_depth;
		return cause->count > effect->count ||
		       (cause->count == effect->count && cause->confidence >= effect->confidence);
	}
	if (same_node(cause, effect))
		return true;
	/* An address that does not resolve behind a device that is known to be broken. */
	if (cause_depth < 20 && !strcmp(effect->id, "neighbour-failed"))
		return !strcmp(cause->device, effect->device) || !strcmp(cause->pod, effect->pod);
	/* A static warning about the very device an error names says nothing new. */
	if (cause->severity == SEVERITY_ERROR && effect->severity < SEVERITY_ERROR &&
	    !strcmp(cause->class, effect->class) && !effect->flows.count)
		return cause->flows.count || (cause->device[0] && effect->device[0] &&
					      !strcmp(cause->device, effect->device));
	return false;
}

static int fold_one(struct finding *cause, const struct finding *effect)
{
	char **slot;

	/* The same id found in two ways is no consequence of itself. */
	if (!strcmp(cause->id, effect->id))
		return adopt_flows(cause, effect);
	slot = array_push(&cause->consequences);
	if (!slot)
		return -ENOMEM;
	if (asprintf(slot, "%s (%s)", effect->id, effect->summary) < 0) {
		cause->consequences.count--;
		return -ENOMEM;
	}
	array_each(deeper, &effect->consequences) {
		slot = array_push(&cause->consequences);
		if (!slot)
			return -ENOMEM;
		*slot = strdup(*deeper);
		if (!*slot) {
			cause->consequences.count--;
			return -ENOMEM;
		}
	}
	return adopt_flows(cause, effect);
}

static int fold_consequences(struct finding_list *list)
{
	for (size_t k = 0; k < list->findings.count;) {
		struct finding *effect = list->findings.items[k], *cause = NULL;

		for (size_t i = 0; i < list->findings.count; i++) {
			struct finding *other = list->findings.items[i];

			if (i == k || !explains(other, effect))
				continue;
			if (!cause || finding_depth(other) < finding_depth(cause))
				cause = other;
		}
		if (!cause) {
			k++;
			continue;
		}
		if (fold_one(cause, effect))
			return -ENOMEM;
		list_remove(list, k);
		k = 0; /* the cause has new flows: look again */
	}
	return 0;
}

/* What was asked about the finding's own namespace, and could not be read. */
static unsigned facts_unread(const struct facts *facts, const struct finding *finding)
{
	unsigned count = facts->config_failed && !strcmp(finding->class, "cni");

	array_each(slot, &facts->namespaces) {
		const struct netns_facts *ns = *slot;

		if (!finding->netns[0] || strcmp(ns->label, finding->netns))
			continue;
		count += (unsigned)__builtin_popcount(ns->failed) + (ns->rules.unread.count > 0);
		/* That a setting does not exist is known. */
		array_each(sysctl, &facts->sysctls)
			count += sysctl->netns == ns->inode && sysctl->error &&
				 sysctl->error != -ENOENT;
		break;
	}
	return count;
}

/* A rule that says what it lacked, and the facts that say what failed, may mean the same. */
static void judge(const struct diagnosis *d, struct finding *finding)
{
	unsigned unread = facts_unread(d->facts, finding);

	if (finding->gaps < unread)
		finding->gaps = unread;
	finding->confidence -= GAP_COST * finding->gaps;
	if (!d->complete) {
		finding->confidence -= INCOMPLETE_COST;
		/* What did not come may be among what was left out. */
		if (finding->basis == BASIS_ABSENCE && finding->count < ABSENCE_ENOUGH &&
		    finding->severity == SEVERITY_ERROR)
			finding->severity = SEVERITY_WARNING;
	}
	if (finding->confidence < CONFIDENCE_FLOOR)
		finding->confidence = CONFIDENCE_FLOOR;
	finding->weight = finding->severity * 1000.0 - finding_depth(finding) * 5.0 +
			  finding->confidence * 10.0;
}

static int compare(const void *left, const void *right)
{
	const struct finding *a = *(struct finding *const *)left;
	const struct finding *b = *(struct finding *const *)right;

	if (a->weight != b->weight)
		return a->weight < b->weight ? 1 : -1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->key, b->key);
}

int diagnose(struct diagnosis *d, struct finding_list *list)
{
	int err;

	unreachable_rules(d, list);
	overlay_rules(d, list);
	cni_rules(d, list);
	untranslated_rules(d, list);
	service_rules(d, list);
	port_rules(d, list);
	mtu_rules(d, list);
	overload_rules(d, list);
	dns_rules(d, list);
	path_rules(d, list);
	if (d->check)
		check_rules(d, list);

	facts_rules_gaps(d->facts);
	err = merge_same(list);
	if (!err)
		err = fold_consequences(list);
	if (err)
		return err;
	array_each(finding, &list->findings)
		judge(d, *finding);
	if (list->findings.count)
		qsort(list->findings.items, list->findings.count, sizeof(list->findings.items[0]),
		      compare);
	return 0;
}
