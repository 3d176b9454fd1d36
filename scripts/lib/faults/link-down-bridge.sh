# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=link-down
FAULT_CLASS=unreachable
FAULT_TEXT="cni0 is down"
EXPECT='{"device":"cni0"}'

inject() {
	node1 ip link set cni0 down
}

heal() {
	node1 ip link set cni0 up
	pod_repair busybox
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
