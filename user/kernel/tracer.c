/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/tracer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/text.h"
#include "bpf/drop.skel.h"
#include "bpf/listen.skel.h"
#include "bpf/refuse.skel.h"
#include "kernel/hops.h"
#include "kernel/load.h"
#include "kernel/probe_list.h"
#include "kernel/witness.h"
#include "kernel/witness_btf.h"

#define OWN_PROBES 5 /* tc, netif_receive_skb, net_dev_queue, kfree_skb, sys_exit */
#define HINTS_UNUSED 64 /* room in a map that nobody fills */
#define SHARE_QUIET_NS 20000000ull

struct tracer {
	struct tracer_config config;
	struct hops *hops;
	struct drop_bpf *drop;
	struct refuse_bpf *refuse;
	struct listen_bpf *listen;
	struct ring_buffer *ring;
	struct load load;
	int drop_link, refuse_link;
	struct witnesses *witnesses;
	bool witnessed; /* the witnesses' templates are loaded */
	struct probe_state probes[OWN_PROBES + WITNESS_ROWS];
	size_t probe_count;
	struct probe_state *drop_state, *refuse_state; /* of `probes` */
	const char *allowed;
	tracer_record record;
	void *record_context;
	size_t ring_bytes;
	uint64_t restored_ns, taken_bytes; /* when the share was last given back, and read since */
};

static struct probe_state *probe_add(struct tracer *t, const char *name)
{
	struct probe_state *p = &t->probes[t->probe_count++];

	text_copy(p->name, sizeof(p->name), name);
	text_copy(p->state, sizeof(p->state), "missing");
	return p;
}

static void probe_attached(struct probe_state *p, const char *way)
{
	text_copy(p->way, sizeof(p->way), way);
	text_copy(p->state, sizeof(p->state), "attached");
	p->why[0] = '\0';
}

static bool probe_allowed(const struct tracer *t, const char *name, const char *way)
{
	return probe_list_allows(t->allowed, name, way);
}

static int hops_load(struct tracer *t, const struct tracer_options *o, struct error *error)
{
	struct hops_options options = {
		.config = &t->config,
		.allowed = t->allowed,
		.ring_bytes = t->ring_bytes,
		.types = load_types(&t->load),
		.many = o->devices > HOP_PLAN_TC_DEVICES,
	};

	options.tc = probe_add(t, "tc");
	options.in = probe_add(t, "netif_receive_skb");
	options.out = probe_add(t, "net_dev_queue");
	return hops_open(&options, &t->hops, error);
}

/* Drops carry what witnesses said: their maps, and the calls the program is to look at. */
static void drop_hears_witnesses(struct tracer *t)
{
	struct drop_bpf *drop = t->drop;

	if (!t->witnessed) {
		bpf_map__set_max_entries(drop->maps.witness_hints, HINTS_UNUSED);
		return;
	}
	drop->rodata->witness_active = 1;
	memcpy((void *)&drop->rodata->witness_layout, witnesses_layout(t->witnesses),
	       sizeof(drop->rodata->witness_layout));
	witnesses_frames(t->witnesses, (struct witness_probe *)drop->rodata->witness_frames);
	bpf_map__reuse_fd(drop->maps.witness_hints, bpf_map__fd(witnesses_hints(t->witnesses)));
	bpf_map__reuse_fd(drop->maps.witness_calls, bpf_map__fd(witnesses_calls(t->witnesses)));
}

static void refuse_hears_witnesses(struct tracer *t)
{
	struct refuse_bpf *refuse = t->refuse;

	if (!t->witnessed) {
		bpf_map__set_max_entries(refuse->maps.witness_hints, HINTS_UNUSED);
		return;
	}
	refuse->rodata->witness_active = 1;
	bpf_map__reuse_fd(refuse->maps.witness_hints, bpf_map__fd(witnesses_hints(t->witnesses)));
	bpf_map__reuse_fd(refuse->maps.witness_calls, bpf_map__fd(witnesses_calls(t->witnesses)));
}

