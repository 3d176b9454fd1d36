// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the search: one packet at a time, so that an answer or an ICMP error is always for the last one.
 */
#include "commands/probe_mtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#define SMALL 84 /* what ping sends */
#define WAIT_MIN_NS 200000000ull
#define WAY_WAIT_NS 1100000000ull
#define VETH_SLACK 4 /* veth and bridge let a VLAN tag's bytes pass above the MTU */
#define CLOSED_PORT 33434 /* where traceroute begins: nobody listens there */

enum way_step { WAY_NONE, WAY_CONTROL, WAY_HIGH, WAY_TOP, WAY_DONE };

struct probe_search {
	struct probe_mtu mtu;
	uint64_t sent_ns, wait_ns;
	bool waiting;
	enum way_step way;
	unsigned way_tries;
	int way_fd;
};

bool probe_search_done(const struct probe_search *s)
{
	return s->mtu.search.done && s->way == WAY_DONE;
}

void probe_search_free(struct probe_search *s)
{
	if (!s)
		return;
	if (s->way_fd >= 0)
		close(s->way_fd);
	free(s);
}

static uint32_t header_len(const struct probe_target *t)
{
	return t->result.address.version == 6 ? 48 : 28;
}

/* MTU of the device the sender's route leads to. */
static uint32_t device_mtu(struct probe *p, const struct probe_target *t)
{
	struct facts *facts = p->session.facts;
	uint32_t netns = p->session.subject_netns ? p->session.subject_netns : facts->node_netns;
	struct netns_facts *ns = facts_netns(facts, netns);
	struct route_query query = {.dst = t->result.address};
	struct route_answer answer = {};
	const struct link *link;

	if (!ns || !facts_route(facts, ns, &query, &answer) || answer.error)
		return 1500; /* unknown: the kernel will say EMSGSIZE */
	link = facts_link(facts, ns, answer.ifindex);
	return link && link->mtu ? link->mtu : 1500;
}

/*
 * What the sender's route allows: an mtu of its own, or one that was learned of the path. The search does not
 * heed it, other senders must.
 */
static uint32_t route_mtu(struct probe *p, const struct probe_target *t)
{
	uint8_t version = t->result.address.version;
	int fd = probe_socket_open(&p->where, PROBE_UDP, version);
	uint32_t mtu = 0;

	if (fd < 0)
		return 0;
	if (!probe_socket_connect(fd, t->result.address, CLOSED_PORT))
		mtu = probe_socket_mtu(fd, version);
	close(fd);
	return mtu;
}

static void hints_take(struct probe *p, struct probe_search *s)
{
	array_each(device, &p->session.topology.devices) {
		if (device->role == ROLE_LOOPBACK || device->gone || !device->mtu)
			continue;
		mtu_search_hint(&s->mtu.search, device->mtu);
		if (device->role == ROLE_POD || device->role == ROLE_INSIDE)
			mtu_search_hint(&s->mtu.search, device->mtu + VETH_SLACK);
	}
}

static void way_next(struct probe *p, struct probe_target *t);

static void echo_next(struct probe *p, struct probe_target *t)
{
	struct probe_search *s = t->search;
	uint32_t size = mtu_search_next(&s->mtu.search);
	int err;

	s->waiting = false;
	if (!size) {
		way_next(p, t);
		return;
	}
	t->seq++;
	s->sent_ns = capture_now();
	err = probe_echo_send(t->fd, t->result.address, t->id, t->seq, size - header_len(t), 0);
	if (err == -EMSGSIZE) {
		s->mtu.local = true;
		mtu_search_failed(&s->mtu.search, true);
		s->waiting = false;
		return;
	}
	t->result.sent++;
	if (err) {
		probe_note_add(&t->result, "echo request of %u bytes: %s", size, strerror(-err));
		t->result.failed++;
		s->mtu.search.done = true;
		s->way = WAY_DONE;
		return;
	}
	hop_table_sent(&t->table, t->seq, s->sent_ns);
	s->waiting = true;
}

void probe_search_begin(struct probe *p, struct probe_target *t, uint64_t now)
{
	struct probe_search *s = calloc(1, sizeof(*s));

	(void)now;
	t->search = s;
	if (!s)
		return;
	s->way_fd = -1;
	s->wait_ns = p->options->timeout_ns;
	mtu_search_begin(&s->mtu.search, SMALL + header_len(t) - 28, device_mtu(p, t));
	hints_take(p, s);
	s->mtu.local_mtu = route_mtu(p, t);
	t->result.mtu = &s->mtu;
	echo_next(p, t);
}

static void passed(struct probe *p, struct probe_target *t, uint64_t now)
{
	struct probe_search *s = t->search;
	uint64_t took = now - s->sent_ns;

	t->result.answered++;
	hop_number_add(&t->result.rtt, took);
	hop_table_answered(&t->table, t->seq);
	/* The first answer says how long to wait for the others. */
	if (t->result.answered == 1)
		s->wait_ns = took * 8 > WAIT_MIN_NS ? took * 8 : WAIT_MIN_NS;
	if (s->wait_ns > p->options->timeout_ns)
		s->wait_ns = p->options->timeout_ns;
	mtu_search_passed(&s->mtu.search);
	s->waiting = false;
}

