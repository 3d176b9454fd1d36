/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cnitrace doctor: what this kernel and these privileges allow, which probes are used and
 * by which way, and how well each fault of the catalogue can be told here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <time.h>

#include <json-c/json.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/options.h"
#include "commands/session.h"
#include "diagnose/catalogue.h"
#include "kernel/abilities.h"
#include "kernel/tracer.h"
#include "node/netns.h"

#define PROBES_MAX 64

struct doctor {
	struct kernel_abilities kernel;
	struct probe_state probes[PROBES_MAX];
	size_t probe_count;
	unsigned able; /* enum ability */
	char unable[512]; /* why nothing can be traced, "" fine */
};

static const char *const telling_names[] = {"not at all", "weaker", "full"};

/* Loads everything and attaches what is bound to no device, for an instant. */
static void probes_try(struct doctor *d)
{
	struct tracer_options options = {.refusals = true};
	struct probe_state *tc;
	struct tracer *tracer;
	const struct probe_state *states;
	struct error error = {};

	options.config.node_netns = netns_own();
	options.config.subject_netns = 1; /* no namespace: nothing is recorded */
	options.config.has_subject = 1;
	if (tracer_open(&options, &tracer, &error)) {
		text_copy(d->unable, sizeof(d->unable), error.text);
		return;
	}
	tracer_try_hops(tracer);
	if (tracer_attach_probes(tracer, &error))
		text_copy(d->unable, sizeof(d->unable), error.text);
	states = tracer_probes(tracer, &d->probe_count);
	if (d->probe_count > PROBES_MAX)
		d->probe_count = PROBES_MAX;
	memcpy(d->probes, states, d->probe_count * sizeof(*states));
	tracer_close(tracer);
	tc = &d->probes[0];
	if (!strcmp(tc->state, "missing"))
		return;
	/* to make a tcx link it is enough to have the program, which CAP_SYS_ADMIN may load */
	if (!d->kernel.tcx && !kernel_capable(&d->kernel, CAPABILITY_NET_ADMIN)) {
		text_copy(tc->state, sizeof(tc->state), "missing");
		text_copy(tc->why, sizeof(tc->why), "needs CAP_NET_ADMIN");
		return;
	}
	text_copy(tc->way, sizeof(tc->way), d->kernel.tcx ? "tcx" : "clsact");
	text_copy(tc->state, sizeof(tc->state), "usable");
	tc->why[0] = '\0';
}

static const struct probe_state *probe_named(const struct doctor *d, const char *name,
					     size_t length)
{
	for (size_t i = 0; i < d->probe_count; i++) {
		if (strlen(d->probes[i].name) == length &&
		    !strncmp(d->probes[i].name, name, length))
			return &d->probes[i];
	}
	return NULL;
}

static bool probe_works(const struct doctor *d, const char *name)
{
	const struct probe_state *probe = probe_named(d, name, strlen(name));

	return probe && strcmp(probe->state, "missing") != 0;
}

/* The first of a fault's witnesses that is attached, NULL none. */
static const struct probe_state *fault_witness(const struct doctor *d,
					       const struct fault_entry *entry)
{
	for (const char *at = entry->witnesses; at && *at;
	     at += strcspn(at, ","), at += *at == ',') {
		const struct probe_state *probe = probe_named(d, at, strcspn(at, ","));

		if (probe && strcmp(probe->state, "attached") == 0)
			return probe;
	}
	return NULL;
}

static enum fault_telling told_here(const struct doctor *d, const struct fault_entry *entry)
{
	return fault_told(entry, d->able | (fault_witness(d, entry) ? ABLE_WITNESS : 0));
}

/* How many witnesses have no way here although they are of use. */
static size_t witnesses_missing(const struct doctor *d)
{
	size_t count = 0;

	for (size_t i = 0; i < d->probe_count; i++)
		count += d->probes[i].witness && !strcmp(d->probes[i].state, "missing");
	return count;
}

static void able_decide(struct doctor *d)
{
	bool tracepoints = probe_works(d, "netif_receive_skb") && probe_works(d, "net_dev_queue");

	d->able = (probe_works(d, "tc") || tracepoints ? ABLE_HOPS : 0) |
		  (probe_works(d, "kfree_skb") ? ABLE_DROPS : 0) |
		  (probe_works(d, "sys_exit") ? ABLE_REFUSALS : 0) |
		  (d->kernel.reasons ? ABLE_REASONS : 0) | (d->kernel.symbols ? ABLE_SYMBOLS : 0) |
		  (kernel_capable(&d->kernel, CAPABILITY_SYS_ADMIN) ? ABLE_FACTS : 0);
}