/* Loads the drop object with one of its two programs. */
static int drop_load_one(struct tracer *t, const struct tracer_config *config, bool btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = load_types(&t->load));
	int err;

	t->drop = drop_bpf__open_opts(&open);
	if (!t->drop)
		return -errno;
	memcpy((void *)&t->drop->rodata->config, config, sizeof(*config));
	hops_share(t->hops, t->drop->obj);
	drop_hears_witnesses(t);
	bpf_program__set_autoload(t->drop->progs.cnitrace_drop, btf);
	bpf_program__set_autoload(t->drop->progs.cnitrace_drop_raw, !btf);
	err = drop_bpf__load(t->drop);
	if (err) {
		drop_bpf__destroy(t->drop);
		t->drop = NULL;
	}
	return err;
}

static void drop_load(struct tracer *t, struct tracer_config *config)
{
	struct probe_state *p = t->drop_state = probe_add(t, "kfree_skb");
	int args = load_tracepoint_args(&t->load, "kfree_skb"), err = -ENOENT;

	if (args < 2) {
		snprintf(p->why, sizeof(p->why), "no BTF of the running kernel (%s)",
			 "/sys/kernel/btf/vmlinux");
		return;
	}
	config->kfree_skb_args = args > 4 ? 4 : args;
	if (probe_allowed(t, "kfree_skb", "tp_btf")) {
		err = drop_load_one(t, config, true);
		if (!err)
			text_copy(p->way, sizeof(p->way), "tp_btf");
	}
	if (err && probe_allowed(t, "kfree_skb", "raw_tp")) {
		err = drop_load_one(t, config, false);
		if (!err)
			text_copy(p->way, sizeof(p->way), "raw_tp");
	}
	if (!t->drop)
		snprintf(p->why, sizeof(p->why), "%s",
			 err == -ENOENT ? "left out by --probes" : strerror(-err));
}

/* What a listener does not take: two witnesses, by the same programs. */
static const enum witness_what listen_whats[] = {WITNESS_LISTEN, WITNESS_SYN_QUEUE};

#define LISTEN_WHATS 2

/* Loads the programs that ask what `functions` (NULL: not) names, by one way. 0 or a negative errno. */
static int listen_load_by(struct tracer *t, const struct tracer_config *config,
			  const struct witness_resolved *const functions[LISTEN_WHATS], bool fentry)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = load_types(&t->load));
	const struct witness_resolved *function = functions[functions[0] ? 0 : 1];
	struct listen_bpf *listen = listen_bpf__open_opts(&open);
	struct bpf_program *entry, *end;
	int err;

	if (!listen)
		return -errno;
	entry = fentry ? listen->progs.cnitrace_listen : listen->progs.cnitrace_listen_kprobe;
	end = fentry ? listen->progs.cnitrace_listen_end : listen->progs.cnitrace_listen_kretprobe;
	t->load.function_id = function->btf_id;
	memcpy((void *)&listen->rodata->config, config, sizeof(*config));
	listen->rodata->listen_skb = function->probe.skb.arg;
	listen->rodata->listen_sk = function->probe.value[0].arg;
	listen->rodata->listen_accept = functions[0] != NULL;
	listen->rodata->listen_syn = functions[1] != NULL;
	hops_share(t->hops, listen->obj);
	bpf_map__reuse_fd(listen->maps.scope, bpf_map__fd(t->drop->maps.scope));
	bpf_program__set_autoload(listen->progs.cnitrace_listen, fentry);
	bpf_program__set_autoload(listen->progs.cnitrace_listen_end, fentry);
	bpf_program__set_autoload(listen->progs.cnitrace_listen_kprobe, !fentry);
	bpf_program__set_autoload(listen->progs.cnitrace_listen_kretprobe, !fentry);
	err = listen_bpf__load(listen);
	for (size_t i = 0; i < LISTEN_WHATS; i++) {
		if (functions[i])
			witnesses_recorder_take(t->witnesses, listen_whats[i],
						fentry ? "fentry" : "kprobe",
						err ? err : bpf_program__fd(entry),
						err ? err : bpf_program__fd(end));
	}
	if (err)
		listen_bpf__destroy(listen);
	else
		t->listen = listen;
	return err;
}

