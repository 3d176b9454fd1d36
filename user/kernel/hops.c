/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/hops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/text.h"
#include "bpf/hop.skel.h"
#include "bpf/passing.skel.h"
#include "kernel/probe_list.h"
#include "kernel/tc_attach.h"
#include "record.h"

#define LEFT_OUT "left out by --probes"

enum { IN, OUT, DIRECTIONS };

static const char *const tracepoint_names[DIRECTIONS] = {"netif_receive_skb", "net_dev_queue"};

struct hops {
	struct hops_options options;
	struct hop_plan plan;
	struct hop_bpf *maps; /* its programs are not loaded: the maps that all share */
	struct hop_bpf
		*tc[2]; /* for devices without and with an Ethernet header; NULL not needed yet */
	ARRAY(struct tc_attachment) attached;
	enum tc_way tc_way;
	struct passing_bpf *passing; /* NULL: not needed yet */
	bool by_btf;
	int links[DIRECTIONS];
	bool begun;
};

static struct probe_state *tracepoint_state(const struct hops *h, int direction)
{
	return direction == IN ? h->options.in : h->options.out;
}

static bool tracepoint_allowed(const struct hops *h, int direction, const char *way)
{
	return probe_list_allows(h->options.allowed, tracepoint_names[direction], way);
}

static bool tracepoints_allowed(const struct hops *h)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		if (tracepoint_allowed(h, i, "tp_btf") || tracepoint_allowed(h, i, "raw_tp"))
			return true;
	}
	return false;
}

static bool tc_allowed(const struct hops *h)
{
	return probe_list_allows(h->options.allowed, "tc", "tcx") ||
	       probe_list_allows(h->options.allowed, "tc", "clsact");
}

static void state_set(struct probe_state *p, const char *state, const char *way, const char *why)
{
	text_copy(p->state, sizeof(p->state), state);
	text_copy(p->way, sizeof(p->way), way);
	text_copy(p->why, sizeof(p->why), why);
}

static void states_begin(struct hops *h)
{
	const char *unused = h->plan.many ? "not needed: of many devices the tracepoints are taken"
					  : "not needed: few devices are seen by tc";

	if (!h->plan.tc)
		state_set(h->options.tc, "off", "", LEFT_OUT);
	else
		state_set(h->options.tc, "off", "", unused);
	for (int i = 0; i < DIRECTIONS; i++) {
		bool allowed =
			tracepoint_allowed(h, i, "tp_btf") || tracepoint_allowed(h, i, "raw_tp");

		state_set(tracepoint_state(h, i), "off", "", allowed ? unused : LEFT_OUT);
	}
}

static void programs_load_none(struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) bpf_program__set_autoload(program, false);
}

static int maps_make(struct hops *h, struct error *error)
{
	int err;

	h->maps = hop_bpf__open();
	if (!h->maps)
		return error_set(error, -errno, "the tc programs could not be opened: %s",
				 strerror(errno));
	programs_load_none(h->maps->obj);
	bpf_map__set_max_entries(h->maps->maps.ring, h->options.ring_bytes);
	err = hop_bpf__load(h->maps);
	if (err == -EPERM)
		return error_set(error, err,
				 "the kernel refused to make BPF maps (%s): run as root, or with "
				 "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
				 strerror(-err));
	if (err)
		return error_set(error, err, "the BPF maps could not be made: %s", strerror(-err));
	return 0;
}

int hops_open(const struct hops_options *options, struct hops **out, struct error *error)
{
	struct hops *h = calloc(1, sizeof(*h));

	*out = h;
	if (!h)
		return error_set(error, -ENOMEM, "out of memory");
	h->options = *options;
	h->links[IN] = h->links[OUT] = -1;
	if (!tc_allowed(h) && !tracepoints_allowed(h))
		h->options.allowed = NULL; /* the list speaks of other probes */
	h->tc_way = probe_list_allows(h->options.allowed, "tc", "tcx") ? TC_NONE : TC_CLSACT;
	h->plan = (struct hop_plan){
		.tc = tc_allowed(h), .tracepoint = tracepoints_allowed(h), .many = options->many};
	states_begin(h);
	return maps_make(h, error);
}

struct bpf_map *hops_map(const struct hops *h, const char *name)
{
	return bpf_object__find_map_by_name(h->maps->obj, name);
}

struct tracer_state *hops_state(const struct hops *h)
{
	return &h->maps->data_state->state;
}

void hops_share(const struct hops *h, struct bpf_object *object)
{
	static const char *const shared[] = {"ring",     "counters", "tracked",
					     "followed", "fates",    "flow_fates",
					     "paces",    "devices",  ".data.state"};

	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		struct bpf_map *from = hops_map(h, shared[i]);
		struct bpf_map *to = bpf_object__find_map_by_name(object, shared[i]);

		if (from && to)
			bpf_map__reuse_fd(to, bpf_map__fd(from));
	}
}