static void advice(const struct doctor *d, void (*say)(void *context, const char *text),
		   void *context)
{
	if (d->unable[0])
		say(context, d->unable);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		char text[200];

		if (kernel_capable(&d->kernel, kernel_capability_list[i].bit))
			continue;
		snprintf(text, sizeof(text), "hold %s: without it, %s",
			 kernel_capability_list[i].name, kernel_capability_list[i].loss);
		say(context, text);
	}
	if (!d->kernel.btf)
		say(context, "a kernel with BTF (CONFIG_DEBUG_INFO_BTF): without it drops are not "
			     "seen, only hops");
	if (d->kernel.btf && !d->kernel.reasons)
		say(context, "a kernel of 5.17 or newer gives drop reasons: here they are derived "
			     "from the freeing function");
	if (!d->kernel.symbols)
		say(context,
		    "sysctl kernel.kptr_restrict=1 or 0, and CAP_SYSLOG: function names are "
		    "hidden");
	if (!d->unable[0] && witnesses_missing(d) && d->kernel.fentry && !d->kernel.kprobes)
		say(context,
		    "a kernel with kprobes (CONFIG_KPROBES), or one that allows fentry (no "
		    "lockdown, "
		    "CONFIG_FUNCTION_TRACER): then witnesses name the table and chain of a drop, "
		    "the "
		    "veth's other end, the address that did not resolve; here this comes from the "
		    "node's state and counters");
	else if (!d->unable[0] && witnesses_missing(d))
		say(context,
		    "witnesses that are missing above: load their module before the trace, or use "
		    "a "
		    "kernel with BTF of modules (CONFIG_DEBUG_INFO_BTF_MODULES, 5.11 or newer)");
	if (!d->kernel.tcx && !d->unable[0])
		say(context,
		    "a kernel of 6.6 or newer has tcx: here clsact filters are used, which a "
		    "killed run leaves until the next start");
}

static void say_text(void *context, const char *text)
{
	fprintf(context, "  %s\n", text);
}

static void kernel_print(const struct kernel_abilities *k)
{
	char held[128] = "", missing[128] = "";

	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		char *list = kernel_capable(k, kernel_capability_list[i].bit) ? held : missing;

		text_append(list, sizeof(held), "%s%s", list[0] ? ", " : "",
			    kernel_capability_list[i].name + 4);
	}
	printf("kernel        %s\n", k->release);
	printf("BTF           %s\n", k->btf ? "yes" : "no");
	printf("drop reasons  %s\n", k->reasons ? "yes" : "no: derived from functions");
	printf("functions     %s\n", k->symbols ? "named" : "hidden");
	printf("tc            %s\n", k->tcx ? "tcx links" : "clsact filters");
	printf("kprobes       %s\n", k->kprobes ? "yes" : "no");
	if (k->fentry)
		printf("fentry        no: %s\n", strerror(-k->fentry));
	else
		printf("fentry        yes\n");
	printf("lockdown      %s\n", k->lockdown[0] ? k->lockdown : "not shown");
	printf("JIT           %s\n", k->jit ? "on" : "off: slower");
	printf("capabilities  %s%s%s\n", held[0] ? held : "none", missing[0] ? "; missing " : "",
	       missing);
}

static void probes_print(const struct doctor *d, bool witnesses)
{
	for (size_t i = 0; i < d->probe_count; i++) {
		const struct probe_state *p = &d->probes[i];

		if (witnesses != (p->witness != NULL))
			continue;
		printf("  %-18s %-7s %-9s %s\n", p->name, p->way[0] ? p->way : "-", p->state,
		       p->why[0]    ? p->why
		       : p->witness ? p->witness
				    : "");
	}
}

static void doctor_print(const struct doctor *d)
{
	size_t counts[3] = {};
	bool any = false;

	kernel_print(&d->kernel);
	printf("\nprobes\n");
	probes_print(d, false);
	printf("\nwitnesses: what says why a packet was dropped\n");
	probes_print(d, true);
	printf("\nfaults\n");
	for (size_t i = 0; i < fault_catalogue_size; i++) {
		const struct fault_entry *entry = &fault_catalogue[i];
		const struct probe_state *witness = fault_witness(d, entry);
		enum fault_telling told = told_here(d, entry);

		counts[told]++;
		printf("  %-24s %-12s %-11s %s", entry->id, entry->class, telling_names[told],
		       entry->meaning);
		if (witness)
			printf(" (witness %s)", witness->name);
		putchar('\n');
	}
	printf("\n%zu faults: %zu told in full, %zu with weaker detail, %zu not at all\n",
	       fault_catalogue_size, counts[TELL_FULL], counts[TELL_WEAKER], counts[TELL_NOT]);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		any |= !kernel_capable(&d->kernel, kernel_capability_list[i].bit);
	if (any || d->unable[0] || !d->kernel.btf || !d->kernel.reasons || !d->kernel.symbols ||
	    !d->kernel.tcx || witnesses_missing(d)) {
		printf("\nto get more\n");
		advice(d, say_text, stdout);
	}
}

