# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-down
FAULT_CLASS=cni
FAULT_TEXT="flannel.1 is down on this node"
REMEDY=cluster
EXPECT='{"device":"flannel.1"}'

inject() {
	node1 ip link set flannel.1 down
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
