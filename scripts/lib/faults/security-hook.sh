# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=security-hook
FAULT_CLASS=unreachable
FAULT_TEXT="a security module (a BPF LSM program) refuses what a socket should receive"
REMEDY=operator
REMEDY_WHY="the policy is the security module's"

# shellcheck source=scripts/lib/guard.sh
. "$FAULTS_DIR/../guard.sh"

possible() {
	grep -qsw bpf /sys/kernel/security/lsm || { echo "the kernel runs no BPF LSM" && return; }
	[[ $(uname -r) =~ ^[1-5]\. || $(uname -r) =~ ^6\.([0-9]|1[0-3])\. ]] && echo "the kernel gives no reason for it before 6.14"
	guard_possible
}

inject() {
	guard_lsm_compile
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
	bpftool prog load "$LAB_DIR/guard.o" "/sys/fs/bpf/$LAB_PREFIX-guard" autoattach
}

heal() {
	rm -f "/sys/fs/bpf/$LAB_PREFIX-guard"
}

traffic() {
	TRAFFIC=(perl -MIO::Socket::INET -e "$UDP_ECHO_CLIENT" "$(address_of web)" 3)
}
