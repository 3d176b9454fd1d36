// SPDX-License-Identifier: GPL-2.0-only
/*
 * xt matches: the blobs behind iptables' -m, as linux/netfilter/xt_*.h lay them out.
 * What decides a match goes into the rule's fields; an extension that looks at things
 * a packet record does not show makes the rule undecided and is named in its text.
 * The bytes are outside bytes: a blob shorter than its structure is only named.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_build.h"

struct blob {
	const void *bytes;
	size_t size;
	uint8_t revision;
};

/* Copies what the structure needs: blobs carry no alignment. False when it is cut. */
static bool take(const struct blob *blob, void *into, size_t size)
{
	if (!blob->bytes || blob->size < size)
		return false;
	memcpy(into, blob->bytes, size);
	return true;
}

static const char *not_text(bool invert)
{
	return invert ? "! " : "";
}

static void port_range_text(struct rule_build *build, const char *option, const __u16 range[2],
			    bool invert)
{
	if (range[0] == 0 && range[1] == 0xffff && !invert)
		return;
	if (range[0] == range[1])
		rule_match_text(build, "%s--%s %u", not_text(invert), option, range[0]);
	else
		rule_match_text(build, "%s--%s %u:%u", not_text(invert), option, range[0],
				range[1]);
}

static void set_ports(struct rule_build *build, const __u16 sport[2], const __u16 dport[2],
		      bool not_sport, bool not_dport)
{
	struct filter_rule *rule = build->rule;

	port_range_text(build, "sport", sport, not_sport);
	port_range_text(build, "dport", dport, not_dport);
	if (sport[0] || sport[1] != 0xffff || not_sport) {
		rule->sport_min = sport[0];
		rule->sport_max = sport[1];
		rule->not_sport = not_sport;
	}
	if (dport[0] || dport[1] != 0xffff || not_dport) {
		rule->dport_min = dport[0];
		rule->dport_max = dport[1];
		rule->not_dport = not_dport;
	}
}

static bool match_tcp(struct rule_build *build, const struct blob *blob)
{
	struct xt_tcp tcp;
	char mask[32], flags[32];

	if (!take(blob, &tcp, sizeof(tcp)))
		return false;
	set_ports(build, tcp.spts, tcp.dpts, tcp.invflags & XT_TCP_INV_SRCPT,
		  tcp.invflags & XT_TCP_INV_DSTPT);
	if (tcp.option) {
		build->rule->undecided = true;
		rule_match_text(build, "%s--tcp-option %u",
				not_text(tcp.invflags & XT_TCP_INV_OPTION), tcp.option);
	}
	if (tcp.flg_mask || tcp.invflags & XT_TCP_INV_FLAGS) {
		rule_tcp_flags(mask, sizeof(mask), tcp.flg_mask);
		rule_tcp_flags(flags, sizeof(flags), tcp.flg_cmp);
		rule_match_text(build, "%s--tcp-flags %s %s",
				not_text(tcp.invflags & XT_TCP_INV_FLAGS), mask, flags);
		if (tcp.invflags & XT_TCP_INV_FLAGS) {
			build->rule->undecided = true;
		} else {
			build->rule->tcp_mask = tcp.flg_mask;
			build->rule->tcp_flags = tcp.flg_cmp;
		}
	}
	return true;
}

static bool match_udp(struct rule_build *build, const struct blob *blob)
{
	struct xt_udp udp;

	if (!take(blob, &udp, sizeof(udp)))
		return false;
	set_ports(build, udp.spts, udp.dpts, udp.invflags & XT_UDP_INV_SRCPT,
		  udp.invflags & XT_UDP_INV_DSTPT);
	return true;
}

static bool match_icmp(struct rule_build *build, const struct blob *blob)
{
	struct {
		__u8 type, code[2], invert;
	} icmp; /* struct ipt_icmp and struct ip6t_icmp alike */
	struct filter_rule *rule = build->rule;
	const char *option = build->family == 6 ? "icmpv6-type" : "icmp-type";
	bool invert;

	if (!take(blob, &icmp, sizeof(icmp)))
		return false;
	invert = icmp.invert & 1;
	if (build->family != 6 && icmp.type == 0xff) { /* iptables: any */
		rule_match_text(build, "%s--%s any", not_text(invert), option);
		rule->undecided |= invert;
		return true;
	}
	rule->icmp_type = icmp.type;
	rule->has_icmp_type = true;
	rule->not_icmp_type = invert;
	if (icmp.code[0] == 0 && icmp.code[1] == 0xff) {
		rule_match_text(build, "%s--%s %u", not_text(invert), option, icmp.type);
		return true;
	}
	rule_match_text(build, "%s--%s %u/%u", not_text(invert), option, icmp.type, icmp.code[0]);
	if (icmp.code[0] != icmp.code[1] || invert) {
		rule->undecided = true;
		rule->has_icmp_type = !invert;
	} else {
		rule->has_icmp_code = true;
		rule->icmp_code = icmp.code[0];
	}
	return true;
}

