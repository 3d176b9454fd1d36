/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/type_part.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <bpf/btf.h>

struct copying {
	const struct btf *from;
	struct btf *to;
	int *ids; /* by id in `from`; 0: not copied yet */
	int pointer; /* to nothing: one for all */
};

static int copy(struct copying *c, unsigned id);

static const char *name_of(const struct copying *c, uint32_t offset)
{
	return btf__name_by_offset(c->from, offset);
}

static int copy_pointer(struct copying *c)
{
	if (!c->pointer)
		c->pointer = btf__add_ptr(c->to, 0);
	return c->pointer;
}

static int copy_array(struct copying *c, const struct btf_array *array)
{
	int element = copy(c, array->type), index = copy(c, array->index_type);

	if (element < 0 || index < 0)
		return element < 0 ? element : index;
	return btf__add_array(c->to, index, element, array->nelems);
}

/* The members' types first, so that their ids are known: without pointers none of them leads back. */
static int copy_members(struct copying *c, const struct btf_type *type)
{
	int id;

	for (int i = 0; i < btf_vlen(type); i++) {
		int member = copy(c, btf_members(type)[i].type);

		if (member < 0)
			return member;
	}
	id = btf_is_struct(type) ? btf__add_struct(c->to, name_of(c, type->name_off), type->size)
				 : btf__add_union(c->to, name_of(c, type->name_off), type->size);
	for (int i = 0; i < btf_vlen(type) && id > 0; i++) {
		const struct btf_member *member = &btf_members(type)[i];
		int err = btf__add_field(c->to, name_of(c, member->name_off), copy(c, member->type),
					 btf_member_bit_offset(type, i),
					 btf_member_bitfield_size(type, i));

		if (err)
			return err;
	}
	return id;
}

static int copy_typedef(struct copying *c, const struct btf_type *type)
{
	int of = copy(c, type->type);

	return of < 0 ? of : btf__add_typedef(c->to, name_of(c, type->name_off), of);
}

static int copy_new(struct copying *c, const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
		return copy_pointer(c);
	case BTF_KIND_ARRAY:
		return copy_array(c, btf_array(type));
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_members(c, type);
	case BTF_KIND_TYPEDEF:
		return copy_typedef(c, type);
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return copy(c, type->type);
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FWD:
		return btf__add_type(c->to, c->from, type);
	}
	return -EINVAL;
}

/* Its id in the part, or a negative errno. */
static int copy(struct copying *c, unsigned id)
{
	const struct btf_type *type = btf__type_by_id(c->from, id);
	int copied;

	if (!id)
		return 0;
	if (!type)
		return -EINVAL;
	if (c->ids[id])
		return c->ids[id];
	copied = copy_new(c, type);
	if (copied > 0)
		c->ids[id] = copied;
	return copied;
}

struct btf *type_part(const struct btf *from, const unsigned *ids, size_t count)
{
	struct copying c = {.from = from, .to = btf__new_empty()};
	int err = 0;

	c.ids = calloc(btf__type_cnt(from), sizeof(*c.ids));
	if (!c.to || !c.ids)
		err = -ENOMEM;
	for (size_t i = 0; i < count && err >= 0; i++)
		err = copy(&c, ids[i]);
	free(c.ids);
	if (err >= 0)
		return c.to;
	btf__free(c.to);
	return NULL;
}
