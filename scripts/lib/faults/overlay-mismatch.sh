# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-mismatch
FAULT_CLASS=cni
FAULT_TEXT="the other node's VXLAN has another VNI"
REMEDY=operator
REMEDY_WHY="the ConfigMap of the network plugin holds what must agree"

inject() {
	mac=$(mac_of node2 flannel.1)
	node2 ip link delete flannel.1
	node2 ip link add flannel.1 address "$mac" mtu 1450 type vxlan id 2 dstport 8472 local 192.168.1.12 dev eth0 nolearning
	node2 ip address add 10.244.2.0/32 dev flannel.1
	overlay_make
	# Only packets that come from there show which VNI that node uses.
	process_start ping-back web2 ping -q -i 0.2 "$(address_of busybox)"
}

heal() {
	process_stop ping-back
	undo node2 ip link delete flannel.1
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
