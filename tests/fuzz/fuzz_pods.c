// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz entry for the files that name pods: cgroup texts, CNI results, container files,
 * log directories and reservations. Whatever goes in, names that come out are fit to be
 * printed and to be part of a path. A fuzzer with clang -fsanitize=fuzzer
 * -DCNITRACE_LIBFUZZER; else it spoils the files of tests/fixtures/pods, or replays one.
 */
#include <dirent.h>
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

#ifndef CNITRACE_LIBFUZZER
#define FIXTURES "tests/fixtures/pods"
#define MAX_SAMPLES 64
#define MAX_SAMPLE 8192

struct sample {
	uint8_t bytes[MAX_SAMPLE];
	size_t size;
};

static int sample_read(struct sample *sample, const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file)
		return -1;
	sample->size = fread(sample->bytes, 1, sizeof(sample->bytes), file);
	fclose(file);
	return 0;
}

static size_t samples_read(struct sample *samples)
{
	DIR *dir = opendir(FIXTURES);
	struct dirent *entry;
	char path[512];
	size_t count = 0;

	while (dir && count < MAX_SAMPLES && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), FIXTURES "/%s", entry->d_name);
		if (entry->d_name[0] != '.' && !sample_read(&samples[count], path))
			count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

static void spoil(struct sample *spoilt, const struct sample *other)
{
	for (long flips = random() % 8; flips && spoilt->size; flips--)
		spoilt->bytes[(size_t)random() % spoilt->size] = (uint8_t)random();
	if (random() % 2 && spoilt->size && other->size) { /* a piece of another format */
		size_t at = (size_t)random() % spoilt->size, from = (size_t)random() % other->size;
		size_t length = (size_t)random() % 64;

		if (length > spoilt->size - at)
			length = spoilt->size - at;
		if (length > other->size - from)
			length = other->size - from;
		memcpy(spoilt->bytes + at, other->bytes + from, length);
	}
	if (random() % 4 == 0)
		spoilt->size = (size_t)random() % (spoilt->size + 1);
}

static int rounds_run(unsigned long rounds, struct sample *samples, struct sample *spoilt)
{
	size_t count = samples_read(samples);

	if (!count) {
		fprintf(stderr, "no files in " FIXTURES ": run from the top of the tree\n");
		return 1;
	}
	for (unsigned long round = 0; round < rounds; round++) {
		*spoilt = samples[(size_t)random() % count];
		spoil(spoilt, &samples[(size_t)random() % count]);
		LLVMFuzzerTestOneInput(spoilt->bytes, spoilt->size);
	}
	printf("%lu rounds\n", rounds);
	return 0;
}

/* A file to replay, or a number of rounds and a seed. */
int main(int argc, char **argv)
{
	struct sample *samples = calloc(MAX_SAMPLES, sizeof(*samples));
	struct sample *spoilt = calloc(1, sizeof(*spoilt));
	char *end = NULL;
	unsigned long rounds = argc > 1 ? strtoul(argv[1], &end, 10) : 20000;
	int status = 1;

	srandom(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1);
	if (samples && spoilt && argc > 1 && *end)
		status = sample_read(spoilt, argv[1])
				 ? 1
				 : LLVMFuzzerTestOneInput(spoilt->bytes, spoilt->size);
	else if (samples && spoilt)
		status = rounds_run(rounds, samples, spoilt);
	free(samples);
	free(spoilt);
	return status;
}
#endif
