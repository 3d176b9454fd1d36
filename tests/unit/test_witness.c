/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Witnesses without a kernel: names of types become places (on types made here, with parameters in
 * the orders that kernels have had), the list of --probes, what a witness said in words, and what it
 * makes of a drop that has no reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/text.h"
#include "diagnose/drop_reason.h"
#include "diagnose/drop_signature.h"
#include "kernel/probe_list.h"
#include "kernel/witness_btf.h"
#include "kernel/witness_program.h"
#include "packet/witness_text.h"

/* A kernel's types, as far as the tests ask. */
struct kernel {
	struct btf *btf;
	int u32, u16, pointer;
	int skb, skb_pointer, state_pointer, table_pointer, void_pointer;
};

static int struct_pointer(struct kernel *k, const char *name, int *id)
{
	*id = btf__add_struct(k->btf, name, 64);
	return btf__add_ptr(k->btf, *id);
}

static void kernel_make(struct kernel *k)
{
	int device, device_pointer, unnamed;

	memset(k, 0, sizeof(*k));
	k->btf = btf__new_empty();
	k->u32 = btf__add_int(k->btf, "unsigned int", 4, 0);
	k->u16 = btf__add_int(k->btf, "unsigned short", 2, 0);
	k->void_pointer = btf__add_ptr(k->btf, 0);
	/* the member lies in a union without a name, as _nfct's neighbours do */
	unnamed = btf__add_union(k->btf, NULL, 8);
	btf__add_field(k->btf, "_nfct", k->void_pointer, 0, 0);
	k->skb = btf__add_struct(k->btf, "sk_buff", 64);
	btf__add_field(k->btf, NULL, unnamed, 16 * 8, 0);
	btf__add_field(k->btf, "network_header", k->u16, 30 * 8, 0);
	btf__add_field(k->btf, "head", k->void_pointer, 40 * 8, 0);
	k->skb_pointer = btf__add_ptr(k->btf, k->skb);
	device = btf__add_struct(k->btf, "net_device", 64);
	btf__add_field(k->btf, "name", k->void_pointer, 24 * 8, 0);
	device_pointer = btf__add_ptr(k->btf, device);
	btf__add_struct(k->btf, "nf_hook_state", 64);
	btf__add_field(k->btf, "hook", k->u32, 1 * 8, 0);
	btf__add_field(k->btf, "pf", k->u32, 2 * 8, 0);
	btf__add_field(k->btf, "in", device_pointer, 8 * 8, 0);
	btf__add_field(k->btf, "out", device_pointer, 16 * 8, 0);
	/* const struct nf_hook_state *: what the kernel's prototypes have */
	k->state_pointer = btf__add_ptr(
		k->btf, btf__add_const(k->btf, btf__find_by_name_kind(k->btf, "nf_hook_state",
								      BTF_KIND_STRUCT)));
	k->table_pointer = struct_pointer(k, "xt_table", &unnamed);
	btf__add_field(k->btf, "unused", k->u32, 0, 0);
}

static void function_add(struct kernel *k, const char *name, const char *const *names,
			 const int *types, size_t count)
{
	int proto = btf__add_func_proto(k->btf, k->u32);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(btf__add_func_param(k->btf, names[i], types[i]), 0);
	assert_true(btf__add_func(k->btf, name, BTF_FUNC_STATIC, proto) > 0);
}

static const struct witness_row *row_of(const char *name, bool tracepoint)
{
	for (size_t i = 0; i < witness_row_count; i++) {
		if (!strcmp(witness_rows[i].name, name) &&
		    tracepoint == (witness_rows[i].tracepoint != NULL))
			return &witness_rows[i];
	}
	fail_msg("no row %s", name);
	return NULL;
}

static int resolve(struct kernel *k, const struct witness_row *row, bool needed_only,
		   struct witness_resolved *out)
{
	struct witness_types *types = witness_types_new(k->btf);
	int err;

	assert_non_null(types);
	err = witness_resolve(types, row, needed_only, out);
	witness_types_free(types);
	return err;
}

