# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="an iptables rule in table raw drops"
EXPECT='{"chain":"PREROUTING","table":"raw"}'

inject() {
	rule node1 -t raw -I PREROUTING 1 -s "$(address_of busybox)" -d "$(address_of web2)" -j DROP
}

heal() {
	undo rule node1 -t raw -D PREROUTING -s "$(address_of busybox)" -d "$(address_of web2)" -j DROP
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
