# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-mismatch
FAULT_CLASS=mtu
FAULT_TEXT="a pod's MTU does not fit the tunnel; nothing is lost yet"
FAULT_COMMAND=check
FAULT_SILENT=yes

inject() {
	node1 ip link set "$(veth_of busybox)" mtu 1500
	in_netns busybox ip link set eth0 mtu 1500
}

heal() {
	pod_repair busybox
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
