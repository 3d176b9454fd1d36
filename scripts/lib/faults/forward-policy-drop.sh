# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=forward-policy-drop
FAULT_CLASS=unreachable
FAULT_TEXT="FORWARD has policy DROP and nothing accepts pod traffic"
EXPECT='{"chain":"FORWARD"}'

inject() {
	rule node1 -P FORWARD DROP
	rule node1 -F FLANNEL-FWD
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
