# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=neighbour-failed
FAULT_CLASS=unreachable
FAULT_TEXT="the pod has a MAC address for its gateway that the bridge had before it was made anew"
EXPECT='{"state":"permanent","namespace":"default/busybox","mac":"02:00:00:00:00:99","device":"eth0"}'

inject() {
	in_netns busybox ip neigh replace 10.244.1.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
}

heal() {
	undo in_netns busybox ip neigh del 10.244.1.1 dev eth0
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
