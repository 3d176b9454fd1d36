# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=neighbour-failed
FAULT_CLASS=unreachable
FAULT_TEXT="the node's default gateway is an address nobody has"
REMEDY=operator
REMEDY_WHY="only the operator knows the network's router"

inject() {
	node1 ip route replace default via 192.168.1.77 dev eth0
}

heal() {
	node1 ip route replace default via 192.168.1.1 dev eth0
	undo node1 ip neighbour delete 192.168.1.77 dev eth0
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
