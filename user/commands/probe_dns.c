// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk of a look-up. A query is remembered in the target's result from the moment it is sent;
 * what is judged of it is judged by the printers and the diagnosis.
 */
#include "commands/probe_dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/probe_service.h"
#include "node/files.h"
#include "node/resolv.h"

#define ASKS 2 /* A and AAAA */
#define KEPT_QUERIES 64
#define SLOW_NS 1000000000ll
#define ANSWER_ROOM 4096

struct ask {
	uint16_t id, type;
	size_t query; /* index into result.queries */
	uint64_t sent_ns;
	bool done, answered;
	uint8_t rcode;
	uint16_t answers;
	int tcp; /* -1: none */
	bool tcp_sent;
	size_t tcp_have;
	uint8_t tcp_bytes[ANSWER_ROOM];
};

struct probe_lookup {
	struct dns_walk walk;
	unsigned step, server, attempt, attempts;
	struct address servers[8];
	unsigned server_count;
	uint64_t timeout_ns, deadline_ns;
	int fd;
	uint16_t port; /* of fd, as devices see it */
	unsigned ask_count;
	struct ask asks[ASKS];
	bool done, found;
	uint16_t
		lost_type; /* one of A and AAAA was answered: the other is asked again alone, as glibc does */
	struct address address; /* the first that was answered, IPv4 before IPv6 */
};

bool probe_lookup_done(const struct probe_lookup *lookup)
{
	return lookup->done;
}

static void sockets_close(struct probe_lookup *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	for (unsigned i = 0; i < l->ask_count; i++) {
		if (l->asks[i].tcp >= 0)
			close(l->asks[i].tcp);
		l->asks[i].tcp = -1;
	}
	l->ask_count = 0;
}

void probe_lookup_free(struct probe_lookup *l)
{
	if (!l)
		return;
	sockets_close(l);
	free(l);
}

/* What the last round asked is shown, and of those before only what went wrong. */
static void queries_prune(struct probe_result *result)
{
	size_t kept = 0;

	for (size_t i = 0; i < result->queries.count; i++) {
		struct probe_query *query = &result->queries.items[i];
		bool odd = query->error[0] || query->took_ns > SLOW_NS;

		if (odd && kept < KEPT_QUERIES / 2)
			result->queries.items[kept++] = *query;
	}
	result->queries.count = kept;
}

static struct probe_query *query_new(struct probe_target *t, struct probe_lookup *l,
				     const struct ask *ask, bool tcp)
{
	struct probe_query *query = array_push(&t->result.queries);

	if (!query)
		return NULL;
	query->sent_ns = ask->sent_ns;
	query->took_ns = -1;
	text_copy(query->name, sizeof(query->name), l->walk.names[l->step]);
	query->type = ask->type;
	query->server = l->servers[l->server];
	query->tcp = tcp;
	query->searched = strlen(query->name) > strlen(t->result.target.name);
	return query;
}

static void walk_next(struct probe *p, struct probe_target *t, struct probe_lookup *l);

static void ask_send(struct probe *p, struct probe_target *t, struct probe_lookup *l, uint16_t type)
{
	struct ask *ask = &l->asks[l->ask_count];
	struct probe_query *query;
	uint8_t bytes[DNS_QUERY_MAX];
	size_t size;
	int err;

	memset(ask, 0, offsetof(struct ask, tcp_bytes));
	ask->tcp = -1;
	if (getrandom(&ask->id, sizeof(ask->id), GRND_NONBLOCK) < 0)
		ask->id = capture_now() >> 10;
	ask->type = type;
	ask->sent_ns = capture_now();
	query = query_new(t, l, ask, false);
	if (!query)
		return;
	ask->query = t->result.queries.count - 1;
	size = dns_query_write(bytes, ask->id, query->name, type);
	t->result.sent++;
	err = probe_datagram_send(l->fd, query->server, t->result.target.port, bytes, size);
	if (err) {
		text_copy(query->error, sizeof(query->error), strerror(-err));
		t->result.failed++;
		ask->done = true;
	} else {
		if (!l->port)
			l->port = probe_service_port(p, t, l->fd, query->server);
		hop_table_sent(&t->table, probe_query_key(t, l->port, ask->id), ask->sent_ns);
	}
	l->ask_count++;
}

