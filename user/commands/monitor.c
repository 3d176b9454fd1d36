/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cnitrace monitor: reads the options and builds what monitor_run.c then runs.
 */
#include "commands/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "diagnose/watch_counters.h"
#include "kernel/probe_list.h"
#include "output/http.h"
#include "output/screen.h"

#define INTERVAL_DEFAULT 10000000000ull
#define INTERVAL_LEAST 100000000ull
#define HOLD_DEFAULT 60000000000ull
#define SAMPLES_DEFAULT 4
#define PODS_DEFAULT 256

static void help(const struct option_spec *specs)
{
	printf("usage: cnitrace monitor [FILTER] [options]\n\n"
	       "Counts the packets this node's kernel drops, in all of the node's network "
	       "namespaces,\n"
	       "for as long as it runs, and says what is wrong and how to mend it. Harmless drops "
	       "are\n"
	       "counted apart. Packets that are not dropped cost nothing.\n\n"
	       "FILTER (tcpdump's language), --min-len, --pod and --netns restrict what is "
	       "counted. With one "
	       "of them\n"
	       "each dropped packet's headers are parsed before it is counted, which costs some "
	       "times more\n"
	       "per drop than counting alone.\n\n");
	options_help(stdout, specs);
	printf("\nOn a terminal it is a live screen, whose last line says the keys. Where the\n"
	       "terminal cannot show one (TERM=dumb or unset), it is lines of text.\n"
	       "SIGUSR1 prints the last example packets of every row; on the live screen it does\n"
	       "nothing, there enter shows them. SIGTERM and Ctrl-C end it with a summary.\n\n"
	       "exit status: 0 no fault found, 1 cnitrace failed, 2 bad usage, 3 this kernel or "
	       "these\n"
	       "privileges cannot run it, 10 at least one finding of severity error\n\n"
	       "  cnitrace monitor\n"
	       "  cnitrace monitor --json --interval 10s --listen 127.0.0.1:9435\n");
}

static int usage_check(struct monitor_run *run, struct error *error)
{
	const struct monitor_run_options *o = run->options;

	if (probe_list_check(o->probes, error))
		return -EINVAL;
	if (common_ring("monitor", o->ring_bytes, error) ||
	    common_min_len("monitor", o->min_len, error))
		return -EINVAL;
	array_each(words, &o->reasons.texts) {
		if (selection_add_reasons(&run->selection, "monitor", *words, error))
			return -EINVAL;
	}
	if (o->interval_ns < INTERVAL_LEAST)
		return error_set(error, -EINVAL, "monitor: --interval takes 100ms or more");
	if (o->rows > MONITOR_KEYS)
		return error_set(error, -EINVAL, "monitor: --rows takes at most %u", MONITOR_KEYS);
	if (o->samples > 1000 || o->max_pods > 100000)
		return error_set(error, -EINVAL,
				 "monitor: --samples takes at most 1000, --max-pods 100000");
	if (o->expression && filter_compile(o->expression, &run->filter, error))
		return -EINVAL;
	if (common_colour("monitor", o->colour, &run->colour, error))
		return -EINVAL;
	return common_printer("monitor", o->colour, o->json, &run->printer, error);
}

static void run_free(struct monitor_run *run)
{
	screen_close(run->screen);
	http_close(run->http);
	printer_free(run->printer);
	watch_counters_free(run->counters);
	monitor_findings_close(run);
	watch_free(run->watch);
	kernel_names_free(run->kernel_names);
	monitor_close(run->kernel);
	filter_free(run->filter);
	array_free(&run->namespaces);
	array_free(&run->present);
	array_free(&run->past);
	monitor_rows_held_free(run);
	if (run->session.facts)
		session_close(&run->session);
}

static int run_start(struct monitor_run *run, struct error *error)
{
	const struct monitor_run_options *o = run->options;
	int err = usage_check(run, error);

	if (err)
		return EXIT_USAGE;
	err = common_session(&run->session, o->root, o->pod, o->netns, true, error);
	if (err)
		return err;
	run->kernel_names = kernel_names_new();
	run->watch = watch_new(o->max_pods);
	run->counters = watch_counters_new();
	if (!run->kernel_names || !run->watch || !run->counters) {
		error_set(error, -ENOMEM, "out of memory");
		return EXIT_FAILED;
	}
	if (common_reasons("monitor", run->kernel_names, &run->selection, error))
		return EXIT_USAGE;
	kernel_names_keep(run->kernel_names);
	if (monitor_findings_open(run, error))
		return EXIT_FAILED;
	return monitor_run(run, error);
}

