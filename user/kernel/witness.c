/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/witness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/text.h"
#include "kernel/probe_list.h"
#include "kernel/release.h"
#include "kernel/witness_way.h"

#define MODULES_MAX 10
#define THREADS 4
#define PROGRAMS_MAX 32

struct module_types {
	char name[32];
	struct btf *btf;
	int fd; /* for programs that attach to its functions */
};

/* The programs of a row of style WITNESS_RECORD, the tracer's; two rows may have the same. */
struct recorder {
	const char *way; /* NULL: they are not loaded, for: */
	int entry; /* a descriptor, or a negative errno */
	int at_return;
};

struct witnesses {
	struct witness_options options;
	struct witness_ways ways;
	struct witness_layout layout;
	struct witness_resolved rows[WITNESS_ROWS];
	int resolved[WITNESS_ROWS]; /* 0 or the negative errno of witness_resolve */
	struct witness_links links[WITNESS_ROWS];
	struct module_types modules[MODULES_MAX];
	size_t module_count;
	struct probe_state states[WITNESS_ROWS];
	size_t first[WITNESS_ROWS]; /* row of each name */
	size_t state_count;
	struct witness_programs programs;
	struct recorder recorders[WITNESS_ROWS];
	uint32_t programs_watched[PROGRAMS_MAX]; /* ids */
	int program_links[PROGRAMS_MAX];
	size_t watched, program_link_count;
	bool learnt;
	atomic_size_t next; /* name to attach */
	pthread_t threads[THREADS];
	size_t thread_count;
};

struct witnesses *witnesses_new(const struct witness_options *options)
{
	struct witnesses *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->options = *options;
	for (size_t i = 0; i < witness_row_count; i++) {
		struct probe_state *state = &w->states[w->state_count];

		w->recorders[i].entry = -ENOENT;
		if (i && !strcmp(witness_rows[i].name, witness_rows[i - 1].name))
			continue;
		w->first[w->state_count] = i;
		text_copy(state->name, sizeof(state->name), witness_rows[i].name);
		text_copy(state->state, sizeof(state->state), "missing");
		state->witness = witness_rows[i].why;
		w->state_count++;
	}
	return w;
}

static bool module_wanted(const char *name)
{
	for (size_t i = 0; i < witness_row_count; i++) {
		if (witness_rows[i].module && !strcmp(witness_rows[i].module, name))
			return true;
	}
	return false;
}

/* Types of the loaded modules the table speaks of: their descriptors, and what is in them. */
static void modules_learn(struct witnesses *w, struct witness_types *types,
			  const struct btf *kernel)
{
	uint32_t id = 0;

	while (!bpf_btf_get_next_id(id, &id) && w->module_count < MODULES_MAX) {
		struct module_types *module = &w->modules[w->module_count];
		int fd = bpf_btf_get_fd_by_id(id);
		struct bpf_btf_info info = {.name = (uint64_t)(uintptr_t)module->name,
					    .name_len = sizeof(module->name)};
		uint32_t size = sizeof(info);
		char path[80];

		if (fd < 0)
			continue;
		module->name[0] = '\0';
		if (bpf_obj_get_info_by_fd(fd, &info, &size) || !info.kernel_btf ||
		    !module_wanted(module->name)) {
			close(fd);
			continue;
		}
		snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module->name);
		module->btf = btf__parse_split(path, (struct btf *)kernel);
		if (libbpf_get_error(module->btf)) {
			module->btf = NULL;
			close(fd);
			continue;
		}
		module->fd = fd;
		w->module_count++;
		witness_types_module(types, module->name, module->btf);
	}
}

static int function_to_try(const struct witness_types *types)
{
	struct witness_resolved first;

	return witness_resolve(types, &witness_rows[0], false, &first) ? 0 : first.btf_id;
}

