/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places where the user's packet filter goes. Each function below is a stub that matches
 * everything; before load, user/kernel/filter_splice.c finds it by the magic number in its
 * body and puts the translated expression there. An expression is compiled for one link type
 * only, so exactly one stub is replaced (none without a filter): a packet matches when
 * filter_match_ip() and filter_match_ether() both say so.
 *
 * The window is a map value into which the packet's first bytes were copied. Only the first
 * FILTER_WINDOW_USED bytes are ever filled; the rest is slack that lets the translated code
 * load from constant offsets without a check for the verifier.
 */
#ifndef CNITRACE_FILTER_BPF_H
#define CNITRACE_FILTER_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#define FILTER_WINDOW_USED 256
#define FILTER_WINDOW_SIZE 512
/* No header of ours starts later; the translated code masks `offset` with 255. */
#define FILTER_OFFSET_MAX 192

/* Known to user/kernel/filter_splice.c, which finds the stubs by them. */
#define FILTER_MAGIC_IP 0x636e6966696c7431ULL
#define FILTER_MAGIC_ETHER 0x636e6966696c7432ULL
#define FILTER_MAGIC_DIRECT 0x636e6966696c7433ULL

/* What filter_match_direct says, beside what a match returns. */
#define FILTER_MISS 0
#define FILTER_SHORT 1 /* it depends on bytes behind `end` */

struct filter_window {
	__u8 bytes[FILTER_WINDOW_SIZE];
};

/*
 * Hidden, not static: a static function's arguments may be dropped or reordered by the
 * compiler, while the spliced code relies on r1..r4. libbpf makes hidden functions static
 * for the verifier, so the caller's bounds on the window still hold inside.
 */
#define FILTER_STUB(name, magic)                                                                   \
	__hidden __attribute__((noinline)) __u32 name(struct filter_window *window, __u32 offset,  \
						      __u32 avail, __u32 wire_len)                 \
	{                                                                                          \
		__u64 marker = magic;                                                              \
		__u32 matched = 1;                                                                 \
                                                                                                   \
		asm volatile(""                                                                    \
			     : "+r"(matched)                                                       \
			     : "r"(marker), "r"(window), "r"(offset), "r"(avail), "r"(wire_len));  \
		return matched;                                                                    \
	}

/*
 * window: a map value of FILTER_WINDOW_SIZE bytes; offset: where the IP (or Ethernet) header starts in
 * it, at most FILTER_OFFSET_MAX; avail: bytes captured from there on, at most
 * FILTER_WINDOW_USED - offset; wire_len: the packet's length from that header on.
 * Not zero: it matches. Cost of a miss: a few nanoseconds; no helper calls, no memory but the window.
 */
FILTER_STUB(filter_match_ip, FILTER_MAGIC_IP)
FILTER_STUB(filter_match_ether, FILTER_MAGIC_ETHER)

/*
 * The same expression, whichever link type it is for, on the packet's own bytes from the header
 * on that it was compiled for: no copy is made. A miss costs some ten instructions.
 */
__hidden __attribute__((noinline)) __u32 filter_match_direct(const __u8 *packet, __u32 unused,
							     const __u8 *end, __u32 wire_len)
{
	__u64 marker = FILTER_MAGIC_DIRECT;
	__u32 matched = 2;

	asm volatile(""
		     : "+r"(matched)
		     : "r"(marker), "r"(packet), "r"(unused), "r"(end), "r"(wire_len));
	return matched;
}

#undef FILTER_STUB

#endif
