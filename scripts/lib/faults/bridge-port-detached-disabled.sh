# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=bridge-port-detached
FAULT_CLASS=unreachable
FAULT_TEXT="the other pod's port of cni0 is in state disabled"
EXPECT='{"bridge":"cni0"}'

inject() {
	node1 bridge link set dev "$(veth_of web)" state disabled
}

heal() {
	node1 bridge link set dev "$(veth_of web)" state forwarding
	pod_repair web
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
