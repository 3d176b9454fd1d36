// SPDX-License-Identifier: GPL-2.0-only
/*
 * Joins what names pods, best source first: CNI results give names, addresses and device
 * names of every pod with a network of its own; cgroups and log directories name what is
 * left, host-network pods among them; the runtime's container files are the last resort, and
 * name the containers of plain Docker, too.
 * A result whose namespace is gone, or is by now another pod's, names nobody.
 */
#include "node/pods.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/containers.h"
#include "node/files.h"
#include "node/netns.h"
#include "node/pods_parse.h"
#include "node/pods_process.h"

#define MAX_PODS 2048
#define RESULTS_DIR "/var/lib/cni/results"
#define NETWORKS_DIR "/var/lib/cni/networks"
#define LOGS_DIR "/var/log/pods"
#define DOCKER_DIR "/var/lib/docker/containers"

struct pod_search {
	struct facts *facts;
	uint32_t node_netns;
	struct pod_processes processes;
	ARRAY(struct pod) logged; /* names by UID, from kubelet's log directories */
	bool logs_read;
};

static struct pod *find_netns(struct facts *facts, uint32_t netns)
{
	array_each(pod, &facts->pods) {
		if (pod->netns == netns && !pod->host_network)
			return pod;
	}
	return NULL;
}

/*
 * The pin as it can be opened here: below the root, where /var/run is most often a symbolic link that would
 * lead out of it, then as written (/proc and mounts we share with the node).
 */
static uint32_t open_pin(const struct facts *facts, char path[256])
{
	const char *forms[3] = {path, strncmp(path, "/var/run/", 9) ? NULL : path + 4, NULL};
	char full[512];

	for (unsigned i = 0; facts->root[0] && i < 2; i++) {
		uint32_t inode;

		if (!forms[i])
			continue;
		snprintf(full, sizeof(full), "%s%s", facts->root, forms[i]);
		inode = strlen(full) < 256 ? netns_inode(full) : 0;
		if (inode) {
			text_copy(path, 256, full);
			return inode;
		}
	}
	return path[0] ? netns_inode(path) : 0;
}

/* The pin may lie in a mount we do not see; the sandbox's process is in the namespace all the same. */
static uint32_t netns_of_container(struct pod_search *search, const struct pod *pod)
{
	array_each(process, &search->processes.items) {
		if (pod->container_id[0] && process->netns != search->node_netns &&
		    !strcmp(process->cgroup.container_id, pod->container_id))
			return process->netns;
	}
	return 0;
}

/* False: gone, or somebody else's by now (a reused PID in the path). */
static bool locate(struct pod_search *search, struct pod *pod)
{
	struct pod_process *process;

	pod->netns = open_pin(search->facts, pod->netns_path);
	if (!pod->netns) {
		pod->netns = netns_of_container(search, pod);
		pod->netns_path[0] = '\0';
	}
	if (!pod->netns || pod->netns == search->node_netns)
		return false;
	process = pod_process_in(&search->processes, pod->netns);
	if (process && process->cgroup.uid[0] && pod->uid[0] &&
	    strcmp(process->cgroup.uid, pod->uid) && strlen(process->cgroup.uid) == 36)
		return false;
	if (!process)
		return true;
	pod->pid = process->pid;
	if (!pod->uid[0])
		text_copy(pod->uid, sizeof(pod->uid), process->cgroup.uid);
	if (!pod->netns_path[0])
		snprintf(pod->netns_path, sizeof(pod->netns_path), "/proc/%u/ns/net", pod->pid);
	return true;
}

/* A second interface of a pod (Multus): its addresses belong to the same pod, eth0 stays the first. */
static void merge_attachment(struct pod *pod, struct pod *other)
{
	if (!strcmp(other->ifname, "eth0") && strcmp(pod->ifname, "eth0")) {
		struct pod swap = *pod;

		*pod = *other;
		*other = swap;
	}
	for (unsigned i = 0; i < other->address_count && pod->address_count < 4; i++) {
		pod->addresses[pod->address_count] = other->addresses[i];
		pod->prefix_len[pod->address_count++] = other->prefix_len[i];
	}
}

static int pod_add(struct facts *facts, const struct pod *pod)
{
	struct pod *slot;

	if (facts->pods.count >= MAX_PODS)
		return 0;
	slot = array_push(&facts->pods);
	if (!slot)
		return -ENOMEM;
	*slot = *pod;
	return 0;
}

static int read_result(struct pod_search *search, const char *file)
{
	struct pod pod, *known;
	char path[512], *text;
	size_t size;
	int status;

	if (snprintf(path, sizeof(path), RESULTS_DIR "/%s", file) >= (int)sizeof(path) ||
	    file_read(search->facts->root, path, FILE_MAX, &text, &size))
		return 0; /* deleted while we looked */
	status = pods_parse_result(file, text, size, &pod);
	free(text);
	if (status || !locate(search, &pod))
		return 0;
	known = find_netns(search->facts, pod.netns);
	if (!known)
		return pod_add(search->facts, &pod);
	if (!strcmp(known->name, pod.name) && !strcmp(known->namespace, pod.namespace))
		merge_attachment(known, &pod);
	return 0;
}

