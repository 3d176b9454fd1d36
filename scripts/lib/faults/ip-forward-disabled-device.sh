# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=ip-forward-disabled
FAULT_CLASS=unreachable
FAULT_TEXT="forwarding is 0 on cni0 alone"
EXPECT='{"sysctl":"net.ipv4.conf.cni0.forwarding"}'

inject() {
	node1 sysctl -qw net.ipv4.conf.cni0.forwarding=0
}

heal() {
	node1 sysctl -qw net.ipv4.conf.cni0.forwarding=1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
