# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a rule in the node's INPUT drops what pods send to the node's own address"
EXPECT='{"chain":"INPUT","table":"filter"}'

inject() {
	rule node1 -I INPUT 1 -s "$(address_of busybox)" -p icmp -j DROP
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 192.168.1.11)
}
