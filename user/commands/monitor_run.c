/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor from attach to detach: the start line, the loop, what each interval tells, and
 * the summary.
 */
#include "commands/monitor.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/common.h"
#include "diagnose/watch_counters.h"
#include "node/link_watch.h"
#include "output/document_drops.h"
#include "output/http.h"
#include "output/screen.h"

#define TICK_NS 1000000000ull /* counts are read so often, or each interval when that is shorter */
#define SWEEP_NS 10000000000ull
#define REFRESH_NS 60000000000ull /* a look at the node even when nothing was heard */

static void config_fill(struct monitor_run *run, struct tracer_config *config)
{
	struct session *s = &run->session;
	struct netns_facts *node = facts_netns(s->facts, s->facts->node_netns);
	struct netns_facts *subject = facts_netns(s->facts, s->subject_netns);
	size_t ports = 2;

	config->node_netns = s->topology.node_netns;
	config->vxlan_ports[0] = 8472;
	config->vxlan_ports[1] = 4789;
	config->geneve_port = 6081;
	if (node && facts_need(s->facts, node, FACT_LINKS)) {
		array_each(link, &node->links) {
			bool known = !link->port || strcmp(link->kind, "vxlan") != 0;

			for (size_t i = 0; i < ports; i++)
				known |= config->vxlan_ports[i] == link->port;
			if (!known && ports < CONFIG_TUNNEL_PORTS)
				config->vxlan_ports[ports++] = link->port;
		}
	}
	if (!s->subject_netns)
		return;
	config->has_subject = 1;
	config->subject_netns = s->subject_netns;
	if (s->pod)
		config->subject_ifindex = s->pod->host_ifindex;
	if (!subject || !facts_need(s->facts, subject, FACT_ADDRESSES))
		return;
	array_each(at, &subject->addresses) {
		size_t n = config->address_count;

		if (n == CONFIG_ADDRESSES || address_is_loopback(at->address) ||
		    address_is_link_local(at->address))
			continue;
		config->address_version[n] = at->address.version;
		memcpy(config->address[n], at->address.bytes, sizeof(config->address[n]));
		config->address_count++;
	}
}

static bool reason_wanted(const void *context, const char *reason)
{
	return selection_wants_reason(context, reason);
}

static int kernel_start(struct monitor_run *run, struct error *error)
{
	const struct monitor_run_options *o = run->options;
	struct monitor_options options = {
		.filter = run->filter,
		.ring_bytes = o->ring_bytes,
		.samples_per_second = o->samples,
		.rows = o->rows,
		.probes = o->probes,
	};
	int err;

	config_fill(run, &options.config);
	options.config.min_len = o->min_len;
	if (run->selection.reason_count) {
		options.config.has_reasons = 1;
		kernel_reasons_mark(run->kernel_names, reason_wanted, &run->selection,
				    options.config.reasons, CONFIG_REASONS);
	}
	err = monitor_open(&options, &run->kernel, error);
	if (err)
		return err;
	kernel_names_types(run->kernel_names, monitor_types(run->kernel));
	return monitor_attach(run->kernel, error);
}

static void start_print(struct monitor_run *run)
{
	struct start_info info = {.version = CNITRACE_VERSION, .filter = run->options->expression};
	struct json_object *document;
	struct subject_text subject;
	char shown[1200];

	selection_text(&run->selection, shown, sizeof(shown));
	info.shown = shown;
	info.min_len = run->options->min_len;
	info.kernel = run->kernel_release;
	info.probes = monitor_probe(run->kernel);
	info.probe_count = 1;
	session_subject_text(&run->session, &info, &subject);
	document = document_start(&info, &run->session.names);
	json_object_object_add(document, "monitor", json_object_new_boolean(true));
	json_object_object_add(document, "pods",
			       json_object_new_int64(run->session.facts->pods.count));
	json_object_object_add(document, "interval_ns",
			       json_object_new_int64(run->options->interval_ns));
	if (run->http)
		json_object_object_add(document, "listen",
				       json_object_new_string(http_address(run->http)));
	printer_print(run->printer, document);
}

static void lost_fill(const struct monitor_run *run, struct drops_lost *lost)
{
	lost->overflow = run->exactness.overflow + run->watch->rows_refused;
	lost->missed = run->exactness.missed;
	lost->samples = run->exactness.samples_lost;
}

static int row_compare(const void *left, const void *right)
{
	const struct watch_row *a = *(struct watch_row *const *)left;
	const struct watch_row *b = *(struct watch_row *const *)right;

	if (a->benign != b->benign)
		return a->benign - b->benign;
	return a->interval_packets < b->interval_packets   ? 1
	       : a->interval_packets > b->interval_packets ? -1
							   : 0;
}

