# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="the host end of the other pod's veth has a smaller MTU: the bridge drops silently"
EXPECT='{"mtu":1400}'

inject() {
	node1 ip link set "$(veth_of web)" mtu 1400
}

heal() {
	pod_repair web
}

traffic() {
	TRAFFIC=(sh -c "ping -c 2 -i 0.2 -W 1 -s 56 $(address_of web) && ping -c 3 -i 0.2 -W 1 -s 1400 $(address_of web)")
}
