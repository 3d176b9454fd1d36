// SPDX-License-Identifier: GPL-2.0-only
/*
 * A probe from attach to detach: sends when it is time, reads what arrives, gives every closed journey
 * to its target. What the trace is asked for is an expression of the targets only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/probe.h"
#include "commands/probe_dns.h"
#include "commands/probe_hops.h"
#include "commands/probe_listen.h"
#include "commands/probe_mtu.h"
#include "commands/probe_server.h"
#include "commands/probe_service.h"

#define TICK_MS 20
#define JOIN_NS 700000000ull /* answers wait this long for their request's journey to close */
#define KEEP_NS 5000000000ull /* a packet that waits for an address is given up after 3 to 4 s */
#define GRACE_NS 500000000ull /* at the end: late drops and answers */
#define GRACE_MAX_NS 4000000000ull
#define DRAW_NS 500000000ull

static void journey_closed(void *context, const struct journey *journey)
{
	struct probe *p = context;

	array_each(target, &p->targets)
		probe_match(target, journey, p->session.subject_netns != 0);
	if (p->options->journeys)
		printer_print(p->printer, document_journey(journey, &p->session.names));
}

/* What is asked for on purpose is no fault: closed ports of the MTU search, packets that die young. */
static bool journey_wanted(void *context, const struct journey *journey)
{
	struct probe *p = context;

	array_each(target, &p->targets) {
		if (target->search && probe_search_made(target, journey))
			return false;
		if (target->hops && probe_hops_made(target->hops, journey))
			return false;
	}
	return true;
}

/* Where the node itself sends to a Service, no device ever sees the Service's address. */
static void expression_add_ends(const struct probe *p, char *text, size_t size,
				const struct probe_target *t, const char *proto)
{
	char host[ADDRESS_TEXT], term[160];

	array_each(end, &t->ends) {
		if (p->session.subject_netns)
			return;
		snprintf(term, sizeof(term), " or (%s and host %s and port %u)", proto,
			 address_text(end->address, host), end->port);
		if (!strstr(text, term) && strlen(text) + sizeof(term) < size)
			text_append(text, size, "%s", term);
	}
}

static void expression_add(const struct probe *p, char *text, size_t size,
			   const struct probe_target *t)
{
	static const char *const protos[] = {"icmp", "tcp", "udp", "", "icmp"};
	const char *proto = protos[t->result.target.kind];
	char host[ADDRESS_TEXT];

	if (t->result.target.kind == TARGET_DNS) { /* whichever server of resolv.conf */
		char port[32];

		snprintf(port, sizeof(port), "port %u)", t->result.target.port);
		if (!strstr(text, port))
			text_append(text, size, "%s((udp or tcp) and %s", text[0] ? " or " : "",
				    port);
		expression_add_ends(p, text, size, t, "udp");
		return;
	}
	if (t->result.address.version == 6 && !strcmp(proto, "icmp"))
		proto = "icmp6";
	text_append(text, size, "%s(%s and host %s", text[0] ? " or " : "", proto,
		    address_text(t->result.address, host));
	if (t->result.target.port)
		text_append(text, size, " and port %u", t->result.target.port);
	text_append(text, size, ")");
	expression_add_ends(p, text, size, t, proto);
}

static void targets_prepare(struct probe *p)
{
	array_each(t, &p->targets) {
		struct probe_where where = p->where;
		enum target_kind kind = t->result.target.kind;
		uint16_t random[2] = {0};

		t->fd = -1;
		t->left = kind == TARGET_MTU ? 1 : p->options->count;
		if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
			random[0] = getpid();
		t->id = random[0] ? random[0] : 1;
		where.df = t->result.target.df || kind == TARGET_MTU;
		if (kind != TARGET_ICMP && kind != TARGET_MTU)
			continue;
		t->fd = probe_socket_open(&where, PROBE_ECHO, t->result.address.version);
		if (t->fd < 0) {
			probe_note_add(&t->result, "raw socket: %s", strerror(-t->fd));
			t->left = 0;
			continue;
		}
		t->hops = probe_hops_new(p, t);
	}
}

