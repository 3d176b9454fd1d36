/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the rule readers: a rule being put together. Conditions are noted twice,
 * as fields of struct filter_rule for matching and as text for people; the text is
 * joined when the rule is complete, because iptables-save prints in its own order.
 */
#ifndef CNITRACE_NODE_RULES_BUILD_H
#define CNITRACE_NODE_RULES_BUILD_H

#include <stdio.h>

#include "node/facts.h"

struct rule_build {
	struct filter_rule *rule;
	uint8_t family; /* 4, 6, or as in filter_chain */
	bool iptables; /* write iptables-save's language, else nft's */
	char head[160]; /* iptables: -f, and masks that are no prefix */
	char match[2048];
	char target[512];
	char xt_match[32]; /* last "-m NAME" written */
};

void rule_build_begin(struct rule_build *build, struct filter_rule *rule, uint8_t family,
		      bool iptables);
/* Joins the text and gives it to the rule. 0 or -ENOMEM. */
int rule_build_end(struct rule_build *build, const char *chain_name);
/* Each appends " " and the text. */
void rule_match_text(struct rule_build *build, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void rule_target_text(struct rule_build *build, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A string as iptables-save quotes it. */
void rule_quote(char *dst, size_t size, const char *src);
/* "tcp", …; a number in the buffer for what has no name. */
const char *rule_proto_name(uint8_t proto, char buffer[8]);
/* " --tcp-flags"-style list: "FIN,SYN,RST,ACK". */
void rule_tcp_flags(char *dst, size_t size, uint8_t flags);
/* Prefix length of a mask of `bytes` bytes, -1 when it is none. */
int rule_mask_len(const uint8_t *mask, size_t bytes);
/* Sets one end's address; `len` may be -1 with `mask` set: then the rule is undecided. */
void rule_set_address(struct rule_build *build, bool source, bool invert, const uint8_t *address,
		      const uint8_t *mask);

/* xt extensions: blobs as the kernel keeps them. Outside bytes: any content, any size. */
void xt_decode_match(struct rule_build *build, const char *name, uint8_t revision, const void *info,
		     size_t size);
void xt_decode_target(struct rule_build *build, const char *name, uint8_t revision,
		      const void *info, size_t size);

/* ACCEPT, DROP, RETURN, or a jump (goto) to a chain, as iptables names them. */
void rule_set_standard(struct rule_build *build, const char *target, bool is_goto);

struct filter_chain *ruleset_add_chain(struct ruleset *ruleset, const char *name);
const char *filter_chain_name(const struct filter_chain *chain);
int ruleset_note(struct ruleset *ruleset, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void filter_rules_free(struct filter_chain *chain);
/* Gives back the room beyond the last rule: thousands of chains hold one or two. */
void filter_chain_trim(struct filter_chain *chain);
const char *hook_name(unsigned hook); /* NF_INET_* */

/* Both return 0 or a negative errno; -ENOENT: this back end is not there at all. */
int rules_read_nft(struct ruleset *ruleset);
int rules_read_legacy(struct ruleset *ruleset);
int rules_read_ipvs(struct ruleset *ruleset);
/* The text of /proc/net/ip_vs. What is not understood is passed over. 0 or -ENOMEM. */
int ipvs_parse(struct ruleset *ruleset, FILE *file);

#endif
