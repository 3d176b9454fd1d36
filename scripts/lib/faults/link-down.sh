# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=link-down
FAULT_CLASS=unreachable
FAULT_TEXT="the host's end of the other pod's veth is down"

inject() {
	node1 ip link set "$(veth_of web)" down
}

heal() {
	pod_repair web
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
