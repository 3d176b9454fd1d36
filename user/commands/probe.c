// SPDX-License-Identifier: GPL-2.0-only
/*
 * cnitrace probe: reads options and targets, resolves names, and hands over to probe_run.c.
 */
#include "commands/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/probe_dns.h"
#include "commands/probe_listen.h"
#include "kernel/probe_list.h"
#include "node/files.h"

#define COUNT_DEFAULT 10
#define INTERVAL_DEFAULT_NS 200000000ull
#define TIMEOUT_DEFAULT_NS 1000000000ull

static void help(const struct option_spec *specs)
{
	printf("usage: cnitrace probe TARGET... [options]\n\n"
	       "Sends test packets from a pod (or from the node) while they are traced, and shows "
	       "where\n"
	       "on this node they and their answers pass, how long each step takes, and where they "
	       "are\n"
	       "lost.\n\n"
	       "TARGET is one of\n"
	       "  icmp://HOST[?size=N&df=1]    echo requests, as ping sends (also: HOST)\n"
	       "  tcp://HOST:PORT              connections, closed at once (also: HOST:PORT)\n"
	       "  udp://HOST:PORT[?size=N]     datagrams\n"
	       "  dns://[SERVER]/NAME[?type=T] look-ups as the pod's C library makes them\n"
	       "  mtu://HOST                   the largest packet that passes, and why no larger "
	       "one\n\n"
	       "Names are resolved with the pod's resolv.conf. Nothing but the targets is sent "
	       "to.\n\n");
	options_help(stdout, specs);
	printf("\nexit status: 0 no fault found, 1 cnitrace failed, 2 bad usage, 3 this kernel or "
	       "these\n"
	       "privileges cannot run it, 10 at least one finding of severity error\n\n"
	       "  cnitrace probe --pod default/busybox tcp://10.96.0.20:80 icmp://10.244.2.10\n"
	       "  cnitrace probe --pod default/busybox mtu://web dns:///web.default\n"
	       "  cnitrace probe --from default/a --to default/b --listen 8080\n");
}

static int target_add(struct probe *p, const char *text, struct error *error)
{
	struct target parsed;
	struct probe_target *t;
	int err = target_parse(text, &parsed, error);

	if (err)
		return err;
	if (p->targets.count == PROBE_MAX_TARGETS)
		return error_set(error, -EINVAL, "probe: at most %d targets", PROBE_MAX_TARGETS);
	t = array_push(&p->targets);
	if (!t)
		return error_set(error, -ENOMEM, "out of memory");
	t->result.target = parsed;
	t->fd = -1;
	return 0;
}

/* One target a line; "#" begins a comment. */
static int targets_read(struct probe *p, const char *path, struct error *error)
{
	char *text = NULL, *next = NULL;
	int err = file_read("", path, FILE_MAX, &text, NULL);

	if (err)
		return error_set(error, err, "probe: --targets %s: %s", path, strerror(-err));
	for (char *line = strtok_r(text, "\r\n", &next); line && !err;
	     line = strtok_r(NULL, "\r\n", &next)) {
		char *end;

		line[strcspn(line, "#")] = '\0';
		line += strspn(line, " \t");
		end = line + strcspn(line, " \t");
		if (*end && end[strspn(end, " \t")])
			err = error_set(error, -EINVAL, "probe: --targets %s: one target a line",
					path);
		*end = '\0';
		if (*line && !err)
			err = target_add(p, line, error);
	}
	free(text);
	return err;
}

static int targets_take(struct probe *p, const struct arguments *arguments, struct error *error)
{
	array_each(word, &arguments->words) {
		int err = target_add(p, *word, error);

		if (err)
			return err;
	}
	if (p->options->targets_file) {
		int err = targets_read(p, p->options->targets_file, error);

		if (err)
			return err;
	}
	if (!p->targets.count && !p->options->to)
		return error_set(
			error, -EINVAL,
			"probe: no target; \"cnitrace probe --help\" shows how they are written");
	return 0;
}