void witnesses_learn(struct witnesses *w, const struct btf *kernel)
{
	bool needed_only = !probe_list_names_witnesses(w->options.allowed);
	struct witness_types *types = witness_types_new(kernel);

	if (!types)
		return;
	witness_ways_try(&w->ways, function_to_try(types));
	if (!w->ways.fentry || w->ways.kprobe_type >= 0)
		modules_learn(w, types, kernel);
	if (!witness_layout_resolve(types, &w->layout)) {
		for (size_t i = 0; i < witness_row_count; i++) {
			w->resolved[i] =
				witness_resolve(types, &witness_rows[i], needed_only, &w->rows[i]);
			if (w->rows[i].module) /* the types' own copy of the name goes */
				w->rows[i].module = witness_rows[i].module;
		}
		w->learnt = true;
	}
	witness_types_free(types);
	for (size_t i = 0; i < w->module_count; i++) {
		btf__free(w->modules[i].btf);
		w->modules[i].btf = NULL;
	}
}

/* Nobody asked for it, and there is nothing that it could speak of: why, or NULL. */
static const char *row_idle(const struct witnesses *w, const struct witness_row *row)
{
	if (probe_list_names_witnesses(w->options.allowed))
		return NULL;
	if (row->serves == WITNESS_SERVES_IPV6 && w->options.no_ipv6)
		return "not needed: this node has no IPv6 address beyond its links";
	if (row->serves == WITNESS_SERVES_XDP && w->options.no_xdp)
		return "not needed: no XDP program is loaded";
	return NULL;
}

static bool row_by(const struct witnesses *w, size_t i, const char *way)
{
	const struct witness_row *row = &witness_rows[i];

	if (!w->learnt || w->resolved[i] ||
	    !probe_list_allows_witness(w->options.allowed, row->name, way))
		return false;
	if (row_idle(w, row) || (row->by_task && !w->options.sends))
		return false;
	if (row->of_programs)
		return !strcmp(way, "fentry") && !w->ways.fentry;
	if (!strcmp(way, "raw_tp"))
		return !row->function;
	if (!row->function)
		return false;
	if (!strcmp(way, "fentry"))
		return !w->ways.fentry && w->rows[i].btf_id;
	return w->ways.kprobe_type >= 0;
}

static bool row_possible(const struct witnesses *w, size_t i)
{
	return row_by(w, i, "raw_tp") || row_by(w, i, "fentry") || row_by(w, i, "kprobe");
}

bool witnesses_load(struct witnesses *w, int counters_fd)
{
	struct witness_probe probes[WITNESS_ROWS] = {};
	bool any = false;

	for (size_t i = 0; i < witness_row_count; i++) {
		probes[i] = w->rows[i].probe;
		any |= row_possible(w, i);
	}
	return any && !witness_programs_open(&w->programs, probes, &w->layout, counters_fd);
}

static size_t recorder_row(enum witness_what what)
{
	size_t i = 0;

	while (witness_rows[i].what != what)
		i++;
	return i;
}

const struct witness_resolved *witnesses_recorder(const struct witnesses *w, enum witness_what what,
						  const char *way)
{
	size_t i = recorder_row(what);
	const struct witness_probe *probe = &w->rows[i].probe;

	if (!row_by(w, i, way) || probe->skb.arg >= WITNESS_ARGS ||
	    probe->value[0].arg >= WITNESS_ARGS)
		return NULL;
	return &w->rows[i];
}

void witnesses_recorder_take(struct witnesses *w, enum witness_what what, const char *way,
			     int entry, int at_return)
{
	w->recorders[recorder_row(what)] =
		(struct recorder){entry < 0 ? NULL : way, entry, at_return};
}

/* Is another row attached that has the same programs? */
static bool recorder_is_shared(const struct witnesses *w, size_t row)
{
	for (size_t i = 0; i < witness_row_count; i++) {
		if (i != row && w->links[i].count && w->recorders[i].way &&
		    w->recorders[i].entry == w->recorders[row].entry)
			return true;
	}
	return false;
}

static int recorder_attach(struct witnesses *w, size_t i, const char *way,
			   struct witness_links *links)
{
	const struct recorder *recorder = &w->recorders[i];
	const struct witness_row *row = &witness_rows[i];
	int err;

