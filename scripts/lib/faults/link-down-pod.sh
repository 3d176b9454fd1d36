# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=link-down
FAULT_CLASS=unreachable
FAULT_TEXT="eth0 inside the other pod is down"

inject() {
	in_netns web ip link set eth0 down
}

heal() {
	pod_repair web
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
