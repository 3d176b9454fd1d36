# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# Calico over IPIP: other nodes' blocks are reached over tunl0. Needs a kernel with ipip. Pods and
# policies as in calico.

# shellcheck source=scripts/lib/variants/calico.sh
. "$VARIANTS_DIR/calico.sh"
VARIANT_TEXT="Calico with IPIP: other nodes over tunl0 (kernels with ipip)"
VARIANT_FAULTS="netfilter-drop port-closed server-netfilter-drop server-route-missing server-overlay-down server-mtu-blackhole
	server-port-closed"
LAB_MTU=1480 CALICO_WAY=ipip CALICO_DEVICE=tunl0 LAB_TUNNEL=tunl0
unset -f variant_fault_{server_policy,mtu_blackhole,link_down,pod_config,pod_route_missing,policy_ingress,proxy_arp_off,service_endpoint_dead} \
	variant_fault_{overlay_down,remote_overlay_down,fdb_missing,mtu_exceeded}

variant_possible() {
	unshare --net ip link add ipip0 type ipip local 192.0.2.1 remote 192.0.2.2 2>/dev/null || echo "the kernel has no ipip"
}

variant_fault_overlay_down() {
	FAULT_ID=overlay-down FAULT_CLASS=cni EXPECT='{"device":"tunl0"}'
	FAULT_TEXT="tunl0 is down on this node"
	inject() { node1 ip link set tunl0 down; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_remote_overlay_down() {
	FAULT_ID=remote-overlay-down FAULT_CLASS=cni EXPECT='{"node":"192.168.1.12"}'
	FAULT_TEXT="tunl0 is down on the other node"
	inject() { node2 ip link set tunl0 down; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_mtu_exceeded() {
	FAULT_ID=mtu-exceeded FAULT_CLASS=mtu EXPECT='{"mtu":1480}'
	FAULT_TEXT="the pod's MTU is 1500, too large for IPIP"
	inject() {
		node1 ip link set "$(veth_of busybox)" mtu 1500
		in_netns busybox ip link set eth0 mtu 1500
		in_netns busybox ip route flush cache
	}
	traffic() { TRAFFIC=(sh -c "ip route flush cache; ping -c 1 -W 1 -M do -s 1472 $(address_of web2)"); }
}