static bool match_multiport(struct rule_build *build, const struct blob *blob)
{
	static const char *const options[] = {"sports", "dports", "ports"};
	struct xt_multiport_v1 multi = {0};
	struct rule_ports spare = {0}, *ports;
	char text[160] = "";

	if (!take(blob, &multi,
		  blob->revision ? sizeof(struct xt_multiport_v1) : sizeof(struct xt_multiport)))
		return false;
	if (multi.count > XT_MULTI_PORTS || multi.flags > XT_MULTIPORT_EITHER)
		return false;
	ports = build->rule->ports ? NULL : calloc(1, sizeof(*ports));
	if (!ports) {
		build->rule->undecided = true; /* two multiports in a rule: one is kept */
		ports = &spare;
	} else {
		build->rule->ports = ports;
	}
	ports->source = multi.flags != XT_MULTIPORT_DESTINATION;
	ports->destination = multi.flags != XT_MULTIPORT_SOURCE;
	ports->invert = multi.invert;
	for (unsigned i = 0; i < multi.count; i++) {
		uint8_t at = ports->count++;

		ports->min[at] = ports->max[at] = multi.ports[i];
		if (multi.pflags[i] && i + 1 < multi.count)
			ports->max[at] = multi.ports[++i];
		text_append(text, sizeof(text), "%s%u", at ? "," : "", ports->min[at]);
		if (ports->max[at] != ports->min[at])
			text_append(text, sizeof(text), ":%u", ports->max[at]);
	}
	rule_match_text(build, "%s--%s %s", not_text(multi.invert), options[multi.flags], text);
	return true;
}

static bool match_comment(struct rule_build *build, const struct blob *blob)
{
	char text[XT_MAX_COMMENT_LEN], quoted[2 * XT_MAX_COMMENT_LEN];
	size_t size = blob->size < sizeof(text) ? blob->size : sizeof(text);

	if (!size || !take(blob, text, size))
		return false;
	text[size - 1] = '\0';
	free(build->rule->comment); /* of several the last counts */
	build->rule->comment = strdup(text);
	rule_quote(quoted, sizeof(quoted), text);
	rule_match_text(build, "--comment %s", quoted);
	return true;
}

/* A state mask in xt's bits (untracked lies elsewhere in each of the two matches). */
static void set_state(struct rule_build *build, const char *option, unsigned mask,
		      unsigned untracked, bool invert)
{
	static const struct {
		unsigned bit;
		uint8_t state;
		const char *name;
	} states[] = {
		{1, RULE_CT_INVALID, "INVALID"},
		{8, RULE_CT_NEW, "NEW"},
		{4, RULE_CT_RELATED, "RELATED"},
		{2, RULE_CT_ESTABLISHED, "ESTABLISHED"},
	};
	unsigned all = RULE_CT_INVALID | RULE_CT_ESTABLISHED | RULE_CT_RELATED | RULE_CT_NEW |
		       RULE_CT_UNTRACKED;
	uint8_t state = mask & untracked ? RULE_CT_UNTRACKED : 0;
	char text[96] = "";

	for (unsigned i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (!(mask & states[i].bit))
			continue;
		state |= states[i].state;
		text_append(text, sizeof(text), "%s%s", text[0] ? "," : "", states[i].name);
	}
	if (mask & untracked)
		text_append(text, sizeof(text), "%sUNTRACKED", text[0] ? "," : "");
	if (untracked != XT_STATE_UNTRACKED &&
	    mask & (XT_CONNTRACK_STATE_SNAT | XT_CONNTRACK_STATE_DNAT)) {
		build->rule->undecided = true;
		if (mask & XT_CONNTRACK_STATE_SNAT)
			text_append(text, sizeof(text), "%sSNAT", text[0] ? "," : "");
		if (mask & XT_CONNTRACK_STATE_DNAT)
			text_append(text, sizeof(text), "%sDNAT", text[0] ? "," : "");
		state = 0; /* any state may be translated as well */
	} else {
		state = invert ? all & ~state : state;
		if (!state)
			build->rule->undecided = true;
	}
	build->rule->ct_state = state;
	rule_match_text(build, "%s--%s %s", not_text(invert), option, text);
}

