/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sysctls by their dotted names, through /proc/sys. net.* are those of the namespace that
 * the thread visits: the kernel looks at who opens the file.
 */
#include "node/sysctls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "node/files.h"
#include "node/reader.h"

/* The devices' settings: the part between these and the last dot is a device's name. */
static const char *const per_device[] = {
	"net.ipv4.conf.",
	"net.ipv6.conf.",
	"net.ipv4.neigh.",
	"net.ipv6.neigh.",
};

int sysctl_path(const char *name, char *path, size_t size)
{
	size_t start = 0, end = 0, base;
	char *at;

	for (size_t i = 0; i < sizeof(per_device) / sizeof(per_device[0]); i++) {
		size_t length = strlen(per_device[i]);
		const char *last = strrchr(name, '.');

		if (!strncmp(name, per_device[i], length) && last >= name + length) {
			start = length;
			end = (size_t)(last - name);
		}
	}
	base = (size_t)snprintf(path, size, "/proc/sys/%s", name) - strlen(name);
	if (base + strlen(name) >= size)
		return -ENAMETOOLONG;
	at = path + base;
	for (size_t i = 0; at[i]; i++) {
		/* In a device's name a dot is a dot, and sysctl(8) writes it as a slash. */
		if (i >= start && i < end)
			at[i] = at[i] == '/' ? '.' : at[i];
		else
			at[i] = at[i] == '.' ? '/' : at[i] == '/' ? '.' : at[i];
	}
	return strstr(path, "/../") ? -EINVAL : 0;
}

bool sysctl_is_own(const char *name)
{
	struct stat file;
	char path[256];

	return !sysctl_path(name, path, sizeof(path)) && !stat(path, &file) &&
	       (file.st_mode & S_IWUSR);
}

int sysctl_read(const char *name, char *value, size_t size)
{
	char path[256], *text;
	int status = sysctl_path(name, path, sizeof(path));

	if (status)
		return status;
	status = file_read("", path, 4096, &text, NULL);
	if (status)
		return status;
	text[strcspn(text, "\n")] = '\0';
	text_copy(value, size, text);
	free(text);
	return 0;
}
