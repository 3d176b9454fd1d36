#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Calico: cali* veths without a bridge, /32 routes, proxy ARP, vxlan.calico, Felix's chains.
VARIANT=calico
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

check_says() {
	case $1 in
	fdb-missing) echo "error overlay-peer-missing" ;;
	link-down) echo "error link-down" ;;
	mtu-exceeded) echo "error mtu-mismatch" ;;
	mtu-blackhole) echo "warning mtu-mismatch" ;;
	overlay-down) echo "error overlay-down" ;;
	pod-config) echo "error pod-config" ;;
	pod-route-missing) echo "error no-route" ;;
	policy-ingress) echo "info network-policy-drop" ;;
	proxy-arp-off) echo "error neighbour-failed" ;;
	route-missing) echo "error overlay-route-missing" ;;
	service-endpoint-dead) echo "error service-endpoint-dead" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
b=$(address_of busybox) web=$(address_of web) web2=$(address_of web2) cali=$(veth_of busybox)
variant_healthy default "ping -c 2 -i 0.1 -W 1 $web; ping -c 2 -i 0.1 -W 1 $web2; ping -c 1 -W 1 192.168.1.11
	ping -c 1 -W 1 192.168.1.12; ping -c 1 -W 1 203.0.113.10
	for i in 1 2 3; do curl -sSf --max-time 3 -o /dev/null http://10.96.0.20/; done
	curl -sSf --max-time 3 -o /dev/null http://$web2/big
	dig +time=2 @10.96.0.10 web.default.svc.cluster.local >/dev/null"
way "same node, routed between two veths" ICMP "$b" "$web" \
	"in $cali<default/busybox> > out $(veth_of web)<default/web> > delivered default/web"
way "other node" ICMP "$b" "$web2" \
	"in $cali<default/busybox> > out vxlan.calico > out eth0 vxlan:192.168.1.12 > left-node"
way "back from the other node" ICMP "$web2" "$b" \
	"in eth0 vxlan:192.168.1.11 > in vxlan.calico > out $cali<default/busybox> > delivered default/busybox"
way "to its own node" ICMP "$b" 192.168.1.11 "in $cali<default/busybox> > delivered"
variant_node_port http://192.168.1.11:30080/
variant_faults_all
plan
