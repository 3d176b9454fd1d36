// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nftables ruleset by netlink: one dump each of tables, chains, sets and rules over all
 * families, and one of elements for each set that a rule looks up. Of many chains the rules are
 * left for later and asked for chain by chain: each anonymous set costs the kernel a walk over all
 * sets of its table (nft_set_lookup, nf_tables_dump_set), and each part of a long dump one over
 * all rules before it. What an expression means is read in rules_nft_expr.c.
 */
#include "node/rules_nft.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "node/rules.h"

#define TRIES 4 /* the ruleset may change while it is dumped */

uint64_t nft_name_hash(uint8_t family, const char *table, const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ family; /* FNV-1a */

	for (; *table; table++)
		hash = (hash ^ (uint8_t)*table) * 0x100000001b3ull;
	hash = (hash ^ '/') * 0x100000001b3ull;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
	return hash;
}

static void names_put(struct nft_names *names, uint64_t hash, uint32_t index)
{
	size_t at = hash & (names->room - 1);

	while (names->slots[at].index)
		at = (at + 1) & (names->room - 1);
	names->slots[at].hash = hash;
	names->slots[at].index = index;
}

int nft_names_add(struct nft_names *names, uint64_t hash, uint32_t index)
{
	if (names->count * 2 >= names->room) {
		struct nft_names grown = {.room = names->room ? names->room * 2 : 64};

		grown.slots = calloc(grown.room, sizeof(*grown.slots));
		if (!grown.slots)
			return -ENOMEM;
		for (size_t i = 0; i < names->room; i++) {
			if (names->slots[i].index)
				names_put(&grown, names->slots[i].hash, names->slots[i].index);
		}
		grown.count = names->count;
		free(names->slots);
		*names = grown;
	}
	names_put(names, hash, index);
	names->count++;
	return 0;
}

uint32_t nft_names_find(const struct nft_names *names, uint64_t hash)
{
	if (!names->room)
		return 0;
	for (size_t at = hash & (names->room - 1); names->slots[at].index;
	     at = (at + 1) & (names->room - 1)) {
		if (names->slots[at].hash == hash)
			return names->slots[at].index;
	}
	return 0;
}

uint8_t nft_family(uint32_t nfproto)
{
	return nfproto == NFPROTO_IPV4 ? 4 : nfproto == NFPROTO_IPV6 ? 6 : nfproto;
}

uint32_t nft_family_number(uint8_t family)
{
	return family == 4 ? NFPROTO_IPV4 : family == 6 ? NFPROTO_IPV6 : family;
}

enum rule_verdict nft_verdict(int32_t code)
{
	switch (code) {
	case NF_DROP:
		return RULE_DROP;
	case NF_ACCEPT:
		return RULE_ACCEPT;
	case NFT_JUMP:
		return RULE_JUMP;
	case NFT_GOTO:
		return RULE_GOTO;
	case NFT_RETURN:
		return RULE_RETURN;
	case NFT_CONTINUE:
	case NFT_BREAK:
		return RULE_CONTINUE;
	}
	return (code & NF_VERDICT_MASK) == NF_QUEUE ? RULE_QUEUE : RULE_OTHER;
}

/* A dump that is given up must still be taken to its end: what follows on the socket is the next answer. */
static void drain(struct mnl_socket *socket, char *buffer, ssize_t size)
{
	while (size > 0) {
		const struct nlmsghdr *header = (const void *)buffer;
		int left = (int)size;

		for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
			if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
				return;
		}
		size = mnl_socket_recvfrom(socket, buffer, NFT_BUFFER);
	}
}

int nft_dump(struct mnl_socket *socket, char *buffer, const struct nlmsghdr *request,
	     mnl_cb_t callback, void *data)
{
	uint32_t sequence = request->nlmsg_seq;
	int got = MNL_CB_OK, err;

	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (got > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer, NFT_BUFFER);

		if (size < 0)
			return -errno;
		errno = 0;
		got = mnl_cb_run(buffer, size, sequence, mnl_socket_get_portid(socket), callback,
				 data);
		err = errno;
		if (got < 0) {
			drain(socket, buffer, size);
			return err ? -err : -EIO;
		}
	}
	return 0;
}