/* Gentle to the network, whatever is asked for. */
static int bounds_check(const struct probe *p, struct error *error)
{
	const struct probe_options *o = p->options;
	uint64_t least = p->targets.count * PROBE_TARGET_MIN_NS;

	if (o->interval_ns < PROBE_INTERVAL_MIN_NS)
		return error_set(error, -EINVAL, "probe: --interval is at least 10ms");
	if (o->interval_ns < least)
		return error_set(error, -EINVAL,
				 "probe: --interval is at least %llums with %zu targets",
				 (unsigned long long)(least / 1000000), p->targets.count);
	if (o->count > PROBE_MAX_COUNT)
		return error_set(error, -EINVAL,
				 "probe: --count is at most %d; --continuous goes on for longer",
				 PROBE_MAX_COUNT);
	return 0;
}

/* Packets to one host each: what a group or a whole network gets is no probe. */
static int targets_check(struct probe *p, struct error *error)
{
	char text[ADDRESS_TEXT], shown[300];
	int fd;

	array_each(t, &p->targets) {
		struct address to = t->result.address, source = p->where.source;

		if (!to.version)
			continue;
		text_escape(shown, sizeof(shown), t->result.target.text);
		if (address_is_multicast(to) || address_is_unspecified(to))
			return error_set(error, -EINVAL,
					 "probe: target \"%s\": %s is no host's address", shown,
					 address_text(to, text));
		if (source.version && source.version != to.version)
			return error_set(error, -EINVAL,
					 "probe: target \"%s\" is IPv%d, --source is not", shown,
					 to.version);
	}
	if (!p->where.source.version)
		return 0;
	fd = probe_socket_open(&p->where, PROBE_UDP, p->where.source.version);
	if (fd >= 0)
		close(fd);
	if (fd == -EADDRNOTAVAIL)
		return error_set(error, -EINVAL, "probe: --source %s is no address of the sender",
				 address_text(p->where.source, text));
	return 0;
}

static int options_check(struct probe *p, struct error *error)
{
	const struct probe_options *o = p->options;

	if (o->listen > 65535 || (o->listen && !o->to))
		return error_set(error, -EINVAL,
				 "probe: --listen takes a port, 1 to 65535, and --to the pod");
	if (o->tos > 255)
		return error_set(error, -EINVAL, "probe: --tos takes 1 to 255");
	if (o->source && !address_parse(o->source, &p->where.source))
		return error_set(error, -EINVAL, "probe: --source takes an address of the sender");
	if (probe_list_check(o->probes, error))
		return -EINVAL;
	if (common_ring("probe", o->ring_bytes, error))
		return -EINVAL;
	p->where.tos = o->tos;
	p->live = isatty(STDOUT_FILENO) && !o->json && !o->report;
	return common_printer("probe", o->colour, o->json, &p->printer, error);
}

static void pod_take(struct probe *p)
{
	const struct session *s = &p->session;

	p->where.path = s->subject_path;
	p->where.inode = s->subject_netns;
	array_each(t, &p->targets) {
		if (s->pod)
			snprintf(t->result.pod, sizeof(t->result.pod), "%.159s/%.159s",
				 s->pod->namespace, s->pod->name);
	}
}

static int probe_start(struct probe *p, const struct arguments *arguments, struct error *error)
{
	const struct probe_options *o = p->options;
	char to[128];
	int err;

	if (arguments->command) {
		error_set(error, -EINVAL, "probe: runs no command; \"cnitrace trace\" does");
		return EXIT_USAGE;
	}
	if (options_check(p, error) || targets_take(p, arguments, error) || bounds_check(p, error))
		return EXIT_USAGE;
	err = common_session(&p->session, o->root, o->pod, o->netns, false, error);
	if (err)
		return err;
	if (o->to && (probe_listen_open(p, to, error) || target_add(p, to, error)))
		return EXIT_USAGE;
	pod_take(p);
	if (probe_resolve(p, error) || targets_check(p, error))
		return EXIT_USAGE;
	err = probe_run(p, error);
	if (!err)
		return EXIT_OK;
	return err == -EPERM || err == -EOPNOTSUPP ? EXIT_UNABLE : EXIT_FAILED;
}