	if (!recorder->way)
		return recorder->entry;
	if (strcmp(recorder->way, way) != 0)
		return -EOPNOTSUPP;
	if (recorder_is_shared(w, i))
		return 0;
	err = witness_attach_loaded(&w->ways, row, way, false, recorder->entry, links);
	if (!err)
		err = witness_attach_loaded(&w->ways, row, way, true, recorder->at_return, links);
	if (err)
		witness_links_close(links);
	return err;
}

void witnesses_frames(const struct witnesses *w, struct witness_probe frames[WITNESS_FRAMES])
{
	memset(frames, 0, WITNESS_FRAMES * sizeof(*frames));
	for (size_t i = 0; i < witness_row_count; i++) {
		const struct witness_probe *probe = &w->rows[i].probe;

		if (row_possible(w, i) && probe->style == WITNESS_FRAME &&
		    !frames[probe->frame].what)
			frames[probe->frame] = *probe;
	}
}

const struct witness_layout *witnesses_layout(const struct witnesses *w)
{
	return &w->layout;
}

struct bpf_map *witnesses_hints(const struct witnesses *w)
{
	return witness_hints_map(&w->programs);
}

struct bpf_map *witnesses_calls(const struct witnesses *w)
{
	return witness_calls_map(&w->programs);
}

static int module_fd(const struct witnesses *w, const char *name)
{
	for (size_t i = 0; name && i < w->module_count; i++) {
		if (!strcmp(w->modules[i].name, name))
			return w->modules[i].fd;
	}
	return 0;
}

static void reason_add(struct probe_state *state, const char *way, const char *reason)
{
	if (strstr(state->why, reason))
		return;
	text_append(state->why, sizeof(state->why), "%s%s%s%s", state->why[0] ? "; " : "", way,
		    *way ? ": " : "", reason);
}

static const char *attach_error(int err)
{
	switch (err) {
	case -ENOENT:
	case -EADDRNOTAVAIL:
		return "no such function: inlined, renamed by the compiler, or its module is not "
		       "loaded";
	case -524: /* ENOTSUPP */
		return "it has more parameters than this kernel traces";
	}
	return strerror(-err);
}

static void resolve_reason(const struct witnesses *w, size_t i, struct probe_state *state)
{
	const struct witness_row *row = &witness_rows[i];
	char text[120];

	switch (w->learnt ? w->resolved[i] : -ENODATA) {
	case -EALREADY:
		text_copy(state->state, sizeof(state->state), "off");
		snprintf(text, sizeof(text), "not needed: the kernel's reason %s says as much",
			 row->known_by);
		reason_add(state, "", text);
		break;
	case -ENOENT:
		if (row->function)
			snprintf(text, sizeof(text), "no types of %s: %s%s", row->function,
				 row->module ? "no BTF of module " : "not in this kernel",
				 row->module ? row->module : "");
		else
			snprintf(text, sizeof(text), "no tracepoint %s as needed", row->tracepoint);
		reason_add(state, "", text);
		break;
	case -ENODATA:
		reason_add(state, "", "no BTF of the running kernel");
		break;
	default:
		snprintf(text, sizeof(text), "%s has other parameters here",
			 row->function ? row->function : row->tracepoint);
		reason_add(state, "", text);
	}
}

static size_t programs_row(void)
{
	size_t i = 0;

	while (!witness_rows[i].of_programs)
		i++;
	return i;
}

bool witnesses_watch_programs(const struct witnesses *w)
{
	return row_by(w, programs_row(), "fentry");
}

void witnesses_watch_program(struct witnesses *w, uint32_t id)
{
	for (size_t i = 0; i < w->watched; i++) {
		if (w->programs_watched[i] == id)
			return;
	}
	if (w->watched < PROGRAMS_MAX)
		w->programs_watched[w->watched++] = id;
}

