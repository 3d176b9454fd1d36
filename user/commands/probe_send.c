// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends echo requests, connects and datagrams, and reads what comes back. One test packet is one try; a
 * try ends with an answer, a complaint of a router, a refusal of this kernel, or silence.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/probe.h"
#include "commands/probe_dns.h"
#include "commands/probe_hops.h"
#include "commands/probe_mtu.h"
#include "commands/probe_service.h"

static const char *errno_text(int err)
{
	switch (err) {
	case EADDRNOTAVAIL:
		return "no free local port or no such source address";
	case EMSGSIZE:
		return "larger than the device's MTU";
	case ENETUNREACH:
		return "no route";
	case EHOSTUNREACH:
		return "no route to host, or its link address is not known";
	case EACCES:
	case EPERM:
		return "refused by a rule or route, or a broadcast address";
	default:
		return strerror(err);
	}
}

/* No packet exists: the diagnosis learns of it as of any refused system call. */
static void refusal_add(struct probe *p, struct probe_target *t, int err)
{
	static const uint8_t protos[] = {IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP,
					 IPPROTO_ICMP};
	ARRAY(struct refusal) *all = (void *)&p->capture.flows->refusals;
	struct refusal *refusal = NULL;

	array_each(one, all) {
		if (one->error == err && address_equal(one->tuple.dst, t->result.address) &&
		    one->tuple.dport == t->result.target.port)
			refusal = one;
	}
	if (!refusal) {
		refusal = array_push(all);
		if (!refusal)
			return;
		refusal->error = err;
		refusal->tuple.dst = t->result.address;
		refusal->tuple.src = t->result.source;
		refusal->tuple.dport = t->result.target.port;
		refusal->tuple.proto = protos[t->result.target.kind];
		refusal->netns = p->session.subject_netns;
		refusal->pid = getpid();
		text_copy(refusal->comm, sizeof(refusal->comm), "cnitrace");
	}
	refusal->count++;
}

void probe_failed(struct probe *p, struct probe_target *t, int err, const char *what)
{
	t->result.failed++;
	probe_note_add(&t->result, "%s: %s; no packet was sent", what, errno_text(-err));
	refusal_add(p, t, err);
}

static void try_end(struct probe_target *t, struct probe_try *try)
{
	if (try->fd >= 0)
		close(try->fd);
	*try = t->tries.items[--t->tries.count];
}

static struct probe_try *try_new(struct probe_target *t, uint64_t key, int fd, uint64_t now)
{
	struct probe_try *try = array_push(&t->tries);

	if (!try)
		return NULL;
	try->key = key;
	try->fd = fd;
	try->sent_ns = now;
	hop_table_sent(&t->table, key, now);
	return try;
}

static void echo_send(struct probe *p, struct probe_target *t)
{
	uint64_t now;
	int err;

	t->seq++;
	now = capture_now();
	err = probe_echo_send(t->fd, t->result.address, t->id, t->seq, t->result.target.size, 0);
	if (err)
		probe_failed(p, t, err, "echo request");
	else
		try_new(t, t->seq, -1, now);
}

static void connect_send(struct probe *p, struct probe_target *t)
{
	int fd = probe_socket_open(&p->where, PROBE_TCP, t->result.address.version);
	uint64_t now = capture_now();
	int err;

	if (fd < 0) {
		probe_failed(p, t, fd, "socket");
		return;
	}
	err = probe_socket_connect(fd, t->result.address, t->result.target.port);
	if (err && err != -EINPROGRESS && err != -ECONNREFUSED) {
		probe_failed(p, t, err, "connect");
		close(fd);
		return;
	}
	if (!try_new(t, probe_service_port(p, t, fd, t->result.address), fd, now))
		close(fd);
}

