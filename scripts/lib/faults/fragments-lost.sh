# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=fragments-lost
FAULT_CLASS=mtu
FAULT_TEXT="the node has no memory for fragments"

inject() {
	node1 sysctl -qw net.ipv4.ipfrag_low_thresh=0 net.ipv4.ipfrag_high_thresh=0
}

heal() {
	node1 sysctl -qw net.ipv4.ipfrag_high_thresh=4194304 net.ipv4.ipfrag_low_thresh=3145728
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 -s 3000 "$(address_of web2)")
}
