# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=no-route
FAULT_CLASS=unreachable
FAULT_TEXT="the node has no route to the destination"
REMEDY=operator
REMEDY_WHY="only the operator knows the network's router"

inject() {
	undo node1 ip route delete default
}

heal() {
	node1 ip route replace default via 192.168.1.1 dev eth0
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
