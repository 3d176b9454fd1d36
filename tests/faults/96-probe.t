#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# cnitrace probe: the loss that was injected is the loss that is shown, at the hop where it begins;
# MTU verdicts; look-ups; and the same answers as ping, dig and mtr give.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web) web2=$(address_of web2) local=$(address_of local)

probe --count 5 --interval 50ms "$web2" "tcp://$web:80"
check "healthy: exit status 0" test "$TRACE_STATUS" -eq 0
result "healthy: every echo request is answered" '.sent == 5 and .answered == 5 and .loss_percent == 0'
result "healthy: every connection is made" '.sent == 5 and .answered == 5 and .kind == "tcp"' 1
rows "healthy: no row misses a packet" '[.[] | select(.leg != "beyond")] | length >= 12 and all(.[]; .loss_percent == 0 and .packets == 5)'
rows "healthy: the way to the other node is there, hop by hop" \
	'[.[] | select(.leg != "beyond" and (.target | startswith("tcp") | not)) | .device + " " + .direction] | join(",") |
	test("^veth[^,]* in,cni0 in,flannel.1 out,eth0 out,eth0 in,flannel.1 in,cni0 out,veth[^,]* out$")'
rows "healthy: time only grows" \
	'[.[] | select(.leg != "beyond")] | group_by(.target) | all(.[]; sort_by(.hop) | [.[].avg_us] | . == sort)'
rows "healthy: beyond the node, the other node and the pod itself answer" \
	'[.[] | select(.leg == "beyond") | .router] == ["10.244.2.0", "'"$web2"'"]'
# shellcheck disable=SC2016
check "… as mtr finds them" sh -c 'test "$1" = "$2"' - \
	"$(jq -r 'select(.type == "hop_stats" and .leg == "beyond") | .router' "$WORK/trace.json" | paste -sd' ' -)" \
	"$(pod busybox mtr -n -r -c 1 "$web2" | awk 'NR > 3 { print $2 }' | paste -sd' ' -)"
check "healthy: no finding" trace_has 'all(.[]; .type != "finding")'
fits_schema healthy

drop_some underlay bridge 'iifname "port1" ip length 134 numgen inc mod 5 0 drop'
probe --count 20 --interval 20ms "$web2"
lost=$(pod busybox ping -q -c 20 -i 0.05 "$web2" | grep -oE '[0-9.]+% packet loss')
drop_none underlay bridge
check "every fifth lost beyond the node: ping says so too" test "$lost" = "20% packet loss"
result "every fifth lost beyond the node: 20 %" '.loss_percent == 20 and .answered == 16'
rows "… at no row of the request" 'all(.[] | select(.leg == "request"); .loss_percent == 0)'
rows "… at every row of the reply" 'all(.[] | select(.leg == "reply"); .loss_percent == 20 and .packets == 16)'
rows "… begins beyond the node" '[.[] | select(.loss_begins)] | length == 1 and .[0].loss_begins == "beyond this node"'

drop_some node1 ip "ip daddr $web2 ip length 84 numgen inc mod 4 0 drop"
probe --count 20 --interval 20ms "$web2"
drop_none node1 ip
rows "every fourth lost on the node: begins after cni0" \
	'[.[] | select(.loss_begins)] | length == 1 and .[0].device == "flannel.1" and .[0].loss_percent == 25'
rows "… and it is said where and why" \
	'[.[] | select(.device == "cni0" and .leg == "request")][0].ended[0] | .kind == "dropped" and .packets == 5'
check "… by a finding, too" trace_has 'any(.[]; .type == "finding" and .id == "netfilter-drop")'
check "… exit status 10" test "$TRACE_STATUS" -eq 10
fits_schema loss

# By chance: what the rule counted is what is shown, at the row behind it and nowhere before.
in_netns node1 nft -f - <<-END
	table ip loss {
		chain forward {
			type filter hook forward priority 0
			ip daddr $web2 icmp type echo-request ip length 84 numgen random mod 100 < 30 counter drop
		}
	}
END
probe --inside --count 100 --interval 12ms "$web2"
dropped=$(node1 nft -j list chain ip loss forward | jq '[.. | .counter? // empty | .packets] | add')
drop_none node1 ip
rows "three of ten lost by chance: flannel.1 misses the $dropped the rule counted" \
	"[.[] | select(.device == \"flannel.1\" and .leg == \"request\")][0] | .lost == $dropped and .packets == 100 - $dropped and .loss_percent == $dropped"
rows "… and every row before it none" 'all(.[] | select(.leg == "request" and (.device | test("veth|cni0"))); .lost == 0 and .packets == 100)'
check "… within chance of 30 %" test "$dropped" -ge 14 -a "$dropped" -le 47

probe --count 2 "tcp://$web:81" "udp://$web:9998" "udp://$web:9999" "tcp://$local:8081"
result "a closed port refuses" '.refused == 2 and .answered == 0'
result "a closed UDP port is told by ICMP" '.unreachable == 2 and .answered == 0' 1
result "an echo server answers" '.answered == 2' 2
result "an open port connects" '.answered == 2' 3

