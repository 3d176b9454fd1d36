/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/witness_btf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/array.h"
#include "kernel/type_names.h"

#define MODULES_MAX 12
#define DEPTH_MAX 8

struct known {
	size_t wanted; /* index */
	int id;
};

struct type_space {
	const char *module; /* NULL the kernel proper */
	const struct btf *btf;
	ARRAY(struct known) known;
};

struct witness_types {
	struct type_names names;
	struct type_space spaces[MODULES_MAX];
	size_t space_count;
};

static int want(struct witness_types *types, const char *name, size_t length, unsigned kind)
{
	return type_names_want(&types->names, name, length, kind);
}

static int want_path(struct witness_types *types, const struct witness_path *path)
{
	int err = 0;

	for (int i = 0; i < WITNESS_STEPS && path->fields[i] && !err; i++)
		err = want(types, path->fields[i], strcspn(path->fields[i], ".+"), BTF_KIND_STRUCT);
	return err;
}

static int want_row(struct witness_types *types, const struct witness_row *row)
{
	char name[TYPE_NAME_LENGTH];
	int err;

	if (row->of_programs)
		return 0;
	if (row->function) {
		err = want(types, row->function, strlen(row->function), BTF_KIND_FUNC);
	} else {
		snprintf(name, sizeof(name), "btf_trace_%s", row->tracepoint);
		err = want(types, name, strlen(name), BTF_KIND_TYPEDEF);
	}
	if (!err)
		err = want_path(types, &row->skb);
	for (int i = 0; i < WITNESS_VALUES && !err; i++)
		err = want_path(types, &row->value[i]);
	for (int i = 0; i < WITNESS_TEXTS && !err; i++)
		err = want_path(types, &row->text[i]);
	return err;
}

static int space_known(void *context, size_t wanted, unsigned id)
{
	struct type_space *space = context;
	struct known *slot = array_push(&space->known);

	if (!slot)
		return -ENOMEM;
	*slot = (struct known){wanted, (int)id};
	return 0;
}

static int space_scan(struct witness_types *types, struct type_space *space, unsigned first)
{
	return type_names_find(&types->names, space->btf, first, space_known, space);
}

struct witness_types *witness_types_new(const struct btf *kernel)
{
	struct witness_types *types = calloc(1, sizeof(*types));
	int err = types ? 0 : -ENOMEM;

	for (size_t i = 0; i < witness_row_count && !err; i++)
		err = want_row(types, &witness_rows[i]);
	if (!err)
		err = want(types, "sk_buff", 7, BTF_KIND_STRUCT);
	if (!err)
		err = want(types, "skb_drop_reason", 15, BTF_KIND_ENUM);
	if (!err) {
		types->spaces[0].btf = kernel;
		types->space_count = 1;
		err = space_scan(types, &types->spaces[0], 1);
	}
	if (err) {
		witness_types_free(types);
		return NULL;
	}
	return types;
}

int witness_types_module(struct witness_types *types, const char *module, const struct btf *btf)
{
	struct type_space *space = &types->spaces[types->space_count];

	if (types->space_count == MODULES_MAX)
		return -ENOMEM;
	space->module = module;
	space->btf = btf;
	types->space_count++;
	return space_scan(types, space, btf__type_cnt(types->spaces[0].btf));
}

void witness_types_free(struct witness_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; i < types->space_count; i++)
		array_free(&types->spaces[i].known);
	type_names_free(&types->names);
	free(types);
}

/* A name's type in the space, or in the kernel's; the space where it is. 0: nowhere. */
static int type_find(const struct witness_types *types, const struct type_space *space,
		     const char *name, size_t length, unsigned kind, const struct btf **btf)
{
	for (int pass = 0; pass < 2; pass++) {
		const struct type_space *in = pass ? &types->spaces[0] : space;

		array_each(known, &in->known) {
			const struct type_wanted *wanted =
				&types->names.wanted.items[known->wanted];

			if (wanted->kind != kind || strlen(wanted->name) != length ||
			    strncmp(wanted->name, name, length) != 0)
				continue;
			*btf = in->btf;
			return known->id;
		}
	}
	return 0;
}

static const struct btf_type *type_strip(const struct btf *btf, unsigned id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	return type;
}

/* Offset in bytes of a member, through unnamed structs and unions; its type. -1: there is none. */
static int member_offset(const struct btf *btf, unsigned id, const char *name, size_t length,
			 unsigned *member_type, int depth)
{
	const struct btf_type *type = type_strip(btf, id);

	if (!type || !btf_is_composite(type) || depth == DEPTH_MAX)
		return -1;
	for (int i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const char *text = btf__name_by_offset(btf, member->name_off);
		int offset = btf_member_bit_offset(type, i) / 8, inner;

		if (text && *text) {
			if (strlen(text) != length || strncmp(text, name, length) != 0)
				continue;
			if (btf_member_bitfield_size(type, i))
				return -1;
			*member_type = member->type;
			return offset;
		}
		inner = member_offset(btf, member->type, name, length, member_type, depth + 1);
		if (inner >= 0)
			return offset + inner;
	}
	return -1;
}