static void complaint_take(struct probe_search *s, const struct probe_complaint *c)
{
	if (c->local) {
		s->mtu.local = true;
		s->mtu.local_mtu = c->mtu;
	} else if (c->error == EMSGSIZE) {
		s->mtu.icmp_arrived = true;
		s->mtu.icmp_mtu = c->mtu;
		s->mtu.icmp_from = c->from;
	}
	if (c->mtu)
		mtu_search_hint(&s->mtu.search, c->mtu);
}

/* One datagram of `size` bytes to a port nobody listens at. */
static bool way_send(struct probe *p, struct probe_target *t, uint32_t size)
{
	static const uint8_t zeros[TARGET_SIZE_MAX];
	struct probe_search *s = t->search;
	struct probe_where where = p->where;
	int err;

	where.df = true;
	if (s->way_fd >= 0)
		close(s->way_fd);
	s->way_fd = probe_socket_open(&where, PROBE_UDP, t->result.address.version);
	if (s->way_fd < 0)
		return false;
	err = probe_socket_connect(s->way_fd, t->result.address, CLOSED_PORT + s->way);
	s->sent_ns = capture_now();
	if (!err && send(s->way_fd, zeros, size - header_len(t), 0) < 0)
		err = -errno;
	s->waiting = !err;
	return !err;
}

static void way_ask(struct probe *p, struct probe_target *t)
{
	struct probe_search *s = t->search;
	const struct mtu_search *search = &s->mtu.search;

	if (!way_send(p, t,
		      s->way == WAY_CONTROL ? search->base
		      : s->way == WAY_HIGH  ? search->high
					    : search->top))
		s->way = WAY_DONE;
}

static void way_next(struct probe *p, struct probe_target *t)
{
	struct probe_search *s = t->search;
	const struct mtu_search *search = &s->mtu.search;

	s->way_tries = 0;
	if (!search->low || search->low >= search->top || ++s->way >= WAY_DONE)
		s->way = WAY_DONE;
	else
		way_ask(p, t);
}

static void way_ended(struct probe *p, struct probe_target *t, bool answered)
{
	struct probe_search *s = t->search;
	struct mtu_search *search = &s->mtu.search;

	s->waiting = false;
	if (s->way == WAY_CONTROL && !answered) {
		s->way = WAY_DONE; /* it does not answer at all: nothing can be learned */
		return;
	}
	if (s->way == WAY_HIGH) {
		s->mtu.direction_known = true;
		s->mtu.reverse_small = answered;
		s->mtu.forward = answered ? search->high : search->low;
		if (!answered) {
			s->way = WAY_DONE;
			return;
		}
	}
	if (s->way == WAY_TOP && answered)
		s->mtu.forward = search->top;
	way_next(p, t);
}

static void way_receive(struct probe *p, struct probe_target *t)
{
	struct probe_search *s = t->search;
	struct probe_complaint complaint;

	while (s->way_fd >= 0 && s->waiting &&
	       probe_complaint_receive(s->way_fd, false, &complaint) > 0) {
		if (complaint.error == EMSGSIZE)
			complaint_take(s, &complaint);
		way_ended(p, t, complaint.error == ECONNREFUSED);
	}
}

void probe_search_receive(struct probe *p, struct probe_target *t)
{
	struct probe_search *s = t->search;
	struct probe_complaint complaint;
	struct probe_arrival arrival;

	if (!s || probe_search_done(s))
		return;
	if (s->way != WAY_NONE) {
		way_receive(p, t);
		return;
	}
	while (probe_echo_receive(t->fd, t->result.address.version, &arrival) != 0) {
		if (arrival.id == t->id && arrival.seq == t->seq && s->waiting)
			passed(p, t, arrival.time_ns);
	}
	while (probe_complaint_receive(t->fd, true, &complaint) > 0) {
		complaint_take(s, &complaint);
		if (!s->waiting || (complaint.quoted && complaint.seq != t->seq))
			continue;
		mtu_search_failed(&s->mtu.search, complaint.error == EMSGSIZE);
		s->waiting = false;
	}
	if (!s->waiting)
		echo_next(p, t);
}

/* Linux makes one ICMP error a second for a host once it made six (icmp_ratelimit): the next try must find another. */
static uint64_t wait_of(const struct probe_search *s)
{
	return s->way != WAY_NONE && s->wait_ns < WAY_WAIT_NS ? WAY_WAIT_NS : s->wait_ns;
}

void probe_search_expire(struct probe *p, struct probe_target *t, uint64_t now)
{
	struct probe_search *s = t->search;

	if (probe_search_done(s) || (s->waiting && now - s->sent_ns < wait_of(s)))
		return;
	if (s->way != WAY_NONE) {
		if (++s->way_tries < MTU_TRIES)
			way_ask(p, t);
		else
			way_ended(p, t, false);
		return;
	}
	if (s->waiting) {
		t->result.silent++;
		mtu_search_failed(&s->mtu.search, false);
	}
	echo_next(p, t);
}

