/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/follow.h"

#include "node/pods.h"

#define WRITTEN_NS 50000000ull /* libcni makes its file, then fills it */
#define SETTLED_NS 1000000000ull /* a sandbox's first process comes after its files */
#define EAGER_NS 5000000000ull /* a pod without a name: so long every FOLLOW_NS, … */
#define PATIENT_NS 30000000000ull /* … then so long every second: it is nobody's pod */
#define COST 10 /* looking takes a tenth of the time at the most */

void follow_start(struct follow *f, const struct session *session, uint64_t now_ns)
{
	*f = (struct follow){
		.stamp = pods_stamp(session->facts), .stamp_ns = now_ns, .asked_ns = now_ns};
}

static void due_by(struct follow *f, uint64_t time_ns)
{
	if (!f->due_ns || time_ns < f->due_ns)
		f->due_ns = time_ns;
}

static void note_unseen(struct follow *f)
{
	if (!f->unseen_ns)
		f->unseen_ns = f->asked_ns;
}

uint64_t follow_unseen(struct follow *f)
{
	uint64_t since = f->unseen_ns;

	f->unseen_ns = 0;
	return since;
}

void follow_changed(struct follow *f, uint64_t now_ns)
{
	note_unseen(f);
	f->changed_ns = now_ns;
	due_by(f, now_ns);
}

void follow_link(struct follow *f, const struct session *session, uint32_t ifindex, bool gone,
		 uint64_t now_ns)
{
	const struct topology *topology = &session->topology;
	const struct device *known = topology_device(topology, topology->node_netns, ifindex);

	if (gone && known && !known->gone) {
		note_unseen(f);
		due_by(f, now_ns + WRITTEN_NS);
	} else if (!gone && (!known || known->gone)) {
		follow_changed(f, now_ns);
	}
}

bool follow_due(struct follow *f, const struct session *session, uint64_t now_ns)
{
	f->asked_ns = now_ns;
	if (now_ns >= f->stamp_ns + FOLLOW_NS) {
		uint64_t stamp = pods_stamp(session->facts);

		f->stamp_ns = now_ns;
		if (stamp != f->stamp) {
			f->stamp = stamp;
			f->changed_ns = now_ns;
			due_by(f, now_ns + WRITTEN_NS);
		}
	}
	return f->due_ns && now_ns >= f->due_ns;
}

static bool nameless_pod(const struct session *session)
{
	const struct topology *topology = &session->topology;

	array_each(device, &topology->devices) {
		if (device->netns == topology->node_netns && device->role == ROLE_POD &&
		    !device->gone && !device->pod[0])
			return true;
	}
	return false;
}

void follow_looked(struct follow *f, const struct session *session, uint64_t began_ns,
		   uint64_t now_ns)
{
	uint64_t least = (now_ns - began_ns) * COST, age = now_ns - f->changed_ns;

	f->due_ns = 0;
	if (nameless_pod(session) && age < PATIENT_NS)
		due_by(f, now_ns + (age < EAGER_NS ? FOLLOW_NS : SETTLED_NS));
	if (age < SETTLED_NS)
		due_by(f, f->changed_ns + SETTLED_NS);
	if (f->due_ns && f->due_ns < now_ns + least)
		f->due_ns = now_ns + least;
}
