/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of a kernel's types: what lies in the named ones is there with its places and sizes, what they point to is
 * not; and names are found by their kind, each of several types of one name, none that was not asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include <bpf/btf.h>

#include "kernel/type_names.h"
#include "kernel/type_part.h"

struct kernel {
	struct btf *btf;
	unsigned packet, device, reason, namespace;
};

/* packet { unnamed union { const u32 len; flags: 3, more: 2 }; device *dev; possible_t at; u32 list[4]; } */
static void kernel_make(struct kernel *k)
{
	struct btf *b = k->btf = btf__new_empty();
	int u32 = btf__add_int(b, "unsigned int", 4, 0), constant = btf__add_const(b, u32);
	int pointer, unnamed, holder, possible, list;

	k->device = btf__add_struct(b, "device", 8);
	btf__add_field(b, "mtu", u32, 32, 0);
	pointer = btf__add_ptr(b, k->device);
	k->namespace = btf__add_struct(b, "namespace", 8);
	btf__add_field(b, "inum", u32, 0, 0);
	unnamed = btf__add_union(b, NULL, 4);
	btf__add_field(b, "len", constant, 0, 0);
	btf__add_field(b, "flags", u32, 0, 3);
	btf__add_field(b, "more", u32, 0, 2);
	holder = btf__add_struct(b, NULL, 8);
	btf__add_field(b, "net", btf__add_ptr(b, k->namespace), 0, 0);
	possible = btf__add_typedef(b, "possible_t", holder);
	list = btf__add_array(b, u32, u32, 4);
	k->packet = btf__add_struct(b, "packet", 48);
	btf__add_field(b, NULL, unnamed, 0, 0);
	btf__add_field(b, "dev", pointer, 64, 0);
	btf__add_field(b, "at", possible, 128, 0);
	btf__add_field(b, "list", list, 192, 0);
	k->reason = btf__add_enum(b, "reason", 4);
	btf__add_enum_value(b, "REASON_NONE", 0);
	btf__add_enum_value(b, "REASON_RULE", 7);
}

static const struct btf_type *named(const struct btf *btf, const char *name, unsigned kind)
{
	int id = btf__find_by_name_kind(btf, name, kind);

	return id > 0 ? btf__type_by_id(btf, id) : NULL;
}

static const struct btf_type *member_type(const struct btf *btf, const struct btf_type *type, int i)
{
	return btf__type_by_id(btf, btf_members(type)[i].type);
}

static void what_lies_in_it_comes_along(void **state)
{
	struct kernel k;
	struct btf *part;
	const struct btf_type *packet, *inner, *at;

	(void)state;
	kernel_make(&k);
	part = type_part(k.btf, &k.packet, 1);
	assert_non_null(part);
	packet = named(part, "packet", BTF_KIND_STRUCT);
	assert_non_null(packet);
	assert_int_equal(packet->size, 48);
	assert_int_equal(btf_vlen(packet), 4);
	assert_int_equal(btf_member_bit_offset(packet, 3), 192);
	assert_string_equal(btf__name_by_offset(part, btf_members(packet)[1].name_off), "dev");
	inner = member_type(part, packet, 0);
	assert_true(btf_is_union(inner));
	assert_int_equal(btf_vlen(inner), 3);
	assert_true(btf_is_int(member_type(part, inner, 0))); /* through its const */
	assert_int_equal(btf_member_bitfield_size(inner, 1), 3);
	assert_int_equal(btf_member_bitfield_size(inner, 2), 2);
	at = member_type(part, packet, 2);
	assert_true(btf_is_typedef(at));
	assert_true(btf_is_struct(btf__type_by_id(part, at->type)));
	assert_int_equal(btf_array(member_type(part, packet, 3))->nelems, 4);
	btf__free(part);
	btf__free(k.btf);
}

static void what_it_points_to_does_not(void **state)
{
	struct kernel k;
	struct btf *part;
	const struct btf_type *pointer;

	(void)state;
	kernel_make(&k);
	part = type_part(k.btf, &k.packet, 1);
	pointer = member_type(part, named(part, "packet", BTF_KIND_STRUCT), 1);
	assert_true(btf_is_ptr(pointer));
	assert_int_equal(pointer->type, 0);
	assert_null(named(part, "device", BTF_KIND_STRUCT));
	assert_null(named(part, "namespace", BTF_KIND_STRUCT));
	assert_null(named(part, "reason", BTF_KIND_ENUM));
	btf__free(part);
	btf__free(k.btf);
}