static void datagram_send(struct probe *p, struct probe_target *t)
{
	struct probe_where where = p->where;
	char text[] = "cnitrace probe ";
	uint8_t bytes[TARGET_SIZE_MAX];
	uint64_t now;
	int fd, err;

	where.df = t->result.target.df;
	fd = probe_socket_open(&where, PROBE_UDP, t->result.address.version);
	if (fd < 0) {
		probe_failed(p, t, fd, "socket");
		return;
	}
	for (size_t i = 0; i < t->result.target.size; i++)
		bytes[i] = text[i % (sizeof(text) - 1)];
	err = probe_socket_connect(fd, t->result.address, t->result.target.port);
	now = capture_now();
	if (!err && send(fd, bytes, t->result.target.size, 0) < 0)
		err = -errno;
	if (err) {
		probe_failed(p, t, err, "send");
		close(fd);
		return;
	}
	if (!try_new(t, probe_service_port(p, t, fd, t->result.address), fd, now))
		close(fd);
}

void probe_target_send(struct probe *p, struct probe_target *t, uint64_t now)
{
	if (!t->left || now < t->next_ns || t->tries.count >= PROBE_MAX_OPEN / p->targets.count)
		return;
	switch (t->result.target.kind) {
	case TARGET_ICMP:
		echo_send(p, t);
		break;
	case TARGET_TCP:
		connect_send(p, t);
		break;
	case TARGET_UDP:
		datagram_send(p, t);
		break;
	case TARGET_DNS:
		if (t->lookup && !probe_lookup_done(t->lookup))
			return;
		probe_lookup_begin(p, t, now);
		break;
	case TARGET_MTU:
		t->left = 0;
		probe_search_begin(p, t, now);
		return;
	}
	if (t->result.target.kind != TARGET_DNS)
		t->result.sent++;
	if (!p->options->continuous)
		t->left--;
	/* Kept to the grid, but a late start does not make a burst. */
	t->next_ns = t->next_ns && t->next_ns + p->options->interval_ns > now
			     ? t->next_ns + p->options->interval_ns
			     : now + p->options->interval_ns;
}

static void answered(struct probe_target *t, struct probe_try *try, uint64_t now)
{
	t->result.answered++;
	hop_number_add(&t->result.rtt, now - try->sent_ns);
	hop_table_answered(&t->table, try->key);
	try_end(t, try);
}

static struct probe_try *try_find(struct probe_target *t, uint64_t key)
{
	array_each(try, &t->tries) {
		if (try->key == key)
			return try;
	}
	return NULL;
}

/* A router's or host's ICMP error. */
static void complained(struct probe_target *t, const struct probe_complaint *complaint)
{
	char from[ADDRESS_TEXT], what[64];

	t->result.unreachable++;
	probe_complaint_text(t->result.address.version, complaint->type, complaint->code, what);
	address_text(complaint->from, from);
	if (complaint->mtu)
		probe_note_add(&t->result, "%s from %s: at most %u bytes", what, from,
			       complaint->mtu);
	else
		probe_note_add(&t->result, "%s from %s", what, from);
}

static void echo_receive(struct probe_target *t)
{
	struct probe_arrival arrival;
	struct probe_complaint complaint;
	struct probe_try *try;
	char from[ADDRESS_TEXT];

	for (int i = 0; i < 64; i++) {
		int err = probe_echo_receive(t->fd, t->result.address.version, &arrival);

		if (!err)
			break;
		if (err < 0)
			continue; /* an error that the queue tells of, too */
		try = arrival.id == t->id ? try_find(t, arrival.seq) : NULL;
		if (!try)
			continue;
		if (!address_equal(arrival.from, t->result.address))
			probe_note_add(&t->result, "answered by %s, which was not asked",
				       address_text(arrival.from, from));
		answered(t, try, arrival.time_ns);
	}
	for (int i = 0; i < 64 && probe_complaint_receive(t->fd, true, &complaint) > 0; i++) {
		try = complaint.quoted && complaint.id == t->id && !complaint.local
			      ? try_find(t, complaint.seq)
			      : NULL;
		if (!try)
			continue;
		complained(t, &complaint);
		try_end(t, try);
	}
}

