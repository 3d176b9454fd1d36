#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Beyond the node: a way of four routers, found as mtr finds it; a router that answers seldom is told from one that
# loses; refusals that come from out there; times and losses as ping measures them.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

# shellcheck disable=SC2119
lab_start

# Behind the underlay's router r1 and r2, behind them the host 198.51.100.10.
router_add() {
	local name=$1 before=$2 net=$3
	netns_make "$name"
	in_netns "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
	in_netns "$before" ip link add "to-$name" type veth peer name up0 netns "$LAB_PREFIX-$name"
	in_netns "$before" ip address add "$net.1/30" dev "to-$name"
	in_netns "$before" ip link set "to-$name" up
	in_netns "$name" ip -batch - <<-END
		address add $net.2/30 dev up0
		link set up0 up
		route add 192.168.0.0/16 via $net.1
	END
	in_netns "$before" ip route add 198.51.100.0/24 via "$net.2"
}
far=198.51.100.10
underlay sysctl -qw net.ipv4.icmp_ratelimit=0
router_add r1 underlay 172.31.1
router_add r2 r1 172.31.2
router_add far r2 172.31.3
in_netns far ip address add "$far/32" dev lo
in_netns r2 ip route replace "$far" via 172.31.3.2
in_netns r2 ip route del 198.51.100.0/24
way='["192.168.1.1","172.31.1.2","172.31.2.2","198.51.100.10"]'

hops() { jq -r 'select(.type == "hop_stats" and .leg == "beyond") | .router // "???"' "$WORK/trace.json" | paste -sd' ' -; }
mtr_hops() { awk 'NR > 2 { print $2 }' "$WORK/mtr" | paste -sd' ' -; }

probe --count 15 --interval 200ms "$far"
rows "four routers: all are found, in order" '[.[] | select(.leg == "beyond") | .router] == '"$way"
rows "… each with its distance, times and no loss" '[.[] | select(.leg == "beyond")] |
	([.[].ttl] == [2, 3, 4, 5]) and all(.[]; .lost == 0 and .packets >= 2 and .avg_us > 0 and .best_us <= .avg_us and .avg_us <= .worst_us)'
rows "… between the request and the reply" '[.[].leg] | unique_by(.) as $all | (map(select(. == "beyond")) | length) == 4 and
	(index("beyond") > index("request")) and (index("reply") > index("beyond"))'
no_finding "… and no finding: packets that die young on purpose are no routing loop"
pod busybox mtr -n -r -c 2 -i 0.2 "$far" >"$WORK/mtr"
# The first line of mtr is the pod's own node, which is a device here.
check "… as mtr finds them: $(mtr_hops)" test "10.244.1.1 $(hops)" = "$(mtr_hops)"
fits_schema "four routers"
probe --inside --count 2 "$far"
rows "--inside: nothing is sent to die beyond" 'length > 0 and all(.[]; .leg != "beyond")'

# r1 answers every second short-lived packet; nothing else is lost.
in_netns r1 nft -f - <<-'END'
	table ip loss {
		chain output {
			type filter hook output priority 0
			icmp type time-exceeded numgen inc mod 2 0 drop
		}
	}
END
probe --count 30 --interval 200ms "$far"
rows "a router that answers seldom: its row misses half" \
	'[.[] | select(.router == "172.31.1.2")][0] | .loss_percent >= 30 and .loss_percent <= 70'
rows "… and is marked: later hops show no loss" \
	'[.[] | select(.loss_not_passed_on)] | length == 1 and .[0].router == "172.31.1.2"'
rows "… nothing else is" 'all(.[] | select(.router != "172.31.1.2"); .loss_percent == 0 and (has("loss_begins") | not))'
no_finding "… and no finding: that is no loss"
# shellcheck disable=SC2016
check "… the table says it in words" sh -c 'ip netns exec "$1" "$2" probe --root "$3" --pod busybox --report -c 15 "$4" |
	grep "172.31.1.2 .*answers seldom; later hops lose less"' - "$LAB_PREFIX-node1" "$CNITRACE" "$LAB_DIR/node1" "$far"
in_netns r1 nft delete table ip loss

# r1 loses a third of what passes: every hop behind it shows it.
in_netns r1 nft -f - <<-END
	table ip loss {
		chain forward {
			type filter hook forward priority 0
			ip daddr $far numgen inc mod 3 0 drop
		}
	}
