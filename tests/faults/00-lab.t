#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The lab itself: what a healthy one lets through, that two can be up, that down leaves nothing.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

from() {
	local pod=$1
	shift
	pod "$pod" "$@"
}

# connectivity: every way that a fault can break must work first.
connectivity() {
	check "$1: same node" from busybox ping -c 1 -W 1 "$(address_of web)"
	check "$1: other node" from busybox ping -c 1 -W 1 "$(address_of web2)"
	check "$1: outside" from busybox ping -c 1 -W 1 203.0.113.10
	for _ in 1 2 3 4 5 6; do
		check "$1: ClusterIP" from busybox curl -sSf --max-time 3 http://10.96.0.20/
		check "$1: NodePort from outside" underlay curl -sSf --max-time 3 http://192.168.1.11:30080/
	done
	check "$1: ClusterIP from the node" node1 curl -sSf --max-time 3 http://10.96.0.20/
	check "$1: pod to itself by its Service" from web curl -sSf --max-time 3 http://10.96.0.20/
	check "$1: DNS over UDP" from busybox dig +time=2 @10.96.0.10 web.default.svc.cluster.local
	check "$1: DNS over TCP, other node" from busybox2 dig +tcp +time=2 @10.96.0.10 web.default.svc.cluster.local
	check "$1: a name by the pod's resolv.conf" from busybox getent hosts web
	check "$1: UDP echo" from busybox perl -MIO::Socket::INET -e "$UDP_ECHO_CLIENT" "$(address_of web)" 3
}

bridge_name_of() { node1 ip -o link show dev "$(veth_of "$1")" | grep -o 'master [a-z0-9]*'; }

# shellcheck disable=SC2119
lab_start
connectivity nft
check "status names the root" grep -qx "node1_root=$LAB_DIR/node1" <(lab status)
check "libcni's result names the pod" jq -e '.kind == "cniCacheV1" and any(.cniArgs[]; . == ["K8S_POD_NAME", "busybox"])' \
	"$LAB_DIR/node1/var/lib/cni/results/cbr0-$(pod_var busybox id)-eth0"
check "host-local keeps its reservation under the root" test -e \
	"$LAB_DIR/node1/var/lib/cni/networks/cbr0/$(address_of busybox)"
check "cni0 has the pods" test "$(bridge_name_of web)" = "master cni0"
if lab up >"$WORK/up" 2>&1; then not_ok "up twice is refused"; else ok "up twice is refused"; fi

# A half-made lab goes too: the namespaces that exist, and no error for those that do not.
lab down
check "down leaves no namespace" test -z "$(ip netns list | grep "^$LAB_PREFIX-")"
check "down leaves no state" test ! -e "$LAB_DIR"
mkdir -p "$LAB_DIR"/{log,pids}
LAB_IPV6=no netns_make half
printf '%s\n' "$LAB_PREFIX-never" >>"$LAB_DIR/netns"
process_start sleeper half sleep 100
sleeper=$(process_pid sleeper)
check "down after a half-failed up" lab down
check "its namespace is gone" test ! -e "/run/netns/$LAB_PREFIX-half"
check "its process is gone" process_gone "$sleeper"

lab_start --backend legacy --ipv6
connectivity legacy
check "IPv6: same node" from busybox ping -c 1 -W 1 "$(pod_var web address6)"
check "IPv6: other node" from busybox ping -c 1 -W 1 "$(pod_var web2 address6)"
plan
