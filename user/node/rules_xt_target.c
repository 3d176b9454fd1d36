// SPDX-License-Identifier: GPL-2.0-only
/*
 * xt targets: the blobs behind iptables' -j beyond ACCEPT, DROP, RETURN and jumps.
 * Knows which of them end a packet's way; what a target does beside that is only named.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_mark.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_build.h"

struct blob {
	const void *bytes;
	size_t size;
	uint8_t revision;
};

static bool take(const struct blob *blob, void *into, size_t size)
{
	if (!blob->bytes || blob->size < size)
		return false;
	memcpy(into, blob->bytes, size);
	return true;
}

static void target_reject(struct rule_build *build, const struct blob *blob)
{
	static const char *const v4[] = {"icmp-net-unreachable",
					 "icmp-host-unreachable",
					 "icmp-proto-unreachable",
					 "icmp-port-unreachable",
					 "echo-reply",
					 "icmp-net-prohibited",
					 "icmp-host-prohibited",
					 "tcp-reset",
					 "icmp-admin-prohibited"};
	static const char *const v6[] = {"icmp6-no-route",
					 "icmp6-adm-prohibited",
					 "icmp6-not-neighbour",
					 "icmp6-addr-unreachable",
					 "icmp6-port-unreachable",
					 "echo-reply",
					 "tcp-reset",
					 "icmp6-policy-fail",
					 "icmp6-reject-route"};
	uint32_t with;

	build->rule->verdict = RULE_REJECT;
	if (!take(blob, &with, sizeof(with)) || with >= sizeof(v4) / sizeof(*v4))
		return;
	text_copy(build->rule->reject_with, sizeof(build->rule->reject_with),
		  build->family == 6 ? v6[with] : v4[with]);
	rule_target_text(build, "--reject-with %s", build->rule->reject_with);
}

/* The three layouts of a NAT range brought into the newest one. */
static bool take_range(struct rule_build *build, const struct blob *blob,
		       struct nf_nat_range2 *range)
{
	struct nf_nat_ipv4_multi_range_compat old;

	memset(range, 0, sizeof(*range));
	if (blob->size >= sizeof(struct nf_nat_range) || build->family == 6)
		return take(blob, range,
			    blob->size >= sizeof(*range) ? sizeof(*range)
							 : sizeof(struct nf_nat_range));
	if (!take(blob, &old, sizeof(old)))
		return false;
	range->flags = old.range[0].flags;
	range->min_addr.ip = old.range[0].min_ip;
	range->max_addr.ip = old.range[0].max_ip;
	range->min_proto = old.range[0].min;
	range->max_proto = old.range[0].max;
	return true;
}

static void nat_address_text(struct rule_build *build, const struct nf_nat_range2 *range,
			     char *text, size_t size)
{
	uint8_t version = build->family == 6 ? 6 : 4;
	struct address min = address_make(version, &range->min_addr);
	struct address max = address_make(version, &range->max_addr);
	bool ports = range->flags & NF_NAT_RANGE_PROTO_SPECIFIED;
	char buffer[ADDRESS_TEXT];

	if (range->flags & NF_NAT_RANGE_MAP_IPS) {
		bool brackets = version == 6 && ports;

		text_append(text, size, "%s%s", brackets ? "[" : "", address_text(min, buffer));
		if (!address_equal(min, max))
			text_append(text, size, "-%s", address_text(max, buffer));
		text_append(text, size, "%s", brackets ? "]" : "");
		build->rule->to = min;
	}
	if (ports) {
		uint16_t first = ntohs(range->min_proto.all), last = ntohs(range->max_proto.all);

		if (range->flags & NF_NAT_RANGE_MAP_IPS)
			text_append(text, size, ":");
		text_append(text, size, "%u", first);
		if (last != first)
			text_append(text, size, "-%u", last);
		build->rule->to_port = first;
	}
}

static void target_nat(struct rule_build *build, const struct blob *blob, const char *name)
{
	struct nf_nat_range2 range;
	char text[160] = "";

	build->rule->verdict = !strcmp(name, "DNAT")       ? RULE_DNAT
			       : !strcmp(name, "SNAT")     ? RULE_SNAT
			       : !strcmp(name, "REDIRECT") ? RULE_REDIRECT
							   : RULE_MASQUERADE;
	if (!take_range(build, blob, &range)) {
		build->rule->undecided = true;
		return;
	}
	nat_address_text(build, &range, text, sizeof(text));
	if (text[0])
		rule_target_text(build, "--%s %s",
				 build->rule->verdict == RULE_DNAT   ? "to-destination"
				 : build->rule->verdict == RULE_SNAT ? "to-source"
								     : "to-ports",
				 text);
	if (range.flags & NF_NAT_RANGE_PROTO_RANDOM)
		rule_target_text(build, "--random");
	if (range.flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY)
		rule_target_text(build, "--random-fully");
	if (range.flags & NF_NAT_RANGE_PERSISTENT)
		rule_target_text(build, "--persistent");
}

