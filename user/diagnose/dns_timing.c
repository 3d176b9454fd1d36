/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DNS queries joined to their answers: which came late, and which never came though others of the same
 * client did. A query counts as lost only when its client asked again, for an answer may come after the trace.
 */
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/dns_parts.h"

#define SLOW_NS                                                                                    \
	1000000000ULL /* stub resolvers give a query 5 s; half the patience of a user is one */
#define AGAIN_NS 900000000ULL /* nobody who was answered asks the same again so late */
#define TWIN_NS 20000000ULL /* A and AAAA of one look-up are sent together */
#define MS 1000000ULL

struct query {
	const struct flow *flow;
	const struct journey *journey;
	struct dns_message message;
	uint64_t answer_ns; /* 0: none seen */
};

typedef ARRAY(struct query) query_list;

/* The first answer with the query's id that came after it, and was not taken by an earlier query. */
static void answer_find(struct query *query)
{
	const struct flow_direction *back = &query->flow->reverse;

	for (int i = 0; i < back->sample_count; i++) {
		const struct journey *answer = back->samples[i];

		if (answer->packet.seq == query->journey->packet.seq &&
		    answer->first_ns >= query->journey->first_ns &&
		    (!query->answer_ns || answer->first_ns < query->answer_ns))
			query->answer_ns = answer->first_ns;
	}
}

static void queries_collect(const struct diagnosis *d, query_list *all)
{
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		for (int i = 0; dns_is_query_flow(flow) && flow->proto == IPPROTO_UDP &&
				i < flow->forward.sample_count;
		     i++) {
			struct dns_message message;
			struct query *query;

			if (!dns_read(flow->forward.samples[i], flow, &message) || message.response)
				continue;
			query = array_push(all);
			if (!query)
				return;
			query->flow = flow;
			query->journey = flow->forward.samples[i];
			query->message = message;
			answer_find(query);
		}
	}
}

static bool same_question(const struct query *a, const struct query *b)
{
	return address_equal(a->flow->tuples[0].src, b->flow->tuples[0].src) &&
	       a->message.type == b->message.type && !strcmp(a->message.name, b->message.name);
}

/* Asked twice with one id and answered once: which of the two was answered nobody can tell, but one was not. */
static bool lacks_answer(const query_list *all, const struct query *query)
{
	uint16_t id = query->journey->packet.seq;
	int queries = 0, answers = 0;

	array_each(other, all)
		queries += other->flow == query->flow && other->journey->packet.seq == id;
	for (int i = 0; i < query->flow->reverse.sample_count; i++)
		answers += query->flow->reverse.samples[i]->packet.seq == id;
	return answers < queries;
}

/* The client asked again because nothing came: so long it waited. 0: not so. */
static uint64_t lost_for(const query_list *all, const struct query *query)
{
	const struct flow_direction *back = &query->flow->reverse;
	uint64_t sent = query->journey->first_ns;

	if (back->packets > back->sample_count)
		return 0; /* not every answer was kept */
	array_each(other, all) {
		uint64_t again = other->journey->first_ns;

		if (other == query || !same_question(query, other) || again < sent + AGAIN_NS)
			continue;
		if (!query->answer_ns || (query->answer_ns >= again && lacks_answer(all, query)))
			return again - sent;
	}
	return 0;
}

/* The other one of A and AAAA, sent from the same socket at the same time and answered at once. */
static const struct query *answered_twin(const query_list *all, const struct query *query)
{
	array_each(other, all) {
		uint64_t a = other->journey->first_ns, b = query->journey->first_ns;

		if (other != query && other->flow == query->flow &&
		    other->message.type != query->message.type &&
		    !strcmp(other->message.name, query->message.name) &&
		    (a > b ? a - b : b - a) < TWIN_NS && other->answer_ns &&
		    other->answer_ns < a + AGAIN_NS)
			return other;
	}
	return NULL;
}

static const char *type_text(uint16_t type)
{
	return type == 1 ? "A" : type == 28 ? "AAAA" : "other";
}

