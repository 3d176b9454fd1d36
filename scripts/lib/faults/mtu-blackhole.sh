# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="the other pod's eth0 has a smaller MTU than its host end: silent loss"
EXPECT='{"mtu":1400}'

inject() {
	in_netns web ip link set eth0 mtu 1400
}

heal() {
	pod_repair web
}

traffic() {
	TRAFFIC=(sh -c "ping -c 2 -i 0.2 -W 1 -s 56 $(address_of web) && ping -c 3 -i 0.2 -W 1 -s 1400 $(address_of web)")
}