/* nf_hook_slow(skb, state, e, s): places of the arguments, and through two pointers to a device's name. */
static void places_are_found(void **state)
{
	struct kernel k;
	struct witness_resolved out;
	const char *const names[] = {"skb", "state", "e", "s"};

	(void)state;
	kernel_make(&k);
	function_add(&k, "nf_hook_slow", names,
		     (int[]){k.skb_pointer, k.state_pointer, k.void_pointer, k.u32}, 4);
	assert_int_equal(resolve(&k, row_of("nf-hook", false), true, &out), 0);
	assert_int_equal(out.probe.what, WITNESS_NF_HOOK);
	assert_int_equal(out.probe.style, WITNESS_FRAME);
	assert_int_equal(out.probe.skb.arg, 0);
	assert_int_equal(out.probe.skb.steps, 0);
	assert_int_equal(out.probe.value[0].arg, 1);
	assert_int_equal(out.probe.value[0].steps, 1);
	assert_int_equal(out.probe.value[0].offset[0], 1);
	assert_int_equal(out.probe.text[1].arg, 1);
	assert_int_equal(out.probe.text[1].steps, 2);
	assert_int_equal(out.probe.text[1].offset[0], 16);
	assert_int_equal(out.probe.text[1].offset[1], 24);
	assert_int_equal(out.probe.args, 3);
	assert_int_equal(out.probe.arg_count, 4);
	assert_true(out.btf_id > 0);
	btf__free(k.btf);
}

/* ipt_do_table: (skb, state, table) up to 5.15, (priv, skb, state) since. */
static void order_is_read_not_assumed(void **state)
{
	const char *const old_names[] = {"skb", "state", "table"};
	const char *const new_names[] = {"priv", "skb", "state"};
	struct witness_resolved out;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	function_add(&k, "ipt_do_table", old_names,
		     (int[]){k.skb_pointer, k.state_pointer, k.table_pointer}, 3);
	assert_int_equal(resolve(&k, row_of("ipt-table", false), true, &out), 0);
	assert_int_equal(out.probe.skb.arg, 0);
	assert_int_equal(out.probe.value[0].arg, 1);
	/* xt_table has no "name" here: that detail is left out, not the witness */
	assert_int_equal(out.probe.text[0].arg, WITNESS_NO_ARG);
	btf__free(k.btf);

	kernel_make(&k);
	function_add(&k, "ipt_do_table", new_names,
		     (int[]){k.void_pointer, k.skb_pointer, k.state_pointer}, 3);
	assert_int_equal(resolve(&k, row_of("ipt-table", false), true, &out), 0);
	assert_int_equal(out.probe.skb.arg, 1);
	assert_int_equal(out.probe.value[0].arg, 2);
	assert_int_equal(out.probe.in_frame, 0);
	btf__free(k.btf);
}

/* A kernel without the module's types: the packet is that of the hook the call is made in, and nothing is read. */
static void unknown_parameters_are_not_guessed(void **state)
{
	struct witness_resolved out;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	assert_int_equal(resolve(&k, row_of("conntrack", false), true, &out), 0);
	assert_int_equal(out.btf_id, 0);
	assert_int_equal(out.probe.args, 0);
	assert_int_equal(out.probe.skb.arg, WITNESS_NO_ARG);
	assert_int_equal(out.probe.in_frame, 1 + FRAME_NF_HOOK);
	/* and where the packet would be a parameter, there is no witness */
	assert_int_equal(resolve(&k, row_of("veth-peer", false), true, &out), -ENOENT);
	btf__free(k.btf);
}

static void large_parameters_shift_the_rest(void **state)
{
	const char *const names[] = {"large", "skb"};
	struct witness_resolved out;
	struct kernel k;
	int large;

	(void)state;
	kernel_make(&k);
	large = btf__add_struct(k.btf, "sockptr_like", 16);
	function_add(&k, "security_sock_rcv_skb", names, (int[]){large, k.skb_pointer}, 2);
	assert_int_equal(resolve(&k, row_of("security", false), true, &out), -E2BIG);
	btf__free(k.btf);
}

