# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench.sh
# Where the first record is lost: a trace that matches all of a stream of small packets, at higher and higher rates, until
# its summary says that not everything was recorded. Two devices see each packet, so it makes two records, of which
# journeys and flows are made; only what vanished is printed.

RING_RATES=${RING_RATES:-10000 20000 40000 60000 80000 100000 150000 200000 0}

ring_begin() {
	ip netns add "$NS" && ip netns add "$NS-2" && ip netns add "$NS-3"
	ip -n "$NS" link add veth0 type veth peer name eth0 netns "$NS-2"
	ip -n "$NS" link add veth1 type veth peer name eth0 netns "$NS-3"
	ip -n "$NS" link add br0 type bridge
	ip -n "$NS" link set veth0 master br0 up && ip -n "$NS" link set veth1 master br0 up && ip -n "$NS" link set br0 up
	ip -n "$NS-2" address add 192.0.2.2/24 dev eth0 && ip -n "$NS-3" address add 192.0.2.3/24 dev eth0
	ip -n "$NS-2" link set eth0 up && ip -n "$NS-3" link set eth0 up
	ip netns exec "$NS-3" "$BUILD/scripts/bench/burst" -l 9 >"$WORK/sink" 2>&1 &
	sink_pid=$!
	wait_for "$WORK/sink" listening
	ip netns exec "$NS-2" ping -q -c 1 -w 5 192.0.2.3 >/dev/null || note "ring: the bridge does not forward"
}

ring_end() {
	kill "$sink_pid" 2>/dev/null && wait "$sink_pid" 2>/dev/null || true
	ip netns del "$NS-3" && ip netns del "$NS-2" && ip netns del "$NS"
}

# ring_measure RATE: "RECORDS-A-SECOND RECORDED LOST" of a trace at so many packets a second, 0: as many as one core sends.
ring_measure() {
	local rate=$1 begin took
	tool_begin trace --json --verdict vanished --root "$WORK/root" 'udp port 9' || return 1
	begin=$(now_us)
	ip netns exec "$NS-2" "$BUILD/scripts/bench/burst" 192.0.2.3 9 $(((rate ? rate : 200000) * seconds)) "$rate" >/dev/null
	took=$(($(now_us) - begin))
	tool_end
	tail -1 "$WORK/tool" | jq -r --argjson us "$took" '.records | "\((.recorded + .lost) * 1e6 / $us | round) \(.recorded) \(.lost)"'
}

ring_round() {
	local rate records recorded lost
	for rate in $RING_RATES; do
		read -r records recorded lost < <(ring_measure "$rate") || { note "ring: $(head -1 "$WORK/tool.err")" && return; }
		if ((lost)); then
			sample ring.first_lost "$records"
			sample ring.share "$(awk -v n="$recorded" -v lost="$lost" 'BEGIN { printf "%.3f", n / (n + lost) }')"
			return
		fi
		best=$records
	done
	note "ring: no record lost up to $best a second, all that one core can send here"
}

ring_run() {
	local best=0
	mkdir -p "$WORK/root"
	ring_begin
	for ((round = 0; round < rounds; round++)); do
		best=0
		ring_round
		((!best)) || sample ring.none_lost "$best"
	done
	ring_end
}