bool probe_search_made(const struct probe_target *t, const struct journey *journey)
{
	const struct packet *asked = &journey->quoted.packet;

	return journey->has_quoted && asked->proto == IPPROTO_UDP && asked->dport > CLOSED_PORT &&
	       asked->dport < CLOSED_PORT + WAY_DONE &&
	       address_equal(t->result.address, address_make(asked->ip_version, asked->dst));
}

static void link_add(struct probe_mtu *mtu, const char *name, uint32_t size, uint32_t overhead)
{
	for (unsigned i = 0; i < mtu->link_count; i++) {
		if (!strcmp(mtu->links[i].name, name))
			return;
	}
	if (!size || mtu->link_count == sizeof(mtu->links) / sizeof(mtu->links[0]))
		return;
	text_copy(mtu->links[mtu->link_count].name, sizeof(mtu->links[0].name), name);
	mtu->links[mtu->link_count].mtu = size;
	mtu->links[mtu->link_count++].room = size > overhead ? size - overhead : 0;
}

static void pod_link_add(struct probe *p, struct probe_mtu *mtu, const struct pod *pod)
{
	struct facts *facts = p->session.facts;
	struct netns_facts *ns = pod ? facts_netns(facts, pod->netns) : NULL;
	const struct link *link = ns ? facts_link_named(facts, ns, pod->ifname) : NULL;
	char name[340];

	if (!link)
		return;
	snprintf(name, sizeof(name), "%.150s/%.150s %s", pod->namespace, pod->name, link->name);
	link_add(mtu, name, link->mtu, 0);
}

/*
 * Sender, devices in the order packets met them, receiver. The NIC behind a tunnel carries the packet and the
 * tunnel's header: it has that much less room.
 */
static void links_collect(struct probe *p, struct probe_target *t)
{
	struct probe_mtu *mtu = &t->search->mtu;
	struct facts *facts = p->session.facts;
	uint32_t overhead = 0;

	pod_link_add(p, mtu, p->session.pod);
	for (unsigned i = 0; i < t->table.row_count; i++) {
		const struct hop_row *row = &t->table.rows[t->table.order[i]];
		struct netns_facts *ns = facts_netns(facts, row->place.netns);
		const struct device *device =
			topology_device(&p->session.topology, row->place.netns, row->place.ifindex);

		if (!device || !ns || row->place.leg != LEG_REQUEST)
			continue;
		link_add(mtu, device->name, device->mtu, overhead);
		overhead += probe_mtu_overhead(facts_link(facts, ns, device->ifindex));
	}
	pod_link_add(p, mtu, facts_pod_of_address(facts, t->result.address));
}

/* ICMP "too big" for packets of the search, as the trace saw it. */
static void icmp_collect(struct probe *p, struct probe_target *t)
{
	struct probe_mtu *mtu = &t->search->mtu;

	array_each(slot, &p->capture.flows->flows) {
		const struct flow *flow = *slot;

		if (!address_equal(flow->tuples[0].dst, t->result.address))
			continue;
		for (unsigned i = 0; i < flow->answer_count; i++) {
			const struct flow_answer *answer = &flow->answers[i];
			bool too_big = answer->packet.ip_version == 6
					       ? answer->packet.icmp_type == 2
					       : answer->packet.icmp_type == 3 &&
							 answer->packet.icmp_code == 4;
			const struct device *device;

			if (!too_big)
				continue;
			if (!mtu->icmp_mtu)
				mtu->icmp_mtu = answer->packet.ack;
			if (answer->delivered || mtu->icmp_arrived)
				continue;
			device = topology_device(&p->session.topology, answer->drop.netns,
						 answer->drop.ifindex);
			mtu->icmp_lost = true;
			snprintf(mtu->icmp_lost_at, sizeof(mtu->icmp_lost_at), "%s%s%.16s",
				 device ? device->name : "this node",
				 answer->drop.hook[0] ? ", hook " : "", answer->drop.hook);
		}
	}
}

void probe_search_judge(struct probe *p, struct probe_target *t)
{
	struct probe_mtu *mtu = t->search ? &t->search->mtu : NULL;

	if (!mtu)
		return;
	links_collect(p, t);
	icmp_collect(p, t);
	for (unsigned i = 0; i < t->table.end_count; i++) {
		const struct hop_end *end = &t->table.ends[i];
		const struct device *device;

		if (end->verdict == VERDICT_DELIVERED || end->verdict == VERDICT_LEFT_NODE)
			continue;
		device = topology_device(&p->session.topology, end->netns, end->ifindex);
		mtu->dropped_here = true;
		mtu->dropped_reply |= end->reply;
		if (device)
			text_copy(mtu->dropped_at, sizeof(mtu->dropped_at), device->name);
		else
			text_copy(mtu->dropped_at, sizeof(mtu->dropped_at), "this node");
		text_copy(mtu->dropped_why, sizeof(mtu->dropped_why),
			  end->reason[0] ? end->reason : end->function);
	}
	if (mtu->dropped_reply && !mtu->direction_known) {
		mtu->direction_known = true;
		mtu->reverse_small = true;
	}
	probe_mtu_judge(mtu);
}