static int tracepoint_make(struct kernel *k, const char *name, const int *types, size_t count)
{
	int proto = btf__add_func_proto(k->btf, 0);
	char typedef_name[64];

	btf__add_func_param(k->btf, NULL, k->void_pointer); /* the private first one */
	for (size_t i = 0; i < count; i++)
		btf__add_func_param(k->btf, NULL, types[i]);
	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	return btf__add_typedef(k->btf, typedef_name, btf__add_ptr(k->btf, proto));
}

static void tracepoints_must_have_what_is_read(void **state)
{
	const struct witness_row *row = row_of("udp-queue", true);
	struct witness_resolved out;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	assert_int_equal(resolve(&k, row, true, &out), -ENOENT);
	/* (rc, sk) before 6.11: no packet */
	tracepoint_make(&k, "udp_fail_queue_rcv_skb", (int[]){k.u32, k.void_pointer}, 2);
	assert_int_equal(resolve(&k, row, true, &out), -ENOENT);
	btf__free(k.btf);
	kernel_make(&k);
	tracepoint_make(&k, "udp_fail_queue_rcv_skb", (int[]){k.u32, k.void_pointer, k.skb_pointer},
			3);
	assert_int_equal(resolve(&k, row, true, &out), 0);
	assert_int_equal(out.probe.skb.arg, 2);
	assert_int_equal(out.probe.value[0].arg, 0);
	btf__free(k.btf);
}

/* The kernel's own reason says it: not needed, unless it is asked for. */
static void reasons_make_some_needless(void **state)
{
	const char *const names[] = {"skb"};
	struct witness_resolved out;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	function_add(&k, "fib_validate_source", names, (int[]){k.skb_pointer}, 1);
	assert_int_equal(resolve(&k, row_of("rp-filter", false), true, &out), 0);
	btf__add_enum(k.btf, "skb_drop_reason", 4);
	btf__add_enum_value(k.btf, "SKB_DROP_REASON_IP_RPFILTER", 11);
	assert_int_equal(resolve(&k, row_of("rp-filter", false), true, &out), -EALREADY);
	assert_int_equal(resolve(&k, row_of("rp-filter", false), false, &out), 0);
	btf__free(k.btf);
}

/* bool tcp_add_backlog(sk, skb[, reason]) and int tcp_conn_request(ops, af_ops, sk, skb): the kernel's reason is newer. */
static void sockets_are_read(void **state)
{
	const char *const names[] = {"sk", "skb"};
	const char *const request[] = {"rsk_ops", "af_ops", "sk", "skb"};
	const char *const cut[] = {"net", "sk", "skb", "mtu", "output"};
	struct witness_resolved out;
	int sock, backlog, pointer;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	backlog = btf__add_struct(k.btf, NULL, 32);
	btf__add_field(k.btf, "len", k.u32, 4 * 8, 0);
	sock = btf__add_struct(k.btf, "sock", 64);
	btf__add_field(k.btf, "sk_backlog", backlog, 16 * 8, 0);
	btf__add_field(k.btf, "sk_drops", k.u32, 56 * 8, 0);
	pointer = btf__add_ptr(k.btf, sock);
	function_add(&k, "tcp_add_backlog", names, (int[]){pointer, k.skb_pointer}, 2);
	function_add(&k, "tcp_conn_request", request,
		     (int[]){k.void_pointer, k.void_pointer, pointer, k.skb_pointer}, 4);
	function_add(&k, "ip_fragment", cut,
		     (int[]){k.void_pointer, pointer, k.skb_pointer, k.u32, k.void_pointer}, 5);
	assert_int_equal(resolve(&k, row_of("socket-backlog", false), true, &out), 0);
	assert_int_equal(out.probe.rule, WITNESS_RULE_TRUE);
	assert_int_equal(out.probe.skb.arg, 1);
	assert_int_equal(out.probe.value[0].offset[0], 20);
	assert_int_equal(out.probe.arg_count, 2);
	assert_int_equal(resolve(&k, row_of("syn-queue", false), true, &out), 0);
	assert_int_equal(out.probe.skb.arg, 3);
	assert_int_equal(out.probe.value[0].arg, 2);
	assert_int_equal(resolve(&k, row_of("fragment", false), true, &out), 0);
	assert_int_equal(out.probe.skb.arg, 2);
	assert_int_equal(out.probe.value[0].arg, 3);
	assert_int_equal(out.probe.value[0].steps, 0);
	btf__add_enum(k.btf, "skb_drop_reason", 4);
	btf__add_enum_value(k.btf, "SKB_DROP_REASON_SOCKET_BACKLOG", 9);
	assert_int_equal(resolve(&k, row_of("socket-backlog", false), true, &out), -EALREADY);
	btf__free(k.btf);
}

