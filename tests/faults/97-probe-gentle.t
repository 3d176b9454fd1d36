#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What a probe sends, and that it sends nothing else: to whom, how often, with which source and type of service, from
# sockets of which namespace. Several targets at once, until Ctrl-C, on a terminal.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web) web2=$(address_of web2) busybox=$(address_of busybox)

# A counter on the pod's own device for everything that leaves it, by destination and protocol.
capture_begin() {
	in_netns busybox nft -f - <<-END
		table inet capture {
			set seen {
				typeof ip daddr . meta l4proto . ip dscp
				flags dynamic
				counter
			}
			chain output {
				type filter hook output priority -500
				meta l4proto { icmp, tcp, udp } ip version 4 add @seen { ip daddr . meta l4proto . ip dscp }
			}
		}
	END
}
# Lines "ADDRESS PROTOCOL DSCP PACKETS".
capture_end() {
	in_netns busybox nft -j list set inet capture seen |
		jq -r '.nftables[] | .set // empty | .elem // [] | .[] | .elem // . | (.val.concat // .concat) + [.counter.packets] | map(tostring) | join(" ")' |
		sort >"$WORK/capture"
	in_netns busybox nft delete table inet capture
}
captured_only() {
	local pattern=$1
	[[ -s $WORK/capture ]] || { echo "nothing was captured" && return 1; }
	! grep -vE "$pattern" "$WORK/capture"
}

capture_begin
probe --count 5 --interval 40ms "$web" "$web2" "tcp://$web:80" "udp://$web:9999" 'dns:///web?type=A' "mtu://$web2"
capture_end
check "six targets: all are done" trace_has '[.[] | select(.type == "probe")] | length == 6 and all(.[]; .answered > 0)'
check "… nobody but the targets and the name server is sent to" captured_only "^($web|$web2|10\.96\.0\.10) "
check "… no protocol but theirs" captured_only "^($web (icmp|tcp|udp)|$web2 (icmp|udp)|10\.96\.0\.10 udp) "
capture_begin
probe --count 3 --interval 40ms "$web"
capture_end
check "one target: three packets, to it alone" test "$(cat "$WORK/capture")" = "$web icmp cs0 3"
# What the counter shows when something else is sent to.
capture_begin
pod busybox ping -q -c 1 "$web2" >/dev/null
probe --count 1 "$web"
capture_end
check "… and a packet to another address would show" sh -c "! grep -vE '^$web ' '$WORK/capture' | cmp -s - /dev/null"

# Type of service and source.
capture_begin
probe --tos 184 --count 2 --interval 40ms "$web" "tcp://$web:80" "udp://$web:9999"
capture_end
check "--tos 184: every packet is marked EF" captured_only "^$web (icmp|tcp|udp) ef "
result "… and answered" '.answered == 2'
in_netns busybox ip address add 10.244.1.240/24 dev eth0
probe --source 10.244.1.240 --count 2 --interval 40ms "$web" "tcp://$web:80"
in_netns busybox ip address del 10.244.1.240/24 dev eth0
result "--source: the address the packets bear" '.flow.src == "10.244.1.240" and .answered == 2'
result "… tcp, too" '.flow.src == "10.244.1.240" and .answered == 2' 1
probe --count 1 "$web"
result "… without it the pod's own" ".flow.src == \"$busybox\""

# Rate: the interval is kept, from start to start; a slow answer makes no burst afterwards.
started=$(date +%s%N)
probe --inside --count 21 --interval 50ms "$web"
took=$((($(date +%s%N) - started) / 1000000))
check "20 intervals of 50 ms take a second at least: $took ms" test "$took" -ge 1000
sent_times() { jq -r 'select(.type == "journey" and .packet.icmp_type == 8 and .hops[0].direction == "in") | .hops[0].time_ns' "$WORK/trace.json" | sort -n | uniq; }
probe --inside --journeys --count 21 --interval 50ms "$web"
check "… no two are closer than a burst would be" sh -c "$(declare -f sent_times); WORK=$WORK; sent_times | awk 'NR > 1 && \$1 - last < 10000000 { n++ } { last = \$1 } END { exit !(NR >= 10 && n <= 2) }'"

# Sockets: raw ones in the pod's namespace, none in the node's.
: >"$WORK/trace.json"
trace_begin node1 probe --pod default/busybox --continuous --interval 100ms "$web"
check "raw sockets are the pod's" wait_until 1000 sh -c "nsenter --net=/run/netns/$LAB_PREFIX-busybox ss -Hwapn | grep -q cnitrace"
check "… and none is the node's, nor another pod's" sh -c "for n in node1 web local coredns; do
	! nsenter --net=/run/netns/$LAB_PREFIX-\$n ss -Hwapn | grep -q cnitrace || exit 1; done"
# --continuous ends with Ctrl-C, and the report comes all the same.
sleep 2
check "--continuous goes on" kill -0 "$TRACE_PID"
trace_end
check "… Ctrl-C ends it: exit status 0" test "$TRACE_STATUS" -eq 0
result "… with the report" '.sent >= 12 and .answered >= .sent - 1'
rows "… and the table" 'length >= 4 and all(.[]; .packets >= 12)'
check "… and the summary last" trace_has '.[-1].type == "summary"'
check "… no raw socket stays" sh -c "! nsenter --net=/run/netns/$LAB_PREFIX-busybox ss -Hwapn | grep -q cnitrace"

# Text: a live table on a terminal, a report elsewhere and with --report.
on_terminal() {
	# shellcheck disable=SC2016
	timeout 30 script -qec "ip netns exec $LAB_PREFIX-node1 $CNITRACE probe --root $LAB_DIR/node1 --pod busybox --count 40 --interval 100ms $* $web" /dev/null >"$WORK/screen" </dev/null
}
on_terminal
# Drawn anew twice a second, and at the end once more on the screen it came from.
check "on a terminal: a live table, on a screen of its own" sh -c "cat -v '$WORK/screen' | tail -n 40; test \"\$(grep -c 'Loss%' '$WORK/screen')\" -ge 3 && grep -q '1049h' '$WORK/screen' && grep -q '1049l' '$WORK/screen'"
on_terminal --report
check "--report: the table once, no other screen" sh -c "test \"\$(grep -c 'Loss%' '$WORK/screen')\" = 1 && ! grep -q '1049h' '$WORK/screen'"
ip netns exec "$LAB_PREFIX-node1" "$CNITRACE" probe --root "$LAB_DIR/node1" --pod busybox --count 3 --interval 50ms "$web" "$web2" >"$WORK/report" </dev/null
check "not on a terminal: a report, a table for each target" test "$(grep -c 'Loss%.*Snt.*Last.*Avg.*Best.*Wrst.*StDev' "$WORK/report")" = 2
check "… text and JSON tell of the same rows" sh -c "grep -q 'flannel.1 out' '$WORK/report' && grep -q '3 of 3 answered' '$WORK/report'"
plan
