# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=no-route
FAULT_CLASS=unreachable
FAULT_TEXT="a blackhole route swallows the destination"

inject() {
	node1 ip route add blackhole 203.0.113.0/24
}

heal() {
	undo node1 ip route delete blackhole 203.0.113.0/24
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