static void values_of_an_enum_are_kept(void **state)
{
	struct kernel k;
	struct btf *part;
	const struct btf_type *reason;
	unsigned ids[2];

	(void)state;
	kernel_make(&k);
	ids[0] = k.reason;
	ids[1] = k.device;
	part = type_part(k.btf, ids, 2);
	reason = named(part, "reason", BTF_KIND_ENUM);
	assert_int_equal(btf_vlen(reason), 2);
	assert_int_equal(btf_enum(reason)[1].val, 7);
	assert_string_equal(btf__name_by_offset(part, btf_enum(reason)[1].name_off), "REASON_RULE");
	assert_non_null(named(part, "device", BTF_KIND_STRUCT));
	assert_null(named(part, "packet", BTF_KIND_STRUCT));
	btf__free(part);
	btf__free(k.btf);
}

/* The bytes are what libbpf reads again. */
static void it_can_be_read_again(void **state)
{
	struct kernel k;
	struct btf *part, *again;
	const void *bytes;
	uint32_t size;

	(void)state;
	kernel_make(&k);
	part = type_part(k.btf, &k.packet, 1);
	bytes = btf__raw_data(part, &size);
	again = btf__new(bytes, size);
	assert_non_null(again);
	assert_int_equal(btf__type_cnt(again), btf__type_cnt(part));
	assert_non_null(named(again, "packet", BTF_KIND_STRUCT));
	btf__free(again);
	btf__free(part);
	btf__free(k.btf);
}

static void what_is_broken_makes_none(void **state)
{
	struct kernel k;
	unsigned nowhere = 1000;

	(void)state;
	kernel_make(&k);
	assert_null(type_part(k.btf, &nowhere, 1));
	btf__free(k.btf);
}

struct hits {
	size_t count;
	unsigned ids[8];
	size_t wanted[8];
	int refuse; /* after so many */
};

static int hit(void *context, size_t wanted, unsigned id)
{
	struct hits *hits = context;

	hits->ids[hits->count] = id;
	hits->wanted[hits->count++] = wanted;
	return hits->refuse && (int)hits->count == hits->refuse ? -ENOMEM : 0;
}

static void names_are_found_by_kind(void **state)
{
	struct kernel k;
	struct type_names names = {};
	struct hits hits = {};
	int second;

	(void)state;
	kernel_make(&k);
	second = btf__add_struct(k.btf, "device", 16); /* another of that name */
	btf__add_struct(k.btf, "devices", 16);
	btf__add_struct(k.btf, "devide", 16);
	btf__add_typedef(k.btf, "device", second);
	assert_int_equal(type_names_want(&names, "device.mtu", 6, BTF_KIND_STRUCT), 0);
	assert_int_equal(type_names_want(&names, "device", 6, BTF_KIND_STRUCT), 0);
	assert_int_equal(type_names_want(&names, "packet", 6, BTF_KIND_ENUM), 0);
	assert_int_equal(type_names_want(&names, "", 0, BTF_KIND_STRUCT), 0);
	assert_int_equal(names.wanted.count, 2);
	assert_int_equal(type_names_find(&names, k.btf, 1, hit, &hits), 0);
	assert_int_equal(hits.count, 2);
	assert_int_equal(hits.ids[0], k.device);
	assert_int_equal(hits.ids[1], second);
	assert_int_equal(hits.wanted[1], 0);
	hits = (struct hits){};
	assert_int_equal(type_names_find(&names, k.btf, k.device + 1, hit, &hits), 0);
	assert_int_equal(hits.count, 1);
	hits = (struct hits){.refuse = 1};
	assert_int_equal(type_names_find(&names, k.btf, 1, hit, &hits), -ENOMEM);
	assert_int_equal(hits.count, 1);
	type_names_free(&names);
	btf__free(k.btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_in_it_comes_along),
		cmocka_unit_test(what_it_points_to_does_not),
		cmocka_unit_test(values_of_an_enum_are_kept),
		cmocka_unit_test(it_can_be_read_again),
		cmocka_unit_test(what_is_broken_makes_none),
		cmocka_unit_test(names_are_found_by_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
