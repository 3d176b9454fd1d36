// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads an nftables rule's expressions as the kernel runs them: loads fill registers,
 * comparisons and look-ups test them. Each test becomes a field of the rule and words,
 * in nft's language or, for what iptables-nft wrote, in that of iptables-save. What is
 * not understood makes the rule undecided and is named. Values: rules_nft_text.c.
 */
#include "node/rules_nft_expr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct nft_load *nft_register(struct nft_decode *decode, uint32_t number)
{
	static const unsigned count = sizeof(decode->registers) / sizeof(*decode->registers);
	/* The four 16-byte registers of old overlay the sixteen 4-byte ones. */
	unsigned at = number >= NFT_REG_1 && number <= NFT_REG_4 ? (number - NFT_REG_1) * 4
		      : number >= NFT_REG32_00                   ? number - NFT_REG32_00
								 : count;

	return at < count ? &decode->registers[at] : NULL;
}

static struct nft_load *load(struct nft_decode *decode, const struct nftnl_expr *e, uint16_t attr,
			     uint8_t kind, size_t len, const char *text)
{
	struct nft_load *into = nft_register(decode, nftnl_expr_get_u32(e, attr));

	if (!into)
		return NULL;
	memset(into, 0, sizeof(*into));
	into->kind = kind;
	into->len = len;
	text_copy(into->text, sizeof(into->text), text);
	return into;
}

static void load_meta(struct nft_decode *decode, const struct nftnl_expr *e)
{
	static const struct {
		uint32_t key;
		uint8_t kind, len;
		const char *text;
	} keys[] = {
		{NFT_META_IIFNAME, RULE_FIELD_IIF, 16, "iifname"},
		{NFT_META_OIFNAME, RULE_FIELD_OIF, 16, "oifname"},
		{NFT_META_IIF, LOAD_IIF_INDEX, 4, "iif"},
		{NFT_META_OIF, LOAD_OIF_INDEX, 4, "oif"},
		{NFT_META_MARK, RULE_FIELD_MARK, 4, "meta mark"},
		{NFT_META_L4PROTO, RULE_FIELD_PROTO, 1, "meta l4proto"},
		{NFT_META_NFPROTO, LOAD_NFPROTO, 1, "meta nfproto"},
		{NFT_META_PROTOCOL, LOAD_OTHER, 2, "meta protocol"},
		{NFT_META_PKTTYPE, LOAD_OTHER, 1, "meta pkttype"},
		{NFT_META_SKUID, LOAD_OTHER, 4, "meta skuid"},
		{NFT_META_LEN, LOAD_OTHER, 4, "meta length"},
		{NFT_META_CGROUP, LOAD_OTHER, 4, "meta cgroup"},
		{NFT_META_IIFTYPE, LOAD_OTHER, 2, "iiftype"},
		{NFT_META_OIFTYPE, LOAD_OTHER, 2, "oiftype"},
	};
	uint32_t key = nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY);
	char text[32];

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (keys[i].key == key) {
			load(decode, e, NFTNL_EXPR_META_DREG, keys[i].kind, keys[i].len,
			     keys[i].text);
			return;
		}
	}
	snprintf(text, sizeof(text), "meta (key %u)", key);
	load(decode, e, NFTNL_EXPR_META_DREG, LOAD_OTHER, 4, text);
}

static void load_ct(struct nft_decode *decode, const struct nftnl_expr *e)
{
	static const char *const names[] = {"state", "direction", "status", "mark"};
	uint32_t key = nftnl_expr_get_u32(e, NFTNL_EXPR_CT_KEY);
	char text[32];

	if (key < sizeof(names) / sizeof(*names))
		snprintf(text, sizeof(text), "ct %s", names[key]);
	else
		snprintf(text, sizeof(text), "ct (key %u)", key);
	load(decode, e, NFTNL_EXPR_CT_DREG, key == NFT_CT_STATE ? RULE_FIELD_CT_STATE : LOAD_OTHER,
	     key == NFT_CT_DIRECTION ? 1 : 4, text);
}

