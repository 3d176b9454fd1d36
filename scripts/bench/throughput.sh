# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set by bench.sh, and read by it
# TCP and UDP from a pod to one on the other node of the lab, veth -> cni0 -> flannel.1: untraced,
# traced, beside tcpdump. Somebody takes what arrives, so that no packet is a drop. The four ways take turns, so that a slow minute hits all of them.

in_pod() { ip netns exec "$LAB-busybox" "$@"; }

throughput_measure() {
	local way=$1 value
	value=$(in_pod iperf3 -c "$remote" -t "$seconds" -J 2>/dev/null | jq '.end.sum_received.bits_per_second / 1e6') || value=
	[[ -z $value ]] || sample "tcp.$way" "$value"
	value=$(in_pod "$BUILD/scripts/bench/burst" "$remote" 9 $((seconds * 50000)))
	sample "udp.$way" "$value"
}

traced() {
	local way=$1
	shift
	ip netns exec "$LAB-node1" "$CNITRACE" trace --json --root "/run/cnitrace-lab/$LAB/node1" "$@" >"$WORK/tool" 2>"$WORK/tool.err" &
	tool_pid=$!
	if wait_for "$WORK/tool" '"start"'; then throughput_measure "$way"; else note "$way: $(head -1 "$WORK/tool.err")"; fi
	tool_end
	: >"$WORK/tool"
}

throughput_round() {
	local pid
	throughput_measure untraced
	traced miss 'host 192.0.2.1'
	traced all
	ip netns exec "$LAB-node1" tcpdump -i any -s 96 -w /dev/null 2>"$WORK/tcpdump" &
	pid=$!
	wait_for "$WORK/tcpdump" listening || true
	throughput_measure tcpdump
	kill -INT "$pid" && wait "$pid" || true
}

throughput_run() {
	local server sink
	command -v iperf3 >/dev/null || { note "iperf3 is not installed" && return; }
	"$here/lab.sh" --prefix "$LAB" up >/dev/null
	remote=$("$here/lab.sh" --prefix "$LAB" status | sed -n 's/^pod_web2_address=//p')
	ip netns exec "$LAB-web2" iperf3 -s >/dev/null 2>&1 &
	server=$!
	ip netns exec "$LAB-web2" "$BUILD/scripts/bench/burst" -l 9 >"$WORK/sink" &
	sink=$!
	wait_for "$WORK/sink" . || note "nothing takes the datagrams: each is a drop"
	sleep 0.3
	for ((round = 0; round < rounds; round++)); do throughput_round; done
	kill "$server" "$sink" && wait "$server" "$sink" || true
	"$here/lab.sh" --prefix "$LAB" down >/dev/null
}
