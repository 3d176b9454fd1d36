/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MTU faults without a drop to point at: sizes that passed against sizes that did not, ICMP
 * errors from beyond the node, lost fragments, and chains of devices that do not fit before
 * anything is lost.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"

#define CLASS "mtu"
#define SMALLEST_SUSPECT 576 /* every IPv4 link passes this much (RFC 791) */
#define FEW_RETRANSMITS 2

struct sizes {
	unsigned passed, lost;
	uint64_t lost_packets;
};

/* TCP that opens and then repeats its large segments while small ones get through. */
static bool stalls_on_size(const struct flow_direction *way)
{
	return way->retransmits >= FEW_RETRANSMITS && way->lost_min_len >= SMALLEST_SUSPECT &&
	       way->passed_max_len && way->passed_max_len < way->lost_min_len;
}

static unsigned unanswered_length(const struct flow *flow)
{
	unsigned length = flow->forward.lost_min_len;

	for (int i = 0; !flow->forward.lost_min_len && i < flow->forward.sample_count; i++) {
		unsigned one = flow->forward.samples[i]->packet.len;

		if (!length || one < length)
			length = one;
	}
	return length;
}

/* What passed between the same two ends, in any flow. */
static unsigned passed_between(const struct diagnosis *d, const struct flow *flow,
			       unsigned *smallest)
{
	const struct tuple *tuple = &flow->tuples[0];
	unsigned passed = 0;

	*smallest = ~0u;
	array_each(slot, &d->flows->flows) {
		const struct flow *other = *slot;
		unsigned length;

		if (!address_equal(other->tuples[0].src, tuple->src) ||
		    !address_equal(other->tuples[0].dst, tuple->dst))
			continue;
		if (flow_has_reply(other)) {
			if (other->forward.passed_max_len > passed)
				passed = other->forward.passed_max_len;
			continue;
		}
		length = unanswered_length(other);
		if (length && length < *smallest)
			*smallest = length;
	}
	return passed;
}

static bool measure(const struct diagnosis *d, const struct flow *flow, struct sizes *sizes,
		    bool *forward)
{
	unsigned smallest;

	if (flow->drop_count)
		return false; /* the drop itself tells more */
	if (flow->proto == IPPROTO_TCP) {
		const struct flow_direction *way =
			stalls_on_size(&flow->forward) ? &flow->forward : &flow->reverse;

		if (!flow->established || !stalls_on_size(way))
			return false;
		*forward = way == &flow->forward;
		*sizes = (struct sizes){way->passed_max_len, way->lost_min_len, way->retransmits};
		return true;
	}
	if (!flow_is_unanswered(flow))
		return false;
	*forward = true;
	sizes->passed = passed_between(d, flow, &smallest);
	sizes->lost = smallest;
	sizes->lost_packets = flow->forward.packets;
	return sizes->passed && sizes->lost >= SMALLEST_SUSPECT && sizes->passed < sizes->lost;
}

static void explain_sizes(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	struct sizes sizes;
	bool forward;
	struct finding *finding;
	const struct hop *out = NULL;
	const struct flow_direction *way;
	const char *device = "";
	char dst[LOOKUP_TEXT];
	unsigned need = mtu_needed(d, flow->tuples[0].dst.version);

	if (!measure(d, flow, &sizes, &forward))
		return;
	way = forward ? &flow->forward : &flow->reverse;
	for (int i = 0; i < way->sample_count && !out; i++)
		out = journey_exit(d, way->samples[i]);
	if (out)
		device = lookup_device_name(d, out->netns, out->ifindex);
	finding = finding_new(list, "mtu-blackhole", CLASS, SEVERITY_ERROR,
			      sizes.passed && out ? BASIS_STATE : BASIS_ABSENCE);
	address_text(forward ? flow_final_tuple(flow).dst : flow->tuples[0].src, dst);
	finding_key(finding, "%s", dst);
	finding_about(finding, flow, sizes.lost_packets, way->packets);
	finding_where(finding, d, out ? out->netns : d->facts->node_netns, out ? out->ifindex : 0);
	finding_summary(
		finding,
		"Packets to %s of %u bytes and more are lost %s%s, smaller ones (up to %u) pass, "
		"and no ICMP tells the sender.",
		dst, sizes.lost, out ? "beyond " : "on the way", device, sizes.passed);
	finding_evidence(finding, "seen largest that passed %u B, smallest lost %u B", sizes.passed,
			 sizes.lost);
	if (out)
		finding_evidence(finding, "seen the large ones leave intact by %s%s", device,
				 out->has_encap ? ", encapsulated" : "");
	mtu_evidence(finding, d, flow);
	finding_text(finding, "device", "%s", device);
	finding_number(finding, "largest_passed", sizes.passed);
	finding_number(finding, "smallest_lost", sizes.lost);
	finding_number(finding, "packet_len", sizes.lost);
	if (need)
		finding_number(finding, "need_mtu", need < sizes.lost ? need : sizes.passed);
	finding_remedy(finding, "# find the size that passes:  ping -M do -s %u %s",
		       sizes.passed - 28, dst);
	finding_remedy(finding,
		       "# raise the MTU of the network beyond %s, or set the pods' MTU below %u "
		       "in the CNI configuration",
		       device[0] ? device : "the node", sizes.lost);
}