/* Which header field `len` bytes at `offset` of the network header are. */
static void load_network(struct nft_decode *decode, const struct nftnl_expr *e, uint32_t offset,
			 uint32_t len)
{
	uint8_t family = decode->nfproto ? decode->nfproto : decode->build.family;
	bool ip4 = family == 4, ip6 = family == 6;
	unsigned bytes = ip6 ? 16 : 4, src = ip6 ? 8 : 12, proto = ip6 ? 6 : 9;
	const char *ip = ip6 ? "ip6" : "ip";
	char text[48];

	/* Bridge and inet tables say which family first; netdev ones by meta protocol. */
	if (!ip4 && !ip6 && (offset == 12 || offset == 16) && len <= 4)
		ip4 = true;
	if ((ip4 || ip6) && offset == src && len <= bytes) {
		snprintf(text, sizeof(text), "%s saddr", ip);
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, RULE_FIELD_SRC, len, text);
	} else if ((ip4 || ip6) && offset == src + bytes && len <= bytes) {
		snprintf(text, sizeof(text), "%s daddr", ip);
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, RULE_FIELD_DST, len, text);
	} else if ((ip4 || ip6) && offset == proto && len == 1) {
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, RULE_FIELD_PROTO, 1,
		     ip6 ? "ip6 nexthdr" : "ip protocol");
	} else {
		snprintf(text, sizeof(text), "@nh,%u,%u", offset * 8, len * 8);
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, LOAD_OTHER, len, text);
	}
}

static void load_transport(struct nft_decode *decode, const struct nftnl_expr *e, uint32_t offset,
			   uint32_t len)
{
	uint8_t proto = decode->build.rule->not_proto ? 0 : decode->build.rule->proto;
	bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	char text[48], buffer[8];

	if (len == 2 && (offset == 0 || offset == 2) && !icmp) {
		snprintf(text, sizeof(text), "%s %cport",
			 proto ? rule_proto_name(proto, buffer) : "th", offset ? 'd' : 's');
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG,
		     offset ? RULE_FIELD_DPORT : RULE_FIELD_SPORT, 2, text);
	} else if (len == 1 && offset <= 1 && icmp) {
		snprintf(text, sizeof(text), "%s %s", proto == IPPROTO_ICMP ? "icmp" : "icmpv6",
			 offset ? "code" : "type");
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG,
		     offset ? LOAD_ICMP_CODE : RULE_FIELD_ICMP_TYPE, 1, text);
	} else if (len == 1 && offset == 13 && proto == IPPROTO_TCP) {
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, LOAD_TCP_FLAGS, 1, "tcp flags");
	} else {
		snprintf(text, sizeof(text), "@th,%u,%u", offset * 8, len * 8);
		load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, LOAD_OTHER, len, text);
	}
}

static void load_payload(struct nft_decode *decode, const struct nftnl_expr *e)
{
	uint32_t offset = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET);
	uint32_t len = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_LEN);
	char text[48];

	if (!nftnl_expr_is_set(e, NFTNL_EXPR_PAYLOAD_DREG)) { /* writes into the packet */
		decode->build.rule->undecided = true;
		rule_match_text(&decode->build, "payload set");
		return;
	}
	switch (nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_BASE)) {
	case NFT_PAYLOAD_NETWORK_HEADER:
		return load_network(decode, e, offset, len);
	case NFT_PAYLOAD_TRANSPORT_HEADER:
		return load_transport(decode, e, offset, len);
	}
	snprintf(text, sizeof(text), "@ll,%u,%u", offset * 8, len * 8);
	load(decode, e, NFTNL_EXPR_PAYLOAD_DREG, LOAD_OTHER, len, text);
}

