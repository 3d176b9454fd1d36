# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=neighbour-failed
FAULT_CLASS=unreachable
FAULT_TEXT="the other node is off: ARP for its address gets no answer"
REMEDY=operator
REMEDY_WHY="the other node is off"

inject() {
	underlay ip link set port2 down
	node1 ip neighbour flush dev eth0
}

heal() {
	underlay ip link set port2 up
	wait_until 1000 port_forwards underlay port2
	node1 ip neighbour flush dev eth0
	node2 ip neighbour flush dev eth0
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
