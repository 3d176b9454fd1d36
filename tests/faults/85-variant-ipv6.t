#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# IPv6: pods, Services, DNS and the overlay; ICMPv6, neighbour discovery and extension headers.
VARIANT=ipv6
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

check_says() {
	case $1 in
	forward-policy) echo "error forward-policy-drop" ;;
	ip-conflict) echo "error ip-conflict" ;;
	ip-forward) echo "error ip-forward-disabled" ;;
	neighbour-missing) echo "error overlay-peer-missing" ;;
	netfilter-drop) echo "warning netfilter-drop" ;;
	no-route) echo "warning no-route" ;;
	no-route-unreachable) echo "warning no-route" ;;
	overlay-down) echo "error overlay-down" ;;
	pod-address | pod-route) echo "error pod-config" ;;
	route-missing) echo "error overlay-route-missing" ;;
	bridge-netfilter) echo "error bridge-netfilter-off" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
b=$(address6_of busybox) web=$(address6_of web) web2=$(address6_of web2)
# Extension headers: fragments (a ping larger than the MTU), and a destination option before UDP.
# shellcheck disable=SC2016
destination_options='use Socket qw(:all); socket(my $s, AF_INET6, SOCK_DGRAM, 0) or die "$!";
	setsockopt($s, 41, 59, pack("C8", 0, 0, 1, 4, 0, 0, 0, 0)) or die "$!";
	my $query = pack("n6", 1, 0x100, 1, 0, 0, 0) . join("", map { pack("C/a*", $_) } qw(web default svc cluster local), "");
	send($s, $query . pack("nn", 28, 1), 0, pack_sockaddr_in6(53, inet_pton(AF_INET6, $ARGV[0]))) or die "$!";
	recv($s, my $answer, 512, 0) or die "$!"'
variant_healthy default "ping -c 2 -i 0.1 -W 1 $web; ping -c 2 -i 0.1 -W 1 $web2; ping -c 1 -W 1 fd00:192:168::11; ping -c 1 -W 1 fd00:192:168::12; ping -c 1 -W 1 2001:db8::10
	for i in 1 2 3; do curl -sSf --max-time 3 -o /dev/null 'http://[fd00:10:96::20]/'; done
	curl -sSf --max-time 3 -o /dev/null 'http://[$web2]/big'
	dig +time=2 @fd00:10:96::10 AAAA web.default.svc.cluster.local >/dev/null
	getent ahosts web >/dev/null
	perl -e '$destination_options' $(address6_of coredns)"
way "same node" ICMPv6 "$b" "$web" "in veth*<default/busybox> > out veth*<default/web> > delivered default/web"
way "other node" ICMPv6 "$b" "$web2" \
	"in veth*<default/busybox> > in cni0 > out flannel-v6.1 > out eth0 vxlan:fd00:192:168::12 > left-node"
way "back from the other node" ICMPv6 "$web2" "$b" \
	"in eth0 vxlan:fd00:192:168::11 > in flannel-v6.1 > out cni0 > out veth*<default/busybox> > delivered default/busybox"
way "UDP behind a destination option" UDP "$b" "$(address6_of coredns)" \
	"in veth*<default/busybox> > out veth*<kube-system/coredns> > delivered kube-system/coredns"
trace_run node1 trace --pod default/busybox -- ping -c 2 -i 0.1 -s 4000 -W 1 "$web2"
variant_silent "fragments are silent"
check "$VARIANT: what was put together and cut anew has not vanished" trace_has \
	'[.[] | select(.type == "journey")] | any(any(.hops[]; .len > 4000) and (.hops | length) > 3) and all(.verdict.kind != "vanished")'
# Fragments to a Service: put together for the translation, cut again behind it with another identification.
trace_run node1 trace --pod default/busybox "host fd00:10:96::10" -- sh -c "head -c 4000 /dev/zero | nc -u -w 1 fd00:10:96::10 53"
check "$VARIANT: fragments to a Service are followed behind the translation, each of them" trace_has \
	'[.[] | select(.type == "journey" and .flow.proto == "UDP")] | any(any(.hops[]; .nat != null)) and all(.verdict.kind == "delivered") and
	([.[].hops[] | select(.direction == "out" and .device[:4] == "veth")] | length == 3)'
check "$VARIANT: and they are one flow" trace_has '[.[] | select(.type == "journey" and .flow.proto == "UDP") | .flow_id] | unique | length == 1'
variant_node_port 'http://[fd00:192:168::11]:30080/'
variant_faults_all
plan
