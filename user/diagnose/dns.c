/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class "dns": the pod's resolver configuration, whether queries reach a server, whether
 * it answers, what and how late. Walking a search list makes names that do not exist, so
 * NXDOMAIN is a fault only for a name that nothing else in the walk resolved.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/dns_message.h"
#include "diagnose/dns_parts.h"
#include "diagnose/port.h"
#include "diagnose/rule_walk.h"

#define CLASS "dns"
#define DNS_PORT 53
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3
#define RCODE_REFUSED 5

bool dns_is_query_flow(const struct flow *flow)
{
	return flow->tuples[0].dport == DNS_PORT &&
	       (flow->proto == IPPROTO_UDP || flow->proto == IPPROTO_TCP);
}

bool dns_read(const struct journey *journey, const struct flow *flow, struct dns_message *message)
{
	return journey->payload_len && dns_parse(journey->payload, journey->payload_len,
						 flow->proto == IPPROTO_TCP, message);
}

/* The first name asked in the flow, "" unknown. */
static void asked_name(const struct flow *flow, char name[DNS_NAME_TEXT])
{
	struct dns_message message;

	name[0] = '\0';
	for (int i = 0; i < flow->forward.sample_count && !name[0]; i++) {
		if (dns_read(flow->forward.samples[i], flow, &message))
			text_copy(name, DNS_NAME_TEXT, message.name);
	}
}

struct finding *dns_finding(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
			    const char *id, enum severity severity, enum basis basis,
			    uint64_t count)
{
	struct finding *finding = finding_new(list, id, CLASS, severity, basis);
	const struct pod *client = facts_pod_of_address(d->facts, flow->tuples[0].src);
	char server[ADDRESS_TEXT], name[DNS_NAME_TEXT];

	address_text(flow->tuples[0].dst, server);
	asked_name(flow, name);
	finding_key(finding, "%s", server);
	finding_about(finding, flow, count, flow->forward.packets);
	finding_where(finding, d, client ? client->netns : d->subject_netns, 0);
	finding_text(finding, "server", "%s", server);
	if (name[0])
		finding_text(finding, "name", "%s", name);
	return finding;
}

/* The address of the cluster's DNS Service as kube-proxy's rules know it. */
bool dns_cluster_server(struct diagnosis *d, struct address *address)
{
	struct netns_facts *node = lookup_node(d);
	bool found = false;

	if (!node || !facts_need(d->facts, node, FACT_RULES))
		return false;
	array_each(chain, &node->rules.chains) {
		if (filter_chain_of_service(chain))
			continue;
		array_each(rule, &ruleset_chain(&node->rules, chain)->rules) {
			if (rule->dport_min != DNS_PORT || rule->dport_max != DNS_PORT ||
			    !rule->dst.version ||
			    rule->dst_len != (rule->dst.version == 6 ? 128 : 32) ||
			    !strstr(rule_comment(rule), "dns"))
				continue;
			*address = rule->dst;
			found = true;
		}
	}
	/* IPVS knows no names: of the servers at port 53 a cluster has one address. */
	array_each(service, &node->rules.ipvs) {
		if (!found && service->port == DNS_PORT) {
			*address = service->address;
			found = true;
		}
	}
	return found;
}

static bool flow_fails(const struct flow *flow)
{
	return (!flow_has_reply(flow) && !flow->hides_answers) || flow->answer_count ||
	       flow->drop_count;
}

static bool read_config(struct diagnosis *d, const struct pod *pod, struct resolv_conf *conf)
{
	const struct facts_reader *reader = d->facts->reader;

	memset(conf, 0, sizeof(*conf));
	return pod && reader && reader->resolv_conf &&
	       reader->resolv_conf(d->facts, pod, conf) == 0 && conf->known;
}

