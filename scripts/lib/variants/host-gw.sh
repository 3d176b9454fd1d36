# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# flannel's host-gw back end: the route to another node's pods leads by that node itself, nothing
# is encapsulated, and pods have the MTU of the NIC.

VARIANT_TEXT="flannel host-gw: routes by the other node, no tunnel"
VARIANT_FAULTS="netfilter-drop port-closed service-endpoint-dead-remote masquerade-missing no-route forward-policy-drop netfilter-drop-nft pod-to-node-drop
	node-to-pod-drop server-netfilter-drop server-netfilter-drop-nft server-nodeport-drop server-ip-forward server-route-missing
	server-no-route server-mtu-blackhole server-port-closed"
LAB_MTU=1500 LAB_TUNNEL=

overlay_make() {
	local n
	for n in 1 2; do
		in_netns "node$n" ip route replace default via 192.168.1.1 dev eth0
		in_netns "node$n" ip route replace "10.244.$((3 - n)).0/24" via "192.168.1.1$((3 - n))" dev eth0
	done
}

variant_heal() {
	node1 ip link set eth0 mtu 1500 up
	node2 ip link set eth0 mtu 1500 up
	overlay_make
	services_apply node1
	services_apply node2
	node1 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.rp_filter=2
	node2 sysctl -qw net.ipv4.ip_forward=1
}

variant_fault_route_missing() {
	FAULT_ID=overlay-route-missing FAULT_CLASS=unreachable
	FAULT_TEXT="the route to the other node's pods is gone" EXPECT='{"subnet":"10.244.2.0/24"}'
	inject() { node1 ip route delete 10.244.2.0/24; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_route_blackhole() {
	FAULT_ID=no-route FAULT_CLASS=unreachable
	FAULT_TEXT="a blackhole route covers the other node's pods"
	inject() { node1 ip route replace blackhole 10.244.2.0/24; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_ip_forward() {
	FAULT_ID=ip-forward-disabled FAULT_CLASS=unreachable
	FAULT_TEXT="net.ipv4.ip_forward is 0" EXPECT='{"sysctl":"net.ipv4.ip_forward"}'
	inject() { node1 sysctl -qw net.ipv4.ip_forward=0; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_neighbour() {
	FAULT_ID=neighbour-failed FAULT_CLASS=unreachable EXPECT='{"address":"192.168.1.77","device":"eth0"}'
	FAULT_TEXT="the route to the other node's pods names a node that is gone"
	inject() { node1 ip route replace 10.244.2.0/24 via 192.168.1.77 dev eth0; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_server_neighbour() {
	variant_fault_neighbour
	FAULT_TEXT="the same, seen from the pod that serves: its answers go to the node that is gone"
	FAULT_POD=busybox2 FAULT_SERVER=web
	traffic() { TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)"); }
}

variant_fault_mtu_exceeded() {
	FAULT_ID=mtu-exceeded FAULT_CLASS=mtu EXPECT='{"mtu":1400}'
	FAULT_TEXT="the NIC's MTU is smaller than the pods'"
	inject() { node1 ip link set eth0 mtu 1400; }
	traffic() { TRAFFIC=(sh -c "ip route flush cache; ping -c 1 -W 1 -M do -s 1472 $(address_of web2)"); }
	heal() {
		variant_heal
		in_netns busybox ip route flush cache
	}
}

variant_fault_remote_drop() {
	FAULT_ID=no-reply FAULT_CLASS=path
	FAULT_TEXT="the other node's firewall drops what comes for its pods"
	inject() { rule node2 -I FORWARD 1 -i eth0 -d "$(address_of web2)" -j DROP; }
	traffic() { ping_to "$(address_of web2)"; }
}
