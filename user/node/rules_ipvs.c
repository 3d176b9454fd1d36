// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPVS by /proc/net/ip_vs, which only a kernel that has it loaded shows: to ask the generic netlink family for it would
 * make the kernel load the module. Knows the file's form (ip_vs_info_seq_show in net/netfilter/ipvs/ip_vs_ctl.c), not
 * what the Services are called.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/rules_build.h"

#define IPVS_SERVERS_MAX (1 << 20)

/* "0A60000A:0035" or "[fd00:0010:…]:0035": hexadecimal, the port as well. */
static bool parse_end(const char *text, struct address *address, uint16_t *port)
{
	unsigned groups[8], value, number;
	uint8_t bytes[16];

	if (sscanf(text, "[%4x:%4x:%4x:%4x:%4x:%4x:%4x:%4x]:%4x", &groups[0], &groups[1],
		   &groups[2], &groups[3], &groups[4], &groups[5], &groups[6], &groups[7],
		   &number) == 9) {
		for (int i = 0; i < 8; i++) {
			bytes[2 * i] = groups[i] >> 8;
			bytes[2 * i + 1] = groups[i];
		}
		*address = address_make(6, bytes);
	} else if (sscanf(text, "%8x:%4x", &value, &number) == 2) {
		for (int i = 0; i < 4; i++)
			bytes[i] = value >> (24 - 8 * i);
		*address = address_make(4, bytes);
	} else {
		return false;
	}
	*port = number;
	return true;
}

static int add_server(struct ruleset *ruleset, const char *line)
{
	struct ipvs_server server = {0}, *slot;
	char end[64], forward[16];

	if (sscanf(line, " -> %63s %15s %u", end, forward, &server.weight) != 3 ||
	    !parse_end(end, &server.address, &server.port) ||
	    ruleset->ipvs_servers.count >= IPVS_SERVERS_MAX)
		return 0;
	slot = array_push(&ruleset->ipvs_servers);
	if (!slot)
		return -ENOMEM;
	*slot = server;
	ruleset->ipvs.items[ruleset->ipvs.count - 1].count++;
	return 0;
}

static uint8_t protocol_of(const char *name)
{
	return !strcmp(name, "TCP")    ? IPPROTO_TCP
	       : !strcmp(name, "UDP")  ? IPPROTO_UDP
	       : !strcmp(name, "SCTP") ? IPPROTO_SCTP
				       : 0;
}

int ipvs_parse(struct ruleset *ruleset, FILE *file)
{
	char line[256], proto[8], end[64];
	bool known = false; /* the service that the next servers belong to is kept */

	while (fgets(line, sizeof(line), file)) {
		struct ipvs_service service = {.first = ruleset->ipvs_servers.count}, *slot;

		if (line[0] == ' ') {
			if (known && add_server(ruleset, line))
				return -ENOMEM;
			continue;
		}
		known = false;
		if (sscanf(line, "%7s %63s", proto, end) != 2)
			continue;
		service.proto = protocol_of(proto);
		if (!service.proto || !parse_end(end, &service.address, &service.port))
			continue; /* a heading, or a service by firewall mark */
		slot = array_push(&ruleset->ipvs);
		if (!slot)
			return -ENOMEM;
		*slot = service;
		known = true;
	}
	return 0;
}

int rules_read_ipvs(struct ruleset *ruleset)
{
	FILE *file = fopen("/proc/thread-self/net/ip_vs", "re");
	int err;

	if (!file)
		return -errno;
	err = ipvs_parse(ruleset, file);
	fclose(file);
	return err;
}