/* A container of plain Docker: no CNI has named it. */
static int read_docker(struct pod_search *search, const char *id)
{
	struct pod pod;
	char path[512], *text;
	size_t size;
	int status;

	if (snprintf(path, sizeof(path), DOCKER_DIR "/%s/config.v2.json", id) >=
		    (int)sizeof(path) ||
	    file_read(search->facts->root, path, FILE_MAX, &text, &size))
		return 0;
	status = pods_parse_docker(text, size, &pod);
	free(text);
	/* --network container:NAME shares a namespace: the first one names it. */
	if (status || !locate(search, &pod) || find_netns(search->facts, pod.netns))
		return 0;
	return pod_add(search->facts, &pod);
}

/* What `read` makes of every entry of a directory; one that is not there is empty. */
static int read_each(struct pod_search *search, const char *place,
		     int (*read)(struct pod_search *search, const char *name))
{
	DIR *dir = file_list(search->facts->root, place);
	struct dirent *entry;
	int status = 0;

	if (!dir)
		return 0;
	while (!status && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			status = read(search, entry->d_name);
	}
	closedir(dir);
	return status;
}

static const struct pod *logged_pod(struct pod_search *search, const char *uid)
{
	if (!search->logs_read) {
		DIR *dir = file_list(search->facts->root, LOGS_DIR);
		struct dirent *entry;
		struct pod pod, *slot;

		search->logs_read = true;
		while (dir && (entry = readdir(dir)) && search->logged.count < MAX_PODS) {
			if (!pods_parse_log_dir(entry->d_name, &pod))
				continue;
			slot = array_push(&search->logged);
			if (slot)
				*slot = pod;
		}
		if (dir)
			closedir(dir);
	}
	array_each(pod, &search->logged) {
		if (uid[0] && !strcmp(pod->uid, uid))
			return pod;
	}
	return NULL;
}

static bool container_named(struct pod_search *search, const char *id, struct pod *pod)
{
	char *text;
	size_t size;
	int status;

	if (container_file_read(search->facts, id, &text, &size))
		return false;
	status = pods_parse_container(text, size, pod);
	free(text);
	return !status;
}

/* Name by UID or by container; false: not a pod of this node as far as its files tell. */
static bool find_name(struct pod_search *search, struct pod *pod, const char *container_id)
{
	const struct pod *logged = logged_pod(search, pod->uid);
	struct pod named;

	if (logged) {
		text_copy(pod->namespace, sizeof(pod->namespace), logged->namespace);
		text_copy(pod->name, sizeof(pod->name), logged->name);
		text_copy(pod->source, sizeof(pod->source), "cgroup");
		return true;
	}
	if (!container_named(search, container_id, &named))
		return false;
	text_copy(pod->namespace, sizeof(pod->namespace), named.namespace);
	text_copy(pod->name, sizeof(pod->name), named.name);
	if (!pod->uid[0])
		text_copy(pod->uid, sizeof(pod->uid), named.uid);
	if (named.container_id[0] && !pod->container_id[0])
		text_copy(pod->container_id, sizeof(pod->container_id), named.container_id);
	text_copy(pod->source, sizeof(pod->source), "cri");
	return true;
}

static bool uid_listed(struct facts *facts, const char *uid)
{
	array_each(pod, &facts->pods) {
		if (!strcmp(pod->uid, uid))
			return true;
	}
	return false;
}

static int read_process(struct pod_search *search, const struct pod_process *process)
{
	struct pod pod = {.netns = process->netns, .pid = process->pid};

	if (!process->cgroup.uid[0] ||
	    (process->netns != search->node_netns && find_netns(search->facts, process->netns)))
		return 0;
	pod.host_network = process->netns == search->node_netns;
	/* A process of a pod that has its own network may visit the node's (hostPID and nsenter). */
	if (pod.host_network && uid_listed(search->facts, process->cgroup.uid))
		return 0;
	text_copy(pod.uid, sizeof(pod.uid), process->cgroup.uid);
	if (!find_name(search, &pod, process->cgroup.container_id))
		return 0;
	if (!pod.container_id[0])
		text_copy(pod.container_id, sizeof(pod.container_id), process->cgroup.container_id);
	snprintf(pod.netns_path, sizeof(pod.netns_path), "/proc/%u/ns/net", pod.pid);
	return pod_add(search->facts, &pod);
}

/* Own networks first: they decide which UIDs cannot be host-network pods. */
static int read_processes(struct pod_search *search)
{
	int status = 0;

	for (unsigned host = 0; host < 2; host++) {
		array_each(process, &search->processes.items) {
			if (!status && (process->netns == search->node_netns) == host)
				status = read_process(search, process);
		}
	}
	return status;
}

