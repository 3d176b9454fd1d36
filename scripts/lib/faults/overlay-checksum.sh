# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-checksum
FAULT_CLASS=cni
FAULT_TEXT="the other node's NIC writes wrong outer UDP checksums"
REMEDY=operator
REMEDY_WHY="the NIC is the other node's"

inject() {
	underlay sysctl -qw net.bridge.bridge-nf-call-iptables=1
	node2 ethtool -K eth0 tx off >/dev/null
	underlay nft -f - <<-END
		table ip broken {
			chain nic {
				type filter hook forward priority filter; policy accept;
				ip saddr 192.168.1.12 udp dport 8472 udp checksum set 0x1234
			}
		}
	END
}

heal() {
	undo underlay nft delete table ip broken
	node2 ethtool -K eth0 tx on >/dev/null
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
