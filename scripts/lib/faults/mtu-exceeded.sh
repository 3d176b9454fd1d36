# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-exceeded
FAULT_CLASS=mtu
FAULT_TEXT="the pod's MTU is 1500, too large for VXLAN"
EXPECT='{"mtu":1450}'

inject() {
	node1 ip link set "$(veth_of busybox)" mtu 1500
	in_netns busybox ip link set eth0 mtu 1500
	in_netns busybox ip route flush cache
}

heal() {
	pod_repair busybox
}

traffic() {
	# Once the ICMP error came, the sender fragments: only the first packet is lost.
	TRAFFIC=(sh -c "ip route flush cache; ping -c 1 -W 1 -s 1472 $(address_of web2)")
}
