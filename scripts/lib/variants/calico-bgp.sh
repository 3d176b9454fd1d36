# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# Calico without encapsulation: BIRD learns other nodes' blocks by BGP and routes to them by the
# node itself. Pods and policies as in calico.

# shellcheck source=scripts/lib/variants/calico.sh
. "$VARIANTS_DIR/calico.sh"
VARIANT_TEXT="Calico with BGP: routes by the other node, learnt by BIRD"
VARIANT_FAULTS="netfilter-drop port-closed server-netfilter-drop server-route-missing server-mtu-blackhole server-port-closed"
LAB_MTU=1500 CALICO_WAY=bgp LAB_TUNNEL=
unset -f variant_fault_{server_policy,mtu_blackhole,link_down,pod_config,policy_ingress,proxy_arp_off,service_endpoint_dead} \
	variant_fault_{overlay_down,remote_overlay_down,fdb_missing,mtu_exceeded}

variant_fault_mtu_exceeded() {
	FAULT_ID=mtu-exceeded FAULT_CLASS=mtu EXPECT='{"mtu":1400}'
	FAULT_TEXT="the NIC's MTU is smaller than the pods'"
	inject() { node1 ip link set eth0 mtu 1400; }
	traffic() { TRAFFIC=(sh -c "ip route flush cache; ping -c 1 -W 1 -M do -s 1472 $(address_of web2)"); }
	heal() {
		node1 ip link set eth0 mtu 1500
		in_netns busybox ip route flush cache
		overlay_make
	}
}

variant_fault_ip_forward_device() {
	FAULT_ID=ip-forward-disabled FAULT_CLASS=unreachable
	FAULT_TEXT="forwarding is 0 on the pod's device alone"
	inject() { node1 sysctl -qw "net.ipv4.conf.$(veth_of busybox).forwarding=0"; }
	traffic() { ping_to "$(address_of web2)"; }
	heal() { node1 sysctl -qw "net.ipv4.conf.$(veth_of busybox).forwarding=1"; }
}