static void target_mark(struct rule_build *build, const struct blob *blob)
{
	struct xt_mark_tginfo2 info;

	build->rule->verdict = RULE_MARK;
	if (!take(blob, &info, sizeof(info))) {
		build->rule->set_mark_mask = 0xffffffff;
		return;
	}
	build->rule->set_mark = info.mark;
	build->rule->set_mark_mask = info.mask;
	rule_target_text(build, "--set-xmark 0x%x/0x%x", info.mark, info.mask);
}

static void target_connmark(struct rule_build *build, const struct blob *blob)
{
	static const char *const modes[] = {"set-xmark", "save-mark", "restore-mark"};
	struct xt_connmark_tginfo1 info;
	uint8_t mode = 0xff;

	if (!take(blob, &info, offsetof(struct xt_connmark_tginfo1, mode) + 1))
		return;
	if (blob->revision < 2)
		mode = info.mode;
	else if (blob->size > offsetof(struct xt_connmark_tginfo2, mode))
		mode = ((const uint8_t *)blob->bytes)[offsetof(struct xt_connmark_tginfo2, mode)];
	if (mode >= sizeof(modes) / sizeof(*modes))
		return;
	if (mode == XT_CONNMARK_SET)
		rule_target_text(build, "--set-xmark 0x%x/0x%x", info.ctmark, info.ctmask);
	else
		rule_target_text(build, "--%s --nfmask 0x%x --ctmask 0x%x", modes[mode],
				 info.nfmask, info.ctmask);
	if (mode == XT_CONNMARK_RESTORE) { /* the connection's mark is not known here */
		build->rule->verdict = RULE_MARK;
		build->rule->set_mark_mask = info.nfmask;
		build->rule->undecided = true;
	}
}

static void target_ct(struct rule_build *build, const struct blob *blob)
{
	struct xt_ct_target_info info;

	if (!take(blob, &info, offsetof(struct xt_ct_target_info, ct)))
		return;
	info.helper[sizeof(info.helper) - 1] = '\0';
	if (info.flags & XT_CT_NOTRACK)
		rule_target_text(build, "--notrack");
	if (info.helper[0])
		rule_target_text(build, "--helper %s", info.helper);
	if (info.zone)
		rule_target_text(build, "--zone %u", info.zone);
}

static void prefix_text(struct rule_build *build, const char *option, char *prefix, size_t size)
{
	char quoted[160];

	prefix[size - 1] = '\0';
	if (!prefix[0])
		return;
	rule_quote(quoted, sizeof(quoted), prefix);
	rule_target_text(build, "--%s %s", option, quoted);
}

static void target_log(struct rule_build *build, const struct blob *blob)
{
	struct xt_log_info info;

	if (!take(blob, &info, sizeof(info)))
		return;
	prefix_text(build, "log-prefix", info.prefix, sizeof(info.prefix));
	if (info.level != 4)
		rule_target_text(build, "--log-level %u", info.level);
}

static void target_nflog(struct rule_build *build, const struct blob *blob)
{
	struct xt_nflog_info info;

	if (!take(blob, &info, sizeof(info)))
		return;
	prefix_text(build, "nflog-prefix", info.prefix, sizeof(info.prefix));
	if (info.group)
		rule_target_text(build, "--nflog-group %u", info.group);
}

static enum rule_verdict other_verdict(const char *name)
{
	if (!strcmp(name, "NFQUEUE"))
		return RULE_QUEUE;
	return RULE_OTHER;
}

void xt_decode_target(struct rule_build *build, const char *name, uint8_t revision,
		      const void *info, size_t size)
{
	const struct blob blob = {info, size, revision};

	text_copy(build->rule->target, sizeof(build->rule->target), name);
	rule_target_text(build, "-j %s", name);
	build->rule->verdict = other_verdict(name);
	if (!strcmp(name, "REJECT"))
		target_reject(build, &blob);
	else if (!strcmp(name, "DNAT") || !strcmp(name, "SNAT") || !strcmp(name, "MASQUERADE") ||
		 !strcmp(name, "REDIRECT"))
		target_nat(build, &blob, name);
	else if (!strcmp(name, "MARK"))
		target_mark(build, &blob);
	else if (!strcmp(name, "CONNMARK"))
		target_connmark(build, &blob);
	else if (!strcmp(name, "CT"))
		target_ct(build, &blob);
	else if (!strcmp(name, "LOG"))
		target_log(build, &blob);
	else if (!strcmp(name, "NFLOG"))
		target_nflog(build, &blob);
}
