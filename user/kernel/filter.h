/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pcap-filter expressions, run inside our BPF programs: compiled by libpcap to classic BPF,
 * translated to eBPF, spliced into a program in place of the stubs of bpf/filter.bpf.h before
 * it is loaded. Nothing here attaches or loads; only filter_compile() may look up names (as
 * libpcap does for `host NAME`).
 */
#ifndef CNITRACE_KERNEL_FILTER_H
#define CNITRACE_KERNEL_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "packet/packet.h"

struct bpf_insn; /* <linux/bpf.h> */
struct bpf_prog_load_opts; /* <bpf/bpf.h> */
struct bpf_program; /* <bpf/libbpf.h> */
struct sock_filter; /* <linux/filter.h> */

struct filter;

/*
 * Compiles `expression`, for raw IP where that says what is meant, else for Ethernet. An
 * expression of blanks only matches everything. Returns 0 and a filter to be freed with
 * filter_free(), or a negative errno and a sentence in *error: -EINVAL for a bad expression,
 * with a second line that puts a caret under the offending word once the first line is
 * printed after "cnitrace: ".
 */
int filter_compile(const char *expression, struct filter **out, struct error *error);
void filter_free(struct filter *filter);

/* True: compiled for Ethernet (filter_match_ether is replaced), false: for IP. */
bool filter_is_ether(const struct filter *filter);

/* No byte beyond this many, counted from the header the filter starts at, is ever looked at; at most 255: unknown. */
unsigned int filter_reach(const struct filter *filter);

/* The classic program, as libpcap made it; lives as long as the filter. */
const struct sock_filter *filter_program(const struct filter *filter, size_t *count);

/* A packet that may be sent yet: TTL 64, no options, no fragment; its payload is zeros, MAC addresses are 0. */
struct filter_sample {
	struct tuple tuple; /* of an echo: sport its id */
	uint8_t tcp_flags, icmp_type;
	uint32_t payload_len;
};

/* Would the expression match it? */
bool filter_takes(const struct filter *filter, const struct filter_sample *sample);

/* Does it compare the packet's length? */
bool filter_asks_len(const struct filter *filter);

/* Does it ask for what a packet loses where it is routed: its MAC addresses, its hop limit or time to live? */
bool filter_fades(const struct filter *filter);

/* Its translations, function bodies in the sense of filter_translate() and filter_translate_direct(). */
const struct bpf_insn *filter_body(const struct filter *filter, size_t *count);
const struct bpf_insn *filter_direct_body(const struct filter *filter, size_t *count);

/*
 * Classic BPF to the body of an eBPF function with the arguments of filter_match_ip(): r1
 * window, r2 offset, r3 avail, r4 wire_len; it returns what the classic program returns, 0 where
 * a load lies outside `avail`. Pure. *ebpf is malloc'ed. -EINVAL: not a valid program (unknown
 * instruction, jump out of range, no return); -E2BIG: too long; -ENOMEM.
 */
int filter_translate(const struct sock_filter *classic, size_t count, struct bpf_insn **ebpf,
		     size_t *ebpf_count);

/*
 * The same to the body of filter_match_direct(): r1 the packet's header, r3 its end, r4 wire_len.
 * It returns 1 where it depends on bytes behind the end; libpcap's programs return 0 or more than that.
 * The verifier takes it while no load lies further than filter_reach() 64.
 */
int filter_translate_direct(const struct sock_filter *classic, size_t count, struct bpf_insn **ebpf,
			    size_t *ebpf_count);

/*
 * A copy of a fully relocated program (main program and its functions in one array, as libbpf
 * hands to the kernel) with the body of each matching stub replaced and every call, callback
 * address and jump that crosses it adjusted. Pure. *out is malloc'ed. -EINVAL: the program's
 * calls point outside of it.
 */
int filter_splice(const struct bpf_insn *insns, size_t count, const struct filter *filter,
		  struct bpf_insn **out, size_t *out_count);

/*
 * To be called from a libbpf prog_prepare_load_fn: splices `filter` (NULL: nothing to do) into
 * the program, and moves the function and line information in *opts (which is libbpf's own
 * copy for this program) along with the instructions.
 */
int filter_prepare_load(struct bpf_program *prog, struct bpf_prog_load_opts *opts,
			const struct filter *filter);

#endif
