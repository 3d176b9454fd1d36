# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-peer-missing
FAULT_CLASS=cni
FAULT_TEXT="no neighbour entry for the other node's VTEP"

inject() {
	node1 ip neighbour delete 10.244.2.0 dev flannel.1
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
