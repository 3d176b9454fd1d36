/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a trace: facts as they are now, findings, summary, exit status.
 */
#include "commands/trace.h"

#include <stdio.h>

#include "commands/account.h"
#include "commands/answers.h"
#include "commands/common.h"

static void findings_print(struct trace *t, const struct finding_list *list,
			   struct summary_info *summary)
{
	array_each(finding, &list->findings) {
		if ((*finding)->severity == SEVERITY_ERROR)
			summary->findings_error++;
		else if ((*finding)->severity == SEVERITY_WARNING)
			summary->findings_warning++;
		else
			summary->findings_info++;
		printer_print(t->printer, document_finding(*finding, &t->session.names));
	}
}

static void gaps_print(const struct trace *t, unsigned hidden)
{
	const char *gap = kernel_names_gap(t->kernel_names);

	if (hidden)
		fprintf(stderr,
			"cnitrace: the filter does not match what answers %u of the flows: whether "
			"they are answered is not judged\n",
			hidden);
	if (gap)
		fprintf(stderr, "cnitrace: %s\n", gap);
	array_each(sentence, &t->session.facts->gaps)
		fprintf(stderr, "cnitrace: %s\n", *sentence);
}

int trace_report(struct trace *t)
{
	struct session *s = &t->session;
	struct hook_totals totals[COUNTER_HOOKS];
	struct finding_list list = {};
	unsigned hidden;
	struct summary_info summary = {
		.journeys = journey_table_counts(t->journeys),
		.command_status = t->child_status,
		.duration_ns = common_now() - t->started_ns,
		.flows = t->flows->flows.count,
		.flows_dropped = t->flows->flows_dropped,
	};
	struct diagnosis diagnosis = {
		.flows = t->flows,
		.facts = s->facts,
		.topology = &s->topology,
		.has_command = t->options->command != NULL,
		.command_status = t->child_status,
		.subject_netns = s->subject_netns,
		.subject_pod = s->pod,
		.subject_records = t->subject_records,
	};

	summary.selected = !selection_is_empty(&t->selection);
	summary.shown = t->shown;
	account_take(t->tracer, totals, &summary);
	diagnosis.complete = summary.complete;
	diagnosis.forgotten = account_forgotten(&summary);
	facts_forget(s->facts, ~0u);
	flow_table_settle(t->flows, UINT64_MAX);
	hidden = answers_mark(t->flows, t->filter);
	printer_flush(t->printer);
	array_each(refusal, &t->flows->refusals)
		printer_print(t->printer, document_refusal(refusal, &s->names));
	diagnose(&diagnosis, &list);
	findings_print(t, &list, &summary);
	summary.exit_status = finding_list_has_error(&list) ? EXIT_FOUND : EXIT_OK;
	printer_print(t->printer, document_summary(&summary, &s->names));
	fflush(stdout);
	gaps_print(t, hidden);
	finding_list_free(&list);
	return summary.exit_status;
}
