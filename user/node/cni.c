/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What CNI left on the node: configurations, flannel's subnet, addresses reserved by
 * host-local, and which of these belong to sandboxes that no longer live. Reads files
 * under the node's root; the texts are parsed in cni_parse.c.
 */
#include "node/cni.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "node/files.h"
#include "node/reader.h"

#define NETWORKS_DIR "/var/lib/cni/networks"
#define RESULTS_DIR "/var/lib/cni/results"
#define MAX_CONFS 32
#define MAX_RESERVATIONS 8192
#define MAX_NAMES 16384

/* The usual place, then where k3s and MicroK8s keep theirs. */
static const char *const conf_dirs[] = {
	"/etc/cni/net.d",
	"/var/lib/rancher/k3s/agent/etc/cni/net.d",
	"/var/snap/microk8s/current/args/cni-network",
};

struct name_list {
	ARRAY(char *) names;
};

static void names_free(struct name_list *list)
{
	for (size_t i = 0; i < list->names.count; i++)
		free(list->names.items[i]);
	array_free(&list->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory in lexical order, without dot files. 0 or negative errno. */
static int names_read(const char *root, const char *path, struct name_list *list)
{
	DIR *dir = file_list(root, path);
	struct dirent *entry;
	int status = 0;

	if (!dir)
		return -errno;
	while (!status && list->names.count < MAX_NAMES && (entry = readdir(dir))) {
		char **slot;

		if (entry->d_name[0] == '.')
			continue;
		slot = array_push(&list->names);
		if (slot)
			*slot = strdup(entry->d_name);
		if (!slot || !*slot)
			status = -ENOMEM;
	}
	closedir(dir);
	if (list->names.count)
		qsort(list->names.items, list->names.count, sizeof(char *), compare_names);
	return status;
}

static bool is_conf_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".conf") || !strcmp(dot, ".conflist") || !strcmp(dot, ".json"));
}

static int read_conf(const char *root, const char *dir, const char *name,
		     struct node_config *config)
{
	struct cni_conf *conf = array_push(&config->confs);
	char path[512], *text;
	size_t size;
	int status;

	if (!conf)
		return -ENOMEM;
	text_copy(conf->file, sizeof(conf->file), name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	status = file_read(root, path, FILE_MAX, &text, &size);
	if (status) {
		snprintf(conf->error, sizeof(conf->error), "cannot be read: %s", strerror(-status));
		return 0;
	}
	status = cni_parse_conf(text, size, conf);
	free(text);
	return status ? status : cni_flannel_range(config, conf);
}

static int read_conf_dir(const char *root, const char *dir, struct node_config *config)
{
	struct name_list list = {0};
	int status = names_read(root, dir, &list);

	for (size_t i = 0; i < list.names.count && !status && config->confs.count < MAX_CONFS;
	     i++) {
		if (is_conf_name(list.names.items[i]))
			status = read_conf(root, dir, list.names.items[i], config);
	}
	names_free(&list);
	return status == -ENOENT ? 0 : status;
}

static int read_confs(const char *root, struct node_config *config)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(conf_dirs) / sizeof(conf_dirs[0]); i++) {
		status = read_conf_dir(root, conf_dirs[i], config);
		if (status || config->confs.count)
			break;
	}
	return status;
}

static void read_subnet_env(const char *root, struct node_config *config)
{
	char *text;

	if (file_read(root, "/run/flannel/subnet.env", 65536, &text, NULL))
		return;
	cni_parse_subnet_env(text, config);
	free(text);
}

/* 1 the sandbox lives, 0 it does not, -1 the result does not tell. */
static int result_lives(const char *root, const char *name)
{
	char path[512], netns[256], *text;
	size_t size;
	int lives = -1;

	snprintf(path, sizeof(path), RESULTS_DIR "/%s", name);
	if (file_read(root, path, FILE_MAX, &text, &size))
		return -1;
	if (cni_parse_result_netns(text, size, netns, sizeof(netns))) {
		/* /proc is the same through every root; pins are the node's. */
		const char *where = strncmp(netns, "/proc/", 6) ? root : "";
		int status = file_exists(where, netns);

		lives = status == 0 ? 1 : status == -ENOENT ? 0 : -1;
	}
	free(text);
	return lives;
}

/* libcni caches every sandbox's result as NET-CONTAINERID-IFNAME until it is deleted. */
static bool is_stale(struct facts *facts, const struct name_list *results,
		     const struct reservation *reservation)
{
	array_each(pod, &facts->pods) {
		if (pod->netns && !strcmp(pod->container_id, reservation->container_id))
			return false;
	}
	for (size_t i = 0; i < results->names.count; i++) {
		if (strstr(results->names.items[i], reservation->container_id))
			return result_lives(facts->root, results->names.items[i]) == 0;
	}
	return true;
}

static int read_reservation(const char *root, const char *network, const char *file,
			    struct node_config *config)
{
	struct reservation reservation = {0}, *slot;
	char path[640], *text;
	int status;

	if (!address_parse(file, &reservation.address) ||
	    config->reservations.count >= MAX_RESERVATIONS)
		return 0;
	snprintf(path, sizeof(path), NETWORKS_DIR "/%s/%s", network, file);
	if (file_read(root, path, 4096, &text, NULL))
		return 0; /* freed while we looked */
	status = 0;
	if (cni_parse_reservation(file, text, &reservation)) {
		text_copy(reservation.network, sizeof(reservation.network), network);
		slot = array_push(&config->reservations);
		if (slot)
			*slot = reservation;
		else
			status = -ENOMEM;
	}
	free(text);
	return status;
}

static int read_network(const char *root, const char *network, struct node_config *config)
{
	struct name_list files = {0};
	char path[512];
	int status;

	snprintf(path, sizeof(path), NETWORKS_DIR "/%s", network);
	status = names_read(root, path, &files);
	for (size_t i = 0; i < files.names.count && !status; i++)
		status = read_reservation(root, network, files.names.items[i], config);
	names_free(&files);
	return status == -ENOTDIR || status == -ENOENT ? 0 : status;
}

static int read_reservations(struct facts *facts, struct node_config *config)
{
	struct name_list networks = {0}, results = {0};
	int status = names_read(facts->root, NETWORKS_DIR, &networks);
	int cached;

	for (size_t i = 0; i < networks.names.count && !status; i++)
		status = read_network(facts->root, networks.names.items[i], config);
	names_free(&networks);
	if (status)
		return status == -ENOENT ? 0 : status;
	cached = names_read(facts->root, RESULTS_DIR, &results);
	/* Without a cache nobody knows who lives: then nothing is called stale. */
	array_each(reservation, &config->reservations)
		reservation->stale = !cached && is_stale(facts, &results, reservation);
	names_free(&results);
	return cached == -ENOMEM ? cached : 0;
}

static void read_hostname(const char *root, struct node_config *config)
{
	char *text;

	if (!root[0] || file_read(root, "/etc/hostname", 4096, &text, NULL)) {
		if (gethostname(config->hostname, sizeof(config->hostname) - 1))
			config->hostname[0] = '\0';
		return;
	}
	snprintf(config->hostname, sizeof(config->hostname), "%.*s", (int)strcspn(text, " \t\r\n"),
		 text);
	free(text);
}

int cni_read_config(struct facts *facts, struct node_config *config)
{
	int status;

	read_hostname(facts->root, config);
	read_subnet_env(facts->root, config);
	status = read_confs(facts->root, config);
	return status ? status : read_reservations(facts, config);
}