static void explain_lost(struct diagnosis *d, struct finding_list *list, const query_list *all,
			 const struct query *query, uint64_t waited)
{
	const struct query *twin = answered_twin(all, query);
	struct finding *finding =
		dns_finding(d, list, query->flow, "dns-timeout", SEVERITY_ERROR, BASIS_ABSENCE, 1);
	char server[ADDRESS_TEXT];

	address_text(query->flow->tuples[0].dst, server);
	finding_summary(finding,
			"A query (%s) for %.200s to %s got no answer, others did; the client "
			"asked again after %.1f s.",
			type_text(query->message.type), query->message.name, server, waited / 1e9);
	if (twin) {
		finding_evidence(finding,
				 "seen its twin (%s), sent from the same socket at the same time, "
				 "answered in %.1f ms",
				 type_text(twin->message.type),
				 (twin->answer_ns - twin->journey->first_ns) / 1e6);
		finding_text(finding, "twin", "%s", type_text(twin->message.type));
		finding_remedy(finding, "conntrack -S   # insert_failed: two queries of one "
					"socket raced for one entry");
		finding_remedy(finding, "# options single-request-reopen in the pod's dnsConfig, "
					"or node-local DNS, avoids the race");
	} else {
		finding_evidence(finding, "seen the query, and the same again %.1f s later",
				 waited / 1e9);
		finding_remedy(finding,
			       "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=20");
	}
	finding_text(finding, "name", "%s", query->message.name);
	finding_text(finding, "query", "%s", type_text(query->message.type));
	finding_number(finding, "waited_ms", (int64_t)(waited / MS));
}

/* Does the flow, seen as a whole, already say that nothing is answered? */
static bool is_silent(const struct flow *flow)
{
	return !flow_has_reply(flow);
}

/* Of one flow: how late its answers came. */
static void explain_delay(struct diagnosis *d, struct finding_list *list, const query_list *all,
			  const struct flow *flow)
{
	uint64_t worst = 0, total = 0, count = 0;
	const struct query *slowest = NULL;
	struct finding *finding;
	char server[ADDRESS_TEXT];

	array_each(query, all) {
		uint64_t took = query->answer_ns - query->journey->first_ns;

		if (query->flow != flow || !query->answer_ns || lost_for(all, query))
			continue;
		if (took > worst) {
			worst = took;
			slowest = query;
		}
		total += took;
		count++;
	}
	if (!slowest || worst < SLOW_NS)
		return;
	finding = dns_finding(d, list, flow, "dns-slow", SEVERITY_ERROR, BASIS_SEEN, count);
	finding_summary(finding,
			"DNS server %s answers late: worst %llu ms for %.200s (%s), average "
			"%llu ms.",
			address_text(flow->tuples[0].dst, server), (unsigned long long)(worst / MS),
			slowest->message.name, type_text(slowest->message.type),
			(unsigned long long)(total / count / MS));
	finding_evidence(finding, "seen %llu answers, worst %llu ms, average %llu ms",
			 (unsigned long long)count, (unsigned long long)(worst / MS),
			 (unsigned long long)(total / count / MS));
	finding_text(finding, "name", "%s", slowest->message.name);
	finding_number(finding, "worst_ms", (int64_t)(worst / MS));
	finding_number(finding, "average_ms", (int64_t)(total / count / MS));
	finding_remedy(finding, "kubectl -n kube-system top pods -l k8s-app=kube-dns");
	finding_remedy(finding,
		       "# names outside the cluster: look at the servers CoreDNS forwards to");
}

void dns_timing_rules(struct diagnosis *d, struct finding_list *list)
{
	query_list all = {0};

	queries_collect(d, &all);
	array_each(query, &all) {
		uint64_t waited = is_silent(query->flow) ? 0 : lost_for(&all, query);

		if (waited)
			explain_lost(d, list, &all, query, waited);
	}
	array_each(slot, &d->flows->flows)
		explain_delay(d, list, &all, *slot);
	array_free(&all);
}