static void load_fib(struct nft_decode *decode, const struct nftnl_expr *e)
{
	uint32_t flags = nftnl_expr_get_u32(e, NFTNL_EXPR_FIB_FLAGS);
	uint32_t result = nftnl_expr_get_u32(e, NFTNL_EXPR_FIB_RESULT);
	char text[64];

	snprintf(text, sizeof(text), "fib %s%s%s%s%s", flags & NFTA_FIB_F_SADDR ? "saddr" : "daddr",
		 flags & NFTA_FIB_F_MARK ? " . mark" : "", flags & NFTA_FIB_F_IIF ? " . iif" : "",
		 flags & NFTA_FIB_F_OIF ? " . oif" : "",
		 result == NFT_FIB_RESULT_ADDRTYPE ? " type"
		 : result == NFT_FIB_RESULT_OIF    ? " oif"
						   : " oifname");
	load(decode, e, NFTNL_EXPR_FIB_DREG,
	     result == NFT_FIB_RESULT_ADDRTYPE ? LOAD_FIB_TYPE : LOAD_OTHER, 4, text);
	if (result == NFT_FIB_RESULT_ADDRTYPE && flags == NFTA_FIB_F_DADDR) {
		struct nft_load *into =
			nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_FIB_DREG));

		if (into)
			into->daddr_only = true;
	}
}

static void load_number(struct nft_decode *decode, const struct nftnl_expr *e)
{
	uint32_t modulus = nftnl_expr_get_u32(e, NFTNL_EXPR_NG_MODULUS);
	struct nft_load *into;
	char text[48];

	snprintf(text, sizeof(text), "numgen %s mod %u",
		 nftnl_expr_get_u32(e, NFTNL_EXPR_NG_TYPE) == NFT_NG_RANDOM ? "random" : "inc",
		 modulus);
	into = load(decode, e, NFTNL_EXPR_NG_DREG, RULE_FIELD_ANY, 4, text);
	if (into)
		into->modulus = modulus;
}

static void load_hash(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct nft_load *into;
	char text[48];

	snprintf(text, sizeof(text), "%s mod %u",
		 nftnl_expr_get_u32(e, NFTNL_EXPR_HASH_TYPE) == NFT_HASH_SYM ? "symhash" : "jhash",
		 nftnl_expr_get_u32(e, NFTNL_EXPR_HASH_MODULUS));
	into = load(decode, e, NFTNL_EXPR_HASH_DREG, RULE_FIELD_ANY, 4, text);
	if (into)
		into->modulus = nftnl_expr_get_u32(e, NFTNL_EXPR_HASH_MODULUS);
}

static void load_immediate(struct nft_decode *decode, const struct nftnl_expr *e)
{
	uint32_t len = 0;
	const void *data = nftnl_expr_get(e, NFTNL_EXPR_IMM_DATA, &len);
	struct nft_load *into = load(decode, e, NFTNL_EXPR_IMM_DREG, LOAD_IMMEDIATE, len, "");

	if (!into || !data || len > sizeof(into->value))
		return;
	memcpy(into->value, data, len);
}

static void bitwise(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct nft_load *from =
		nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_SREG));
	struct nft_load *to = nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_DREG));
	uint32_t mask_len = 0, xor_len = 0;
	const uint8_t *mask = nftnl_expr_get(e, NFTNL_EXPR_BITWISE_MASK, &mask_len);
	const uint8_t *flip = nftnl_expr_get(e, NFTNL_EXPR_BITWISE_XOR, &xor_len);

	if (!from || !to)
		return;
	if (to != from)
		*to = *from;
	if (!mask || !flip || mask_len > 16 || xor_len > 16 || to->masked) {
		to->kind = LOAD_OTHER; /* shifts, or masks on top of each other */
		return;
	}
	to->masked = true;
	memcpy(to->mask, mask, mask_len);
	memcpy(to->flip, flip, xor_len);
}

