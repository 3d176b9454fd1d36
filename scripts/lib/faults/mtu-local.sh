# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-local
FAULT_CLASS=mtu
FAULT_TEXT="the sender's own kernel refuses the packet (EMSGSIZE)"
EXPECT='{"mtu":1400}'

inject() {
	in_netns busybox ip link set eth0 mtu 1400
}

heal() {
	pod_repair busybox
}

traffic() {
	TRAFFIC=(ping -M "do" -c 2 -i 0.2 -W 1 -s 1400 "$(address_of web2)")
}
