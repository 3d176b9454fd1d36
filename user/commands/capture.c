/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching for a subject, reading records, and the diagnosis at the end.
 */
#include "commands/capture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "commands/account.h"
#include "commands/attach.h"
#include "commands/common.h"
#include "diagnose/drop_class.h"
#include "diagnose/drop_reason.h"
#include "node/link_watch.h"

#define MAX_EXTRA_FDS 512

uint64_t capture_now(void)
{
	return common_now();
}

static void journey_closed(void *context, const struct journey *journey)
{
	struct capture *c = context;
	struct journey copy = *journey;

	if (c->wanted && !c->wanted(c->context, journey))
		return;
	flow_table_add(c->flows, journey, &copy.flow_id);
	if (c->closed)
		c->closed(c->context, &copy);
}

static void drop_named(void *context, struct drop *drop)
{
	struct capture *c = context;
	const char *why;

	kernel_name_drop(c->kernel_names, drop);
	drop_derive(drop);
	drop->benign = drop_is_benign(drop, &why);
	drop_sift(drop);
}

static int tables_new(struct capture *c, const struct capture_options *options, struct error *error)
{
	struct journey_config config = {
		.topology = &c->session->topology,
		.closed = journey_closed,
		.name_drop = drop_named,
		.context = c,
	};
	int err;

	if (options->expression) {
		err = filter_compile(options->expression, &c->filter, error);
		if (err)
			return err;
	}
	c->kernel_names = kernel_names_new();
	c->flows = flow_table_new(&c->session->topology, options->max_flows);
	c->journeys = journey_table_new(&config);
	if (!c->kernel_names || !c->flows || !c->journeys)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

int capture_start(struct capture *c, struct session *session, const struct capture_options *options,
		  struct error *error)
{
	struct tracer_options tracing = {.ring_bytes = options->ring_bytes,
					 .probes = options->probes};
	uint64_t began = common_now();
	int err;

	c->session = session;
	c->signal_fd = common_signals(0);
	c->link_fd = link_watch_open();
	err = tables_new(c, options, error);
	tracing.filter = c->filter;
	if (!err)
		err = attach_start(session, &tracing, NULL, &c->tracer, error);
	if (err)
		return err;
	kernel_names_types(c->kernel_names, tracer_types(c->tracer));
	/* until the last device was attached, what passed was seen on some of them only */
	journey_table_unseen(c->journeys, began, common_now());
	attach_facts_before(session);
	c->started_ns = common_now();
	follow_start(&c->follow, session, c->started_ns);
	return 0;
}

static int record_take(void *context, const void *bytes, size_t size)
{
	struct capture *c = context;

	c->subject_records++;
	journey_table_add(c->journeys, bytes, size);
	return 0;
}

static void link_changed(void *context, uint32_t ifindex, bool gone)
{
	struct capture *c = context;

	if (gone)
		tracer_forget_device(c->tracer, ifindex);
	follow_link(&c->follow, c->session, ifindex, gone, common_now());
}

/* `told`: the kernel has something to say about devices. */
static void links_follow(struct capture *c, bool told)
{
	uint64_t now = common_now(), since;

	if (told && link_watch_read(c->link_fd, link_changed, c))
		follow_changed(&c->follow, now);
	if (!follow_due(&c->follow, c->session, now))
		return;
	attach_refresh(c->session, c->tracer, NULL);
	since = follow_unseen(&c->follow);
	if (since)
		journey_table_unseen(c->journeys, since, common_now());
	follow_looked(&c->follow, c->session, now, common_now());
}

void capture_wait(struct capture *c, struct pollfd *extra, size_t count, int timeout_ms)
{
	struct pollfd fds[MAX_EXTRA_FDS + 3];

	if (count > MAX_EXTRA_FDS)
		count = MAX_EXTRA_FDS;
	fds[0] = (struct pollfd){.fd = tracer_fd(c->tracer), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = c->signal_fd, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = c->link_fd, .events = POLLIN};
	if (count)
		memcpy(&fds[3], extra, count * sizeof(*extra));
	poll(fds, count + 3, timeout_ms);
	if (count)
		memcpy(extra, &fds[3], count * sizeof(*extra));
	if (fds[1].revents)
		c->stop |= common_signals_read(c->signal_fd, 0, NULL);
	links_follow(c, fds[2].revents);
}

void capture_take(struct capture *c)
{
	tracer_poll(c->tracer, 0, record_take, c);
	journey_table_expire(c->journeys, common_now());
}

void capture_stop(struct capture *c)
{
	while (tracer_poll(c->tracer, 0, record_take, c) > 0)
		;
	journey_table_finish(c->journeys, common_now());
	tracer_detach(c->tracer);
}

void capture_diagnose(struct capture *c, struct printer *printer, struct finding_list *list)
{
	struct session *s = c->session;
	struct hook_totals totals[COUNTER_HOOKS] = {};
	struct summary_info sofar = {};
	struct diagnosis diagnosis = {
		.flows = c->flows,
		.facts = s->facts,
		.topology = &s->topology,
		.command_status = -1,
		.subject_netns = s->subject_netns,
		.subject_pod = s->pod,
		.subject_records = c->subject_records,
	};

	account_take(c->tracer, totals, &sofar);
	diagnosis.complete = sofar.complete;
	diagnosis.forgotten = account_forgotten(&sofar);
	kernel_names_rest(c->kernel_names);
	facts_forget(s->facts, ~0u);
	flow_table_settle(c->flows, UINT64_MAX);
	printer_flush(printer);
	array_each(refusal, &c->flows->refusals)
		printer_print(printer, document_refusal(refusal, &s->names));
	diagnose(&diagnosis, list);
}

void capture_findings(struct capture *c, struct printer *printer, const struct finding_list *list)
{
	array_each(finding, &list->findings)
		printer_print(printer, document_finding(*finding, &c->session->names));
}

void capture_summary(struct capture *c, struct printer *printer, const struct finding_list *list,
		     int exit_status)
{
	struct hook_totals totals[COUNTER_HOOKS];
	struct summary_info summary = {
		.journeys = journey_table_counts(c->journeys),
		.command_status = -1,
		.duration_ns = common_now() - c->started_ns,
		.flows = c->flows->flows.count,
		.flows_dropped = c->flows->flows_dropped,
		.exit_status = exit_status,
	};
	const char *gap = kernel_names_gap(c->kernel_names);

	account_take(c->tracer, totals, &summary);
	array_each(finding, &list->findings) {
		summary.findings_error += (*finding)->severity == SEVERITY_ERROR;
		summary.findings_warning += (*finding)->severity == SEVERITY_WARNING;
		summary.findings_info += (*finding)->severity == SEVERITY_INFO;
	}
	printer_print(printer, document_summary(&summary, &c->session->names));
	fflush(stdout);
	if (gap)
		fprintf(stderr, "cnitrace: %s\n", gap);
	array_each(sentence, &c->session->facts->gaps)
		fprintf(stderr, "cnitrace: %s\n", *sentence);
}

void capture_free(struct capture *c)
{
	journey_table_free(c->journeys);
	flow_table_free(c->flows);
	kernel_names_free(c->kernel_names);
	tracer_close(c->tracer);
	filter_free(c->filter);
	if (c->signal_fd > 0)
		close(c->signal_fd);
	if (c->link_fd > 0)
		close(c->link_fd);
}
