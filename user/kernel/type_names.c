/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/type_names.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <bpf/btf.h>

int type_names_want(struct type_names *names, const char *name, size_t length, unsigned kind)
{
	struct type_wanted *slot;

	if (!length || length >= TYPE_NAME_LENGTH)
		return 0;
	array_each(known, &names->wanted) {
		if (known->kind == kind && strlen(known->name) == length &&
		    !strncmp(known->name, name, length))
			return 0;
	}
	slot = array_push(&names->wanted);
	if (!slot)
		return -ENOMEM;
	memset(slot, 0, sizeof(*slot));
	memcpy(slot->name, name, length);
	slot->kind = kind;
	names->letters[name[0] & 127][(name[1] & 127) >> 3] |= 1 << (name[1] & 7);
	names->lengths[length][(name[0] & 127) >> 3] |= 1 << (name[0] & 7);
	return 0;
}

static bool may_be_wanted(const struct type_names *names, const char *name)
{
	size_t length;

	if (!name || !name[0] ||
	    !(names->letters[name[0] & 127][(name[1] & 127) >> 3] & 1 << (name[1] & 7)))
		return false;
	length = strlen(name);
	return length < TYPE_NAME_LENGTH &&
	       names->lengths[length][(name[0] & 127) >> 3] & 1 << (name[0] & 7);
}

int type_names_find(const struct type_names *names, const struct btf *btf, unsigned first,
		    int (*found)(void *context, size_t wanted, unsigned id), void *context)
{
	unsigned end = btf__type_cnt(btf);
	uint32_t kinds = 0;

	array_each(wanted, &names->wanted)
		kinds |= 1u << wanted->kind;
	for (unsigned id = first; id < end; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		unsigned kind = btf_kind(type);
		const char *name;

		if (!(kinds & 1u << kind))
			continue;
		name = btf__name_by_offset(btf, type->name_off);
		if (!may_be_wanted(names, name))
			continue;
		for (size_t i = 0; i < names->wanted.count; i++) {
			int err;

			if (names->wanted.items[i].kind != kind ||
			    strcmp(names->wanted.items[i].name, name) != 0)
				continue;
			err = found(context, i, id);
			if (err)
				return err;
		}
	}
	return 0;
}

void type_names_free(struct type_names *names)
{
	array_free(&names->wanted);
}
