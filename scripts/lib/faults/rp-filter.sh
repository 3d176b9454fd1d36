# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=rp-filter
FAULT_CLASS=unreachable
FAULT_TEXT="replies come in by flannel.1 while the route back is by eth0, and rp_filter is strict"
EXPECT='{"device":"flannel.1"}'

inject() {
	node1 ip route replace 10.244.2.0/24 via 192.168.1.12 dev eth0
	node1 sysctl -qw net/ipv4/conf/flannel.1/rp_filter=1
}

heal() {
	node1 sysctl -qw net/ipv4/conf/flannel.1/rp_filter=2
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
