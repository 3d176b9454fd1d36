// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process of the traced namespace asks the kernel to send, and the kernel refuses: no
 * route, no free port, a packet over the path MTU. No packet ever exists, so no other
 * hook can see it.
 *
 * Hook: raw tracepoint sys_exit, only while one namespace is traced. Context: the
 * process. Cost: every system call of the machine pays for one run; all but the failed
 * sends of one namespace leave after a comparison.
 */
#include "kernel.h"

#include "emit.bpf.h"
#include "witness.bpf.h"

#include <bpf/bpf_core_read.h>

char _license[] SEC("license") = "GPL";

#define LOCAL_FRESH_NS 1000000000ull /* between what a call failed by and its end */

const volatile __u32 witness_active = 0;

#if defined(__TARGET_ARCH_x86)
#define SYS_SENDTO 44
#define SYS_CONNECT 42
#define SYS_SENDMSG 46
#define SYS_SENDMMSG 307
#define SYS_WRITE 1
#define SYSCALL_OF(regs) ((__u32)BPF_CORE_READ(regs, orig_ax))
#define ARG2(regs) BPF_CORE_READ(regs, si)
#define ARG5(regs) BPF_CORE_READ(regs, r8)
#elif defined(__TARGET_ARCH_arm64)
#define SYS_SENDTO 206
#define SYS_CONNECT 203
#define SYS_SENDMSG 211
#define SYS_SENDMMSG 269
#define SYS_WRITE 64
#define SYSCALL_OF(regs) ((__u32)BPF_CORE_READ(regs, syscallno))
#define ARG2(regs) BPF_CORE_READ(regs, regs[1])
#define ARG5(regs) BPF_CORE_READ(regs, regs[4])
#endif

/* uapi errno values that mean "not sent" rather than "try again" */
static __always_inline bool is_refusal(long ret)
{
	switch (ret) {
	case -1: /* EPERM: OUTPUT rule, cgroup program */
	case -13: /* EACCES: prohibit route */
	case -22: /* EINVAL: blackhole route */
	case -90: /* EMSGSIZE */
	case -99: /* EADDRNOTAVAIL: no free port, no source address */
	case -100: /* ENETDOWN */
	case -101: /* ENETUNREACH */
	case -105: /* ENOBUFS: the queue dropped it */
	case -113: /* EHOSTUNREACH */
		return true;
	}
	return false;
}

static __always_inline void address_read(struct packet *p, const void *user)
{
	struct {
		__u16 family;
		__u8 rest[26];
	} sa = {};

	if (!user || bpf_probe_read_user(&sa, 16, user))
		return;
	if (sa.family == 2) { /* AF_INET: port, address */
		p->ip_version = 4;
		p->dport = get16(sa.rest);
		copy4(p->dst, sa.rest + 2);
	} else if (sa.family == 10) { /* AF_INET6: port, flow info, address */
		if (bpf_probe_read_user(&sa, sizeof(sa), user))
			return;
		p->ip_version = 6;
		p->dport = get16(sa.rest);
		__builtin_memcpy(p->dst, sa.rest + 6, 16);
	}
}

/* Does it speak of this call, which failed with `ret`? */
static __always_inline bool hint_fits(const struct witness_hint *h, __s32 ret, __u64 now)
{
	__s32 said = h->info.ret ? h->info.ret : -(__s32)h->info.value[1];

	return h->word == WITNESS_TASK_WORD && said == ret && now - h->time_ns < LOCAL_FRESH_NS;
}

/* What a witness said of the system call that ends, whose task's stack is s->stack. */
__noinline int refuse_witness_tail(__u32 error)
{
	struct scratch *s = scratch_get();
	struct witness_hint_key key = {};
	struct witness_list *list;
	struct witness_hint *h;
	struct witness_info *info;

	if (!witness_active || !s)
		return 0;
	key.skb = witness_task(s->stack);
	for (__u32 i = 0; i < WITNESS_MAX; i++) {
		key.number = i;
		h = bpf_map_lookup_elem(&witness_hints, &key);
		if (!h || !hint_fits(h, error, s->now))
			continue;
		list = record_tail(s, TAIL_WITNESS, sizeof(*list) + sizeof(*info));
		if (!list)
			return 0;
		list->count = 1;
		list->pad = 0;
		info = (struct witness_info *)(list + 1);
		*info = h->info;
		bpf_map_delete_elem(&witness_hints, &key);
		return 1;
	}
	return 0;
}

static __always_inline int refuse(void *ctx, struct pt_regs *regs, long ret)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct hook_counters *count;
	struct refused_info *info;
	struct scratch *s;
	__u64 user = 0;
	__u32 nr, netns;

	if (!is_refusal(ret))
		return 0;
	nr = SYSCALL_OF(regs);
	if (nr != SYS_CONNECT && nr != SYS_SENDTO && nr != SYS_SENDMSG && nr != SYS_SENDMMSG &&
	    nr != SYS_WRITE)
		return 0;
	netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	if (netns != config.subject_netns)
		return 0;
	/* on any other descriptor a failed write has nothing to do with the network */
	if (nr == SYS_WRITE && ret != -90 && ret != -101 && ret != -113 && ret != -105)
		return 0;
	count = counters_get(COUNTER_REFUSED);
	s = scratch_get();
	if (!count || !s)
		return 0;
	count->seen++;
	s->skb = 0;
	s->stack = (__u64)ctx;
	s->now = bpf_ktime_get_ns();
	s->inner_l3 = s->quoted_l3 = s->payload_len = 0;
	__builtin_memset(&s->packets[OUTER], 0, sizeof(s->packets[OUTER]));
	if (nr == SYS_CONNECT)
		user = ARG2(regs);
	else if (nr == SYS_SENDTO)
		user = ARG5(regs);
	else if (nr == SYS_SENDMSG || nr == SYS_SENDMMSG)
		bpf_probe_read_user(&user, 8, (const void *)ARG2(regs)); /* msg_name comes first */
	address_read(&s->packets[OUTER], (const void *)user);
	record_begin(s, RECORD_REFUSED, netns, 0);
	info = record_tail(s, TAIL_REFUSED, sizeof(*info));
	if (!info) {
		count->lost++;
		return 0;
	}
	info->error = ret;
	info->pid = bpf_get_current_pid_tgid() >> 32;
	info->syscall = nr;
	info->pad = 0;
	bpf_get_current_comm(info->comm, sizeof(info->comm));
	refuse_witness_tail(ret);
	record_emit(s, count);
	return 0;
}

SEC("trace_raw/sys_exit")
int cnitrace_refuse(unsigned long long *ctx)
{
	return refuse(ctx, (struct pt_regs *)ctx[0], (long)ctx[1]);
}
