/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/text.h"
#include "bpf/monitor.skel.h"
#include "kernel/load.h"
#include "record.h"

#define MAP_BYTES (24u << 20) /* what the map of counts may take on a machine of many CPUs */

struct monitor {
	struct monitor_bpf *bpf;
	struct ring_buffer *ring;
	struct load load;
	struct probe_state probe;
	int link, cpus;
	uint32_t room;
	struct bpf_program *program; /* the one that is loaded */
	bool btf; /* … is attached by tp_btf */
	uint64_t clock_ns, clock_jiffies, jiffy_ns;
	const struct drop_place *places; /* the map itself, as the programs write it */
	/* one per CPU: what look-ups fill */
	struct drop_count *counts;
	struct monitor_totals *totals;
	uint64_t counted,
		taken; /* packets of all keys at the last reading, of keys that have been taken */
	monitor_sample sample;
	void *sample_context;
};

/* The coarse clock moves once per jiffy. */
static uint64_t jiffy_length(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || !tick.tv_nsec)
		return 4000000;
	return tick.tv_nsec;
}

static uint32_t window_shift(uint64_t jiffy_ns)
{
	uint32_t shift = 0;

	while (shift < 12 && (jiffy_ns << (shift + 1)) < 1100000000ull)
		shift++;
	return shift;
}

/* The ways to count, cheapest first: by casts (kernel 6.2), by tp_btf's loads, by copies. */
enum program_way { WAY_CAST, WAY_BTF, WAY_RAW };

static int object_load(struct monitor *m, const struct monitor_options *o,
		       const struct tracer_config *config, enum program_way way)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = load_types(&m->load));
	struct bpf_program *programs[3];
	int err;

	m->bpf = monitor_bpf__open_opts(&open);
	if (!m->bpf)
		return -errno;
	memcpy((void *)&m->bpf->rodata->config, config, sizeof(*config));
	m->bpf->rodata->monitor_config.samples_per_second = o->samples_per_second;
	m->bpf->rodata->monitor_config.window_shift = window_shift(m->jiffy_ns);
	m->bpf->rodata->monitor_config.restricted = config->has_reasons || config->has_subject ||
						    config->has_expression || config->min_len;
	bpf_map__set_max_entries(m->bpf->maps.ring, o->ring_bytes);
	bpf_map__set_max_entries(m->bpf->maps.drops, m->room);
	bpf_map__set_max_entries(m->bpf->maps.places, m->cpus * DROP_PLACES);
	programs[WAY_CAST] = m->bpf->progs.cnitrace_count_cast;
	programs[WAY_BTF] = m->bpf->progs.cnitrace_count;
	programs[WAY_RAW] = m->bpf->progs.cnitrace_count_raw;
	for (int i = WAY_CAST; i <= WAY_RAW; i++)
		bpf_program__set_autoload(programs[i], i == (int)way);
	err = monitor_bpf__load(m->bpf);
	if (err) {
		monitor_bpf__destroy(m->bpf);
		m->bpf = NULL;
	}
	m->program = programs[way];
	m->btf = way != WAY_RAW;
	return err;
}

static bool way_allowed(const char *list, const char *way)
{
	size_t n = strlen(way);

	for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
		if (strcspn(at, ",") == n && !strncmp(at, way, n))
			return true;
	}
	return !list;
}

static int ring_sample(void *context, void *bytes, size_t size)
{
	struct monitor *m = context;
	struct drop_key key;
	const struct record *record = bytes;

	if (size < sizeof(*record) + sizeof(key) || record->size > size - sizeof(key))
		return 0;
	memcpy(&key, (const char *)bytes + record->size, sizeof(key));
	m->sample(m->sample_context, &key, bytes, record->size);
	return 0;
}

static int refused(struct error *error, int err)
{
	if (err == -EPERM)
		return error_set(error, err,
				 "the kernel refused to load BPF programs (%s): run as root, or "
				 "with CAP_BPF and CAP_PERFMON",
				 strerror(-err));
	return error_set(error, -EOPNOTSUPP, "drops cannot be counted on this kernel: %s",
			 err == -ENOENT ? "no way is left by --probes" : strerror(-err));
}

static int monitor_load(struct monitor *m, struct monitor_options *o, struct error *error)
{
	int args, err = -ENOENT;

	load_begin(&m->load, &(struct load_options){.filter = o->filter});
	args = load_tracepoint_args(&m->load, "kfree_skb");
	if (args < 2)
		return error_set(error, -EOPNOTSUPP,
				 "this kernel shows no BTF (/sys/kernel/btf/vmlinux): drops cannot "
				 "be counted");
	o->config.kfree_skb_args = args > 4 ? 4 : args;
	if (way_allowed(o->probes, "tp_btf") && load_casts(&m->load))
		err = object_load(m, o, &o->config, WAY_CAST);
	if (err && way_allowed(o->probes, "tp_btf"))
		err = object_load(m, o, &o->config, WAY_BTF);
	if (err && way_allowed(o->probes, "raw_tp"))
		err = object_load(m, o, &o->config, WAY_RAW);
	load_trim();
	return m->bpf ? 0 : refused(error, err);
}

