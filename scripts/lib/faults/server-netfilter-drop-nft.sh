# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a native nftables rule drops what is sent to the pod's port, seen from the serving pod"
FAULT_POD=$LAB_CLIENT FAULT_SERVER=web
EXPECT='{"chain":"watch","table":"guard"}'

inject() {
	node1 nft -f - <<-END
		table inet guard {
			chain watch {
				type filter hook forward priority filter; policy accept;
				ip daddr $(address_of web) tcp dport 80 counter drop comment "guard"
			}
		}
	END
}

heal() {
	undo node1 nft delete table inet guard
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
