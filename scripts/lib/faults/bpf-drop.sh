# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=bpf-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a foreign tc program on the other pod's veth drops ICMP"
EXPECT='{"program":"guard_icmp"}'

# shellcheck source=scripts/lib/guard.sh
. "$FAULTS_DIR/../guard.sh"

inject() {
	guard_compile 2 tc __sk_buff 0
	node1 tc qdisc add dev "$(veth_of web)" clsact
	node1 tc filter add dev "$(veth_of web)" egress bpf direct-action object-file "$LAB_DIR/guard.o" section tc
}

heal() {
	undo node1 tc qdisc delete dev "$(veth_of web)" clsact
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
