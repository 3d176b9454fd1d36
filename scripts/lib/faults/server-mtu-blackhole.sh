# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="large answers of the serving pod do not fit the way out, and the node's ICMP errors are filtered: the page hangs"
FAULT_POD=$LAB_CLIENT FAULT_SERVER=web
EXPECT='{"mtu":1300}'

inject() {
	node1 ip link set "${LAB_TUNNEL:-eth0}" mtu 1300
	too_big_unheard node1
}

heal() {
	node1 ip link set eth0 mtu 1500
	[[ -z $LAB_TUNNEL ]] || node1 ip link set "$LAB_TUNNEL" mtu "$LAB_MTU"
	# what the remedy made smaller
	undo node1 ip link set "$LAB_BRIDGE" mtu "$LAB_MTU"
	pod_repair web
	overlay_make
	services_apply node1
	route_of web flush cache
}

traffic() {
	TRAFFIC=(curl -sS --max-time 3 -o /dev/null "$(web_url)big")
}
