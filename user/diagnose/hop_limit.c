/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that use up their TTL or hop limit: a loop on this node, seen by the devices they cross again, or one
 * beyond it, told by the answer. A path probe, which begins with few, is none.
 */
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/routing.h"

#define CLASS "unreachable"
#define TRACEROUTE_TTL 32 /* nobody starts below: what does is a path probe */
#define LOOP_ROUNDS 3 /* a packet may cross a device twice on its way, not three times */

/* The devices one packet crossed more than once, "cni0, eth0". False when it did not loop. */
static bool loop_devices(const struct diagnosis *d, const struct flow_direction *direction,
			 char *text, size_t size)
{
	text[0] = '\0';
	for (int i = 0; i < direction->sample_count; i++) {
		const struct journey *journey = direction->samples[i];

		for (int h = 0; h < journey->hop_count; h++) {
			const struct hop *hop = &journey->hops[h];
			const char *name = lookup_device_name(d, hop->netns, hop->ifindex);
			bool again = false;

			for (int k = 0; k < h; k++)
				again |= journey->hops[k].ifindex == hop->ifindex &&
					 journey->hops[k].netns == hop->netns &&
					 journey->hops[k].out == hop->out;
			if (again && name[0] && !strstr(text, name))
				text_append(text, size, "%s%s", text[0] ? ", " : "", name);
		}
	}
	return text[0] != '\0';
}

static unsigned highest_ttl(const struct flow_direction *direction)
{
	unsigned ttl = 0;

	for (int i = 0; i < direction->sample_count; i++) {
		if (direction->samples[i]->packet.ttl > ttl)
			ttl = direction->samples[i]->packet.ttl;
	}
	return ttl;
}

static void ttl_finding(struct diagnosis *d, struct finding_list *list, const struct concern *about,
			const struct flow_direction *direction, uint32_t netns, uint32_t ifindex,
			const char *by, const struct drop_case *seen)
{
	struct address dst = about->flow->tuples[0].dst;
	struct netns_facts *ns = facts_netns(d->facts, netns);
	const struct route *route = lookup_route(d, ns, dst);
	struct finding *finding;
	char devices[200], text[ADDRESS_TEXT], line[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	bool loops = loop_devices(d, direction, devices, sizeof(devices));

	if (!loops && (!by || highest_ttl(direction) < TRACEROUTE_TTL))
		return;
	finding = finding_new(list, "ttl-exceeded", CLASS, SEVERITY_ERROR, about->basis);
	address_text(dst, text);
	finding_key(finding, "%s", text);
	finding_about(finding, about->flow, about->count, about->of);
	finding_where(finding, d, netns, ifindex);
	if (loops)
		finding_summary(finding,
				"Packets to %s go round in a loop over %s until their TTL "
				"is used up.",
				text, devices);
	else
		finding_summary(finding, "Packets to %s use up their TTL at %s: a routing loop.",
				text, by);
	if (seen)
		evidence_drop(finding, d, seen);
	else if (by)
		finding_evidence(finding, "seen %llu × ICMP time exceeded from %s",
				 (unsigned long long)about->count, by);
	else
		finding_evidence(finding,
				 "seen the same packets again and again with a lower TTL, and no "
				 "answer");
	if (route)
		finding_evidence(finding, "fact the route to %s is \"%s\"", text,
				 route_text(d, ns, route, line));
	finding_text(finding, "destination", "%s", text);
	finding_text(finding, "device", "%s",
		     loops ? devices : lookup_device_name(d, netns, ifindex));
	finding_remedy(finding, "%sip route get %s", lookup_enter(d, netns, enter), text);
	finding_remedy(finding,
		       "# two hops name each other as next hop for %s: correct the route of "
		       "the one that does not hold it",
		       text);
}

void hop_limit_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	struct concern about = concern_of(seen);

	if (!seen->flow)
		return;
	ttl_finding(d, list, &about,
		    seen->dropped->forward ? &seen->flow->forward : &seen->flow->reverse,
		    seen->drop->netns, seen->drop->ifindex, "this node", seen);
}

/* How often the packet came to its last hop's device that way, each time with a lower TTL than before. */
static int loop_rounds(const struct journey *journey)
{
	const struct hop *last = &journey->hops[journey->hop_count - 1];
	int rounds = 0;
	unsigned ttl = 256;

	for (int h = 0; h < journey->hop_count; h++) {
		const struct hop *hop = &journey->hops[h];

		if (hop->ifindex != last->ifindex || hop->netns != last->netns ||
		    hop->out != last->out || hop->packet.ttl >= ttl)
			continue;
		ttl = hop->packet.ttl;
		rounds++;
	}
	return rounds;
}

/*
 * Whoever drops the packet in the end need not say so: Linux limits time-exceeded by the same clock that the redirects
 * of the rounds before have just set (inet_peer.rate_last, net/ipv4/route.c and icmp.c), and firewalls eat it.
 */
bool hop_limit_loop(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	const struct flow_direction *way = &flow->forward;
	struct concern about = {
		.flow = flow, .count = way->packets, .of = way->packets, .basis = BASIS_SEEN};

	if (flow->reverse.packets || flow->drop_count || way->verdicts[VERDICT_DELIVERED])
		return false;
	for (int i = 0; i < flow->answer_count; i++) {
		uint8_t type = flow->answers[i].packet.icmp_type;

		if (type == (flow->answers[i].packet.ip_version == 6 ? 3 : 11))
			return false; /* told by the answer */
	}
	for (int i = 0; i < way->sample_count; i++) {
		const struct journey *journey = way->samples[i];

		if (!journey->hop_count || loop_rounds(journey) < LOOP_ROUNDS)
			continue;
		ttl_finding(d, list, &about, way, journey->hops[journey->hop_count - 1].netns,
			    journey->hops[journey->hop_count - 1].ifindex, NULL, NULL);
		return true;
	}
	return false;
}

void hop_limit_answer(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		      const struct flow_answer *answer)
{
	struct address from = address_make(answer->packet.ip_version, answer->packet.src);
	bool v6 = answer->packet.ip_version == 6;
	struct concern about = {.flow = flow,
				.count = answer->count,
				.of = flow->forward.packets,
				.basis = BASIS_SEEN};
	char text[ADDRESS_TEXT];

	if (answer->packet.icmp_type != (v6 ? 3 : 11) || answer->packet.icmp_code != 0)
		return;
	ttl_finding(d, list, &about, answer->forward ? &flow->forward : &flow->reverse,
		    answer->from_netns, answer->from_ifindex, address_text(from, text), NULL);
}
