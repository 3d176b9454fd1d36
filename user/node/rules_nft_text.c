// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values, sets and statements in the words of `nft list ruleset`, close enough that an
 * operator finds the rule by searching for them.
 */
/* Before the kernel's own headers, which then leave out what these define. */
#include <netinet/in.h>
#include <stdio.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_nft_expr.h"

static void bits_text(char *dst, size_t size, uint32_t bits)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} states[] = {
		{1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}};

	dst[0] = '\0';
	for (unsigned i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (bits & states[i].bit)
			text_append(dst, size, "%s%s", dst[0] ? "," : "", states[i].name);
	}
	if (!dst[0])
		text_append(dst, size, "0x%x", bits);
}

static void icmp_text(char *dst, size_t size, bool v6, uint8_t type)
{
	static const struct {
		bool v6;
		uint8_t type;
		const char *name;
	} types[] = {{false, 0, "echo-reply"},
		     {false, 3, "destination-unreachable"},
		     {false, 5, "redirect"},
		     {false, 8, "echo-request"},
		     {false, 11, "time-exceeded"},
		     {false, 12, "parameter-problem"},
		     {false, 13, "timestamp-request"},
		     {false, 14, "timestamp-reply"},
		     {true, 1, "destination-unreachable"},
		     {true, 2, "packet-too-big"},
		     {true, 3, "time-exceeded"},
		     {true, 4, "parameter-problem"},
		     {true, 128, "echo-request"},
		     {true, 129, "echo-reply"},
		     {true, 133, "nd-router-solicit"},
		     {true, 134, "nd-router-advert"},
		     {true, 135, "nd-neighbor-solicit"},
		     {true, 136, "nd-neighbor-advert"}};

	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (types[i].v6 == v6 && types[i].type == type) {
			snprintf(dst, size, "%s", types[i].name);
			return;
		}
	}
	snprintf(dst, size, "%u", type);
}

static void flags_text(char *dst, size_t size, uint8_t flags)
{
	static const char *const names[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};

	dst[0] = '\0';
	for (unsigned i = 0; i < 8; i++) {
		if (flags & 1 << i)
			text_append(dst, size, "%s%s", dst[0] ? "," : "", names[i]);
	}
	if (!dst[0])
		text_append(dst, size, "0x0");
}

static void hex_text(char *dst, size_t size, const uint8_t *value, size_t len)
{
	snprintf(dst, size, "0x");
	for (size_t i = 0; i < len && i < 16; i++)
		text_append(dst, size, "%02x", value[i]);
}

static void address_value(char *dst, size_t size, const struct nft_load *load, const uint8_t *value,
			  size_t len)
{
	uint8_t version = !strncmp(load->text, "ip6", 3) || len == 16 ? 6 : 4, bytes[16] = {0};
	unsigned full = version == 6 ? 128 : 32;
	int prefix = load->masked ? rule_mask_len(load->mask, full / 8) : (int)load->len * 8;
	char text[ADDRESS_TEXT];

	memcpy(bytes, value, len < 16 ? len : 16);
	snprintf(dst, size, "%s", address_text(address_make(version, bytes), text));
	if (prefix >= 0 && prefix < (int)full)
		text_append(dst, size, "/%d", prefix);
}

static void name_value(char *dst, size_t size, const uint8_t *value, size_t len)
{
	int shown = strnlen((const char *)value, len < 16 ? len : 16);

	snprintf(dst, size, "\"%.*s%s\"", shown, (const char *)value,
		 shown == (int)len && len < 16 ? "*" : "");
}

void nft_load_value_text(char *dst, size_t size, const struct nft_load *load, const uint8_t *value,
			 size_t len)
{
	static const char *const fib[] = {"unspec",    "unicast",     "local",
					  "broadcast", "anycast",     "multicast",
					  "blackhole", "unreachable", "prohibit"};
	char buffer[IF_NAMESIZE];
	uint32_t word = 0;

	memcpy(&word, value, len < 4 ? len : 4);
	switch (load->kind) {
	case RULE_FIELD_SRC:
	case RULE_FIELD_DST:
		return address_value(dst, size, load, value, len);
	case RULE_FIELD_PROTO:
		snprintf(dst, size, "%s", rule_proto_name(value[0], buffer));
		return;
	case RULE_FIELD_SPORT:
	case RULE_FIELD_DPORT:
		snprintf(dst, size, "%d", len >= 2 ? value[0] << 8 | value[1] : value[0]);
		return;
	case RULE_FIELD_IIF:
	case RULE_FIELD_OIF:
		return name_value(dst, size, value, len);
	case LOAD_IIF_INDEX:
	case LOAD_OIF_INDEX:
		if (if_indextoname(word, buffer))
			snprintf(dst, size, "\"%s\"", buffer);
		else
			snprintf(dst, size, "%u", word);
		return;
	case RULE_FIELD_MARK:
		snprintf(dst, size, "0x%08x", word);
		return;
	case RULE_FIELD_CT_STATE:
		return bits_text(dst, size, word);
	case RULE_FIELD_ICMP_TYPE:
		return icmp_text(dst, size, !strncmp(load->text, "icmpv6", 6), value[0]);
	case RULE_FIELD_ANY:
	case LOAD_ICMP_CODE:
		snprintf(dst, size, "%u", word);
		return;
	case LOAD_TCP_FLAGS:
		return flags_text(dst, size, value[0]);
	case LOAD_NFPROTO:
		snprintf(dst, size, "ipv%u", nft_family(value[0]));
		return;
	case LOAD_FIB_TYPE:
		if (word < sizeof(fib) / sizeof(*fib)) {
			snprintf(dst, size, "%s", fib[word]);
			return;
		}
	}
	hex_text(dst, size, value, len);
}

