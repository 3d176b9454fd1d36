# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="an iptables rule in FORWARD drops the pod's pings"
EXPECT='{"chain":"FORWARD","table":"filter"}'

inject() {
	rule node1 -I FORWARD 1 -s "$(address_of busybox)" -p icmp -m comment --comment "maintenance window" -j DROP
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
