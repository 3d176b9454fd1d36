/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cnitrace trace: reads the options and builds what trace_run.c then runs.
 */
#include "commands/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/run.h"
#include "diagnose/drop_class.h"
#include "diagnose/drop_reason.h"
#include "kernel/filter.h"
#include "kernel/probe_list.h"

static void help(const struct option_spec *specs)
{
	printf("usage: cnitrace trace [FILTER] [options] [-- COMMAND ...]\n\n"
	       "Traces packets through this node's devices and the kernel's drop paths, prints "
	       "each\n"
	       "packet's journey, then what is wrong and how to mend it.\n\n"
	       "FILTER is a pcap-filter expression (tcpdump's language); it is matched on the "
	       "packet\n"
	       "inside VXLAN, GENEVE and IPIP, on the outer one, and on what an ICMP error "
	       "quotes.\n"
	       "Without FILTER, --pod or --netns every packet is traced. ARP is shown where it is\n"
	       "dropped, or where FILTER asks for it (arp, ether host MAC). What FILTER hides of "
	       "a\n"
	       "conversation is not judged.\n"
	       "--verdict and --reason choose which journeys are shown; findings and summary "
	       "count all.\n"
	       "With -- COMMAND, COMMAND runs in the pod's network namespace once everything is\n"
	       "attached, and the trace ends with it; else --duration, --count or Ctrl-C end "
	       "it.\n\n");
	options_help(stdout, specs);
	printf("\nexit status: 0 no fault found, 1 cnitrace failed, 2 bad usage, 3 this kernel or "
	       "these\n"
	       "privileges cannot run it, 10 at least one finding of severity error\n\n"
	       "  cnitrace trace --pod default/busybox -- ping -c 3 10.244.2.10\n"
	       "  cnitrace trace 'tcp port 80 and host 10.96.0.20' --duration 30s --json\n");
}

static void journey_closed(void *context, const struct journey *journey)
{
	struct trace *t = context;
	struct journey copy = *journey;

	flow_table_add(t->flows, journey, &copy.flow_id);
	if (!selection_wants(&t->selection, journey))
		return;
	printer_print(t->printer, document_journey(&copy, &t->session.names));
	t->last_journey_ns = common_now();
	t->shown++;
	if (t->options->count && t->shown >= t->options->count)
		t->stop = true;
}

static void drop_named(void *context, struct drop *drop)
{
	struct trace *t = context;
	const char *why;

	kernel_name_drop(t->kernel_names, drop);
	drop_derive(drop);
	drop->benign = drop_is_benign(drop, &why);
	drop_sift(drop);
}

