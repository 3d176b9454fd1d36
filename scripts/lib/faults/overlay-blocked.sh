# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-blocked
FAULT_CLASS=cni
FAULT_TEXT="a firewall between the nodes drops UDP 8472"
REMEDY=operator
REMEDY_WHY="the firewall is between the nodes"
EXPECT='{"port":8472}'

inject() {
	underlay sysctl -qw net.bridge.bridge-nf-call-iptables=1
	underlay iptables-nft -w -I FORWARD -p udp --dport 8472 -j DROP
}

heal() {
	undo underlay iptables-nft -w -D FORWARD -p udp --dport 8472 -j DROP
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
