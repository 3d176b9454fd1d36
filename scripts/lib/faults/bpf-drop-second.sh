# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=bpf-drop
FAULT_CLASS=unreachable
FAULT_TEXT="of two foreign tc programs on the other pod's veth the second drops ICMP"
EXPECT='{"kind":"tc"}'

# shellcheck source=scripts/lib/guard.sh
. "$FAULTS_DIR/../guard.sh"

# The kernel knows the second's parameter, struct __sk_buff, and not the first's.
# What a direct-action program may not answer counts as "ask the next one" (net/sched/cls_bpf.c): here TC_ACT_PIPE.
inject() {
	node1 tc qdisc add dev "$(veth_of web)" clsact
	guard_compile 3 tc ctx_tc 3 watch_icmp
	node1 tc filter add dev "$(veth_of web)" egress pref 1 bpf direct-action object-file "$LAB_DIR/guard.o" section tc
	guard_compile 2 tc __sk_buff 0
	node1 tc filter add dev "$(veth_of web)" egress pref 2 bpf direct-action object-file "$LAB_DIR/guard.o" section tc
}

heal() {
	undo node1 tc qdisc delete dev "$(veth_of web)" clsact
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
