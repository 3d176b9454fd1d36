/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From an expression to a filter: libpcap compiles, filter_translate() translates. This file
 * decides which link type the expression needs; it alone (with filter_error.c) sees libpcap.
 */
#include "kernel/filter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/filter_error.h"

#define CLASSIC_MAX 4096 /* BPF_MAXINSNS: longer ones no kernel takes, from nobody */

/* Here struct bpf_insn is libpcap's, the classic one; the eBPF body is only passed on. */
struct filter {
	bool ether;
	struct bpf_program program;
	struct bpf_insn *body, *direct;
	size_t body_count, direct_count;
};

/*
 * Words that mean nothing on raw IP, where libpcap takes them for "never" (arp) or for bytes
 * of the IP header (ether[0]).
 */
static const char *const link_words[] = {
	"aarp",    "arp",    "atalk",  "clnp", "decnet", "ether", "esis",  "ipx",
	"isis",    "iso",    "lat",    "link", "llc",    "moprc", "mopdl", "mpls",
	"netbeui", "pppoed", "pppoes", "rarp", "sca",    "stp",   "vlan",
};

static bool speaks_of_link(const char *expression)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	for (const char *at = expression; *at;) {
		size_t len = strspn(at, letters);

		for (size_t i = 0; i < sizeof(link_words) / sizeof(*link_words); i++)
			if (len == strlen(link_words[i]) && !strncmp(at, link_words[i], len))
				return true;
		at += len ? len : 1;
	}
	return false;
}

/* 0, or -EINVAL with libpcap's words in `message`. */
static int compile_for(int link_type, const char *expression, struct bpf_program *program,
		       char message[PCAP_ERRBUF_SIZE])
{
	pcap_t *pcap = pcap_open_dead(link_type, 65535);
	int err = 0;

	if (!pcap)
		return -ENOMEM;
	if (pcap_compile(pcap, program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(message, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(pcap));
		err = -EINVAL;
	}
	pcap_close(pcap);
	return err;
}

/*
 * libpcap takes `inbound` and `ifindex` for a question to the capturing socket, asked by a load
 * from a place no packet has (SKF_AD_OFF). Here it would quietly never match.
 */
static int refuse_socket_words(const struct filter *f, const char *expression, struct error *error)
{
	for (unsigned int i = 0; i < f->program.bf_len; i++) {
		const struct bpf_insn *insn = &f->program.bf_insns[i];

		if (BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS &&
		    (int32_t)insn->k < 0)
			return filter_explain(expression, DLT_RAW,
					      "inbound, outbound and ifindex do not work here",
					      error);
	}
	return 0;
}

/*
 * Raw IP first, Ethernet where that fails: `ether host`, `vlan`, `broadcast` and what else
 * speaks of a link header. What can never match an IP packet is an error, not a reason to look
 * for other packets.
 */
static int compile(struct filter *f, const char *expression, struct error *error)
{
	char message[PCAP_ERRBUF_SIZE] = "";
	int link_type = DLT_EN10MB, err = -EINVAL;

	if (!speaks_of_link(expression)) {
		link_type = DLT_RAW;
		err = compile_for(link_type, expression, &f->program, message);
	}
	if (link_type == DLT_RAW && err == -EINVAL && !strstr(message, "rejects all"))
		link_type = DLT_EN10MB;
	if (link_type == DLT_EN10MB) {
		err = compile_for(link_type, expression, &f->program, message);
		f->ether = !err;
	}
	return err == -EINVAL ? filter_explain(expression, link_type, message, error) : err;
}

int filter_compile(const char *expression, struct filter **out, struct error *error)
{
	struct filter *f = calloc(1, sizeof(*f));
	int err;

	error->code = 0;
	if (!f)
		return error_set(error, -ENOMEM, "filter: out of memory");
	err = compile(f, expression, error);
	if (!err)
		err = refuse_socket_words(f, expression, error);
	if (!err && f->program.bf_len > CLASSIC_MAX)
		err = error_set(error, -EINVAL,
				"filter: the expression is too long: %u instructions of classic "
				"BPF, at most %d",
				f->program.bf_len, CLASSIC_MAX);
	if (!err)
		err = filter_translate((const struct sock_filter *)f->program.bf_insns,
				       f->program.bf_len, &f->body, &f->body_count);
	if (!err)
		err = filter_translate_direct((const struct sock_filter *)f->program.bf_insns,
					      f->program.bf_len, &f->direct, &f->direct_count);
	if (err) {
		filter_free(f);
		if (error->code)
			return err;
		return error_set(error, err, "filter: %s",
				 err == -ENOMEM ? "out of memory"
						: "the expression is too long for the kernel");
	}
	*out = f;
	return 0;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	pcap_freecode(&filter->program);
	free(filter->body);
	free(filter->direct);
	free(filter);
}

bool filter_is_ether(const struct filter *filter)
{
	return filter->ether;
}

#define REACH_UNKNOWN 255u
#define X_MAX_HEADER 60u /* ldxb 4*([k]&0xf) */

/* The largest X of an indirect load; REACH_UNKNOWN when it is computed. */
static unsigned int x_max(const struct bpf_program *program)
{
	unsigned int max = 0;

	for (unsigned int i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];
		bool loads = BPF_CLASS(insn->code) == BPF_LDX;

		if (insn->code == (BPF_MISC | BPF_TAX) ||
		    (loads && BPF_MODE(insn->code) != BPF_IMM && BPF_MODE(insn->code) != BPF_MSH))
			return REACH_UNKNOWN;
		if (loads && BPF_MODE(insn->code) == BPF_MSH && max < X_MAX_HEADER)
			max = X_MAX_HEADER;
		if (loads && BPF_MODE(insn->code) == BPF_IMM && max < insn->k)
			max = insn->k;
	}
	return max;
}

