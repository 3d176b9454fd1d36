# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=bpf-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a foreign XDP program inside the other pod drops ICMP"
EXPECT='{"program":"guard_icmp"}'

# shellcheck source=scripts/lib/guard.sh
. "$FAULTS_DIR/../guard.sh"

inject() {
	guard_compile 1 xdp ctx_xdp 2
	in_netns web ip link set dev eth0 xdpgeneric object "$LAB_DIR/guard.o" section xdp
}

heal() {
	undo in_netns web ip link set dev eth0 xdpgeneric off
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