static void connect_ended(struct probe_target *t, struct probe_try *try)
{
	uint64_t now = capture_now();
	struct probe_complaint complaint = {};
	int err = probe_socket_outcome(try->fd);
	bool icmp;

	t->result.resent += probe_socket_resent(try->fd);
	if (!err) {
		uint64_t rtt = probe_socket_rtt(try->fd);

		answered(t, try, rtt ? try->sent_ns + rtt : now);
		return;
	}
	icmp = probe_complaint_receive(try->fd, false, &complaint) > 0 && !complaint.local;
	if (icmp) {
		complained(t, &complaint);
	} else if (err == -ECONNREFUSED) {
		t->result.refused++;
		hop_table_answered(&t->table, try->key);
		probe_note_add(&t->result, "refused: RST");
	} else if (err == -ETIMEDOUT) {
		t->result.silent++;
	} else {
		t->result.unreachable++;
		probe_note_add(&t->result, "connect: %s", errno_text(-err));
	}
	try_end(t, try);
}

static void datagram_ended(struct probe_target *t, struct probe_try *try)
{
	struct probe_complaint complaint;
	uint8_t bytes[2048];
	struct probe_arrival arrival = {.bytes = bytes, .room = sizeof(bytes)};

	if (probe_complaint_receive(try->fd, false, &complaint) > 0 && !complaint.local) {
		complained(t, &complaint);
		try_end(t, try);
	} else if (probe_datagram_receive(try->fd, &arrival) > 0) {
		answered(t, try, arrival.time_ns);
	}
}

void probe_target_receive(struct probe *p, struct probe_target *t)
{
	if (t->result.target.kind == TARGET_DNS) {
		probe_lookup_receive(p, t);
		return;
	}
	if (t->result.target.kind == TARGET_MTU) {
		probe_search_receive(p, t);
		return;
	}
	if (t->fd >= 0)
		echo_receive(t);
	for (size_t i = t->tries.count; i-- > 0;) {
		struct probe_try *try = &t->tries.items[i];
		struct pollfd ready = {.fd = try->fd,
				       .events = t->result.target.kind == TARGET_TCP ? POLLOUT
										     : POLLIN};

		if (try->fd < 0 || poll(&ready, 1, 0) <= 0)
			continue;
		if (t->result.target.kind == TARGET_TCP)
			connect_ended(t, try);
		else
			datagram_ended(t, try);
	}
}

void probe_target_expire(struct probe *p, struct probe_target *t, uint64_t now)
{
	probe_target_receive(p, t); /* what arrived while records were read is no silence */
	if (t->lookup)
		probe_lookup_expire(p, t, now);
	if (t->search)
		probe_search_expire(p, t, now);
	for (size_t i = t->tries.count; i-- > 0;) {
		struct probe_try *try = &t->tries.items[i];

		if (now - try->sent_ns < p->options->timeout_ns)
			continue;
		if (try->fd >= 0 && t->result.target.kind == TARGET_TCP)
			t->result.resent += probe_socket_resent(try->fd);
		t->result.silent++;
		try_end(t, try);
	}
}

bool probe_target_done(const struct probe *p, const struct probe_target *t)
{
	if (p->options->continuous && t->result.target.kind != TARGET_MTU)
		return false;
	return !t->left && !t->tries.count && (!t->lookup || probe_lookup_done(t->lookup)) &&
	       (!t->search || probe_search_done(t->search));
}

size_t probe_target_fds(const struct probe_target *t, struct pollfd *fds, size_t room)
{
	size_t count = 0;

	if (t->lookup)
		return probe_lookup_fds(t->lookup, fds, room);
	if (t->fd >= 0 && room)
		fds[count++] = (struct pollfd){.fd = t->fd, .events = POLLIN};
	if (t->hops && count < room)
		fds[count++] = (struct pollfd){.fd = probe_hops_fd(t->hops), .events = POLLIN};
	array_each(try, &t->tries) {
		if (try->fd >= 0 && count < room)
			fds[count++] = (struct pollfd){
				.fd = try->fd,
				.events = t->result.target.kind == TARGET_TCP ? POLLOUT : POLLIN};
	}
	return count;
}

void probe_target_free(struct probe_target *t)
{
	while (t->tries.count)
		try_end(t, &t->tries.items[0]);
	if (t->fd >= 0)
		close(t->fd);
	probe_lookup_free(t->lookup);
	probe_search_free(t->search);
	probe_hops_free(t->hops);
	array_free(&t->tries);
	array_free(&t->ends);
	array_free(&t->result.queries);
	hop_table_free(&t->table);
}