/* "TYPE.MEMBER.MEMBER+N" or "+N". */
static int field_offset(const struct witness_types *types, const struct type_space *space,
			const char *field)
{
	size_t length = strcspn(field, ".+");
	const char *at = field + length;
	const struct btf *btf = NULL;
	int offset = 0;
	unsigned id;

	id = length ? type_find(types, space, field, length, BTF_KIND_STRUCT, &btf) : 0;
	if (length && !id)
		return -1;
	while (*at == '.') {
		int more;

		at++;
		length = strcspn(at, ".+");
		more = member_offset(btf, id, at, length, &id, 0);
		if (more < 0)
			return -1;
		offset += more;
		at += length;
	}
	if (*at == '+')
		offset += atoi(at + 1);
	return offset <= 0xffff ? offset : -1;
}

static bool points_to(const struct btf *btf, unsigned id, const char *name, size_t length)
{
	const struct btf_type *type = type_strip(btf, id);
	const char *text;

	if (!type || !btf_is_ptr(type))
		return false;
	type = type_strip(btf, type->type);
	if (!type || !(btf_is_struct(type) || btf_is_fwd(type)))
		return false;
	text = btf__name_by_offset(btf, type->name_off);
	return text && strlen(text) == length && !strncmp(text, name, length);
}

/* Number of the parameter that one alternative names, -1 none; `skip` 1 for a tracepoint's private first one. */
static int param_find(const struct btf *btf, const struct btf_type *proto, int skip,
		      const char *name, size_t length)
{
	const struct btf_param *params = btf_params(proto);
	bool by_type = length > 7 && !strncmp(name, "struct ", 7);

	if (*name == '#')
		return atoi(name + 1) < btf_vlen(proto) - skip ? atoi(name + 1) : -1;
	for (int i = skip; i < btf_vlen(proto); i++) {
		const char *text = btf__name_by_offset(btf, params[i].name_off);

		if (by_type ? points_to(btf, params[i].type, name + 7, length - 7)
			    : text && strlen(text) == length && !strncmp(text, name, length))
			return i - skip;
	}
	return -1;
}

static int path_arg(const struct btf *btf, const struct btf_type *proto, int skip, const char *arg)
{
	int found = -1;

	for (const char *at = arg; *at && found < 0; at += strcspn(at, "|"), at += *at == '|')
		found = param_find(btf, proto, skip, at, strcspn(at, "|"));
	return found;
}

/* Registers hold one parameter each, unless one is passed by value and larger. */
static bool args_in_registers(const struct btf *btf, const struct btf_type *proto, int last)
{
	for (int i = 0; i <= last; i++) {
		const struct btf_type *type = type_strip(btf, btf_params(proto)[i].type);

		if (type && btf_is_composite(type) && type->size > 8)
			return false;
	}
	return true;
}

struct function {
	const struct type_space *space;
	const struct btf *btf;
	const struct btf_type *proto; /* NULL: not known */
	int skip;
};

static int path_resolve(const struct witness_types *types, const struct function *function,
			const struct witness_path *path, struct witness_source *source,
			uint8_t *args)
{
	int arg;

	memset(source, 0, sizeof(*source));
	source->arg = WITNESS_NO_ARG;
	source->size = path->size ? path->size : 8;
	if (!path->arg || !function->proto)
		return 0;
	arg = path_arg(function->btf, function->proto, function->skip, path->arg);
	if (arg < 0)
		return -ESRCH;
	if (arg >= WITNESS_ARGS ||
	    !args_in_registers(function->btf, function->proto, arg + function->skip))
		return -E2BIG;
	for (; source->steps < WITNESS_STEPS && path->fields[source->steps]; source->steps++) {
		int offset = field_offset(types, function->space, path->fields[source->steps]);

		if (offset < 0) {
			source->steps = 0;
			return -ESRCH;
		}
		source->offset[source->steps] = offset;
	}
	source->arg = arg;
	*args |= 1 << arg;
	return 0;
}

static int function_find(const struct witness_types *types, const struct witness_row *row,
			 struct function *function, struct witness_resolved *out)
{
	const struct btf_type *type;
	char name[TYPE_NAME_LENGTH];
	int id = 0;

