# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench.sh
# Nanoseconds per run as the kernel counts them (kernel.bpf_stats_enabled) under real traffic in a
# namespace of its own: tc programs beside an empty one on the same device, drop programs beside an
# empty one, and bpftrace's one-liner, on the same tracepoint.

BURST=200000

programs_begin() {
	stats_before=$(sysctl -n kernel.bpf_stats_enabled)
	sysctl -qw kernel.bpf_stats_enabled=1
	ip netns add "$NS" && ip netns add "$NS-2"
	ip -n "$NS" link add veth0 type veth peer name eth0 netns "$NS-2"
	ip -n "$NS" address add 192.0.2.1/24 dev veth0
	ip -n "$NS-2" address add 192.0.2.2/24 dev eth0
	ip -n "$NS" link set veth0 up && ip -n "$NS-2" link set eth0 up && ip -n "$NS" link set lo up
	rm -f "$WORK/hold" && mkfifo "$WORK/hold"
	ip netns exec "$NS" "$BUILD/scripts/bench/empty" veth0 <"$WORK/hold" >"$WORK/empty" &
	empty_pid=$!
	exec 6>"$WORK/hold"
	wait_for "$WORK/empty" ready
}

programs_end() {
	[[ -n ${stats_before:-} ]] || return 0
	exec 6>&- || true
	wait "$empty_pid" 2>/dev/null || true
	sysctl -qw "kernel.bpf_stats_enabled=$stats_before"
	stats_before=
	ip netns del "$NS" && ip netns del "$NS-2"
}

# program_stats NAME: "RUN_TIME RUN_COUNT" of a program that one of our processes holds. Others on
# this machine may have programs of the same name.
program_stats() {
	local ids
	ids=$(cat /proc/"$empty_pid"/fdinfo/* /proc/"${tool_pid:-$empty_pid}"/fdinfo/* 2>/dev/null |
		awk '$1 == "prog_id:" { print $2 }' | sort -u | jq -s .)
	bpftool -j prog show | jq -r --arg name "${1:0:15}" --argjson ids "$ids" '
		[.[] | select(.name[:15] == $name and (.id as $id | $ids | index($id)))] | last |
		"\(.run_time_ns // 0) \(.run_cnt // 0)"'
}

# program_cost SAMPLE PROGRAM [SAMPLE PROGRAM…] -- COMMAND…: ns per run of each while COMMAND runs
program_cost() {
	local names=() before=() i a b c d
	while [[ $1 != -- ]]; do
		names+=("$1" "$2")
		before+=("$(program_stats "$2")")
		shift 2
	done
	shift
	"$@" >/dev/null
	for ((i = 0; i < ${#names[@]}; i += 2)); do
		read -r a b <<<"$(program_stats "${names[i + 1]}")"
		read -r c d <<<"${before[i / 2]}"
		((b > d)) || { note "${names[i]}: ${names[i + 1]} did not run" && continue; }
		sample "${names[i]}" "$(awk -v t=$((a - c)) -v n=$((b - d)) 'BEGIN { printf "%.1f", t / n }')"
	done
}

# tool_begin ARGUMENTS…: the tool in the namespace, attached
tool_begin() {
	: >"$WORK/tool"
	ip netns exec "$NS" "$CNITRACE" "$@" >"$WORK/tool" 2>"$WORK/tool.err" &
	tool_pid=$!
	wait_for "$WORK/tool" '"type":"start"\|"type": "start"'
}

tool_end() {
	kill -INT "$tool_pid" 2>/dev/null || true
	wait "$tool_pid" 2>/dev/null || true
}

arriving() { ip netns exec "$NS-2" "$BUILD/scripts/bench/burst" 192.0.2.1 9 "${1:-$BURST}"; }
dropped() { ip netns exec "$NS" "$BUILD/scripts/bench/burst" 127.0.0.1 9 "${1:-$BURST}"; }

programs_round() {
	if tool_begin trace --json --root "$WORK/root" 'host 198.51.100.1'; then
		program_cost tc.empty bench_empty_tc tc.miss cnitrace_in -- arriving
		program_cost drop.empty bench_empty_tp drop.trace_miss cnitrace_drop -- dropped
	fi
	tool_end
	if tool_begin trace --json --root "$WORK/root" 'udp port 9'; then
		program_cost tc.record cnitrace_in drop.trace cnitrace_drop -- arriving 20000
	fi
	tool_end
	if "$CNITRACE" monitor --help >/dev/null 2>&1 && tool_begin monitor --json --root "$WORK/root"; then
		program_cost drop.empty bench_empty_tp drop.monitor "$(held_program)" -- dropped
		tool_end
	fi
}

# The name of the last program the tool loaded: which one depends on the kernel.
held_program() {
	local id
	id=$(cat /proc/"$tool_pid"/fdinfo/* | awk '$1 == "prog_id:" { id = $2 } END { print id }')
	bpftool -j prog show id "$id" | jq -r .name
}

bpftrace_run() {
	command -v bpftrace >/dev/null || { note "bpftrace is not installed" && return; }
	cc -shared -fPIC -D_GNU_SOURCE -o "$WORK/memlock.so" "$here/bench/memlock.c" -ldl
	LD_PRELOAD=$WORK/memlock.so bpftrace -e 'tracepoint:skb:kfree_skb { @[args->reason] = count(); }' >"$WORK/bpftrace" 2>&1 &
	tool_pid=$!
	if wait_for "$WORK/bpftrace" Attaching && sleep 0.5 && kill -0 "$tool_pid" 2>/dev/null; then
		program_cost drop.bpftrace "$(held_program)" -- dropped
	else
		note "bpftrace does not run here: $(grep -m 2 ERROR "$WORK/bpftrace" | tr '\n' ' ')"
	fi
	tool_end
}

programs_run() {
	mkdir -p "$WORK/root"
	programs_begin
	for ((round = 0; round < rounds; round++)); do programs_round; done
	bpftrace_run
	programs_end
}
