// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of an nftables rule: a register compared with a value, a range or a set. Fills
 * the rule's fields where the test is about the packet, else makes it undecided.
 */
/* Before the kernel's own headers, which then leave out what these define. */
#include <netinet/in.h>
#include <stdio.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_nft_expr.h"

void nft_flush_pending(struct nft_decode *decode)
{
	if (decode->pending_family[0])
		rule_match_text(&decode->build, "%s", decode->pending_family);
	if (decode->pending_proto[0])
		rule_match_text(&decode->build, "%s", decode->pending_proto);
	decode->pending_family[0] = decode->pending_proto[0] = '\0';
	decode->range_kind = 0;
}

/* nft leaves out "meta l4proto tcp" before "tcp dport", and "meta nfproto ipv4" before "ip saddr". */
static void drop_implied(struct nft_decode *decode, const struct nft_load *load)
{
	switch (load->kind) {
	case RULE_FIELD_SRC:
	case RULE_FIELD_DST:
		decode->pending_family[0] = '\0';
		break;
	case RULE_FIELD_ICMP_TYPE:
	case LOAD_ICMP_CODE:
		decode->pending_family[0] = decode->pending_proto[0] = '\0';
		break;
	case RULE_FIELD_SPORT:
	case RULE_FIELD_DPORT:
	case LOAD_TCP_FLAGS:
		if (strncmp(load->text, "th ", 3))
			decode->pending_proto[0] = '\0';
		break;
	}
}

static void set_interface(struct filter_rule *rule, bool in, bool invert, const char *name)
{
	text_copy(in ? rule->iif : rule->oif, sizeof(rule->iif), name);
	*(in ? &rule->not_iif : &rule->not_oif) = invert;
}

/* A name compared over fewer than 16 bytes is a prefix: "eth+". */
static void interface_by_name(struct nft_decode *decode, const struct nft_load *load, bool invert,
			      const uint8_t *value, size_t len)
{
	char name[16] = "";

	if (len > 16)
		len = 16;
	memcpy(name, value, len);
	name[15] = '\0';
	if (strlen(name) == len && len < 15)
		strcat(name, "+");
	set_interface(decode->build.rule, load->kind == RULE_FIELD_IIF, invert, name);
}

static void interface_by_index(struct nft_decode *decode, const struct nft_load *load, bool invert,
			       const uint8_t *value, size_t len)
{
	char name[IF_NAMESIZE];
	uint32_t index = 0;

	memcpy(&index, value, len < 4 ? len : 4);
	if (!if_indextoname(index, name))
		decode->build.rule->undecided = true; /* that device is gone */
	else
		set_interface(decode->build.rule, load->kind == LOAD_IIF_INDEX, invert, name);
}

static void set_address(struct nft_decode *decode, const struct nft_load *load, bool invert,
			const uint8_t *value, size_t len)
{
	struct filter_rule *rule = decode->build.rule;
	bool source = load->kind == RULE_FIELD_SRC;
	struct address *address = source ? &rule->src : &rule->dst;
	uint8_t version = !strncmp(load->text, "ip6", 3) ? 6 : 4, bytes[16] = {0};
	int prefix = load->masked ? rule_mask_len(load->mask, version == 6 ? 16 : 4)
				  : (int)load->len * 8;

	if (prefix < 0 && decode->build.iptables) {
		memcpy(bytes, value, len < 16 ? len : 16);
		return rule_set_address(&decode->build, source, invert, bytes, load->mask);
	}
	if (address->version || prefix < 0 || len > 16) {
		rule->undecided = true;
		return;
	}
	memcpy(bytes, value, len);
	*address = address_make(version, bytes);
	*(source ? &rule->src_len : &rule->dst_len) = prefix;
	*(source ? &rule->not_src : &rule->not_dst) = invert;
}

