# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=link-down
FAULT_CLASS=unreachable
FAULT_TEXT="the node's eth0 is down"
EXPECT='{"device":"eth0"}'

inject() {
	node1 ip link set eth0 down
}

heal() {
	node1 ip link set eth0 up
	wait_until 1000 port_forwards underlay port1
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
