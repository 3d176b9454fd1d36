/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Protocol counters of a namespace and the input queues' counters of each CPU (these are
 * the machine's, the same in every namespace). Names follow nstat, with a dot.
 */
#include "node/counters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/files.h"
#include "node/reader.h"

#define MAX_COUNTERS 4096

/* "group.name"; the group is not ended by a NUL. */
static int add(struct netns_facts *ns, const char *group, size_t group_length, const char *name,
	       uint64_t value)
{
	struct counter_fact *counter;

	if (ns->counters.count >= MAX_COUNTERS)
		return -E2BIG;
	counter = array_push(&ns->counters);
	if (!counter)
		return -ENOMEM;
	snprintf(counter->name, sizeof(counter->name), "%.*s.%s", (int)group_length, group, name);
	counter->value = value;
	return 0;
}

static int parse_pair(char *names, char *values, struct netns_facts *ns)
{
	char *name_at = NULL, *value_at = NULL;
	char *group = strtok_r(names, " \n", &name_at);
	char *other = strtok_r(values, " \n", &value_at);
	int status = 0;

	if (!group || !other || strcmp(group, other))
		return -EBADMSG;
	while (!status) {
		char *name = strtok_r(NULL, " \n", &name_at);
		char *value = strtok_r(NULL, " \n", &value_at);

		if (!name || !value)
			break;
		/* Tcp.MaxConn is -1; the rest are counters */
		status = add(ns, group, strcspn(group, ":"), name, strtoull(value, NULL, 10));
	}
	return status;
}

int counters_parse_pairs(char *text, struct netns_facts *ns)
{
	char *at = NULL;
	char *names = strtok_r(text, "\n", &at);
	int status = 0;

	while (names && !status) {
		char *values = strtok_r(NULL, "\n", &at);

		if (!values)
			break;
		status = parse_pair(names, values, ns);
		names = strtok_r(NULL, "\n", &at);
	}
	return status;
}

int counters_parse_snmp6(char *text, struct netns_facts *ns)
{
	char *at = NULL;
	int status = 0;

	for (char *line = strtok_r(text, "\n", &at); line && !status;
	     line = strtok_r(NULL, "\n", &at)) {
		char *value = line + strcspn(line, " \t");
		char *six = strchr(line, '6');

		if (!*value || !six || six > value)
			continue;
		*value++ = '\0';
		status =
			add(ns, line, (size_t)(six + 1 - line), six + 1, strtoull(value, NULL, 10));
	}
	return status;
}

/* Columns: net/core/net-procfs.c, softnet_seq_show(). The CPU's number is the 13th since 5.10. */
int counters_parse_softnet(char *text, struct netns_facts *ns)
{
	uint64_t processed = 0, dropped = 0, squeezed = 0;
	char *at = NULL;
	unsigned row = 0;
	int status = 0;

	for (char *line = strtok_r(text, "\n", &at); line && !status;
	     line = strtok_r(NULL, "\n", &at), row++) {
		unsigned long number[13] = {0};
		char group[40], *end = line;
		unsigned count = 0;

		while (count < 13) {
			char *start = end;

			number[count] = strtoul(start, &end, 16);
			if (end == start)
				break;
			count++;
		}
		if (count < 3)
			return -EBADMSG;
		processed += number[0];
		dropped += number[1];
		squeezed += number[2];
		snprintf(group, sizeof(group), "Softnet.cpu%lu", count == 13 ? number[12] : row);
		status = add(ns, group, strlen(group), "Dropped", number[1]);
	}
	if (!status)
		status = add(ns, "Softnet", 7, "Processed", processed);
	if (!status)
		status = add(ns, "Softnet", 7, "Dropped", dropped);
	return status ? status : add(ns, "Softnet", 7, "TimeSqueeze", squeezed);
}

int counters_read(struct facts *facts, struct netns_facts *ns)
{
	static const struct {
		const char *path;
		int (*parse)(char *text, struct netns_facts *ns);
	} sources[] = {
		{"/proc/thread-self/net/snmp", counters_parse_pairs},
		{"/proc/thread-self/net/netstat", counters_parse_pairs},
		{"/proc/thread-self/net/snmp6", counters_parse_snmp6},
		{"/proc/thread-self/net/softnet_stat", counters_parse_softnet},
	};

	(void)facts;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		char *text;
		int status = file_read("", sources[i].path, FILE_MAX, &text, NULL);

		if (status == -ENOENT && i == 2)
			continue; /* no IPv6 in this kernel */
		if (status)
			return status;
		status = sources[i].parse(text, ns);
		free(text);
		if (status)
			return status;
	}
	return 0;
}