/* A bound or a single port; two bounds make a range. */
static void set_port(struct filter_rule *rule, bool source, uint32_t op, uint16_t port)
{
	uint16_t *min = source ? &rule->sport_min : &rule->dport_min;
	uint16_t *max = source ? &rule->sport_max : &rule->dport_max;

	if ((op == NFT_CMP_LT && !port) || (op == NFT_CMP_GT && port == 0xffff)) {
		rule->undecided = true;
		return;
	}
	if (!*max)
		*max = 0xffff;
	if (op == NFT_CMP_EQ || op == NFT_CMP_NEQ)
		*min = *max = port;
	else if (op == NFT_CMP_LT || op == NFT_CMP_LTE)
		*max = op == NFT_CMP_LT ? port - 1 : port;
	else
		*min = op == NFT_CMP_GT ? port + 1 : port;
	if (op == NFT_CMP_NEQ)
		*(source ? &rule->not_sport : &rule->not_dport) = true;
	if (!*max)
		rule->undecided = true; /* port 0: cannot be told from "any" */
}

/* `mask != 0`: one of these states; equality with one state where nothing is masked. */
static void set_state(struct filter_rule *rule, const struct nft_load *load, bool invert,
		      uint32_t value)
{
	uint32_t mask = value;
	uint8_t states, all = 31;

	if (load->masked) {
		memcpy(&mask, load->mask, 4);
		if (value)
			rule->undecided = true;
		invert = !invert; /* (state & mask) == 0 is the negation */
	}
	states = (mask & 15) | (mask & 64 ? RULE_CT_UNTRACKED : 0);
	states = invert ? all & ~states : states;
	if (!states || rule->ct_state)
		rule->undecided = true;
	else
		rule->ct_state = states;
}

static void set_tcp_flags(struct filter_rule *rule, const struct nft_load *load, bool invert,
			  uint8_t value)
{
	uint8_t mask = load->masked ? load->mask[0] : 0xff;

	if (invert && !value && mask && !(mask & (mask - 1))) { /* one flag set */
		value = mask;
		invert = false;
	}
	if (invert || rule->tcp_mask) {
		rule->undecided = true;
		return;
	}
	rule->tcp_mask = mask;
	rule->tcp_flags = value;
}

static uint32_t host_word(const uint8_t *value, size_t len)
{
	uint32_t word = 0;

	memcpy(&word, value, len < 4 ? len : 4);
	return word;
}

/* Equality (or its negation) with one value. */
static void set_field(struct nft_decode *decode, const struct nft_load *load, bool invert,
		      const uint8_t *value, size_t len)
{
	struct filter_rule *rule = decode->build.rule;

	switch (load->kind) {
	case RULE_FIELD_SRC:
	case RULE_FIELD_DST:
		return set_address(decode, load, invert, value, len);
	case RULE_FIELD_PROTO:
		rule->undecided |= rule->proto && rule->proto != value[0];
		rule->proto = value[0];
		rule->not_proto = invert;
		return;
	case RULE_FIELD_IIF:
	case RULE_FIELD_OIF:
		return interface_by_name(decode, load, invert, value, len);
	case LOAD_IIF_INDEX:
	case LOAD_OIF_INDEX:
		return interface_by_index(decode, load, invert, value, len);
	case RULE_FIELD_MARK:
		rule->undecided |= rule->mark_mask != 0;
		rule->mark = host_word(value, len);
		rule->mark_mask = load->masked ? host_word(load->mask, 4) : 0xffffffff;
		rule->not_mark = invert;
		return;
	case RULE_FIELD_CT_STATE:
		return set_state(rule, load, invert, host_word(value, len));
	case RULE_FIELD_ICMP_TYPE:
		rule->has_icmp_type = true;
		rule->icmp_type = value[0];
		rule->not_icmp_type = invert;
		return;
	case LOAD_ICMP_CODE:
		rule->has_icmp_code = true;
		rule->icmp_code = value[0];
		rule->undecided |= invert;
		return;
	case LOAD_TCP_FLAGS:
		return set_tcp_flags(rule, load, invert, value[0]);
	case LOAD_NFPROTO:
		decode->nfproto = invert ? 0 : nft_family(value[0]);
		rule->nfproto = decode->nfproto;
		rule->undecided |= invert;
		return;
	case LOAD_FIB_TYPE:
		if (load->daddr_only && !invert && host_word(value, len) == 2 /* RTN_LOCAL */) {
			rule->dst_local = true;
			return;
		}
	}
	rule->undecided = true;
}