static int tc_load(struct hops *h, bool has_ether)
{
	struct hop_bpf *tc;
	int err;

	if (h->tc[has_ether])
		return 0;
	tc = hop_bpf__open();
	if (!tc)
		return -errno;
	memcpy((void *)&tc->rodata->config, h->options.config, sizeof(tc->rodata->config));
	hops_share(h, tc->obj);
	bpf_program__set_autoload(tc->progs.cnitrace_in, has_ether);
	bpf_program__set_autoload(tc->progs.cnitrace_out, has_ether);
	bpf_program__set_autoload(tc->progs.cnitrace_in_l3, !has_ether);
	bpf_program__set_autoload(tc->progs.cnitrace_out_l3, !has_ether);
	err = hop_bpf__load(tc);
	if (err)
		hop_bpf__destroy(tc);
	else
		h->tc[has_ether] = tc;
	return err;
}

static int passing_load_by(struct hops *h, bool btf)
{
	const char *way = btf ? "tp_btf" : "raw_tp";
	bool in = tracepoint_allowed(h, IN, way), out = tracepoint_allowed(h, OUT, way);
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = h->options.types);
	struct passing_bpf *passing;
	int err;

	if (!in && !out)
		return -ENOENT;
	passing = passing_bpf__open_opts(&open);
	if (!passing)
		return -errno;
	memcpy((void *)&passing->rodata->config, h->options.config,
	       sizeof(passing->rodata->config));
	hops_share(h, passing->obj);
	bpf_program__set_autoload(passing->progs.cnitrace_net_in, btf && in);
	bpf_program__set_autoload(passing->progs.cnitrace_net_out, btf && out);
	bpf_program__set_autoload(passing->progs.cnitrace_net_in_raw, !btf && in);
	bpf_program__set_autoload(passing->progs.cnitrace_net_out_raw, !btf && out);
	err = passing_bpf__load(passing);
	if (err) {
		passing_bpf__destroy(passing);
		return err;
	}
	h->passing = passing;
	h->by_btf = btf;
	return 0;
}

static struct bpf_program *passing_program(const struct hops *h, int direction)
{
	if (direction == IN)
		return h->by_btf ? h->passing->progs.cnitrace_net_in
				 : h->passing->progs.cnitrace_net_in_raw;
	return h->by_btf ? h->passing->progs.cnitrace_net_out
			 : h->passing->progs.cnitrace_net_out_raw;
}

static int tracepoint_attach(struct hops *h, int direction)
{
	struct probe_state *state = tracepoint_state(h, direction);
	const char *way = h->by_btf ? "tp_btf" : "raw_tp";
	struct bpf_program *program = passing_program(h, direction);

	if (!bpf_program__autoload(program) || h->links[direction] >= 0)
		return 0;
	h->links[direction] = bpf_raw_tracepoint_open(
		h->by_btf ? NULL : tracepoint_names[direction], bpf_program__fd(program));
	if (h->links[direction] < 0) {
		int err = -errno;

		state_set(state, "missing", way, strerror(-err));
		return err;
	}
	state_set(state, "attached", way, "");
	return 0;
}

static int passing_attach(struct hops *h)
{
	int err = 0;

	for (int i = 0; i < DIRECTIONS && !err; i++)
		err = tracepoint_attach(h, i);
	return err;
}

static int passing_load(struct hops *h)
{
	int err;

	if (h->passing)
		return 0;
	err = passing_load_by(h, true);
	if (err) {
		int raw = passing_load_by(h, false);

		err = raw == -ENOENT ? err : raw;
	}
	if (err) {
		for (int i = 0; i < DIRECTIONS; i++)
			state_set(tracepoint_state(h, i), "missing", "", strerror(-err));
		return err;
	}
	return h->begun ? passing_attach(h) : 0;
}

/* Adds bits to what the programs know of a device. */
static int device_bits_add(struct hops *h, uint32_t ifindex, uint8_t bits)
{
	int fd = bpf_map__fd(h->maps->maps.devices);
	uint8_t known = 0;

	if (!bpf_map_lookup_elem(fd, &ifindex, &known) && (known & bits) == bits)
		return 0;
	bits |= known;
	return bpf_map_update_elem(fd, &ifindex, &bits, BPF_ANY) ? -errno : 0;
}

static int device_by_tracepoint(struct hops *h, const struct hop_device *device)
{
	int err = passing_load(h);

	if (!err)
		err = device_bits_add(h, device->ifindex,
				      DEVICE_TRACEPOINT | (device->has_ether ? 0 : DEVICE_BARE));
	return err;
}

