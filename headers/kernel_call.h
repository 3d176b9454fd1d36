/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A function of the kernel that a program calls (kfunc) and the type it names are ids of the running kernel's BTF. libbpf
 * would read all of that again to find them; so the program has numbers of ours in their place, and the loader,
 * which knows the ids, puts them there (user/kernel/load.c).
 */
#ifndef CNITRACE_KERNEL_CALL_H
#define CNITRACE_KERNEL_CALL_H

/* void *bpf_rdonly_cast(const void *object, __u32 btf_id), since 6.2: the immediate of a call instruction. */
#define CALL_RDONLY_CAST 0x63617374
/* struct ipv6hdr, as `btf_id`: the immediate of a move. */
#define TYPE_IPV6HDR 0x69703668

#endif