/* To each that can be; `state` says of the others why not. 0, or the negative errno of the last when there is none. */
static int programs_attach(struct witnesses *w, size_t row, struct probe_state *state)
{
	int last = -ENOLINK;
	char text[80];

	for (size_t i = 0; i < w->watched; i++) {
		int link = witness_attach_program(&w->programs, row, w->programs_watched[i]);

		if (link >= 0) {
			w->program_links[w->program_link_count++] = link;
			continue;
		}
		last = link;
		snprintf(text, sizeof(text), "not program %u: %s", w->programs_watched[i],
			 link == -ENODATA ? "it was loaded without its types (BTF)"
					  : strerror(-link));
		reason_add(state, "", text);
	}
	return w->program_link_count ? 0 : last;
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static bool row_attach_by(struct witnesses *w, size_t i, const char *way, struct probe_state *state)
{
	const struct witness_row *row = &witness_rows[i];
	struct witness_links *links = &w->links[i];
	uint64_t before = clock_now();
	int err;

	if (!row_by(w, i, way))
		return false;
	if (row->style == WITNESS_RECORD)
		err = recorder_attach(w, i, way, links);
	else if (!strcmp(way, "raw_tp"))
		err = witness_attach_raw_tp(&w->programs, row, i, links);
	else if (!strcmp(way, "fentry"))
		err = witness_attach_fentry(&w->programs, &w->rows[i], i,
					    module_fd(w, w->rows[i].module), links);
	else
		err = witness_attach_kprobe(&w->programs, &w->ways, row, i, links);
	if (getenv("CNITRACE_DEBUG"))
		fprintf(stderr, "witness %s by %s: %s, %llu us\n", row->name, way,
			err ? strerror(-err) : "attached",
			(unsigned long long)(clock_now() - before) / 1000);
	if (err) {
		reason_add(state, way, attach_error(err));
		return false;
	}
	text_copy(state->way, sizeof(state->way), way);
	text_copy(state->state, sizeof(state->state), "attached");
	state->why[0] = '\0';
	state->witness = row->why;
	return true;
}

/* Why a function has no way here: what the kernel as a whole does not allow. */
static void ways_reason(const struct witnesses *w, const struct witness_row *row,
			struct probe_state *state)
{
	bool fentry = probe_list_allows_witness(w->options.allowed, row->name, "fentry");
	bool kprobe = probe_list_allows_witness(w->options.allowed, row->name, "kprobe");
	const char *idle = row_idle(w, row);

	if (idle) {
		text_copy(state->state, sizeof(state->state), "off");
		reason_add(state, "", idle);
		return;
	}
	if (row->by_task && !w->options.sends) {
		text_copy(state->state, sizeof(state->state), "off");
		reason_add(state, "", "of use only where one namespace's sends are watched");
		return;
	}
	if (!row->function || (!fentry && !kprobe)) {
		if (!probe_list_allows_witness(w->options.allowed, row->name, "raw_tp") ||
		    row->function) {
			text_copy(state->state, sizeof(state->state), "off");
			reason_add(state, "", "left out by --probes");
		}
		return;
	}
	if (fentry && w->ways.fentry)
		reason_add(state, "fentry", strerror(-w->ways.fentry));
	else if (fentry && !w->rows[row - witness_rows].btf_id)
		reason_add(state, "fentry", "no BTF of its module");
	if (kprobe && w->ways.kprobe_type < 0)
		reason_add(state, "kprobe", "this kernel has none");
}

static void programs_name_attach(struct witnesses *w, size_t row, struct probe_state *state)
{
	if (!probe_list_allows_witness(w->options.allowed, witness_rows[row].name, "fentry")) {
		text_copy(state->state, sizeof(state->state), "off");
		reason_add(state, "", "left out by --probes");
	} else if (!w->learnt) {
		resolve_reason(w, row, state);
	} else if (w->ways.fentry) {
		reason_add(state, "fentry", strerror(-w->ways.fentry));
	} else if (!w->watched) {
		text_copy(state->state, sizeof(state->state), "off");
		reason_add(state, "", "no other tc program is on the traced devices");
	} else if (!programs_attach(w, row, state)) {
		text_copy(state->way, sizeof(state->way), "fentry");
		text_copy(state->state, sizeof(state->state), "attached");
	}
}

static void name_attach(struct witnesses *w, size_t first, struct probe_state *state)
{
	static const char *const ways[] = {"raw_tp", "fentry", "kprobe"};

	if (witness_rows[first].of_programs) {
		programs_name_attach(w, first, state);
		return;
	}

	for (size_t i = first; i < witness_row_count; i++) {
		const struct witness_row *row = &witness_rows[i];

		if (strcmp(row->name, witness_rows[first].name) != 0)
			break;
		bool last = i + 1 == witness_row_count ||
			    strcmp(witness_rows[i + 1].name, row->name) != 0;

		if (!w->learnt || w->resolved[i]) {
			if (last)
				resolve_reason(w, i, state);
			continue;
		}
		for (size_t k = 0; k < 3; k++) {
			if (row_attach_by(w, i, ways[k], state))
				return;
		}
		ways_reason(w, row, state);
	}
}

/* It needs what is known only when all else is loaded: a program of the tracer's, or the devices. */
static bool name_waits(size_t first)
{
	return witness_rows[first].style == WITNESS_RECORD || witness_rows[first].of_programs;
}

/* One of several threads: the kernel waits for grace periods at each witness, and can at several at once. */
static void *names_attach(void *argument)
{
	struct witnesses *w = argument;
	size_t next;

	while ((next = atomic_fetch_add(&w->next, 1)) < w->state_count) {
		if (!name_waits(w->first[next]))
			name_attach(w, w->first[next], &w->states[next]);
	}
	return NULL;
}

void witnesses_attach_begin(struct witnesses *w)
{
	/* raw tracepoints alone are not worth it */
	while (w->thread_count < THREADS && (!w->ways.fentry || w->ways.kprobe_type >= 0) &&
	       w->learnt && !pthread_create(&w->threads[w->thread_count], NULL, names_attach, w))
		w->thread_count++;
}

static void threads_join(struct witnesses *w)
{
	while (w->thread_count)
		pthread_join(w->threads[--w->thread_count], NULL);
}

void witnesses_attach(struct witnesses *w)
{
	names_attach(w);
	threads_join(w);
	for (size_t i = 0; i < w->state_count; i++) {
		if (name_waits(w->first[i]))
			name_attach(w, w->first[i], &w->states[i]);
	}
	for (size_t i = 0; i < w->module_count; i++)
		close(w->modules[i].fd);
	w->module_count = 0;
}

void witnesses_give_up(struct witnesses *w, const char *why)
{
	atomic_store(&w->next, w->state_count);
	threads_join(w);
	witnesses_detach(w);
	for (size_t i = 0; i < w->state_count; i++) {
		struct probe_state *state = &w->states[i];

		state->way[0] = '\0';
		text_copy(state->state, sizeof(state->state), "missing");
		text_copy(state->why, sizeof(state->why), why);
	}
}

void witnesses_detach(struct witnesses *w)
{
	int fds[WITNESS_ROWS * WITNESS_LINKS + PROGRAMS_MAX];
	size_t count = 0;

	while (w->program_link_count)
		fds[count++] = w->program_links[--w->program_link_count];

	for (size_t i = 0; i < witness_row_count; i++) {
		for (int k = 0; k < w->links[i].count; k++)
			fds[count++] = w->links[i].fds[k];
		w->links[i].count = 0;
	}
	release_later(fds, count);
}

const struct probe_state *witnesses_states(const struct witnesses *w, size_t *count)
{
	*count = w->state_count;
	return w->states;
}

void witnesses_free(struct witnesses *w)
{
	if (!w)
		return;
	atomic_store(&w->next, w->state_count);
	threads_join(w);
	witnesses_detach(w);
	for (size_t i = 0; i < w->module_count; i++)
		close(w->modules[i].fd);
	witness_programs_close(&w->programs);
	free(w);
}