/* ICMP "too big" from a router beyond: normal path MTU discovery unless the sender does not heed it. */
static void explain_told(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	for (int i = 0; i < flow->answer_count; i++) {
		const struct flow_answer *answer = &flow->answers[i];
		const struct packet *packet = &answer->packet;
		bool v6 = packet->ip_version == 6;
		struct finding *finding;
		char from[ADDRESS_TEXT];

		if (packet->proto == IPPROTO_TCP ||
		    !(v6 ? packet->icmp_type == 2
			 : packet->icmp_type == 3 && packet->icmp_code == 4))
			continue;
		if (flow->drop_count || answer->drop.time_ns || answer->local)
			continue;
		if (flow_has_reply(flow) && !stalls_on_size(&flow->forward))
			continue;
		finding = finding_new(list, "mtu-exceeded", CLASS, SEVERITY_ERROR, BASIS_SEEN);
		address_text(address_make(packet->ip_version, packet->src), from);
		finding_key(finding, "%s", from);
		finding_about(finding, flow, answer->count, flow->forward.packets);
		finding_where(finding, d, answer->from_netns, answer->from_ifindex);
		finding_summary(finding,
				"%s says that packets over %u bytes do not fit its next link.",
				from, packet->ack);
		finding_evidence(finding,
				 "seen %llu × ICMP \"fragmentation needed\" from %s, MTU %u",
				 (unsigned long long)answer->count, from, packet->ack);
		mtu_evidence(finding, d, flow);
		finding_number(finding, "mtu", packet->ack);
		finding_number(finding, "packet_len", answer->quoted.packet.len);
		finding_text(finding, "address", "%s", from);
		finding_remedy(finding,
			       "# set the pods' MTU to at most %u minus the tunnel's overhead",
			       packet->ack);
	}
}

static int64_t counter_of(const struct netns_facts *ns, const char *name)
{
	array_each(counter, &ns->counters) {
		if (!strcmp(counter->name, name))
			return (int64_t)counter->value;
	}
	return -1;
}

static bool is_fragment(const struct packet *packet)
{
	return packet->frag & (PACKET_FRAG_MF | PACKET_FRAG_OFFSET);
}

/*
 * Fragments of these hosts that were lost for a reason are why the others wait in vain: their flows are the
 * finding's, too, for without ports they may be others.
 */
static void adopt_lost_fragments(struct diagnosis *d, struct finding *finding,
				 const struct drop_case *seen)
{
	struct tuple waits = packet_tuple(&seen->drop->packet);

	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		for (int i = 0; i < flow->drop_count; i++) {
			const struct drop *drop = &flow->drops[i].first;
			struct tuple lost = packet_tuple(&drop->packet);

			if (drop_kind(drop) == DROP_FRAGMENT || drop->benign ||
			    !is_fragment(&drop->packet) || lost.proto != waits.proto ||
			    !address_equal(lost.src, waits.src) ||
			    !address_equal(lost.dst, waits.dst))
				continue;
			finding_flow(finding, flow);
			break;
		}
	}
}