static void start_print(struct probe *p, const char *expression)
{
	struct utsname kernel;
	struct start_info info = {.version = CNITRACE_VERSION, .filter = expression};
	struct subject_text subject;

	uname(&kernel);
	info.kernel = kernel.release;
	session_subject_text(&p->session, &info, &subject);
	info.probes = tracer_probes(p->capture.tracer, &info.probe_count);
	printer_print(p->printer, document_start(&info, &p->session.names));
}

static bool all_done(const struct probe *p)
{
	array_each(t, &p->targets) {
		if (!probe_target_done(p, t))
			return false;
	}
	return true;
}

/* Milliseconds until something is to be sent. */
static int wait_ms(const struct probe *p, uint64_t now)
{
	uint64_t wait = TICK_MS * 1000000ull;

	array_each(t, &p->targets) {
		if (t->left && t->next_ns < now + wait)
			wait = t->next_ns > now ? t->next_ns - now : 0;
	}
	return (wait + 999999) / 1000000;
}

static void poll_all(struct probe *p, int timeout_ms)
{
	struct pollfd fds[512];
	size_t count = 0;

	array_each(t, &p->targets)
		count += probe_target_fds(t, fds + count, 512 - count);
	capture_wait(&p->capture, fds, count, timeout_ms);
	array_each(t, &p->targets)
		probe_target_receive(p, t);
	array_each(t, &p->targets)
		probe_hops_run(p, t, capture_now());
	probe_listen_accept(p);
	capture_take(&p->capture);
}

static void settle(struct probe *p, uint64_t now)
{
	uint64_t keep = p->options->timeout_ns + KEEP_NS;

	array_each(t, &p->targets)
		hop_table_settle(&t->table, now - JOIN_NS, now > keep ? now - keep : 0);
}

static void loop(struct probe *p)
{
	uint64_t settled = 0;

	while (!p->capture.stop && !all_done(p) && !ferror(stdout) && !printer_error(p->printer)) {
		uint64_t now = capture_now();

		array_each(t, &p->targets)
			probe_target_send(p, t, now);
		poll_all(p, wait_ms(p, capture_now()));
		now = capture_now();
		array_each(t, &p->targets)
			probe_target_expire(p, t, now);
		if (now - settled > JOIN_NS / 4) {
			settle(p, now);
			settled = now;
		}
		if (p->live && now - p->drawn_ns > DRAW_NS) {
			p->drawn_ns = now;
			probe_draw(p);
		}
	}
}

static void grace(struct probe *p)
{
	uint64_t end = capture_now(), now;

	p->capture.stop = false;
	do {
		poll_all(p, 10);
		now = capture_now();
	} while (!p->capture.stop &&
		 (now < end + GRACE_NS ||
		  (journey_table_pending(p->capture.journeys) && now < end + GRACE_MAX_NS)));
}

int probe_run(struct probe *p, struct error *error)
{
	char expression[8192] = "";
	struct capture_options options = {.expression = expression,
					  .probes = p->options->probes,
					  .ring_bytes = p->options->ring_bytes,
					  .max_flows = 1024};
	int err;

	array_each(t, &p->targets) {
		probe_service_take(p, t);
		expression_add(p, expression, sizeof(expression), t);
		probe_servers_add(p, t);
	}
	p->capture.closed = journey_closed;
	p->capture.wanted = journey_wanted;
	p->capture.context = p;
	err = capture_start(&p->capture, &p->session, &options, error);
	if (err)
		return err;
	targets_prepare(p);
	start_print(p, expression);
	if (p->live)
		probe_draw(p);
	loop(p);
	grace(p);
	capture_stop(&p->capture);
	array_each(t, &p->targets)
		hop_table_settle(&t->table, UINT64_MAX, UINT64_MAX);
	return 0;
}