/* iptables' own words for what iptables-nft writes as native expressions. */
static void iptables_words(struct nft_decode *decode, const struct nft_load *load, const char *op,
			   const char *value)
{
	struct rule_build *build = &decode->build;
	const char *match = !strncmp(load->text, "udp", 3) ? "udp" : "tcp";

	switch (load->kind) {
	case RULE_FIELD_SRC:
	case RULE_FIELD_DST:
	case RULE_FIELD_PROTO:
	case RULE_FIELD_IIF:
	case RULE_FIELD_OIF:
	case LOAD_NFPROTO:
		return; /* rule_build_end prints these from the fields */
	case RULE_FIELD_SPORT:
	case RULE_FIELD_DPORT:
	case LOAD_TCP_FLAGS:
		if (strcmp(build->xt_match, match)) {
			rule_match_text(build, "-m %s", match);
			text_copy(build->xt_match, sizeof(build->xt_match), match);
		}
		if (load->kind == LOAD_TCP_FLAGS)
			rule_match_text(build, "%s--tcp-flags %s", op, value);
		else
			rule_match_text(build, "%s--%cport %s", op,
					load->kind == RULE_FIELD_SPORT ? 's' : 'd', value);
		return;
	case RULE_FIELD_MARK:
		rule_match_text(build, "-m mark %s--mark %s", op, value);
		return;
	}
	rule_match_text(build, "%s%s %s", op, load->text, value);
}

static void iptables_value(char *dst, size_t size, const struct nft_load *load,
			   const uint8_t *value, size_t len)
{
	char flags[32], mask[32];

	if (load->kind == RULE_FIELD_MARK && load->masked) {
		snprintf(dst, size, "0x%x/0x%x", host_word(value, len), host_word(load->mask, 4));
	} else if (load->kind == RULE_FIELD_MARK) {
		snprintf(dst, size, "0x%x", host_word(value, len));
	} else if (load->kind == LOAD_TCP_FLAGS) {
		rule_tcp_flags(mask, sizeof(mask), load->masked ? load->mask[0] : 0x3f);
		rule_tcp_flags(flags, sizeof(flags), value[0]);
		snprintf(dst, size, "%s %s", mask, flags);
	} else {
		nft_load_value_text(dst, size, load, value, len);
	}
}

/* The test in nft's words; masks other than prefixes are spelled out as "a & mask == b". */
static void nft_words(struct nft_decode *decode, const struct nft_load *load, const char *op,
		      const uint8_t *value, size_t len)
{
	bool address = (load->kind == RULE_FIELD_SRC || load->kind == RULE_FIELD_DST) &&
		       rule_mask_len(load->mask, 16) >= 0;
	struct nft_load mask = *load;
	char text[128], mask_text[128];

	nft_load_value_text(text, sizeof(text), load, value, len);
	if (load->masked && load->kind == RULE_FIELD_CT_STATE) {
		nft_load_value_text(mask_text, sizeof(mask_text), load, load->mask, 4);
		rule_match_text(&decode->build, "%s %s%s", load->text,
				strcmp(op, "!= ") ? "!= " : "", mask_text);
	} else if (load->masked && load->kind == LOAD_TCP_FLAGS && *value) {
		nft_load_value_text(mask_text, sizeof(mask_text), load, load->mask, 1);
		rule_match_text(&decode->build, "%s %s%s / %s", load->text, op, text, mask_text);
	} else if (load->masked && !address) {
		mask.masked = false;
		nft_load_value_text(mask_text, sizeof(mask_text), &mask, load->mask, load->len);
		rule_match_text(&decode->build, "%s & %s %s%s", load->text, mask_text,
				*op ? op : "== ", text);
	} else {
		rule_match_text(&decode->build, "%s %s%s", load->text, op, text);
	}
}

