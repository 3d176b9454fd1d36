# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=no-route
FAULT_CLASS=unreachable
FAULT_TEXT="a policy routing rule refuses the destination"

inject() {
	node1 ip rule add priority 100 to 203.0.113.0/24 prohibit
}

heal() {
	undo node1 ip rule delete priority 100
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
