/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a DNS answer, as a name and as a target: nothing may crash, and what is read stays within
 * its bounds. Begins with tests/fuzz/seeds/fuzz_dns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/dns.h"
#include "packet/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_text(const uint8_t *data, size_t size)
{
	static const char search[2][256] = {"svc.cluster.local", "."};
	char *text = strndup((const char *)data, size);
	uint8_t bytes[DNS_QUERY_MAX];
	struct dns_walk walk;
	struct target target;
	struct error error;

	if (!text)
		return;
	if (!target_parse(text, &target, &error) && target.kind == TARGET_DNS &&
	    !dns_name_valid(target.name))
		abort();
	dns_walk_make(&walk, text, search, 2, 5);
	for (unsigned i = 0; i < walk.count; i++) {
		if (!dns_query_write(bytes, 1, walk.names[i], 1))
			abort();
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_reply reply;

	if (dns_reply_read(data, size, &reply) &&
	    (reply.kept > DNS_ANSWERS || strlen(reply.name) >= DNS_TEXT))
		abort();
	try_text(data, size);
	return 0;
}
