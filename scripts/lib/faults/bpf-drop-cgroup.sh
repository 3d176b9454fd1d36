# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=bpf-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a BPF program of the pod's cgroup lets no ICMP out"
EXPECT='{"program":"guard_icmp","kind":"cgroup"}'
REMEDY=operator
REMEDY_WHY="the policy is that of whoever attached the program"

# shellcheck source=scripts/lib/guard.sh
. "$FAULTS_DIR/../guard.sh"

# A mount of the node's own, where cnitrace looks for it and "ip netns exec", which mounts /sys anew, leaves it.
guard_top() { echo "$LAB_DIR/node1/sys/fs/cgroup"; }

possible() {
	grep -qw cgroup2 /proc/filesystems || { echo "no cgroup hierarchy of version 2" && return; }
	guard_possible
}

inject() {
	local top

	top=$(guard_top)
	guard_cgroup_compile
	findmnt -n /sys/fs/bpf >/dev/null || mount -t bpf bpf /sys/fs/bpf
	mkdir -p "$top"
	mount -t cgroup2 cgroup2 "$top"
	mkdir "$top/$LAB_PREFIX-guard"
	process_start guarded busybox sleep 3600
	echo "$(process_pid guarded)" >"$top/$LAB_PREFIX-guard/cgroup.procs"
	bpftool prog load "$LAB_DIR/guard.o" "/sys/fs/bpf/$LAB_PREFIX-guard"
	bpftool cgroup attach "$top/$LAB_PREFIX-guard" egress pinned "/sys/fs/bpf/$LAB_PREFIX-guard"
}

heal() {
	local top

	top=$(guard_top)
	process_stop guarded
	rm -f "/sys/fs/bpf/$LAB_PREFIX-guard"
	[[ ! -d $top/$LAB_PREFIX-guard ]] || wait_until 600 rmdir "$top/$LAB_PREFIX-guard"
	! findmnt -n "$top" >/dev/null || umount "$top"
}

traffic() {
	TRAFFIC=(sh -c "echo 0 >$(guard_top)/$LAB_PREFIX-guard/cgroup.procs; exec ping -c 3 -i 0.2 -W 1 $(address_of web)")
}
