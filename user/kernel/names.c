/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/text.h"
#include "kernel/drop_stack.h"

struct reason_name {
	uint32_t value;
	char name[48];
};

struct symbol_name {
	uint64_t address; /* as asked for */
	char name[64];
};

struct kernel_names {
	bool reasons_read, symbols_hidden, no_reasons;
	ARRAY(struct reason_name) reasons;
	ARRAY(struct symbol_name *) symbols;
};

struct kernel_names *kernel_names_new(void)
{
	return calloc(1, sizeof(struct kernel_names));
}

void kernel_names_free(struct kernel_names *names)
{
	if (!names)
		return;
	array_each(symbol, &names->symbols)
		free(*symbol);
	array_free(&names->symbols);
	array_free(&names->reasons);
	free(names);
}

/* "SKB_DROP_REASON_NO_SOCKET" → "NO_SOCKET": what perf and dropwatch show. */
static const char *reason_short(const char *name)
{
	static const char *const prefixes[] = {"SKB_DROP_REASON_", "SKB_"};

	if (strncmp(name, prefixes[0], strlen(prefixes[0])) == 0)
		return name + strlen(prefixes[0]);
	if (strncmp(name, prefixes[1], strlen(prefixes[1])) == 0)
		return name + strlen(prefixes[1]);
	return name;
}

static void reasons_of_enum(struct kernel_names *names, const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	const struct btf_type *type;
	const struct btf_enum *values;

	if (id < 0)
		return;
	type = btf__type_by_id(btf, id);
	values = btf_enum(type);
	for (int i = 0; i < btf_vlen(type); i++) {
		struct reason_name *reason = array_push(&names->reasons);

		if (!reason)
			return;
		reason->value = values[i].val;
		text_copy(reason->name, sizeof(reason->name),
			  reason_short(btf__name_by_offset(btf, values[i].name_off)));
	}
}

static void reasons_read(struct kernel_names *names)
{
	struct btf *btf = btf__load_vmlinux_btf();

	names->reasons_read = true;
	if (libbpf_get_error(btf)) {
		names->no_reasons = true;
		return;
	}
	reasons_of_enum(names, btf, "skb_drop_reason");
	/* subsystems number their reasons above 0xffff (include/net/dropreason.h) */
	reasons_of_enum(names, btf, "mac80211_drop_reason");
	reasons_of_enum(names, btf, "ovs_drop_reason");
	reasons_of_enum(names, btf, "qdisc_drop_reason");
	names->no_reasons = names->reasons.count == 0;
	btf__free(btf);
}

const char *kernel_reason(struct kernel_names *names, uint32_t reason)
{
	if (!names->reasons_read)
		reasons_read(names);
	array_each(known, &names->reasons) {
		if (known->value == reason)
			return strcmp(known->name, "NOT_SPECIFIED") == 0 ||
					       strcmp(known->name, "NOT_DROPPED_YET") == 0
				       ? ""
				       : known->name;
	}
	return "";
}

static struct symbol_name *symbol_known(struct kernel_names *names, uint64_t address)
{
	array_each(symbol, &names->symbols) {
		if ((*symbol)->address == address)
			return *symbol;
	}
	return NULL;
}

/* One pass over kallsyms: for each wanted address the nearest symbol at or below it. */
static void symbols_scan(struct kernel_names *names, struct symbol_name **wanted, size_t count)
{
	uint64_t best[RECORD_MAX_STACK + 1] = {};
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];
	bool any = false;

	if (!file) {
		names->symbols_hidden = true;
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		char *at, *name;
		uint64_t address = strtoull(line, &at, 16);

		if (!address || at[0] != ' ' || !at[1] || at[2] != ' ' || !strchr("tTwW", at[1]))
			continue;
		any = true;
		name = at + 3;
		for (size_t i = 0; i < count; i++) {
			if (address > wanted[i]->address || address < best[i])
				continue;
			/* of several names at one address the first stays */
			if (address == best[i])
				continue;
			best[i] = address;
			name[strcspn(name, "\t \n")] = '\0';
			text_copy(wanted[i]->name, sizeof(wanted[i]->name), name);
		}
	}
	fclose(file);
	names->symbols_hidden = !any;
}

void kernel_symbols(struct kernel_names *names, const uint64_t *addresses, size_t count,
		    const char **symbols)
{
	struct symbol_name *wanted[RECORD_MAX_STACK + 1];
	size_t missing = 0;

	for (size_t i = 0; i < count; i++) {
		struct symbol_name *symbol = symbol_known(names, addresses[i]), **slot;

		if (!symbol && missing < RECORD_MAX_STACK + 1) {
			symbol = calloc(1, sizeof(*symbol));
			slot = symbol ? array_push(&names->symbols) : NULL;
			if (!slot) {
				free(symbol);
				symbols[i] = "";
				continue;
			}
			symbol->address = addresses[i];
			*slot = symbol;
			wanted[missing++] = symbol;
		}
		symbols[i] = symbol ? symbol->name : "";
	}
	if (missing)
		symbols_scan(names, wanted, missing);
}

void kernel_name_drop(struct kernel_names *names, struct drop *drop)
{
	uint64_t addresses[RECORD_MAX_STACK + 1];
	const char *frames[RECORD_MAX_STACK + 1];
	size_t count = 0, start = 0, depth = drop->info.stack_depth;

	text_copy(drop->reason, sizeof(drop->reason), kernel_reason(names, drop->info.reason));
	/* the stack begins inside the tracing machinery: find the frame the tracepoint names */
	while (start < depth && drop->stack[start] != drop->info.location)
		start++;
	addresses[count++] = drop->info.location;
	for (size_t i = start + 1; i < depth && count < RECORD_MAX_STACK + 1; i++)
		addresses[count++] = drop->stack[i];
	kernel_symbols(names, addresses, count, frames);
	drop_stack_read(frames, count, drop);
}

const char *kernel_names_gap(const struct kernel_names *names)
{
	if (names->symbols_hidden)
		return "function names are hidden: /proc/kallsyms shows no addresses "
		       "(kernel.kptr_restrict, or CAP_SYSLOG is missing)";
	if (names->reasons_read && names->no_reasons)
		return "this kernel gives no drop reasons: they are derived from the freeing "
		       "function";
	return NULL;
}
