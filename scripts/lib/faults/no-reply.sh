# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=no-reply
FAULT_CLASS=path
FAULT_TEXT="a firewall outside the cluster drops"
REMEDY=operator
REMEDY_WHY="the firewall is outside the cluster"

inject() {
	underlay iptables-nft -w -I INPUT -d 203.0.113.10 -j DROP
}

heal() {
	undo underlay iptables-nft -w -D INPUT -d 203.0.113.10 -j DROP
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