unsigned int filter_reach(const struct filter *filter)
{
	const struct bpf_program *program = &filter->program;
	unsigned int x = x_max(program), reach = 0;

	for (unsigned int i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];
		unsigned int class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);
		unsigned int size = BPF_SIZE(insn->code) == BPF_W   ? 4
				    : BPF_SIZE(insn->code) == BPF_H ? 2
								    : 1;
		unsigned long end = (unsigned long)insn->k + size;

		if (class != BPF_LD && class != BPF_LDX)
			continue;
		if (mode == BPF_IND)
			end += x;
		else if (mode != BPF_ABS && mode != BPF_MSH)
			continue;
		if (end >= REACH_UNKNOWN || (mode == BPF_IND && x == REACH_UNKNOWN))
			return REACH_UNKNOWN;
		if (end > reach)
			reach = end;
	}
	return reach;
}

const struct sock_filter *filter_program(const struct filter *filter, size_t *count)
{
	*count = filter->program.bf_len;
	return (const struct sock_filter *)filter->program.bf_insns;
}

const struct bpf_insn *filter_body(const struct filter *filter, size_t *count)
{
	*count = filter->body_count;
	return filter->body;
}

const struct bpf_insn *filter_direct_body(const struct filter *filter, size_t *count)
{
	*count = filter->direct_count;
	return filter->direct;
}

bool filter_asks_len(const struct filter *filter)
{
	for (unsigned int i = 0; i < filter->program.bf_len; i++) {
		unsigned int code = filter->program.bf_insns[i].code;
		bool loads = BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_LDX;

		if (loads && BPF_MODE(code) == BPF_LEN)
			return true;
	}
	return false;
}

#define ETHER_HEADER 14
#define ETHER_ADDRESSES 12
#define VLAN_TAG 4
#define HOP_LIMIT_AT 7 /* of an IPv6 header */
#define TTL_AT 8 /* of an IPv4 header */

static bool is_hop_limit(unsigned int at)
{
	return at == HOP_LIMIT_AT || at == TTL_AT;
}

bool filter_fades(const struct filter *filter)
{
	for (unsigned int i = 0; i < filter->program.bf_len; i++) {
		const struct bpf_insn *insn = &filter->program.bf_insns[i];
		unsigned int at = insn->k;

		if (BPF_CLASS(insn->code) != BPF_LD || BPF_MODE(insn->code) != BPF_ABS)
			continue;
		if (filter->ether && at < ETHER_ADDRESSES)
			return true;
		if (filter->ether)
			at -= ETHER_HEADER;
		if (BPF_SIZE(insn->code) == BPF_B &&
		    (is_hop_limit(at) || (filter->ether && is_hop_limit(at - VLAN_TAG))))
			return true;
	}
	return false;
}
