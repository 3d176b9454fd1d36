# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="the host end of the pod's veth has a smaller MTU: a TCP connection opens and its data hangs"
EXPECT='{"mtu":1300}'

# Neither end knows of the small MTU, so the agreed MSS is too large. Segmentation offload would
# carry the data past the check, as a veth pair never cuts such packets: the sender has none.
inject() {
	in_netns web ethtool -K eth0 tso off gso off >/dev/null
	node1 ip link set "$(veth_of busybox)" mtu 1300
}

heal() {
	in_netns web ethtool -K eth0 tso on gso on >/dev/null
	pod_repair busybox
}

traffic() {
	TRAFFIC=(curl -sS --max-time 3 -o /dev/null "http://$(address_of web)/big")
}
