# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=ip-conflict
FAULT_CLASS=unreachable
FAULT_TEXT="two pods of the node hold one address"
REMEDY=cluster
FAULT_SILENT=yes

inject() {
	in_netns local ip address add "$(address_of web)/24" dev eth0
	in_netns busybox ip neighbour flush dev eth0
}

heal() {
	undo in_netns local ip address delete "$(address_of web)/24" dev eth0
	in_netns busybox ip neighbour flush dev eth0
}

traffic() {
	# Either owner may win the race for the ARP entry, so the traffic alone proves nothing.
	TRAFFIC=(sh -c "ip neighbour flush dev eth0; ping -c 3 -i 0.2 -W 1 $(address_of web)")
}
