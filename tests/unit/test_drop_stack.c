/* SPDX-License-Identifier: GPL-2.0-only */
/* What a drop's call stack says; the stacks are those of real drops on 5.10 to 7.x. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/drop_stack.h"

static struct drop read_stack(const char *const *frames)
{
	struct drop drop = {};
	size_t count = 0;

	while (frames[count])
		count++;
	drop_stack_read(frames, count, &drop);
	return drop;
}

#define STACK(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_nft_forward(void **state)
{
	struct drop d = read_stack(STACK("nft_do_chain", "nft_do_chain_ipv4", "nf_hook_slow",
					 "ip_forward", "ip_rcv", "__netif_receive_skb_one_core"));

	(void)state;
	assert_string_equal(d.function, "nft_do_chain");
	assert_string_equal(d.hook, "FORWARD");
	assert_string_equal(d.callers[0], "nft_do_chain_ipv4");
}

static void test_legacy_hooks(void **state)
{
	(void)state;
	assert_string_equal(read_stack(STACK("nf_hook_slow", "ip_local_deliver", "ip_rcv")).hook,
			    "INPUT");
	assert_string_equal(read_stack(STACK("nf_hook_slow", "ip_rcv")).hook, "PREROUTING");
	assert_string_equal(
		read_stack(STACK("nf_hook_slow", "__ip_local_out", "ip_push_pending_frames")).hook,
		"OUTPUT");
	assert_string_equal(
		read_stack(STACK("nf_hook_slow", "ip_output", "ip_forward_finish")).hook,
		"POSTROUTING");
	assert_string_equal(read_stack(STACK("nf_hook_slow", "ip6_forward")).hook, "FORWARD");
}

/* fexit on br_forward: what it ends with is called from the code between (6.12). */
static void test_traced_function(void **state)
{
	struct drop d = read_stack(STACK("bpf_trampoline_23622428926", "br_forward",
					 "bpf_trampoline_1", "br_handle_frame_finish"));

	(void)state;
	assert_string_equal(d.function, "br_forward");
	assert_string_equal(d.callers[0], "br_handle_frame_finish");
}

/* ip_rcv stands in most stacks: without netfilter above it, it is no hook. */
static void test_no_hook(void **state)
{
	struct drop d = read_stack(STACK("ip_error", "ip_rcv_finish", "ip_rcv"));

	(void)state;
	assert_string_equal(d.function, "ip_error");
	assert_string_equal(d.hook, "");
}

/* br_netfilter calls the bridge on from inside a hook: what happens there is not the hook's doing. */
static void test_bridge_inside_hook(void **state)
{
	struct drop d = read_stack(STACK("br_nf_dev_queue_xmit", "br_nf_post_routing",
					 "nf_hook_slow", "br_forward_finish"));

	(void)state;
	assert_string_equal(d.function, "br_nf_dev_queue_xmit");
	assert_string_equal(d.hook, "");
}

static void test_list_free(void **state)
{
	/* 6.1: the location lies in the helper that frees the list */
	struct drop d =
		read_stack(STACK("kfree_skb_list_reason", "__dev_queue_xmit", "ip_finish_output2"));

	(void)state;
	assert_string_equal(d.function, "__dev_queue_xmit");
	assert_string_equal(d.callers[0], "ip_finish_output2");
}

static void test_nothing_known(void **state)
{
	struct drop d = read_stack(STACK("", "", ""));

	(void)state;
	assert_string_equal(d.function, "");
	assert_string_equal(d.callers[0], "");
	/* only helpers: better the helper than nothing */
	d = read_stack(STACK("kfree_skb"));
	assert_string_equal(d.function, "kfree_skb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traced_function),    cmocka_unit_test(test_nft_forward),
		cmocka_unit_test(test_legacy_hooks),       cmocka_unit_test(test_no_hook),
		cmocka_unit_test(test_list_free),          cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_bridge_inside_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
