#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Plain Docker: docker0, its chains and published ports, containers that no CNI knows.
VARIANT=docker
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

check_says() {
	case $1 in
	bridge-port) echo "error bridge-port-detached" ;;
	forward-policy) echo "error forward-policy-drop" ;;
	ip-forward) echo "error ip-forward-disabled" ;;
	link-down) echo "error link-down" ;;
	user-chain) echo "warning netfilter-drop" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
b=$(address_of busybox) web=$(address_of web)
variant_healthy docker "ping -c 3 -i 0.1 -W 1 $web; ping -c 1 -W 1 203.0.113.10; ping -c 1 -W 1 192.168.1.11
	for i in 1 2; do curl -sSf --max-time 3 -o /dev/null http://192.168.1.12:8080/; done
	curl -sSf --max-time 3 -o /dev/null http://$web/big"
way "container to container" ICMP "$b" "$web" "in veth*<docker/busybox> > out veth*<docker/web> > delivered docker/web"
way "out" ICMP "$b" 203.0.113.10 "in veth*<docker/busybox> > in docker0 > out eth0 > left-node"
way "to its own machine" ICMP "$b" 192.168.1.11 "in veth*<docker/busybox> > in docker0 > delivered"
variant_node_port http://192.168.1.11:8080/
variant_faults_all
plan