/* One component of an element, as a range or a prefix where it is one. */
static size_t component_text(char *dst, size_t size, uint8_t field, size_t left, const uint8_t *key,
			     const uint8_t *end)
{
	struct nft_load load = {.kind = field};
	char low[64], high[64];
	size_t len = field == RULE_FIELD_PROTO || field == RULE_FIELD_ICMP_TYPE           ? 1
		     : field == RULE_FIELD_SPORT || field == RULE_FIELD_DPORT             ? 2
		     : field == RULE_FIELD_IIF || field == RULE_FIELD_OIF                 ? 16
		     : (field == RULE_FIELD_SRC || field == RULE_FIELD_DST) && left >= 16 ? 16
											  : 4;
	uint8_t mask[16];
	int prefix = -1;

	if (len > left)
		len = left;
	load.len = len;
	nft_load_value_text(low, sizeof(low), &load, key, len);
	text_append(dst, size, "%s", low);
	if (!memcmp(key, end, len))
		return (len + 3) / 4 * 4;
	for (size_t i = 0; i < len; i++)
		mask[i] = ~(key[i] ^ end[i]);
	if (field == RULE_FIELD_SRC || field == RULE_FIELD_DST) {
		prefix = rule_mask_len(mask, len);
		for (size_t i = 0; i < len; i++) {
			if (key[i] & ~mask[i])
				prefix = -1;
		}
	}
	nft_load_value_text(high, sizeof(high), &load, end, len);
	if (prefix >= 0)
		text_append(dst, size, "/%d", prefix);
	else
		text_append(dst, size, "-%s", high);
	return (len + 3) / 4 * 4;
}

static void element_verdict(char *dst, size_t size, const struct nft_decode *decode,
			    const struct rule_element *element)
{
	static const char *const names[] = {
		[RULE_CONTINUE] = "continue", [RULE_ACCEPT] = "accept", [RULE_DROP] = "drop",
		[RULE_RETURN] = "return",     [RULE_JUMP] = "jump",     [RULE_GOTO] = "goto"};
	char text[ADDRESS_TEXT];

	if (element->to.version) {
		text_append(dst, size, " : %s", address_text(element->to, text));
		if (element->to_port)
			text_append(dst, size, " . %u", element->to_port);
		return;
	}
	if (element->verdict > RULE_RETURN || !names[element->verdict])
		return;
	text_append(dst, size, " : %s", names[element->verdict]);
	if (element->verdict == RULE_JUMP || element->verdict == RULE_GOTO)
		text_append(dst, size, " %s", decode->chain_name(decode, element->target_chain));
}

void nft_set_text(char *dst, size_t size, const struct nft_decode *decode,
		  const struct rule_set *set, const struct rule_lookup *lookup)
{
	size_t shown = 0;

	if (!set->anonymous) {
		snprintf(dst, size, "@%s", set->name);
		return;
	}
	snprintf(dst, size, "{");
	array_each(element, &set->elements) {
		size_t at = 0;

		if (shown == NFT_SETS_SHOWN) {
			text_append(dst, size, ", … (%zu in all)", set->elements.count);
			break;
		}
		text_append(dst, size, "%s ", shown++ ? "," : "");
		for (unsigned i = 0; i < lookup->field_count && at < set->key_len; i++) {
			if (i)
				text_append(dst, size, " . ");
			at += component_text(dst, size, lookup->fields[i],
					     lookup->field_count == 1 ? set->key_len
								      : set->key_len - at,
					     element->key + at, element->key_end + at);
		}
		if (set->is_map)
			element_verdict(dst, size, decode, element);
	}
	text_append(dst, size, " }");
}

