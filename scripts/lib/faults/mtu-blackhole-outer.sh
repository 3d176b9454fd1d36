# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="the tunnel forbids to fragment what it sends, and the node's uplink takes less than it makes"
REMEDY=operator
REMEDY_WHY="the other node's tunnel must be made smaller as well: its answers are as large"
EXPECT='{"need_mtu":1350}'

# The kernel answers the tunnel, not the pod: net/ipv4/ip_output.c, ip_fragment().
inject() {
	node1 ip link set flannel.1 type vxlan df set
	node1 ip link set eth0 mtu 1400
}

heal() {
	node1 ip link set eth0 mtu 1500
	node1 ip link set flannel.1 type vxlan df unset
	pod_repair busybox
}

traffic() {
	TRAFFIC=(sh -c "ping -c 2 -i 0.2 -W 1 -s 56 $(address_of web2) && ping -c 3 -i 0.2 -W 1 -s 1372 $(address_of web2)")
}
