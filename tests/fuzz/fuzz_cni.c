/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as CNI configuration, subnet.env, reservation, cached result, resolv.conf and
 * /proc counters: nothing may crash or leak. Begins with tests/fuzz/seeds/fuzz_cni.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cni.h"
#include "node/counters.h"
#include "node/resolv.h"
#include "node/sysctls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_counters(const char *text, int (*parse)(char *, struct netns_facts *))
{
	struct netns_facts *ns = calloc(1, sizeof(*ns));
	char *copy = strdup(text);

	if (ns && copy) {
		parse(copy, ns);
		array_free(&ns->counters);
	}
	free(copy);
	free(ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_conf conf = {.type = "flannel"};
	struct reservation reservation = {0};
	struct node_config config = {0};
	struct resolv_conf resolv;
	char *text = malloc(size + 1), path[256];

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	cni_parse_subnet_env(text, &config);
	cni_flannel_range(&config, &conf);
	array_free(&conf.ranges);
	memset(&conf, 0, sizeof(conf));
	cni_parse_conf(text, size, &conf);
	array_free(&conf.ranges);
	cni_parse_reservation("10.0.0.1", text, &reservation);
	cni_parse_reservation(text, "id\r\neth0", &reservation);
	cni_parse_result_netns(text, size, path, sizeof(path));
	resolv_parse(text, &resolv);
	sysctl_path(text, path, sizeof(path));
	parse_counters(text, counters_parse_pairs);
	parse_counters(text, counters_parse_snmp6);
	parse_counters(text, counters_parse_softnet);
	free(text);
	return 0;
}
