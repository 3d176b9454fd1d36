#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# flannel host-gw: other nodes by a route, nothing encapsulated.
VARIANT=host-gw
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

check_says() {
	case $1 in
	ip-forward) echo "error ip-forward-disabled" ;;
	route-blackhole) echo "error no-route" ;;
	mtu-exceeded) echo "error mtu-mismatch,error mtu-mismatch,error mtu-mismatch,error mtu-mismatch" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
b=$(address_of busybox) web=$(address_of web) web2=$(address_of web2)
variant_healthy default "ping -c 2 -i 0.1 -W 1 $web; ping -c 2 -i 0.1 -W 1 $web2; ping -c 1 -W 1 192.168.1.11
	ping -c 1 -W 1 192.168.1.12; ping -c 1 -W 1 203.0.113.10
	for i in 1 2 3; do curl -sSf --max-time 3 -o /dev/null http://10.96.0.20/; done
	curl -sSf --max-time 3 -o /dev/null http://$web2/big
	dig +time=2 @10.96.0.10 web.default.svc.cluster.local >/dev/null"
way "same node" ICMP "$b" "$web" "in veth*<default/busybox> > out veth*<default/web> > delivered default/web"
way "other node, not encapsulated" ICMP "$b" "$web2" \
	"in veth*<default/busybox> > in cni0 > out eth0 > left-node"
way "back from the other node" ICMP "$web2" "$b" \
	"in eth0 > out cni0 > out veth*<default/busybox> > delivered default/busybox"
way "to its own node" ICMP "$b" 192.168.1.11 "in veth*<default/busybox> > in cni0 > delivered"
variant_node_port http://192.168.1.11:30080/
variant_faults_all
plan