END
probe --count 30 --interval 100ms "$far"
pod busybox ping -q -c 30 -i 0.05 -W 1 "$far" >"$WORK/ping" || true
in_netns r1 nft delete table ip loss
result "a router that loses: a third of the packets" '.loss_percent > 20 and .loss_percent < 47'
rows "… begins beyond this node" '[.[] | select(.loss_begins)] | length == 1 and .[0].loss_begins == "beyond this node"'
rows "… is marked at no router as harmless but those before it" 'all(.[] | select(.loss_not_passed_on); .ttl < 4)'
only_finding "… one finding: lost beyond, where all leave by eth0" no-reply '.where.device == "eth0" and .count >= 7 and .count <= 13'
lost=$(sed -nE 's/.* ([0-9.]+)% packet loss.*/\1/p' "$WORK/ping")
check "… ping says so, too: $lost %" awk -v p="$lost" 'BEGIN { exit !(p > 20 && p < 47) }'
check "… exit status 10" test "$TRACE_STATUS" -eq 10

# Refusals from beyond.
underlay ip route add unreachable 203.0.113.64/32
probe --count 4 --interval 50ms 203.0.113.64
underlay ip route del unreachable 203.0.113.64/32
only_finding "host unreachable, says the router" neighbour-failed '.facts.router == "192.168.1.1"'
probe --count 4 --interval 50ms 198.51.100.99
only_finding "no route, says a router four hops away" no-route '.facts.router == "172.31.2.2" or .facts.router == "172.31.1.2"'
result "… its ICMP errors are counted, and are no answers" '.answered == 0 and .unreachable >= 1'
rows "… nor do they count as replies" 'all(.[]; .leg != "reply")'
probe --count 3 --interval 50ms --timeout 4s 10.244.2.200
only_finding "a pod address nobody has, on the other node" neighbour-failed '.facts.router == "10.244.2.0"'
rows "… whose node's ICMP errors, not translated on the way, are no replies either" 'length > 0 and all(.[]; .leg != "reply")'
in_netns r2 ip route add 198.51.100.99 via 172.31.2.1
probe --count 4 --interval 50ms 198.51.100.99
in_netns r2 ip route del 198.51.100.99
only_finding "a loop between two routers" ttl-exceeded
rows "… is looked through once, not sixteen times" \
	'[.[] | select(.leg == "beyond") | .router] == ["192.168.1.1", "172.31.1.2", "172.31.2.2", "172.31.1.2"]'
in_netns r1 nft -f - <<-END
	table ip no {
		chain forward {
			type filter hook forward priority 0
			ip daddr $far reject with icmp type admin-prohibited
		}
	}
END
probe --count 4 --interval 50ms "$far"
only_finding "prohibited, says a router" netfilter-reject '.facts.router == "172.31.1.2"'
trace_run node1 trace --pod default/busybox -- ping -q -c 2 -i 0.1 -W 1 "$far"
only_finding "… and trace says the same" netfilter-reject '.facts.router == "172.31.1.2"'
in_netns r1 nft delete table ip no

# An answer that comes from somebody else than was asked.
in_netns busybox nft -f - <<-'END'
	table ip other {
		chain prerouting {
			type filter hook prerouting priority -400
			icmp type echo-reply ip saddr set 10.244.2.99
		}
	}
END
probe --inside --count 2 "$(address_of web2)"
in_netns busybox nft delete table ip other
result "answered by another address: said" '.notes | any(.[]; .text == "answered by 10.244.2.99, which was not asked")'
probe --inside --count 2 "$(address_of web2)"
result "… and only then" '.notes == [] and .answered == 2'

# Times: half a second apart, both within what the machine's noise allows. ping's own rounding is a microsecond.
probe --count 20 --interval 50ms "$far"
pod busybox ping -q -c 20 -i 0.05 "$far" >"$WORK/ping"
ours=$(jq -r 'select(.type == "probe") | .best_us' "$WORK/trace.json")
theirs=$(awk -F/ '/^rtt/ { split($4, n, " "); print $4 }' "$WORK/ping" | sed 's/.*= //')
# shellcheck disable=SC2016
check "the best time is ping's within noise: $ours µs here, $theirs ms there" \
	awk -v a="$ours" -v b="$theirs" 'BEGIN { b *= 1000; d = a - b; if (d < 0) d = -d; exit !(b > 0 && d < 150 + b / 2) }'
plan