/* These witnesses write records of their own, so they are loaded as the tracer's own programs are. */
static void listen_load(struct tracer *t, const struct tracer_config *config)
{
	static const char *const ways[] = {"fentry", "kprobe"};

	for (size_t i = 0; i < 2 && t->drop; i++) {
		const struct witness_resolved *functions[LISTEN_WHATS];

		for (size_t k = 0; k < LISTEN_WHATS; k++)
			functions[k] = witnesses_recorder(t->witnesses, listen_whats[k], ways[i]);
		if ((functions[0] || functions[1]) && !listen_load_by(t, config, functions, i == 0))
			return;
	}
}

static void refuse_load(struct tracer *t, const struct tracer_config *config)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = load_types(&t->load));
	struct probe_state *p = t->refuse_state = probe_add(t, "sys_exit");
	int err;

	if (!probe_allowed(t, "sys_exit", "raw_tp")) {
		text_copy(p->why, sizeof(p->why), "left out by --probes");
		return;
	}
	t->refuse = refuse_bpf__open_opts(&open);
	if (!t->refuse)
		return;
	memcpy((void *)&t->refuse->rodata->config, config, sizeof(*config));
	hops_share(t->hops, t->refuse->obj);
	refuse_hears_witnesses(t);
	err = refuse_bpf__load(t->refuse);
	if (err) {
		snprintf(p->why, sizeof(p->why), "%s", strerror(-err));
		refuse_bpf__destroy(t->refuse);
		t->refuse = NULL;
	}
}

static void types_learn(void *context, const struct btf *kernel)
{
	struct tracer *t = context;

	/* without the drop program nobody would hear them */
	if (probe_allowed(t, "kfree_skb", "tp_btf") || probe_allowed(t, "kfree_skb", "raw_tp"))
		witnesses_learn(t->witnesses, kernel);
}

static int map_fd(const struct tracer *t, const char *name)
{
	return bpf_map__fd(hops_map(t->hops, name));
}

static int ring_record(void *context, void *bytes, size_t size)
{
	struct tracer *t = context;

	t->taken_bytes += size;
	return t->record(t->record_context, bytes, size);
}

/* What the programs are told of the filter and the ring. */
static void config_complete(struct tracer *t, const struct filter *filter)
{
	struct tracer_config *config = &t->config;

	config->wake_bytes = t->ring_bytes / 8;
	config->has_expression = filter != NULL;
	config->expression_is_ether = filter && filter_is_ether(filter);
	config->filter_reach = filter ? filter_reach(filter) : 0;
	config->filter_asks_len = filter && filter_asks_len(filter);
}

int tracer_open(const struct tracer_options *o, struct tracer **out, struct error *error)
{
	struct tracer *t = calloc(1, sizeof(*t));
	struct witness_options wanted = {
		.allowed = o->probes, .no_ipv6 = o->no_ipv6, .no_xdp = o->no_xdp};
	int err;

	*out = NULL;
	if (!t)
		return error_set(error, -ENOMEM, "out of memory");
	t->drop_link = t->refuse_link = -1;
	t->allowed = o->probes;
	t->config = o->config;
	t->ring_bytes = o->ring_bytes ? o->ring_bytes : TRACER_RING_DEFAULT;
	config_complete(t, o->filter);
	wanted.sends = o->refusals && probe_allowed(t, "sys_exit", "raw_tp");
	t->witnesses = witnesses_new(&wanted);
	if (!t->witnesses) {
		tracer_close(t);
		return error_set(error, -ENOMEM, "out of memory");
	}
	load_begin(&t->load,
		   &(struct load_options){.filter = o->filter, .learn = types_learn, .context = t});
	err = hops_load(t, o, error);
	if (!err) {
		t->witnessed = witnesses_load(t->witnesses, map_fd(t, "counters"));
		if (t->witnessed)
			witnesses_attach_begin(t->witnesses);
		drop_load(t, &t->config);
		listen_load(t, &t->config);
		if (o->refusals)
			refuse_load(t, &t->config);
		t->ring = ring_buffer__new(map_fd(t, "ring"), ring_record, t, NULL);
		if (!t->ring)
			err = error_set(error, -errno, "the ring buffer could not be mapped: %s",
					strerror(errno));
	}
	if (err) {
		tracer_close(t);
		return err;
	}
	*out = t;
	return 0;
}

