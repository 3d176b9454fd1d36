# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="an iptables rule in the receiving pod's own namespace drops"
EXPECT='{"chain":"INPUT","table":"filter"}'

inject() {
	in_netns web iptables-nft -w -A INPUT -p icmp -j DROP
}

heal() {
	undo in_netns web iptables-nft -w -D INPUT -p icmp -j DROP
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