static int buffers_new(struct monitor *m)
{
	if (m->cpus <= 0)
		return -EINVAL;
	m->counts = calloc(m->cpus, sizeof(*m->counts));
	m->totals = calloc(m->cpus, sizeof(*m->totals));
	return m->counts && m->totals ? 0 : -ENOMEM;
}

static size_t places_size(const struct monitor *m)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (m->cpus * DROP_PLACES * sizeof(struct drop_place) + page - 1) / page * page;
}

static int maps_open(struct monitor *m, struct error *error)
{
	void *places = mmap(NULL, places_size(m), PROT_READ, MAP_SHARED,
			    bpf_map__fd(m->bpf->maps.places), 0);

	if (places == MAP_FAILED)
		return error_set(error, -errno, "the counts could not be mapped: %s",
				 strerror(errno));
	m->places = places;
	m->ring = ring_buffer__new(bpf_map__fd(m->bpf->maps.ring), ring_sample, m, NULL);
	if (!m->ring)
		return error_set(error, -errno, "the ring buffer could not be mapped: %s",
				 strerror(errno));
	return 0;
}

int monitor_open(const struct monitor_options *options, struct monitor **out, struct error *error)
{
	struct monitor_options o = *options;
	struct monitor *m = calloc(1, sizeof(*m));
	int err;

	*out = NULL;
	if (!m)
		return error_set(error, -ENOMEM, "out of memory");
	m->link = -1;
	m->jiffy_ns = jiffy_length();
	m->cpus = libbpf_num_possible_cpus();
	if (buffers_new(m)) {
		monitor_close(m);
		return error_set(error, -ENOMEM, "out of memory");
	}
	m->room = MAP_BYTES / (m->cpus * sizeof(struct drop_count));
	m->room = m->room > MONITOR_KEYS ? MONITOR_KEYS : m->room < 512 ? 512 : m->room;
	if (o.rows && o.rows < m->room)
		m->room = o.rows;
	if (!o.ring_bytes)
		o.ring_bytes = MONITOR_RING_DEFAULT;
	o.config.wake_bytes = o.ring_bytes / 8;
	o.config.has_expression = o.filter != NULL;
	o.config.expression_is_ether = o.filter && filter_is_ether(o.filter);
	text_copy(m->probe.name, sizeof(m->probe.name), "kfree_skb");
	text_copy(m->probe.state, sizeof(m->probe.state), "missing");
	err = monitor_load(m, &o, error);
	if (!err)
		err = maps_open(m, error);
	if (err) {
		monitor_close(m);
		return err;
	}
	*out = m;
	return 0;
}

const char *monitor_types(const struct monitor *m)
{
	return load_types(&m->load);
}

int monitor_attach(struct monitor *m, struct error *error)
{
	m->link = bpf_raw_tracepoint_open(m->btf ? NULL : "kfree_skb", bpf_program__fd(m->program));
	if (m->link < 0)
		return error_set(error, -errno,
				 "the tracepoint kfree_skb could not be attached: %s",
				 strerror(errno));
	text_copy(m->probe.way, sizeof(m->probe.way), m->btf ? "tp_btf" : "raw_tp");
	text_copy(m->probe.state, sizeof(m->probe.state), "attached");
	return 0;
}

void monitor_detach(struct monitor *m)
{
	if (m->link >= 0)
		close(m->link);
	m->link = -1;
}

/* What turns jiffies into nanoseconds: the youngest moment that a CPU noted both. */
static void clock_read(struct monitor *m)
{
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(m->bpf->maps.totals), &zero, m->totals))
		return;
	for (int cpu = 0; cpu < m->cpus; cpu++) {
		if (m->totals[cpu].clock_ns > m->clock_ns) {
			m->clock_ns = m->totals[cpu].clock_ns;
			m->clock_jiffies = m->totals[cpu].clock_jiffies;
		}
	}
}

static uint64_t jiffies_ns(const struct monitor *m, uint64_t jiffies)
{
	int64_t ns = m->clock_ns + (int64_t)(jiffies - m->clock_jiffies) * (int64_t)m->jiffy_ns;

	return m->clock_ns && ns > 0 ? ns : 1;
}