void nft_reject_text(struct rule_build *build, uint32_t type, uint8_t code)
{
	static const char *const icmp[] = {
		[0] = "net-unreachable",  [1] = "host-unreachable", [2] = "prot-unreachable",
		[3] = "port-unreachable", [9] = "net-prohibited",   [10] = "host-prohibited",
		[13] = "admin-prohibited"};
	static const char *const icmp6[] = {[0] = "no-route",
					    [1] = "admin-prohibited",
					    [3] = "addr-unreachable",
					    [4] = "port-unreachable"};
	static const char *const icmpx[] = {"no-route", "port-unreachable", "host-unreachable",
					    "admin-prohibited"};
	const char *name = NULL, *with = "icmp";

	if (type == NFT_REJECT_TCP_RST) {
		name = "reset";
		with = "tcp";
	} else if (type == NFT_REJECT_ICMPX_UNREACH) {
		name = code < 4 ? icmpx[code] : NULL;
		with = "icmpx";
	} else if (build->family == 6) {
		name = code < 5 ? icmp6[code] : NULL;
		with = "icmpv6";
	} else {
		name = code < 14 ? icmp[code] : NULL;
	}
	snprintf(build->rule->reject_with, sizeof(build->rule->reject_with), "%s %s", with,
		 name ? name : "?");
	/* nft leaves its default out. */
	if (name && !strcmp(name, "port-unreachable"))
		rule_match_text(build, "reject");
	else
		rule_match_text(build, "reject with %s", build->rule->reject_with);
}

static void limit_text(struct rule_build *build, const struct nftnl_expr *e)
{
	uint64_t unit = nftnl_expr_get_u64(e, NFTNL_EXPR_LIMIT_UNIT);
	const char *name = unit == 1       ? "second"
			   : unit == 60    ? "minute"
			   : unit == 3600  ? "hour"
			   : unit == 86400 ? "day"
					   : "week";
	unsigned long long rate = nftnl_expr_get_u64(e, NFTNL_EXPR_LIMIT_RATE);
	uint32_t burst = nftnl_expr_get_u32(e, NFTNL_EXPR_LIMIT_BURST);
	bool over = nftnl_expr_get_u32(e, NFTNL_EXPR_LIMIT_FLAGS) & NFT_LIMIT_F_INV;

	build->rule->undecided = true;
	if (build->iptables) {
		rule_match_text(build, "-m limit --limit %llu/%.*s", rate,
				unit == 1 || unit == 60 ? 3 : 4, name);
		if (burst != 5)
			rule_match_text(build, "--limit-burst %u", burst);
		return;
	}
	rule_match_text(
		build, "limit rate %s%llu%s/%s", over ? "over " : "", rate,
		nftnl_expr_get_u32(e, NFTNL_EXPR_LIMIT_TYPE) == NFT_LIMIT_PKT_BYTES ? " bytes" : "",
		name);
	if (burst && burst != 5) /* 5 is nft's default */
		rule_match_text(build, "burst %u packets", burst);
}

static void log_text(struct rule_build *build, const struct nftnl_expr *e)
{
	const char *prefix = nftnl_expr_get_str(e, NFTNL_EXPR_LOG_PREFIX);
	bool group = nftnl_expr_is_set(e, NFTNL_EXPR_LOG_GROUP);
	char quoted[300];

	if (build->iptables) {
		rule_quote(quoted, sizeof(quoted), prefix ? prefix : "");
		rule_target_text(build, "-j %s", group ? "NFLOG" : "LOG");
		if (prefix && *prefix)
			rule_target_text(build, "--%slog-prefix %s", group ? "nf" : "", quoted);
		if (group && nftnl_expr_get_u16(e, NFTNL_EXPR_LOG_GROUP))
			rule_target_text(build, "--nflog-group %u",
					 nftnl_expr_get_u16(e, NFTNL_EXPR_LOG_GROUP));
		build->rule->verdict = RULE_OTHER;
		text_copy(build->rule->target, sizeof(build->rule->target),
			  group ? "NFLOG" : "LOG");
		return;
	}
	rule_match_text(build, "log");
	if (prefix && *prefix)
		rule_match_text(build, "prefix \"%s\"", prefix);
	if (group)
		rule_match_text(build, "group %u", nftnl_expr_get_u16(e, NFTNL_EXPR_LOG_GROUP));
}

void nft_statement_text(struct rule_build *build, const struct nftnl_expr *e, const char *name)
{
	if (!strcmp(name, "limit"))
		return limit_text(build, e);
	if (!strcmp(name, "log"))
		return log_text(build, e);
	if (!strcmp(name, "queue")) {
		build->rule->verdict = RULE_QUEUE;
		rule_match_text(build, "queue num %u", nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_NUM));
		return;
	}
	if (!strcmp(name, "notrack") || !strcmp(name, "last") || !strcmp(name, "dup")) {
		rule_match_text(build, "%s", name);
		return;
	}
	if (!strcmp(name, "fwd") || !strcmp(name, "tproxy") || !strcmp(name, "synproxy"))
		build->rule->verdict = RULE_OTHER;
	else if (strcmp(name, "ct") && strcmp(name, "objref") && strcmp(name, "flow_offload"))
		build->rule->undecided =
			true; /* quota, connlimit, dynset …: they may stop the rule */
	rule_match_text(build, "%s",
			!strcmp(name, "connlimit") ? "ct count"
			: !strcmp(name, "dynset")  ? "update"
						   : name);
}
