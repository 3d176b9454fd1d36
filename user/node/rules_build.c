// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts one rule together: fields, and the text an operator would search for. Knows the
 * order and quoting of iptables-save; where the conditions come from it does not know.
 */
#include "node/rules_build.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void rule_build_begin(struct rule_build *build, struct filter_rule *rule, uint8_t family,
		      bool iptables)
{
	build->rule = rule;
	build->family = family;
	build->iptables = iptables;
	build->head[0] = build->match[0] = build->target[0] = build->xt_match[0] = '\0';
}

static void append(char *dst, size_t size, const char *format, va_list args)
{
	size_t used = strlen(dst);

	if (used + 2 > size)
		return;
	dst[used++] = ' ';
	vsnprintf(dst + used, size - used, format, args);
}

void rule_match_text(struct rule_build *build, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(build->match, sizeof(build->match), format, args);
	va_end(args);
}

void rule_target_text(struct rule_build *build, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(build->target, sizeof(build->target), format, args);
	va_end(args);
}

void rule_quote(char *dst, size_t size, const char *src)
{
	static const char plain[] = "_-0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t at = 0;
	bool quote = !*src || src[strspn(src, plain)];

	if (quote && at + 1 < size)
		dst[at++] = '"';
	for (; *src && at + 3 < size; src++) {
		if (strchr("\\\"'", *src))
			dst[at++] = '\\';
		dst[at++] = *src;
	}
	if (quote && at + 1 < size)
		dst[at++] = '"';
	dst[at] = '\0';
}

const char *rule_proto_name(uint8_t proto, char buffer[8])
{
	switch (proto) {
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_IGMP:
		return "igmp";
	case IPPROTO_IPIP:
		return "ipencap";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_IPV6:
		return "ipv6";
	case IPPROTO_GRE:
		return "gre";
	case IPPROTO_ESP:
		return "esp";
	case IPPROTO_AH:
		return "ah";
	case IPPROTO_ICMPV6:
		return "ipv6-icmp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_UDPLITE:
		return "udplite";
	}
	snprintf(buffer, 8, "%u", proto);
	return buffer;
}

void rule_tcp_flags(char *dst, size_t size, uint8_t flags)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};

	dst[0] = '\0';
	if ((flags & 0x3f) == 0x3f)
		return text_append(dst, size, "ALL");
	for (unsigned i = 0; i < 6; i++) {
		if (flags & (1 << i))
			text_append(dst, size, "%s%s", dst[0] ? "," : "", names[i]);
	}
	if (!dst[0])
		text_append(dst, size, "NONE");
}

int rule_mask_len(const uint8_t *mask, size_t bytes)
{
	unsigned len = 0;

	while (len < bytes * 8 && mask[len / 8] & (0x80 >> len % 8))
		len++;
	for (unsigned i = len; i < bytes * 8; i++) {
		if (mask[i / 8] & (0x80 >> i % 8))
			return -1;
	}
	return len;
}

void rule_set_address(struct rule_build *build, bool source, bool invert, const uint8_t *address,
		      const uint8_t *mask)
{
	struct filter_rule *rule = build->rule;
	uint8_t version = build->family == 6 ? 6 : 4;
	int len = rule_mask_len(mask, version == 6 ? 16 : 4);
	char text[ADDRESS_TEXT], mask_text[ADDRESS_TEXT];

	if (!len && !invert)
		return;
	if (len < 0) {
		rule->undecided = true;
		text_append(build->head, sizeof(build->head), "%s -%c %s/%s", invert ? " !" : "",
			    source ? 's' : 'd', address_text(address_make(version, address), text),
			    address_text(address_make(version, mask), mask_text));
		return;
	}
	if (source) {
		rule->src = address_make(version, address);
		rule->src_len = len;
		rule->not_src = invert;
	} else {
		rule->dst = address_make(version, address);
		rule->dst_len = len;
		rule->not_dst = invert;
	}
}

void rule_set_standard(struct rule_build *build, const char *target, bool is_goto)
{
	struct filter_rule *rule = build->rule;

	rule->verdict = !strcmp(target, "ACCEPT")   ? RULE_ACCEPT
			: !strcmp(target, "DROP")   ? RULE_DROP
			: !strcmp(target, "RETURN") ? RULE_RETURN
			: !strcmp(target, "QUEUE")  ? RULE_QUEUE
			: is_goto                   ? RULE_GOTO
						    : RULE_JUMP;
	text_copy(rule->target, sizeof(rule->target), target);
	rule_target_text(build, "-%c %s", is_goto ? 'g' : 'j', target);
}

static void address_option(char *text, size_t size, char option, bool invert,
			   struct address address, uint8_t len)
{
	char buffer[ADDRESS_TEXT];

	if (address.version)
		text_append(text, size, "%s -%c %s/%u", invert ? " !" : "", option,
			    address_text(address, buffer), len);
}

static void name_option(char *text, size_t size, char option, bool invert, const char *name)
{
	if (name[0])
		text_append(text, size, "%s -%c %s", invert ? " !" : "", option, name);
}

/* What iptables-save prints before the extensions, in its order. */
static void iptables_head(const struct rule_build *build, char *text, size_t size)
{
	const struct filter_rule *rule = build->rule;
	char buffer[8];

	address_option(text, size, 's', rule->not_src, rule->src, rule->src_len);
	address_option(text, size, 'd', rule->not_dst, rule->dst, rule->dst_len);
	name_option(text, size, 'i', rule->not_iif, rule->iif);
	name_option(text, size, 'o', rule->not_oif, rule->oif);
	if (rule->proto)
		text_append(text, size, "%s -p %s", rule->not_proto ? " !" : "",
			    rule_proto_name(rule->proto, buffer));
	text_append(text, size, "%s", build->head);
}

int rule_build_end(struct rule_build *build, const char *chain_name)
{
	char text[sizeof(build->match) + sizeof(build->target) + 512];
	const char *start = text;

	text[0] = '\0';
	if (build->iptables) {
		snprintf(text, sizeof(text), "-A %s", chain_name);
		iptables_head(build, text, sizeof(text));
	}
	text_append(text, sizeof(text), "%s%s", build->match, build->target);
	if (*start == ' ')
		start++;
	build->rule->text = strdup(start);
	return build->rule->text ? 0 : -ENOMEM;
}