/* Of a BPF program everything is known without the kernel's types: one parameter, the packet. */
static void programs_need_no_types(void **state)
{
	struct witness_resolved out;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	for (size_t i = 0; i < witness_row_count; i++) {
		if (!witness_rows[i].of_programs)
			continue;
		assert_int_equal(resolve(&k, &witness_rows[i], true, &out), 0);
		assert_int_equal(out.probe.what, WITNESS_TC_PROGRAM);
		assert_int_equal(out.probe.rule, WITNESS_RULE_SHOT);
		assert_int_equal(out.probe.args, 1);
		assert_int_equal(out.probe.arg_count, 1);
		assert_int_equal(out.probe.skb.arg, 0);
		assert_int_equal(out.probe.skb.steps, 0);
		assert_int_equal(out.probe.value[0].arg, WITNESS_NO_ARG);
	}
	btf__free(k.btf);
}

static void layout_is_read(void **state)
{
	struct witness_types *types;
	struct witness_layout layout;
	struct kernel k;

	(void)state;
	kernel_make(&k);
	types = witness_types_new(k.btf);
	assert_int_equal(witness_layout_resolve(types, &layout), 0);
	assert_int_equal(layout.head, 40);
	assert_int_equal(layout.network_header, 30);
	assert_int_equal(layout.nfct, 16); /* inside the union */
	witness_types_free(types);
	btf__free(k.btf);
}

static void table_is_sound(void **state)
{
	bool frames[WITNESS_FRAMES] = {false};

	(void)state;
	for (size_t i = 0; i < witness_row_count; i++) {
		const struct witness_row *row = &witness_rows[i];
		bool again = i && !strcmp(row->name, witness_rows[i - 1].name);

		assert_int_equal(
			(row->function != NULL) + (row->tracepoint != NULL) + row->of_programs, 1);
		assert_non_null(row->why);
		assert_true(row->what > WITNESS_NONE && row->what < WITNESS_WHATS);
		/* about one packet, or about the task's call, never both */
		assert_true((row->skb.arg || row->in_frame) != row->by_task);
		/* which parameter of a copy is the packet shows only in a drop */
		assert_true(!row->copied || row->style == WITNESS_FRAME);
		assert_true(row->style != WITNESS_EXIT || row->rule != WITNESS_RULE_NONE);
		if (row->style == WITNESS_FRAME && !again) {
			assert_false(frames[row->frame]); /* a frame is one witness's */
			frames[row->frame] = true;
		}
		for (size_t k = 0; k + 1 < i; k++)
			assert_true(again || strcmp(witness_rows[k].name, row->name) != 0);
	}
}

static void row_takes_the_place_of_the_mark(void **state)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = WITNESS_ROW_MAGIC},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 3, .imm = WITNESS_ROW_MAGIC},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)state;
	assert_int_equal(witness_mark_put(insns, 3, WITNESS_ROW_MAGIC, 17), 1);
	assert_int_equal(insns[0].imm, 17);
	assert_int_equal(insns[1].imm, WITNESS_ROW_MAGIC);
	assert_int_equal(witness_mark_put(insns, 3, WITNESS_ROW_MAGIC, 17), 0);
	insns[0].imm = WITNESS_TAG_MAGIC;
	assert_int_equal(witness_mark_put(insns, 3, WITNESS_TAG_MAGIC, 4711), 1);
	assert_int_equal(insns[0].imm, 4711);
}