const char *tracer_types(const struct tracer *t)
{
	return load_types(&t->load);
}

int tracer_add_namespace(struct tracer *t, uint32_t netns)
{
	uint8_t one = 1;

	if (!t->drop)
		return 0;
	return bpf_map_update_elem(bpf_map__fd(t->drop->maps.scope), &netns, &one, BPF_ANY);
}

int tracer_attach_device(struct tracer *t, const struct hop_device *device, struct error *error)
{
	return hops_add_device(t->hops, device, error);
}

void tracer_try_hops(struct tracer *t)
{
	hops_try(t->hops);
}

void tracer_add_entrance(struct tracer *t, uint32_t ifindex)
{
	hops_add_entrance(t->hops, ifindex);
}

void tracer_forget_device(struct tracer *t, uint32_t ifindex)
{
	hops_forget_device(t->hops, ifindex);
}

bool tracer_watches_programs(const struct tracer *t)
{
	return t->drop && t->witnessed && witnesses_watch_programs(t->witnesses);
}

void tracer_watch_program(struct tracer *t, uint32_t id)
{
	witnesses_watch_program(t->witnesses, id);
}

static void witness_states_take(struct tracer *t)
{
	size_t count;
	const struct probe_state *states = witnesses_states(t->witnesses, &count);

	memcpy(&t->probes[t->probe_count], states, count * sizeof(*states));
	t->probe_count += count;
}

static void drop_attach(struct tracer *t)
{
	bool btf = bpf_program__autoload(t->drop->progs.cnitrace_drop);
	int fd = bpf_program__fd(btf ? t->drop->progs.cnitrace_drop
				     : t->drop->progs.cnitrace_drop_raw);

	t->drop_link = bpf_raw_tracepoint_open(btf ? NULL : "kfree_skb", fd);
	if (t->drop_link >= 0)
		probe_attached(t->drop_state, btf ? "tp_btf" : "raw_tp");
	else
		snprintf(t->drop_state->why, sizeof(t->drop_state->why), "%s", strerror(errno));
}

static void refuse_attach(struct tracer *t)
{
	t->refuse_link = bpf_raw_tracepoint_open("sys_exit",
						 bpf_program__fd(t->refuse->progs.cnitrace_refuse));
	if (t->refuse_link >= 0)
		probe_attached(t->refuse_state, "raw_tp");
	else
		snprintf(t->refuse_state->why, sizeof(t->refuse_state->why), "%s", strerror(errno));
}

int tracer_attach_probes(struct tracer *t, struct error *error)
{
	int err = hops_begin(t->hops, error);

	if (err)
		return err;
	if (t->drop)
		witnesses_attach(t->witnesses);
	else
		witnesses_give_up(t->witnesses, "of no use without kfree_skb");
	witness_states_take(t);
	if (t->drop)
		drop_attach(t);
	if (t->refuse)
		refuse_attach(t);
	load_trim();
	return 0;
}

void tracer_detach(struct tracer *t)
{
	if (t->witnesses)
		witnesses_detach(t->witnesses);
	if (t->refuse_link >= 0)
		close(t->refuse_link);
	if (t->drop_link >= 0)
		close(t->drop_link);
	t->refuse_link = t->drop_link = -1;
	if (t->hops)
		hops_detach(t->hops);
}

/*
 * The ring was not half full again since the share fell (bpf/sample.bpf.h): a step back up, two when
 * little was in it.
 */
static void share_restore(struct tracer *t)
{
	volatile struct tracer_state *state = hops_state(t->hops);
	uint64_t taken = t->taken_bytes;
	struct timespec now;
	uint64_t now_ns;

	if (!state->crowded)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	if (now_ns < state->lessened_ns + SHARE_QUIET_NS ||
	    now_ns < t->restored_ns + SHARE_QUIET_NS)
		return;
	for (int step = 0; step < (taken < t->ring_bytes / 16 ? 2 : 1); step++) {
		if (state->packet_shift > PACKET_SHIFT_FIRST)
			state->packet_shift--;
		else if (state->flow_shift)
			state->flow_shift--;
		else if (state->packet_shift)
			state->packet_shift--;
		else
			state->crowded = 0;
	}
	state->flows_seen = 0;
	t->restored_ns = now_ns;
	t->taken_bytes = 0;
}

