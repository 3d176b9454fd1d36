/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as CNI configuration, subnet.env, reservation, cached result, resolv.conf and
 * /proc counters: nothing may crash or leak. A fuzzer with clang -fsanitize=fuzzer
 * -DCNITRACE_LIBFUZZER; else it spoils samples of its own, or replays a file.
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

#ifndef CNITRACE_LIBFUZZER
static const char *const seeds[] = {
	"{\"name\":\"n\",\"plugins\":[{\"type\":\"bridge\",\"mtu\":1400,\"ipMasq\":true,\"ipam\":"
	"{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.22.0.0/"
	"16\"}],[{\"subnet\":\"fd00::/64\"}]]}}]}",
	"{\"netns\":\"/var/run/netns/cni-1\",\"type\":\"flannel\",\"delegate\":{\"mtu\":7}}",
	"FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n",
	"nameserver fe80::1%eth0\nsearch a b c\noptions ndots:5 timeout:3 rotate\n",
	"Ip: Forwarding FragFails\nIp: 1 2\nTcp: MaxConn\nTcp: -1\n",
	"Ip6InReceives   17\n0000000a 00000002 00000001 0 0 0 0 0 0 0 0 0 00000003\n",
	"net.ipv4.conf.flannel.1.rp_filter",
};

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);
	int status = 1;

	if (file && bytes) {
		LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, 1 << 20, file));
		status = 0;
	}
	free(bytes);
	if (file)
		fclose(file);
	return status;
}

/* A file to replay, or a number of rounds and a seed: the samples above, spoilt. */
int main(int argc, char **argv)
{
	char *end = NULL;
	unsigned long rounds = argc > 1 ? strtoul(argv[1], &end, 10) : 20000;

	if (argc > 1 && *end)
		return replay(argv[1]);
	srandom(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1);
	for (unsigned long round = 0; round < rounds; round++) {
		const char *sample = seeds[(size_t)random() % (sizeof(seeds) / sizeof(seeds[0]))];
		size_t size = strlen(sample);
		uint8_t bytes[512];

		memcpy(bytes, sample, size);
		for (long flips = random() % 8; flips; flips--)
			bytes[(size_t)random() % size] = (uint8_t)random();
		if (random() % 4 == 0)
			size = (size_t)random() % (size + 1);
		LLVMFuzzerTestOneInput(bytes, size);
	}
	printf("%lu rounds\n", rounds);
	return 0;
}
#endif