static void lists_of_probes(void **state)
{
	struct error error = {};

	(void)state;
	assert_int_equal(probe_list_check(NULL, &error), 0);
	assert_int_equal(probe_list_check("kprobe,nft-chain,tcx", &error), 0);
	assert_int_equal(probe_list_check("kprobe,nonsense", &error), -EINVAL);
	assert_non_null(strstr(error.text, "\"nonsense\""));
	assert_non_null(strstr(error.text, "nft-chain"));
	/* a way of witnesses leaves the tracer's own probes alone */
	assert_true(probe_list_allows("kprobe", "kfree_skb", "tp_btf"));
	assert_true(probe_list_allows("nft-chain", "tc", "tcx"));
	assert_false(probe_list_allows("tc", "kfree_skb", "tp_btf"));
	assert_false(probe_list_allows("raw_tp", "kfree_skb", "tp_btf"));
	assert_true(probe_list_allows("raw_tp", "tc", "tcx"));
	assert_false(probe_list_allows("clsact,tp_btf", "tc", "tcx"));
	assert_true(probe_list_allows("tracepoint", "kfree_skb", "tp_btf"));
	/* tc and the tracepoints of devices are two ways to the same */
	assert_true(probe_list_allows(NULL, "netif_receive_skb", "tp_btf"));
	assert_true(probe_list_allows("raw_tp", "net_dev_queue", "raw_tp"));
	assert_false(probe_list_allows("raw_tp", "net_dev_queue", "tp_btf"));
	assert_false(probe_list_allows("tc,kfree_skb", "netif_receive_skb", "tp_btf"));
	assert_false(probe_list_allows("clsact,tp_btf", "netif_receive_skb", "tp_btf"));
	assert_false(probe_list_allows("tcx,raw_tp", "net_dev_queue", "raw_tp"));
	assert_false(probe_list_allows("netif_receive_skb,net_dev_queue", "tc", "tcx"));
	assert_true(probe_list_allows("netif_receive_skb,raw_tp", "netif_receive_skb", "raw_tp"));
	assert_false(probe_list_allows("netif_receive_skb", "net_dev_queue", "tp_btf"));
	assert_true(probe_list_allows("tracepoint", "sys_exit", "raw_tp"));

	assert_true(probe_list_allows_witness(NULL, "nft-chain", "fentry"));
	assert_true(probe_list_allows_witness("kprobe", "nft-chain", "kprobe"));
	assert_false(probe_list_allows_witness("kprobe", "nft-chain", "fentry"));
	assert_false(probe_list_allows_witness("tcx", "nft-chain", "fentry"));
	assert_true(probe_list_allows_witness("tracepoint", "icmp-error", "raw_tp"));
	assert_false(probe_list_allows_witness("tracepoint", "icmp-error", "fentry"));
	assert_true(probe_list_allows_witness("nft-chain", "nft-chain", "fentry"));
	assert_false(probe_list_allows_witness("nft-chain", "veth-peer", "fentry"));
	assert_false(probe_list_allows_witness("nft-chain,kprobe", "nft-chain", "fentry"));
	assert_true(probe_list_names_witnesses("tcx,kprobe"));
	assert_false(probe_list_names_witnesses("tracepoint"));
}

static const char *says(struct witness_info info, uint8_t version)
{
	static char buffer[WITNESS_PHRASE];

	return witness_text(&info, version, buffer);
}

