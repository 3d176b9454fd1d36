# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=neighbour-failed
FAULT_CLASS=unreachable
FAULT_TEXT="the node has another MAC address for the pod than the pod's: answers reach it and are passed over"
EXPECT='{"state":"permanent","namespace":"node","mac":"02:00:00:00:00:99"}'

inject() {
	node1 ip neigh replace "$(address_of busybox)" lladdr 02:00:00:00:00:99 dev cni0 nud permanent
}

heal() {
	undo node1 ip neigh del "$(address_of busybox)" dev cni0
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
