/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random bytes as the blobs of xt matches and targets: nothing may crash, leak, read
 * outside or write text that is not ended. The input is a script.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/rules_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"tcp",     "udp",       "icmp",     "icmp6",    "multiport",
				    "comment", "conntrack", "state",    "mark",     "connmark",
				    "limit",   "set",       "addrtype", "physdev",  "statistic",
				    "REJECT",  "DNAT",      "SNAT",     "MARK",     "CT",
				    "LOG",     "NFLOG",     "CONNMARK", "REDIRECT", "MASQUERADE"};

/* Byte by byte: which extension, its revision and length, then its blob; up to four in a rule. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter_rule rule = {0};
	struct rule_build build;

	if (size < 1)
		return 0;
	rule_build_begin(&build, &rule, data[0] & 1 ? 6 : 4, data[0] & 2);
	data++;
	size--;
	for (unsigned i = 0; i < 4 && size > 4; i++) {
		unsigned which = data[0] % (sizeof(names) / sizeof(*names));
		size_t len = data[1] | (data[2] & 1) << 8;
		uint8_t *blob;

		if (len > size - 4)
			len = size - 4;
		blob = malloc(len ? len : 1); /* of its own, so that ASan sees the end */
		if (!blob)
			abort();
		memcpy(blob, data + 4, len);
		if (names[which][0] >= 'a')
			xt_decode_match(&build, names[which], data[3] & 3, blob, len);
		else
			xt_decode_target(&build, names[which], data[3] & 3, blob, len);
		free(blob);
		data += 4 + len;
		size -= 4 + len;
	}
	if (rule_build_end(&build, "FORWARD") || strlen(rule.text) > 8192 ||
	    (rule.ports && rule.ports->count > 15))
		abort();
	free(rule.text);
	free(rule.comment);
	free(rule.ports);
	return 0;
}
