/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* A function of the kernel; its name lies in kernel_names.text. */
struct kept_symbol {
	uint64_t address;
	uint32_t name;
};

#define KEEP_AGAIN_SECONDS 60
#define FUNCTION_SIZE_MAX (1u << 20) /* what lies further behind a symbol is not of it */

struct kernel_names {
	bool reasons_read, symbols_hidden, no_reasons;
	bool keep;
	time_t kept_at;
	ARRAY(struct kept_symbol) kept; /* by address */
	ARRAY(char) text;
	ARRAY(struct reason_name) reasons;
	ARRAY(struct symbol_name *) symbols;
	const char *types; /* NULL: the kernel's own file */
};

struct kernel_names *kernel_names_new(void)
{
	return calloc(1, sizeof(struct kernel_names));
}

void kernel_names_types(struct kernel_names *names, const char *types)
{
	names->types = types;
}

void kernel_names_free(struct kernel_names *names)
{
	if (!names)
		return;
	array_each(symbol, &names->symbols)
		free(*symbol);
	array_free(&names->symbols);
	array_free(&names->reasons);
	array_free(&names->kept);
	array_free(&names->text);
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
	struct btf *btf = names->types ? btf__parse(names->types, NULL) : NULL;

	if (!names->types || libbpf_get_error(btf))
		btf = btf__load_vmlinux_btf();
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

bool kernel_reason_known(struct kernel_names *names, const char *pattern)
{
	if (!names->reasons_read)
		reasons_read(names);
	if (text_glob(pattern, "NOT_SPECIFIED"))
		return true;
	array_each(known, &names->reasons) {
		if (text_glob(pattern, known->name))
			return true;
	}
	return false;
}

void kernel_reasons_mark(struct kernel_names *names,
			 bool (*wanted)(const void *context, const char *name), const void *context,
			 uint32_t *bits, uint32_t count)
{
	if (!names->reasons_read)
		reasons_read(names);
	if (wanted(context, ""))
		bits[0] |= 1; /* kernels without reasons give 0 */
	array_each(known, &names->reasons) {
		if (known->value < count && wanted(context, kernel_reason(names, known->value)))
			bits[known->value / 32] |= 1u << known->value % 32;
	}
}

static struct symbol_name *symbol_known(struct kernel_names *names, uint64_t address)
{
	array_each(symbol, &names->symbols) {
		if ((*symbol)->address == address)
			return *symbol;
	}
	return NULL;
}

void kernel_names_keep(struct kernel_names *names)
{
	names->keep = true;
}

void kernel_names_rest(struct kernel_names *names)
{
	array_free(&names->kept);
	array_free(&names->text);
	names->kept_at = 0;
}

static int kept_compare(const void *left, const void *right)
{
	const struct kept_symbol *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* A line of kallsyms: "address type name [module]". False when it is no function. */
static bool symbol_line(char *line, uint64_t *address, char **name)
{
	char *at = line;

	/* There are some 150 000 lines. */
	for (*address = 0; isxdigit((unsigned char)*at); at++)
		*address = *address << 4 | (*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
	if (!*address || at[0] != ' ' || !at[1] || at[2] != ' ' || !strchr("tTwW", at[1]))
		return false;
	*name = at + 3;
	(*name)[strcspn(*name, "\t \n")] = '\0';
	return true;
}

static bool text_keep(struct kernel_names *names, const char *text, uint32_t *offset)
{
	*offset = names->text.count;
	do {
		char *slot = array_push(&names->text);

		if (!slot)
			return false;
		*slot = *text;
	} while (*text++);
	return true;
}

static void symbols_keep(struct kernel_names *names)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], *name;
	uint64_t address;

	names->kept_at = time(NULL);
	names->kept.count = names->text.count = 0;
	while (file && fgets(line, sizeof(line), file)) {
		struct kept_symbol *kept;
		uint32_t offset;

		if (!symbol_line(line, &address, &name) || !text_keep(names, name, &offset))
			continue;
		kept = array_push(&names->kept);
		if (!kept)
			break;
		kept->address = address;
		kept->name = offset;
	}
	if (file)
		fclose(file);
	names->symbols_hidden = names->kept.count == 0;
	if (names->kept.count)
		qsort(names->kept.items, names->kept.count, sizeof(names->kept.items[0]),
		      kept_compare);
}

static bool symbol_kept(const struct kernel_names *names, struct symbol_name *wanted)
{
	size_t low = 0, high = names->kept.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (names->kept.items[middle].address <= wanted->address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || wanted->address - names->kept.items[low - 1].address > FUNCTION_SIZE_MAX)
		return false;
	text_copy(wanted->name, sizeof(wanted->name),
		  names->text.items + names->kept.items[low - 1].name);
	return true;
}

static void symbols_look_up(struct kernel_names *names, struct symbol_name **wanted, size_t count)
{
	bool missing = !names->kept_at;

	for (size_t i = 0; i < count && !missing; i++)
		missing = !symbol_kept(names, wanted[i]);
	if (!missing || (names->kept_at && time(NULL) < names->kept_at + KEEP_AGAIN_SECONDS))
		return;
	symbols_keep(names);
	for (size_t i = 0; i < count; i++)
		symbol_kept(names, wanted[i]);
}

/* Gives the symbol's name to every wanted address from it up to the next symbol, unless a nearer one is known. */
static void symbol_offer(struct symbol_name **wanted, uint64_t *best, size_t count,
			 uint64_t address, const char *name, uint64_t next)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t at = wanted[i]->address;

		/* Modules are not in order: where addresses step back, the symbol may reach anywhere. */
		if (at < address || (at >= next && next > address) || address <= best[i])
			continue;
		best[i] = address;
		text_copy(wanted[i]->name, sizeof(wanted[i]->name), name);
	}
}

/*
 * One pass over kallsyms: for each wanted address the nearest symbol at or below it. Nearly all lines come in the
 * order of their addresses, so a name is copied only when the next line is beyond a wanted address.
 */
static void symbols_scan(struct kernel_names *names, struct symbol_name **wanted, size_t count)
{
	uint64_t best[RECORD_MAX_STACK + 1] = {}, address, previous = 0;
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], before[512] = "", *name;

	if (!file) {
		names->symbols_hidden = true;
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		/* of several names at one address the first stays */
		if (!symbol_line(line, &address, &name) || address == previous)
			continue;
		if (previous)
			symbol_offer(wanted, best, count, previous, before, address);
		previous = address;
		strcpy(before, name);
	}
	if (previous)
		symbol_offer(wanted, best, count, previous, before, 0);
	fclose(file);
	names->symbols_hidden = !previous;
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
	if (!missing)
		return;
	/* The kernel takes tens of milliseconds to write them all: who asks a second time will ask a third. */
	if (names->keep) {
		symbols_look_up(names, wanted, missing);
	} else {
		symbols_scan(names, wanted, missing);
		names->keep = true;
	}
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
