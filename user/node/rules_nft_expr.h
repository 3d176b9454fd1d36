/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the expression reader: registers while a rule's expressions are run over,
 * and the tests (rules_nft_test.c) and words (rules_nft_text.c) made from them.
 */
#ifndef CNITRACE_NODE_RULES_NFT_EXPR_H
#define CNITRACE_NODE_RULES_NFT_EXPR_H

#include "node/rules_nft.h"

/* What a register holds beyond enum rule_field, which comes first. */
enum nft_load_kind {
	LOAD_OTHER = 32,
	LOAD_IMMEDIATE,
	LOAD_NFPROTO,
	LOAD_IIF_INDEX,
	LOAD_OIF_INDEX,
	LOAD_ICMP_CODE,
	LOAD_TCP_FLAGS,
	LOAD_FIB_TYPE,
};

struct nft_load {
	uint8_t kind; /* enum rule_field or enum nft_load_kind; 0 nothing */
	uint8_t len;
	bool masked, daddr_only;
	uint8_t mask[16], flip[16]; /* (value & mask) ^ flip */
	uint8_t value[40]; /* LOAD_IMMEDIATE */
	uint32_t modulus;
	char text[256];
};

struct nft_decode {
	struct nft_reader *reader;
	const struct filter_chain *chain;
	struct rule_build build;
	struct nft_load registers[20];
	uint8_t nfproto; /* of an inet rule, once it says so */
	/* Words that nft leaves out when the next test implies them. */
	char pending_proto[64], pending_family[64];
	/* "at least a" waits for "at most b" to become "a-b". */
	uint8_t range_kind;
	size_t range_at;
	char range_from[64];
	const char *(*chain_name)(const struct nft_decode *decode, uint32_t index);
};

struct nft_load *nft_register(struct nft_decode *decode, uint32_t number);
void nft_flush_pending(struct nft_decode *decode);
void nft_compare(struct nft_decode *decode, const struct nftnl_expr *e);
void nft_range(struct nft_decode *decode, const struct nftnl_expr *e);
void nft_lookup(struct nft_decode *decode, const struct nftnl_expr *e);

void nft_reject_text(struct rule_build *build, uint32_t type, uint8_t code);
/* limit, log, notrack, …: statements that do not decide by themselves. */
void nft_statement_text(struct rule_build *build, const struct nftnl_expr *e, const char *name);
/* A value of that kind as nft writes it. */
void nft_load_value_text(char *dst, size_t size, const struct nft_load *load, const uint8_t *value,
			 size_t len);
/* "{ a, b }" of an anonymous set, or "@name". */
void nft_set_text(char *dst, size_t size, const struct nft_decode *decode,
		  const struct rule_set *set, const struct rule_lookup *lookup);

#endif