static void step_begin(struct probe *p, struct probe_target *t, struct probe_lookup *l)
{
	sockets_close(l);
	l->fd = probe_socket_open(&p->where, PROBE_UDP, l->servers[l->server].version);
	l->port = 0;
	if (l->fd < 0) {
		probe_note_add(&t->result, "socket: %s", strerror(-l->fd));
		l->done = true;
		return;
	}
	l->deadline_ns = capture_now() + l->timeout_ns;
	if (t->result.target.type || l->lost_type) {
		ask_send(p, t, l, l->lost_type ? l->lost_type : t->result.target.type);
		l->lost_type = 0;
		return;
	}
	ask_send(p, t, l, DNS_TYPE_A);
	ask_send(p, t, l, DNS_TYPE_AAAA);
}

static void servers_take(struct probe *p, struct probe_target *t, struct probe_lookup *l)
{
	const struct resolv_conf *conf = &p->resolv;

	l->attempts = 1;
	l->timeout_ns = p->options->timeout_ns;
	if (t->result.target.kind == TARGET_DNS && t->result.target.host[0]) {
		l->servers[l->server_count++] = t->result.address;
		return;
	}
	for (unsigned i = 0; i < conf->nameserver_count && i < 3; i++)
		l->servers[l->server_count++] = conf->nameservers[i];
	if (conf->attempts)
		l->attempts = conf->attempts;
	if (!p->options->timeout_given && conf->timeout)
		l->timeout_ns = conf->timeout * 1000000000ull;
}

void probe_lookup_begin(struct probe *p, struct probe_target *t, uint64_t now)
{
	struct probe_lookup *l = calloc(1, sizeof(*l));
	const struct resolv_conf *conf = &p->resolv;

	(void)now;
	probe_lookup_free(t->lookup);
	t->lookup = l;
	if (!l)
		return;
	l->fd = -1;
	servers_take(p, t, l);
	dns_walk_make(&l->walk, t->result.target.name, conf->search, conf->search_count,
		      conf->ndots ? conf->ndots : 1);
	queries_prune(&t->result);
	if (!l->server_count || !l->walk.count) {
		probe_note_add(&t->result, "%s",
			       l->walk.count ? "resolv.conf names no server" : "no DNS name");
		l->done = true;
		t->left = 0;
		return;
	}
	for (unsigned i = 0; i < l->server_count; i++)
		probe_end_add(t, l->servers[i], t->result.target.port);
	step_begin(p, t, l);
}

/* A name that led to nothing before another one did was asked in vain. */
static void waste_mark(struct probe_target *t, const struct probe_lookup *l)
{
	array_each(query, &t->result.queries) {
		if (l->found && strcmp(query->name, l->walk.names[l->step]) != 0)
			query->wasted = true;
	}
}

static void step_judge(struct probe *p, struct probe_target *t, struct probe_lookup *l)
{
	bool silent = false, failed = false;
	uint16_t lost = 0;

	for (unsigned i = 0; i < l->ask_count; i++) {
		struct ask *ask = &l->asks[i];

		if (!ask->done)
			return;
		silent |= !ask->answered;
		if (!ask->answered)
			lost = ask->type;
		failed |= ask->answered && ask->rcode != DNS_NOERROR && ask->rcode != DNS_NXDOMAIN;
		l->found |= ask->answered && ask->rcode == DNS_NOERROR && ask->answers;
	}
	if (l->found && silent && l->attempt + 1 < l->attempts) {
		l->attempt++;
		l->lost_type = lost;
		step_begin(p, t, l);
	} else if (l->found) {
		l->done = true;
		waste_mark(t, l);
	} else if (silent || failed) {
		l->server++;
		if (l->server == l->server_count) {
			l->server = 0;
			l->attempt++;
		}
		if (l->attempt < l->attempts)
			step_begin(p, t, l);
		else if (silent)
			l->done = true; /* as the C library: no other name is tried then */
		else
			walk_next(p, t, l);
	} else {
		walk_next(p, t, l);
	}
	if (l->done)
		sockets_close(l);
}

