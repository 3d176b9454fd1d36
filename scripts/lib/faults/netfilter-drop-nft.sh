# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a native nftables rule drops the pod's pings"
EXPECT='{"chain":"watch","table":"guard"}'

inject() {
	node1 nft -f - <<-END
		table inet guard {
			chain watch {
				type filter hook forward priority filter; policy accept;
				ip saddr $(address_of busybox) icmp type echo-request counter drop comment "guard"
			}
		}
	END
}

heal() {
	undo node1 nft delete table inet guard
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(far)")
}
