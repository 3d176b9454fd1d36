/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace from attach to detach: which devices, the start line, the loop, and what ends it.
 */
#include "commands/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commands/attach.h"
#include "commands/common.h"
#include "commands/run.h"
#include "node/link_watch.h"

#define TICK_MS 40 /* programs do not wake us for every record */
#define GRACE_NS 80000000ull /* after the command: drops and answers on their way */
#define GRACE_MAX_NS 3600000000ull /* … and address resolution, which gives up after 3 s */
#define FLUSH_QUIET_NS 1000000000ull /* live text: journeys are printed once it is quiet */

static void start_print(struct trace *t)
{
	struct utsname kernel;
	char shown[1200];
	struct start_info info = {.version = CNITRACE_VERSION,
				  .filter = t->options->expression,
				  .command = t->command_line};
	struct subject_text subject;

	selection_text(&t->selection, shown, sizeof(shown));
	info.shown = shown;
	info.min_len = t->options->min_len;
	uname(&kernel);
	info.kernel = kernel.release;
	session_subject_text(&t->session, &info, &subject);
	info.probes = tracer_probes(t->tracer, &info.probe_count);
	printer_print(t->printer, document_start(&info, &t->session.names));
}

#define ARP_REQUEST 1
#define ARP_REPLY 2

/* An ARP request makes its target unresolved, the target's reply resolves it. */
void unresolved_note(struct unresolved *u, const struct packet *packet)
{
	size_t room = sizeof(u->targets) / sizeof(u->targets[0]);
	struct address address;

	if (packet->ip_version || packet->ethertype != 0x0806)
		return;
	address = address_make(4, packet->seq == ARP_REQUEST ? packet->dst : packet->src);
	if (address_is_unspecified(address))
		return;
	for (size_t i = 0; i < room; i++) {
		if (!address_equal(u->targets[i], address))
			continue;
		if (packet->seq == ARP_REPLY)
			u->targets[i].version = 0;
		return;
	}
	/* a gratuitous request asks for the sender itself */
	if (packet->seq == ARP_REQUEST && !address_equal(address, address_make(4, packet->src)))
		u->targets[u->next++ % room] = address;
}

bool unresolved_any(const struct unresolved *u)
{
	for (size_t i = 0; i < sizeof(u->targets) / sizeof(u->targets[0]); i++) {
		if (u->targets[i].version)
			return true;
	}
	return false;
}

/* The process is asked about at once: it may end with the error. */
static void refusal_take(struct trace *t, const struct record_view *view)
{
	size_t before = t->flows->refusals.count;
	struct refusal *refusal;

	flow_table_refuse(t->flows, view);
	if (t->flows->refusals.count == before)
		return;
	refusal = &t->flows->refusals.items[before];
	facts_process_container(t->session.facts, refusal->pid, refusal->container,
				sizeof(refusal->container));
}

static int record_take(void *context, const void *bytes, size_t size)
{
	struct trace *t = context;
	struct record_view view = {};

	if (!record_parse(bytes, size, &view) && view.refused) {
		refusal_take(t, &view);
		return 0;
	}
	t->subject_records++;
	if (view.record)
		unresolved_note(&t->unresolved, &view.record->packet);
	journey_table_add(t->journeys, bytes, size);
	return 0;
}

static void link_changed(void *context, uint32_t ifindex, bool gone)
{
	struct trace *t = context;

	if (gone)
		tracer_forget_device(t->tracer, ifindex);
	follow_link(&t->follow, &t->session, ifindex, gone, common_now());
}

/* `told`: the kernel has something to say about devices. */
static void links_follow(struct trace *t, bool told)
{
	uint64_t now = common_now(), since;

	if (told && link_watch_read(t->link_fd, link_changed, t))
		follow_changed(&t->follow, now);
	if (!follow_due(&t->follow, &t->session, now))
		return;
	attach_refresh(&t->session, t->tracer, &t->options->devices);
	since = follow_unseen(&t->follow);
	if (since)
		journey_table_unseen(t->journeys, since, common_now());
	follow_looked(&t->follow, &t->session, now, common_now());
}

