# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=pod-config
FAULT_CLASS=unreachable
FAULT_TEXT="the pod's prefix is /16: it looks for pods of the other node on its own link"

inject() {
	in_netns busybox ip route delete 10.244.0.0/16
	in_netns busybox ip address add "$(address_of busybox)/16" dev eth0
	in_netns busybox ip address delete "$(address_of busybox)/24" dev eth0
}

heal() {
	undo in_netns busybox ip address add "$(address_of busybox)/24" dev eth0
	undo in_netns busybox ip address delete "$(address_of busybox)/16" dev eth0
	pod_repair busybox
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
