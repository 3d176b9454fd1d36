/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/drop_stack.h"

#include <string.h>

#include "base/text.h"

/* Functions that free on behalf of their caller: they say nothing of the reason. */
static const char *const free_helpers[] = {
	"kfree_skb_list_reason",
	"kfree_skb_list",
	"sk_skb_reason_drop",
	"kfree_skb_reason",
	"kfree_skb",
	"__kfree_skb",
	"skb_release_data",
	"kfree_skb_partial",
	"dev_kfree_skb_any_reason",
	"__dev_kfree_skb_any",
	"__tcf_kfree_skb_list",
	"dev_kfree_skb_irq_reason",
	"skb_queue_purge_reason",
};

/*
 * Functions a hook is called from: nf_hook() is inlined into them
 * (net/ipv4/ip_input.c, ip_forward.c, ip_output.c, net/ipv6, net/bridge/br_netfilter_hooks.c).
 */
static const struct {
	const char *function, *hook;
} hook_callers[] = {
	{"ip_rcv", "PREROUTING"},
	{"ip_list_rcv", "PREROUTING"},
	{"ip_sublist_rcv", "PREROUTING"},
	{"ipv6_rcv", "PREROUTING"},
	{"ipv6_list_rcv", "PREROUTING"},
	{"ip6_sublist_rcv", "PREROUTING"},
	{"br_nf_pre_routing", "PREROUTING"},
	{"br_nf_pre_routing_ipv6", "PREROUTING"},
	{"br_nf_hook_thresh", "PREROUTING"},
	{"ip_local_deliver", "INPUT"},
	{"ip6_input", "INPUT"},
	{"ip_forward", "FORWARD"},
	{"ip6_forward", "FORWARD"},
	{"br_nf_forward", "FORWARD"},
	{"br_nf_forward_ip", "FORWARD"},
	{"br_nf_forward_ip.part.0", "FORWARD"},
	{"__ip_local_out", "OUTPUT"},
	{"ip_local_out", "OUTPUT"},
	{"__ip6_local_out", "OUTPUT"},
	{"ip6_local_out", "OUTPUT"},
	{"ip6_xmit", "OUTPUT"},
	{"raw_sendmsg", "OUTPUT"},
	{"rawv6_sendmsg", "OUTPUT"},
	{"ip_output", "POSTROUTING"},
	{"ip_mc_output", "POSTROUTING"},
	{"ip6_output", "POSTROUTING"},
	{"br_nf_post_routing", "POSTROUTING"},
	{"br_handle_frame", "PREROUTING"},
	{"br_handle_frame_finish", "INPUT"},
	{"__br_forward", "FORWARD"},
	{"br_forward_finish", "POSTROUTING"},
	{"__netif_receive_skb_core", "INGRESS"},
	{"__netif_receive_skb_core.constprop.0", "INGRESS"},
	{"__dev_queue_xmit", "EGRESS"},
};

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static const char *hook_of(const char *function)
{
	for (size_t i = 0; i < sizeof(hook_callers) / sizeof(hook_callers[0]); i++) {
		if (strcmp(function, hook_callers[i].function) == 0)
			return hook_callers[i].hook;
	}
	return NULL;
}

static bool is_netfilter(const char *function)
{
	return strncmp(function, "nft_do_chain", 12) == 0 ||
	       strncmp(function, "nf_hook_slow", 12) == 0 ||
	       strncmp(function, "ipt_do_table", 12) == 0 ||
	       strncmp(function, "ip6t_do_table", 13) == 0;
}

/* Called by a function that is traced, whose own frame follows, and in its stead the caller of what it ends with. */
static bool is_trampoline(const char *function)
{
	return strncmp(function, "bpf_trampoline_", 15) == 0;
}

void drop_stack_read(const char *const *frames, size_t count, struct drop *drop)
{
	size_t at = 0, n = 0;

	while (at < count && (is_trampoline(frames[at]) ||
			      is_one_of(frames[at], free_helpers,
					sizeof(free_helpers) / sizeof(free_helpers[0]))))
		at++;
	if (at == count)
		at = 0;
	if (at < count)
		text_copy(drop->function, sizeof(drop->function), frames[at]);
	for (size_t i = at + 1; i < count && n < 4; i++) {
		if (frames[i][0] && !is_trampoline(frames[i]))
			text_copy(drop->callers[n++], sizeof(drop->callers[0]), frames[i]);
	}
	/* Hooks stand in most stacks: only a packet that a hook itself gave up died of its verdict. */
	if (at >= count || !is_netfilter(frames[at]))
		return;
	for (size_t i = at + 1; i < count; i++) {
		const char *hook = is_netfilter(frames[i]) ? NULL : hook_of(frames[i]);

		if (hook) {
			text_copy(drop->hook, sizeof(drop->hook), hook);
			return;
		}
	}
}