/* Whoever holds the other end of standard input (kubectl exec -i, ssh) ends the trace by closing it. */
static void input_read(struct trace *t)
{
	char ignored[512];

	if (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
		return;
	t->input_ended = true;
	t->stop = true;
}

static int records_poll(struct trace *t, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = tracer_fd(t->tracer), .events = POLLIN},
		{.fd = t->signal_fd, .events = POLLIN},
		{.fd = t->link_fd, .events = POLLIN},
		{.fd = t->options->until_eof && !t->input_ended ? STDIN_FILENO : -1,
		 .events = POLLIN},
		{.fd = t->stop ? -1 : STDOUT_FILENO}, /* the reader's end */
	};

	poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms);
	if (fds[1].revents)
		t->stop |= common_signals_read(t->signal_fd, SIGCHLD, NULL);
	t->stop |= (fds[4].revents & POLLERR) != 0;
	links_follow(t, t->link_fd >= 0 && fds[2].revents);
	if (fds[3].revents)
		input_read(t);
	return tracer_poll(t->tracer, 0, record_take, t);
}

/* The command has ended: late drops still count, and packets that wait for an address are waited for. */
static void grace(struct trace *t)
{
	uint64_t end = common_now(), now;

	t->stop = false;
	do {
		records_poll(t, 10);
		now = common_now();
	} while (!t->stop && (now < end + GRACE_NS || ((journey_table_pending(t->journeys) ||
							unresolved_any(&t->unresolved)) &&
						       now < end + GRACE_MAX_NS)));
}

static void loop(struct trace *t)
{
	const struct trace_options *o = t->options;
	uint64_t now = common_now();

	while (!t->stop) {
		records_poll(t, TICK_MS);
		now = common_now();
		journey_table_expire(t->journeys, now);
		if (t->child > 0) {
			t->child_status = run_status(t->child);
			if (t->child_status >= 0)
				break;
		} else if (t->last_journey_ns && now - t->last_journey_ns > FLUSH_QUIET_NS) {
			printer_flush(t->printer);
			t->last_journey_ns = 0;
		}
		if (o->duration_ns && now - t->started_ns >= o->duration_ns)
			break;
		if (printer_error(t->printer))
			break; /* nobody reads us any more */
	}
	if (t->child > 0 && t->child_status < 0) {
		kill(t->child, SIGTERM);
		for (int i = 0; i < 100 && t->child_status < 0; i++) {
			records_poll(t, 10);
			t->child_status = run_status(t->child);
		}
		if (t->child_status < 0) {
			kill(t->child, SIGKILL);
			t->child_status = 128 + SIGKILL;
		}
	}
	if (t->child > 0 && t->child_status >= 0)
		grace(t);
	while (tracer_poll(t->tracer, 0, record_take, t) > 0)
		;
}

int trace_run(struct trace *t, struct error *error)
{
	struct session *s = &t->session;
	struct tracer_options options = {.filter = t->filter,
					 .ring_bytes = t->options->ring_bytes,
					 .probes = t->options->probes};
	struct resolv_conf resolv = {};
	uint64_t began = common_now();
	int err;

	t->signal_fd = common_signals(SIGCHLD);
	t->link_fd = link_watch_open();
	options.refusals = s->subject_netns != 0;
	options.config.min_len = t->options->min_len;
	err = attach_start(s, &options, &t->options->devices, &t->tracer, error);
	if (err)
		return err;
	kernel_names_types(t->kernel_names, tracer_types(t->tracer));
	/* until the last device was attached, what passed was seen on some of them only */
	journey_table_unseen(t->journeys, began, common_now());
	attach_facts_before(s);
	start_print(t);
	t->started_ns = common_now();
	follow_start(&t->follow, s, t->started_ns);
	if (t->options->command) {
		if (s->pod)
			s->facts->reader->resolv_conf(s->facts, s->pod, &resolv);
		t->child = run_start(t->options->command, s->subject_path,
				     resolv.path[0] ? resolv.path : NULL, error);
		if (t->child < 0)
			return t->child;
	}
	loop(t);
	/* before the devices are let go one by one: what then passes is seen on some of them only */
	journey_table_finish(t->journeys, common_now());
	tracer_detach(t->tracer);
	kernel_names_rest(t->kernel_names); /* thousands of rules may be read next */
	return 0;
}
