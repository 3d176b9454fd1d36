# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench.sh
# Start to the `start` line, interrupt to exit, and memory, by number of devices.

now_us() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
elapsed_ms() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", (b - a) / 1000 }'; }
status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }

# A namespace with $1 veth devices (each with its peer in another, as pods have it).
devices_make() {
	local i
	ip netns add "$NS" && ip netns add "$NS-2"
	for ((i = 0; i < $1; i++)); do
		echo "link add veth$i type veth peer name eth$i netns $NS-2"
		echo "link set veth$i up"
	done | ip -n "$NS" -batch -
}

devices_remove() { ip netns del "$NS" && ip netns del "$NS-2"; }

# The ring is the user's choice and no part of the figures: a small one.
start_once() {
	local count=$1 begin line pid
	rm -f "$WORK/fifo" && mkfifo "$WORK/fifo"
	begin=$(now_us)
	ip netns exec "$NS" "$CNITRACE" trace --json --ring 65536 --root "$WORK/root" 'host 192.0.2.1' >"$WORK/fifo" 2>"$WORK/start.err" &
	pid=$!
	exec 5<"$WORK/fifo"
	read -r line <&5 || { note "start with $count devices: $(head -1 "$WORK/start.err")" && return; }
	sample "start.$count" "$(elapsed_ms "$begin" "$(now_us)")"
	(($(jq '.devices | length' <<<"$line") >= count)) || note "start with $count devices: not all in the start line"
	sample "memory.$count" "$(status_of "$pid" VmRSS)"
	sample "peak.$count" "$(status_of "$pid" VmHWM)"
	begin=$(now_us)
	kill -INT "$pid"
	wait "$pid" || true
	sample "stop.$count" "$(elapsed_ms "$begin" "$(now_us)")"
	exec 5<&-
	sleep "$(awk -v n="$count" 'BEGIN { print n * 0.025 }')" # the kernel still lets go of the links
}

tcpdump_memory() {
	local pid
	command -v tcpdump >/dev/null || { note "memory: tcpdump is not installed" && return; }
	ip netns exec "$NS" tcpdump -Z root -i any -w /dev/null host 192.0.2.1 2>"$WORK/tcpdump" &
	pid=$!
	if ! wait_for "$WORK/tcpdump" listening || [[ ! -e /proc/$pid ]]; then
		note "memory: tcpdump did not start: $(head -1 "$WORK/tcpdump")" && return
	fi
	sample memory.tcpdump "$(status_of "$pid" VmRSS)"
	sample peak.tcpdump "$(status_of "$pid" VmHWM)"
	kill -TERM "$pid" # a shell's background commands ignore INT until they say otherwise
	wait "$pid" || true
}

start_run() {
	local count begin
	mkdir -p "$WORK/root"
	for count in $devices; do
		devices_make "$count"
		for ((round = 0; round < rounds; round++)); do
			begin=$(now_us)
			ip netns exec "$NS" true
			sample start.true "$(elapsed_ms "$begin" "$(now_us)")"
			start_once "$count"
		done
		tcpdump_memory
		devices_remove
	done
}
