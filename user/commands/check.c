/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cnitrace check: the node's network as it is now and what is wrong with it, without a
 * single packet. Reads facts, lets the static rules judge, prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/common.h"
#include "commands/options.h"
#include "commands/session.h"
#include "diagnose/check.h"
#include "node/pods.h"
#include "output/document_node.h"
#include "output/printer.h"

struct check_options {
	const char *root, *colour;
	bool json;
};

static void findings_print(struct printer *printer, const struct finding_list *list,
			   const struct names *names, struct summary_info *summary)
{
	array_each(slot, &list->findings) {
		if ((*slot)->severity == SEVERITY_ERROR)
			summary->findings_error++;
		else if ((*slot)->severity == SEVERITY_WARNING)
			summary->findings_warning++;
		else
			summary->findings_info++;
		printer_print(printer, document_finding(*slot, names));
	}
}

/* Judges and prints. Returns the exit status. */
static int check_report(struct session *s, struct printer *printer, uint64_t started_ns,
			struct error *error)
{
	struct flow_table no_flows = {.topology = &s->topology};
	struct diagnosis diagnosis = {.flows = &no_flows,
				      .facts = s->facts,
				      .topology = &s->topology,
				      .complete = true,
				      .command_status = -1,
				      .check = true};
	struct finding_list list = {};
	struct check_view view;
	struct summary_info summary = {.command_status = -1};

	pods_read_mtus(s->facts);
	if (diagnose(&diagnosis, &list)) {
		finding_list_free(&list);
		error_set(error, -ENOMEM, "out of memory");
		return EXIT_FAILED;
	}
	check_view_make(&diagnosis, &view);
	printer_print(printer, document_node(&view, &list, &s->names));
	check_fold_pods(&list);
	findings_print(printer, &list, &s->names, &summary);
	summary.complete = !s->facts->gaps.count;
	summary.exit_status = finding_list_has_error(&list) ? EXIT_FOUND : EXIT_OK;
	summary.duration_ns = common_now() - started_ns;
	printer_print(printer, document_check_summary(&summary, &s->names));
	check_view_free(&view);
	finding_list_free(&list);
	return summary.exit_status;
}

static int check_start(const struct check_options *o, struct error *error)
{
	uint64_t started_ns = common_now();
	struct printer *printer = NULL;
	struct session session = {};
	int status = EXIT_USAGE;
	int err = common_printer("check", o->colour, o->json, &printer, error);

	if (!err) {
		err = session_open(&session, o->root, error);
		status = err == -ENOENT                    ? EXIT_USAGE
			 : err == -EPERM || err == -EACCES ? EXIT_UNABLE
							   : EXIT_FAILED;
	}
	if (!err)
		status = check_report(&session, printer, started_ns, error);
	if (!err && !error->code && common_printed(printer, error))
		status = EXIT_FAILED;
	printer_free(printer);
	if (session.facts)
		session_close(&session);
	return status;
}

static void help(const struct option_spec *specs)
{
	printf("usage: cnitrace check [options]\n\n"
	       "Draws this node's network as a tree, from the NIC to the pods, and says what is\n"
	       "wrong with it now. Sends and traces no packet, changes nothing.\n\n");
	options_help(stdout, specs);
	printf("\nexit status: 0 nothing of severity error, 10 at least one error\n");
}

int command_check(int argc, char **argv)
{
	struct check_options o = {};
	const struct option_spec specs[] = {
		{"json", 'j', OPTION_FLAG, &o.json, NULL, "JSON Lines on standard output"},
		{"root", 0, OPTION_TEXT, &o.root, "DIR",
		 "where the node's file system is seen (default /; /host in a pod)"},
		{"color", 0, OPTION_TEXT, &o.colour, "WHEN", "auto (default), always or never"},
		{},
	};
	struct arguments arguments;
	struct error error = {};
	int status = EXIT_USAGE;

	if (!options_parse("check", specs, argc, argv, &arguments, &error)) {
		if (arguments.help) {
			help(specs);
			status = EXIT_OK;
		} else if (arguments.words.count || arguments.command) {
			error_set(&error, -EINVAL, "check: takes no \"%s\"",
				  arguments.words.count ? arguments.words.items[0] : "--");
		} else {
			status = check_start(&o, &error);
		}
	}
	if (error.code)
		fprintf(stderr, "cnitrace: %s\n", error.text);
	arguments_free(&arguments);
	return status;
}