static int dump(struct nft_reader *reader, uint16_t type, mnl_cb_t callback)
{
	char request[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(request, type, NFPROTO_UNSPEC, NLM_F_DUMP,
							++reader->sequence);
	int err = nft_dump(reader->socket, reader->buffer, header, callback, reader);

	return reader->error ? reader->error : err;
}

/* Callbacks stop the run by an error of their own; the cause is kept in the reader. */
static int failed(struct nft_reader *reader, int err)
{
	reader->error = err;
	errno = -err;
	return MNL_CB_ERROR;
}

static int on_table(const struct nlmsghdr *message, void *data)
{
	struct nft_reader *reader = data;
	struct nftnl_table *table = nftnl_table_alloc();
	char **name;
	int err = 0;

	if (!table)
		return failed(reader, -ENOMEM);
	if (!nftnl_table_nlmsg_parse(message, table) &&
	    nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) {
		name = array_push(&reader->dormant);
		if (!name || asprintf(name, "%u %s",
				      nft_family(nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY)),
				      nftnl_table_get_str(table, NFTNL_TABLE_NAME)) < 0) {
			if (name)
				*name = NULL;
			err = -ENOMEM;
		}
	}
	nftnl_table_free(table);
	return err ? failed(reader, err) : MNL_CB_OK;
}

static bool is_dormant(const struct nft_reader *reader, uint8_t family, const char *table)
{
	char key[300];

	snprintf(key, sizeof(key), "%u %s", family, table);
	array_each(name, &reader->dormant) {
		if (!strcmp(*name, key))
			return true;
	}
	return false;
}

static const char *hook_of(uint8_t family, uint32_t hook)
{
	static const char *const arp[] = {"INPUT", "OUTPUT", "FORWARD"};
	static const char *const netdev[] = {"INGRESS", "EGRESS"};

	if (family == NFPROTO_ARP)
		return hook < 3 ? arp[hook] : "";
	if (family == NFPROTO_NETDEV)
		return hook < 2 ? netdev[hook] : "";
	return hook_name(hook);
}

static void fill_base(struct filter_chain *chain, const struct nftnl_chain *nft)
{
	const char *type = nftnl_chain_get_str(nft, NFTNL_CHAIN_TYPE);

	chain->base = true;
	text_copy(chain->hook, sizeof(chain->hook),
		  hook_of(chain->family, nftnl_chain_get_u32(nft, NFTNL_CHAIN_HOOKNUM)));
	text_copy(chain->type, sizeof(chain->type), type ? type : "filter");
	chain->priority = nftnl_chain_get_s32(nft, NFTNL_CHAIN_PRIO);
	chain->policy_drop = nftnl_chain_is_set(nft, NFTNL_CHAIN_POLICY) &&
			     nftnl_chain_get_u32(nft, NFTNL_CHAIN_POLICY) == NF_DROP;
	if (nftnl_chain_is_set(nft, NFTNL_CHAIN_PACKETS)) {
		chain->has_policy_counter = true;
		chain->policy_packets = nftnl_chain_get_u64(nft, NFTNL_CHAIN_PACKETS);
		chain->policy_bytes = nftnl_chain_get_u64(nft, NFTNL_CHAIN_BYTES);
	}
	if (nftnl_chain_is_set(nft, NFTNL_CHAIN_DEV))
		text_copy(chain->device, sizeof(chain->device),
			  nftnl_chain_get_str(nft, NFTNL_CHAIN_DEV));
}

static int on_chain(const struct nlmsghdr *message, void *data)
{
	struct nft_reader *reader = data;
	struct nftnl_chain *nft = nftnl_chain_alloc();
	struct filter_chain *chain = NULL;
	const char *name, *table;
	int err = 0;

	if (!nft)
		return failed(reader, -ENOMEM);
	if (nftnl_chain_nlmsg_parse(message, nft) ||
	    !(name = nftnl_chain_get_str(nft, NFTNL_CHAIN_NAME)) ||
	    !(table = nftnl_chain_get_str(nft, NFTNL_CHAIN_TABLE)))
		goto out;
	err = -ENOMEM;
	chain = ruleset_add_chain(reader->ruleset, name);
	if (!chain)
		goto out;
	chain->backend = RULES_NFT;
	chain->family = nft_family(nftnl_chain_get_u32(nft, NFTNL_CHAIN_FAMILY));
	text_copy(chain->table, sizeof(chain->table), table);
	reader->long_names |= strlen(table) >= sizeof(chain->table);
	if (nftnl_chain_is_set(nft, NFTNL_CHAIN_HOOKNUM) &&
	    !is_dormant(reader, chain->family, table))
		fill_base(chain, nft);
	err = nft_names_add(&reader->chains, nft_name_hash(chain->family, table, name),
			    reader->ruleset->chains.count);
out:
	nftnl_chain_free(nft);
	return err ? failed(reader, err) : MNL_CB_OK;
}

