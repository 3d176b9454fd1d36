#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The slab gives an skb's address away again within microseconds, mostly to the next packet of the same sender. Packets
# that are alike to the last bit, a million of them through one slab: none is taken for another.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

lab_start --ipv6
node=$LAB_PREFIX-node1
web=$(address_of web)
BURST=$(dirname "$CNITRACE")/scripts/bench/burst
make -s -C "$TESTS_DIR/../.." BUILD="$(dirname "$CNITRACE")" "$BURST" >"$WORK/make" 2>&1 ||
	{ not_ok "the sender builds" "$WORK/make" && plan && exit 1; }
ip netns exec "$LAB_PREFIX-web" "$BURST" -l 4001 4002 >"$WORK/listens" 2>&1 &
sink=$!
wait_until 500 grep -qs listening "$WORK/listens"

# count FILTER COMMAND…: traces while COMMAND runs in the pod. $WORK/journeys: "IN OUT VERDICT PORT COUNT", a line for
# each kind of journey by its sightings; $WORK/trace.json: the last line only, for there are too many.
count() {
	local filter=$1
	shift
	TRACE_STATUS=0
	ip netns exec "$node" "$CNITRACE" trace --json --ring 67108864 --root "$LAB_DIR/node1" --pod default/busybox "$filter" -- "$@" \
		2>"$WORK/trace.err" </dev/null | awk -v summary="$WORK/trace.json" '
		/^{"type":"journey"/ {
			match($0, /"verdict":{"kind":"[a-z-]+/); verdict = substr($0, RSTART + 19, RLENGTH - 19)
			match($0, /"dport":[0-9]+/); port = substr($0, RSTART + 8, RLENGTH - 8)
			n[gsub(/"direction":"in"/, "") " " gsub(/"direction":"out"/, "") " " verdict " " port]++
		}
		/^{"type":"summary"/ { print >summary }
		END { for (kind in n) print kind, n[kind] }' >"$WORK/journeys" || TRACE_STATUS=$?
}
complete() { trace_has '.[-1].complete == true'; }

# all_are TEXT IN-OUT-VERDICT-PORT COUNT: only such journeys and, when no record was lost, so many.
all_are() {
	local text=$1 kind=$2 number=$3 others
	others=$(grep -v "^$kind " "$WORK/journeys" || true)
	# where records were lost a journey may lack a sighting; two packets made one would have one twice
	complete || others=$(awk '$1 > 1 || $2 > 1' <<<"$others")
	check "$text: each journey is one packet's" test -z "$others"
	cat "$WORK/journeys" "$WORK/trace.err" >"$WORK/check"
	if ! complete; then
		skip "$text: none is missing" "records were lost: the machine is busy"
	elif (($(awk -v kind="$kind" 'index($0, kind " ") == 1 { print $NF }' "$WORK/journeys") == number)); then
		ok "$text: none is missing"
	else
		not_ok "$text: none is missing of $number" "$WORK/check"
	fi
}

MILLION=${MILLION:-1000000}
count "udp dst port 4001" "$BURST" -a -i 7 "$web" 4001 "$MILLION" 25000
all_are "a million packets of one identification" "1 1 delivered 4001" "$MILLION"
count "udp dst port 4001" "$BURST" -a "$(pod_var web address6)" 4001 $((MILLION / 10)) 25000
all_are "a hundred thousand packets without identification (IPv6)" "1 1 delivered 4001" $((MILLION / 10))

# Every tenth is dropped where it has not left its pod yet: that is not the end of the one before it.
ip netns exec "$LAB_PREFIX-busybox" "$IPT" -A OUTPUT -p udp --dport 4001 -m statistic --mode nth --every 10 --packet 0 -j DROP
count "udp dst port 4001" "$BURST" -a -i 7 "$web" 4001 $((MILLION / 20)) 10000
dropped=$(awk '$3 == "dropped"' "$WORK/journeys")
check "what is dropped before it left its pod was seen nowhere" test "$dropped" == "0 0 dropped 4001 ${dropped##* }"
sed -i '/ dropped /d' "$WORK/journeys"
all_are "… and is no other's end" "1 1 delivered 4001" $((MILLION / 20 - MILLION / 200))
ip netns exec "$LAB_PREFIX-busybox" "$IPT" -F OUTPUT

# The same packets to another port, from another pod and from the node itself, on the same CPU: not asked for.
others=()
for from in "$LAB_PREFIX-coredns" "$node" "$LAB_PREFIX-busybox"; do
	taskset -c 0 ip netns exec "$from" "$BURST" -a -i 7 "$web" 4002 $((MILLION / 10)) 20000 >/dev/null &
	others+=("$!")
done
count "udp dst port 4001" taskset -c 0 "$BURST" -a -i 7 "$web" 4001 $((MILLION / 10)) 20000
wait "${others[@]}"
all_are "other senders' packets at the same addresses" "1 1 delivered 4001" $((MILLION / 10))
kill "$sink" 2>/dev/null || true
plan
