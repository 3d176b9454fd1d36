/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From samples to findings: the samples of rows nobody has explained yet become journeys and
 * flows, and the same rules as in a trace judge them. The samples say which rows a finding
 * explains; its count is the rows', not the samples'.
 */
#include "commands/monitor.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose/drop_class.h"
#include "diagnose/drop_reason.h"
#include "output/document_drops.h"

#define JUDGE_WAIT_NS 2000000000ull /* samples gather so long before they are judged */
#define JUDGE_AGAIN_NS 60000000000ull /* a row that goes on is judged anew */
#define MAX_FLOWS 256

static void journey_closed(void *context, const struct journey *journey)
{
	struct monitor_run *run = context;
	uint64_t flow_id = 0;

	if (flow_table_add(run->flows, journey, &flow_id) || !flow_id || !journey->has_drop)
		return;
	for (size_t i = 0; i < run->judged_count; i++) {
		if (run->judged[i].time_ns == journey->drop.time_ns)
			run->judged[i].flow_id = flow_id;
	}
}

static void drop_named(void *context, struct drop *drop)
{
	struct monitor_run *run = context;

	kernel_name_drop(run->kernel_names, drop);
	drop_derive(drop);
	drop->benign = drop_is_benign(drop, NULL);
}

int monitor_findings_open(struct monitor_run *run, struct error *error)
{
	struct journey_config config = {
		.topology = &run->session.topology,
		.max_open = MONITOR_MAX_JUDGED,
		.max_bytes = 1 << 20,
		.closed = journey_closed,
		.name_drop = drop_named,
		.context = run,
	};

	run->flows = flow_table_new(&run->session.topology, MAX_FLOWS);
	run->journeys = journey_table_new(&config);
	run->judged_count = 0;
	if (!run->flows || !run->journeys)
		return error_set(error, -12, "out of memory");
	return 0;
}

void monitor_findings_close(struct monitor_run *run)
{
	journey_table_free(run->journeys);
	flow_table_free(run->flows);
	run->journeys = NULL;
	run->flows = NULL;
}

void monitor_judge_sample(struct monitor_run *run, struct watch_row *row, const void *record,
			  size_t size)
{
	const struct record *r = record;

	if (!row->named || row->elsewhere || row->benign || run->judged_count == MONITOR_MAX_JUDGED)
		return;
	if (row->diagnosed_ns && r->time_ns < row->diagnosed_ns + JUDGE_AGAIN_NS)
		return;
	if (journey_table_add(run->journeys, record, size))
		return;
	if (!run->judged_count)
		run->judged_ns = r->time_ns;
	run->judged[run->judged_count++] =
		(struct judged_sample){.time_ns = r->time_ns, .key = row->key};
}

/* What the rules counted until now is where the next judgement begins. */
static void facts_become_before(struct facts *facts)
{
	array_each(at, &facts->namespaces) {
		struct netns_facts *ns = *at;

		if (ns->known & FACT_CONNTRACK) {
			ns->conntrack_before = ns->conntrack;
			ns->has_conntrack_before = true;
		}
	}
}

static bool finding_has_flow(const struct finding *finding, uint64_t flow_id)
{
	if (finding->flow_id == flow_id)
		return true;
	array_each(id, &finding->flows) {
		if (*id == flow_id)
			return true;
	}
	return false;
}

/* Which rows does finding `id` explain? Those whose samples are in its flows. */
static void finding_rows(struct monitor_run *run, const struct finding *finding, uint64_t id)
{
	for (size_t i = 0; id && i < run->judged_count; i++) {
		const struct judged_sample *sample = &run->judged[i];
		struct watch_row *row;

		if (!sample->flow_id || !finding_has_flow(finding, sample->flow_id))
			continue;
		row = watch_row_of(run->watch, &sample->key);
		if (row)
			watch_row_cause(row, id, 1);
	}
}

static void rows_judged(struct monitor_run *run, uint64_t now_ns)
{
	for (size_t i = 0; i < run->judged_count; i++) {
		struct watch_row *row = watch_row_of(run->watch, &run->judged[i].key);

		if (!row)
			continue;
		row->diagnosed_ns = now_ns;
		watch_row_forget_causes(row);
	}
}

static void findings_take(struct monitor_run *run, struct finding_list *list, uint64_t now_ns)
{
	size_t count = list->findings.count;
	struct finding **findings = list->findings.items;
	uint64_t *ids = calloc(count ? count : 1, sizeof(*ids));

	if (!ids)
		return;
	rows_judged(run, now_ns);
	/* the list's array stays while its findings change hands */
	watch_findings_take(run->watch, list, now_ns, ids);
	for (size_t i = 0; i < count; i++) {
		if (ids[i])
			finding_rows(run, findings[i], ids[i]);
	}
	free(ids);
}

void monitor_findings_judge(struct monitor_run *run, uint64_t now_ns)
{
	struct session *s = &run->session;
	struct finding_list list = {};
	struct error error = {};
	struct diagnosis diagnosis = {
		.facts = s->facts,
		.topology = &s->topology,
		.command_status = -1,
		.drops_only = true,
		.subject_netns = s->subject_netns,
		.subject_pod = s->pod,
	};

	if (!run->judged_count || now_ns < run->judged_ns + JUDGE_WAIT_NS)
		return;
	journey_table_flush(run->journeys);
	flow_table_settle(run->flows, UINT64_MAX);
	facts_forget(s->facts, ~(FACT_LINKS | FACT_ADDRESSES));
	diagnosis.flows = run->flows;
	diagnosis.subject_records = run->judged_count;
	if (!diagnose(&diagnosis, &list))
		findings_take(run, &list, now_ns);
	finding_list_free(&list);
	facts_become_before(s->facts);
	facts_forget(s->facts, ~(FACT_LINKS | FACT_ADDRESSES));
	monitor_findings_close(run);
	if (monitor_findings_open(run, &error))
		run->stop = true;
}

static void finding_counted(struct monitor_run *run, const struct finding *finding)
{
	run->findings_error += finding->severity == SEVERITY_ERROR;
	run->findings_warning += finding->severity == SEVERITY_WARNING;
	run->findings_info += finding->severity == SEVERITY_INFO;
}

/* New ones are told at once; `interval`: also what goes on, and what is over. */
void monitor_findings_tell(struct monitor_run *run, uint64_t now_ns, bool interval)
{
	struct watch *watch = run->watch;

	watch_explain(watch);
	watch_findings_expire(watch, now_ns, run->options->hold_ns);
	for (size_t i = 0; i < watch->findings.count;) {
		struct watch_finding *finding = &watch->findings.items[i];
		bool over = finding->state == WATCH_OVER,
		     new = !finding->said_count && finding->state == WATCH_NEW;

		if (new)
			finding_counted(run, finding->finding);
		if (new || over || (interval && finding->finding->count != finding->said_count)) {
			if (!run->screen)
				printer_print(run->printer,
					      document_watch_finding(finding, &run->session.names));
			finding->said_count = finding->finding->count;
		}
		if (over) {
			watch_finding_remove(watch, finding->id);
			continue;
		}
		finding->state = WATCH_UPDATE;
		i++;
	}
}