/* "at least" followed by "at most" on one field is a range for people. True when it was joined. */
static bool join_range(struct nft_decode *decode, const struct nft_load *load, uint32_t op,
		       const char *text)
{
	struct rule_build *build = &decode->build;
	char range[160];

	if (op != NFT_CMP_LTE || !load->kind || decode->range_kind != load->kind)
		return false;
	build->match[decode->range_at] = '\0';
	decode->range_kind = 0;
	snprintf(range, sizeof(range), build->iptables ? "%s:%s" : "%s-%s", decode->range_from,
		 text);
	if (build->iptables)
		iptables_words(decode, load, "", range);
	else
		rule_match_text(build, "%s %s", load->text, range);
	return true;
}

static void say(struct nft_decode *decode, const struct nft_load *load, uint32_t op,
		const uint8_t *value, size_t len)
{
	static const char *const ops[] = {"", "!= ", "< ", "<= ", "> ", ">= "};
	struct rule_build *build = &decode->build;
	char text[128];
	size_t at;

	if (!build->iptables && load->kind == RULE_FIELD_PROTO && op == NFT_CMP_EQ) {
		nft_load_value_text(text, sizeof(text), load, value, len);
		snprintf(decode->pending_proto, sizeof(decode->pending_proto), "%.20s %.40s",
			 load->text, text);
		return;
	}
	if (!build->iptables && load->kind == LOAD_NFPROTO && op == NFT_CMP_EQ) {
		snprintf(decode->pending_family, sizeof(decode->pending_family),
			 "meta nfproto ipv%u", decode->nfproto);
		return;
	}
	drop_implied(decode, load);
	if (build->iptables)
		iptables_value(text, sizeof(text), load, value, len);
	else
		nft_load_value_text(text, sizeof(text), load, value, len);
	if (join_range(decode, load, op, text))
		return;
	nft_flush_pending(decode);
	at = strlen(build->match);
	if (build->iptables)
		iptables_words(decode, load, op == NFT_CMP_NEQ ? "! " : "", text);
	else
		nft_words(decode, load, op < 6 ? ops[op] : "? ", value, len);
	if (op == NFT_CMP_GTE) {
		decode->range_kind = load->kind;
		decode->range_at = at;
		text_copy(decode->range_from, sizeof(decode->range_from), text);
	}
}

void nft_compare(struct nft_decode *decode, const struct nftnl_expr *e)
{
	const struct nft_load *load =
		nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_SREG));
	uint32_t op = nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP), len = 0;
	const uint8_t *value = nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &len);

	if (!load || !value || !len) {
		decode->build.rule->undecided = true;
		return;
	}
	if ((load->kind == RULE_FIELD_SPORT || load->kind == RULE_FIELD_DPORT) && len == 2 &&
	    !load->masked)
		set_port(decode->build.rule, load->kind == RULE_FIELD_SPORT, op,
			 value[0] << 8 | value[1]);
	else if (op == NFT_CMP_EQ || op == NFT_CMP_NEQ)
		set_field(decode, load, op == NFT_CMP_NEQ, value, len);
	else
		decode->build.rule->undecided = true;
	say(decode, load, op, value, len);
}

void nft_range(struct nft_decode *decode, const struct nftnl_expr *e)
{
	const struct nft_load *load =
		nft_register(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_RANGE_SREG));
	bool invert = nftnl_expr_get_u32(e, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_NEQ;
	uint32_t from_len = 0, to_len = 0;
	const uint8_t *from = nftnl_expr_get(e, NFTNL_EXPR_RANGE_FROM_DATA, &from_len);
	const uint8_t *to = nftnl_expr_get(e, NFTNL_EXPR_RANGE_TO_DATA, &to_len);
	struct filter_rule *rule = decode->build.rule;
	char low[64], high[64], text[130];

	if (!load || !from || !to) {
		rule->undecided = true;
		return;
	}
	if ((load->kind == RULE_FIELD_SPORT || load->kind == RULE_FIELD_DPORT) && from_len == 2) {
		bool source = load->kind == RULE_FIELD_SPORT;

		set_port(rule, source, NFT_CMP_GTE, from[0] << 8 | from[1]);
		set_port(rule, source, NFT_CMP_LTE, to[0] << 8 | to[1]);
		*(source ? &rule->not_sport : &rule->not_dport) = invert;
	} else {
		rule->undecided = true;
	}
	drop_implied(decode, load);
	nft_flush_pending(decode);
	nft_load_value_text(low, sizeof(low), load, from, from_len);
	nft_load_value_text(high, sizeof(high), load, to, to_len);
	snprintf(text, sizeof(text), "%s%c%s", low, decode->build.iptables ? ':' : '-', high);
	if (decode->build.iptables)
		iptables_words(decode, load, invert ? "! " : "", text);
	else
		rule_match_text(&decode->build, "%s %s%s", load->text, invert ? "!= " : "", text);
}