static void decode_nat(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct rule_build *build = &decode->build;
	struct filter_rule *rule = build->rule;
	bool dnat = nftnl_expr_get_u32(e, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_DNAT;
	uint8_t family = nft_family(nftnl_expr_get_u32(e, NFTNL_EXPR_NAT_FAMILY));
	const struct nft_load *address = NULL, *port = NULL;
	char text[512] = "", buffer[ADDRESS_TEXT];

	if (nftnl_expr_is_set(e, NFTNL_EXPR_NAT_REG_ADDR_MIN))
		address = nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN));
	if (nftnl_expr_is_set(e, NFTNL_EXPR_NAT_REG_PROTO_MIN))
		port = nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN));
	rule->verdict = dnat ? RULE_DNAT : RULE_SNAT;
	text_copy(rule->target, sizeof(rule->target), dnat ? "dnat" : "snat");
	if (address && address->kind == LOAD_IMMEDIATE) {
		rule->to = address_make(family == 6 ? 6 : 4, address->value);
		text_append(text, sizeof(text), family == 6 && port ? "[%s]" : "%s",
			    address_text(rule->to, buffer));
	} else if (address) {
		text_append(text, sizeof(text), "%s", address->text);
	}
	if (port && port->kind == LOAD_IMMEDIATE) {
		rule->to_port = port->value[0] << 8 | port->value[1];
		text_append(text, sizeof(text), ":%u", rule->to_port);
	}
	rule_match_text(
		build, "%s%s to %s", dnat ? "dnat" : "snat",
		build->family != 4 && build->family != 6 ? family == 6 ? " ip6" : " ip" : "", text);
}

static void decode_masquerade(struct nft_decode *decode, const struct nftnl_expr *e, bool redirect)
{
	struct rule_build *build = &decode->build;
	uint32_t flags =
		nftnl_expr_get_u32(e, redirect ? NFTNL_EXPR_REDIR_FLAGS : NFTNL_EXPR_MASQ_FLAGS);
	uint16_t attr = redirect ? NFTNL_EXPR_REDIR_REG_PROTO_MIN : NFTNL_EXPR_MASQ_REG_PROTO_MIN;
	const struct nft_load *port = NULL;

	build->rule->verdict = redirect ? RULE_REDIRECT : RULE_MASQUERADE;
	text_copy(build->rule->target, sizeof(build->rule->target),
		  redirect ? "redirect" : "masquerade");
	if (nftnl_expr_is_set(e, attr))
		port = nft_register(decode, nftnl_expr_get_u32(e, attr));
	rule_match_text(build, "%s", build->rule->target);
	if (port && port->kind == LOAD_IMMEDIATE) {
		build->rule->to_port = port->value[0] << 8 | port->value[1];
		rule_match_text(build, "to :%u", build->rule->to_port);
	}
	if (flags & NF_NAT_RANGE_PROTO_RANDOM)
		rule_match_text(build, "random");
	if (flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY)
		rule_match_text(build, "fully-random");
}

static const char *chain_name_of(const struct nft_decode *decode, uint32_t index)
{
	return index ? filter_chain_name(&decode->reader->ruleset->chains.items[index - 1]) : "?";
}

static void decode_verdict(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct rule_build *build = &decode->build;
	struct filter_rule *rule = build->rule;
	const char *chain = nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN);
	static const char *const upper[] = {
		[RULE_ACCEPT] = "ACCEPT", [RULE_DROP] = "DROP", [RULE_RETURN] = "RETURN"};
	static const char *const lower[] = {
		[RULE_ACCEPT] = "accept", [RULE_DROP] = "drop", [RULE_RETURN] = "return"};

	rule->verdict = nft_verdict((int32_t)nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT));
	if (rule->verdict == RULE_JUMP || rule->verdict == RULE_GOTO) {
		rule->target_chain =
			nft_names_find(&decode->reader->chains,
				       nft_name_hash(decode->chain->family, decode->chain->table,
						     chain ? chain : ""));
		text_copy(rule->target, sizeof(rule->target), chain ? chain : "?");
		if (build->iptables)
			rule_target_text(build, "-%c %s", rule->verdict == RULE_GOTO ? 'g' : 'j',
					 chain ? chain : "?");
		else
			rule_match_text(build, "%s %s",
					rule->verdict == RULE_GOTO ? "goto" : "jump",
					chain ? chain : "?");
	} else if (rule->verdict <= RULE_RETURN && upper[rule->verdict]) {
		text_copy(rule->target, sizeof(rule->target),
			  build->iptables ? upper[rule->verdict] : lower[rule->verdict]);
		if (build->iptables)
			rule_target_text(build, "-j %s", rule->target);
		else
			rule_match_text(build, "%s", rule->target);
	} else if (!build->iptables) {
		rule_match_text(build, rule->verdict == RULE_QUEUE ? "queue" : "continue");
	}
}

