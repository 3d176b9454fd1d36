# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-route-missing
FAULT_CLASS=unreachable
FAULT_TEXT="the route to the other node's pods is gone"

inject() {
	node1 ip route delete 10.244.2.0/24
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