static bool match_conntrack(struct rule_build *build, const struct blob *blob)
{
	struct xt_conntrack_mtinfo2 info;
	struct xt_conntrack_mtinfo1 info1;
	const char *option;
	unsigned rest;

	if (blob->revision == 1) { /* the masks were bytes once */
		if (!take(blob, &info1, sizeof(info1)))
			return false;
		info.match_flags = info1.match_flags;
		info.invert_flags = info1.invert_flags;
		info.state_mask = info1.state_mask;
	} else if (!take(blob, &info, sizeof(info))) { /* revision 3 only appends */
		return false;
	}
	option = info.match_flags & XT_CONNTRACK_STATE_ALIAS ? "state" : "ctstate";
	if (info.match_flags & XT_CONNTRACK_STATE)
		set_state(build, option, info.state_mask, XT_CONNTRACK_STATE_UNTRACKED,
			  info.invert_flags & XT_CONNTRACK_STATE);
	rest = info.match_flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS);
	if (rest) {
		build->rule->undecided = true;
		rule_match_text(build, "--ct… (flags 0x%x)", rest);
	}
	return true;
}

static bool match_state(struct rule_build *build, const struct blob *blob)
{
	struct xt_state_info info;

	if (!take(blob, &info, sizeof(info)))
		return false;
	set_state(build, "state", info.statemask, XT_STATE_UNTRACKED, false);
	return true;
}

static void mark_text(struct rule_build *build, uint32_t mark, uint32_t mask, bool invert)
{
	if (mask == 0xffffffff)
		rule_match_text(build, "%s--mark 0x%x", not_text(invert), mark);
	else
		rule_match_text(build, "%s--mark 0x%x/0x%x", not_text(invert), mark, mask);
}

static bool match_mark(struct rule_build *build, const struct blob *blob)
{
	struct xt_mark_mtinfo1 info;

	if (!take(blob, &info, offsetof(struct xt_mark_mtinfo1, invert) + 1))
		return false;
	build->rule->mark = info.mark;
	build->rule->mark_mask = info.mask;
	build->rule->not_mark = info.invert;
	mark_text(build, info.mark, info.mask, info.invert);
	return true;
}

static bool match_connmark(struct rule_build *build, const struct blob *blob)
{
	struct xt_connmark_mtinfo1 info;

	if (!take(blob, &info, offsetof(struct xt_connmark_mtinfo1, invert) + 1))
		return false;
	build->rule->undecided = true;
	mark_text(build, info.mark, info.mask, info.invert);
	return true;
}

static void type_list(struct rule_build *build, const char *option, uint16_t mask, bool invert)
{
	static const char *const names[] = {"UNSPEC",   "UNICAST",   "LOCAL",     "BROADCAST",
					    "ANYCAST",  "MULTICAST", "BLACKHOLE", "UNREACHABLE",
					    "PROHIBIT", "THROW",     "NAT",       "XRESOLVE"};
	char text[128] = "";

	if (!mask)
		return;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (mask & (1 << i))
			text_append(text, sizeof(text), "%s%s", text[0] ? "," : "", names[i]);
	}
	rule_match_text(build, "%s--%s %s", not_text(invert), option, text);
}

static bool match_addrtype(struct rule_build *build, const struct blob *blob)
{
	struct xt_addrtype_info_v1 info;
	struct xt_addrtype_info info0;

	if (!blob->revision) {
		if (!take(blob, &info0, sizeof(info0)))
			return false;
		info.source = info0.source;
		info.dest = info0.dest;
		info.flags = (info0.invert_source ? XT_ADDRTYPE_INVERT_SOURCE : 0) |
			     (info0.invert_dest ? XT_ADDRTYPE_INVERT_DEST : 0);
	} else if (!take(blob, &info, sizeof(info))) {
		return false;
	}
	type_list(build, "src-type", info.source, info.flags & XT_ADDRTYPE_INVERT_SOURCE);
	type_list(build, "dst-type", info.dest, info.flags & XT_ADDRTYPE_INVERT_DEST);
	if (info.flags & XT_ADDRTYPE_LIMIT_IFACE_IN)
		rule_match_text(build, "--limit-iface-in");
	if (info.flags & XT_ADDRTYPE_LIMIT_IFACE_OUT)
		rule_match_text(build, "--limit-iface-out");
	if (!info.source && info.dest == XT_ADDRTYPE_LOCAL && !info.flags)
		build->rule->dst_local = true;
	else
		build->rule->undecided = true;
	return true;
}

