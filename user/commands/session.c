/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/common.h"
#include "kernel/abilities.h"
#include "node/netns.h"
#include "node/node_topology.h"
#include "node/pods.h"

static int64_t wall_offset(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (wall.tv_sec - mono.tv_sec) * 1000000000ll + wall.tv_nsec - mono.tv_nsec;
}

static void node_name(struct session *s)
{
	const struct node_config *config = facts_config(s->facts);

	if (config && config->hostname[0])
		text_copy(s->node, sizeof(s->node), config->hostname);
	else if (gethostname(s->node, sizeof(s->node)))
		text_copy(s->node, sizeof(s->node), "this node");
	s->node[sizeof(s->node) - 1] = '\0';
}

static int node_read(struct session *s, struct error *error)
{
	int err = pods_read(s->facts, error);

	if (err)
		return err;
	err = node_namespaces(s->facts, error);
	if (err)
		return err;
	return node_topology(s->facts, &s->topology, error);
}

int session_open(struct session *s, const char *root, struct error *error)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->facts = facts_new();
	if (!s->facts)
		return error_set(error, -ENOMEM, "out of memory");
	s->facts->reader = &node_reader;
	if (root && strcmp(root, "/") != 0) {
		if (access(root, R_OK | X_OK))
			return error_set(error, -ENOENT, "--root %s: %s", root, strerror(errno));
		text_copy(s->facts->root, sizeof(s->facts->root), root);
	}
	err = node_read(s, error);
	if (err)
		return err;
	node_name(s);
	s->names.topology = &s->topology;
	s->names.facts = s->facts;
	s->names.node = s->node;
	s->names.wall_offset_ns = wall_offset();
	return 0;
}

static int pod_missing(struct session *s, const char *name, struct error *error)
{
	char shown[300], list[300] = "";

	array_each(pod, &s->facts->pods) {
		char one[520];
		char safe[300];

		snprintf(one, sizeof(one), "%s/%s", pod->namespace, pod->name);
		text_append(list, sizeof(list), "%s%s", list[0] ? ", " : "",
			    text_escape(safe, sizeof(safe), one));
	}
	text_escape(shown, sizeof(shown), name);
	if (!list[0])
		return error_set(error, -ENOENT,
				 "no pod \"%s\" on this node: no pods were found at all (is --root "
				 "right? names come from var/lib/cni and /proc)",
				 shown);
	return error_set(error, -ENOENT, "no pod \"%s\" on this node; pods here: %s", shown, list);
}

/* NAME (of ip netns), PATH or PID. */
static int netns_path(const char *spec, char *path, size_t size, struct error *error)
{
	bool digits = *spec != '\0';
	char shown[128];

	for (const char *c = spec; *c; c++)
		digits &= isdigit((unsigned char)*c) != 0;
	if (strchr(spec, '/'))
		text_copy(path, size, spec);
	else if (digits)
		snprintf(path, size, "/proc/%s/ns/net", spec);
	else
		snprintf(path, size, "/run/netns/%s", spec);
	if (netns_inode(path))
		return 0;
	return error_set(
		error, -ENOENT,
		"no network namespace \"%s\": give a name that \"ip netns\" lists, a path, or "
		"the number of a running process",
		text_escape(shown, sizeof(shown), spec));
}

int session_subject(struct session *s, const char *pod, const char *netns, struct error *error)
{
	int err;

	if (pod && netns)
		return error_set(error, -EINVAL, "--pod and --netns exclude each other");
	if (pod) {
		s->pod = facts_pod_named(s->facts, pod);
		if (!s->pod)
			return pod_missing(s, pod, error);
		if (s->pod->host_network || !s->pod->netns)
			return error_set(error, -EINVAL,
					 "pod \"%s/%s\" has no network namespace of its own: use a "
					 "FILTER instead of --pod",
					 s->pod->namespace, s->pod->name);
		s->subject_netns = s->pod->netns;
		text_copy(s->subject_path, sizeof(s->subject_path), s->pod->netns_path);
	} else if (netns) {
		err = netns_path(netns, s->subject_path, sizeof(s->subject_path), error);
		if (err)
			return err;
		s->subject_netns = netns_inode(s->subject_path);
		s->pod = facts_pod_of_netns(s->facts, s->subject_netns);
		if (!facts_netns(s->facts, s->subject_netns))
			facts_add_netns(s->facts, s->subject_netns, s->subject_path, netns);
	}
	return 0;
}

void session_subject_text(const struct session *s, struct start_info *info,
			  struct subject_text *text)
{
	if (!s->pod)
		return;
	snprintf(text->pod, sizeof(text->pod), "%s/%s", s->pod->namespace, s->pod->name);
	facts_containers(s->facts, s->pod, text->containers, sizeof(text->containers));
	info->pod = text->pod;
	info->containers = text->containers;
}

int session_refresh(struct session *s, struct error *error)
{
	struct topology old = s->topology;
	uint64_t now_ns = common_now();
	char pod[520] = "";
	int err;

	if (s->pod && s->pod != &s->past)
		s->past = *s->pod;
	if (s->pod)
		snprintf(pod, sizeof(pod), "%s/%s", s->pod->namespace, s->pod->name);
	memset(&s->topology, 0, sizeof(s->topology));
	facts_forget(s->facts, FACT_LINKS | FACT_ADDRESSES);
	err = node_read(s, error);
	if (pod[0])
		s->pod = facts_pod_named(s->facts, pod) ?: &s->past;
	if (err) {
		topology_free(&s->topology);
		s->topology = old;
		return err;
	}
	topology_keep(&s->topology, &old, now_ns);
	topology_free(&old);
	return 0;
}

int session_capabilities(struct error *error)
{
	struct kernel_abilities kernel = {.capabilities = kernel_capabilities()};
	char missing[256] = "";
	int count = 0;

	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *one = &kernel_capability_list[i];

		if (!one->needed || kernel_capable(&kernel, one->bit))
			continue;
		text_append(missing, sizeof(missing), "%s%s (%s)", count ? ", " : "", one->name,
			    one->loss);
		count++;
	}
	if (!count)
		return 0;
	if (count == 2 && !kernel_capable(&kernel, CAPABILITY_NET_ADMIN))
		return error_set(error, -EPERM,
				 "needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN (none held): run it "
				 "with sudo, or see \"cnitrace doctor\"");
	return error_set(error, -EPERM, "needs CAP_BPF and CAP_PERFMON; not held: %s", missing);
}

void session_losses(FILE *out, bool drops_only)
{
	struct kernel_abilities kernel = {.capabilities = kernel_capabilities()};

	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *one = &kernel_capability_list[i];
		const char *loss = drops_only && one->drops_loss ? one->drops_loss : one->loss;

		if (one->needed || one->said_when_missed || !loss[0] ||
		    kernel_capable(&kernel, one->bit) ||
		    (one->bit == CAPABILITY_SYSLOG && kernel_symbols_visible()))
			continue;
		fprintf(out, "cnitrace: %s is not held: %s\n", one->name, loss);
	}
}

void session_close(struct session *s)
{
	topology_free(&s->topology);
	facts_free(s->facts);
	s->facts = NULL;
}