/* Results of an old libcni hold no names; a living namespace that nothing names is left to others. */
static void name_or_drop(struct pod_search *search)
{
	struct facts *facts = search->facts;
	size_t kept = 0;

	for (size_t i = 0; i < facts->pods.count; i++) {
		struct pod *pod = &facts->pods.items[i];

		if (pod->name[0] && pod->namespace[0])
			facts->pods.items[kept++] = *pod;
		else if (find_name(search, pod, pod->container_id))
			facts->pods.items[kept++] = *pod;
	}
	facts->pods.count = kept;
}

static void take_reservation(struct facts *facts, const char *network, const char *file)
{
	char path[640], id[80], ifname[16], *text;
	struct address address;
	bool parsed;

	if (!address_parse(file, &address) ||
	    snprintf(path, sizeof(path), NETWORKS_DIR "/%s/%s", network, file) >=
		    (int)sizeof(path) ||
	    file_read(facts->root, path, 4096, &text, NULL))
		return;
	parsed = pods_parse_reservation(text, id, ifname);
	free(text);
	array_each(pod, &facts->pods) {
		if (!parsed || pod->host_network || pod->address_count >= 4 ||
		    strcmp(pod->container_id, id) || strcmp(pod->source, "cni-results") == 0)
			continue;
		pod->addresses[pod->address_count] = address;
		pod->prefix_len[pod->address_count++] = address.version == 4 ? 32 : 128;
		if (!pod->ifname[0])
			text_copy(pod->ifname, sizeof(pod->ifname), ifname);
		if (!pod->cni_network[0] && strlen(network) < sizeof(pod->cni_network))
			text_copy(pod->cni_network, sizeof(pod->cni_network), network);
	}
}

static void read_network(struct facts *facts, const char *network)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), NETWORKS_DIR "/%s", network);
	dir = file_list(facts->root, path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			take_reservation(facts, network, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* host-local knows the address of a sandbox whose result is not cached. */
static void read_reservations(struct facts *facts)
{
	bool wanted = false;
	struct dirent *entry;
	DIR *dir;

	array_each(pod, &facts->pods)
		wanted |= !pod->address_count && !pod->host_network && pod->container_id[0];
	dir = wanted ? file_list(facts->root, NETWORKS_DIR) : NULL;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			read_network(facts, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Where no result names the host's end, Calico's name is tried: it either exists here or is not used. */
static void name_devices(struct facts *facts)
{
	array_each(pod, &facts->pods) {
		char name[16];

		if (pod->host_network)
			continue;
		if (!pod->host_name[0]) {
			pods_calico_name(pod->namespace, pod->name, name);
			if (if_nametoindex(name))
				text_copy(pod->host_name, sizeof(pod->host_name), name);
		}
		if (pod->host_name[0])
			pod->host_ifindex = if_nametoindex(pod->host_name);
	}
}

int pods_read(struct facts *facts, struct error *error)
{
	struct pod_search search = {.facts = facts, .node_netns = facts->node_netns ?: netns_own()};
	int status;

	array_free(&facts->pods);
	status = pod_processes_read(&search.processes, search.node_netns);
	if (status && status != -ENOMEM) {
		facts_gap(facts, "/proc cannot be listed (%s): pods are named by files only",
			  strerror(-status));
		status = 0;
	}
	if (!status)
		status = read_each(&search, RESULTS_DIR, read_result);
	if (!status)
		status = read_processes(&search);
	if (!status)
		status = read_each(&search, DOCKER_DIR, read_docker);
	if (!status) {
		name_or_drop(&search);
		read_reservations(facts);
		name_devices(facts);
		status = containers_read(facts, &search.processes);
	}
	pod_processes_free(&search.processes);
	array_free(&search.logged);
	if (status)
		return error_set(error, status, "cannot list the node's pods: %s",
				 strerror(-status));
	return 0;
}

void pods_read_mtus(struct facts *facts)
{
	struct netns_facts *node = facts_netns(facts, facts->node_netns);

	array_each(pod, &facts->pods) {
		struct netns_facts *ns = facts_netns(facts, pod->netns);
		const struct link *inside = NULL, *host = NULL;

		if (pod->host_network)
			continue;
		if (ns)
			inside = facts_link_named(facts, ns, pod->ifname);
		if (node && pod->host_name[0])
			host = facts_link_named(facts, node, pod->host_name);
		if (inside)
			pod->mtu = inside->mtu;
		if (host)
			pod->host_mtu = host->mtu;
	}
}

uint64_t pods_stamp(const struct facts *facts)
{
	static const char *const places[] = {
		RESULTS_DIR,
		LOGS_DIR,
		"/var/log/containers",
		"/run/netns",
		"/run/containerd/io.containerd.runtime.v2.task/k8s.io",
		"/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
		"/run/containers/storage/overlay-containers",
		"/var/lib/docker/containers",
	};
	uint64_t stamp = 0;

	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++)
		stamp = stamp * 1000003 + (uint64_t)file_changed_ns(facts->root, places[i]);
	return stamp;
}