static void walk_next(struct probe *p, struct probe_target *t, struct probe_lookup *l)
{
	l->server = l->attempt = 0;
	if (++l->step == l->walk.count) {
		l->step--;
		l->done = true;
	} else {
		step_begin(p, t, l);
	}
}

static void tcp_begin(struct probe *p, struct probe_target *t, struct probe_lookup *l,
		      struct ask *ask)
{
	struct probe_query *query;
	int err;

	ask->tcp = probe_socket_open(&p->where, PROBE_TCP, l->servers[l->server].version);
	ask->tcp_sent = false;
	ask->tcp_have = 0;
	ask->sent_ns = capture_now();
	query = query_new(t, l, ask, true);
	if (!query)
		return;
	ask->query = t->result.queries.count - 1;
	err = ask->tcp < 0 ? ask->tcp
			   : probe_socket_connect(ask->tcp, query->server, t->result.target.port);
	t->result.sent++;
	if (err && err != -EINPROGRESS) {
		text_copy(query->error, sizeof(query->error), strerror(-err));
		ask->done = true;
		t->result.failed++;
	}
}

static void reply_take(struct probe *p, struct probe_target *t, struct probe_lookup *l,
		       struct ask *ask, const struct dns_reply *reply, uint64_t now)
{
	struct probe_query *query = &t->result.queries.items[ask->query];
	bool tcp = query->tcp;

	query->took_ns = now - ask->sent_ns;
	query->rcode = reply->rcode;
	query->truncated = reply->truncated;
	query->answers = reply->answers;
	for (unsigned i = 0; i < reply->kept && query->address_count < 4; i++)
		query->addresses[query->address_count++] = reply->addresses[i];
	for (unsigned i = 0; i < reply->kept; i++) {
		if (!l->address.version ||
		    (l->address.version == 6 && reply->addresses[i].version == 4))
			l->address = reply->addresses[i];
	}
	t->result.answered++;
	hop_number_add(&t->result.rtt, now - ask->sent_ns);
	if (!tcp)
		hop_table_answered(&t->table, probe_query_key(t, l->port, ask->id));
	if (reply->truncated && !tcp) {
		tcp_begin(p, t, l, ask);
		return;
	}
	ask->answered = ask->done = true;
	ask->rcode = reply->rcode;
	ask->answers = reply->answers;
}

static void datagrams_receive(struct probe *p, struct probe_target *t, struct probe_lookup *l)
{
	uint8_t bytes[ANSWER_ROOM];
	struct probe_arrival arrival = {.bytes = bytes, .room = sizeof(bytes)};
	struct probe_complaint complaint;
	struct dns_reply reply;
	char from[ADDRESS_TEXT];

	for (int n = 0; n < 16 && probe_datagram_receive(l->fd, &arrival) > 0; n++) {
		if (!dns_reply_read(bytes, arrival.size, &reply))
			continue;
		for (unsigned i = 0; i < l->ask_count; i++) {
			struct ask *ask = &l->asks[i];
			struct probe_query *query = &t->result.queries.items[ask->query];

			if (ask->done || ask->tcp >= 0 || reply.id != ask->id ||
			    reply.type != ask->type)
				continue;
			query->answered_by = arrival.from;
			if (address_equal(arrival.from, query->server)) {
				reply_take(p, t, l, ask, &reply, arrival.time_ns);
				break;
			}
			snprintf(query->error, sizeof(query->error),
				 "answered by %s, which was not asked: resolvers ignore it",
				 address_text(arrival.from, from));
		}
	}
	if (probe_complaint_receive(l->fd, false, &complaint) <= 0)
		return;
	for (unsigned i = 0; i < l->ask_count; i++) {
		struct probe_query *query = &t->result.queries.items[l->asks[i].query];

		if (l->asks[i].done || l->asks[i].tcp >= 0)
			continue;
		snprintf(query->error, sizeof(query->error), "ICMP error: %s",
			 strerror(complaint.error));
		t->result.unreachable++;
		l->asks[i].done = true;
	}
}

