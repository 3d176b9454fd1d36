/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making findings: the constructors that rules use. A finding whose parts could not all be
 * allocated is still a finding; only finding_new can fail. Every function takes NULL.
 */
#include "diagnose/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/lookup.h"

double basis_confidence(enum basis basis)
{
	static const double start[] = {
		[BASIS_SEEN] = 0.97,
		[BASIS_COUNTER] = 0.9,
		[BASIS_STATE] = 0.85,
		[BASIS_ABSENCE] = 0.6,
	};

	return start[basis];
}

struct finding *finding_new(struct finding_list *list, const char *id, const char *class,
			    enum severity severity, enum basis basis)
{
	struct finding *finding = calloc(1, sizeof(*finding)), **slot;

	if (!finding)
		return NULL;
	slot = array_push(&list->findings);
	if (!slot) {
		free(finding);
		return NULL;
	}
	*slot = finding;
	text_copy(finding->id, sizeof(finding->id), id);
	text_copy(finding->class, sizeof(finding->class), class);
	finding->severity = severity;
	finding->basis = basis;
	finding->confidence = basis_confidence(basis);
	return finding;
}

void finding_key(struct finding *finding, const char *format, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	vsnprintf(finding->key, sizeof(finding->key), format, args);
	va_end(args);
}

void finding_gap(struct finding *finding)
{
	if (finding)
		finding->gaps++;
}

void finding_flow(struct finding *finding, const struct flow *flow)
{
	uint64_t *slot = finding ? array_push(&finding->flows) : NULL;

	if (slot)
		*slot = flow->id;
}

void finding_about(struct finding *finding, const struct flow *flow, uint64_t count, uint64_t of)
{
	if (!finding)
		return;
	finding->count = count;
	finding->of = of;
	if (!flow)
		return;
	finding->flow_id = flow->id;
	finding->flow = flow->tuples[0];
	finding_flow(finding, flow);
}

void finding_pod(struct finding *finding, const struct facts *facts, const struct pod *pod)
{
	if (!finding || !pod)
		return;
	snprintf(finding->pod, sizeof(finding->pod), "%s/%s", pod->namespace, pod->name);
	facts_containers(facts, pod, finding->containers, sizeof(finding->containers));
}

void finding_socket(struct finding *finding, const struct socket_fact *socket)
{
	if (!finding || !socket || !socket->pid)
		return;
	finding_evidence(finding, "fact the socket is held by process %u, %s%s%s", socket->pid,
			 socket->comm[0] ? socket->comm : "of unknown name",
			 socket->container[0] ? ", container " : "", socket->container);
	finding_number(finding, "pid", socket->pid);
	finding_text(finding, "process", "%s", socket->comm);
	/* Whatever else is in its namespace: a process of no container is none of the pod's. */
	text_copy(finding->containers, sizeof(finding->containers), socket->container);
	if (socket->container[0])
		finding_text(finding, "container", "%s", socket->container);
}

void finding_where(struct finding *finding, const struct diagnosis *d, uint32_t netns,
		   uint32_t ifindex)
{
	const struct node_config *config;
	uint32_t peer_netns, peer;

	if (!finding)
		return;
	finding_pod(finding, d->facts, lookup_pod(d, netns));
	text_copy(finding->netns, sizeof(finding->netns), lookup_netns_label(d, netns));
	if (ifindex)
		text_copy(finding->device, sizeof(finding->device),
			  lookup_device_name(d, netns, ifindex));
	if (ifindex && lookup_peer(d, netns, ifindex, &peer_netns, &peer))
		text_copy(finding->peer_device, sizeof(finding->peer_device),
			  lookup_device_name(d, peer_netns, peer));
	config = facts_config(d->facts);
	if (config)
		text_copy(finding->node, sizeof(finding->node), config->hostname);
}

void finding_summary(struct finding *finding, const char *format, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	vsnprintf(finding->summary, sizeof(finding->summary), format, args);
	va_end(args);
}

typedef ARRAY(char *) line_array;

/* Appends one formatted line; a line there is no memory for is left out. */
static void line_add(void *lines, const char *format, va_list args)
{
	line_array *array = lines;
	char *line = NULL, **slot;

	if (vasprintf(&line, format, args) < 0)
		return;
	slot = array_push(array);
	if (slot)
		*slot = line;
	else
		free(line);
}

void finding_evidence(struct finding *finding, const char *format, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	line_add(&finding->evidence, format, args);
	va_end(args);
}

void finding_remedy(struct finding *finding, const char *format, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	line_add(&finding->remedy, format, args);
	va_end(args);
}

static struct finding_fact *fact_slot(struct finding *finding, const char *key)
{
	struct finding_fact *fact;

	array_each(known, &finding->facts) {
		if (!strcmp(known->key, key)) {
			free(known->text);
			known->text = NULL;
			return known;
		}
	}
	fact = array_push(&finding->facts);
	if (fact)
		text_copy(fact->key, sizeof(fact->key), key);
	return fact;
}

void finding_number(struct finding *finding, const char *key, int64_t number)
{
	struct finding_fact *fact = finding ? fact_slot(finding, key) : NULL;

	if (!fact)
		return;
	fact->is_number = true;
	fact->number = number;
}

void finding_text(struct finding *finding, const char *key, const char *format, ...)
{
	struct finding_fact *fact = finding ? fact_slot(finding, key) : NULL;
	va_list args;

	if (!fact)
		return;
	fact->is_number = false;
	va_start(args, format);
	if (vasprintf(&fact->text, format, args) < 0)
		fact->text = NULL;
	va_end(args);
}

void finding_free(struct finding *finding)
{
	if (!finding)
		return;
	array_each(line, &finding->evidence)
		free(*line);
	array_each(line, &finding->remedy)
		free(*line);
	array_each(line, &finding->consequences)
		free(*line);
	array_each(fact, &finding->facts)
		free(fact->text);
	array_free(&finding->evidence);
	array_free(&finding->remedy);
	array_free(&finding->consequences);
	array_free(&finding->facts);
	array_free(&finding->flows);
	free(finding);
}

void finding_list_free(struct finding_list *list)
{
	array_each(finding, &list->findings)
		finding_free(*finding);
	array_free(&list->findings);
}

bool finding_list_has_error(const struct finding_list *list)
{
	array_each(finding, &list->findings) {
		if ((*finding)->severity == SEVERITY_ERROR)
			return true;
	}
	return false;
}