static int on_set(const struct nlmsghdr *message, void *data)
{
	struct nft_reader *reader = data;
	int err = nft_set_add(message, reader);

	return err ? failed(reader, err) : MNL_CB_OK;
}

static int on_rule(const struct nlmsghdr *message, void *data)
{
	struct nft_reader *reader = data;
	struct ruleset *ruleset = reader->ruleset;
	struct nftnl_rule *nft = nftnl_rule_alloc();
	struct filter_chain *chain;
	struct filter_rule *rule;
	const char *table, *name;
	uint32_t index;
	int err = 0;

	if (!nft)
		return failed(reader, -ENOMEM);
	if (nftnl_rule_nlmsg_parse(message, nft) ||
	    !(table = nftnl_rule_get_str(nft, NFTNL_RULE_TABLE)) ||
	    !(name = nftnl_rule_get_str(nft, NFTNL_RULE_CHAIN)))
		goto out;
	index = nft_names_find(
		&reader->chains,
		nft_name_hash(nft_family(nftnl_rule_get_u32(nft, NFTNL_RULE_FAMILY)), table, name));
	if (!index)
		goto out; /* made since the chains were dumped */
	if (reader->last_chain && reader->last_chain != index)
		filter_chain_trim(&ruleset->chains.items[reader->last_chain - 1]);
	reader->last_chain = index;
	chain = &ruleset->chains.items[index - 1];
	rule = array_push(&chain->rules);
	err = -ENOMEM;
	if (rule) {
		rule->index = chain->rules.count;
		rule->handle = nftnl_rule_get_u64(nft, NFTNL_RULE_HANDLE);
		err = nft_decode_rule(reader, nft, chain, rule);
	}
out:
	nftnl_rule_free(nft);
	return err ? failed(reader, err) : MNL_CB_OK;
}

static bool is_iptables_table(const char *table)
{
	static const char *const names[] = {"filter", "nat", "mangle", "raw", "security"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(table, names[i]))
			return true;
	}
	return false;
}

/*
 * iptables-nft keeps its rules in tables named as the legacy ones, in base chains named
 * as their hook. A hand-made "ip filter" with other base chains is nft's.
 */
static void mark_iptables(struct ruleset *ruleset, size_t from)
{
	struct filter_chain *chains = ruleset->chains.items;
	size_t end;

	/* A table's chains come together in the dump. */
	for (size_t start = from; start < ruleset->chains.count; start = end) {
		const struct filter_chain *first = &chains[start];
		bool iptables = (first->family == 4 || first->family == 6) &&
				is_iptables_table(first->table);

		for (end = start;
		     end < ruleset->chains.count && chains[end].family == first->family &&
		     !strcmp(chains[end].table, first->table);
		     end++) {
			if (chains[end].base && strcmp(chains[end].hook, chains[end].name))
				iptables = false;
		}
		for (size_t i = start; i < end; i++)
			chains[i].iptables = iptables;
	}
}

static void leave_unread(struct nft_reader *reader, size_t from)
{
	for (size_t i = from; i < reader->ruleset->chains.count; i++)
		reader->ruleset->chains.items[i].unread = true;
	reader->lazy = true;
}

static int read_all(struct nft_reader *reader)
{
	struct ruleset *ruleset = reader->ruleset;
	size_t from = ruleset->chains.count;
	int err;

	err = dump(reader, NFT_MSG_GETTABLE, on_table);
	if (!err)
		err = dump(reader, NFT_MSG_GETCHAIN, on_chain);
	if (err)
		return err;
	mark_iptables(ruleset, from);
	if (ruleset->chains.count == from)
		return 0;
	err = dump(reader, NFT_MSG_GETSET, on_set);
	if (!err && ruleset->chains.count - from > NFT_EAGER_CHAINS && !reader->long_names) {
		leave_unread(reader, from);
		return 0;
	}
	if (!err)
		err = dump(reader, NFT_MSG_GETRULE, on_rule);
	if (!err && reader->last_chain)
		filter_chain_trim(&ruleset->chains.items[reader->last_chain - 1]);
	return err;
}