static void tcp_failed(struct probe_target *t, struct ask *ask, int err)
{
	struct probe_query *query = &t->result.queries.items[ask->query];

	snprintf(query->error, sizeof(query->error), "TCP: %s",
		 err ? strerror(-err) : "the connection ended before an answer");
	t->result.silent++;
	ask->done = true;
}

static void tcp_receive(struct probe *p, struct probe_target *t, struct probe_lookup *l,
			struct ask *ask)
{
	struct pollfd ready = {.fd = ask->tcp, .events = ask->tcp_sent ? POLLIN : POLLOUT};
	struct dns_reply reply;
	ssize_t n;

	if (poll(&ready, 1, 0) <= 0)
		return;
	if (!ask->tcp_sent) {
		uint8_t bytes[2 + DNS_QUERY_MAX];
		size_t size =
			dns_query_write(bytes + 2, ask->id, l->walk.names[l->step], ask->type);
		int err = probe_socket_outcome(ask->tcp);

		bytes[0] = size >> 8;
		bytes[1] = size;
		if (!err && send(ask->tcp, bytes, size + 2, MSG_NOSIGNAL) < 0)
			err = -errno;
		ask->tcp_sent = !err;
		if (err)
			tcp_failed(t, ask, err);
		return;
	}
	n = recv(ask->tcp, ask->tcp_bytes + ask->tcp_have, sizeof(ask->tcp_bytes) - ask->tcp_have,
		 0);
	if (n <= 0) {
		if (!n || errno != EAGAIN)
			tcp_failed(t, ask, n ? -errno : 0);
		return;
	}
	ask->tcp_have += n;
	if (ask->tcp_have < 2)
		return;
	n = ask->tcp_bytes[0] << 8 | ask->tcp_bytes[1];
	if ((size_t)n > sizeof(ask->tcp_bytes) - 2)
		n = sizeof(ask->tcp_bytes) - 2; /* what is beyond is not looked at */
	if (ask->tcp_have < (size_t)n + 2)
		return;
	if (dns_reply_read(ask->tcp_bytes + 2, n, &reply) && reply.id == ask->id)
		reply_take(p, t, l, ask, &reply, capture_now());
	else
		tcp_failed(t, ask, -EBADMSG);
}

void probe_lookup_receive(struct probe *p, struct probe_target *t)
{
	struct probe_lookup *l = t->lookup;

	if (!l || l->done)
		return;
	datagrams_receive(p, t, l);
	for (unsigned i = 0; i < l->ask_count; i++) {
		if (l->asks[i].tcp >= 0 && !l->asks[i].done)
			tcp_receive(p, t, l, &l->asks[i]);
	}
	step_judge(p, t, l);
}

/* What users know as the 5-second race: one of A and AAAA is lost, and the whole look-up waits for it. */
static void twin_note(struct probe_target *t, const struct probe_lookup *l)
{
	const struct ask *lost = NULL, *answered = NULL;
	char one[16], other[16];

	for (unsigned i = 0; i < l->ask_count; i++) {
		if (l->asks[i].answered)
			answered = &l->asks[i];
		else if (!l->asks[i].done)
			lost = &l->asks[i];
	}
	if (lost && answered)
		probe_note_add(
			&t->result,
			"%s got no answer, %s from the same socket at the same time did: the "
			"look-up waited %.1f s",
			dns_type_text(lost->type, one), dns_type_text(answered->type, other),
			l->timeout_ns / 1e9);
}

