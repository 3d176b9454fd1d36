# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="the pod's MTU is too large for VXLAN and the node's ICMP errors are filtered"

inject() {
	node1 ip link set "$(veth_of busybox)" mtu 1500
	in_netns busybox ip link set eth0 mtu 1500
	in_netns busybox ip route flush cache
	rule node1 -I OUTPUT 1 -p icmp --icmp-type fragmentation-needed -j DROP
}

heal() {
	services_apply node1
	pod_repair busybox
}

traffic() {
	TRAFFIC=(sh -c "ip route flush cache; ping -c 2 -i 0.2 -W 1 -s 56 $(address_of web2) && ping -c 3 -i 0.2 -W 1 -s 1472 $(address_of web2)")
}
