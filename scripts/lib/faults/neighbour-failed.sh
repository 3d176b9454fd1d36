# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=neighbour-failed
FAULT_CLASS=unreachable
FAULT_TEXT="the other pod is gone: ARP for its address gets no answer"
REMEDY=operator
REMEDY_WHY="the pod is gone"

inject() {
	pod_detach web
}

heal() {
	# The same address again, as the Services still name it.
	[[ -n $(in_netns web ip -o link show dev eth0 2>/dev/null) ]] || LAB_CNI_IP=$(address_of web) pod_attach web
	# Its MAC address is another one now.
	in_netns busybox ip neighbour flush dev eth0
	undo node1 ip neighbour flush to "$(address_of web)"
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
