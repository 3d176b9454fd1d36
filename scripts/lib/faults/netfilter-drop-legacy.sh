# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="the same rule, written by iptables-legacy"
EXPECT='{"chain":"FORWARD","table":"filter"}'

inject() {
	node1 iptables-legacy -w -I FORWARD 1 -s "$(address_of busybox)" -p icmp -j DROP
}

heal() {
	undo node1 iptables-legacy -w -D FORWARD -s "$(address_of busybox)" -p icmp -j DROP
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(far)")
}
