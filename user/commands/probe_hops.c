// SPDX-License-Identifier: GPL-2.0-only
/*
 * First the way is found, one hop after the other, until the target itself or nobody answers; from then on
 * every hop that is known is asked once in each round.
 */
#include "commands/probe_hops.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define ROUND_NS 1000000000ull
#define START_NS 100000000ull /* the kernel stamps packets only some time after it is asked to */
#define SILENT_MAX 3 /* hops in a row that do not answer: nothing is looked for behind */

struct hop_ask {
	uint64_t sent_ns;
	uint8_t ttl;
	bool open;
};

struct probe_hops {
	int fd;
	uint16_t id, seq;
	uint8_t first, ttl, last; /* ttl: being looked for; last: the farthest known */
	uint8_t silent;
	bool started, found; /* found: the way is known */
	struct address routers[PROBE_TTL_MAX + 1]; /* by distance */
	uint64_t next_ns;
	struct hop_ask asks[64]; /* by sequence number */
};

static struct hop_ask *ask_of(struct probe_hops *h, uint16_t seq)
{
	return &h->asks[seq % 64];
}

struct probe_hops *probe_hops_new(struct probe *p, const struct probe_target *t)
{
	const struct pod *pod = facts_pod_of_address(p->session.facts, t->result.address);
	struct probe_hops *h;

	if (p->options->inside || t->result.target.kind != TARGET_ICMP || (pod && pod->netns))
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->fd = probe_socket_open(&p->where, PROBE_ECHO, t->result.address.version);
	if (h->fd < 0) {
		free(h);
		return NULL;
	}
	if (getrandom(&h->id, sizeof(h->id), GRND_NONBLOCK) < 0 || h->id == t->id)
		h->id = t->id + 1;
	h->first = p->session.subject_netns ? 2 : 1; /* a pod's first router is its own node */
	h->ttl = h->first;
	h->next_ns = capture_now() + START_NS;
	return h;
}

static void ask_send(struct probe_hops *h, const struct probe_target *t, uint8_t ttl)
{
	struct hop_ask *ask = ask_of(h, ++h->seq);

	ask->sent_ns = capture_now();
	ask->ttl = ttl;
	ask->open = !probe_echo_send(h->fd, t->result.address, h->id, h->seq, 36, ttl);
}

/* Packets come to it a second time: a loop, with nothing new behind. */
static bool router_again(const struct probe_hops *h, struct address router)
{
	for (unsigned ttl = h->first; router.version && ttl + 1 < h->ttl; ttl++) {
		if (address_equal(h->routers[ttl], router))
			return true;
	}
	return false;
}

/* `router` version 0: nobody answered. */
static void ask_ended(struct probe_hops *h, struct probe_target *t, struct hop_ask *ask,
		      struct address router, uint64_t now)
{
	bool searching = !h->found && ask->ttl == h->ttl;

	ask->open = false;
	if (router.version || h->found)
		hop_table_router(&t->table, ask->ttl, router, now - ask->sent_ns);
	if (!searching)
		return;
	h->silent = router.version ? 0 : h->silent + 1;
	if (router.version)
		h->last = ask->ttl;
	h->found = address_equal(router, t->result.address) || h->silent == SILENT_MAX ||
		   ask->ttl == PROBE_TTL_MAX || router_again(h, router);
	h->routers[ask->ttl] = router;
	h->ttl++;
	if (!h->found)
		ask_send(h, t, h->ttl);
}

static bool is_time_exceeded(const struct probe_complaint *c, uint8_t version)
{
	return !c->local && c->type == (version == 6 ? 3 : 11);
}

static void asks_receive(struct probe_hops *h, struct probe_target *t)
{
	struct probe_arrival arrival;
	struct probe_complaint complaint;
	uint8_t version = t->result.address.version;
	int n;

	for (int i = 0; i < 64 && (n = probe_echo_receive(h->fd, version, &arrival)); i++) {
		struct hop_ask *ask = ask_of(h, arrival.seq);

		if (n > 0 && arrival.id == h->id && ask->open)
			ask_ended(h, t, ask, arrival.from, arrival.time_ns);
	}
	for (int i = 0; i < 64 && probe_complaint_receive(h->fd, true, &complaint) > 0; i++) {
		struct hop_ask *ask = ask_of(h, complaint.seq);

		if (complaint.quoted && complaint.id == h->id && ask->open &&
		    is_time_exceeded(&complaint, version))
			ask_ended(h, t, ask, complaint.from, complaint.time_ns);
	}
}

void probe_hops_run(struct probe *p, struct probe_target *t, uint64_t now)
{
	struct probe_hops *h = t->hops;

	if (!h)
		return;
	asks_receive(h, t);
	for (unsigned i = 0; i < 64; i++) {
		struct hop_ask *ask = &h->asks[i];

		if (ask->open && now > ask->sent_ns && now - ask->sent_ns > p->options->timeout_ns)
			ask_ended(h, t, ask, (struct address){0}, now);
	}
	if (now < h->next_ns || (!t->left && !p->options->continuous))
		return;
	if (!h->started)
		ask_send(h, t, h->ttl);
	else if (h->found)
		for (uint8_t ttl = h->first; ttl <= h->last; ttl++)
			ask_send(h, t, ttl);
	h->started = true;
	h->next_ns =
		now + (p->options->interval_ns > ROUND_NS ? p->options->interval_ns : ROUND_NS);
}

int probe_hops_fd(const struct probe_hops *h)
{
	return h ? h->fd : -1;
}

static bool is_ours(const struct probe_hops *h, const struct packet *packet)
{
	return (packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6) &&
	       (packet_is_echo_request(packet) || packet_is_echo_reply(packet)) &&
	       packet->seq >> 16 == h->id;
}

bool probe_hops_made(const struct probe_hops *h, const struct journey *journey)
{
	return is_ours(h, &journey->packet) ||
	       (journey->has_quoted && is_ours(h, &journey->quoted.packet));
}

void probe_hops_free(struct probe_hops *h)
{
	if (!h)
		return;
	close(h->fd);
	free(h);
}
