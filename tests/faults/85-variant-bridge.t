#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The plain bridge plugin with bridge mynet0, and a bare VXLAN between nodes; no flannel.
VARIANT=bridge
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

check_says() {
	case $1 in
	bridge-port) echo "error bridge-port-detached" ;;
	fdb-missing) echo "error overlay-peer-missing" ;;
	link-down-bridge) echo "error link-down" ;;
	hairpin-off) echo "warning hairpin-off" ;;
	bridge-netfilter-off) echo "error bridge-netfilter-off" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
b=$(address_of busybox) web=$(address_of web) web2=$(address_of web2)
variant_healthy default "ping -c 2 -i 0.1 -W 1 $web; ping -c 2 -i 0.1 -W 1 $web2; ping -c 1 -W 1 203.0.113.10
	for i in 1 2 3; do curl -sSf --max-time 3 -o /dev/null http://10.96.0.20/; done
	curl -sSf --max-time 3 -o /dev/null http://$web2/big
	dig +time=2 @10.96.0.10 web.default.svc.cluster.local >/dev/null"
way "same node" ICMP "$b" "$web" "in veth*<default/busybox> > out veth*<default/web> > delivered default/web"
way "other node" ICMP "$b" "$web2" \
	"in veth*<default/busybox> > in mynet0 > out vxlan7 > out eth0 vxlan:192.168.1.12 > left-node"
way "back from the other node" ICMP "$web2" "$b" \
	"in eth0 vxlan:192.168.1.11 > in vxlan7 > out mynet0 > out veth*<default/busybox> > delivered default/busybox"
variant_faults_all
plan