static int device_by_tc(struct hops *h, const struct hop_device *device)
{
	struct tc_attachment at, *slot;
	struct hop_bpf *tc;
	int err = tc_load(h, device->has_ether);

	if (err)
		return err;
	tc = h->tc[device->has_ether];
	err = tc_attach(&at, device->ifindex,
			bpf_program__fd(device->has_ether ? tc->progs.cnitrace_in
							  : tc->progs.cnitrace_in_l3),
			bpf_program__fd(device->has_ether ? tc->progs.cnitrace_out
							  : tc->progs.cnitrace_out_l3),
			h->tc_way);
	if (err)
		return err;
	slot = array_push(&h->attached);
	if (!slot) {
		tc_detach(&at);
		return -ENOMEM;
	}
	*slot = at;
	h->tc_way = at.way; /* what worked once is not tried anew */
	state_set(h->options.tc, "attached", at.way == TC_TCX ? "tcx" : "clsact", "");
	return 0;
}

/* A device that one way refuses gets the other, and it is said why. */
static int device_by_other(struct hops *h, const struct hop_device *device, enum hop_way failed,
			   int refused, struct error *error)
{
	struct probe_state *state = failed == HOP_TC ? h->options.tc : h->options.in;
	char shown[64];
	int err = -EOPNOTSUPP;

	text_escape(shown, sizeof(shown), device->name);
	if (failed == HOP_TC && h->plan.tracepoint)
		err = device_by_tracepoint(h, device);
	else if (failed == HOP_TRACEPOINT && h->plan.tc)
		err = device_by_tc(h, device);
	if (err)
		return error_set(error, refused, "device %s: %s: %s", shown,
				 failed == HOP_TC ? "tc programs could not be attached"
						  : "the tracepoints could not be used",
				 strerror(-refused));
	if (failed == HOP_TC && !h->attached.count)
		h->plan.tc = false; /* what never worked is not tried anew */
	if (failed == HOP_TRACEPOINT)
		h->plan.tracepoint = false;
	if (!strcmp(state->state, "attached"))
		snprintf(state->why, sizeof(state->why), "but not on %s: %s", shown,
			 strerror(-refused));
	else
		state_set(state, "missing", "", strerror(-refused));
	return 0;
}

int hops_add_device(struct hops *h, const struct hop_device *device, struct error *error)
{
	enum hop_way way = hop_plan_way(&h->plan, device);
	int err = way == HOP_TRACEPOINT ? device_by_tracepoint(h, device) : device_by_tc(h, device);

	if (!err || err == -ENODEV)
		return err;
	return device_by_other(h, device, way, err, error);
}

void hops_add_entrance(struct hops *h, uint32_t ifindex)
{
	device_bits_add(h, ifindex, DEVICE_ENTRANCE);
}

void hops_forget_device(struct hops *h, uint32_t ifindex)
{
	bpf_map_delete_elem(bpf_map__fd(h->maps->maps.devices), &ifindex);
	array_each(at, &h->attached) {
		if (at->ifindex != ifindex || at->way == TC_NONE)
			continue;
		if (at->way == TC_TCX)
			tc_detach(at); /* closes the descriptors of dead links */
		at->way = TC_NONE;
	}
}

int hops_begin(struct hops *h, struct error *error)
{
	int err = h->passing ? passing_attach(h) : 0;

	h->begun = true;
	if (err)
		return error_set(error, err, "the tracepoints of devices could not be attached: %s",
				 strerror(-err));
	return 0;
}

void hops_try(struct hops *h)
{
	int err = tc_load(h, true);

	if (!err)
		err = tc_load(h, false);
	if (err)
		state_set(h->options.tc, "missing", "", strerror(-err));
	passing_load(h);
}

bool hops_has_tc(const struct hops *h)
{
	return h->tc[false] || h->tc[true];
}

bool hops_has_tracepoints(const struct hops *h)
{
	return h->passing;
}

uint64_t hops_misses(const struct hops *h, uint32_t counter)
{
	if (!h->passing)
		return 0;
	return load_program_misses(passing_program(h, counter == COUNTER_NET_IN ? IN : OUT));
}

void hops_detach(struct hops *h)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		if (h->links[i] >= 0)
			close(h->links[i]);
		h->links[i] = -1;
	}
	tc_detach_all(h->attached.items, h->attached.count);
	h->attached.count = 0;
}

void hops_free(struct hops *h)
{
	if (!h)
		return;
	hops_detach(h);
	array_free(&h->attached);
	passing_bpf__destroy(h->passing);
	hop_bpf__destroy(h->tc[false]);
	hop_bpf__destroy(h->tc[true]);
	hop_bpf__destroy(h->maps);
	free(h);
}
