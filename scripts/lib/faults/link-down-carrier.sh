# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=link-down
FAULT_CLASS=unreachable
FAULT_TEXT="the node's eth0 lost its carrier"
REMEDY=operator
REMEDY_WHY="the cable, or the switch's port, is not this node's"
EXPECT='{"device":"eth0"}'

inject() {
	underlay ip link set port1 down
}

heal() {
	underlay ip link set port1 up
	wait_until 1000 port_forwards underlay port1
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