static void fragment_drop(struct diagnosis *d, struct finding_list *list,
			  const struct drop_case *seen)
{
	struct finding *finding;
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	long limit;

	if (seen->kind != DROP_FRAGMENT)
		return;
	finding = finding_new(list, "fragments-lost", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	finding_key(finding, "%u", seen->drop->netns);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	adopt_lost_fragments(d, finding, seen);
	finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
	finding_summary(finding,
			"Fragments are lost in %.200s: packets cannot be put together again.",
			lookup_owner(d, seen->drop->netns, owner));
	evidence_drop(finding, d, seen);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, seen->drop->netns));
	if (seen->ns && facts_need(d->facts, seen->ns, FACT_COUNTERS)) {
		int64_t failed = counter_of(seen->ns, "Ip.ReasmFails");
		int64_t timeout = counter_of(seen->ns, "Ip.ReasmTimeout");

		finding_evidence(finding, "count Ip.ReasmFails %lld, Ip.ReasmTimeout %lld",
				 (long long)failed, (long long)timeout);
		finding_number(finding, "reasm_fails", failed);
		finding_number(finding, "reasm_timeout", timeout);
	}
	if (seen->ns && facts_sysctl(d->facts, seen->ns, "net.ipv4.ipfrag_high_thresh", &limit)) {
		finding_evidence(finding, "fact net.ipv4.ipfrag_high_thresh = %ld", limit);
		finding_number(finding, "limit", limit);
		if (limit < 1 << 20)
			finding_remedy(finding, "%ssysctl -w net.ipv4.ipfrag_high_thresh=4194304",
				       lookup_enter(d, seen->drop->netns, enter));
	}
	finding_remedy(finding, "# better, avoid fragments: set the sender's MTU to %u",
		       mtu_needed(d, seen->drop->packet.ip_version));
}

void mtu_silence_rules(struct diagnosis *d, struct finding_list *list)
{
	lookup_each_drop(d, list, fragment_drop);
	array_each(slot, &d->flows->flows) {
		explain_sizes(d, list, *slot);
		explain_told(d, list, *slot);
	}
}

static void mismatch(struct diagnosis *d, struct finding_list *list, const struct pod *pod,
		     const struct link *inside, const struct link *port, unsigned need,
		     enum severity severity)
{
	struct finding *finding = finding_new(list, "mtu-mismatch", CLASS, severity, BASIS_STATE);
	char enter[LOOKUP_TEXT];
	bool uneven = port && port->mtu != inside->mtu;
	unsigned right = need ? need : port ? port->mtu : inside->mtu;

	finding_key(finding, "%u", pod->netns);
	finding_where(finding, d, pod->netns, inside->ifindex);
	if (uneven)
		finding_summary(
			finding,
			"Pod %.100s/%.100s %s has MTU %u, its host end %s %u: larger packets "
			"are dropped silently.",
			pod->namespace, pod->name, inside->name, inside->mtu, port->name,
			port->mtu);
	else
		finding_summary(finding, "Pod %.100s/%.100s %s has MTU %u, the way %s takes %u.",
				pod->namespace, pod->name, inside->name, inside->mtu,
				lookup_overlay(d, 0) ? "to other nodes" : "out of this node",
				right);
	finding_evidence(finding, "fact %s %u, host end %s %u, needed %u", inside->name,
			 inside->mtu, port ? port->name : "?", port ? port->mtu : 0, right);
	finding_text(finding, "device", "%s", inside->name);
	finding_number(finding, "mtu", inside->mtu);
	finding_number(finding, "need_mtu", right);
	finding_number(finding, "expected", right);
	finding_number(finding, "found", inside->mtu);
	finding_remedy(finding, "%sip link set %s mtu %u", lookup_enter(d, pod->netns, enter),
		       inside->name, right);
	if (port && port->mtu != right)
		finding_remedy(finding, "ip link set %s mtu %u", port->name, right);
	finding_remedy(finding, "# then set mtu %u in the CNI configuration and recreate the pod",
		       right);
}

/* What fits the way of both families, where the pod has both. */
static unsigned pod_need(struct diagnosis *d, const struct pod *pod)
{
	unsigned need = 0;

	for (unsigned i = 0; i < pod->address_count; i++) {
		unsigned one = mtu_needed(d, pod->addresses[i].version);

		if (one && (!need || one < need))
			need = one;
	}
	return need;
}

void mtu_state_rules(struct diagnosis *d, struct finding_list *list)
{
	uint32_t node = d->facts->node_netns;

	if (!d->check)
		return;
	array_each(pod, &d->facts->pods) {
		const struct link *inside, *port;
		unsigned need;

		if (pod->host_network || !pod->netns)
			continue;
		inside = lookup_link_named(d, pod->netns, pod->ifname);
		port = lookup_link(d, node, pod->host_ifindex);
		if (!inside)
			continue;
		need = pod_need(d, pod);
		if (need && inside->mtu > need)
			mismatch(d, list, pod, inside, port, need, SEVERITY_ERROR);
		else if (port && port->mtu != inside->mtu)
			mismatch(d, list, pod, inside, port, need, SEVERITY_WARNING);
	}
}