static int tables_new(struct trace *t, struct error *error)
{
	struct journey_config config = {
		.topology = &t->session.topology,
		.tells_arp = t->filter && filter_is_ether(t->filter),
		.closed = journey_closed,
		.name_drop = drop_named,
		.context = t,
	};

	t->kernel_names = kernel_names_new();
	t->flows = flow_table_new(&t->session.topology, TRACE_MAX_FLOWS);
	t->journeys = journey_table_new(&config);
	if (!t->kernel_names || !t->flows || !t->journeys)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

/* Everything that can be wrong in what the user typed, before anything is loaded. */
static int usage_check(struct trace *t, struct error *error)
{
	const struct trace_options *o = t->options;
	int err;

	if (probe_list_check(o->probes, error))
		return -EINVAL;
	if (common_ring("trace", o->ring_bytes, error) ||
	    common_min_len("trace", o->min_len, error))
		return -EINVAL;
	array_each(words, &o->verdicts.texts) {
		if (selection_add_verdicts(&t->selection, "trace", *words, error))
			return -EINVAL;
	}
	array_each(words, &o->reasons.texts) {
		if (selection_add_reasons(&t->selection, "trace", *words, error))
			return -EINVAL;
	}
	if (o->expression) {
		err = filter_compile(o->expression, &t->filter, error);
		if (err)
			return err;
	}
	if (o->command) {
		err = run_check(o->command, error);
		if (err)
			return err;
	}
	return common_printer("trace", o->colour, o->json, &t->printer, error);
}

static void trace_free(struct trace *t)
{
	printer_free(t->printer);
	journey_table_free(t->journeys);
	flow_table_free(t->flows);
	kernel_names_free(t->kernel_names);
	tracer_close(t->tracer);
	filter_free(t->filter);
	free(t->command_line);
	if (t->session.facts)
		session_close(&t->session);
}

static int trace_start(struct trace *t, struct error *error)
{
	const struct trace_options *o = t->options;
	int err = usage_check(t, error);

	if (err)
		return EXIT_USAGE;
	err = common_session(&t->session, o->root, o->pod, o->netns, false, error);
	if (err)
		return err;
	if (tables_new(t, error))
		return EXIT_FAILED;
	if (common_reasons("trace", t->kernel_names, &t->selection, error))
		return EXIT_USAGE;
	err = trace_run(t, error);
	if (!err)
		return EXIT_OK;
	return err == -EPERM || err == -EOPNOTSUPP ? EXIT_UNABLE
	       : err == -ENODEV || err == -EINVAL  ? EXIT_USAGE
						   : EXIT_FAILED;
}

int command_trace(int argc, char **argv)
{
	struct trace_options o = {};
	const struct option_spec specs[] = {
		{"pod", 'p', OPTION_TEXT, &o.pod, "NS/NAME", "only packets of this pod"},
		{"netns", 'n', OPTION_TEXT, &o.netns, "NAME|PATH|PID",
		 "only packets of this network namespace"},
		{"device", 'd', OPTION_LIST, &o.devices, "NAME",
		 "trace on these devices only (repeatable, shell pattern)"},
		{"min-len", 0, OPTION_NUMBER, &o.min_len, "N",
		 "only packets of at least N bytes, from their own IP header on"},
		{"verdict", 0, OPTION_LIST, &o.verdicts, "NAME",
		 "show only journeys that end so: delivered,left-node,dropped,rejected,vanished"},
		{"reason", 0, OPTION_LIST, &o.reasons, "NAME",
		 "show only journeys dropped for this reason (repeatable, shell pattern)"},
		{"duration", 't', OPTION_DURATION, &o.duration_ns, "TIME",
		 "end after 30s, 500ms, 5m …"},
		{"count", 'c', OPTION_NUMBER, &o.count, "N", "end after N journeys"},
		{"until-eof", 0, OPTION_FLAG, &o.until_eof, NULL,
		 "end when standard input does (kubectl exec -i, ssh)"},
		{"json", 'j', OPTION_FLAG, &o.json, NULL, "JSON Lines on standard output"},
		{"root", 0, OPTION_TEXT, &o.root, "DIR",
		 "where the node's file system is seen (default /; /host in a pod)"},
		{"ring", 0, OPTION_SIZE, &o.ring_bytes, "SIZE",
		 "ring buffer, a power of two (default 4M)"},
		{"probes", 0, OPTION_TEXT, &o.probes, "LIST",
		 "only these probes or ways, as doctor names them: tc, netif_receive_skb, "
		 "net_dev_queue, kfree_skb, sys_exit, tcx, clsact, tp_btf, raw_tp, tracepoint, "
		 "fentry, kprobe, nft-chain …"},
		{"color", 0, OPTION_TEXT, &o.colour, "WHEN", "auto (default), always or never"},
		{},
	};
	struct trace t = {
		.options = &o, .child = -1, .child_status = -1, .signal_fd = -1, .link_fd = -1};
	struct arguments arguments;
	struct error error = {};
	int status = EXIT_USAGE;

	if (options_parse("trace", specs, argc, argv, &arguments, &error))
		goto out;
	if (arguments.help) {
		help(specs);
		arguments_free(&arguments);
		return EXIT_OK;
	}
	o.command = arguments.command;
	if (arguments.words.count)
		o.expression = common_words(arguments.words.items, arguments.words.count);
	if (o.command) {
		size_t n = 0;

		while (o.command[n])
			n++;
		t.command_line = common_words((const char *const *)o.command, n);
	}
	status = trace_start(&t, &error);
	if (status == EXIT_OK)
		status = trace_report(&t);
	if (t.printer && !error.code && common_printed(t.printer, &error))
		status = EXIT_FAILED;
out:
	if (error.code)
		fprintf(stderr, "cnitrace: %s\n", error.text);
	trace_free(&t);
	array_free(&o.devices.texts);
	array_free(&o.reasons.texts);
	array_free(&o.verdicts.texts);
	free(o.expression);
	arguments_free(&arguments);
	return status;
}