static void say_json(void *context, const char *text)
{
	json_object_array_add(context, json_object_new_string(text));
}

static void flag_add(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static struct json_object *doctor_json(const struct doctor *d)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *faults = json_object_new_array(), *held = json_object_new_array();
	struct json_object *more = json_object_new_array();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_object_add(o, "type", json_object_new_string("doctor"));
	json_object_object_add(o, "time_ns",
			       json_object_new_int64(now.tv_sec * 1000000000ll + now.tv_nsec));
	json_object_object_add(o, "version", json_object_new_string(CNITRACE_VERSION));
	json_object_object_add(o, "kernel", json_object_new_string(d->kernel.release));
	json_object_object_add(o, "lockdown", json_object_new_string(d->kernel.lockdown));
	flag_add(o, "btf", d->kernel.btf);
	flag_add(o, "reasons", d->kernel.reasons);
	flag_add(o, "symbols", d->kernel.symbols);
	flag_add(o, "tcx", d->kernel.tcx);
	flag_add(o, "kprobes", d->kernel.kprobes);
	flag_add(o, "fentry", d->kernel.fentry == 0);
	flag_add(o, "jit", d->kernel.jit);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		if (kernel_capable(&d->kernel, kernel_capability_list[i].bit))
			say_json(held, kernel_capability_list[i].name);
	}
	json_object_object_add(o, "capabilities", held);
	for (size_t i = 0; i < d->probe_count; i++) {
		struct json_object *p = json_object_new_object();

		json_object_object_add(p, "name", json_object_new_string(d->probes[i].name));
		json_object_object_add(p, "way", json_object_new_string(d->probes[i].way));
		json_object_object_add(p, "state", json_object_new_string(d->probes[i].state));
		json_object_object_add(p, "why", json_object_new_string(d->probes[i].why));
		if (d->probes[i].witness)
			json_object_object_add(p, "explains",
					       json_object_new_string(d->probes[i].witness));
		json_object_array_add(list, p);
	}
	json_object_object_add(o, "probes", list);
	for (size_t i = 0; i < fault_catalogue_size; i++) {
		struct json_object *f = json_object_new_object();

		json_object_object_add(f, "id", json_object_new_string(fault_catalogue[i].id));
		json_object_object_add(f, "class",
				       json_object_new_string(fault_catalogue[i].class));
		json_object_object_add(
			f, "told",
			json_object_new_string(telling_names[told_here(d, &fault_catalogue[i])]));
		if (fault_witness(d, &fault_catalogue[i]))
			json_object_object_add(
				f, "witness",
				json_object_new_string(
					fault_witness(d, &fault_catalogue[i])->name));
		json_object_array_add(faults, f);
	}
	json_object_object_add(o, "faults", faults);
	advice(d, say_json, more);
	json_object_object_add(o, "advice", more);
	return o;
}

static int doctor_report(const struct doctor *d, bool json, struct error *error)
{
	struct printer *printer;
	int err;

	if (!json) {
		doctor_print(d);
		return 0;
	}
	err = common_printer("doctor", NULL, true, &printer, error);
	if (err)
		return err;
	printer_print(printer, doctor_json(d));
	err = common_printed(printer, error);
	printer_free(printer);
	return err;
}

int command_doctor(int argc, char **argv)
{
	bool json = false;
	const struct option_spec specs[] = {
		{"json", 'j', OPTION_FLAG, &json, NULL, "one JSON object on standard output"},
		{},
	};
	struct arguments arguments;
	struct error error = {};
	struct doctor d = {};
	int err = options_parse("doctor", specs, argc, argv, &arguments, &error);

	if (!err && arguments.words.count)
		err = error_set(&error, -EINVAL, "doctor: takes no \"%s\"",
				arguments.words.items[0]);
	if (err)
		fprintf(stderr, "cnitrace: %s\n", error.text);
	else if (arguments.help) {
		printf("usage: cnitrace doctor [--json]\n\nWhat this kernel and these privileges "
		       "allow, "
		       "which probes are used, and how well each\nfault can be told here. Exit "
		       "status 3 "
		       "when nothing can be traced.\n\n");
		options_help(stdout, specs);
	}
	if (err || arguments.help) {
		arguments_free(&arguments);
		return err ? EXIT_USAGE : EXIT_OK;
	}
	arguments_free(&arguments);
	kernel_abilities_read(&d.kernel);
	probes_try(&d);
	able_decide(&d);
	if (doctor_report(&d, json, &error)) {
		fprintf(stderr, "cnitrace: %s\n", error.text);
		return EXIT_FAILED;
	}
	return d.able & ABLE_HOPS ? EXIT_OK : EXIT_UNABLE;
}