static void decode_reject(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct rule_build *build = &decode->build;

	build->rule->verdict = RULE_REJECT;
	text_copy(build->rule->target, sizeof(build->rule->target), "reject");
	nft_reject_text(build, nftnl_expr_get_u32(e, NFTNL_EXPR_REJECT_TYPE),
			nftnl_expr_get_u8(e, NFTNL_EXPR_REJECT_CODE));
}

static void decode_xt(struct nft_decode *decode, const struct nftnl_expr *e, bool target)
{
	uint32_t len = 0;
	const void *info =
		nftnl_expr_get(e, target ? NFTNL_EXPR_TG_INFO : NFTNL_EXPR_MT_INFO, &len);
	const char *name = nftnl_expr_get_str(e, target ? NFTNL_EXPR_TG_NAME : NFTNL_EXPR_MT_NAME);
	uint8_t revision = nftnl_expr_get_u32(e, target ? NFTNL_EXPR_TG_REV : NFTNL_EXPR_MT_REV);

	if (!name)
		return;
	if (target)
		xt_decode_target(&decode->build, name, revision, info, len);
	else
		xt_decode_match(&decode->build, name, revision, info, len);
}

static void decode_set_mark(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct filter_rule *rule = decode->build.rule;
	const struct nft_load *from =
		nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_META_SREG));
	uint32_t keep = 0, value = 0;

	if (nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) != NFT_META_MARK) {
		rule_match_text(&decode->build, "meta set");
		return;
	}
	rule->set_mark_mask = 0xffffffff;
	if (from && from->kind == LOAD_IMMEDIATE) {
		memcpy(&rule->set_mark, from->value, 4);
		rule_match_text(&decode->build, "meta mark set 0x%08x", rule->set_mark);
	} else if (from && from->kind == RULE_FIELD_MARK && from->masked) {
		memcpy(&keep, from->mask, 4);
		memcpy(&value, from->flip, 4);
		rule->set_mark = value;
		rule->set_mark_mask = ~keep;
		if (value == ~keep)
			rule_match_text(&decode->build, "meta mark set meta mark | 0x%08x", value);
		else if (!value)
			rule_match_text(&decode->build, "meta mark set meta mark & 0x%08x", keep);
		else
			rule_match_text(&decode->build, "meta mark set meta mark & 0x%08x ^ 0x%08x",
					keep, value);
	} else {
		rule->undecided = true; /* whatever it becomes */
		rule_match_text(&decode->build, "meta mark set %s", from ? from->text : "?");
	}
}

static void count(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct filter_rule *rule = decode->build.rule;

	rule->has_counter = true;
	rule->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
	rule->bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	if (!decode->build.iptables)
		rule_match_text(&decode->build, "counter packets %llu bytes %llu",
				(unsigned long long)rule->packets, (unsigned long long)rule->bytes);
}

