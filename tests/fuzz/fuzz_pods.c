/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzz entry for the files that name pods: cgroup texts, CNI results, container files,
 * log directories and reservations. Whatever goes in, names that come out are fit to be
 * printed and to be part of a path. Begins with tests/fixtures/pods.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cgroup_path.h"
#include "node/pods_parse.h"

static void check_name(const char *name)
{
	if (name[0] && !pod_name_valid(name))
		abort();
}

static void check_pod(const struct pod *pod)
{
	check_name(pod->namespace);
	check_name(pod->name);
	if (pod->container_id[0] && !container_id_valid(pod->container_id))
		abort();
	if (pod->address_count > 4 || strpbrk(pod->uid, "/\n\033"))
		abort();
}

/* A comma or a bracket would make two of one where names are listed. */
static void check_container(const char *name)
{
	if (strlen(name) > 63 || strpbrk(name, ",[]_./\n\033"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), id[80], ifname[16];
	struct container_link link;
	struct cgroup_pod cgroup;
	char name[64];
	bool sandbox;
	struct pod pod;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (cgroup_parse(text, &cgroup) && strlen(cgroup.uid) != 36 && strlen(cgroup.uid) != 32)
		abort();
	pods_parse_result(text, text, size, &pod);
	check_pod(&pod);
	pods_parse_result("cbr0-abc-eth0", text, size, &pod);
	check_pod(&pod);
	pods_parse_container(text, size, &pod);
	check_pod(&pod);
	pods_parse_container_name(text, size, name, &sandbox);
	check_container(name);
	if (pods_parse_container_link(text, &link)) {
		check_name(link.namespace);
		check_name(link.pod);
		check_container(link.name);
		if (!container_id_valid(link.id))
			abort();
	}
	if (pods_parse_log_dir(text, &pod))
		check_pod(&pod);
	if (pods_parse_reservation(text, id, ifname) && !container_id_valid(id))
		abort();
	free(text);
	return 0;
}
