# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="an iptables rule in the sending pod's own namespace drops"
EXPECT='{"chain":"OUTPUT","table":"filter"}'

inject() {
	in_netns busybox iptables-nft -w -A OUTPUT -d "$(address_of web2)" -j DROP
}

heal() {
	undo in_netns busybox iptables-nft -w -D OUTPUT -d "$(address_of web2)" -j DROP
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