	memset(function, 0, sizeof(*function));
	function->space = &types->spaces[0];
	if (!row->function) {
		snprintf(name, sizeof(name), "btf_trace_%s", row->tracepoint);
		id = type_find(types, function->space, name, strlen(name), BTF_KIND_TYPEDEF,
			       &function->btf);
		if (!id)
			return -ENOENT;
		function->skip = 1;
		type = type_strip(function->btf, id);
		function->proto =
			type && btf_is_ptr(type) ? type_strip(function->btf, type->type) : NULL;
		if (!function->proto || !btf_is_func_proto(function->proto))
			return -ENOENT;
		return btf_vlen(function->proto) - 1 < (int)row->tracepoint_args ? -ENOENT : 0;
	}
	for (size_t i = 0; i < types->space_count && !id; i++) {
		const struct type_space *space = &types->spaces[i];

		if (i && (!row->module || strcmp(space->module, row->module) != 0))
			continue;
		array_each(known, &space->known) {
			const struct type_wanted *wanted =
				&types->names.wanted.items[known->wanted];

			if (wanted->kind != BTF_KIND_FUNC ||
			    strcmp(wanted->name, row->function) != 0)
				continue;
			id = known->id;
			function->space = space;
			function->btf = space->btf;
			out->module = space->module;
			break;
		}
	}
	if (!id)
		return 0;
	out->btf_id = id;
	type = btf__type_by_id(function->btf, id);
	function->proto = btf__type_by_id(function->btf, type->type);
	return 0;
}

static bool reason_exists(const struct witness_types *types, const char *reason)
{
	const struct btf *btf = NULL;
	const struct btf_type *type;
	char name[TYPE_NAME_LENGTH];
	int id = type_find(types, &types->spaces[0], "skb_drop_reason", 15, BTF_KIND_ENUM, &btf);

	if (!id)
		return false;
	snprintf(name, sizeof(name), "SKB_DROP_REASON_%s", reason);
	type = btf__type_by_id(btf, id);
	for (int i = 0; i < btf_vlen(type); i++) {
		if (!strcmp(btf__name_by_offset(btf, btf_enum(type)[i].name_off), name))
			return true;
	}
	return false;
}

static int paths_resolve(const struct witness_types *types, const struct witness_row *row,
			 const struct function *function, struct witness_probe *probe)
{
	int err = path_resolve(types, function, &row->skb, &probe->skb, &probe->args);

	/* what else it would tell and cannot be read is a detail less */
	for (int i = 0; i < WITNESS_VALUES && !err; i++)
		path_resolve(types, function, &row->value[i], &probe->value[i], &probe->args);
	for (int i = 0; i < WITNESS_TEXTS && !err; i++)
		path_resolve(types, function, &row->text[i], &probe->text[i], &probe->args);
	return err;
}

/* A tc program is called with the packet and nothing else, on every kernel. */
static void program_probe(const struct witness_row *row, struct witness_probe *probe)
{
	const struct witness_source nothing = {.arg = WITNESS_NO_ARG, .size = 8};

	probe->what = row->what;
	probe->style = row->style;
	probe->rule = row->rule;
	probe->args = probe->arg_count = 1;
	probe->skb = (struct witness_source){.arg = 0, .size = 8};
	for (int i = 0; i < WITNESS_VALUES; i++)
		probe->value[i] = nothing;
	for (int i = 0; i < WITNESS_TEXTS; i++)
		probe->text[i] = nothing;
}

int witness_resolve(const struct witness_types *types, const struct witness_row *row,
		    bool needed_only, struct witness_resolved *out)
{
	struct witness_probe *probe = &out->probe;
	struct function function;
	int err;

	memset(out, 0, sizeof(*out));
	if (row->of_programs) {
		program_probe(row, probe);
		return 0;
	}
	if (needed_only && row->known_by && reason_exists(types, row->known_by))
		return -EALREADY;
	err = function_find(types, row, &function, out);
	if (err)
		return err;
	if (!function.proto && !row->in_frame)
		return -ENOENT;
	probe->by_task = row->by_task;
	probe->what = row->what;
	probe->style = row->style;
	probe->rule = row->rule;
	probe->frame = row->frame;
	err = paths_resolve(types, row, &function, probe);
	if (err)
		return err;
	probe->in_frame = probe->skb.arg == WITNESS_NO_ARG ? row->in_frame : 0;
	if (function.proto)
		probe->arg_count = btf_vlen(function.proto) - function.skip;
	return 0;
}

int witness_layout_resolve(const struct witness_types *types, struct witness_layout *layout)
{
	const struct type_space *kernel = &types->spaces[0];
	int head = field_offset(types, kernel, "sk_buff.head");
	int network = field_offset(types, kernel, "sk_buff.network_header");
	int nfct = field_offset(types, kernel, "sk_buff._nfct");

	if (head < 0 || network < 0)
		return -ESRCH;
	layout->head = head;
	layout->network_header = network;
	layout->nfct = nfct < 0 ? 0 : nfct; /* a kernel without conntrack never asks */
	return 0;
}
