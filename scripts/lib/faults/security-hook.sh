# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=security-hook
FAULT_CLASS=unreachable
FAULT_TEXT="a security module (a BPF LSM program) refuses what a socket should receive"
REMEDY=operator
REMEDY_WHY="the policy is the security module's"

# shellcheck source=scripts/lib/guard.sh
. "$FAULTS_DIR/../guard.sh"

EXPECT='{"hook":"socket_sock_rcv_skb","port":9999}'

# The program is asked about every socket of the machine.
possible() {
	grep -qsw bpf /sys/kernel/security/lsm || { echo "the kernel runs no BPF LSM" && return; }
	needs_own_kernel | grep . || guard_possible
}

# bpftool 7.1 and older load such a program and do not attach it. GUARD_HOLD PIN: attaches it until it is ended, by
# BPF_OBJ_GET and BPF_RAW_TRACEPOINT_OPEN (linux/bpf.h).
# shellcheck disable=SC2016
GUARD_HOLD='my ($name, $call) = ("$ARGV[0]\0", (POSIX::uname())[4] eq "aarch64" ? 280 : 321);
	my $attr = pack("PLL", $name, 0, 0);
	my $program = syscall($call, 7, $attr, length $attr);
	die "no program: $!" if $program < 0;
	$attr = pack("QLL", 0, $program, 0);
	die "not attached: $!" if syscall($call, 17, $attr, length $attr) < 0;
	$| = 1; print "attached\n"; sleep 1 while 1'

inject() {
	guard_lsm_compile
	bpftool prog load "$LAB_DIR/guard.o" "/sys/fs/bpf/$LAB_PREFIX-guard"
	process_start guard node1 perl -MPOSIX -e "$GUARD_HOLD" "/sys/fs/bpf/$LAB_PREFIX-guard"
	wait_until 1500 grep -qs attached "$LAB_DIR/log/guard" || process_failed guard
}

heal() {
	process_stop guard
	rm -f "/sys/fs/bpf/$LAB_PREFIX-guard" "$LAB_DIR/log/guard"
}

traffic() {
	TRAFFIC=(perl -MIO::Socket::INET -e "$UDP_ECHO_CLIENT" "$(address_of web)" 3)
}
