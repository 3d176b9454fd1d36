#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What hardened kernels lack and Debian's have as modules: a pod's packets through GENEVE and IPIP, seen and filtered
# by what is inside, and through a Service that IPVS serves.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start

# tunnel_make NAME TYPE [OPTION…]: between the nodes, 172.31.0.1 and .2 at its ends.
tunnel_make() {
	local name=$1 n m
	for n in 1 2; do
		m=$((3 - n))
		case $2 in
		geneve) in_netns "node$n" ip link add "$name" type geneve id 77 remote "192.168.1.1$m" ;;
		ipip) in_netns "node$n" ip link add "$name" type ipip local "192.168.1.1$n" remote "192.168.1.1$m" ;;
		esac || return 1
		in_netns "node$n" ip address add "172.31.0.$n/30" dev "$name"
		in_netns "node$n" ip link set "$name" up
	done
}

for kind in geneve ipip; do
	if ! tunnel_make t-$kind $kind 2>"$WORK/tunnel"; then
		skip "$kind" "this kernel has none: $(head -n 1 "$WORK/tunnel")"
		continue
	fi
	trace_run node1 trace "icmp and host 172.31.0.2" -- ping -c 3 -i 0.2 -W 2 172.31.0.2
	check "$kind: exit status 0, no finding: $(findings_list)" test "$TRACE_STATUS" -eq 0
	check "$kind: the filter matches what is inside, both ways" trace_has '[.[] | select(.type == "journey" and .flow.proto == "ICMP")]
		| (map(select(.flow.dst == "172.31.0.2")) | length) == 3 and (map(select(.flow.src == "172.31.0.2")) | length) == 3'
	check "$kind: the hop on eth0 carries the outer header" trace_has "[.[] | select(.type == \"journey\") | .hops[]
		| select(.device == \"eth0\")] | length >= 6 and all(.[]; .encap.kind == \"$kind\" and
		([.encap.src, .encap.dst] | sort) == [\"192.168.1.11\", \"192.168.1.12\"])"
	check "$kind: … and the one on t-$kind does not" trace_has "[.[] | select(.type == \"journey\") | .hops[]
		| select(.device == \"t-$kind\")] | length >= 6 and all(.[]; .encap == null)"
	trace_run node1 trace "icmp and host 172.31.0.3" -- ping -c 1 -W 2 172.31.0.2
	check "$kind: a filter for another address shows nothing" trace_has 'all(.[]; .type != "journey")'
	for n in 1 2; do in_netns "node$n" ip link delete "t-$kind"; done
done

# As kube-proxy does it in its ipvs mode: the address on a dummy device, masquerading for what comes from outside.
if ! type -P ipvsadm >/dev/null || ! node1 ipvsadm -A -t 10.96.0.99:80 -s rr 2>"$WORK/ipvs"; then
	skip "IPVS" "$(head -n 1 "$WORK/ipvs" 2>/dev/null || echo 'no ipvsadm')"
else
	node1 ip link add kube-ipvs0 type dummy
	node1 ip address add 10.96.0.99/32 dev kube-ipvs0
	node1 sysctl -qw net.ipv4.vs.conntrack=1
	node1 ipvsadm -a -t 10.96.0.99:80 -r "$(address_of web2):80" -m
	trace_run node1 trace --pod default/busybox -- curl -sSf --max-time 10 -o /dev/null http://10.96.0.99/
	check "IPVS: exit status 0, no finding: $(findings_list)" test "$TRACE_STATUS" -eq 0
	check "IPVS: the request is followed from the Service to $(address_of web2)" trace_has "[.[] | select(.type == \"journey\")
		| select(.flow.dst == \"10.96.0.99\" or .flow.dst == \"$(address_of web2)\") | .hops[].device] | contains([\"cni0\", \"flannel.1\"])"
	check "IPVS: nothing is dropped or lost" trace_has 'all(.[] | select(.type == "journey"); .verdict.kind | IN("delivered", "left-node"))'
	node1 ipvsadm -C
	node1 ip link delete kube-ipvs0
fi
plan
