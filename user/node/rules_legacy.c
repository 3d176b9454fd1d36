// SPDX-License-Identifier: GPL-2.0-only
/*
 * iptables-legacy and ip6tables-legacy by the kernel's own socket options, as libiptc asks, but
 * one table at a time, and its memory is given back while it is read: 20 000 rules are 15 MB of
 * entries. Asking for a table makes the kernel load and register it, so only tables that /proc
 * lists as in use are asked for. What the entries mean is read in rules_legacy_table.c; those of
 * thousands of chains wait in rules_legacy_kept.c.
 */
#include <errno.h>
#include <malloc.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "node/rules_build.h"
#include "node/rules_legacy.h"

#define TRIES 4 /* the table may change between its size and its entries */
#define GIVE_BACK (256u << 10)

/* Both families' requests have the same layout and numbers (ip6_tables.h). */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "getinfo");
_Static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "get_entries");
_Static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES,
	       "numbers");

struct pages {
	unsigned char *from;
	size_t given; /* back to the kernel, from the start on */
};

static void give_back(void *context, size_t offset)
{
	struct pages *pages = context;
	size_t until = (offset + sizeof(struct ipt_get_entries)) / GIVE_BACK * GIVE_BACK;

	if (until <= pages->given)
		return;
	munmap(pages->from + pages->given, until - pages->given);
	pages->given = until;
}

static int ask_info(int fd, uint8_t family, const char *name, struct ipt_getinfo *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	text_copy(info->name, sizeof(info->name), name);
	if (getsockopt(fd, family == 6 ? IPPROTO_IPV6 : IPPROTO_IP, IPT_SO_GET_INFO, info, &len))
		return -errno;
	return 0;
}

static int read_entries(struct ruleset *ruleset, int fd, uint8_t family,
			const struct ipt_getinfo *info)
{
	socklen_t len = sizeof(struct ipt_get_entries) + info->size;
	struct ipt_get_entries *get =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pages pages = {(unsigned char *)get, 0};
	struct legacy_table table = {.name = info->name,
				     .family = family,
				     .valid_hooks = info->valid_hooks,
				     .hook_entry = info->hook_entry,
				     .size = info->size,
				     .passed = give_back,
				     .context = &pages};
	int err = 0;

	if (get == MAP_FAILED)
		return -ENOMEM;
	memcpy(get->name, info->name, sizeof(get->name));
	get->size = info->size;
	table.bytes = (const unsigned char *)get->entrytable;
	if (getsockopt(fd, family == 6 ? IPPROTO_IPV6 : IPPROTO_IP, IPT_SO_GET_ENTRIES, get, &len))
		err = -errno;
	if (!err)
		err = legacy_table_read(ruleset, &table);
	munmap(pages.from + pages.given, sizeof(*get) + info->size - pages.given);
	return err;
}

static int read_table(struct ruleset *ruleset, int fd, uint8_t family, const char *name)
{
	struct ipt_getinfo info;
	int err = -EAGAIN;

	for (int i = 0; err == -EAGAIN && i < TRIES; i++) {
		err = ask_info(fd, family, name, &info);
		/* What an earlier reading took and freed goes first: both would be there at a time. */
		if (info.size > GIVE_BACK)
			malloc_trim(0);
		if (!err)
			err = read_entries(ruleset, fd, family, &info);
	}
	return err;
}

static int read_family(struct ruleset *ruleset, uint8_t family, const char *list)
{
	FILE *file = fopen(list, "re");
	char name[XT_TABLE_MAXNAMELEN];
	int err = 0, fd;

	if (!file)
		return -ENOENT; /* the module is not loaded: nothing can be in use */
	fd = socket(family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err = -errno;
	while (!err && fscanf(file, "%31s", name) == 1) {
		int failed = read_table(ruleset, fd, family, name);

		if (failed == -ENOMEM)
			err = failed;
		else if (failed)
			err = ruleset_note(ruleset, "iptables-legacy table %s (IPv%u): %s", name,
					   family, strerror(-failed));
	}
	if (fd >= 0)
		close(fd);
	fclose(file);
	return err;
}

int rules_read_legacy(struct ruleset *ruleset)
{
	int err4 = read_family(ruleset, 4, "/proc/thread-self/net/ip_tables_names");
	int err6 = err4 == -ENOMEM
			   ? err4
			   : read_family(ruleset, 6, "/proc/thread-self/net/ip6_tables_names");

	if (err4 && err4 != -ENOENT)
		return err4;
	return err6 == -ENOENT ? err4 : err6;
}