static void words(void **state)
{
	struct witness_info info = {.what = WITNESS_NFT_CHAIN, .text = {"filter", "FORWARD"}};
	uint32_t address = inet_addr("10.244.1.99");

	(void)state;
	assert_string_equal(says(info, 4), "nftables chain FORWARD of table filter dropped it");
	info = (struct witness_info){.what = WITNESS_NFT_CHAIN};
	assert_string_equal(says(info, 4), "an nftables chain dropped it");
	info = (struct witness_info){.what = WITNESS_NFT_CHAIN, .text = {"a\033[2J", "b"}};
	assert_null(strchr(says(info, 4), '\033'));
	info = (struct witness_info){.what = WITNESS_CONNTRACK, .ret = 0};
	assert_string_equal(says(info, 4), "conntrack had no room for its connection");
	info.ret = 1;
	assert_string_equal(says(info, 4), "conntrack called it INVALID");
	info = (struct witness_info){.what = WITNESS_ICMP, .value = {3, 4, htonl(1350)}};
	assert_string_equal(says(info, 4),
			    "it was answered with ICMP type 3 code 4 (too big, next-hop MTU 1350)");
	assert_int_equal(witness_icmp_mtu(&info, 4), 1350);
	info.value[1] = 1;
	assert_int_equal(witness_icmp_mtu(&info, 4), 0);
	info = (struct witness_info){.what = WITNESS_ICMP, .value = {2, 0, 1280}};
	assert_int_equal(witness_icmp_mtu(&info, 6), 1280);
	info = (struct witness_info){
		.what = WITNESS_NEIGHBOUR, .value = {0x20, address}, .text = {"cni0"}};
	assert_string_equal(says(info, 4), "it waited for the MAC address of 10.244.1.99 on cni0, "
					   "which did not come");
	info = (struct witness_info){
		.what = WITNESS_VETH, .value = {1000, IFF_UP}, .text = {"eth0"}};
	assert_string_equal(says(info, 4),
			    "it was being handed to eth0, whose MTU is 1000 and which is up");
	info = (struct witness_info){.what = WITNESS_VXLAN_OUT,
				     .value = {htonl(7 << 8), address},
				     .text = {"flannel.1"}};
	assert_string_equal(says(info, 4),
			    "flannel.1 was sending it to peer 10.244.1.99, VXLAN network 7");
	info = (struct witness_info){.what = WITNESS_SOURCE, .ret = -EXDEV};
	assert_non_null(strstr(says(info, 4), "EXDEV"));
	info = (struct witness_info){.what = WITNESS_LISTEN, .value = {6, 5}};
	assert_string_equal(says(info, 4), "the listener's accept queue was full: 6 wait, 5 may");
	info = (struct witness_info){.what = WITNESS_SYN_QUEUE, .value = {4, 9, 5}};
	assert_string_equal(says(info, 4),
			    "too many of the listener's connections were half open: 4, with a "
			    "backlog of 9 and tcp_max_syn_backlog 5");
	info = (struct witness_info){.what = WITNESS_SOCKET_BACKLOG, .value = {70, 80, 90}};
	assert_string_equal(says(info, 4), "the socket was busy and its backlog full: 70 bytes "
					   "wait, 80 are in its buffer of 90");
	info = (struct witness_info){.what = WITNESS_FRAGMENT, .value = {1400}};
	assert_string_equal(says(info, 4), "it was to be cut into fragments for an MTU of 1400");
	text_copy(info.text[0], sizeof(info.text[0]), "eth0");
	assert_string_equal(says(info, 6),
			    "it was to be cut into fragments for eth0, whose MTU is 1400");
	info = (struct witness_info){
		.what = WITNESS_VXLAN_PEER, .value = {0xffff665544332211}, .text = {"flannel.1"}};
	assert_string_equal(says(info, 4),
			    "flannel.1 was looking for the peer of MAC address 11:22:33:44:55:66");
	info = (struct witness_info){.what = WITNESS_LOCAL_PORT, .ret = -EADDRNOTAVAIL};
	assert_non_null(strstr(says(info, 4), "no free port"));
	info.value[0] = 4000;
	assert_non_null(strstr(says(info, 4), "port 4000 taken"));
	info = (struct witness_info){.what = WITNESS_LOCAL_ROUTE, .ret = -ENETUNREACH};
	assert_non_null(strstr(says(info, 4), "ENETUNREACH"));
	assert_non_null(strstr(says(info, 6), "ip6_dst_lookup_flow"));
	info.ret = INT32_MIN;
	assert_non_null(strstr(says(info, 4), "an unknown error"));
	info = (struct witness_info){.what = WITNESS_LOCAL_SIZE, .value = {1400, 90}};
	assert_non_null(strstr(says(info, 4), "MTU of its route, 1400"));
	for (unsigned what = 1; what < WITNESS_WHATS; what++) {
		info = (struct witness_info){.what = what};
		assert_true(*says(info, 4) != '\0');
		assert_string_not_equal(witness_what_name(what), "unknown");
	}
}