void tracer_sampling(const struct tracer *t, struct sampling_info *info)
{
	const volatile struct tracer_state *state = hops_state(t->hops);

	info->shift_max = state->shift_max;
	info->tracked_evicted = state->tracked_evicted;
	info->followed_evicted = state->followed_evicted;
}

int tracer_poll(struct tracer *t, int timeout_ms, tracer_record record, void *context)
{
	t->record = record;
	t->record_context = context;
	share_restore(t);
	if (timeout_ms > 0) {
		int n = ring_buffer__poll(t->ring, timeout_ms);

		if (n)
			return n;
	}
	/* programs wake us only when the ring has filled a good part: look anyway */
	return ring_buffer__consume(t->ring);
}

int tracer_fd(const struct tracer *t)
{
	return ring_buffer__epoll_fd(t->ring);
}

const struct probe_state *tracer_probes(const struct tracer *t, size_t *count)
{
	*count = t->probe_count;
	return t->probes;
}

static bool hook_used(const struct tracer *t, uint32_t hook)
{
	switch (hook) {
	case COUNTER_TC_IN:
	case COUNTER_TC_OUT:
		return hops_has_tc(t->hops);
	case COUNTER_NET_IN:
	case COUNTER_NET_OUT:
		return hops_has_tracepoints(t->hops);
	case COUNTER_WITNESS:
		return t->witnessed;
	case COUNTER_LISTEN:
		return t->listen;
	case COUNTER_DROP:
		return t->drop;
	case COUNTER_REFUSED:
		return t->refuse;
	}
	return false;
}

/* Runs that the kernel refused: never seen, so lost. */
static uint64_t hook_misses(const struct tracer *t, uint32_t hook)
{
	if (hook == COUNTER_DROP)
		return load_program_misses(t->drop->progs.cnitrace_drop) +
		       load_program_misses(t->drop->progs.cnitrace_drop_raw);
	if (hook == COUNTER_NET_IN || hook == COUNTER_NET_OUT)
		return hops_misses(t->hops, hook);
	return 0;
}

size_t tracer_totals(struct tracer *t, struct hook_totals totals[COUNTER_HOOKS])
{
	static const char *const names[COUNTER_HOOKS] = {
		"tc-in",   "tc-out", "kfree_skb",         "sys_exit",
		"witness", "listen", "netif_receive_skb", "net_dev_queue"};
	int fd = map_fd(t, "counters"), cpus = libbpf_num_possible_cpus();
	struct hook_counters *values = calloc(cpus > 0 ? cpus : 1, sizeof(*values));
	size_t count = 0;

	for (uint32_t hook = 0; values && hook < COUNTER_HOOKS; hook++) {
		struct hook_totals *total = &totals[count];
		uint64_t missed;

		if (!hook_used(t, hook) || bpf_map_lookup_elem(fd, &hook, values))
			continue;
		missed = hook_misses(t, hook);
		*total = (struct hook_totals){.seen = missed, .lost = missed};
		text_copy(total->hook, sizeof(total->hook), names[hook]);
		for (int cpu = 0; cpu < cpus; cpu++) {
			total->seen += values[cpu].seen;
			total->filtered += values[cpu].filtered;
			total->recorded += values[cpu].recorded;
			total->lost += values[cpu].lost;
			total->sampled_out += values[cpu].sampled_out;
		}
		count++;
	}
	free(values);
	return count;
}

void tracer_close(struct tracer *t)
{
	if (!t)
		return;
	tracer_detach(t);
	ring_buffer__free(t->ring);
	refuse_bpf__destroy(t->refuse);
	listen_bpf__destroy(t->listen);
	drop_bpf__destroy(t->drop);
	witnesses_free(t->witnesses);
	hops_free(t->hops);
	load_end(&t->load);
	free(t);
}
