# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a native nftables rule without a counter drops the pod's pings"

inject() {
	node1 nft -f - <<-END
		table ip guard {
			chain watch {
				type filter hook forward priority filter; policy accept;
				ip daddr $(address_of web2) icmp type echo-request drop
			}
		}
	END
}

heal() {
	undo node1 nft delete table ip guard
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
