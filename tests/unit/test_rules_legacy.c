/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of iptables-legacy as bytes: written here entry by entry as the kernel lays them out,
 * read back, then cut and damaged at every place. What the kernel itself hands out is compared
 * with iptables-save in test_rules_live.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdlib.h>
#include <string.h>

#include "node/rules.h"
#include "node/rules_legacy.h"

#define HEAD sizeof(struct ipt_entry)
#define STANDARD (HEAD + sizeof(struct xt_standard_target))
#define NAMED (HEAD + sizeof(struct xt_error_target))

/* The table under test. */
struct blob {
	_Alignas(8) unsigned char bytes[4096];
	size_t size;
	unsigned hook_entry[NF_INET_NUMHOOKS];
	unsigned hooks;
};

static struct ipt_entry *put(struct blob *blob, size_t size, uint64_t packets)
{
	struct ipt_entry *entry = (void *)(blob->bytes + blob->size);

	entry->target_offset = HEAD;
	entry->next_offset = size;
	entry->counters.pcnt = packets;
	blob->size += size;
	return entry;
}

static struct ipt_entry *put_standard(struct blob *blob, int verdict, uint64_t packets)
{
	struct ipt_entry *entry = put(blob, STANDARD, packets);
	struct xt_standard_target *target = (void *)((char *)entry + HEAD);

	target->target.u.user.target_size = sizeof(*target);
	target->verdict = verdict;
	return entry;
}

static void put_error(struct blob *blob, const char *name)
{
	struct ipt_entry *entry = put(blob, NAMED, 0);
	struct xt_error_target *target = (void *)((char *)entry + HEAD);

	target->target.u.user.target_size = sizeof(*target);
	strcpy(target->target.u.user.name, XT_ERROR_TARGET);
	strcpy(target->errorname, name);
}

/* FORWARD: a jump to the user's chain, policy DROP. The chain: from 10.244.1.10 DROP, all else RETURN. */
static void fill(struct blob *blob)
{
	struct ipt_entry *entry;

	memset(blob, 0, sizeof(*blob));
	blob->hooks = 1 << NF_INET_FORWARD;
	blob->hook_entry[NF_INET_FORWARD] = 0;
	put_standard(blob, 2 * STANDARD + NAMED, 7); /* over the policy and the name */
	put_standard(blob, -NF_DROP - 1, 9);
	put_error(blob, "WEB-IN");
	entry = put_standard(blob, -NF_DROP - 1, 5);
	memcpy(&entry->ip.src, "\x0a\xf4\1\x0a", 4);
	memset(&entry->ip.smsk, 0xff, 4);
	put_standard(blob, 3 * STANDARD + NAMED + STANDARD, 3); /* on to the next: it counts */
	put_standard(blob, XT_RETURN, 2);
	put_error(blob, XT_ERROR_TARGET);
}

static int read_blob(const struct blob *blob, struct ruleset *ruleset)
{
	struct legacy_table table = {.name = "filter",
				     .family = 4,
				     .valid_hooks = blob->hooks,
				     .hook_entry = blob->hook_entry,
				     .bytes = blob->bytes,
				     .size = blob->size};

	memset(ruleset, 0, sizeof(*ruleset));
	return legacy_table_read(ruleset, &table);
}

static void table_is_read(void **state)
{
	static struct blob blob;
	struct ruleset ruleset;
	struct filter_chain *forward, *web;

	(void)state;
	fill(&blob);
	assert_int_equal(read_blob(&blob, &ruleset), 0);
	assert_int_equal(ruleset.chains.count, 2);
	forward = &ruleset.chains.items[0];
	web = &ruleset.chains.items[1];
	assert_string_equal(forward->name, "FORWARD");
	assert_true(forward->base && forward->policy_drop && forward->has_policy_counter);
	assert_int_equal(forward->policy_packets, 9);
	assert_int_equal(forward->rules.count, 1);
	assert_string_equal(forward->rules.items[0].text, "-A FORWARD -j WEB-IN");
	assert_int_equal(forward->rules.items[0].verdict, RULE_JUMP);
	assert_int_equal(forward->rules.items[0].target_chain, 2);
	assert_int_equal(forward->rules.items[0].packets, 7);
	assert_string_equal(web->name, "WEB-IN");
	assert_false(web->base || web->has_policy_counter);
	assert_int_equal(web->rules.count, 2); /* the RETURN at the end is nobody's rule */
	assert_string_equal(web->rules.items[0].text, "-A WEB-IN -s 10.244.1.10/32 -j DROP");
	assert_int_equal(web->rules.items[0].verdict, RULE_DROP);
	assert_string_equal(web->rules.items[1].text, "-A WEB-IN");
	assert_int_equal(web->rules.items[1].packets, 3);
	ruleset_free(&ruleset);
}

static void table_that_is_cut(void **state)
{
	static struct blob blob;
	struct ruleset ruleset;

	(void)state;
	for (size_t size = 1; size < 3 * STANDARD + 8; size++) {
		fill(&blob);
		blob.size -= size;
		assert_int_equal(read_blob(&blob, &ruleset), -EBADMSG);
		ruleset_free(&ruleset);
	}
}

/* Any byte may be anything: nothing is read outside (the sanitizers' build tells). */
static void table_that_is_damaged(void **state)
{
	static struct blob blob;
	struct ruleset ruleset;
	unsigned seed = 1;

	(void)state;
	fill(&blob);
	for (unsigned round = 0; round < 20000; round++) {
		struct legacy_table table = {.name = "nat",
					     .family = round & 1 ? 6 : 4,
					     .valid_hooks = blob.hooks,
					     .hook_entry = blob.hook_entry,
					     .size = blob.size};
		unsigned char *bytes = malloc(blob.size); /* with nothing behind it */

		assert_non_null(bytes);
		memcpy(bytes, blob.bytes, blob.size);
		for (unsigned i = 0; i < 1 + round % 4; i++)
			bytes[(unsigned)rand_r(&seed) % blob.size] =
				(unsigned char)(rand_r(&seed) >> 7);
		table.bytes = bytes;
		memset(&ruleset, 0, sizeof(ruleset));
		legacy_table_read(&ruleset, &table);
		ruleset_free(&ruleset);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_read),
		cmocka_unit_test(table_that_is_cut),
		cmocka_unit_test(table_that_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
