/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pod's resolv.conf: through a process of the pod where there is one, else the copy that
 * the container runtime or `ip netns` keeps. The node's own file is never taken for a pod's.
 */
#include "node/resolv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "node/files.h"
#include "node/netns.h"
#include "node/reader.h"

#define RESOLV_MAX 65536

static uint8_t option_number(const char *text, uint8_t most)
{
	unsigned long number = strtoul(text, NULL, 10);

	return number > most ? most : (uint8_t)number;
}

/* Caps as the C library's (resolv.h: RES_MAXNDOTS 15, RES_MAXRETRANS 30, RES_MAXRETRY 5). */
static void parse_option(const char *word, struct resolv_conf *conf)
{
	if (!strncmp(word, "ndots:", 6))
		conf->ndots = option_number(word + 6, 15);
	else if (!strncmp(word, "timeout:", 8))
		conf->timeout = option_number(word + 8, 30);
	else if (!strncmp(word, "attempts:", 9))
		conf->attempts = option_number(word + 9, 5);
	else if (!strcmp(word, "single-request-reopen"))
		conf->single_request_reopen = true;
	else if (!strcmp(word, "single-request"))
		conf->single_request = true;
	else if (!strcmp(word, "use-vc"))
		conf->use_vc = true;
	else if (!strcmp(word, "rotate"))
		conf->rotate = true;
}

static void parse_nameserver(char *word, struct resolv_conf *conf)
{
	word[strcspn(word, "%")] = '\0'; /* a link-local server's device */
	if (conf->nameserver_count < 8 &&
	    address_parse(word, &conf->nameservers[conf->nameserver_count]))
		conf->nameserver_count++;
}

static void parse_line(char *line, struct resolv_conf *conf)
{
	char *at = NULL;
	char *key = strtok_r(line, " \t", &at);
	bool search = key && (!strcmp(key, "search") || !strcmp(key, "domain"));

	if (!key || key[0] == '#' || key[0] == ';')
		return;
	if (search)
		conf->search_count = 0; /* the last such line counts */
	for (char *word = strtok_r(NULL, " \t", &at); word; word = strtok_r(NULL, " \t", &at)) {
		if (!strcmp(key, "nameserver")) {
			parse_nameserver(word, conf);
			return;
		}
		if (search && conf->search_count < 8)
			text_copy(conf->search[conf->search_count++], sizeof(conf->search[0]),
				  word);
		else if (!strcmp(key, "options"))
			parse_option(word, conf);
	}
}

void resolv_parse(const char *text, struct resolv_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->ndots = 1;
	conf->timeout = 5;
	conf->attempts = 2;
	conf->known = true;
	while (*text) {
		size_t length = strcspn(text, "\r\n");
		char line[2048];

		if (length < sizeof(line)) {
			memcpy(line, text, length);
			line[length] = '\0';
			parse_line(line, conf);
		}
		text += length;
		text += strspn(text, "\r\n");
	}
}

static bool take(const char *root, const char *path, struct resolv_conf *conf)
{
	char *text;

	if (file_read(root, path, RESOLV_MAX, &text, NULL))
		return false;
	resolv_parse(text, conf);
	snprintf(conf->path, sizeof(conf->path), "%s%s", root, path);
	free(text);
	return true;
}

static ino_t namespace_inode(const char *process, const char *kind)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%.40s/ns/%s", process, kind);
	return stat(path, &st) ? 0 : st.st_ino;
}

/* `ip netns exec` gives a process mounts of its own, yet leaves it the node's file. */
static bool is_nodes_own(const char *process)
{
	struct stat theirs, ours;
	char path[128];

	snprintf(path, sizeof(path), "/proc/%.40s/root/etc/resolv.conf", process);
	return !stat(path, &theirs) && !stat("/etc/resolv.conf", &ours) &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* Only a process with mounts of its own sees the pod's file; a plugin or nsenter does not. */
static bool take_from_process(const char *process, uint32_t netns, struct resolv_conf *conf)
{
	ino_t mounts = namespace_inode(process, "mnt");
	char root[128];

	if (!mounts || mounts == namespace_inode("1", "mnt") ||
	    mounts == namespace_inode("self", "mnt") ||
	    (netns && namespace_inode(process, "net") != netns) || is_nodes_own(process))
		return false;
	snprintf(root, sizeof(root), "/proc/%.40s/root", process);
	return take(root, "/etc/resolv.conf", conf);
}

static bool take_from_processes(uint32_t netns, struct resolv_conf *conf)
{
	DIR *dir = netns ? opendir("/proc") : NULL;
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (name[0] >= '1' && name[0] <= '9' && namespace_inode(name, "net") == netns)
			found = take_from_process(name, netns, conf);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool take_copy(const char *root, const struct pod *pod, struct resolv_conf *conf)
{
	static const char *const runtimes[] = {
		"/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/%s/resolv.conf",
		"/run/containers/storage/overlay-containers/%s/userdata/resolv.conf",
		"/var/lib/docker/containers/%s/resolv.conf",
	};
	const char *name = strrchr(pod->netns_path, '/');
	char path[512];

	if (strchr(pod->container_id, '/') || !strcmp(pod->container_id, ".."))
		return false; /* read from a file: not to be trusted with a path */
	for (size_t i = 0; pod->container_id[0] && i < sizeof(runtimes) / sizeof(runtimes[0]);
	     i++) {
		const char *mark = strstr(runtimes[i], "%s");

		snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark - runtimes[i]), runtimes[i],
			 pod->container_id, mark + 2);
		if (take(root, path, conf))
			return true;
	}
	if (!name || !name[1] || !strncmp(pod->netns_path, "/proc/", 6))
		return false;
	snprintf(path, sizeof(path), "/etc/netns/%s/resolv.conf", name + 1);
	return take(root, path, conf);
}

int resolv_read(struct facts *facts, const struct pod *pod, struct resolv_conf *conf)
{
	char process[16];

	snprintf(process, sizeof(process), "%u", pod->pid);
	if (pod->pid && take_from_process(process, pod->netns, conf))
		return 0;
	if (!pod->host_network && take_from_processes(pod->netns, conf))
		return 0;
	return take_copy(facts->root, pod, conf) ? 0 : -ENOENT;
}