static int dump_chain(struct nft_reader *reader, const struct filter_chain *chain)
{
	char request[MNL_NLMSG_HDRLEN + 1024] = {0};
	struct nftnl_rule *nft = nftnl_rule_alloc();
	struct nlmsghdr *header;
	int err;

	if (!nft)
		return -ENOMEM;
	if (nftnl_rule_set_str(nft, NFTNL_RULE_TABLE, chain->table) ||
	    nftnl_rule_set_str(nft, NFTNL_RULE_CHAIN, filter_chain_name(chain))) {
		nftnl_rule_free(nft);
		return -ENOMEM;
	}
	header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETRULE, nft_family_number(chain->family),
				       NLM_F_DUMP, ++reader->sequence);
	nftnl_rule_nlmsg_build_payload(header, nft);
	nftnl_rule_free(nft);
	err = nft_dump(reader->socket, reader->buffer, header, on_rule, reader);
	return reader->error ? reader->error : err;
}

static void read_chain(struct ruleset *ruleset, void *data, size_t index)
{
	struct filter_chain *chain = &ruleset->chains.items[index];
	struct nft_reader *reader = data;
	int err = -EINTR;

	if (reader->silent)
		return; /* which has been noted */
	reader->ruleset = ruleset; /* it may have moved */
	for (int tries = 0; err == -EINTR && tries < TRIES; tries++) {
		filter_rules_free(chain);
		reader->error = 0;
		err = dump_chain(reader, chain);
	}
	filter_chain_trim(chain);
	reader->silent = err == -EAGAIN;
	/* Removed since the chains were listed, it has no rules any more. */
	if (err && err != -ENOENT)
		ruleset_note(ruleset, "nftables chain %.60s %.100s: %s", chain->table,
			     filter_chain_name(chain), strerror(-err));
}

static void read_set(struct ruleset *ruleset, void *data, size_t index)
{
	struct nft_reader *reader = data;

	reader->ruleset = ruleset;
	if (reader->silent || nft_set_read(reader, (uint32_t)index))
		ruleset->sets.items[index].incomplete = true;
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	const struct timeval limit = {.tv_sec = 2};
	int size = 1 << 20;

	if (!socket)
		return NULL;
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(socket);
		return NULL;
	}
	return socket;
}

static void reader_close(struct nft_reader *reader)
{
	if (reader->socket)
		mnl_socket_close(reader->socket);
	if (reader->element_socket)
		mnl_socket_close(reader->element_socket);
	free(reader->buffer);
	free(reader->element_buffer);
	free(reader->chains.slots);
	free(reader->sets.slots);
	array_free(&reader->set_states);
	array_each(name, &reader->dormant)
		free(*name);
	array_free(&reader->dormant);
}

static void source_close(void *data)
{
	reader_close(data);
	free(data);
}

static int read_once(struct ruleset *ruleset)
{
	struct nft_reader *reader = calloc(1, sizeof(*reader));
	int err = -ENOMEM;

	if (!reader)
		return err;
	reader->ruleset = ruleset;
	reader->sequence = (uint32_t)time(NULL);
	reader->buffer = malloc(NFT_BUFFER);
	reader->element_buffer = malloc(NFT_BUFFER);
	if (!reader->buffer || !reader->element_buffer)
		goto out;
	reader->socket = open_socket();
	reader->element_socket = reader->socket ? open_socket() : NULL;
	if (!reader->element_socket) {
		err = errno ? -errno : -EIO;
		goto out;
	}
	err = read_all(reader);
	if (!err && reader->lazy) {
		ruleset->sources[RULES_NFT] =
			(struct ruleset_source){read_chain, read_set, source_close, reader};
		return 0;
	}
out:
	source_close(reader);
	return err;
}

int rules_read_nft(struct ruleset *ruleset)
{
	int err = 0;

	/* EINTR: the ruleset changed while it was dumped. */
	for (int tries = 0; tries < TRIES; tries++) {
		ruleset_free(ruleset);
		err = read_once(ruleset);
		if (err != -EINTR)
			break;
	}
	if (err == -EPROTONOSUPPORT || err == -EINVAL || err == -EOPNOTSUPP)
		return -ENOENT; /* a kernel without nftables */
	if (err == -EINTR)
		err = ruleset_note(ruleset,
				   "the nftables rules kept changing while they were read");
	return err;
}