/* The registers a set's key is made of, in order. */
static void key_fields(struct nft_decode *decode, uint32_t first, const struct rule_set *set,
		       struct rule_lookup *lookup, char *text, size_t size)
{
	const struct nft_load *load = nft_register(decode, first);

	text[0] = '\0';
	for (size_t used = 0; load && load < decode->registers + 20;) {
		size_t len = load->kind ? (load->len + 3u) / 4 * 4 : 4;
		bool decided = load->kind && load->kind <= RULE_FIELD_ANY && !load->masked;

		if (lookup->field_count < sizeof(lookup->fields))
			lookup->fields[lookup->field_count++] =
				decided ? load->kind : RULE_FIELD_ANY;
		drop_implied(decode, load);
		text_append(text, size, "%s%s", text[0] ? " . " : "",
			    load->kind ? load->text : "?");
		used += len ? len : 4;
		load += (len ? len : 4) / 4;
		if (used >= set->key_len)
			break;
	}
}

static struct rule_lookup *lookup_slot(struct filter_rule *rule, bool verdict_map)
{
	if (!rule->lookups[0].set)
		return &rule->lookups[0];
	if (rule->lookups[1].set)
		return NULL;
	if (verdict_map) {
		rule->lookups[1] = rule->lookups[0];
		return &rule->lookups[0];
	}
	return &rule->lookups[1];
}

void nft_lookup(struct nft_decode *decode, const struct nftnl_expr *e)
{
	struct rule_build *build = &decode->build;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET);
	bool map = nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_DREG);
	uint32_t dreg = map ? nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_DREG) : 0;
	bool verdict_map = map && dreg == NFT_REG_VERDICT;
	struct rule_lookup lookup = {0}, *slot;
	char key[256], elements[1600];
	const struct rule_set *set;

	if (name)
		lookup.set = nft_set_need(decode->reader, decode->chain->family,
					  decode->chain->table, name);
	if (!lookup.set) {
		build->rule->undecided = true;
		rule_match_text(build, "@%s", name ? name : "?");
		return;
	}
	set = &decode->reader->ruleset->sets.items[lookup.set - 1];
	lookup.invert = nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_FLAGS) &&
			nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV;
	key_fields(decode, nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_SREG), set, &lookup, key,
		   sizeof(key));
	nft_set_text(elements, sizeof(elements), decode, set, &lookup);
	slot = lookup_slot(build->rule, verdict_map);
	if (slot)
		*slot = lookup;
	else
		build->rule->undecided = true;
	if (map && !verdict_map) { /* the value found is used by what follows */
		struct nft_load *into = nft_register(decode, dreg);

		if (into) {
			memset(into, 0, sizeof(*into));
			into->kind = LOAD_OTHER;
			into->len = 4;
			snprintf(into->text, sizeof(into->text), "%.100s map %.140s", key,
				 elements);
		}
		return;
	}
	nft_flush_pending(decode);
	rule_match_text(build, "%s %s%s%s", key, lookup.invert ? "!= " : "",
			verdict_map ? "vmap " : "", elements);
	if (verdict_map) {
		build->rule->verdict_map = true;
		build->rule->verdict = RULE_OTHER;
		text_copy(build->rule->target, sizeof(build->rule->target), "vmap");
	}
}
