# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=ttl-exceeded
FAULT_CLASS=unreachable
FAULT_TEXT="a stale host route on the other node sends the packets back: a loop"
REMEDY=operator
REMEDY_WHY="the wrong route is the other node's"

inject() {
	node2 ip route add "$(address_of web2)/32" via 10.244.1.0 dev flannel.1 onlink
}

heal() {
	undo node2 ip route delete "$(address_of web2)/32" via 10.244.1.0 dev flannel.1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
