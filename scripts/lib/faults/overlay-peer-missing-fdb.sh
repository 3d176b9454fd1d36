# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-peer-missing
FAULT_CLASS=cni
FAULT_TEXT="no FDB entry for the other node's VTEP"
REMEDY=cluster

inject() {
	node1 bridge fdb delete "$(mac_of node2 flannel.1)" dev flannel.1 self
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
