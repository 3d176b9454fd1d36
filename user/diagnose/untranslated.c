/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where only drops are seen: an answer that its client does not know, because the bridge passed
 * it on without having its Service's address put back. Connection tracking still knows what the
 * client had asked for; without its word nothing is said. Where requests are seen, too, cni.c tells it.
 */
#include <netinet/in.h>
#include <string.h>

#include "diagnose/causes.h"

/* Both on one bridge, which then passes on what they send each other without routing it. */
static const struct link *shared_bridge(const struct diagnosis *d, const struct pod *one,
					const struct pod *other)
{
	uint32_t node = d->facts->node_netns;
	const struct link *a = lookup_link(d, node, one->host_ifindex);
	const struct link *b = lookup_link(d, node, other->host_ifindex);

	if (!a || !b || !a->master || a->master != b->master)
		return NULL;
	return lookup_link(d, node, a->master);
}

/* The request that the packet answers, when that was sent to another address. */
static bool request_of(struct diagnosis *d, struct netns_facts *node, const struct tuple *answer,
		       struct tuple *request)
{
	const struct facts_reader *reader = d->facts->reader;
	struct conntrack_entry entry;

	if (!reader || !reader->conntrack || reader->conntrack(d->facts, node, answer, &entry))
		return false;
	*request = entry.original;
	return address_equal(entry.reply.src, answer->src) &&
	       !address_equal(entry.original.dst, answer->src);
}

static void untranslated_answer(struct diagnosis *d, struct finding_list *list,
				const struct drop_case *seen)
{
	struct tuple answer = packet_tuple(&seen->drop->packet), request;
	const char *sysctl = bridge_netfilter_sysctl(answer.src.version);
	const struct pod *client = lookup_pod(d, seen->drop->netns);
	const struct pod *server = facts_pod_of_address(d->facts, answer.src);
	struct netns_facts *node = lookup_node(d);
	const struct link *bridge;
	struct finding *finding;
	char service[LOOKUP_TEXT], endpoint[LOOKUP_TEXT];
	long value = -1;
	bool known;

	if (seen->kind != DROP_NO_SOCKET || seen->drop->has_encap || !client || !server || !node ||
	    client == server)
		return;
	bridge = shared_bridge(d, client, server);
	known = facts_sysctl(d->facts, node, sysctl, &value);
	if (!bridge || (known && value != 0) || !request_of(d, node, &answer, &request))
		return;
	finding = finding_new(list, "bridge-netfilter-off", "cni", SEVERITY_ERROR, BASIS_SEEN);
	endpoint_text(answer.src, answer.sport, endpoint);
	endpoint_text(request.dst, request.dport, service);
	finding_key(finding, "node");
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, node->inode, bridge->ifindex);
	finding_summary(
		finding,
		"%s is %s: replies of %s to its Service address %s are not translated back on "
		"the bridge.",
		sysctl, bridge_netfilter_state(known), endpoint, service);
	evidence_drop(finding, d, seen);
	finding_evidence(finding, "fact conntrack knows it as an answer to a request for %s",
			 service);
	bridge_netfilter_mend(finding, sysctl, known);
}

void untranslated_rules(struct diagnosis *d, struct finding_list *list)
{
	if (d->drops_only)
		lookup_each_drop(d, list, untranslated_answer);
}
