#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Every kind of target over IPv6: through the tunnel, within the node, refused, lost and too large.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

lab_start --ipv6
web=$(pod_var web address6) web2=$(pod_var web2 address6) local=$(pod_var local address6)
dns=$(pod_var coredns address6)
# shellcheck disable=SC2016
process_start udp-echo6 web perl -MIO::Socket::IP -e \
	'my $s = IO::Socket::IP->new(Proto => "udp", LocalAddr => "::", LocalPort => 9997, V6Only => 1) or die "$!";
	 while (defined(my $from = $s->recv(my $data, 2000))) { $s->send($data, 0, $from) }'
wait_until 1000 listens web udp 9997 || not_ok "a UDP server for IPv6"

probe --count 5 --interval 60ms "$web2" "icmp://[$web]?size=1000" "tcp://[$web2]:80" "udp://[$web]:9997"
check "healthy: exit status 0" test "$TRACE_STATUS" -eq 0
for n in 0 1 2 3; do
	result "healthy: target $n answers all" '.sent == 5 and .answered == 5 and (.avg_us > 0)' $n
done
rows "healthy: no row misses a packet" '[.[] | select(.leg != "beyond")] | length >= 20 and all(.[]; .loss_percent == 0 and .packets == 5)'
rows "healthy: through the tunnel for IPv6, hop by hop" \
	'[.[] | select(.leg != "beyond" and .target == "'"$web2"'") | .device + " " + .direction] | join(",") |
	test("^veth[^,]* in,cni0 in,flannel-v6.1 out,eth0 out,eth0 in,flannel-v6.1 in,cni0 out,veth[^,]* out$")'
rows "healthy: the other node is named" 'any(.[]; .device == "eth0" and .next_node == "fd00:192:168::12")'
rows "healthy: beyond the node, the other node and the pod" \
	'[.[] | select(.leg == "beyond" and .target == "'"$web2"'") | .router] == ["fd00:10:244:2::", "'"$web2"'"]'
no_finding "healthy: no finding"
fits_schema healthy
ours=$(jq -r 'select(.type == "probe" and .kind == "icmp") | .best_us' "$WORK/trace.json" | head -n 1)
pod busybox ping -6 -q -c 5 -i 0.06 "$web2" >"$WORK/ping"
theirs=$(sed -nE 's|^rtt [^=]*= ([0-9.]+)/.*|\1|p' "$WORK/ping")
check "… in ping's time within noise: $ours µs here, $theirs ms there" \
	awk -v a="$ours" -v b="$theirs" 'BEGIN { b *= 1000; d = a - b; if (d < 0) d = -d; exit !(b > 0 && d < 150 + b / 2) }'

drop_some underlay bridge 'iifname "port1" ip6 length 134 numgen inc mod 4 0 drop'
probe --inside --count 20 --interval 30ms "$web2"
lost=$(pod busybox ping -6 -q -c 20 -i 0.05 -W 1 "$web2" | grep -oE '[0-9.]+% packet loss')
drop_none underlay bridge
result "every fourth lost beyond the node: 25 %" '.loss_percent == 25 and .answered == 15'
check "… ping says so too: $lost" test "$lost" = "25% packet loss"
rows "… begins beyond the node" '[.[] | select(.loss_begins)] | length == 1 and .[0].loss_begins == "beyond this node"'
only_finding "… a finding names the node" no-reply '.facts.node == "fd00:192:168::12" and .count == 5'

probe --count 2 "tcp://[$web]:81" "udp://[$web]:9998" "tcp://[$local]:80"
result "a closed port refuses" '.refused == 2 and .answered == 0'
result "a closed UDP port is told by ICMPv6" '.unreachable == 2 and (.notes | any(.[]; .text | test("port unreachable")))' 1
result "a port on another address's loopback refuses" '.refused == 2' 2
check "… findings: port-closed and listen-loopback" trace_has '[.[] | select(.type == "finding") | .id] | sort | unique == ["listen-loopback", "port-closed"]'

probe "mtu://[$web]"
result "MTU within the node: all that the device allows, two packets" '.mtu | .verdict == "fine" and .passed == 1450 and .packets == 2'
probe "mtu://[$web2]"
result "MTU through VXLAN over IPv6: 1430, told by ICMPv6" \
	'.mtu | .verdict == "exceeded" and .passed == 1430 and .icmp_mtu == 1430 and .packets <= 8'
result "… what to set, and not what does not fit the NIC" '.mtu.remedy == "set mtu 1430 at the sender: flannel-v6.1 has no more"'
only_finding "… and the finding says the same" mtu-exceeded '(.remedy | any(.[]; test("ip link set eth0 mtu 1430"))) and (.remedy | all(.[]; test("flannel-v6.1 mtu") | not))'
fits_schema "MTU over IPv6"

probe --count 2 "dns://[$dns]/web" "dns://[$dns]/web.default.svc.cluster.local.?type=AAAA"
result "dns over IPv6: answered" '.answered == .sent and .queries[0].server == "'"$dns"'" and (.queries | any(.[]; .addresses == ["10.96.0.20"]))'
dig=$(pod busybox dig +short "@$dns" web.default.svc.cluster.local)
check "… as dig is: $dig" test "$dig" = 10.96.0.20
rows "… hop by hop" 'length >= 4 and all(.[]; .loss_percent == 0)'

probe --count 2 --timeout 500ms "fd00:10:244:2::dead"
check "an address nobody has: one error" trace_has '[.[] | select(.type == "finding" and .severity == "error")] | length == 1'
in_netns busybox ip -6 route add unreachable 2001:db8::99
probe --count 2 2001:db8::99
in_netns busybox ip -6 route del unreachable 2001:db8::99
result "a route that refuses: no packet, and said so" '.failed == 2 and (.notes | any(.[]; .text | test("no packet was sent")))'
only_finding "… no-route" no-route
trace_run node1 probe --count 2 "$web2" "tcp://[$web]:80"
result "from the node itself" '.answered == 2'
result "… tcp, too" '.answered == 2' 1
rows "… first hop is the node's own" '.[0].device == "flannel-v6.1"'
plan
