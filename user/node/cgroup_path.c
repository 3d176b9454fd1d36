// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses cgroup paths. kubelet (pkg/kubelet/cm) makes, with the cgroupfs driver,
 * /kubepods/[QOS/]podUID/ID, and with the systemd driver
 * /kubepods.slice/kubepods[-QOS]-podUID.slice/RUNTIME-ID.scope, the UID's dashes as
 * underscores there. kind prefixes "kubelet-"; a runtime whose driver differs from kubelet's
 * leaves "…slice:cri-containerd:ID"; inside a cgroup namespace the front is "/../..".
 * So only the segment of the pod and what follows it is trusted, by its strict form.
 */
#include "node/cgroup_path.h"

#include <ctype.h>
#include <string.h>

#define UID_LENGTH 36
#define HASH_LENGTH 32 /* static pods: MD5 of the manifest */
#define ID_LENGTH 64

struct span {
	const char *at;
	size_t length;
};

/* Segments end at '/', ':' (driver mismatch) or the end of the line. */
static struct span next_segment(const char **rest, const char *end)
{
	struct span span = {*rest, 0};

	while (span.at + span.length < end && !strchr("/:", span.at[span.length]))
		span.length++;
	*rest = span.at + span.length + (span.at + span.length < end);
	return span;
}

static bool all_hex(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

static bool ends_with(struct span span, const char *suffix)
{
	size_t length = strlen(suffix);

	return span.length >= length && !memcmp(span.at + span.length - length, suffix, length);
}

static bool starts_with(struct span span, const char *prefix)
{
	size_t length = strlen(prefix);

	return span.length >= length && !memcmp(span.at, prefix, length);
}

/* 8-4-4-4-12 hex digits, with '-' or '_' between, copied with '-'. */
static bool take_uid(const char *text, size_t length, char uid[40])
{
	if (length == HASH_LENGTH && all_hex(text, length)) {
		memcpy(uid, text, length);
		uid[length] = '\0';
		return true;
	}
	if (length != UID_LENGTH)
		return false;
	for (size_t i = 0; i < UID_LENGTH; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' && text[i] != '_' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	/* Only a whole one may replace what was found before. */
	for (size_t i = 0; i < UID_LENGTH; i++)
		uid[i] = text[i] == '_' ? '-' : text[i];
	uid[UID_LENGTH] = '\0';
	return true;
}

static bool pod_segment(struct span span, char uid[40])
{
	if (ends_with(span, ".slice"))
		span.length -= strlen(".slice");
	for (size_t i = 0; i + 3 < span.length; i++) {
		if (memcmp(span.at + i, "pod", 3) || (i && span.at[i - 1] != '-'))
			continue;
		if (take_uid(span.at + i + 3, span.length - i - 3, uid))
			return true;
	}
	return false;
}

static void container_segment(struct span span, struct cgroup_pod *pod)
{
	pod->monitor |= starts_with(span, "crio-conmon-");
	if (ends_with(span, ".scope"))
		span.length -= strlen(".scope");
	if (span.length < ID_LENGTH || pod->container_id[0])
		return;
	if (span.length > ID_LENGTH && span.at[span.length - ID_LENGTH - 1] != '-')
		return;
	span.at += span.length - ID_LENGTH;
	if (!all_hex(span.at, ID_LENGTH))
		return;
	memcpy(pod->container_id, span.at, ID_LENGTH);
	pod->container_id[ID_LENGTH] = '\0';
}

static bool parse_line(const char *line, const char *end, struct cgroup_pod *pod)
{
	/* "hierarchy:controllers:path" (cgroups(7)) */
	const char *path = memchr(line, ':', end - line);
	bool found = false;

	path = path ? memchr(path + 1, ':', end - path - 1) : NULL;
	if (!path)
		return false;
	*pod = (struct cgroup_pod){0};
	for (path++; path < end;) {
		struct span span = next_segment(&path, end);

		if (pod_segment(span, pod->uid)) {
			/* A cluster inside a pod (kind): the innermost is whose network it is. */
			pod->container_id[0] = '\0';
			found = true;
		} else if (found) {
			container_segment(span, pod);
		}
	}
	return found;
}

bool cgroup_parse(const char *text, struct cgroup_pod *pod)
{
	struct cgroup_pod best = {0}, candidate;

	/* v1 has a line per controller; some may be left at a parent: the one with a container wins. */
	while (*text) {
		const char *end = strchrnul(text, '\n');

		if (parse_line(text, end, &candidate) &&
		    (!best.uid[0] || (!best.container_id[0] && candidate.container_id[0])))
			best = candidate;
		text = *end ? end + 1 : end;
	}
	*pod = best;
	return best.uid[0] != '\0';
}