void probe_lookup_expire(struct probe *p, struct probe_target *t, uint64_t now)
{
	struct probe_lookup *l = t->lookup;

	if (l->done || now < l->deadline_ns)
		return;
	twin_note(t, l);
	for (unsigned i = 0; i < l->ask_count; i++) {
		struct probe_query *query = &t->result.queries.items[l->asks[i].query];

		if (l->asks[i].done)
			continue;
		l->asks[i].done = true;
		t->result.silent++;
		if (!query->error[0])
			snprintf(query->error, sizeof(query->error), "no answer within %.1f s",
				 l->timeout_ns / 1e9);
	}
	step_judge(p, t, l);
}

size_t probe_lookup_fds(const struct probe_lookup *l, struct pollfd *fds, size_t room)
{
	size_t count = 0;

	if (l->fd >= 0 && room)
		fds[count++] = (struct pollfd){.fd = l->fd, .events = POLLIN};
	for (unsigned i = 0; i < l->ask_count && count < room; i++) {
		if (l->asks[i].tcp >= 0)
			fds[count++] =
				(struct pollfd){.fd = l->asks[i].tcp,
						.events = l->asks[i].tcp_sent ? POLLIN : POLLOUT};
	}
	return count;
}

/* The host's name looked up as a target of its own; its queries stay in the result, to be shown. */
static void host_resolve(struct probe *p, struct probe_target *t)
{
	struct target asked = t->result.target;

	t->result.target.kind = TARGET_UDP;
	t->result.target.port = 53;
	t->result.target.type = 0;
	text_copy(t->result.target.name, sizeof(t->result.target.name), asked.host);
	probe_lookup_begin(p, t, capture_now());
	while (t->lookup && !t->lookup->done) {
		struct pollfd fds[4];

		poll(fds, probe_lookup_fds(t->lookup, fds, 4), 20);
		probe_lookup_receive(p, t);
		if (!t->lookup->done)
			probe_lookup_expire(p, t, capture_now());
	}
	t->result.target = asked;
	if (t->lookup)
		t->result.address = t->lookup->address;
	probe_lookup_free(t->lookup);
	t->lookup = NULL;
	hop_table_free(&t->table);
	memset(&t->table, 0, sizeof(t->table));
	memset(&t->result.rtt, 0, sizeof(t->result.rtt));
	t->result.sent = t->result.answered = t->result.silent = t->result.failed = 0;
	t->result.unreachable = 0;
	t->ends.count = 0;
}

static int target_resolve(struct probe *p, struct probe_target *t, struct error *error)
{
	struct target *target = &t->result.target;
	char shown[300];

	if (!target->host[0]) { /* dns: the pod's own servers */
		if (p->resolv.nameserver_count)
			t->result.address = p->resolv.nameservers[0];
		return 0;
	}
	if (address_parse(target->host, &t->result.address))
		return 0;
	if (!dns_name_valid(target->host))
		return error_set(error, -EINVAL, "probe: \"%s\" is neither a name nor an address",
				 text_escape(shown, sizeof(shown), target->host));
	host_resolve(p, t);
	if (t->result.address.version)
		return 0;
	probe_note_add(&t->result, "no address for \"%s\": nothing was sent to it",
		       text_escape(shown, sizeof(shown), target->host));
	text_copy(target->name, sizeof(target->name), target->host);
	target->kind = TARGET_DNS;
	target->host[0] = '\0';
	target->port = 53;
	target->type = 0;
	if (p->resolv.nameserver_count)
		t->result.address = p->resolv.nameservers[0];
	return 0;
}

static void resolv_take(struct probe *p)
{
	struct facts *facts = p->session.facts;
	char *text = NULL;

	if (p->session.pod) {
		facts_resolv_conf(facts, p->session.pod, &p->resolv);
		return;
	}
	if (file_read(facts->root, "/etc/resolv.conf", FILE_MAX, &text, NULL))
		return;
	resolv_parse(text, &p->resolv);
	free(text);
}

int probe_resolve(struct probe *p, struct error *error)
{
	resolv_take(p);
	array_each(t, &p->targets) {
		int err = target_resolve(p, t, error);

		if (err)
			return err;
	}
	return 0;
}