static struct drop dropped_in(const char *function, enum witness_what what, int32_t ret)
{
	struct drop drop = {.packet = {.ip_version = 4, .proto = IPPROTO_UDP, .ttl = 64}};

	text_copy(drop.function, sizeof(drop.function), function);
	if (what) {
		drop.witness_count = 1;
		drop.witnesses[0].what = what;
		drop.witnesses[0].ret = ret;
	}
	return drop;
}

/* On a kernel without reasons: function and witness together. */
static void reasons_are_derived(void **state)
{
	static const struct {
		const char *function;
		enum witness_what what;
		int32_t ret;
		enum drop_kind kind;
		const char *reason;
	} cases[] = {
		{"nf_hook_slow", WITNESS_NONE, 0, DROP_NETFILTER, "NETFILTER_DROP"},
		{"ip_rcv_finish_core.constprop.0", WITNESS_SOURCE, -EXDEV, DROP_RP_FILTER,
		 "IP_RPFILTER"},
		{"ip_rcv_finish_core.constprop.0", WITNESS_SOURCE, -EINVAL, DROP_MARTIAN,
		 "IP_INVALID_SOURCE"},
		{"udp_queue_rcv_one_skb", WITNESS_UDP_QUEUE, -ENOMEM, DROP_SOCKET_BUFFER,
		 "SOCKET_RCVBUFF"},
		{"udp_queue_rcv_one_skb", WITNESS_SECURITY, -EACCES, DROP_SECURITY,
		 "SECURITY_HOOK"},
		{"udp_queue_rcv_one_skb", WITNESS_CGROUP, -EPERM, DROP_CGROUP_BPF, "BPF_CGROUP"},
		{"ip_finish_output", WITNESS_CGROUP, -EPERM, DROP_CGROUP_BPF, "BPF_CGROUP"},
		{"__dev_queue_xmit", WITNESS_TC, 2, DROP_TC, "TC_EGRESS"},
		{"__dev_queue_xmit", WITNESS_TC_PROGRAM, 2, DROP_TC, "TC_EGRESS"},
		{"__dev_queue_xmit", WITNESS_NONE, 0, DROP_QDISC, "QDISC_DROP"},
		{"neigh_invalidate", WITNESS_NEIGHBOUR, 0, DROP_NEIGHBOUR, "NEIGH_FAILED"},
		{"tcp_v4_rcv", WITNESS_SOCKET_BACKLOG, 1, DROP_SOCKET_BUFFER, "SOCKET_BACKLOG"},
		{"tcp_v4_rcv", WITNESS_NONE, 0, DROP_NO_SOCKET, "NO_SOCKET"},
		{"ip_fragment.constprop.0", WITNESS_FRAGMENT, 0, DROP_TOO_BIG_OUTPUT,
		 "PKT_TOO_BIG"},
		{"__dev_forward_skb", WITNESS_NONE, 0, DROP_VETH_FORWARD, "VETH_FORWARD"},
	};
	struct drop drop;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		drop = dropped_in(cases[i].function, cases[i].what, cases[i].ret);
		assert_int_equal(drop_kind(&drop), cases[i].kind);
		drop_derive(&drop);
		assert_string_equal(drop.reason, cases[i].reason);
		assert_true(drop.derived);
		/* what was inferred is not taken for the kernel's word */
		assert_int_equal(drop_kind(&drop), cases[i].kind);
	}
	drop = dropped_in("__dev_forward_skb2", WITNESS_VETH, 0);
	drop.witnesses[0].value[1] = IFF_UP;
	drop_derive(&drop);
	assert_string_equal(drop.reason, "VETH_MTU");
	drop = dropped_in("__dev_forward_skb2", WITNESS_VETH, 0);
	drop_derive(&drop);
	assert_string_equal(drop.reason, "DEV_DOWN");
	/* freed as if it had been served: the probe stands for the function */
	drop = dropped_in("", WITNESS_LISTEN, 0);
	drop_derive(&drop);
	assert_string_equal(drop.function, "tcp_conn_request");
	assert_string_equal(drop.reason, "TCP_LISTEN_OVERFLOW");
	assert_int_equal(drop_kind(&drop), DROP_LISTEN_OVERFLOW);
	drop = dropped_in("", WITNESS_SYN_QUEUE, 0);
	drop_derive(&drop);
	assert_string_equal(drop.function, "tcp_conn_request");
	assert_string_equal(drop.reason, "SYN_QUEUE_FULL");
	assert_int_equal(drop_kind(&drop), DROP_LISTEN_OVERFLOW);
	drop = dropped_in("", WITNESS_NONE, 0);
	drop_derive(&drop);
	assert_string_equal(drop.function, "");
}