/* Loads fill a register and say nothing yet. True when the expression was one. */
static bool decode_load(struct nft_decode *decode, const struct nftnl_expr *e, const char *name)
{
	if (!strcmp(name, "meta") && nftnl_expr_is_set(e, NFTNL_EXPR_META_DREG))
		load_meta(decode, e);
	else if (!strcmp(name, "payload") && nftnl_expr_is_set(e, NFTNL_EXPR_PAYLOAD_DREG))
		load_payload(decode, e);
	else if (!strcmp(name, "ct") && nftnl_expr_is_set(e, NFTNL_EXPR_CT_DREG))
		load_ct(decode, e);
	else if (!strcmp(name, "fib"))
		load_fib(decode, e);
	else if (!strcmp(name, "numgen"))
		load_number(decode, e);
	else if (!strcmp(name, "hash"))
		load_hash(decode, e);
	else if (!strcmp(name, "bitwise"))
		bitwise(decode, e);
	else if (!strcmp(name, "immediate") &&
		 nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT)
		load_immediate(decode, e);
	else if (!strcmp(name, "rt") || !strcmp(name, "socket") || !strcmp(name, "exthdr") ||
		 !strcmp(name, "xfrm") || !strcmp(name, "osf") || !strcmp(name, "tunnel"))
		load(decode, e,
		     *name == 'e' || *name == 'x' || *name == 'o' ? NFTNL_EXPR_BASE
								  : NFTNL_EXPR_BASE + 1,
		     LOAD_OTHER, 4, name); /* the key comes first in the others */
	else
		return !strcmp(name, "byteorder"); /* ranges over marks: the value stays itself */
	return true;
}

static int decode_expr(struct nftnl_expr *e, void *data)
{
	struct nft_decode *decode = data;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	if (!name || decode_load(decode, e, name))
		return 0;
	if (!strcmp(name, "cmp"))
		nft_compare(decode, e);
	else if (!strcmp(name, "range"))
		nft_range(decode, e);
	else if (!strcmp(name, "lookup"))
		nft_lookup(decode, e);
	else if (!strcmp(name, "match") || !strcmp(name, "target"))
		decode_xt(decode, e, *name == 't');
	else if (!strcmp(name, "counter"))
		count(decode, e);
	else {
		nft_flush_pending(decode);
		if (!strcmp(name, "immediate"))
			decode_verdict(decode, e);
		else if (!strcmp(name, "reject"))
			decode_reject(decode, e);
		else if (!strcmp(name, "nat"))
			decode_nat(decode, e);
		else if (!strcmp(name, "masq") || !strcmp(name, "redir"))
			decode_masquerade(decode, e, *name == 'r');
		else if (!strcmp(name, "meta"))
			decode_set_mark(decode, e);
		else
			nft_statement_text(&decode->build, e, name);
	}
	return 0;
}

static int on_udata(const struct nftnl_udata *attr, void *data)
{
	struct filter_rule *rule = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attr) &&
	    !rule->comment)
		rule->comment = strndup(nftnl_udata_get(attr), nftnl_udata_len(attr));
	return 0;
}

int nft_decode_rule(struct nft_reader *reader, const struct nftnl_rule *nft,
		    const struct filter_chain *chain, struct filter_rule *rule)
{
	struct nft_decode decode;
	uint32_t len = 0;
	const void *udata = nftnl_rule_get_data(nft, NFTNL_RULE_USERDATA, &len);

	memset(decode.registers, 0, sizeof(decode.registers));
	decode.reader = reader;
	decode.chain = chain;
	decode.nfproto = 0;
	decode.range_kind = 0;
	decode.pending_proto[0] = decode.pending_family[0] = '\0';
	decode.chain_name = chain_name_of;
	rule_build_begin(&decode.build, rule, chain->family, chain->iptables);
	nftnl_expr_foreach((struct nftnl_rule *)nft, decode_expr, &decode);
	nft_flush_pending(&decode);
	if (reader->error)
		return reader->error;
	if (rule->verdict == RULE_CONTINUE && rule->set_mark_mask)
		rule->verdict = RULE_MARK;
	if (udata && !rule->comment) {
		nftnl_udata_parse(udata, len, on_udata, rule);
		if (rule->comment && !chain->iptables)
			rule_match_text(&decode.build, "comment \"%s\"", rule->comment);
	}
	return rule_build_end(&decode.build, filter_chain_name(chain));
}
