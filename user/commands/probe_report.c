// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a probe shows: the table while it runs, and the report at its end.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "commands/probe.h"
#include "commands/probe_mtu.h"
#include "commands/probe_server.h"
#include "diagnose/probe_loss.h"

static void tables_print(struct probe *p)
{
	array_each(t, &p->targets) {
		for (unsigned i = 0; i < t->table.row_count; i++)
			printer_print(p->printer, document_hop_stats(&t->result, &t->table, i,
								     &p->session.names));
		printer_print(p->printer, document_probe(&t->result, &t->table, &p->session.names));
	}
}

/* On the terminal's second screen, so that the report at the end finds the first as it was. */
void probe_draw(struct probe *p)
{
	fputs("\033[?1049h\033[H\033[J", stdout);
	tables_print(p);
	fflush(stdout);
}

/* What the rules of a trace cannot know: which packets the probe sent, and which of them owed an answer. */
static void own_findings(struct probe *p, struct finding_list *list)
{
	struct diagnosis diagnosis = {.flows = p->capture.flows,
				      .facts = p->session.facts,
				      .topology = &p->session.topology,
				      .subject_netns = p->session.subject_netns,
				      .subject_pod = p->session.pod};

	array_each(t, &p->targets) {
		struct tuple flow = {.src = t->result.source,
				     .dst = t->result.address,
				     .dport = t->result.target.port,
				     .proto = probe_target_proto(t)};

		if (t->result.mtu)
			probe_mtu_finding(t->result.mtu, &diagnosis, flow, list);
		if (t->result.target.kind == TARGET_TCP)
			probe_servers_findings(p, t, &diagnosis, flow, list);
		if (t->result.target.kind != TARGET_MTU)
			probe_loss_findings(&t->table, &diagnosis, flow, list);
	}
}

/* Why answers came and yet no device saw them. */
static const char *unseen_text(const struct probe *p)
{
	return p->session.subject_netns
		       ? "no device of this node carried these packets"
		       : "no hop was seen: within the node, or to a Service that is not "
			 "kube-proxy's; probe from a pod, or the endpoint";
}

int probe_report(struct probe *p)
{
	struct finding_list list = {};
	int status;

	if (p->live) {
		fputs("\033[?1049l", stdout);
		fflush(stdout);
	}
	printer_flush(p->printer);
	array_each(t, &p->targets) {
		probe_search_judge(p, t);
		if (t->result.answered && !t->table.row_count)
			probe_note_add(&t->result, "%s", unseen_text(p));
	}
	tables_print(p);
	capture_diagnose(&p->capture, p->printer, &list);
	own_findings(p, &list);
	capture_findings(&p->capture, p->printer, &list);
	status = finding_list_has_error(&list) ? EXIT_FOUND : EXIT_OK;
	capture_summary(&p->capture, p->printer, &list, status);
	finding_list_free(&list);
	return status;
}