static void probe_free(struct probe *p)
{
	array_each(t, &p->targets)
		probe_target_free(t);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	array_free(&p->targets);
	array_free(&p->servers);
	printer_free(p->printer);
	capture_free(&p->capture);
	if (p->session.facts)
		session_close(&p->session);
}

int command_probe(int argc, char **argv)
{
	struct probe_options o = {.count = COUNT_DEFAULT, .interval_ns = INTERVAL_DEFAULT_NS};
	const struct option_spec specs[] = {
		{"pod", 'p', OPTION_TEXT, &o.pod, "NS/NAME", "send from this pod"},
		{"from", 0, OPTION_TEXT, &o.pod, "NS/NAME", "the same"},
		{"netns", 'n', OPTION_TEXT, &o.netns, "NAME|PATH|PID",
		 "send from this network namespace"},
		{"to", 0, OPTION_TEXT, &o.to, "NS/NAME", "a pod of this node as target"},
		{"listen", 'l', OPTION_NUMBER, &o.listen, "PORT",
		 "open that TCP port in the pod of --to and connect to it"},
		{"count", 'c', OPTION_NUMBER, &o.count, "N",
		 "packets or look-ups per target (default 10, at most 100000)"},
		{"interval", 'i', OPTION_DURATION, &o.interval_ns, "TIME",
		 "between two of one target (default 200ms; at least 10ms, and 2ms a target)"},
		{"timeout", 'W', OPTION_DURATION, &o.timeout_ns, "TIME",
		 "wait this long for an answer (default 1s; dns: resolv.conf's)"},
		{"continuous", 'C', OPTION_FLAG, &o.continuous, NULL, "until Ctrl-C"},
		{"targets", 0, OPTION_TEXT, &o.targets_file, "FILE", "more targets, one a line"},
		{"source", 'S', OPTION_TEXT, &o.source, "ADDRESS", "send from this address"},
		{"tos", 0, OPTION_NUMBER, &o.tos, "N", "type of service byte, 1 to 255"},
		{"report", 'r', OPTION_FLAG, &o.report, NULL,
		 "only the report at the end, no live table"},
		{"inside", 0, OPTION_FLAG, &o.inside, NULL,
		 "this node's hops only: no short-lived packets for those beyond"},
		{"journeys", 0, OPTION_FLAG, &o.journeys, NULL, "each packet's journey, too"},
		{"json", 'j', OPTION_FLAG, &o.json, NULL, "JSON Lines on standard output"},
		{"root", 0, OPTION_TEXT, &o.root, "DIR",
		 "where the node's file system is seen (default /; /host in a pod)"},
		{"ring", 0, OPTION_SIZE, &o.ring_bytes, "SIZE",
		 "ring buffer, a power of two (default 4M)"},
		{"probes", 0, OPTION_TEXT, &o.probes, "LIST", "only these probes or ways"},
		{"color", 0, OPTION_TEXT, &o.colour, "WHEN", "auto (default), always or never"},
		{},
	};
	struct probe p = {.options = &o, .where = {.path = ""}, .listen_fd = -1};
	struct arguments arguments;
	struct error error = {};
	int status = EXIT_USAGE;

	if (!options_parse("probe", specs, argc, argv, &arguments, &error)) {
		if (arguments.help) {
			help(specs);
			arguments_free(&arguments);
			return EXIT_OK;
		}
		o.timeout_given = o.timeout_ns != 0;
		if (!o.timeout_given)
			o.timeout_ns = TIMEOUT_DEFAULT_NS;
		status = probe_start(&p, &arguments, &error);
		if (status == EXIT_OK)
			status = probe_report(&p);
		if (p.printer && !error.code && common_printed(p.printer, &error))
			status = EXIT_FAILED;
	}
	if (error.code)
		fprintf(stderr, "cnitrace: %s\n", error.text);
	probe_free(&p);
	arguments_free(&arguments);
	return status;
}