static void given_reasons_stay(void **state)
{
	struct drop drop = dropped_in("nf_hook_slow", WITNESS_NF_HOOK, 0);

	(void)state;
	text_copy(drop.reason, sizeof(drop.reason), "NETFILTER_DROP");
	drop.info.reason = 8;
	drop.witnesses[0].value[0] = 2;
	drop_derive(&drop);
	assert_string_equal(drop.reason, "NETFILTER_DROP");
	assert_false(drop.derived);
	assert_string_equal(drop.hook, "FORWARD"); /* which the stack did not show */
	drop = dropped_in("some_function", WITNESS_NONE, 0);
	drop_derive(&drop);
	assert_string_equal(drop.reason, ""); /* nothing is made up */
	assert_false(drop.derived);
}

/* It waited for an address, got it, and died of something else; or was dropped harmlessly. */
static void what_came_before_is_forgotten(void **state)
{
	struct drop drop = dropped_in("nf_hook_slow", WITNESS_WAITING, 0);

	(void)state;
	drop.witness_count = 2;
	drop.witnesses[1] = (struct witness_info){.what = WITNESS_CONNTRACK, .ret = 1};
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 1);
	assert_int_equal(drop.witnesses[0].what, WITNESS_CONNTRACK);
	drop = dropped_in("neigh_invalidate", WITNESS_WAITING, 0);
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 1);
	drop.benign = true;
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 0);
	/* vxlan_xmit lasts while the packet dies deeper: then it had a peer */
	drop = dropped_in("vxlan_xmit_one", WITNESS_VXLAN_PEER, 0);
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 0);
	drop = dropped_in("vxlan_xmit", WITNESS_VXLAN_PEER, 0);
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 1);
	/* fragments are sent while ip_fragment lasts, and may die on their way */
	drop = dropped_in("__dev_forward_skb2", WITNESS_FRAGMENT, 0);
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 0);
	drop = dropped_in("ip6_fragment", WITNESS_FRAGMENT, 0);
	drop_sift(&drop);
	assert_int_equal(drop.witness_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_found),
		cmocka_unit_test(order_is_read_not_assumed),
		cmocka_unit_test(unknown_parameters_are_not_guessed),
		cmocka_unit_test(large_parameters_shift_the_rest),
		cmocka_unit_test(tracepoints_must_have_what_is_read),
		cmocka_unit_test(reasons_make_some_needless),
		cmocka_unit_test(sockets_are_read),
		cmocka_unit_test(programs_need_no_types),
		cmocka_unit_test(layout_is_read),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(row_takes_the_place_of_the_mark),
		cmocka_unit_test(lists_of_probes),
		cmocka_unit_test(words),
		cmocka_unit_test(reasons_are_derived),
		cmocka_unit_test(given_reasons_stay),
		cmocka_unit_test(what_came_before_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