probe "mtu://$web2" "mtu://$web"
check "MTU: exit status 0" test "$TRACE_STATUS" -eq 0
result "MTU: 1450 passes through VXLAN, found with two packets" \
	'.mtu | .verdict == "fine" and .passed == 1450 and .packets == 2'

# mtu_fault FAULT TARGET FILTER
mtu_fault() {
	lab fault "$1" >/dev/null
	probe "mtu://$2"
	lab heal >/dev/null
	result "$1: $3" ".mtu | $3"
	check "$1: one finding" trace_has '[.[] | select(.type == "finding" and .severity == "error")] | length == 1 and .[0].class == "mtu"'
	fits_schema "$1"
}
mtu_fault mtu-blackhole "$web" '.verdict == "silent-drop" and .passed >= 1400 and .passed <= 1404 and (.remedy | test("set mtu 1450 on default/web eth0"))'
mtu_fault mtu-exceeded "$web2" '.verdict == "exceeded" and .passed == 1450 and .icmp_mtu == 1450'
mtu_fault mtu-blackhole-icmp-filtered "$web2" '.verdict == "icmp-lost" and .passed == 1450'
mtu_fault mtu-blackhole-remote "$web2" '.verdict == "beyond" and .narrow_way == "reply" and .forward_passed == 1450'
mtu_fault mtu-mismatch "$web" '.verdict == "silent-drop" and .passed == 1450'

probe --count 2 dns:///web "dns://10.96.0.10/www.example.org?type=A" "tcp://web:80"
dig=$(pod busybox dig +short @10.96.0.10 web.default.svc.cluster.local)
# shellcheck disable=SC2016
check "dns: the answer dig gets" jq -e -s --arg want "$dig" \
	'[.[] | select(.type == "probe")][0].queries | any(.[]; .type == "A" and .addresses == [$want])' "$WORK/trace.json"
result "dns: A and AAAA are asked" '.queries | map(.type) | sort == ["A", "AAAA"]'
result "dns: the search list's wasted queries are counted" '.wasted_queries == 3 and (.queries | length) == 4' 1
result "dns: a name as target is resolved as the pod would" '.answered == 2 and .flow.dst == "10.96.0.20"' 2

mapfile -t records < <(seq -f '--host-record=big.test,10.9.0.%g' 60)
process_start dns-big coredns dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
	--group=root --pid-file= --port=5300 "${records[@]}"
wait_until 1000 listens coredns udp 5300 || not_ok "a second DNS server"
probe --count 1 "dns://$(address_of coredns):5300/big.test.?type=A"
process_stop dns-big
result "dns: an answer that was cut is asked for again by TCP" \
	'.queries | map(.transport) == ["udp", "tcp"] and .[0].truncated and .[1].answers == 60'
rows "… and its packets are followed at any port" 'length >= 4 and all(.[]; .packets == 1)'

probe --count 1 "tcp://nosuch:80"
result "a name without an address: nothing is sent to it, the walk is shown" \
	'.kind == "dns" and (.notes | any(.[]; .text | test("no address"))) and (.queries | length) >= 8'

dns_fault() {
	lab fault "$1" >/dev/null
	probe --count 1 dns:///web
	lab heal >/dev/null
	check "$1: found" trace_has "any(.[]; .type == \"finding\" and .id == \"$2\")"
	fits_schema "$1"
}
dns_fault dns-timeout dns-timeout
dns_fault dns-slow dns-slow

probe --inside --count 2 "$web2"
rows "--inside: no row beyond the node" 'all(.[]; .leg != "beyond")'

trace_run node1 probe --from default/busybox --to default/web --listen 8080 --count 2
result "--to --listen: the test's own listener is reached" '.kind == "tcp" and .answered == 2'
trace_run node1 probe --from default/busybox --to default/web --listen 80
check "… a port that is taken: exit status 2" test "$TRACE_STATUS" -eq 2

trace_run node1 probe --count 3 --interval 50ms "$web2"
result "from the node itself" '.answered == 3 and (has("pod") | not)'
rows "… first hop is the node's own" '.[0].device == "flannel.1" and .[0].packets == 3'

printf '# comment\n%s\n  tcp://%s:80  # web\n' "$web2" "$web" >"$WORK/targets"
probe --count 2 --targets "$WORK/targets"
check "--targets: both lines" trace_has '[.[] | select(.type == "probe" and .answered == 2)] | length == 2'

wrong() {
	local text=$1
	shift
	probe "$@"
	check "wrong usage: $*: exit status 2" test "$TRACE_STATUS" -eq 2
	# shellcheck disable=SC2016
	check "… one line that says $text" sh -c 'test "$(wc -l <"$1")" = 1 && grep -q "$2" "$1"' - "$WORK/trace.err" "$text"
}
wrong "which port" tcp://web
wrong "begins with" http://web
wrong "at least 10ms" --interval 1ms "$web"
wrong "no target" --count 1
wrong "neither a name nor an address" icmp://1.2.3.4.:5:6
trace_run node1 probe --pod default/nosuch "$web"
check "an unknown pod: exit status 2" test "$TRACE_STATUS" -eq 2
plan