static void sum_add(const struct monitor *m, struct drop_sum *sum, const struct drop_count *count)
{
	uint64_t first, last;

	if (!count->packets)
		return;
	first = jiffies_ns(m, count->first);
	last = jiffies_ns(m, count->last >> DROP_SAMPLES_BITS);
	sum->packets += count->packets;
	sum->bytes += count->bytes;
	if (!sum->first_ns || first < sum->first_ns)
		sum->first_ns = first;
	if (last > sum->last_ns)
		sum->last_ns = last;
}

static void counts_sum(const struct monitor *m, struct drop_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < m->cpus; cpu++)
		sum_add(m, sum, &m->counts[cpu]);
}

static void map_read(struct monitor *m, monitor_part part, void *context)
{
	int fd = bpf_map__fd(m->bpf->maps.drops);
	struct drop_key key, next;
	struct drop_sum sum;
	uint32_t count = 0;

	/* a key that goes meanwhile would begin it anew, for ever: nobody else takes keys out */
	for (bool more = !bpf_map_get_next_key(fd, NULL, &next); more && count < m->room * 2;
	     more = !bpf_map_get_next_key(fd, &key, &next)) {
		key = next;
		count++;
		if (bpf_map_lookup_elem(fd, &key, m->counts))
			continue;
		counts_sum(m, &sum);
		m->counted += sum.packets;
		part(context, &key, &sum, false);
	}
}

/* What stands at a place, of one owner. False: nobody, or another one has just come. */
static bool place_copy(const volatile struct drop_place *at, struct drop_place *copy)
{
	struct drop_key after;

	if (!at->count.packets)
		return false;
	copy->key = at->key;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	copy->count = at->count;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = at->key;
	return !memcmp(&after, &copy->key, sizeof(after));
}

static void places_read(struct monitor *m, monitor_part part, void *context)
{
	for (int i = 0; i < m->cpus * DROP_PLACES; i++) {
		struct drop_place place;
		struct drop_sum sum = {};

		if (!place_copy(&m->places[i], &place))
			continue;
		sum_add(m, &sum, &place.count);
		m->counted += sum.packets;
		if (sum.packets)
			part(context, &place.key, &sum, true);
	}
}

int monitor_read(struct monitor *m, monitor_part part, void *context)
{
	uint64_t before = m->counted;

	clock_read(m);
	m->counted = m->taken;
	/* an owner that moves from its place to the map meanwhile is missed, not counted twice */
	map_read(m, part, context);
	places_read(m, part, context);
	if (m->counted < before)
		m->counted = before;
	return 0;
}

int monitor_take(struct monitor *m, const struct drop_key *key, struct drop_sum *sum)
{
	int fd = bpf_map__fd(m->bpf->maps.drops);

	/* one step where the kernel has it (5.14); else what comes in between is lost */
	if (bpf_map_lookup_and_delete_elem(fd, key, m->counts)) {
		if (bpf_map_lookup_elem(fd, key, m->counts))
			return -ENOENT;
		bpf_map_delete_elem(fd, key);
	}
	counts_sum(m, sum);
	m->taken += sum->packets;
	return 0;
}

int monitor_exactness(struct monitor *m, struct monitor_exactness *out)
{
	struct monitor_totals *totals = m->totals;
	struct hook_counters *samples = calloc(m->cpus, sizeof(*samples));
	uint32_t zero = 0, hook = COUNTER_DROP;
	int err = -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (samples && !bpf_map_lookup_elem(bpf_map__fd(m->bpf->maps.totals), &zero, totals) &&
	    !bpf_map_lookup_elem(bpf_map__fd(m->bpf->maps.counters), &hook, samples))
		err = 0;
	for (int cpu = 0; !err && cpu < m->cpus; cpu++) {
		out->filtered += totals[cpu].filtered;
		out->overflow += totals[cpu].overflow;
		out->samples += samples[cpu].recorded;
		out->samples_lost += samples[cpu].lost;
	}
	out->counted = m->counted;
	out->missed = load_program_misses(m->program);
	out->seen = out->counted + out->filtered + out->overflow + out->missed;
	free(samples);
	return err;
}

uint32_t monitor_room(const struct monitor *m)
{
	return m->room;
}

void monitor_samples(struct monitor *m, monitor_sample sample, void *context)
{
	m->sample = sample;
	m->sample_context = context;
	ring_buffer__consume(m->ring);
}

int monitor_fd(const struct monitor *m)
{
	return ring_buffer__epoll_fd(m->ring);
}

const struct probe_state *monitor_probe(const struct monitor *m)
{
	return &m->probe;
}

void monitor_close(struct monitor *m)
{
	if (!m)
		return;
	monitor_detach(m);
	ring_buffer__free(m->ring);
	monitor_bpf__destroy(m->bpf);
	load_end(&m->load);
	if (m->places)
		munmap((void *)m->places, places_size(m));
	free(m->counts);
	free(m->totals);
	free(m);
}