static uint64_t tick_length(const struct monitor_run *run)
{
	return run->options->interval_ns < TICK_NS ? run->options->interval_ns : TICK_NS;
}

static bool interval_any(const struct watch *watch)
{
	array_each(row, &watch->rows) {
		if ((*row)->interval_packets && (*row)->named && !(*row)->elsewhere)
			return true;
	}
	return false;
}

/* What could not be read, each once and as soon as it is known: the end may be months away. */
static void gaps_print(struct monitor_run *run)
{
	const struct facts *facts = run->session.facts;
	const char *gap = kernel_names_gap(run->kernel_names);

	if (run->screen)
		return; /* which has no place for it: said at the end */
	if (gap && !run->names_gap_said)
		fprintf(stderr, "cnitrace: %s\n", gap);
	run->names_gap_said |= gap != NULL;
	for (; run->gaps_said < facts->gaps.count; run->gaps_said++)
		fprintf(stderr, "cnitrace: %s\n", facts->gaps.items[run->gaps_said]);
}

static void interval_end(struct monitor_run *run, uint64_t now_ns)
{
	struct watch *watch = run->watch;
	struct interval_info info = {.duration_ns = now_ns - run->interval_ns,
				     .all = run->options->all};

	if (run->interval_ns + tick_length(run) / 2 > now_ns && !interval_any(watch)) {
		monitor_findings_tell(run, now_ns, true);
		return; /* the end came right behind an interval, and brought nothing */
	}
	lost_fill(run, &info.lost);
	if (watch->rows.count)
		qsort(watch->rows.items, watch->rows.count, sizeof(watch->rows.items[0]),
		      row_compare);
	if (!run->screen) {
		printer_print(run->printer, document_interval(watch, &info, &run->session.names));
		array_each(row, &watch->rows) {
			if (!(*row)->interval_packets || !(*row)->named || (*row)->elsewhere ||
			    ((*row)->benign && !run->options->all))
				continue;
			printer_print(run->printer,
				      document_drops(*row, &run->session.names, now_ns, true));
		}
	}
	monitor_findings_tell(run, now_ns, true);
	/* rows that are not told yet keep what they have gained */
	array_each(row, &watch->rows) {
		if ((*row)->named && !(*row)->elsewhere)
			(*row)->interval_packets = (*row)->interval_bytes = 0;
	}
	run->interval_ns = now_ns;
}

static void link_changed(void *context, uint32_t ifindex, bool gone)
{
	struct monitor_run *run = context;

	follow_link(&run->follow, &run->session, ifindex, gone, common_now());
}

static void look(struct monitor_run *run, uint64_t now_ns)
{
	if (follow_due(&run->follow, &run->session, now_ns))
		monitor_rows_refresh(run, now_ns);
}

static void tick(struct monitor_run *run, uint64_t now_ns)
{
	if (now_ns > run->refreshed_ns + REFRESH_NS)
		follow_changed(&run->follow, now_ns);
	look(run, now_ns);
	monitor_rows_read(run, now_ns);
	if (run->follow.due_ns) { /* a namespace not seen before: look, then name its rows */
		monitor_rows_refresh(run, now_ns);
		monitor_rows_read(run, now_ns);
	}
	monitor_counters_read(run, now_ns);
	monitor_findings_judge(run, now_ns);
	monitor_counters_tell(run, now_ns);
	monitor_findings_tell(run, now_ns, false);
	if (now_ns > run->swept_ns + SWEEP_NS) {
		monitor_rows_sweep(run, now_ns);
		run->swept_ns = now_ns;
		malloc_trim(0); /* what BTF, symbols and rules took for a moment */
	}
}

static void draw(struct monitor_run *run)
{
	struct drops_lost lost;
	struct screen_info info = {
		.watch = run->watch,
		.names = &run->session.names,
		.kernel = run->kernel_release,
		.now_ns = common_now(),
	};

	lost_fill(run, &lost);
	info.lost = lost.overflow + lost.missed;
	info.uptime_ns = info.now_ns - run->started_ns;
	screen_draw(run->screen, &info);
}

static void screen_end(struct monitor_run *run)
{
	screen_close(run->screen);
	run->screen = NULL;
}

