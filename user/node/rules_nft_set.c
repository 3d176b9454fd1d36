// SPDX-License-Identifier: GPL-2.0-only
/*
 * nftables sets and maps: kept once each, their elements read when the first rule looks
 * them up. Interval sets come as start and end marks and are turned into ranges here.
 */
#include <errno.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/rules_nft.h"

/* nft's own numbers for the types of map data (its datatype.h; stored by the kernel as given). */
#define TYPE_IPV4 7
#define TYPE_IPV6 8
#define TYPE_PORT 13
#define TYPE_IPV4_PORT (TYPE_IPV4 << 6 | TYPE_PORT)
#define TYPE_IPV6_PORT (TYPE_IPV6 << 6 | TYPE_PORT)

int nft_set_add(const struct nlmsghdr *message, struct nft_reader *reader)
{
	struct nftnl_set *nft = nftnl_set_alloc();
	const char *table, *name;
	struct nft_set_state *state;
	struct rule_set *set;
	uint32_t flags;
	int err = 0;

	if (!nft)
		return -ENOMEM;
	if (nftnl_set_nlmsg_parse(message, nft) ||
	    !(table = nftnl_set_get_str(nft, NFTNL_SET_TABLE)) ||
	    !(name = nftnl_set_get_str(nft, NFTNL_SET_NAME)))
		goto out;
	err = -ENOMEM;
	set = array_push(&reader->ruleset->sets);
	state = array_push(&reader->set_states);
	if (!set || !state)
		goto out;
	flags = nftnl_set_get_u32(nft, NFTNL_SET_FLAGS);
	set->family = nft_family(nftnl_set_get_u32(nft, NFTNL_SET_FAMILY));
	text_copy(set->table, sizeof(set->table), table);
	text_copy(set->name, sizeof(set->name), name);
	set->key_len = nftnl_set_get_u32(nft, NFTNL_SET_KEY_LEN) <= 40
			       ? nftnl_set_get_u32(nft, NFTNL_SET_KEY_LEN)
			       : 0;
	set->is_map = flags & NFT_SET_MAP;
	set->anonymous = flags & NFT_SET_ANONYMOUS;
	set->unread = true;
	state->interval = flags & NFT_SET_INTERVAL;
	state->data_type = nftnl_set_get_u32(nft, NFTNL_SET_DATA_TYPE);
	err = nft_names_add(&reader->sets, nft_name_hash(set->family, table, name),
			    reader->ruleset->sets.count);
out:
	nftnl_set_free(nft);
	return err;
}

struct mark { /* one element as dumped */
	struct rule_element element;
	bool end; /* of an interval: the first key that is no longer in it */
	bool ranged; /* came with its own end key */
};

struct element_dump {
	struct nft_reader *reader;
	struct rule_set *set;
	const struct nft_set_state *state;
	ARRAY(struct mark) marks;
	int error;
};

/* libnftnl reads through NULL when the attribute is not there. */
static uint32_t element_number(struct nftnl_set_elem *nft, uint16_t attr)
{
	return nftnl_set_elem_is_set(nft, attr) ? nftnl_set_elem_get_u32(nft, attr) : 0;
}

static void element_data(const struct element_dump *dump, struct nftnl_set_elem *nft,
			 struct rule_element *element)
{
	const struct nft_set_state *state = dump->state;
	uint32_t len = 0;
	const uint8_t *data;
	const char *chain;
	size_t bytes;

	if (state->data_type == NFT_DATA_VERDICT) {
		element->verdict =
			nft_verdict((int32_t)element_number(nft, NFTNL_SET_ELEM_VERDICT));
		chain = nftnl_set_elem_get_str(nft, NFTNL_SET_ELEM_CHAIN);
		if (chain)
			element->target_chain = nft_names_find(
				&dump->reader->chains,
				nft_name_hash(dump->set->family, dump->set->table, chain));
		return;
	}
	if (state->data_type != TYPE_IPV4 && state->data_type != TYPE_IPV6 &&
	    state->data_type != TYPE_IPV4_PORT && state->data_type != TYPE_IPV6_PORT)
		return;
	data = nftnl_set_elem_get(nft, NFTNL_SET_ELEM_DATA, &len);
	bytes = state->data_type == TYPE_IPV4 || state->data_type == TYPE_IPV4_PORT ? 4 : 16;
	if (!data || len < bytes)
		return;
	element->to = address_make(bytes == 4 ? 4 : 6, data);
	if (len >= bytes + 2)
		element->to_port = data[bytes] << 8 | data[bytes + 1];
}

static int on_udata(const struct nftnl_udata *attr, void *data)
{
	char **comment = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_SET_ELEM_COMMENT && nftnl_udata_len(attr) &&
	    !*comment)
		*comment = strndup(nftnl_udata_get(attr), nftnl_udata_len(attr));
	return 0;
}

/* kube-proxy writes a Service's name there. */
static void element_comment(struct nftnl_set_elem *nft, struct rule_element *element)
{
	uint32_t len = 0;
	const void *data = nftnl_set_elem_get(nft, NFTNL_SET_ELEM_USERDATA, &len);

	if (data)
		nftnl_udata_parse(data, len, on_udata, &element->comment);
}