static void explain_config(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	const struct pod *pod = facts_pod_of_address(d->facts, flow->tuples[0].src);
	struct resolv_conf conf;
	struct address server;
	struct finding *finding;
	char expected[ADDRESS_TEXT], found[ADDRESS_TEXT];
	bool listed = false;

	if (!pod || pod->host_network || !flow_fails(flow) || !dns_cluster_server(d, &server) ||
	    !read_config(d, pod, &conf) || !conf.nameserver_count)
		return;
	for (int i = 0; i < conf.nameserver_count; i++) {
		if (address_equal(conf.nameservers[i], server))
			return;
		listed |= address_equal(conf.nameservers[i], flow->tuples[0].dst);
	}
	if (!listed)
		return; /* asked by name of the server: not by resolv.conf */
	finding = dns_finding(d, list, flow, "dns-config", SEVERITY_ERROR, BASIS_SEEN,
			      flow->forward.packets);
	address_text(server, expected);
	address_text(conf.nameservers[0], found);
	finding_summary(finding, "Pod %.120s/%.120s asks %s for names; the cluster's DNS is %s.",
			pod->namespace, pod->name, found, expected);
	finding_evidence(finding, "fact resolv.conf: nameserver %s, expected nameserver %s", found,
			 expected);
	finding_evidence(finding, "fact search %s, ndots %u",
			 conf.search_count ? conf.search[0] : "missing", conf.ndots);
	finding_text(finding, "expected", "nameserver %s", expected);
	finding_text(finding, "found", "nameserver %s", found);
	finding_remedy(finding,
		       "kubectl -n %s get pod %s -o jsonpath='{.spec.dnsPolicy} {.spec.dnsConfig}'",
		       pod->namespace, pod->name);
	finding_remedy(finding, "# dnsPolicy must be ClusterFirst, and the kubelet's clusterDNS %s",
		       expected);
}

static void unreachable_server(struct diagnosis *d, struct finding_list *list,
			       const struct flow *flow, uint64_t count, const char *how,
			       enum basis basis)
{
	struct finding *finding =
		dns_finding(d, list, flow, "dns-server-unreachable", SEVERITY_ERROR, basis, count);
	struct tuple end = flow_final_tuple(flow);
	char server[ADDRESS_TEXT], holder[LOOKUP_TEXT];

	finding_summary(finding, "DNS server %s %s.", address_text(flow->tuples[0].dst, server),
			how);
	finding_evidence(finding, "seen %llu of %llu queries to %s fail: it %s",
			 (unsigned long long)count, (unsigned long long)flow->forward.packets,
			 lookup_holder(d, end.dst, holder), how);
	finding_text(finding, "stopped", "%s", holder);
	finding_remedy(finding, "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide");
	finding_remedy(finding, "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=20");
	finding_remedy(finding, "kubectl -n kube-system rollout restart deployment coredns");
}

static bool reached_server(const struct diagnosis *d, const struct flow *flow)
{
	return flow->forward.verdicts[VERDICT_DELIVERED] &&
	       facts_pod_of_address(d->facts, flow_final_tuple(flow).dst);
}

static void timeout(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	struct finding *finding = dns_finding(d, list, flow, "dns-timeout", SEVERITY_ERROR,
					      BASIS_ABSENCE, flow->forward.packets);
	struct tuple end = flow_final_tuple(flow);
	char server[ADDRESS_TEXT], holder[LOOKUP_TEXT];
	const struct pod *pod = facts_pod_of_address(d->facts, end.dst);

	lookup_holder(d, end.dst, holder);
	finding_summary(finding, "DNS queries to %s reach %.200s and are not answered.",
			address_text(flow->tuples[0].dst, server), holder);
	finding_evidence(finding, "seen %llu queries delivered to %s, 0 answers",
			 (unsigned long long)flow->forward.packets, holder);
	if (pod)
		finding_text(finding, "pod", "%.200s/%.200s", pod->namespace, pod->name);
	finding_remedy(finding, "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=20");
	finding_remedy(finding, "kubectl -n kube-system rollout restart deployment coredns");
}

static void explain_silence(struct diagnosis *d, struct finding_list *list, const struct flow *flow)
{
	struct refused refused;

	if (port_refusal(d, flow, &refused) && !refused.elsewhere) {
		if (port_is_scanned(d, flow))
			return;
		unreachable_server(d, list, flow, refused.count,
				   "refuses queries: nothing listens on port 53 there", BASIS_SEEN);
		return;
	}
	if (flow_has_reply(flow) || !flow->forward.packets)
		return;
	if (flow->drop_count) {
		unreachable_server(d, list, flow, flow->drops[0].count,
				   "is not reached: queries are dropped on the way", BASIS_SEEN);
		return;
	}
	if (flow->answer_count) {
		unreachable_server(d, list, flow, flow->answers[0].count,
				   "is not reached: queries are rejected on the way", BASIS_SEEN);
		return;
	}
	if (flow->hides_answers || (flow->proto == IPPROTO_UDP && !flow_is_unanswered(flow)))
		return;
	if (reached_server(d, flow))
		timeout(d, list, flow);
	else
		unreachable_server(d, list, flow, flow->forward.packets,
				   "does not answer, and queries leave this node", BASIS_ABSENCE);
}

/* Names with their outcome, as one client asked them. */
struct asked {
	struct address client;
	char name[DNS_NAME_TEXT];
	uint8_t rcode;
	const struct flow *flow;
};

typedef ARRAY(struct asked) asked_list;

