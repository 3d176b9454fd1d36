#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What the monitor holds is bounded, and exact within the bounds: a flood of a million drops by a rule, one of millions a
# second, more kinds of drops than there is room for, namespaces that come and go.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
BURST=$(dirname "$CNITRACE")/scripts/bench/burst DROPS=$(dirname "$CNITRACE")/scripts/bench/drops
make -s -C "$TESTS_DIR/../.." BUILD="$(dirname "$CNITRACE")" "$BURST" "$DROPS" >"$WORK/make" 2>&1 ||
	{ not_ok "the floods' programs build" "$WORK/make" && plan && exit 1; }
resident() { awk '/^VmRSS/ {print $2}' "/proc/$TRACE_PID/status"; }
files() { find "/proc/$TRACE_PID/fd" -mindepth 1 | wc -l; }
# shellcheck disable=SC2016
summary_is() { tail -1 "$WORK/trace.json" && trace_has ".[-1] | $1"; }

# A million drops by one rule, from both CPUs, as fast as they go.
FLOOD=500000
rule node1 -I OUTPUT 1 -p udp --dport 7777 -j DROP
trace_begin node1 monitor --interval 500ms || { plan && exit 1; }
begin=${EPOCHREALTIME/[.,]/}
node1 "$BURST" 127.0.0.1 7777 "$FLOOD" >/dev/null &
flood=$!
node1 "$BURST" 127.0.0.1 7777 "$FLOOD" >/dev/null
wait "$flood"
took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
trace_end
dropped=$(node1 "$IPT" -nvxL OUTPUT | awk '/dpt:7777/ { print $1 }')
check "the rule dropped a million packets (in $took ms)" test "$dropped" -eq $((2 * FLOOD))
counted=$(jq -s '[.[] | select(.type == "drops" and .reason == "NETFILTER_DROP") | .packets] | add // 0' "$WORK/trace.json")
check "the lines tell of each of them" test "$counted" -eq "$dropped"
# Whatever else was dropped in the node stands in lines of its own. The kernel runs no program on top of itself: what an interrupt
# drops (of any lab on the machine) while the program runs on that CPU is missed, and said to be, by the kernel's own count.
others=$(jq -s '[.[] | select(.type == "drops" and .class == "fault" and .reason != "NETFILTER_DROP") | .packets] | add // 0' "$WORK/trace.json")
check "and so does the summary" summary_is ".drops.fault == $dropped + $others and .drops.lost.overflow == 0"
summary_adds_up() { summary_is '.records.seen == .drops.fault + .drops.benign + .drops.elsewhere + .records.filtered + .records.lost
	and .records.lost == .drops.lost.overflow + .drops.lost.missed and .complete == (.records.lost == 0 and .drops.lost.samples == 0)'; }
check "it adds up, and is complete unless it says what was missed" summary_adds_up
check "the finding's count is exact" trace_has "any(.[]; .type == \"finding\" and .id == \"netfilter-drop\" and .count == $dropped)"

# Millions a second, with nothing in the way: clones of one packet for a device that is down, which the kernel itself counts.
rx_dropped() { ip -n "$LAB_PREFIX-node1" -s -j link show down0 | jq '.[0].stats64.rx.dropped'; }
down_lines() { jq -s '[.[] | select(.type == "drops" and .device == "lo" and .proto == "UDP" and (.function | test("forward|redirect"))) | .packets] | add // 0' "$WORK/trace.json"; }
node1 ip link add down0 type veth peer name down1
trace_begin node1 monitor --interval 500ms && {
	before=$(rx_dropped)
	read -r made rate < <(node1 "$DROPS" -t 2 down0 4000000)
	dropped=$(($(rx_dropped) - before))
	trace_end
	counted=$(down_lines)
	check "the kernel dropped each packet of a flood (of $rate a second)" test "$dropped" -eq "$made"
	check "the lines tell of each ($counted of $dropped)" test "$counted" -eq "$dropped"
	check "its summary adds up" summary_adds_up
}

# More kinds than there is room for: what has no row is counted. 24 devices, 16 kinds of packets each.
kinds() { node1 python3 "$TESTS_DIR/noise.py" kinds 24; }
for ((i = 0; i < 24; i++)); do printf 'link add kind%s type bridge\nlink set kind%s up\n' "$i" "$i"; done | node1 ip -batch -
rule node1 -t mangle -I POSTROUTING 1 -o kind+ -j DROP
trace_begin node1 monitor --interval 500ms --rows 16 && {
	kinds
	sleep 1
	trace_end
	dropped=$(node1 "$IPT" -t mangle -nvxL POSTROUTING | awk '/kind\+/ { print $1 }')
	check "there were kinds without a row" summary_is '.drops.lost.overflow > 0'
	check "each packet has a row or is said to have none" summary_is ".drops.fault + .drops.benign + .drops.lost.overflow >= $dropped and $dropped >= 384"
	check "totals stay whole" summary_is '.records | .seen == .recorded + .filtered + .lost'
	check "and are not called complete" summary_is '.complete == false'
	check "the intervals say so" trace_has 'any(.[]; .type == "interval" and .lost.overflow > 0)'
}

# Namespaces that come and go.
churn_one() {
	local name=$LAB_PREFIX-c$1
	ip netns add "$name"
	ip -n "$LAB_PREFIX-node1" link add "churn$1" type veth peer name eth0 netns "$name"
	ip -n "$name" link set lo up
	ip -n "$name" link set eth0 up
	ip -n "$LAB_PREFIX-node1" link set "churn$1" up
	sleep 1.5
	ip netns exec "$name" python3 "$TESTS_DIR/noise.py" datagrams 127.0.0.1 4444 3
	sleep 1
	ip netns del "$name"
}
for ((i = 0; i < 80; i++)); do printf '%s\n' "$LAB_PREFIX-c$i" >>"$LAB_DIR/netns"; done
churn() {
	local i
	for ((i = $1; i < $1 + 8; i++)); do churn_one "$i" >/dev/null 2>&1 & CHURNING+=($!); done
	wait "${CHURNING[@]}" || true
	CHURNING=()
}
CHURNING=()
trace_begin node1 monitor --interval 1s && {
	churn 0 && churn 8
	before=$(resident) files_before=$(files)
	for ((round = 16; round < 80; round += 8)); do churn "$round"; done
	sleep 2
	grown=$(($(resident) - before)) files_after=$(files)
	trace_end
	check "memory stays where it was ($grown KiB more after 64 namespaces)" test "$grown" -lt 2048
	check "and so do open files" test "$files_after" -le "$files_before"
	for ((i = 0; i < 80; i++)); do
		trace_has "[.[] | select(.type == \"drops\" and .netns_name == \"$LAB_PREFIX-c$i\" and .proto == \"UDP\") | .packets] | add == 3" ||
			echo "c$i"
	done >"$WORK/missing"
	[[ ! -s $WORK/missing ]] || jq -c 'select(.type == "drops" and .proto == "UDP" and (.packets != 3 or (.netns_name // "" | test("-c[0-9]+$") | not)))
		| [.netns, .netns_name, .device, .reason, .class, .packets]' "$WORK/trace.json" | sort | uniq -c >>"$WORK/missing"
	if [[ -s $WORK/missing ]]; then not_ok "every namespace has its own drops, by name" "$WORK/missing"; else
		ok "every namespace has its own drops, by name, also after its end"
	fi
}
plan