static int on_element(struct nftnl_set_elem *nft, void *data)
{
	struct element_dump *dump = data;
	struct mark *mark;
	uint32_t len = 0;
	const void *key = nftnl_set_elem_get(nft, NFTNL_SET_ELEM_KEY, &len);
	uint32_t flags = element_number(nft, NFTNL_SET_ELEM_FLAGS);

	if (dump->marks.count >= NFT_SET_MAX) {
		dump->set->incomplete = true;
		return 0;
	}
	mark = array_push(&dump->marks);
	if (!mark) {
		dump->error = -ENOMEM;
		return -1;
	}
	element_data(dump, nft, &mark->element);
	element_comment(nft, &mark->element);
	if (!key) { /* the catch-all "*": matches what no other element does */
		memset(mark->element.key_end, 0xff, sizeof(mark->element.key_end));
		mark->ranged = true;
		return 0;
	}
	memcpy(mark->element.key, key, len < 40 ? len : 40);
	mark->end = flags & NFT_SET_ELEM_INTERVAL_END;
	memcpy(mark->element.key_end, mark->element.key, 40);
	key = nftnl_set_elem_get(nft, NFTNL_SET_ELEM_KEY_END, &len);
	if (key) {
		mark->ranged = true;
		memcpy(mark->element.key_end, key, len < 40 ? len : 40);
	}
	return 0;
}

static int on_elements(const struct nlmsghdr *message, void *data)
{
	struct element_dump *dump = data;
	struct nftnl_set *nft = nftnl_set_alloc();

	if (!nft) {
		dump->error = -ENOMEM;
		return MNL_CB_ERROR;
	}
	if (!nftnl_set_elems_nlmsg_parse(message, nft))
		nftnl_set_elem_foreach(nft, on_element, dump);
	nftnl_set_free(nft);
	return dump->error ? MNL_CB_ERROR : MNL_CB_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct mark *left = a, *right = b;
	int order = memcmp(left->element.key, right->element.key, 40);

	return order ? order : (int)right->end - (int)left->end;
}

static void key_before(uint8_t *key, size_t len)
{
	while (len--) {
		if (key[len]--)
			return;
	}
}

/* Start and end marks in key order become ranges; an end without a start is the space below the first. */
static void close_ranges(struct element_dump *dump)
{
	struct mark *marks = dump->marks.items;
	size_t len = dump->set->key_len;

	if (!dump->marks.count)
		return;
	qsort(marks, dump->marks.count, sizeof(*marks), by_key);
	for (size_t i = 0; i < dump->marks.count; i++) {
		struct rule_element *element = &marks[i].element;

		if (marks[i].end || marks[i].ranged)
			continue;
		if (i + 1 < dump->marks.count) {
			memcpy(element->key_end, marks[i + 1].element.key, 40);
			key_before(element->key_end, len);
		} else {
			memset(element->key_end, 0xff, len);
		}
	}
}

static int keep_elements(struct element_dump *dump)
{
	array_each(mark, &dump->marks) {
		struct rule_element *element;

		if (mark->end)
			continue;
		element = array_push(&dump->set->elements);
		if (!element)
			return -ENOMEM;
		*element = mark->element;
		mark->element.comment = NULL; /* the set's now */
	}
	return 0;
}

static int read_elements(struct nft_reader *reader, uint32_t index, const char *table,
			 const char *name)
{
	struct element_dump dump = {.reader = reader,
				    .set = &reader->ruleset->sets.items[index],
				    .state = &reader->set_states.items[index]};
	char request[MNL_NLMSG_HDRLEN + 1024] = {0}; /* padding goes to the kernel too */
	struct nftnl_set *nft = nftnl_set_alloc();
	struct nlmsghdr *header;
	int err;

	if (!nft)
		return -ENOMEM;
	if (nftnl_set_set_str(nft, NFTNL_SET_TABLE, table) ||
	    nftnl_set_set_str(nft, NFTNL_SET_NAME, name)) {
		nftnl_set_free(nft);
		return -ENOMEM;
	}
	header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETSETELEM,
				       nft_family_number(dump.set->family), NLM_F_DUMP,
				       ++reader->sequence);
	nftnl_set_elems_nlmsg_build_payload(header, nft);
	nftnl_set_free(nft);
	err = nft_dump(reader->element_socket, reader->element_buffer, header, on_elements, &dump);
	if (err || !dump.set->key_len)
		dump.set->incomplete = true;
	if (!dump.error && dump.state->interval)
		close_ranges(&dump);
	if (!dump.error)
		dump.error = keep_elements(&dump);
	array_each(mark, &dump.marks)
		free(mark->element.comment);
	array_free(&dump.marks);
	return dump.error;
}

uint32_t nft_set_need(struct nft_reader *reader, uint8_t family, const char *table,
		      const char *name)
{
	uint32_t index = nft_names_find(&reader->sets, nft_name_hash(family, table, name));

	struct rule_set *set = index ? &reader->ruleset->sets.items[index - 1] : NULL;

	if (!set || !set->unread ||
	    (reader->lazy && !set->anonymous && strlen(name) < sizeof(set->name)))
		return index;
	set->unread = false;
	if (read_elements(reader, index - 1, table, name))
		reader->error = -ENOMEM;
	return index;
}

int nft_set_read(struct nft_reader *reader, uint32_t index)
{
	const struct rule_set *set = &reader->ruleset->sets.items[index];

	return read_elements(reader, index, set->table, set->name);
}