static bool match_statistic(struct rule_build *build, const struct blob *blob)
{
	struct xt_statistic_info info;
	bool invert;
	double chance;

	if (!take(blob, &info, offsetof(struct xt_statistic_info, master)))
		return false;
	invert = info.flags & XT_STATISTIC_INVERT;
	build->rule->undecided = true;
	if (info.mode == XT_STATISTIC_MODE_RANDOM) {
		chance = info.u.random.probability / 2147483648.0;
		rule_match_text(build, "--mode random %s--probability %.11f", not_text(invert),
				chance);
	} else {
		chance = 1.0 / (info.u.nth.every + 1.0);
		rule_match_text(build, "--mode nth %s--every %u --packet %u", not_text(invert),
				info.u.nth.every + 1, info.u.nth.packet);
	}
	build->rule->chance = invert ? 1 - chance : chance;
	return true;
}

static bool match_physdev(struct rule_build *build, const struct blob *blob)
{
	struct xt_physdev_info info;

	if (!take(blob, &info, sizeof(info)))
		return false;
	build->rule->undecided = true;
	info.physindev[sizeof(info.physindev) - 1] = '\0';
	info.physoutdev[sizeof(info.physoutdev) - 1] = '\0';
	if (info.bitmask & XT_PHYSDEV_OP_ISIN)
		rule_match_text(build, "%s--physdev-is-in",
				not_text(info.invert & XT_PHYSDEV_OP_ISIN));
	if (info.bitmask & XT_PHYSDEV_OP_IN)
		rule_match_text(build, "%s--physdev-in %s",
				not_text(info.invert & XT_PHYSDEV_OP_IN), info.physindev);
	if (info.bitmask & XT_PHYSDEV_OP_ISOUT)
		rule_match_text(build, "%s--physdev-is-out",
				not_text(info.invert & XT_PHYSDEV_OP_ISOUT));
	if (info.bitmask & XT_PHYSDEV_OP_OUT)
		rule_match_text(build, "%s--physdev-out %s",
				not_text(info.invert & XT_PHYSDEV_OP_OUT), info.physoutdev);
	if (info.bitmask & XT_PHYSDEV_OP_BRIDGED)
		rule_match_text(build, "%s--physdev-is-bridged",
				not_text(info.invert & XT_PHYSDEV_OP_BRIDGED));
	return true;
}

static bool match_limit(struct rule_build *build, const struct blob *blob)
{
	static const struct {
		const char *name;
		uint32_t scale;
	} rates[] = {{"day", XT_LIMIT_SCALE * 24 * 3600u},
		     {"hour", XT_LIMIT_SCALE * 3600},
		     {"min", XT_LIMIT_SCALE * 60},
		     {"sec", XT_LIMIT_SCALE}};
	uint32_t info[2]; /* avg, burst of struct xt_rateinfo; the rest is the kernel's */
	unsigned i = 1;

	if (!take(blob, info, sizeof(info)))
		return false;
	build->rule->undecided = true;
	if (!info[0])
		return true;
	while (i < 4 && info[0] <= rates[i].scale &&
	       rates[i].scale / info[0] >= rates[i].scale % info[0])
		i++;
	rule_match_text(build, "--limit %u/%s", rates[i - 1].scale / info[0], rates[i - 1].name);
	if (info[1] != 5)
		rule_match_text(build, "--limit-burst %u", info[1]);
	return true;
}

void xt_decode_match(struct rule_build *build, const char *name, uint8_t revision, const void *info,
		     size_t size)
{
	static const struct {
		const char *name;
		bool (*decode)(struct rule_build *build, const struct blob *blob);
	} matches[] = {
		{"tcp", match_tcp},
		{"udp", match_udp},
		{"udplite", match_udp},
		{"icmp", match_icmp},
		{"icmp6", match_icmp},
		{"multiport", match_multiport},
		{"comment", match_comment},
		{"conntrack", match_conntrack},
		{"state", match_state},
		{"mark", match_mark},
		{"connmark", match_connmark},
		{"addrtype", match_addrtype},
		{"statistic", match_statistic},
		{"physdev", match_physdev},
		{"limit", match_limit},
	};
	const struct blob blob = {info, size, revision};
	size_t alias = strlen(build->match);

	rule_match_text(build, "-m %s", name);
	for (unsigned i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		if (strcmp(matches[i].name, name))
			continue;
		if (!matches[i].decode(build, &blob))
			break;
		/* -m state is kept as conntrack with a flag; iptables-save shows it as state. */
		if (!strcmp(name, "conntrack") && strstr(build->match + alias, "--state ")) {
			char rest[128];

			text_copy(rest, sizeof(rest),
				  build->match + alias + strlen(" -m conntrack"));
			build->match[alias] = '\0';
			text_append(build->match, sizeof(build->match), " -m state%s", rest);
		}
		return;
	}
	build->rule->undecided = true;
}