static void collect(const struct diagnosis *d, asked_list *all)
{
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		for (int i = 0; dns_is_query_flow(flow) && i < flow->reverse.sample_count; i++) {
			struct dns_message message;
			struct asked *one;

			if (!dns_read(flow->reverse.samples[i], flow, &message) ||
			    !message.response)
				continue;
			one = array_push(all);
			if (!one)
				return;
			one->client = flow->tuples[0].src;
			text_copy(one->name, sizeof(one->name), message.name);
			one->rcode = message.rcode;
			one->flow = flow;
		}
	}
}

static unsigned count_dots(const char *name)
{
	unsigned dots = 0;

	for (; *name; name++)
		dots += *name == '.';
	return dots;
}

static bool has_prefix(const char *name, const char *stem)
{
	size_t length = strlen(stem);

	return !strncmp(name, stem, length) && (name[length] == '.' || name[length] == '\0');
}

/*
 * Must the name exist? Only a Service's full name must, "SERVICE.NAMESPACE.svc.DOMAIN", and only when
 * it was not made by walking the search list for an outside name: then the outside name, or the same
 * stem under another suffix, was asked as well.
 */
static bool must_exist(const asked_list *all, const struct asked *one)
{
	const char *service = strstr(one->name, ".svc.");
	size_t labels = service ? (size_t)(service - one->name) : 0;
	char stem[DNS_NAME_TEXT], outer[DNS_NAME_TEXT];
	char *dot;

	if (!service || one->rcode != RCODE_NXDOMAIN)
		return false;
	text_copy(outer, sizeof(outer), one->name);
	outer[labels] = '\0';
	if (count_dots(outer) != 1)
		return false;
	text_copy(stem, sizeof(stem), outer);
	dot = strchr(stem, '.');
	*dot = '\0';
	array_each(other, all) {
		if (!address_equal(other->client, one->client))
			continue;
		/* The walk found it under another suffix. */
		if (other->rcode == 0 && has_prefix(other->name, stem))
			return false;
		/* "example.com.svc.cluster.local" comes from "example.com". */
		if (!strcmp(other->name, outer))
			return false;
	}
	return true;
}

static void error_finding(struct diagnosis *d, struct finding_list *list, const struct asked *one,
			  const asked_list *all)
{
	struct finding *finding =
		dns_finding(d, list, one->flow, "dns-error", SEVERITY_ERROR, BASIS_SEEN, 1);
	char walked[400] = "", server[ADDRESS_TEXT];

	address_text(one->flow->tuples[0].dst, server);
	array_each(other, all) {
		if (address_equal(other->client, one->client) && !strstr(walked, other->name))
			text_append(walked, sizeof(walked), "%s%s %s", walked[0] ? ", " : "",
				    other->name, dns_rcode_name(other->rcode));
	}
	finding_key(finding, "%s %s", server, dns_rcode_name(one->rcode));
	finding_summary(finding, "DNS server %s answers %s for %.200s.", server,
			dns_rcode_name(one->rcode), one->name);
	finding_evidence(finding, "seen names asked: %s", walked);
	finding_text(finding, "name", "%s", one->name);
	finding_text(finding, "rcode", "%s", dns_rcode_name(one->rcode));
	if (one->rcode == RCODE_NXDOMAIN)
		finding_remedy(
			finding,
			"kubectl get services -A   # is there such a Service, in that namespace?");
	finding_remedy(finding, "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50");
	finding_remedy(finding, "kubectl -n kube-system get configmap coredns -o yaml");
}

/* The bare name, which no suffix helped, asked last: of no account when the walk had found it before. */
static bool was_found(const asked_list *all, const struct asked *one)
{
	array_each(other, all) {
		if (other != one && other->rcode == 0 &&
		    address_equal(other->client, one->client) && has_prefix(other->name, one->name))
			return true;
	}
	return false;
}

static void explain_errors(struct diagnosis *d, struct finding_list *list)
{
	asked_list all = {0};

	collect(d, &all);
	array_each(one, &all) {
		bool failed = one->rcode == RCODE_SERVFAIL || one->rcode == RCODE_REFUSED;

		if ((failed && !was_found(&all, one)) || must_exist(&all, one))
			error_finding(d, list, one, &all);
	}
	array_free(&all);
}

void dns_rules(struct diagnosis *d, struct finding_list *list)
{
	array_each(slot, &d->flows->flows) {
		const struct flow *flow = *slot;

		if (!dns_is_query_flow(flow))
			continue;
		explain_config(d, list, flow);
		explain_silence(d, list, flow);
	}
	dns_timing_rules(d, list);
	explain_errors(d, list);
}
