# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=pod-config
FAULT_CLASS=unreachable
FAULT_TEXT="the pod's default route names a gateway that is not the node"

inject() {
	in_netns busybox ip route replace default via 10.244.1.77 dev eth0
}

heal() {
	pod_repair busybox
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
