#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Calico without encapsulation: routes that BIRD learnt.
VARIANT=calico-bgp
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

check_says() {
	case $1 in
	ip-forward-device) echo "error ip-forward-disabled" ;;
	pod-route-missing) echo "error no-route" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
b=$(address_of busybox) web2=$(address_of web2) cali=$(veth_of busybox)
variant_healthy default "ping -c 3 -i 0.1 -W 1 $web2; curl -sSf --max-time 3 -o /dev/null http://$web2/big
	for i in 1 2; do curl -sSf --max-time 3 -o /dev/null http://10.96.0.20/; done"
way "other node, not encapsulated" ICMP "$b" "$web2" "in $cali<default/busybox> > out eth0 > left-node"
way "back from the other node" ICMP "$web2" "$b" \
	"in eth0 > out $cali<default/busybox> > delivered default/busybox"
variant_faults_all
plan