int command_monitor(int argc, char **argv)
{
	struct monitor_run_options o = {.interval_ns = INTERVAL_DEFAULT,
					.hold_ns = HOLD_DEFAULT,
					.samples = SAMPLES_DEFAULT,
					.max_pods = PODS_DEFAULT};
	const struct option_spec specs[] = {
		{"pod", 'p', OPTION_TEXT, &o.pod, "NS/NAME", "only packets of this pod"},
		{"netns", 'n', OPTION_TEXT, &o.netns, "NAME|PATH|PID",
		 "only packets of this network namespace"},
		{"min-len", 0, OPTION_NUMBER, &o.min_len, "N",
		 "only packets of at least N bytes, from their own IP header on"},
		{"reason", 0, OPTION_LIST, &o.reasons, "NAME",
		 "only drops for this reason (repeatable, shell pattern)"},
		{"interval", 'i', OPTION_DURATION, &o.interval_ns, "TIME",
		 "tell what came so often (default 10s)"},
		{"duration", 't', OPTION_DURATION, &o.duration_ns, "TIME",
		 "end after 30s, 5m, 2h …"},
		{"all", 'a', OPTION_FLAG, &o.all, NULL, "benign drops row by row too"},
		{"hold", 0, OPTION_DURATION, &o.hold_ns, "TIME",
		 "a finding is over when quiet so long (default 60s)"},
		{"samples", 0, OPTION_NUMBER, &o.samples, "N",
		 "example packets per kind, CPU and second (default 4)"},
		{"listen", 0, OPTION_TEXT, &o.listen, "ADDR:PORT",
		 "serve /metrics /healthz /readyz /drops; \":PORT\" is loopback"},
		{"rows", 0, OPTION_NUMBER, &o.rows, "N",
		 "kinds of drops told apart (default 8192); the rest is one number"},
		{"max-pods", 0, OPTION_NUMBER, &o.max_pods, "N",
		 "pods with a metric of their own (default 256)"},
		{"lines", 0, OPTION_FLAG, &o.plain, NULL,
		 "lines of text instead of the live screen on a terminal"},
		{"json", 'j', OPTION_FLAG, &o.json, NULL, "JSON Lines on standard output"},
		{"root", 0, OPTION_TEXT, &o.root, "DIR",
		 "where the node's file system is seen (default /; /host in a pod)"},
		{"ring", 0, OPTION_SIZE, &o.ring_bytes, "SIZE",
		 "ring buffer for examples, a power of two (default 1M)"},
		{"probes", 0, OPTION_TEXT, &o.probes, "LIST", "only these ways: tp_btf,raw_tp"},
		{"color", 0, OPTION_TEXT, &o.colour, "WHEN", "auto (default), always or never"},
		{},
	};
	struct monitor_run *run = calloc(1, sizeof(*run));
	struct arguments arguments;
	struct error error = {};
	int status = EXIT_USAGE;

	if (!run) {
		fprintf(stderr, "cnitrace: out of memory\n");
		return EXIT_FAILED;
	}
	run->options = &o;
	run->signal_fd = run->link_fd = -1;
	if (options_parse("monitor", specs, argc, argv, &arguments, &error))
		goto out;
	if (arguments.help) {
		help(specs);
		status = EXIT_OK;
		goto out;
	}
	if (arguments.command) {
		error_set(&error, -EINVAL,
			  "monitor: runs no command; \"cnitrace trace\" takes \"-- COMMAND\"");
		goto out;
	}
	if (arguments.words.count)
		o.expression = common_words(arguments.words.items, arguments.words.count);
	status = run_start(run, &error);
out:
	if (error.code)
		fprintf(stderr, "cnitrace: %s\n", error.text);
	run_free(run);
	free(o.expression);
	array_free(&o.reasons.texts);
	arguments_free(&arguments);
	free(run);
	return status;
}
