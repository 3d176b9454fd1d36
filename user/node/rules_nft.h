/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the nftables reader: what its three files share. rules_nft.c runs the
 * dumps, rules_nft_set.c keeps sets and their elements, rules_nft_expr.c reads
 * expressions.
 */
#ifndef CNITRACE_NODE_RULES_NFT_H
#define CNITRACE_NODE_RULES_NFT_H

#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>

#include "node/rules_build.h"

#define NFT_SETS_SHOWN 16 /* elements written into a rule's text */
#define NFT_SET_MAX 65536 /* elements kept of one set */
#define NFT_BUFFER (64 * 1024)
#define NFT_EAGER_CHAINS 256 /* more than that are read one by one, as they are asked for */

/* Finds a chain or set by family, table and whole name: hash → index + 1. */
struct nft_names {
	struct {
		uint64_t hash;
		uint32_t index;
	} * slots;
	size_t room, count;
};

struct nft_set_state {
	bool interval;
	uint32_t data_type;
};

struct nft_reader {
	struct ruleset *ruleset;
	struct mnl_socket *socket;
	/* Elements are asked for while the rule dump is under way: a socket of their own. */
	struct mnl_socket *element_socket;
	char *buffer, *element_buffer;
	uint32_t sequence;
	struct nft_names chains, sets;
	ARRAY(struct nft_set_state) set_states; /* parallel to ruleset->sets */
	ARRAY(char *) dormant; /* "family table" that are switched off */
	uint32_t last_chain;
	bool lazy; /* chains and named sets are read when they are asked for */
	bool long_names; /* of a table: it could not be asked for by the name that is kept */
	bool silent; /* the kernel did not answer in time once: it is not asked again */
	int error; /* first -ENOMEM of a callback */
};

uint64_t nft_name_hash(uint8_t family, const char *table, const char *name);
int nft_names_add(struct nft_names *names, uint64_t hash, uint32_t index);
uint32_t nft_names_find(const struct nft_names *names, uint64_t hash); /* 0: none */

uint8_t nft_family(uint32_t nfproto); /* the kernel's number to filter_chain's */
uint32_t nft_family_number(uint8_t family);

/* Sends a dump request and runs the callback over the answer. 0 or negative errno. */
int nft_dump(struct mnl_socket *socket, char *buffer, const struct nlmsghdr *request,
	     mnl_cb_t callback, void *data);

int nft_set_add(const struct nlmsghdr *message, struct nft_reader *reader);
/* Index + 1 of the set, 0 unknown. Its elements are read, unless it has a name and the reader is lazy. */
uint32_t nft_set_need(struct nft_reader *reader, uint8_t family, const char *table,
		      const char *name);

/* The elements of a set as it is known by index, for later. 0 or -ENOMEM. */
int nft_set_read(struct nft_reader *reader, uint32_t index);

/* verdict codes of the kernel */
enum rule_verdict nft_verdict(int32_t code);

int nft_decode_rule(struct nft_reader *reader, const struct nftnl_rule *nft,
		    const struct filter_chain *chain, struct filter_rule *rule);

#endif