static void wait_for_work(struct monitor_run *run, uint64_t until_ns)
{
	struct pollfd fds[] = {
		{.fd = monitor_fd(run->kernel), .events = POLLIN},
		{.fd = run->signal_fd, .events = POLLIN},
		{.fd = run->link_fd, .events = POLLIN},
		{.fd = http_fd(run->http), .events = POLLIN},
		{.fd = run->screen ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = STDOUT_FILENO}, /* the reader's end: text may have nothing to write for hours */
	};
	uint64_t now = common_now();
	int timeout = until_ns > now ? (until_ns - now + 999999) / 1000000 : 0;

	poll(fds, sizeof(fds) / sizeof(fds[0]), timeout);
	if (fds[1].revents)
		run->stop |= common_signals_read(run->signal_fd, SIGUSR1, &run->look_back);
	if (run->link_fd >= 0 && fds[2].revents && link_watch_read(run->link_fd, link_changed, run))
		follow_changed(&run->follow, common_now());
	if (fds[0].revents)
		monitor_rows_read(run, common_now());
	run->stop |= (fds[5].revents & POLLERR) != 0;
	if (run->screen && fds[4].revents) {
		run->stop |= !screen_keys(run->screen) || fds[4].revents & (POLLHUP | POLLERR);
		draw(run);
	}
	if (run->http)
		http_work(run->http, common_now());
	if (run->look_back) {
		run->look_back = false;
		monitor_rows_read(run, common_now());
		if (!run->screen)
			monitor_look_back(run);
	}
}

static void loop(struct monitor_run *run)
{
	const struct monitor_run_options *o = run->options;
	uint64_t end = o->duration_ns ? run->started_ns + o->duration_ns : UINT64_MAX;
	uint64_t next = run->started_ns + tick_length(run), now;

	while (!run->stop) {
		now = common_now() + 2 * FOLLOW_NS;
		if (now > next)
			now = next;
		wait_for_work(run, now < end ? now : end);
		now = common_now();
		look(run, now);
		if (now >= next || now >= end) {
			tick(run, now);
			if (run->screen)
				draw(run);
			next = now + tick_length(run);
			/* ticks and intervals drift apart a little: half a tick early is due */
			if (now + tick_length(run) / 2 >= run->interval_ns + o->interval_ns)
				interval_end(run, now);
			gaps_print(run);
		}
		if (now >= end || printer_error(run->printer))
			break;
	}
}

static void summary_print(struct monitor_run *run, int status)
{
	struct monitor_summary summary = {
		.watch = run->watch,
		.seen = run->exactness.seen,
		.filtered = run->exactness.filtered,
		.counted = run->exactness.counted,
		.findings_error = run->findings_error,
		.findings_warning = run->findings_warning,
		.findings_info = run->findings_info,
		.duration_ns = common_now() - run->started_ns,
		.exit_status = status,
	};

	lost_fill(run, &summary.lost);
	printer_print(run->printer, document_monitor_summary(&summary, &run->session.names));
	fflush(stdout);
}

static int run_status(int err)
{
	return err == -EPERM || err == -EOPNOTSUPP ? EXIT_UNABLE : EXIT_FAILED;
}

/* A terminal at both ends, and nothing else asked for. */
static bool screen_wanted(const struct monitor_run *run)
{
	return !run->options->json && !run->options->plain && isatty(STDIN_FILENO) &&
	       isatty(STDOUT_FILENO);
}

int monitor_run(struct monitor_run *run, struct error *error)
{
	struct utsname kernel;
	uint64_t now;
	int err, status;

	uname(&kernel);
	text_copy(run->kernel_release, sizeof(run->kernel_release), kernel.release);
	run->signal_fd = common_signals(SIGUSR1);
	run->link_fd = link_watch_open();
	err = kernel_start(run, error);
	if (err)
		return run_status(err);
	if (run->options->listen && monitor_serve_open(run, error))
		return error->code == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	run->started_ns = run->interval_ns = run->refreshed_ns = run->swept_ns = common_now();
	follow_start(&run->follow, &run->session, run->started_ns);
	monitor_counters_read(run, run->started_ns); /* what follows is compared with it */
	if (screen_wanted(run))
		run->screen = screen_open(run->options->all, run->colour);
	if (!run->screen)
		start_print(run);
	gaps_print(run);
	malloc_trim(0); /* the kernel's BTF is no longer needed */
	loop(run);
	screen_end(run);
	monitor_detach(run->kernel);
	/* nothing is counted any more: this reading is the last and exact */
	now = common_now();
	tick(run, now);
	run->judged_ns = 0; /* samples need not wait any longer */
	monitor_counters_read_all(run);
	monitor_findings_judge(run, now);
	monitor_counters_tell(run, now);
	interval_end(run, now);
	status = run->findings_error ? EXIT_FOUND : EXIT_OK;
	summary_print(run, status);
	gaps_print(run);
	return common_printed(run->printer, error) ? EXIT_FAILED : status;
}
